/**
 * Callers that leave, at any moment, in front of the real program and a scripted provider: every
 * connection to the provider is let go, every request has exactly one line, and when all is over the
 * program holds no more descriptors than before.
 *
 *   npm run check:aborts -- [--seed 1] [--count 10000]
 */
import { readdirSync } from 'node:fs'
import { startAndLeave } from '../../dist/test/support/http.js'
import { startProxy } from '../../dist/test/support/proxy.js'
import { HELLO, OPENAI_ROLE, openaiChunk } from '../../dist/test/support/replies.js'
import { TEST_KEY, targetsConfig } from '../../dist/test/support/targets.js'
import { createUpstream } from '../../dist/test/support/upstream.js'
import { createFindings, createRandom, readOptions } from './run.js'

const options = readOptions('aborts', 10_000)
const findings = createFindings(options)
const random = createRandom(options.seed)
const AT_ONCE = 40
const SETTLE_MS = 5_000
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const cleanUps = []
const owner = { after: (cleanUp) => cleanUps.push(cleanUp) }
const upstream = await createUpstream(owner, async (reply, request) => {
  // How far the provider gets before it falls silent is the caller's to say.
  const stage = Number(/stage-(\d)/.exec(request.body.toString('latin1'))?.[1])
  if (stage === 0) return reply.stall()
  reply.openStream()
  if (stage > 1) await reply.write(OPENAI_ROLE)
  if (stage > 2) await reply.write(openaiChunk({ content: HELLO }))
  if (stage > 3) await reply.write(openaiChunk({ content: 'x'.repeat(200_000) }))
  return reply.stall()
})
const proxy = await startProxy(owner, {
  config: targetsConfig(upstream, [{ name: 'm', dialect: 'openai' }], [{ model: 'm' }]),
  env: { TEST_KEY },
})
const descriptors = () => readdirSync(`/proc/${proxy.pid}/fd`).length

/** One request that is left at some moment; resolves when its provider connection is gone, with the delay. */
const waiting = new Map()
let started = 0
async function leaveOne(n) {
  const stage = random.below(5)
  const reached = new Promise((resolve) => {
    waiting.set(n, resolve)
  })
  const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
    headers: { 'x-user': 'caller', 'x-request-id': `abort-${n}` },
    body: {
      model: 'm',
      stream: stage !== 0 || random.below(2) === 0,
      messages: [{ role: 'user', content: `case-${n}- stage-${stage}` }],
    },
  })
  const request = await Promise.race([reached, pause(SETTLE_MS).then(() => undefined)])
  if (request === undefined) {
    findings.add('not asked', `case ${n}: the provider was not asked within ${SETTLE_MS} ms`)
    return SETTLE_MS
  }
  // Before the head, between head and content, in the middle of it.
  if (random.below(3) > 0) await pause(random.below(6))
  const leftAtMs = performance.now()
  call.leave()
  const over = await Promise.race([request.over, pause(SETTLE_MS).then(() => undefined)])
  if (over === undefined)
    findings.add('kept', `case ${n}, stage ${stage}: the provider was not let go`)
  else if (over.how !== 'cut') findings.add('not cut', `case ${n}: ${over.how}`)
  return over === undefined ? SETTLE_MS : over.atMs - leftAtMs
}

let handed = 0
function handOut() {
  for (; handed < upstream.requests.length; handed += 1) {
    const request = upstream.requests[handed]
    const n = Number(/case-(-?\d+)-/.exec(request.body.toString('latin1'))?.[1])
    waiting.get(n)?.(request)
    waiting.delete(n)
  }
}
const clerk = setInterval(handOut, 1)

const delays = []
async function worker() {
  while (started < options.count && findings.count < 20) {
    started += 1
    delays.push(await leaveOne(started))
  }
}

// Modules that load late, the log and the pool are all open after these.
const warmUp = Math.min(50, options.count)
for (let n = 1; n <= warmUp; n += 1) await leaveOne(-n)
await pause(300)
const before = descriptors()
await Promise.all(Array.from({ length: AT_ONCE }, worker))
clearInterval(clerk)

const untilMs = performance.now() + SETTLE_MS
const expected = options.count + warmUp
while (proxy.log().length < expected && performance.now() < untilMs) await pause(50)
const lines = proxy.log()
const ids = new Set(lines.map((line) => line.id))
if (lines.length !== expected || ids.size !== expected) {
  findings.add('lines', `${lines.length} lines, ${ids.size} ids for ${expected} requests`)
}
const wrong = lines.filter((line) => line.status !== 499 || line.outcome !== 'aborted')
if (wrong.length > 0) findings.add('outcome', `${wrong.length} lines: ${JSON.stringify(wrong[0])}`)
while (descriptors() > before && performance.now() < untilMs) await pause(50)
const after = descriptors()
if (after > before) findings.add('leak', `${before} descriptors before, ${after} after`)
if (proxy.stderr() !== '') findings.add('stderr', proxy.stderr().slice(0, 1_000))

proxy.signal('SIGTERM')
const { code } = await proxy.exited
if (code !== 0) findings.add('exit', `code ${code}`)
for (const cleanUp of cleanUps.toReversed()) await cleanUp()
const sorted = delays.toSorted((a, b) => a - b)
const at = (share) => Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1))
findings.end({
  aborted: delays.length,
  lines: lines.length,
  descriptors: [before, after],
  lettingGoMs: { p50: at(0.5), p99: at(0.99), most: at(1) },
})
