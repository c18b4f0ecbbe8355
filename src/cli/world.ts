/**
 * The real outside: the process, its streams, its signals, its clock. The only file of this room that
 * reads `process`; everything else takes what main() hands on, so a test can hand in another world.
 */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { homedir } from 'node:os'
import type { ProbeReply, StopSignal, World } from './io.ts'
import { createOutput, writeTo } from './output.ts'
import { openTerminalSink } from './terminal-sink.ts'
import { readVersion } from './version.ts'

const PROBE_LIMIT_MS = 500
const PROBE_LIMIT_BYTES = 4096

/** The world of this process. Takes over errors of stdout and stderr, and nothing else until asked. */
export function createWorld(): World {
  const whenStdoutGoes = new Set<() => void>()
  let stdoutIsGone = false
  let terminalIsGone = false
  const onStdoutError = (error: NodeJS.ErrnoException): void => {
    // `| head -1`: the reader has what it wanted; a terminal that was closed gives EIO. Anything else (a
    // full disk) is a failure.
    if (error.code !== 'EPIPE' && !(error.code === 'EIO' && process.stdout.isTTY)) {
      process.stderr.write(`error: stdout cannot be written: ${error.message}\n`)
      process.exit(1)
    }
    if (stdoutIsGone) return
    stdoutIsGone = true
    if (whenStdoutGoes.size === 0) process.exit(0)
    for (const listener of whenStdoutGoes) listener()
  }
  const stdout = createOutput({
    late: isLate(1),
    open: () => process.stdout.on('error', onStdoutError),
    write: writeTo(1),
  })
  const stderr = createOutput({
    late: isLate(2),
    open: () => process.stderr.on('error', () => {}),
    write: writeTo(2),
  })
  /** For who has more to do than to wait until somebody reads. */
  const openOutputs = (): void => {
    stdout.open()
    stderr.open()
  }

  return {
    stdout,
    stderr,
    openStdin: () => process.stdin,
    stdinIsPiped: isPiped(0),
    env: process.env,
    cwd: currentDirectory(),
    home: homeOf(process.env, homedir),
    openSink(name) {
      const stream = name === 'stdout' ? stdout.open() : stderr.open()
      const terminal = stream.isTTY
        ? openTerminalSink({
            descriptor: name === 'stdout' ? 1 : 2,
            platform: process.platform,
            allTerminals: [process.stdin, process.stdout, process.stderr].every(
              ({ isTTY }) => isTTY,
            ),
            onError: name === 'stdout' ? onStdoutError : () => {},
          })
        : undefined
      return (
        terminal ??
        ((text, done) => {
          stream.write(text, () => {
            done()
          })
        })
      )
    },
    soon: (action) => {
      setImmediate(action)
    },
    onExit: (action) => {
      process.once('exit', action)
    },
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (ms, action) => {
      const timer = setTimeout(action, ms)
      timer.unref()
      return () => {
        clearTimeout(timer)
      }
    },
    onSignal: (listener) => {
      openOutputs()
      const take = (signal: StopSignal) => (): void => {
        listener(signal)
      }
      const interrupt = take('SIGINT')
      const terminate = take('SIGTERM')
      process.on('SIGINT', interrupt)
      process.on('SIGTERM', terminate)
      // Ctrl+Break, on Windows, which has no SIGTERM: there this is the other way to ask.
      if (process.platform === 'win32') process.on('SIGBREAK', terminate)
      return () => {
        process.off('SIGINT', interrupt)
        process.off('SIGTERM', terminate)
        process.off('SIGBREAK', terminate)
      }
    },
    onHangUp: (listener) => {
      openOutputs()
      // There it only means that the console window was closed; some ten seconds are left.
      if (process.platform === 'win32') {
        const closed = (): void => {
          listener(true)
        }
        process.on('SIGHUP', closed)
        return () => {
          process.off('SIGHUP', closed)
        }
      }
      const terminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
      const hangUp = (): void => {
        terminalIsGone ||= terminal && !hasTerminal()
        listener(terminalIsGone)
      }
      process.on('SIGHUP', hangUp)
      return () => {
        process.off('SIGHUP', hangUp)
      }
    },
    onSuspend: ({ leave, resume }) => {
      // There a program cannot be suspended.
      if (process.platform === 'win32') return () => {}
      const stop = (): void => {
        leave()
        process.kill(process.pid, 'SIGSTOP')
      }
      process.on('SIGTSTP', stop)
      process.on('SIGCONT', resume)
      return () => {
        process.off('SIGTSTP', stop)
        process.off('SIGCONT', resume)
      }
    },
    watchConfig: async (options) => (await import('../config/watch.ts')).watchConfig(options),
    onStdoutGone: (listener) => {
      openOutputs()
      whenStdoutGoes.add(listener)
      return () => {
        whenStdoutGoes.delete(listener)
      }
    },
    exit: (code) => {
      if (terminalIsGone) endByHangUp()
      process.exit(code)
    },
    setExitCode: (code) => {
      process.exitCode = code
      if (terminalIsGone) endByHangUp()
    },
    version: readVersion,
    probe,
    findPortHolder: async (taken) => (await import('./port-holder.ts')).findPortHolder(taken),
    // Each is loaded where it is used: `--help` must not pay for yaml or undici.
    readEnvFile: async (options) => (await import('../config/env-file.ts')).readEnvFile(options),
    loadConfig: async (options) => {
      const { loadConfig } = await import('../config/load.ts')
      return loadConfig({
        ...options,
        loadPrices: async (models, providers) => {
          const { createPriceLookup } = await import('../usage/prices.ts')
          const priceOf = createPriceLookup(models, providers)
          const nowMs = Date.now()
          return (model) => priceOf(model, nowMs) !== undefined
        },
      })
    },
    loadApp: () => import('../app.ts'),
    loadCosts: async (config) => {
      const { createPriceLookup, recordCostUsd } = await import('../usage/prices.ts')
      const priceOf = createPriceLookup(config.models, config.providers)
      return (record) => recordCostUsd(record, priceOf)
    },
    readToday: async (config, nowMs) => (await import('./today.ts')).readTodayUse(config, nowMs),
  }
}

