import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { displayWidth } from '../../src/cli/table.ts'
import { run } from './usage-run.ts'
import type { RunOptions } from './usage-run.ts'

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/usage/${name}`, import.meta.url))
}

const LOG = readFileSync(fixture('reconcile.jsonl'), 'utf8')
const OPENAI = ['--reconcile', fixture('openai-completions-usage.csv')]
const OPENAI_COSTS = ['--reconcile', fixture('openai-costs.csv')]
const ANTHROPIC = ['--reconcile', fixture('anthropic-usage.csv')]

interface Figures {
  readonly requests?: number
  readonly input?: number
  readonly costUsd?: number | null
}
interface ReconcileJson {
  readonly schema: string
  readonly window: unknown
  readonly exports: readonly { readonly vendor: string; readonly kind: string }[]
  readonly rows: readonly {
    readonly day: string
    readonly models: readonly string[] | null
    readonly logModels: readonly string[]
    readonly match: string
    readonly agrees: boolean
    readonly provider: Figures
    readonly log: Figures
    readonly difference: Figures
  }[]
  readonly totals: { readonly difference: Figures }
  readonly agrees: boolean
  readonly mockRequestsLeftOut: number
}

test('what differs is shown below the day and the model, the rest is counted', async (t) => {
  const ran = await run(t, OPENAI, { log: LOG, terminal: 80 })
  assert.equal(
    ran.stdout,
    `Reconcile · OpenAI usage · Fri 20 Nov 2026 → Sun 22 Nov 2026 (UTC days)

                PROVIDER    LOG    DIFF        %
────────────────────────────────────────────────
2026-11-22  gpt-5-2025-08-07 (gpt-5)
  requests             3      2      +1   +33.3%
  input            2,600  2,000    +600   +23.1%
  output             260    200     +60   +23.1%
2026-11-22  o3-2025-04-16  only with OpenAI
  requests             5      –      +5  +100.0%
  input            4,321      –  +4,321  +100.0%
  output           1,234      –  +1,234  +100.0%
────────────────────────────────────────────────
TOTAL requests        11      5      +6   +54.5%
TOTAL input        9,921  5,000  +4,921   +49.6%
TOTAL cached       1,000  1,000       0       0%
TOTAL output       1,794    500  +1,294   +72.1%
`,
  )
  assert.equal(
    ran.stderr,
    `
