/** `aiproxy usage` over large logs, beside `wc -l` on the same file: wall time, and peak memory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { logLine } from './commands.js'
import { AIPROXY } from './programs.js'

const LINES_PER_WRITE = 1000

/** For each size `{ megabytes, samples }`; a sample is `{ wallMs, peakMegabytes }`, one a round. */
export async function measureUsageLog({ sizes, rounds, directory, onStep }) {
  const results = []
  for (const megabytes of sizes) {
    onStep(`usage over a log of ${megabytes} MB`)
    const path = join(directory, `usage-${megabytes}.jsonl`)
    writeLog(path, megabytes * 2 ** 20)
    const commands = {
      'wc -l': ['wc', '-l', path],
      'aiproxy usage': [process.execPath, AIPROXY, 'usage', '-c', 'none', '--log', path, '--json'],
    }
    const samples = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, command] of Object.entries(commands)) {
        samples[name].push(await runWatched(name, command, directory))
      }
    }
    rmSync(path)
    results.push({ megabytes, samples })
  }
  return results
}

async function runWatched(name, [command, ...args], directory) {
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
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${errors.slice(0, 500)}`)
  return { wallMs: performance.now() - startedMs, peakMegabytes }
}

function writeLog(path, bytes) {
  const file = openSync(path, 'w')
  for (let written = 0, at = 0; written < bytes; at += LINES_PER_WRITE) {
    const lines = Array.from({ length: LINES_PER_WRITE }, (_, index) => logLine(at + index))
    written += writeSync(file, lines.join(''))
  }
  closeSync(file)
}
