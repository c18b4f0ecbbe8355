/** Processes: started on their core, awaited until they listen, ended when the bench is done with them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const AIPROXY = fileURLToPath(new URL('../bin/aiproxy.js', import.meta.url))
const START_LIMIT_MS = 20_000
const POLL_MS = 2

/** A command line that runs on `core`; the same one where nothing can be pinned. */
export function pinned(core, command) {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command]
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/**
 * Starts a command that will listen on `port` and resolves once it does, with
 * `{ child, pid, port, startedMs, stop }`. What it writes goes into files of `directory`, as a service
 * manager would have it: a pipe read by the bench would put part of the bill on the load's core.
 * Rejects with what it said where it ends or does not listen.
 */
export async function startListening(name, commandLine, { core, directory, port, env = {} }) {
  const errorPath = join(directory, `${name}.err`)
  const out = openSync(join(directory, `${name}.out`), 'w')
  const errors = openSync(errorPath, 'w')
  const startedMs = performance.now()
  const [command, ...args] = pinned(core, commandLine)
  const child = spawn(command, args, {
    stdio: ['ignore', out, errors],
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, NODE_ENV: 'production', ...env },
  })
  closeSync(out)
  closeSync(errors)
  while (!(await listens(port))) {
    if (child.exitCode !== null || performance.now() - startedMs > START_LIMIT_MS) {
      await stop(child)
      throw new Error(`${name} did not start: ${readFileSync(errorPath, 'utf8').slice(0, 2000)}`)
    }
    await delay(POLL_MS)
  }
  return { child, pid: child.pid, port, startedMs, stop: () => stop(child) }
}

/** Ends a process that was started here, and waits until it is gone. */
export async function stop(child, signal = 'SIGKILL') {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

/** One POST; resolves with `{ status, headers, text }`. */
export function post({ port, path, headers, body }) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', path, method: 'POST', agent: false, headers },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (more) => {
          text += more
        })
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, text }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
