/** wrk as the load for unary scenarios, where it is installed: it costs the load's core far less than Node. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cpuMicroseconds } from './machine.js'
import { pinned } from './programs.js'

/** Runs one order as load.js would, for a unary scenario. Rejects where any reply was not good. */
export async function runWrk(order, directory, core) {
  const script = join(directory, 'wrk.lua')
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.body = ${luaString(order.body)}
wrk.headers["content-type"] = "application/json"
wrk.headers["x-user"] = "bench"
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`,
  )
  const runFor = (seconds) => run(script, order, seconds, core)
  await runFor(Math.max(1, Math.round(order.warmupSeconds)))
  const before = cpuMicroseconds(order.pid)
  const text = await runFor(Math.max(1, Math.round(order.seconds)))
  const after = cpuMicroseconds(order.pid)
  const found = /^RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)$/m.exec(text)
  if (found === null) throw new Error(`wrk said: ${text.slice(0, 500)}`)
  const [requests, durationUs, p50Us, p99Us, errors] = found.slice(1).map(Number)
  if (errors > 0) throw new Error(`${errors} of ${requests} replies were not good`)
  const total = { p50: p50Us / 1000, p99: p99Us / 1000 }
  return {
    requests,
    seconds: durationUs / 1e6,
    cpuMicroseconds: before === undefined ? null : after - before,
    total,
    first: { p50: null, p99: null },
  }
}

async function run(script, order, seconds, core) {
  const url = `http://127.0.0.1:${order.port}${order.path}`
  const [command, ...args] = pinned(core, [
    'wrk',
    '-t1',
    `-c${order.connections}`,
    `-d${seconds}s`,
    '-s',
    script,
    url,
  ])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (more) => {
    text += more
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${text.slice(0, 500)}`)
  return text
}

// JSON's escapes for quotes, backslashes and line ends are Lua's, too; the bench sends plain ASCII.
function luaString(text) {
  return JSON.stringify(text)
}
