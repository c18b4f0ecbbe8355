/** What must not grow: the cost of a request with the number of users, memory with the number of requests. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { residentOf } from './machine.js'
import { check, measure, runIn } from './requests.js'
import { SCENARIOS } from './scenarios.js'
import { startAiproxy, startFloor } from './targets.js'

const RELAY = SCENARIOS.find(({ id }) => id === 'relay-64')
const SLICE_SECONDS = 1
const MOST_SLICES = 200
const SETTLE_REQUESTS = 50_000
const MANY_REQUESTS = 100_000

/**
 * The same relay with configs of so many users, in turn; the caller is the last of them. Resolves with
 * `counts` and, per program, the samples of each round in the order of `counts`.
 */
export async function measureUsers(counts, bench) {
  const directory = join(bench.directory, 'users')
  mkdirSync(directory)
  const order = { ...bench, directory, upstreamPort: bench.upstream.port }
  const seed = bench.peers.find(({ name }) => name === 'seed')
  const starts = { aiproxy: startAiproxy, ...(seed === undefined ? {} : { seed: seed.start }) }
  const samples = {}
  for (const [name, start] of Object.entries(starts)) {
    samples[name] = counts.map(() => [])
    const targets = []
    for (const users of counts) targets.push(bench.keep(await start({ ...order, users })))
    for (const target of targets) {
      await check(target, RELAY)
      await runIn(target, RELAY, order)
    }
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.note(`round ${round} of ${bench.rounds}: ${name}, ${counts.join(', ')} users`)
      for (const [index, target] of targets.entries()) {
        samples[name][index].push(await measure(target, RELAY, order))
      }
    }
    for (const target of targets) await target.stop()
  }
  return { counts, samples }
}

/**
 * Memory after the first 50,000 requests, when the heap has found its size, and after 100,000, of fresh programs, in MB. Resolves with
 * `{ program: { early, late, requests } }`.
 */
export async function measureFlatness(bench) {
  const directory = join(bench.directory, 'flat')
  mkdirSync(directory)
  const order = { ...bench, directory, upstreamPort: bench.upstream.port }
  const memory = {}
  for (const start of [startFloor, startAiproxy]) {
    const target = bench.keep(await start(order))
    bench.note(`memory of ${target.name} over ${MANY_REQUESTS.toLocaleString('en-US')} requests`)
    const before = await bench.upstream.count(RELAY.kind)
    let requests = 0
    let early
    for (let slice = 0; requests < MANY_REQUESTS && slice < MOST_SLICES; slice += 1) {
      await measure(target, RELAY, order, SLICE_SECONDS)
      requests = (await bench.upstream.count(RELAY.kind)) - before
      if (requests >= SETTLE_REQUESTS) early ??= residentOf(target.pids) ?? null
    }
    memory[target.name] = { early, late: residentOf(target.pids) ?? null, requests }
    await target.stop()
  }
  return memory
}
