/** Starting what takes part: each its own process, pinned to its core where that is possible. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
export const AIPROXY = here('../bin/aiproxy.js')
const START_LIMIT_MS = 10_000

/** A command line that runs on `core`; the same one where nothing can be pinned. */
export function pinned(core, command) {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}

/** The provider, on the load's core. */
export async function startUpstream(core, directory) {
  const running = await start('upstream', [process.execPath, here('upstream.js')], core, directory)
  return { ...running, port: running.ready.port }
}

/** The bare pass-through, on the target's core. */
export async function startFloor(core, directory, upstreamPort) {
  const command = [process.execPath, here('floor.js'), String(upstreamPort)]
  const running = await start('floor', command, core, directory)
  return { ...running, name: 'floor', port: Number(new URL(running.ready.url).port) }
}

/** aiproxy as a user runs it: access, limits, usage log, request lines, all on. */
export async function startAiproxy(core, directory, upstreamPort) {
  const config = writeConfig(directory, upstreamPort)
  const command = [process.execPath, AIPROXY, 'serve', '--port', '0', '--log-format', 'json']
  const running = await start('aiproxy', [...command, '-c', config], core, directory)
  return { ...running, name: 'aiproxy', port: Number(new URL(running.ready.url).port) }
}

/** The load generator; `run(order)` resolves with its measurement. */
export function startLoad(core) {
  const [command, ...args] = pinned(core, [process.execPath, here('load.js')])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  // What the answer to the running order is handed to.
  let take
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (more) => {
    text += more
    const end = text.indexOf('\n')
    if (end < 0) return
    const line = text.slice(0, end)
    text = text.slice(end + 1)
    take?.(JSON.parse(line))
  })
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        take = (answer) => {
          if (answer.error === undefined) resolve(answer)
          else reject(new Error(answer.error))
        }
        child.stdin.write(`${JSON.stringify(order)}\n`)
      }),
    stop: () => stop(child),
  }
}

/** Writes the config of the bench: one provider per kind of answer, one user who may call all. */
export function writeConfig(directory, upstreamPort) {
  const path = join(directory, 'aiproxy.yaml')
  const openai = (name, kind) =>
    `  ${name}: { dialect: openai, base_url: "http://127.0.0.1:${upstreamPort}/${kind}/v1", api_key: "\${BENCH_KEY}" }`
  const anthropic = (name, kind) =>
    `  ${name}: { dialect: anthropic, base_url: "http://127.0.0.1:${upstreamPort}/${kind}", api_key: "\${BENCH_KEY}" }`
  writeFileSync(
    path,
    `log: ${join(directory, 'usage.jsonl')}
providers:
${openai('openai-unary', 'unary')}
${openai('openai-sse', 'sse')}
${openai('openai-paced', 'paced')}
${openai('openai-gone', 'gone')}
${anthropic('anthropic-unary', 'unary')}
${anthropic('anthropic-sse', 'sse')}
models:
  relay: { provider: openai-unary }
  relay-sse: { provider: openai-sse }
  relay-paced: { provider: openai-paced }
  gone: { provider: openai-gone }
  translated: { provider: anthropic-unary }
  translated-sse: { provider: anthropic-sse }
users:
  bench:
    models: [relay, relay-sse, relay-paced, translated, translated-sse, { name: gone, failover: relay }]
    limits: { requests: 1000000000/minute, tokens: 1000000000000/day }
`,
  )
  return path
}

/** Ends a process that was started here, and waits until it is gone. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

// Standard output goes into a file, as a service manager would have it: a pipe read by this process
// would put part of the bill on the load's core.
async function start(name, commandLine, core, directory) {
  const outPath = join(directory, `${name}.out`)
  const out = openSync(outPath, 'w')
  const errors = openSync(join(directory, `${name}.err`), 'w')
  const startedMs = performance.now()
  const [command, ...args] = pinned(core, commandLine)
  const child = spawn(command, args, {
    stdio: ['ignore', out, errors],
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, BENCH_KEY: 'bench', NODE_ENV: 'production' },
  })
  closeSync(out)
  closeSync(errors)
  const deadlineMs = startedMs + START_LIMIT_MS
  for (;;) {
    const ready = readyLine(outPath)
    if (ready !== undefined) {
      return { child, pid: child.pid, ready, stop: () => stop(child), startedMs }
    }
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      const said = readFileSync(join(directory, `${name}.err`), 'utf8')
      await stop(child)
      throw new Error(`${name} did not start: ${said.slice(0, 2000)}`)
    }
    await delay(2)
  }
}

function readyLine(path) {
  if (!existsSync(path)) return undefined
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .find((text) => text.startsWith('{') && JSON.parse(text).event === 'listening')
  return line === undefined ? undefined : JSON.parse(line)
}
