/** Starting and watching what takes part in a long run: the upstream and the real program, each its own process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AIPROXY, stop } from '../../bench/programs.js'
import { residentMegabytes } from '../../bench/machine.js'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const START_LIMIT_MS = 10_000
const STOP_LIMIT_MS = 15_000

/** The scripted provider; `url` is where it listens. */
export function startUpstream(directory) {
  return start('upstream', [process.execPath, here('upstream.js')], directory, {})
}

/** The program as a user runs it, its log in a file. `heap`: its heap is written down, too; `gcSeconds` apart. */
export function startProgram(directory, configPath, heap) {
  const flags = heap === undefined ? [] : ['--expose-gc', '--import', here('heap.js')]
  const command = [process.execPath, ...flags, AIPROXY, 'serve', '-c', configPath]
  const environment =
    heap === undefined ? {} : { SOAK_HEAP_FILE: heap.path, SOAK_GC_SECONDS: String(heap.gcSeconds) }
  return start('aiproxy', [...command, '--log-format', 'json'], directory, environment)
}

/** Asks a process to end, as a service manager would; `{ code, signal, ms }`, the last resort being SIGKILL. */
export async function endKindly(child) {
  const startedMs = performance.now()
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    const left = new AbortController()
    await Promise.race([
      once(child, 'exit'),
      delay(STOP_LIMIT_MS, undefined, { signal: left.signal }).catch(() => {}),
    ])
    left.abort()
    await stop(child)
  }
  const { exitCode: code, signalCode: signal } = child
  return { code, signal, ms: performance.now() - startedMs }
}

/** Resident memory in MB and open descriptors of a process; `undefined` for what the system does not say. */
export function measure(pid) {
  let descriptors
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`).length
  } catch {
    // No /proc, or the process is gone.
  }
  return { residentMb: residentMegabytes(pid), descriptors }
}

/** Lines of a JSONL file as values; none where there is no file. A line that is no JSON is `undefined`. */
export function readLines(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      try {
        return JSON.parse(line)
      } catch {
        return undefined
      }
    })
}

/** Ids that were sent and are not logged, and ids that are logged more than once or were never sent. */
export function compareIds(sent, lines) {
  const counts = new Map()
  for (const line of lines) counts.set(line?.id, (counts.get(line?.id) ?? 0) + 1)
  const missing = [...sent].filter((id) => !counts.has(id))
  const odd = [...counts].filter(([id, count]) => count > 1 || !sent.has(id)).map(([id]) => id)
  return { missing, odd }
}

/** Least-squares slope of `[x, y]` points, in y per x; 0 for fewer than two. */
export function slope(points) {
  const count = points.length
  if (count < 2) return 0
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread
}

async function start(name, [command, ...args], directory, environment) {
  const outPath = join(directory, `${name}.out`)
  const errorPath = join(directory, `${name}.err`)
  const out = openSync(outPath, 'w')
  const errors = openSync(errorPath, 'w')
  const child = spawn(command, args, {
    stdio: ['ignore', out, errors],
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      HOME: directory,
      SOAK_KEY: 'soak',
      NODE_ENV: 'production',
      ...environment,
    },
  })
  closeSync(out)
  closeSync(errors)
  // Whatever ends the check, nothing that it started outlives it.
  process.once('exit', () => child.kill('SIGKILL'))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  const deadlineMs = performance.now() + START_LIMIT_MS
  for (;;) {
    const ready = readLines(outPath).find((line) => line?.event === 'listening')
    if (ready !== undefined) return { child, pid: child.pid, url: ready.url, errorPath }
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop(child)
      throw new Error(`${name} did not start: ${readFileSync(errorPath, 'utf8').slice(0, 2000)}`)
    }
    await delay(20)
  }
}
