/** Measures scenarios: each program in turn, round after round, on the same work. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { residentOf } from './machine.js'
import { post } from './programs.js'
import { floorOf, requestBody, startAiproxy, startFloor } from './targets.js'
import { runWrk } from './wrk.js'

const WARMUP_SECONDS = 0.2
// Programs are run in before anything counts. Their code is compiled after so many requests, or so much
// CPU time, and not before: a program on a busy machine takes longer, not fewer.
const RUN_IN_REQUESTS = 10_000
const RUN_IN_CPU_SECONDS = 2
const RUN_IN_SLICE_SECONDS = 0.5
const RUN_IN_SLICES = 20
// A paced stream takes as long as it takes; its measurement covers at least so many of each.
const STREAMS_EACH = 1.5
const END_MARKS = { chat: 'data: [DONE]\n\n', messages: '"message_stop"' }
const UNARY_MARK = 'The quick brown fox'

/**
 * Measures scenarios on freshly started programs, whose files go into a directory of this title. Resolves
 * with `scenarios`, each with `samples` per program, one a round, and `idle`, the memory of each program
 * before its first load. A peer that fails is left out from there on, and `failures` says why; the others'
 * failure rejects.
 */
export async function measureGroup(title, scenarios, bench) {
  const directory = join(bench.directory, title)
  mkdirSync(directory)
  const wanted = new Set(scenarios.flatMap(({ programs }) => programs))
  const group = { ...bench, directory }
  const targets = await startTargets(wanted, group)
  const failures = []
  try {
    const idle = idleOf(targets)
    const work = []
    for (const scenario of scenarios) {
      const takers = await takersOf(scenario, targets, failures)
      const samples = Object.fromEntries(takers.map(({ name }) => [name, []]))
      work.push({ scenario, takers, samples })
    }
    const done = new Set()
    for (const one of work) await runInAll(one, done, group, failures)
    for (let round = 1; round <= bench.rounds; round += 1) {
      for (const one of work) await measureRound(one, round, group, failures)
    }
    // What was measured must still be what is claimed: no target rests, no reply has degraded.
    for (const { scenario, takers } of work) {
      for (const target of takers) await check(target, scenario)
    }
    return { scenarios: work.map(summarize), idle, failures }
  } finally {
    for (const target of targets.values()) await target.stop?.()
  }
}

/** One measurement of one program; `seconds` overrides what the bench was told. */
export function measure(target, scenario, bench, seconds = bench.seconds) {
  const { path, headers, api } = target.request(scenario)
  const { connections, stream = false, stamped = false, pace } = scenario
  const streamSeconds = pace === undefined ? 0 : (pace.chunks * pace.periodMs) / 1000
  const order = {
    port: target.port,
    pids: target.pids,
    path,
    headers,
    body: requestBody(scenario),
    connections,
    stream,
    stamped,
    endMark: END_MARKS[api],
    spreadSeconds: streamSeconds,
    warmupSeconds: WARMUP_SECONDS + streamSeconds,
    seconds: Math.max(seconds, streamSeconds * STREAMS_EACH),
  }
  if (!bench.withWrk || stamped) return bench.load.run(order)
  return runWrk(order, {
    directory: bench.directory,
    core: bench.cores?.load,
    count: () => bench.upstream.count(scenario.floorKind ?? scenario.kind),
  })
}

/** Gives a program enough of a scenario that its code for it is compiled. */
export async function runIn(target, scenario, bench) {
  let requests = 0
  let cpuSeconds = 0
  for (let slice = 0; slice < RUN_IN_SLICES; slice += 1) {
    const sample = await measure(target, scenario, bench, RUN_IN_SLICE_SECONDS)
    requests += sample.requests
    cpuSeconds += (sample.cpuMicroseconds ?? 0) / 1e6
    if (requests >= RUN_IN_REQUESTS || cpuSeconds >= RUN_IN_CPU_SECONDS) return
  }
}

