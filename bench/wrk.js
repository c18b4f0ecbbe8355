/** wrk as the load, where it is installed: it costs the load's core far less than Node. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pinned } from './programs.js'
import { LONGEST, watchCost } from './window.js'

// Beyond the longest burst: for asking the upstream, which is busy.
const SPARE_SECONDS = 10

/**
 * Runs one order as load.js would. wrk keeps going while the warm-up and then the measured seconds pass,
 * so that connecting and the last requests under way are in no figure; what was answered meanwhile,
 * `count()` says, which asks the upstream. Rejects where any reply was not good.
 */
export async function runWrk(order, { directory, core, count }) {
  const script = join(directory, 'wrk.lua')
  writeFileSync(script, scriptFor(order))
  const wrk = startWrk(script, order, core)
  await Promise.race([delay(order.warmupSeconds * 1000), wrk.ended])
  const before = await count()
  const cost = await watchCost(order.pids, order.seconds, false)
  const requests = (await count()) - before
  const said = await wrk.end()
  const found = /^RESULT (\d+) ([\d.]+) ([\d.]+) (\d+)$/m.exec(said)
  if (found === null) throw new Error(`wrk said: ${said.slice(0, 500)}`)
  const [all, p50Us, p99Us, errors] = found.slice(1).map(Number)
  if (errors > 0) throw new Error(`${errors} of ${all} replies were not good`)
  return {
    ...cost,
    requests,
    // With the warm-up: wrk knows one time span only.
    total: { p50: p50Us / 1000, p99: p99Us / 1000 },
  }
}

// It runs until it is interrupted, which it takes as the end of its time. Should nobody be left to do so, it
// ends on its own.
function startWrk(script, { port, path, connections, warmupSeconds, seconds }, core) {
  const most = Math.ceil(warmupSeconds + LONGEST * seconds) + SPARE_SECONDS
  const url = `http://127.0.0.1:${port}${path}`
  const args = ['-t1', `-c${connections}`, `-d${most}s`, '--timeout', '30s', '-s', script, url]
  const [command, ...rest] = pinned(core, ['wrk', ...args])
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  let text = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (more) => {
    text += more
  })
  return {
    ended,
    async end() {
      if (child.exitCode === null) child.kill('SIGINT')
      await ended
      process.removeListener('exit', kill)
      return text
    },
  }
}

function scriptFor({ headers, body }) {
  const fields = Object.entries(headers).map(
    ([name, value]) => `wrk.headers[${luaString(name)}] = ${luaString(value)}`,
  )
  return `wrk.method = "POST"
wrk.body = ${luaString(body)}
${fields.join('\n')}
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %f %f %d\\n", summary.requests,
    latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`
}

// JSON's escapes for quotes, backslashes and line ends are Lua's, too; the bench sends plain ASCII.
function luaString(text) {
  return JSON.stringify(text)
}
