/** The load generator as a process of its own, on the load's core; `run(order)` resolves with what it measured. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pinned, stop } from './programs.js'

/** Starts it. A measurement that is not answered whole and well rejects. */
export function startLoad(core) {
  const program = fileURLToPath(new URL('load.js', import.meta.url))
  const [command, ...args] = pinned(core, [process.execPath, program])
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  // Whoever waits for the answer to the order under way.
  let waiting
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line)
    if (answer.error === undefined) waiting.resolve(answer)
    else waiting.reject(new Error(answer.error))
  })
  child.on('exit', () => waiting?.reject(new Error('the load generator has ended')))
  return {
    run: (order) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        child.stdin.write(`${JSON.stringify(order)}\n`)
      }),
    stop: () => stop(child),
  }
}