/** The home directory; an empty variable is none, and would make every path of ours relative. */
export function homeOf(
  env: Readonly<Record<string, string | undefined>>,
  ask: () => string,
): string {
  const home = env['HOME'] ?? ''
  return home === '' ? ask() : home
}

/** Whether the terminal this program belongs to is still there: after a hang-up it cannot be opened. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Ends as the signal would have it. An ordinary exit aborts: Node puts the terminal's settings back, and
 * takes it for a defect that the terminal is not there any more.
 */
function endByHangUp(): void {
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

function isPiped(descriptor: number): boolean {
  try {
    const stat = fstatSync(descriptor)
    return stat.isFIFO() || stat.isFile() || stat.isSocket()
  } catch {
    // Closed by whoever started us.
    return false
  }
}

/** Whether Node's stream for an output can wait; on Windows a pipe may be one that only the stream can write. */
function isLate(descriptor: number): boolean {
  return process.platform !== 'win32' && isPiped(descriptor)
}

function currentDirectory(): string {
  try {
    return process.cwd()
  } catch {
    // Removed under our feet; absolute paths still work.
    return '/'
  }
}

async function probe(url: string): Promise<ProbeReply | undefined> {
  const { get } = await import('node:http')
  return new Promise((resolve) => {
    const request = get(url, { timeout: PROBE_LIMIT_MS, agent: false }, (response) => {
      let body = ''
      const answer = (): void => {
        const headers = new Map<string, string>()
        for (const [name, value] of Object.entries(response.headers)) {
          if (value !== undefined) headers.set(name, String(value))
        }
        resolve({ status: response.statusCode ?? 0, headers, body })
        request.destroy()
      }
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
        if (body.length > PROBE_LIMIT_BYTES) answer()
      })
      response.on('end', answer)
      response.on('error', answer)
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => {
      resolve(undefined)
    })
    request.on('close', () => {
      resolve(undefined)
    })
  })
}
