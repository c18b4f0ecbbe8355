/**
 * The bench: what aiproxy adds, as a ratio to the least this runtime can do. An instant upstream, the
 * bare floor and aiproxy, each its own process; the same load on each in turn, several rounds, medians.
 *
 *   npm run bench -- [--rounds 3] [--seconds 1.2] [--only relay-64,sse-relay] [--json results.json]
 *                    [--load auto|node|wrk] [--log-mb 64]
 *
 * Prints a Markdown table. Absolute figures depend on the machine; the ratios are the result.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { ask, measureCommands, measureStarts, measureUsage } from './commands.js'
import { describeMachine, hasTool, pinnableCores, residentMegabytes } from './machine.js'
import { startAiproxy, startFloor, startLoad, startUpstream } from './programs.js'
import { renderReport } from './report.js'
import { PACED_CHUNKS, STREAM_CHUNKS } from './settings.js'
import { runWrk } from './wrk.js'

const WARMUP_SECONDS = 0.3
// Before the first round, so that no program is measured while its code is still cold.
const FIRST_WARMUP_SECONDS = 0.6
const CHAT = '/v1/chat/completions'
const PROMPT = 'x'.repeat(100)

const bodyOf = (model, more = {}, prompt = PROMPT) =>
  JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], ...more })

// `kind` is the path of the floor at the upstream; scenarios of one kind, size and number of
// connections share the floor's measurement of the round.
const SCENARIOS = [
  {
    id: 'relay-16',
    title: 'unary relay, 16 at once',
    kind: 'unary',
    model: 'relay',
    connections: 16,
    goal: 1.25,
  },
  {
    id: 'relay-64',
    title: 'unary relay, 64 at once',
    kind: 'unary',
    model: 'relay',
    connections: 64,
    goal: 1.25,
  },
  {
    id: 'relay-256',
    title: 'unary relay, 256 at once',
    kind: 'unary',
    model: 'relay',
    connections: 256,
    goal: 1.25,
  },
  {
    id: 'translated',
    title: 'unary, Chat to Anthropic, 64 at once',
    kind: 'unary',
    model: 'translated',
    connections: 64,
    goal: 1.4,
  },
  {
    id: 'failover',
    title: 'unary, first target 404, 64 at once',
    kind: 'unary',
    model: 'gone',
    connections: 64,
    expectAttempts: /status=404.*status=200/,
  },
  {
    id: 'relay-1mb',
    title: 'unary relay, 1 MB prompt, 8 at once',
    kind: 'unary',
    model: 'relay',
    connections: 8,
    prompt: 'x'.repeat(2 ** 20),
  },
  {
    id: 'sse-relay',
    title: `SSE relay, 100 streams of ${STREAM_CHUNKS} chunks`,
    kind: 'sse',
    model: 'relay-sse',
    connections: 100,
    chunks: STREAM_CHUNKS,
    goal: 1.3,
  },
  {
    id: 'sse-translated',
    title: `SSE, Chat to Anthropic, 100 streams of ${STREAM_CHUNKS} chunks`,
    kind: 'sse',
    model: 'translated-sse',
    connections: 100,
    chunks: STREAM_CHUNKS,
    goal: 1.6,
  },
  {
    id: 'paced',
    title: 'SSE relay, 100 streams, a chunk every 10 ms',
    kind: 'paced',
    model: 'relay-paced',
    connections: 100,
    chunks: PACED_CHUNKS,
    goal: 1.3,
  },
]
const EXTRAS = ['start', 'commands', 'usage-log']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.2' },
    only: { type: 'string' },
    json: { type: 'string' },
    load: { type: 'string', default: 'auto' },
    'log-mb': { type: 'string', default: '64' },
  },
})
const rounds = positive('rounds', values.rounds)
const seconds = positive('seconds', values.seconds)
const logMegabytes = positive('log-mb', values['log-mb'])
const wanted = choose(values.only)
if (!existsSync(fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url)))) {
  misuse('aiproxy is not built here. → npm run build')
}
if (!['auto', 'node', 'wrk'].includes(values.load)) misuse('--load takes auto, node or wrk')
if (values.load === 'wrk' && !hasTool('wrk')) misuse('wrk is not installed')
const withWrk = values.load === 'wrk' || (values.load === 'auto' && hasTool('wrk'))

const cores = pinnableCores()
const directory = mkdtempSync(join(tmpdir(), 'aiproxy-bench-'))
const running = []
try {
  const results = await bench()
  console.log(renderReport(results))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`)
} finally {
  for (const one of running.toReversed()) await one.stop()
  rmSync(directory, { recursive: true, force: true })
}

async function bench() {
  const upstream = keep(await startUpstream(cores?.load, directory))
  const scenarios = SCENARIOS.filter((scenario) => wanted.has(scenario.id))
  const measured = scenarios.length === 0 ? {} : await benchRequests(scenarios, upstream)
  const results = {
    machine: describeMachine(),
    pinned: cores !== undefined,
    load: withWrk ? 'wrk (unary), Node (streams)' : 'Node',
    rounds,
    seconds,
    ...measured,
  }
  if (wanted.has('start')) {
    note('start to first answer')
    results.starts = await measureStarts({
      rounds: Math.max(3, rounds),
      cores,
      directory,
      upstreamPort: upstream.port,
      body: bodyOf('relay'),
      floorPath: `/unary${CHAT}`,
    })
  }
  if (wanted.has('commands')) {
    note('start of the short commands')
    results.commands = measureCommands({ rounds: Math.max(5, rounds), cores, directory })
  }
  if (wanted.has('usage-log')) {
    note(`usage over a log of ${logMegabytes} MB`)
    results.usage = {
      megabytes: logMegabytes,
      ...(await measureUsage({ rounds: 3, cores, directory, megabytes: logMegabytes })),
    }
  }
  return results
}

async function benchRequests(scenarios, upstream) {
  const floor = keep(await startFloor(cores?.target, directory, upstream.port))
  const aiproxy = keep(await startAiproxy(cores?.target, directory, upstream.port))
  const load = keep(startLoad(cores?.load))
  const memory = { idle: memoryOf(floor, aiproxy) }
  const samples = scenarios.map((scenario) => ({
    ...plain(scenario),
    floor: [],
    aiproxy: [],
    direct: [],
  }))

  for (const scenario of scenarios) {
    note(`warm-up: ${scenario.title}`)
    await check(scenario, floor, aiproxy)
    for (const [program, path] of [
      [floor, floorPath(scenario)],
      [aiproxy, CHAT],
    ]) {
      await load.run({
        ...orderFor(scenario, program.port, path, program.pid),
        seconds: FIRST_WARMUP_SECONDS,
        warmupSeconds: 0,
      })
    }
  }
  for (let round = 1; round <= rounds; round += 1) {
    const floors = new Map()
    for (const [index, scenario] of scenarios.entries()) {
      note(`round ${round} of ${rounds}: ${scenario.title}`)
      const key = `${scenario.kind} ${scenario.connections} ${scenario.prompt?.length ?? 0}`
      if (!floors.has(key)) {
        floors.set(key, await measure(load, scenario, floor.port, floorPath(scenario), floor.pid))
      }
      samples[index].floor.push(floors.get(key))
      samples[index].aiproxy.push(await measure(load, scenario, aiproxy.port, CHAT, aiproxy.pid))
      if (scenario.kind === 'paced') {
        samples[index].direct.push(
          await measure(load, scenario, upstream.port, floorPath(scenario), upstream.pid),
        )
      }
    }
  }
  // What was measured must still be what is claimed: no target rests, no reply has degraded.
  for (const scenario of scenarios) await check(scenario, floor, aiproxy)
  memory.after = memoryOf(floor, aiproxy)
  await load.stop()
  await floor.stop()
  await aiproxy.stop()
  return { scenarios: samples, memory }
}

function measure(load, scenario, port, path, pid) {
  const order = orderFor(scenario, port, path, pid)
  return withWrk && !order.stream ? runWrk(order, directory, cores?.load) : load.run(order)
}

function orderFor(scenario, port, path, pid) {
  return {
    port,
    path,
    body: requestBody(scenario),
    connections: scenario.connections,
    seconds,
    warmupSeconds: WARMUP_SECONDS,
    stream: scenario.chunks !== undefined,
    pid,
  }
}

/** One request to each program: the answer is whole, and, for aiproxy, came the way the scenario says. */
async function check(scenario, floor, aiproxy) {
  const body = requestBody(scenario)
  const bare = await ask(floor.port, floorPath(scenario), body)
  const { headers, text } = await ask(aiproxy.port, CHAT, body)
  const mark = scenario.chunks === undefined ? 'The quick brown fox' : 'data: [DONE]'
  for (const answer of [bare.text, text]) {
    if (!answer.includes(mark)) throw new Error(`${scenario.id}: an answer without "${mark}"`)
  }
  const attempts = headers['x-aiproxy-attempts'] ?? ''
  if (!(scenario.expectAttempts ?? /status=200/).test(attempts)) {
    throw new Error(`${scenario.id}: unexpected attempts: ${attempts}`)
  }
}

