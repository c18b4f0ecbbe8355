/**
 * The bench: what aiproxy adds, as a ratio to the least this runtime can do, and beside the programs it
 * is compared with, where they are installed. See README.md beside this file.
 *
 *   npm run bench -- [--full] [--rounds 3] [--seconds 0.5] [--only unary,paced-relay,start]
 *                    [--peers auto|none|nginx,seed,portkey] [--portkey <folder>] [--load auto|node|wrk]
 *                    [--json <file>] [--from <file>] [--details] [--readme]
 *
 * Prints one Markdown table. Absolute figures depend on the machine; the ratios are the result.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measureCommands, measureStarts } from './commands.js'
import { measureFlatness, measureUsers } from './growth.js'
import { startLoad } from './load-process.js'
import { describeMachine, hasTool, moveTo, pinnableCores } from './machine.js'
import { parseOptions } from './options.js'
import { writeReadme } from './readme.js'
import { renderDetails, renderGoals } from './report.js'
import { measureGroup } from './requests.js'
import { SCENARIOS } from './scenarios.js'
import { startUpstream } from './targets.js'
import { measureUsageLog } from './usage-log.js'

const MIN_STARTS = 5
const MIN_COMMANDS = 11
const USERS = { short: [2, 1000], full: [2, 100, 1000, 10_000] }
const LOG_MEGABYTES = { short: [64], full: [1, 10, 100, 1000] }

const options = readOptions()
const results = options.earlier ?? (await run())
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
const goals = renderGoals(results)
console.log(options.details ? `${goals}\n\n${renderDetails(results)}` : goals)
if (options.readme) writeReadme(goals)

async function run() {
  const machine = describeMachine()
  const cores = pinnableCores()
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-bench-'))
  const started = []
  const keep = (target) => {
    started.push(target)
    return target
  }
  const clear = async () => {
    for (const one of started.toReversed()) await one.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => void clear().finally(() => process.exit(130)))
  }
  if (cores !== undefined) moveTo(cores.load)
  try {
    const { rounds, seconds, peers } = options
    const load = keep(startLoad(cores?.load))
    const upstream = keep(await startUpstream({ directory, cores }))
    const withWrk = options.load === 'wrk' || (options.load === 'auto' && hasTool('wrk'))
    return {
      command: commandLine(),
      machine,
      pinned: cores !== undefined,
      load: withWrk ? 'wrk (paced streams: Node)' : 'Node',
      rounds,
      seconds,
      peers: peers.map(({ version }) => version),
      ...(await measureAll({
        directory,
        cores,
        load,
        upstream,
        peers,
        rounds,
        seconds,
        withWrk,
        keep,
        note,
      })),
    }
  } finally {
    await clear()
  }
}

async function measureAll(bench) {
  const { wanted, full } = options
  const measured = { scenarios: [], failures: [] }
  const scenarios = SCENARIOS.filter(({ id }) => wanted.has(id))
  for (const name of new Set(scenarios.map(programsOf))) {
    const together = scenarios.filter((scenario) => programsOf(scenario) === name)
    const { scenarios: done, failures, idle } = await measureGroup(name, together, bench)
    measured.scenarios.push(...done)
    measured.failures.push(...failures)
    measured.idle ??= idle
  }
  const length = full ? 'full' : 'short'
  if (wanted.has('users')) measured.users = await measureUsers(USERS[length], bench)
  if (wanted.has('flat')) measured.flat = await measureFlatness(bench)
  if (wanted.has('start')) {
    measured.starts = await measureStarts(Math.max(MIN_STARTS, bench.rounds), bench)
  }
  if (wanted.has('commands')) {
    measured.commands = measureCommands(Math.max(MIN_COMMANDS, bench.rounds), bench)
  }
  if (wanted.has('usage-log')) {
    const { rounds, directory, cores } = bench
    const sizes = LOG_MEGABYTES[length]
    // As a user runs it: a large log is read on two cores.
    if (cores !== undefined) moveTo(cores.target, cores.load)
    measured.usage = measureUsageLog({ sizes, rounds, directory, onStep: note })
  }
  return measured
}

// The name of the programs a scenario runs on: those of its group, or its own.
function programsOf({ group, apart, id }) {
  return apart ? id : group
}

function readOptions() {
  try {
    const parsed = parseOptions(process.argv.slice(2), process.env)
    if (parsed.from !== undefined) {
      return { ...parsed, earlier: JSON.parse(readFileSync(parsed.from, 'utf8')) }
    }
    if (!existsSync(fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url)))) {
      throw new Error('aiproxy is not built here. → npm run build')
    }
    if (parsed.load === 'wrk' && !hasTool('wrk')) throw new Error('wrk is not installed')
    return parsed
  } catch (error) {
    console.error(`error: ${error.message}`)
    process.exit(2)
  }
}

// As it would be typed, without what says only where files are.
function commandLine() {
  const args = process.argv
    .slice(2)
    .filter(
      (arg, index, all) =>
        !/^--(json|portkey|readme|details)/.test(arg) &&
        !/^--(json|portkey)$/.test(all[index - 1] ?? ''),
    )
  return `npm run bench${args.length === 0 ? '' : ` -- ${args.join(' ')}`}`
}

function note(text) {
  process.stderr.write(`${text}\n`)
}
