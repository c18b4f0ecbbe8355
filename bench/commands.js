/** What is not a request: time to the first answer, start of the short commands, a large usage log. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { AIPROXY, pinned, startAiproxy, startFloor } from './programs.js'

/** Milliseconds from the start of a process to its first good answer, per program, for each round. */
export async function measureStarts({ rounds, cores, directory, upstreamPort, body, floorPath }) {
  const starts = { floor: [], aiproxy: [] }
  for (let round = 0; round < rounds; round += 1) {
    for (const startProgram of [startFloor, startAiproxy]) {
      const running = await startProgram(cores?.target, directory, upstreamPort)
      const path = running.name === 'floor' ? floorPath : '/v1/chat/completions'
      await ask(running.port, path, body)
      starts[running.name].push(performance.now() - running.startedMs)
      await running.stop()
    }
  }
  return starts
}

/** One request; resolves with status, headers and text. Rejects where it is not answered with 200. */
export function ask(port, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        host: '127.0.0.1',
        path,
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json', 'x-user': 'bench' },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (more) => {
          text += more
        })
        response.on('end', () => {
          if (response.statusCode === 200) resolve({ headers: response.headers, text })
          else reject(new Error(`${path} on ${port}: ${response.statusCode} ${text.slice(0, 500)}`))
        })
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Milliseconds of short commands, run to their end, beside the start of Node itself. */
export function measureCommands({ rounds, cores, directory }) {
  const commands = {
    'node -e 0': ['-e', '0'],
    'aiproxy --version': [AIPROXY, '--version'],
    'aiproxy users': [AIPROXY, 'users', '-c', 'none'],
    'aiproxy usage (empty log)': [AIPROXY, 'usage', '-c', 'none'],
  }
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, args] of Object.entries(commands)) {
      const [command, ...rest] = pinned(cores?.target, [process.execPath, ...args])
      const startedMs = performance.now()
      const result = spawnSync(command, rest, {
        cwd: directory,
        env: { PATH: process.env.PATH, HOME: join(directory, 'nobody') },
      })
      if (result.status !== 0) throw new Error(`${name}: ${result.stderr.toString().slice(0, 500)}`)
      times[name].push(performance.now() - startedMs)
    }
  }
  return times
}

/** `usage` over a written log of `megabytes`, beside `wc -l` on the same file: times, and peak memory. */
export async function measureUsage({ rounds, cores, directory, megabytes }) {
  const path = join(directory, 'large.jsonl')
  writeLog(path, megabytes)
  const times = { 'wc -l': [], 'aiproxy usage': [] }
  let peakMegabytes
  for (let round = 0; round < rounds; round += 1) {
    const [wc, ...wcArgs] = pinned(cores?.target, ['wc', '-l', path])
    const startedMs = performance.now()
    spawnSync(wc, wcArgs)
    times['wc -l'].push(performance.now() - startedMs)
    const args = ['usage', '-c', 'none', '--log', path, '--json']
    const run = await runWatched(
      pinned(cores?.target, [process.execPath, AIPROXY, ...args]),
      directory,
    )
    times['aiproxy usage'].push(run.milliseconds)
    if (run.peakMegabytes !== undefined) {
      peakMegabytes = Math.max(peakMegabytes ?? 0, run.peakMegabytes)
    }
  }
  return { times, peakMegabytes }
}

async function runWatched([command, ...args], directory) {
  const startedMs = performance.now()
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: join(directory, 'nobody') },
  })
  let errors = ''
  child.stderr.on('data', (more) => {
    errors += String(more)
  })
  let peakMegabytes
  const watch = setInterval(() => {
    try {
      const found = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
      if (found !== null) peakMegabytes = Number(found[1]) / 1024
    } catch {
      // It has just ended, or this system has no /proc.
    }
  }, 10)
  const [code] = await once(child, 'close')
  clearInterval(watch)
  if (code !== 0) throw new Error(`aiproxy usage ended with ${code}: ${errors.slice(0, 500)}`)
  return { milliseconds: performance.now() - startedMs, peakMegabytes }
}

function writeLog(path, megabytes) {
  const file = openSync(path, 'w')
  let bytes = 0
  for (let at = 0; bytes < megabytes * 2 ** 20;) {
    let block = ''
    for (let line = 0; line < 1000; line += 1, at += 1) {
      const ts = new Date(Date.UTC(2026, 9, 1) + at * 1000).toISOString()
      block += `${JSON.stringify({
        ts,
        id: `req_${at.toString(36).padStart(12, '0')}`,
        user: `user-${at % 7}`,
        api: 'chat',
        stream: true,
        model: at % 3 === 0 ? 'gpt-5' : 'claude-sonnet-4-20250514',
        served_model: at % 3 === 0 ? 'gpt-5' : 'claude-sonnet-4-20250514',
        provider: at % 3 === 0 ? 'openai' : 'anthropic',
        status: 200,
        outcome: 'ok',
        prompt_tokens: 100 + (at % 900),
        completion_tokens: 50 + (at % 400),
        total_tokens: 150 + (at % 900) + (at % 400),
        cached_tokens: 0,
        ms: 840,
        ttft_ms: 310,
        attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 840 }],
      })}\n`
    }
    bytes += writeSync(file, block)
  }
  closeSync(file)
}