function requestBody(scenario) {
  return bodyOf(
    scenario.model,
    scenario.chunks === undefined ? {} : { stream: true },
    scenario.prompt,
  )
}

function floorPath(scenario) {
  return `/${scenario.kind}${CHAT}`
}

function memoryOf(...programs) {
  return Object.fromEntries(
    programs.map((program) => [program.name, residentMegabytes(program.pid) ?? null]),
  )
}

function plain({ id, title, connections, chunks, goal }) {
  return { id, title, connections, chunks, goal }
}

function keep(program) {
  running.push(program)
  return program
}

function choose(only) {
  const known = [...SCENARIOS.map((scenario) => scenario.id), ...EXTRAS]
  if (only === undefined) return new Set(known.filter((id) => id !== 'relay-256'))
  const chosen = only.split(',')
  for (const id of chosen) {
    if (!known.includes(id)) misuse(`--only knows ${known.join(', ')}; not "${id}"`)
  }
  return new Set(chosen)
}

function positive(name, text) {
  const value = Number(text)
  if (!(value > 0)) misuse(`--${name} takes a number above 0, not "${text}"`)
  return value
}

function note(text) {
  process.stderr.write(`${text}\n`)
}

function misuse(text) {
  console.error(`error: ${text}`)
  process.exit(2)
}