1 of 3 rows agree: --wide shows them
note: the log has only an estimate of 1 request
note: 1 mocked request left out
note: the last days may not be complete, providers report late
`,
  )
  assert.equal(ran.exitCode, 0)
})

test('--wide shows what agrees too; usage and costs stand side by side', async (t) => {
  const { stdout } = await run(t, [...OPENAI, ...OPENAI_COSTS, '--wide'], { log: LOG })
  assert.match(stdout, /2026-11-21 {2}gpt-5-2025-08-07 \(gpt-5\)\n {2}requests +3 +3 +0 +0%\n/)
  assert.match(stdout, / {2}cost +\$0\.005625 +\$0\.005625 +\$0\.00 +0%\n/)
  assert.match(stdout, /web search tool calls {2}only with OpenAI\n {2}cost +\$0\.03 +– +\+\$0\.03/)
  const without = await run(t, [...OPENAI, ...OPENAI_COSTS, '--wide', '--no-cost'], { log: LOG })
  assert.ok(!/ cost |\$|web search/.test(without.stdout), without.stdout)
})

test('where everything agrees it says so', async (t) => {
  const args = [...ANTHROPIC, '--until', '2026-11-21']
  const ran = await run(t, args, { log: LOG, flags: { quiet: true } })
  assert.match(ran.stdout, /Sat 21 Nov 2026 \(UTC days\)\n\nEverything agrees: 1 day, 1 model\.\n$/)
  assert.equal(ran.stderr, '')
  assert.equal((await run(t, [...args, '--strict'], { log: LOG })).exitCode, 0)
})

test('--strict fails where something differs, and where a line cannot be read', async (t) => {
  assert.equal((await run(t, [...OPENAI, '--strict'], { log: LOG })).exitCode, 1)
  const torn = await run(t, [...ANTHROPIC, '--until', '2026-11-21', '--strict'], {
    log: `${LOG}nonsense\n`,
  })
  assert.equal(torn.exitCode, 1)
  assert.match(torn.stderr, /error: skipped 1 unreadable line/)
})

test('days are UTC days, whatever --tz says', async (t) => {
  const plain = await run(t, [...OPENAI, '--json'], { log: LOG })
  for (const zone of ['Pacific/Auckland', 'America/Los_Angeles']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { stdout } = await run(t, [...OPENAI, '--json', '--tz', zone], { log: LOG })
    assert.equal(stdout, plain.stdout)
  }
})

test('--json has every row, what each side says, and how they were put together', async (t) => {
  const { stdout } = await run(t, [...OPENAI, ...ANTHROPIC, '--json'], { log: LOG })
  const report: ReconcileJson = JSON.parse(stdout)
  assert.deepEqual(Object.keys(report), [
    'schema',
    'window',
    'exports',
    'rows',
    'totals',
    'agrees',
    'mockRequestsLeftOut',
    'source',
  ])
  assert.equal(report.schema, 'aiproxy.reconcile/1')
  assert.deepEqual(report.window, { firstDay: '2026-11-20', lastDay: '2026-11-22', tz: 'UTC' })
  assert.deepEqual(
    report.rows.map(({ day, models, logModels, match, agrees }) => [
      day.slice(-2),
      models?.join() ?? null,
      logModels.join(),
      match,
      agrees,
    ]),
    [
      ['21', 'claude-sonnet-4-20250514', 'claude-sonnet-4-20250514', 'exact', true],
      ['21', 'gpt-5-2025-08-07', 'gpt-5', 'dated', true],
      ['22', '', 'claude-3-5-haiku-20241022', 'log-only', false],
      ['22', 'claude-sonnet-4-20250514', 'claude-sonnet-4-20250514', 'exact', true],
      ['22', 'gpt-5-2025-08-07', 'gpt-5', 'dated', false],
      ['22', 'o3-2025-04-16', '', 'provider-only', false],
    ],
  )
  // What was refused, mocked, only counted, or answered by others was never billed by them.
  assert.equal(report.rows[1]?.log.requests, 3)
  assert.equal(report.mockRequestsLeftOut, 1)
  assert.equal(report.agrees, false)
  assert.equal(report.totals.difference.requests, 6)
})

test('every format is what it says it is, also where there is nothing', async (t) => {
  const empty = `${readFileSync(fixture('openai-completions-usage.csv'), 'utf8').split('\n')[0] ?? ''}\n`
  const cases: readonly (readonly [readonly string[], RunOptions])[] = [
    [OPENAI, { log: LOG }],
    [OPENAI, {}],
    [['--reconcile', '-empty.csv'], { log: LOG, files: { '-empty.csv': empty } }],
    [[...OPENAI, '--since', '2026-12-01'], { log: LOG }],
  ]
  for (const [args, options] of cases) {
    for (const format of ['json', 'jsonl', 'csv', 'tsv', 'md', 'table']) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout, exitCode } = await run(t, [...args, '--format', format], options)
      assert.equal(exitCode, 0)
      const lines = stdout.trimEnd().split('\n')
      if (format === 'json') assert.equal(JSON.parse(stdout).schema, 'aiproxy.reconcile/1')
      if (format === 'jsonl' && stdout !== '') for (const line of lines) JSON.parse(line)
      if (format === 'csv') for (const line of lines) assert.equal(line.split(',').length, 12)
      if (format === 'tsv') for (const line of lines) assert.equal(line.split('\t').length, 12)
      if (format === 'md' || format === 'table') assert.match(lines[0] ?? '', /^Reconcile · /)
    }
  }
})

test('-m narrows to a model by any of its names, and so the totals', async (t) => {
  for (const name of ['gpt-5', 'gpt-5-2025-*']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { stdout } = await run(t, [...OPENAI, '-m', name, '--json'], { log: LOG })
    const report: ReconcileJson = JSON.parse(stdout)
    assert.equal(report.rows.length, 2)
    assert.equal(report.totals.difference.requests, 1)
  }
})

test('--provider says whose export it is, where the name does not', async (t) => {
  const log = LOG.replaceAll('"provider":"openai"', '"provider":"eu"')
  const unknown: ReconcileJson = JSON.parse((await run(t, [...OPENAI, '--json'], { log })).stdout)
  assert.ok(unknown.rows.every(({ match }) => match === 'provider-only'))
  const args = [...OPENAI, '--provider', 'eu', '--json']
  const named: ReconcileJson = JSON.parse((await run(t, args, { log })).stdout)
  assert.deepEqual(
    named.rows.map(({ match }) => match),
    ['dated', 'dated', 'provider-only'],
  )
})

test('one file given twice counts once; two of one kind over the same days are pointed out', async (t) => {
  const twice = await run(t, [...OPENAI, ...OPENAI, '--json'], { log: LOG })
  const report: ReconcileJson = JSON.parse(twice.stdout)
  assert.equal(report.exports.length, 1)
  const copy = readFileSync(fixture('openai-completions-usage.csv'))
  const both = await run(t, [...OPENAI, '--reconcile', 'copy.csv'], {
    log: LOG,
    files: { 'copy.csv': copy.toString() },
  })
  assert.match(both.stderr, /copy\.csv both tell of 2026-11-21: their figures are added/)
})

test('what does not go together is refused', async (t) => {
  for (const others of [
    ['--by', 'user'],
    ['-u', 'user-a'],
    ['--outcome', 'ok'],
    ['--sort', 'cost'],
    ['--top', '3'],
    ['--follow'],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await assert.rejects(run(t, ['--reconcile', 'x.csv', ...others], { log: LOG }), {
      code: 'usage_wrong',
      hint: 'aiproxy usage --reconcile x.csv',
    })
  }
  await assert.rejects(run(t, ['--reconcile', 'nothing.csv'], { log: LOG }), {
    code: 'usage_wrong',
    message: 'There is no file nothing.csv.',
  })
})

test('hostile names in an export reach no terminal, and no line is wider than it', async (t) => {
  const name = `\u001b[2J\u202e${'very-long-'.repeat(20)}=cmd`
  const csv = `usage_date_utc,model,cost_usd\n2026-11-22,"${name}",5\n`
  for (const format of ['table', 'json', 'jsonl', 'csv', 'tsv', 'md']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const ran = await run(t, ['--reconcile', 'x.csv', '--format', format], {
      log: LOG,
      files: { 'x.csv': csv },
      terminal: 60,
    })
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(ran.stdout + ran.stderr, /[\p{Cf}\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u)
    if (format !== 'table') continue
    for (const line of ran.stdout.split('\n')) assert.ok(displayWidth(line) <= 60, line)
  }
})
