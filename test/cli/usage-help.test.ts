import assert from 'node:assert/strict'
import { test } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import { createUsageCommand } from '../../src/cli/usage.ts'
import { FORMATS, OUTCOMES, readQuery } from '../../src/cli/usage-flags.ts'
import type { RawFlags } from '../../src/cli/usage-flags.ts'
import { USAGE_HELP } from '../../src/cli/usage-help.ts'
import { METRICS } from '../../src/cli/usage-metrics.ts'
import { GROUP_KEYS } from '../../src/usage/report.ts'
import { parseMoment } from '../../src/usage/window.ts'
import { resolveZone } from '../../src/usage/zone.ts'
import { run } from './fake-world.ts'
import { NOW, run as runUsage } from './usage-run.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only its options are looked at
const COMMAND = createUsageCommand({ flags: { verbose: 0 } } as never)

test('the help has examples first, names every flag and fits 80 columns', async () => {
  const { stdout, code } = await run(['usage', '--help'])
  assert.equal(code, 0)
  assert.equal(stdout, USAGE_HELP)
  assert.equal((await run(['help', 'usage'])).stdout, USAGE_HELP)
  for (const line of USAGE_HELP.split('\n')) assert.ok(displayWidth(line) <= 80, line)
  const firstExample = USAGE_HELP.indexOf('\n  aiproxy usage --since today\n')
  assert.ok(firstExample > 0 && firstExample < USAGE_HELP.indexOf('--since <time>'))
  for (const option of COMMAND.options) {
    for (const name of [option.long, option.short]) {
      if (name !== undefined && name !== null) {
        assert.match(USAGE_HELP, new RegExp(`[ (]${name}\\b`), name)
      }
    }
  }
})

test('the help names every group, outcome, format and column', () => {
  for (const name of [...GROUP_KEYS, ...OUTCOMES, ...FORMATS]) {
    assert.match(USAGE_HELP, new RegExp(`\\b${name}\\b`), name)
  }
  for (const { header } of METRICS) {
    if (header !== 'TOTAL') assert.match(USAGE_HELP, new RegExp(`\\b${header}\\b`), header)
  }
})

test('every example of the help is a valid command line', () => {
  const [before = ''] = USAGE_HELP.split('\nUsage\n')
  const examples = before.split('\n').filter((line) => line.startsWith('  aiproxy usage '))
  assert.ok(examples.length >= 5)
  for (const example of examples) {
    const [line = ''] = example.split(' | ')
    const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only its options are looked at
    const command = createUsageCommand({ flags: { verbose: 0 } } as never)
    const { unknown, operands } = command.parseOptions(words.slice(2))
    assert.deepEqual([unknown, operands], [[], []], example)
    const query = readQuery(command.opts<RawFlags>(), { verbose: 0 })
    for (const text of [query.since, query.until]) {
      if (text !== undefined) {
        parseMoment(text, { now: NOW, zone: resolveZone('UTC'), edge: 'since' })
      }
    }
  }
})

test('every time of the help is one', () => {
  const times = USAGE_HELP.slice(USAGE_HELP.indexOf('\nTimes'), USAGE_HELP.indexOf('\nColumns'))
  const words =
    'now|today|yesterday|this week|last month|this year|last-week|monday|last monday|30s|15m|24h|7d|2w|' +
    '3mo|1h30m|2026-11-01|20261101|2026-11|2026-11-01T09:30|09:30|@1764000000'
  for (const word of words.split('|')) {
    assert.ok(times.includes(word), word)
    parseMoment(word, { now: NOW, zone: resolveZone('UTC'), edge: 'since' })
  }
})

test('every format parses, with rows, without any, and without a log', async (t) => {
  const log = `{"ts":"2026-11-22T12:00:00.000Z","user":"a","model":"m"}\n`
  for (const options of [{ log }, { log: '' }, {}]) {
    for (const format of FORMATS) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout, exitCode } = await runUsage(t, ['--format', format], options)
      assert.equal(exitCode, 0)
      const lines = stdout === '' ? [] : stdout.trimEnd().split('\n')
      if (format === 'json') assert.equal(JSON.parse(stdout).schema, 'aiproxy.usage/1')
      if (format === 'jsonl') for (const line of lines) JSON.parse(line)
      if (format === 'csv') for (const line of lines) assert.equal(line.split(',').length, 15)
      if (format === 'tsv') for (const line of lines) assert.equal(line.split('\t').length, 15)
      if (format === 'md') assert.match(lines.at(-1) ?? '', /^\| TOTAL \|/)
      if (format === 'table') assert.ok(lines.length > 0)
    }
  }
})

test('a failure under --json is nothing on stdout and one JSON object on stderr', async () => {
  for (const args of [
    ['--since', 'yestrday'],
    ['--log', '/nowhere/usage.jsonl'],
    ['--reconcile', '/nowhere/export.csv'],
    ['--follow', '--log', '/nowhere/usage.jsonl'],
    ['--sort', 'cots'],
    ['--tz', 'Mars/Olympus'],
    ['--top', 'ten'],
    ['--bogus'],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { code, stdout, stderr } = await run(['usage', '--json', ...args])
    assert.equal(stdout, '')
    assert.equal(code, 2)
    const { error, exitCode } = JSON.parse(stderr)
    assert.equal(error.code, 'usage_wrong')
    assert.equal(exitCode, 2)
  }
})
