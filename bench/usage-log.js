/**
 * How fast `aiproxy usage` reads large logs, beside programs that read the same lines:
 *
 *   node bench/usage-log.js [--sizes 1,10,100,1000] [--rounds 5] [--ccusage <folder>]… [--json results.json]
 *
 * A log of each size (MB = 2^20 bytes) is written by the ledger's own renderer and read once, so that it
 * stands in the page cache; then each program runs to its end, in turn, round after round. Wall time is
 * taken around the process, start included; CPU time and peak memory are what GNU time says of it
 * (`%U %S %M`), where that is installed. Programs that take long run in fewer rounds, which the table says.
 *
 * ccusage reads the logs of Claude Code: it gets as many requests in their shape. It is measured where it
 * has been installed: `npm install --prefix <folder> ccusage`, then `--ccusage <folder>`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine, hasTool } from './machine.js'
import { AIPROXY } from './programs.js'
import { writeClaudeLogs, writeUsageLog } from './usage-log-writer.js'

const GNU_TIME = '/usr/bin/time'
// Whatever takes longer than this runs once more and no oftener.
const SLOW_MS = 10_000
const JQ_SUM = `reduce inputs as $r ({}; .["\\($r.user)\\t\\($r.model)"] |= {
  requests: (.requests + 1), prompt: (.prompt + $r.prompt_tokens), completion: (.completion + $r.completion_tokens)})`

/**
 * For each size: `requests`, `bytes`, and for each program the samples of its rounds, each
 * `{ wallMs, cpuMs, peakMegabytes }` (the last two `undefined` without GNU time). `ccusage` names folders
 * in which it is installed. Throws where a program fails.
 */
export function measureUsageLog({ sizes, rounds, directory, ccusage = [], onStep = () => {} }) {
  return sizes.map((megabytes) => {
    const path = join(directory, `usage-${megabytes}.jsonl`)
    onStep(`writing ${megabytes} MB`)
    const written = writeUsageLog(path, megabytes * 2 ** 20)
    const claude = join(directory, `claude-${megabytes}`)
    const claudeBytes = ccusage.length > 0 ? writeClaudeLogs(claude, written.requests) : undefined
    const programs = programsFor({ path, claude, ccusage, lastPercent: written.lastPercent })
    const samples = Object.fromEntries(programs.map(({ name }) => [name, []]))
    for (let round = -1; round < rounds; round += 1) {
      for (const program of programs) {
        const earlier = samples[program.name]
        if (round > 0 && earlier.some(({ wallMs }) => wallMs > SLOW_MS)) continue
        onStep(`${megabytes} MB, round ${round + 1} of ${rounds}: ${program.name}`)
        const sample = run(program, directory)
        // The first time only warms the page cache, unless it was dear.
        if (round >= 0 || sample.wallMs > SLOW_MS) earlier.push(sample)
      }
    }
    rmSync(path)
    rmSync(claude, { recursive: true, force: true })
    return { megabytes, requests: written.requests, bytes: written.bytes, claudeBytes, samples }
  })
}

/** The results as a Markdown table. */
export function renderUsageLog(results) {
  const rows = results.flatMap(({ megabytes, samples, requests, bytes, claudeBytes }) => {
    const wallOf = (name) => median(samples[name].map((sample) => sample.wallMs))
    return Object.entries(samples).map(([name, taken]) => {
      const wallMs = wallOf(name)
      const size = name.startsWith('ccusage') ? claudeBytes : bytes
      return [
        megabytes,
        name,
        (size / 2 ** 20).toFixed(0),
        (wallMs / 1000).toFixed(3),
        taken.length,
        (wallMs / wallOf('wc -l')).toFixed(1),
        (wallMs / wallOf('aiproxy usage')).toFixed(2),
        optional(median(taken.map(({ cpuMs }) => cpuMs)), (cpuMs) => (cpuMs / 1000).toFixed(2)),
        optional(median(taken.map(({ peakMegabytes }) => peakMegabytes)), (peak) =>
          peak.toFixed(0),
        ),
        ((wallMs * 1e6) / requests).toFixed(0),
      ]
    })
  })
  const header = [
    'log, MB',
    'program',
    'read, MB',
    'wall, s',
    'rounds',
    'to `wc -l`',
    'to `aiproxy usage`',
    'CPU, s',
    'peak RSS, MB',
    'ns per request',
  ]
  return [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
}

function programsFor({ path, claude, ccusage, lastPercent }) {
  const usage = [process.execPath, AIPROXY, 'usage', '-c', 'none', '--log', path, '--json']
  return [
    { name: 'wc -l', command: ['wc', '-l', path] },
    { name: 'cat', command: ['cat', path] },
    { name: 'aiproxy usage', command: usage },
    { name: 'aiproxy usage, last 1 %', command: [...usage, '--since', lastPercent] },
    ...(hasTool('jq') ? [{ name: 'jq', command: ['jq', '-n', JQ_SUM, path] }] : []),
    ...ccusage.map((folder) => ({
      ...findCcusage(folder),
      env: { CLAUDE_CONFIG_DIR: claude },
    })),
  ]
}

/** The program of an installed ccusage, and its version. Since 20 it is a native program, started by a script. */
function findCcusage(folder) {
  const home = join(resolve(folder), 'node_modules', 'ccusage')
  const { version, bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const script = join(home, typeof bin === 'string' ? bin : bin.ccusage)
  const command = [process.execPath, script]
  const asked = Number.parseInt(version, 10) >= 20 ? ['claude', 'daily'] : ['daily']
  return { name: `ccusage ${version}`, command: [...command, ...asked, '--offline', '--json'] }
}

function run({ name, command, env = {} }, directory) {
  const report = join(directory, 'time.txt')
  const measured = existsSync(GNU_TIME)
    ? [GNU_TIME, '-f', '%U %S %M', '-o', report, ...command]
    : command
  const startedMs = performance.now()
  const result = spawnSync(measured[0], measured.slice(1), {
    cwd: directory,
    // Nothing is kept of the output, but it goes through a pipe: to /dev/null `cat` and others copy nothing.
    stdio: ['ignore', name === 'cat' ? 'ignore' : 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
    env: { PATH: process.env.PATH, HOME: join(directory, 'nobody'), TZ: 'UTC', ...env },
  })
  const wallMs = performance.now() - startedMs
  if (result.status !== 0) {
    throw new Error(`${name} ended with ${result.status}: ${String(result.stderr).slice(0, 500)}`)
  }
  if (measured === command) return { wallMs }
  const [user, system, kilobytes] = readFileSync(report, 'utf8').trim().split(' ').map(Number)
  return { wallMs, cpuMs: (user + system) * 1000, peakMegabytes: kilobytes / 1024 }
}

function median(values) {
  const known = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  return known[Math.floor(known.length / 2)]
}

function optional(value, render) {
  return value === undefined ? '' : render(value)
}

function main() {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '1,10,100' },
      rounds: { type: 'string', default: '5' },
      ccusage: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-usage-log-'))
  try {
    mkdirSync(join(directory, 'nobody'))
    const results = measureUsageLog({
      sizes: values.sizes.split(',').map(Number),
      rounds: Number(values.rounds),
      directory,
      ccusage: values.ccusage,
      onStep: (step) => process.stderr.write(`${step}\n`),
    })
    console.log(`Measured on ${describeMachine()}; medians, page cache warm.\n`)
    console.log(renderUsageLog(results))
    if (values.json !== undefined)
      writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