/** One request: rejects where the answer is not whole, or did not come the way the scenario says. */
export async function check(target, scenario) {
  const { path, headers, api } = target.request(scenario)
  const sent = { port: target.port, path, headers, body: requestBody(scenario) }
  const answer = await post(sent).catch((error) => {
    throw new Error(`${scenario.id}: ${target.name} did not answer: ${error.message}`)
  })
  const mark = scenario.stream ? END_MARKS[api].trim() : UNARY_MARK
  if (answer.status !== 200 || !answer.text.includes(mark)) {
    throw new Error(
      `${scenario.id}: ${target.name} answered ${answer.status} ${answer.text.slice(0, 300)}`,
    )
  }
  if (target.name !== 'aiproxy') return
  const attempts = answer.headers['x-aiproxy-attempts'] ?? ''
  if (!(scenario.expectAttempts ?? /status=200/).test(attempts)) {
    throw new Error(`${scenario.id}: unexpected attempts: ${attempts}`)
  }
}

async function startTargets(wanted, group) {
  const { upstream, peers } = group
  const order = { ...group, upstreamPort: upstream.port }
  const { stop: _notOurs, ...direct } = upstream
  const targets = new Map([['direct', direct]])
  const add = (target) => targets.set(target.name, group.keep(target))
  add(await startFloor(order))
  // The other floors are other paths of the same process.
  const { stop: _once, ...floor } = targets.get('floor')
  for (const variant of ['parse', 'twice']) {
    const name = `floor-${variant}`
    targets.set(name, { ...floor, name, ...floorOf(variant) })
  }
  add(await startAiproxy(order))
  for (const peer of peers) if (wanted.has(peer.name)) add(await peer.start(order))
  return targets
}

function idleOf(targets) {
  const processes = [...targets.values()].filter(({ stop }) => stop !== undefined)
  return Object.fromEntries(processes.map(({ name, pids }) => [name, residentOf(pids) ?? null]))
}

// Who takes part: wanted, running, able to do it, and answering as it should.
async function takersOf(scenario, targets, failures) {
  const takers = []
  for (const name of scenario.programs) {
    const target = targets.get(name)
    if (target?.request(scenario) === undefined) continue
    try {
      await check(target, scenario)
      takers.push(target)
    } catch (error) {
      leaveOut(target, scenario, error, failures)
    }
  }
  return takers
}

// Scenarios that run the same code of a program share its running in, which `done` remembers. Paced streams
// have the code of a burst, and a burst needs no waiting.
async function runInAll(work, done, group, failures) {
  const { scenario, takers } = work
  group.note(`running in: ${scenario.title}`)
  const lesson = scenario.stamped
    ? { ...scenario, kind: 'sse', stamped: false, pace: undefined, connections: 100 }
    : scenario
  const { api, target: dialect, kind, promptBytes } = lesson
  await eachTaker(work, takers, failures, async (target) => {
    const key = [target.name, api, dialect, kind, promptBytes].join(' ')
    if (target.name !== 'direct' && !done.has(key)) await runIn(target, lesson, group)
    done.add(key)
  })
}

// Each round begins with another program: none always comes after the same one.
async function measureRound(work, round, group, failures) {
  const { scenario, takers, samples } = work
  group.note(`round ${round} of ${group.rounds}: ${scenario.title}`)
  const turn = round % Math.max(1, takers.length)
  const order = [...takers.slice(turn), ...takers.slice(0, turn)]
  await eachTaker(work, order, failures, async (target) => {
    samples[target.name].push(await measure(target, scenario, group))
  })
}

// A peer that fails takes no further part.
async function eachTaker({ scenario, takers, samples }, order, failures, step) {
  for (const target of order.slice()) {
    try {
      await step(target)
    } catch (error) {
      leaveOut(target, scenario, error, failures)
      takers.splice(takers.indexOf(target), 1)
      delete samples[target.name]
    }
  }
}

function leaveOut(target, scenario, error, failures) {
  if (!['nginx', 'seed', 'portkey'].includes(target.name)) throw error
  failures.push({ program: target.name, scenario: scenario.id, why: error.message })
}

function summarize({ scenario, samples }) {
  const { id, title, group, connections, chunks, programs } = scenario
  const base = programs.find((name) => name.startsWith('floor'))
  return { id, title, group, connections, chunks, base, samples }
}
