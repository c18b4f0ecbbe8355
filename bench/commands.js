/** What is not a request under load: time to the first answer, and short commands run to their end. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AIPROXY, pinned } from './programs.js'
import { check } from './requests.js'
import { SCENARIOS } from './scenarios.js'
import { startAiproxy, startFloor } from './targets.js'

const RELAY = SCENARIOS.find(({ id }) => id === 'relay-1')
const ANSWER_LIMIT_MS = 10_000
const POLL_MS = 2
const LOG_LINES = 1000

/** Milliseconds from the start of a process to its first good answer, per program, one for each round. */
export async function measureStarts(rounds, bench) {
  const starts = { floor: startFloor, aiproxy: startAiproxy }
  for (const peer of bench.peers) starts[peer.name] = peer.start
  const times = Object.fromEntries(Object.keys(starts).map((name) => [name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    bench.note(`start to first answer, round ${round} of ${rounds}`)
    const directory = join(bench.directory, `start-${round}`)
    mkdirSync(directory)
    const order = { ...bench, directory, upstreamPort: bench.upstream.port }
    for (const [name, start] of Object.entries(starts)) {
      const target = bench.keep(await start(order))
      await untilAnswer(target)
      times[name].push(performance.now() - target.startedMs)
      await target.stop()
    }
  }
  return times
}

/** Milliseconds of short commands, run to their end, beside the start of Node itself. */
export function measureCommands(rounds, { cores, directory, note }) {
  note('short commands')
  const home = join(directory, 'nobody')
  mkdirSync(home)
  const log = join(directory, 'small.jsonl')
  writeFileSync(log, Array.from({ length: LOG_LINES }, (_, index) => logLine(index)).join(''))
  const commands = {
    'node -e 0': ['-e', '0'],
    'aiproxy --version': [AIPROXY, '--version'],
    'aiproxy --help': [AIPROXY, '--help'],
    'aiproxy users': [AIPROXY, 'users', '-c', 'none'],
    'aiproxy usage': [AIPROXY, 'usage', '-c', 'none', '--log', log],
  }
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, args] of Object.entries(commands)) {
      const [command, ...rest] = pinned(cores?.target, [process.execPath, ...args])
      const startedMs = performance.now()
      const result = spawnSync(command, rest, {
        cwd: directory,
        env: { PATH: process.env.PATH, HOME: home },
      })
      const ms = performance.now() - startedMs
      if (result.status !== 0) throw new Error(`${name}: ${String(result.stderr).slice(0, 500)}`)
      // The first only brings the files into memory.
      if (round > 0) times[name].push(ms)
    }
  }
  return times
}

// A program may listen before it can answer.
async function untilAnswer(target) {
  for (;;) {
    try {
      await check(target, RELAY)
      return
    } catch (error) {
      if (performance.now() - target.startedMs > ANSWER_LIMIT_MS) throw error
      await delay(POLL_MS)
    }
  }
}

/** One line of a usage log; the same for the same index. */
export function logLine(index) {
  return `${JSON.stringify({
    ts: new Date(Date.UTC(2026, 9, 1) + index * 1000).toISOString(),
    id: `req_${index.toString(36).padStart(12, '0')}`,
    user: `user-${index % 7}`,
    api: 'chat',
    stream: true,
    model: index % 3 === 0 ? 'gpt-5' : 'claude-sonnet-4-20250514',
    served_model: index % 3 === 0 ? 'gpt-5' : 'claude-sonnet-4-20250514',
    provider: index % 3 === 0 ? 'openai' : 'anthropic',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 100 + (index % 900),
    completion_tokens: 50 + (index % 400),
    total_tokens: 150 + (index % 900) + (index % 400),
    cached_tokens: 0,
    ms: 840,
    ttft_ms: 310,
    attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 840 }],
  })}\n`
}
