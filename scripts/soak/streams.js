/**
 * Many slow streams at once: all held through the real program, one word every 250 ms each, half relayed and
 * half translated, until every one has come whole.
 *
 *   npm run check:streams -- [--streams 1000] [--seconds 20]
 *
 * Exits 1 where a stream broke, hung or lost a word, where not all were open together, where the usage log
 * has not exactly one line each, or where the program ended on its own.
 */
import { Agent } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { describeMachine } from '../../bench/machine.js'
import { stop } from '../../bench/programs.js'
import { play } from './load.js'
import {
  compareIds,
  endKindly,
  measure,
  readLines,
  startProgram,
  startUpstream,
} from './programs.js'

const PACE_MS = 250
// So many are opened every 20 ms.
const OPENED_AT_ONCE = 20
const OPEN_EVERY_MS = 20
const SAMPLE_MS = 250

const print = (text) => process.stdout.write(`${text}\n`)

const spread = (figures) => {
  const sorted = figures.toSorted((a, b) => a - b)
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return `median ${at(0.5)?.toFixed(0)} ms, p99 ${at(0.99)?.toFixed(0)} ms, max ${at(1)?.toFixed(0)} ms`
}

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
  },
})
const count = Number(values.streams)
const chunks = Math.ceil((Number(values.seconds) * 1000) / PACE_MS)
const hangMs = chunks * PACE_MS * 2 + 30_000

const directory = mkdtempSync(join(tmpdir(), 'aiproxy-streams-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
const logPath = join(directory, 'usage.jsonl')
const upstream = await startUpstream(directory)
let program
try {
  const configPath = join(directory, 'aiproxy.yaml')
  writeFileSync(
    configPath,
    `listen: 127.0.0.1:0
log: ${logPath}
providers:
  near: { dialect: openai, api: chat, base_url: "${upstream.url}/near/v1", api_key: "\${SOAK_KEY}" }
  far: { dialect: anthropic, base_url: "${upstream.url}/far", api_key: "\${SOAK_KEY}" }
models:
  relayed: { provider: near }
  translated: { provider: far }
users:
  soak:
    models: [relayed, translated]
`,
  )
  program = await startProgram(directory, configPath)
  const before = measure(program.pid)
  const agent = new Agent({ keepAlive: false, maxSockets: Infinity })
  let peakMb = before.residentMb ?? 0
  let peakDescriptors = before.descriptors ?? 0
  const sampler = setInterval(() => {
    const { residentMb, descriptors } = measure(program.pid)
    peakMb = Math.max(peakMb, residentMb ?? 0)
    peakDescriptors = Math.max(peakDescriptors, descriptors ?? 0)
  }, SAMPLE_MS)

  const startedMs = performance.now()
  const ids = new Set()
  const ends = []
  let open = 0
  let mostOpen = 0
  for (let index = 0; index < count; index += 1) {
    const id = `stream-${index}`
    const plan = { id, fault: 'none', times: 0, chunks, paceMs: PACE_MS }
    const model = index % 2 === 0 ? 'relayed' : 'translated'
    ids.add(id)
    let isOpen = false
    const onFirst = () => {
      isOpen = true
      open += 1
      mostOpen = Math.max(mostOpen, open)
    }
    const order = { id, api: 'chat', model, user: 'soak', stream: true, plan, onFirst }
    ends.push(
      play(agent, program.url, order, hangMs).finally(() => {
        if (isOpen) open -= 1
      }),
    )
    if ((index + 1) % OPENED_AT_ONCE === 0) await delay(OPEN_EVERY_MS)
  }
  const results = await Promise.all(ends)
  const seconds = (performance.now() - startedMs) / 1000
  clearInterval(sampler)
  agent.destroy()
  const alive = program.child.exitCode === null && program.child.signalCode === null
  const exit = await endKindly(program.child)

  const bad = results.filter(({ end, words }) => end !== 'whole' || words !== chunks)
  const lines = readLines(logPath)
  const { missing, odd } = compareIds(ids, lines)
  const notOk = lines.filter((line) => line?.outcome !== 'ok')
  print(describeMachine())
  print(
    `${results.length} streams of ${chunks} words in ${seconds.toFixed(1)} s, up to ${mostOpen} open at once: ` +
      `${results.length - bad.length} whole, ${bad.length} broken`,
  )
  print(`first bytes: ${spread(results.map(({ firstMs }) => firstMs))}`)
  print(`longest silence after them: ${spread(results.map(({ maxGapMs }) => maxGapMs))}`)
  print(
    `resident memory: ${before.residentMb?.toFixed(0)} MB before, ${peakMb.toFixed(0)} MB at its peak ` +
      `(${(((peakMb - (before.residentMb ?? 0)) * 1024) / count).toFixed(0)} KB a stream); open files: ${before.descriptors} before, ${peakDescriptors} at the peak`,
  )
  print(
    `usage log: ${lines.length} lines, ${missing.length} missing, ${odd.length} odd, ${notOk.length} not ok; ended by SIGTERM with ${exit.code ?? exit.signal} in ${exit.ms.toFixed(0)} ms`,
  )
  for (const { end, status, words, detail } of bad.slice(0, 5)) {
    print(`  ${end} ${status}, ${words} words: ${detail}`)
  }
  const sound =
    alive &&
    bad.length === 0 &&
    mostOpen === count &&
    lines.length === count &&
    missing.length + odd.length + notOk.length === 0
  print(sound ? 'ok' : 'FAILED')
  process.exitCode = sound ? 0 : 1
} finally {
  if (program !== undefined) await stop(program.child)
  await stop(upstream.child)
}
