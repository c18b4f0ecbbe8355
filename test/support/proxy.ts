/** The real program, started as a user starts it: its own process, home and working directory. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dig, map, parseJson } from './json.ts'
import type { JsonMap } from './json.ts'
import { nothing, projectRoot, within } from './owner.ts'
import type { Owner } from './owner.ts'

const PROGRAM = fileURLToPath(new URL('bin/aiproxy.js', projectRoot))

// It runs the bundle; after tsc alone that would be the program of yesterday.
const [bundledMs, compiledMs] = ['dist/aiproxy/start.cjs', 'dist/src/cli/start.js'].map(
  (path) => statSync(new URL(path, projectRoot)).mtimeMs,
)
if (bundledMs === undefined || compiledMs === undefined || bundledMs < compiledMs) {
  throw new Error('dist/aiproxy is older than dist/src. → npm run bundle')
}

export interface ProxyOptions {
  /** Text of the config file; none is written where it is left out. */
  readonly config?: string
  /** Name of the config file in the working directory; default `aiproxy.yaml`. */
  readonly configName?: string
  /** False: the file is left to be found, not named with `-c`. Default true. */
  readonly nameConfig?: boolean
  /** Beside PATH and HOME, which are always set; nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** After `serve --port 0 --log-format json`. */
  readonly args?: readonly string[]
}

export interface Proxy {
  /** `http://127.0.0.1:<port>`, no path. */
  readonly url: string
  readonly home: string
  readonly cwd: string
  readonly logPath: string
  readonly env: Readonly<Record<string, string>>
  /** Every line of the usage log, parsed. Throws where a line is no JSON object. */
  log(): JsonMap[]
  /** The one log line of this request; waits until the program says that the request is over. */
  record(id: string | undefined): Promise<JsonMap>
  /** JSON lines of stdout so far, parsed. */
  events(): JsonMap[]
  /** The first stdout event that fits; waits for it. */
  event(what: string, fits: (event: JsonMap) => boolean): Promise<JsonMap>
  stdout(): string
  stderr(): string
  readonly pid: number
  /** Sends a signal, once; the end is `exited`. */
  signal(name: NodeJS.Signals): void
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
}

/** A new empty directory, removed when `owner` cleans up. */
export function createDirectory(owner: Owner): string {
  const path = makeDirectory()
  owner.after(() => {
    removeDirectory(path)
  })
  return path
}

function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
}

function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

/** Starts `aiproxy serve` on a free port; resolves once it listens, ended when `owner` cleans up. */
export async function startProxy(owner: Owner, options: ProxyOptions = {}): Promise<Proxy> {
  const base = makeDirectory()
  const home = join(base, 'home')
  const cwd = join(base, 'work')
  mkdirSync(home)
  mkdirSync(cwd)
  const configName = options.configName ?? 'aiproxy.yaml'
  const args = ['serve', '--port', '0', '--log-format', 'json']
  if (options.config !== undefined) {
    writeFileSync(join(cwd, configName), options.config)
    if (options.nameConfig !== false) args.push('-c', configName)
  }
  args.push(...(options.args ?? []))
  const env = cleanEnv(home, options.env)
  const logPath = join(home, '.local', 'state', 'aiproxy', 'usage.jsonl')

  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = watchOutput(child, true)
  owner.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await output.exited
    // Not before: the last line of the log may be under way, and would make its directory anew.
    removeDirectory(base)
  })

  const event = (what: string, fits: (event: JsonMap) => boolean): Promise<JsonMap> =>
    output.waitFor(what, fits)

  const listening = await event('the `listening` line', (line) => line['event'] === 'listening')
  const url = listening['url']
  if (typeof url !== 'string') throw new TypeError('the `listening` line has no url')

  const log = (): JsonMap[] => readLog(logPath)

  return {
    url,
    home,
    cwd,
    logPath,
    env,
    log,
    record: async (id) => {
      if (id === undefined) throw new Error('the reply has no x-request-id')
      await event(
        `the end of request ${id}`,
        (line) => line['event'] === 'request' && line['id'] === id,
      )
      const found = log().filter((line) => line['id'] === id)
      const [only] = found
      if (only === undefined || found.length > 1) {
        throw new Error(`${found.length} log lines for ${id}, expected exactly one`)
      }
      return only
    },
    events: output.events,
    event,
    stdout: output.stdout,
    stderr: output.stderr,
    pid: child.pid ?? 0,
    signal: (name) => {
      child.kill(name)
    },
    exited: output.exited,
  }
}

