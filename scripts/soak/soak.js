/**
 * A long run of the real program under a mixed, moderate load with a faulty provider: whether it grows,
 * forgets a line, keeps a connection, hangs or ends.
 *
 *   npm run check:soak -- [--minutes 10] [--rate 170] [--seed 1] [--gc-seconds 60]
 *
 * Bounds, each of which ends it with exit code 1 when broken:
 * - resident memory grows by less than 2 MB a minute, and the heap after a full collection by less than
 *   0.5 MB a minute, over the last 70 % of the run. Generous: both move by several MB between two samples.
 *   From 5 minutes on; a shorter run prints the slopes and does not judge them.
 * - open files are back to what they were, ±5, within 90 s after the last request (pools keep idle
 *   connections for a while).
 * - every request sent has exactly one line in the usage log, by its id.
 * - no request hangs (20 s, where all deadlines are 4 s), none ends in a way its kind does not allow, and
 *   those that met no fault are refused only because their target rests, and fewer than 10 % of them.
 * - the program does not end before it is told to, then ends with 0, and logs no `internal` error.
 */
import { Agent } from 'node:http'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cpuMicroseconds, describeMachine } from '../../bench/machine.js'
import { stop } from '../../bench/programs.js'
import { createRandom } from '../../dist/test/support/random.js'
import { play } from './load.js'
import { drawOrder, renderConfig } from './mix.js'
import {
  compareIds,
  endKindly,
  measure,
  readLines,
  slope,
  startProgram,
  startUpstream,
} from './programs.js'

const SAMPLE_MS = 5_000
const TICK_MS = 20
const HANG_MS = 20_000
// More than this under way means that something does not end; then nothing more is sent.
const MOST_UNDER_WAY = 2_000
const JUDGED_SHARE = 0.7
const JUDGED_FROM_MINUTES = 5
const MOST_RESIDENT_MB_PER_MINUTE = 2
const MOST_HEAP_MB_PER_MINUTE = 0.5
const DESCRIPTOR_SLACK = 5
const DESCRIPTORS_WAIT_MS = 90_000
const MOST_COLLATERAL = 0.1
const GATEWAY_STATUSES = new Set([429, 500, 502, 503, 504])
const MB = 2 ** 20

const print = (text) => process.stdout.write(`${text}\n`)
const tell = (text) => process.stderr.write(`${text}\n`)

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '170' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'gc-seconds': { type: 'string', default: '60' },
  },
})
const minutes = Number(values.minutes)
const rate = Number(values.rate)
const random = createRandom(Number(values.seed))
print(`seed ${values.seed}, ${minutes} minutes at ${rate} requests a second; ${describeMachine()}`)

/** Why this end is not one that its order allows; `undefined` where it is. */
function complaint(order, { end, status, words, detail }) {
  const say = (why) => `${order.kind}, fault ${order.fault}: ${why} (${end} ${status}) ${detail}`
  if (end === 'hang' || end === 'broken') return say('did not end well')
  if (end === 'left') return order.abort === undefined ? say('nobody left') : undefined
  if (order.status !== undefined) {
    return order.status.includes(status) ? undefined : say(`not ${order.status}`)
  }
  if (end === 'whole') return words === order.plan.chunks ? undefined : say(`${words} words`)
  if (end === 'error-event') {
    return order.fault.endsWith('-body') ? undefined : say('a stream broke without a fault')
  }
  return GATEWAY_STATUSES.has(status) ? undefined : say('not a status of a fault')
}

const directory = mkdtempSync(join(tmpdir(), 'aiproxy-soak-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
const logPath = join(directory, 'usage.jsonl')
const heapPath = join(directory, 'heap.jsonl')
const upstream = await startUpstream(directory)
let program
try {
  const configPath = join(directory, 'aiproxy.yaml')
  writeFileSync(configPath, renderConfig(upstream.url, logPath))
  program = await startProgram(directory, configPath, {
    path: heapPath,
    gcSeconds: Number(values['gc-seconds']),
  })
  await delay(1_000)
  const { child, pid } = program
  const isAlive = () => child.exitCode === null && child.signalCode === null
  const before = measure(pid)
  if (before.residentMb === undefined || before.descriptors === undefined) {
    print('no /proc here: resident memory and open files are neither known nor judged')
  }
  // Idle connections are let go long before the program would close them: no request races with a close.
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, timeout: 3_000 })

  const ids = new Set()
  const counts = new Map()
  const complaints = []
  let complained = 0
  let underWay = 0
  let mostUnderWay = 0
  let unfaulted = 0
  // Requests without a fault that were refused all the same: only where every target rested.
  const collateral = new Set()
  let withFault = 0
  let hangs = 0
  const send = async () => {
    const order = drawOrder(`soak-${values.seed}-${ids.size}`, random)
    ids.add(order.id)
    if (order.fault !== 'none') withFault += 1
    underWay += 1
    mostUnderWay = Math.max(mostUnderWay, underWay)
    const result = await play(agent, program.url, order, HANG_MS)
    underWay -= 1
    const key = `${order.kind}: ${result.end}${result.end === 'error' ? ` ${result.status}` : ''}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    if (result.end === 'hang') hangs += 1
    if (order.fault === 'none' && order.status === undefined && order.abort === undefined) {
      unfaulted += 1
      if (result.end === 'error') collateral.add(order.id)
    }
    const why = complaint(order, result)
    if (why === undefined) return
    complained += 1
    if (complaints.length < 10) complaints.push(`${order.id} ${why}`)
  }

  const samples = []
  const startedMs = performance.now()
  const startedAtMs = Date.now()
  const cpuBefore = cpuMicroseconds(pid)
  const endMs = startedMs + minutes * 60_000
  const pending = new Set()
  let nextSampleMs = startedMs
  let sent = 0
  while (performance.now() < endMs && isAlive()) {
    const nowMs = performance.now()
    if (nowMs >= nextSampleMs) {
      nextSampleMs += SAMPLE_MS
      const { residentMb, descriptors } = measure(pid)
      samples.push({ minute: (nowMs - startedMs) / 60_000, residentMb, descriptors })
      if (samples.length % 12 === 0) {
        tell(
          `  ${((nowMs - startedMs) / 60_000).toFixed(1)} min: ${ids.size} sent, ${underWay} under way, ` +
            `${residentMb?.toFixed(0)} MB, ${descriptors} open files, ${complained} complaints`,
        )
      }
    }
    const due = Math.floor(((nowMs - startedMs) / 1000) * rate)
    const room = Math.max(0, MOST_UNDER_WAY - pending.size)
    for (let left = Math.min(due - sent, room); left > 0; left -= 1) {
      const ending = send().finally(() => pending.delete(ending))
      pending.add(ending)
    }
    // What could not be sent in time is left out, not made up for.
    sent = due
    await delay(TICK_MS)
  }
  await Promise.all(pending)
  const cpuAfter = cpuMicroseconds(pid)
  const loadSeconds = (performance.now() - startedMs) / 1000
  const stayed = isAlive()
  agent.destroy()

  const stoppedMs = performance.now()
  let after = measure(pid)
  while (
    isAlive() &&
    Math.abs((after.descriptors ?? 0) - (before.descriptors ?? 0)) > DESCRIPTOR_SLACK &&
    performance.now() - stoppedMs < DESCRIPTORS_WAIT_MS
  ) {
    await delay(500)
    after = measure(pid)
  }
  const settledSeconds = (performance.now() - stoppedMs) / 1000
  const exit = await endKindly(child)

  const late = samples.filter(
    ({ minute, residentMb }) => minute >= minutes * (1 - JUDGED_SHARE) && residentMb !== undefined,
  )
  const residentSlope = slope(late.map(({ minute, residentMb }) => [minute, residentMb]))
  const collected = readLines(heapPath)
    .filter((line) => line?.collected === true)
    .map((line) => [(line.atMs - startedAtMs) / 60_000, line.heapUsed / MB])
    .filter(([minute]) => minute <= minutes)
  const heapSlope = slope(collected.filter(([minute]) => minute >= minutes * (1 - JUDGED_SHARE)))
  const lines = readLines(logPath)
  const { missing, odd } = compareIds(ids, lines)
  const unexplained = lines.filter(
    (line) =>
      collateral.has(line?.id) &&
      !(line.attempts ?? []).some((attempt) => attempt.resting_s !== undefined),
  )
  const outcomes = new Map()
  for (const line of lines) outcomes.set(line?.outcome, (outcomes.get(line?.outcome) ?? 0) + 1)
  const internal = lines.filter((line) => line?.error === 'internal').length
  const stderrLines = readFileSync(program.errorPath, 'utf8').split('\n').slice(0, -1)
  const lateResidents = late.map(({ residentMb }) => residentMb)
  const residents = samples.map(({ residentMb }) => residentMb ?? Number.NaN)
  const descriptors = samples.map((sample) => sample.descriptors ?? Number.NaN)

  for (const [key, count] of [...counts].toSorted(([a], [b]) => a.localeCompare(b)))
    print(`  ${String(count).padStart(7)}  ${key}`)
  print(
    `${ids.size} requests in ${loadSeconds.toFixed(0)} s (${(ids.size / loadSeconds).toFixed(0)}/s), ${withFault} with a scripted fault, ` +
      `up to ${mostUnderWay} under way; the program used ${(((cpuAfter ?? 0) - (cpuBefore ?? 0)) / loadSeconds / 10_000).toFixed(0)} % of a core`,
  )
  print(
    `resident memory: ${before.residentMb?.toFixed(1)} MB before, at most ${Math.max(...residents).toFixed(1)} MB; in the last ${JUDGED_SHARE * 100} % ` +
      `${Math.min(...lateResidents).toFixed(1)} to ${Math.max(...lateResidents).toFixed(1)} MB, slope ${residentSlope.toFixed(3)} MB/min over ${late.length} samples; ${after.residentMb?.toFixed(1)} MB after`,
  )
  print(
    `heap after a full collection: ${collected.map(([, mb]) => mb.toFixed(1)).join(' ')} MB, slope ${heapSlope.toFixed(3)} MB/min`,
  )
  print(
    `open files: ${before.descriptors} before, up to ${Math.max(...descriptors)} under load, ${after.descriptors} ${settledSeconds.toFixed(0)} s after the last request`,
  )
  print(
    `usage log: ${ids.size} requests, ${lines.length} lines, ${missing.length} missing, ${odd.length} odd, ${internal} internal; ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`,
  )
  print(
    `ends: ${hangs} hangs, ${complained} not as they should be; ${collateral.size} of ${unfaulted} without a fault refused (${unexplained.length} with no target at rest); ` +
      `stderr ${stderrLines.length} lines; SIGTERM: ${exit.code ?? exit.signal} in ${exit.ms.toFixed(0)} ms`,
  )
  for (const text of [
    ...complaints,
    ...unexplained.slice(0, 5).map((line) => JSON.stringify(line)),
    ...missing.slice(0, 5),
    ...odd.slice(0, 5),
  ])
    print(`  ${text}`)

  const judged = minutes >= JUDGED_FROM_MINUTES
  const bounds = [
    ['the program ended on its own', !stayed],
    ['it did not end well when told to', exit.code !== 0],
    ['resident memory grows', judged && residentSlope >= MOST_RESIDENT_MB_PER_MINUTE],
    ['the heap grows', judged && heapSlope >= MOST_HEAP_MB_PER_MINUTE],
    [
      'files stayed open',
      Math.abs((after.descriptors ?? 0) - (before.descriptors ?? 0)) > DESCRIPTOR_SLACK,
    ],
    ['requests and lines differ', missing.length + odd.length > 0 || lines.length !== ids.size],
    ['internal errors', internal > 0],
    ['requests hung', hangs > 0],
    ['requests ended as they should not', complained > 0],
    ['requests were refused without a reason', unexplained.length > 0],
    ['too many refusals without a fault', collateral.size > unfaulted * MOST_COLLATERAL],
  ]
  const broken = bounds.filter(([, isBroken]) => isBroken).map(([what]) => what)
  if (!judged) print(`shorter than ${JUDGED_FROM_MINUTES} minutes: the slopes are not judged`)
  print(broken.length === 0 ? 'ok' : `FAILED: ${broken.join('; ')}`)
  process.exitCode = broken.length === 0 ? 0 : 1
} finally {
  if (program !== undefined) await stop(program.child)
  await stop(upstream.child)
}