/** Lines of a usage log; empty where there is no file yet. */
export function readLog(path: string): JsonMap[] {
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  if (text !== '' && !text.endsWith('\n')) throw new Error('the usage log ends inside a line')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => map(parseJson(line)))
}

export interface CliOptions {
  readonly cwd: string
  readonly home: string
  readonly env?: Readonly<Record<string, string>>
  /** What comes in through a pipe; left out, stdin is the null device. */
  readonly input?: string
}

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command to its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = startCli(args, options)
  const output = watchOutput(child, false)
  try {
    const { code, signal } = await within(output.exited, `the end of aiproxy ${args.join(' ')}`)
    return { code, signal, stdout: output.stdout(), stderr: output.stderr() }
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

/** Starts one command; the caller watches it. */
export function startCli(args: readonly string[], options: CliOptions): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd,
    env: cleanEnv(options.home, options.env),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(options.input)
  return child
}

/** Runs one line of bash with `$AIPROXY` as the program; for pipes between commands. */
export async function runShell(script: string, options: CliOptions): Promise<CliResult> {
  const child = spawn('bash', ['-c', `set -o pipefail\n${script}`], {
    cwd: options.cwd,
    env: {
      ...cleanEnv(options.home, options.env),
      NODE: process.execPath,
      PROGRAM,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = watchOutput(child, false)
  try {
    const { code, signal } = await within(output.exited, `the end of ${script}`)
    return { code, signal, stdout: output.stdout(), stderr: output.stderr() }
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  }
}

function cleanEnv(
  home: string,
  env: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: home, ...env }
}

interface Output {
  readonly stdout: () => string
  readonly stderr: () => string
  readonly events: () => JsonMap[]
  readonly waitFor: (what: string, fits: (event: JsonMap) => boolean) => Promise<JsonMap>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Gathers what a program writes; `jsonLines`: each stdout line that begins like an object must be one. */
function watchOutput(child: ChildProcess, jsonLines: boolean): Output {
  let stdout = ''
  let stderr = ''
  // Whole JSON lines of stdout, and how much of the text they were read from.
  const events: JsonMap[] = []
  let read = 0
  let gone = false
  const waiting = new Set<() => void>()
  const wakeAll = (): void => {
    for (const wake of waiting) wake()
  }

  child.stdout?.setEncoding('utf8')
  child.stderr?.setEncoding('utf8')
  child.stdout?.on('data', (text: string) => {
    stdout += text
    for (let end = stdout.indexOf('\n', read); end >= 0; end = stdout.indexOf('\n', read)) {
      const line = stdout.slice(read, end)
      read = end + 1
      if (jsonLines && line.startsWith('{')) events.push(map(parseJson(line)))
    }
    wakeAll()
  })
  child.stderr?.on('data', (text: string) => {
    stderr += text
  })
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.on('error', reject)
      // `close` comes after the last byte of both pipes, `exit` may come before.
      child.on('close', (code, signal) => {
        gone = true
        wakeAll()
        resolve({ code, signal })
      })
    },
  )
  exited.catch(() => {})

  const describe = (): string => `\nstdout: ${stdout.slice(-2000)}\nstderr: ${stderr.slice(-2000)}`

  return {
    stdout: () => stdout,
    stderr: () => stderr,
    events: () => [...events],
    waitFor: async (what, fits) => {
      let wake = nothing
      const arrival = new Promise<JsonMap>((resolve, reject) => {
        wake = () => {
          const found = events.find(fits)
          if (found !== undefined) resolve(found)
          else if (gone) reject(new Error(`the program ended before ${what}${describe()}`))
        }
      })
      waiting.add(wake)
      wake()
      try {
        return await within(arrival, what)
      } catch (error) {
        throw new Error(`${String(error)}${describe()}`, { cause: error })
      } finally {
        waiting.delete(wake)
      }
    },
    exited,
  }
}

/** The attempts of a log line, as plain values. */
export function attemptsOf(record: JsonMap): JsonMap[] {
  const attempts = dig(record, 'attempts')
  return Array.isArray(attempts) ? attempts.map((attempt) => map(attempt)) : []
}
