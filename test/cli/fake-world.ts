/** A world without a process: streams that are strings, a clock that is turned by hand, a scripted App. */
import { PassThrough } from 'node:stream'
import type { App, AppOptions, ChatPiece } from '../../src/app.ts'
import type { Config, Model, Provider, User, UserModel } from '../../src/config/config.ts'
import type { ConfigWatch, ConfigWatchOptions } from '../../src/config/watch.ts'
import type { Call, ReplySink } from '../../src/exchange/call.ts'
import type { CostOf, OutputStream, StopSignal, TodayUse, World } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { UsageRecord } from '../../src/usage/record.ts'

export interface Exchange {
  readonly call: Call
  readonly sink: ReplySink
  readonly options: AppOptions
  /** The body of the call, parsed. */
  readonly body: Record<string, unknown>
  /** Writes pieces as the fake wire has them. */
  readonly say: (...pieces: ChatPiece[]) => boolean
}

export interface FakeOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Which of the output streams are terminals. */
  readonly tty?: { readonly stdout?: boolean; readonly stderr?: boolean }
  readonly columns?: number
  /** Text that is piped in. */
  readonly stdin?: string
  /** stdin is a pipe that neither speaks nor ends. */
  readonly openStdin?: boolean
  readonly cwd?: string
  readonly config?: Config
  readonly exchange?: (exchange: Exchange) => Promise<void>
  readonly listen?: () => Promise<{ host: string; port: number }>
  readonly inFlight?: number
  readonly close?: (graceMs: number) => Promise<void>
  /** Before another config is in force. */
  readonly reload?: (config: Config) => Promise<void>
  readonly costOf?: CostOf
  readonly today?: ReadonlyMap<string, TodayUse>
  readonly probe?: World['probe']
  readonly findPortHolder?: World['findPortHolder']
  readonly loadConfig?: World['loadConfig']
  readonly readEnvFile?: World['readEnvFile']
  /** What is at the config's path at a SIGHUP; default `file`. */
  readonly found?: ReturnType<ConfigWatch['takeNow']>
  /** True: every write to stdout says that its reader is behind. */
  readonly slowStdout?: boolean
}

export interface FakeRun {
  readonly world: World
  readonly stdout: () => string
  readonly stderr: () => string
  /** What `exit()` was called with, in order. */
  readonly exits: number[]
  /** Grace periods `close()` was called with, in order. */
  readonly closes: number[]
  readonly loaded: string[]
  readonly configFlags: Array<string | undefined>
  /** Options of the last App made. */
  readonly appOptions: () => AppOptions | undefined
  advance(ms: number): void
  signal(name: StopSignal): void
  /** SIGHUP. */
  hangUp(terminalIsGone: boolean): void
  /** The watches on config files that are not closed. */
  readonly watches: readonly ConfigWatchOptions[]
  closeStdout(): void
  drainStdout(): void
  /** Runs one command line in this world. */
  main(...argv: string[]): Promise<number>
}

/** A new world; nothing happens in it until `main` is called. */
export function createFake(options: FakeOptions = {}): FakeRun {
  let stdout = ''
  let stderr = ''
  let nowMs = 0
  let appOptions: AppOptions | undefined
  const timers = new Set<{ readonly atMs: number; readonly action: () => void }>()
  const signals = new Set<(signal: StopSignal) => void>()
  const hangUps = new Set<(terminalIsGone: boolean) => void>()
  const watches: ConfigWatchOptions[] = []
  const whenStdoutGoes = new Set<() => void>()
  const drains: Array<() => void> = []
  const exits: number[] = []
  const closes: number[] = []
  const loaded: string[] = []
  const configFlags: Array<string | undefined> = []
  const stdin = new PassThrough()
  if (options.stdin !== undefined) stdin.end(options.stdin)

  const stream = (write: (text: string) => void, isTTY: boolean | undefined): OutputStream => ({
    write(text) {
      write(text)
      return options.slowStdout !== true
    },
    isTTY: isTTY ?? false,
    columns: isTTY === true ? (options.columns ?? 100) : undefined,
    once: (_event, listener) => drains.push(listener),
  })

  const createApp = (config: Config, given: AppOptions = {}): Promise<App> => {
    appOptions = given
    let inForce = config
    return Promise.resolve({
      get config() {
        return inForce
      },
      mockUrl: undefined,
      get inFlight() {
        return options.inFlight ?? 0
      },
      newRequestId: () => 'req_0123456789abcdef',
      listen: options.listen ?? (() => Promise.resolve({ host: '127.0.0.1', port: 4242 })),
      async exchange(call, sink) {
        const bytes = await call.readBody()
        const say = (...pieces: ChatPiece[]): boolean =>
          sink.write(pieces.map((piece) => `${JSON.stringify(piece)}\n`).join(''))
        const body: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
        await options.exchange?.({ call, sink, options: given, body: asMap(body), say })
      },
      async reload(next) {
        await options.reload?.(next)
        inForce = next
      },
      close(graceMs) {
        closes.push(graceMs)
        return options.close?.(graceMs) ?? Promise.resolve()
      },
    })
  }

  const world: World = {
    stdout: stream((text) => {
      stdout += text
    }, options.tty?.stdout),
    stderr: stream((text) => {
      stderr += text
    }, options.tty?.stderr),
    // oxlint-disable-next-line no-unsafe-type-assertion -- only what any stream has is used of it
    openStdin: () => stdin as unknown as NodeJS.ReadStream,
    stdinIsPiped: options.stdin !== undefined || options.openStdin === true,
    env: options.env ?? {},
    cwd: options.cwd ?? '/desk',
    home: '/home/someone',
    openSink: (name) => (text, done) => {
      world[name].write(text)
      if (options.slowStdout === true && name === 'stdout') drains.push(done)
      else done()
    },
    // At once, so that a test sees a line where it was written; a batch is line-writer.test.ts's to show.
    soon: (action) => {
      action()
    },
    onExit: () => {},
    findPortHolder: options.findPortHolder ?? (() => Promise.resolve(undefined)),
    now: () => Date.UTC(2026, 10, 22, 15, 12, 3) + nowMs,
    monotonic: () => nowMs,
    after(ms, action) {
      const timer = { atMs: nowMs + ms, action }
      timers.add(timer)
      return () => {
        timers.delete(timer)
      }
    },
    onSignal(listener) {
      signals.add(listener)
      return () => {
        signals.delete(listener)
      }
    },
    onHangUp(listener) {
      hangUps.add(listener)
      return () => {
        hangUps.delete(listener)
      }
    },
    onSuspend: () => () => {},
    watchConfig(watched) {
      watches.push(watched)
      return Promise.resolve({
        takeNow: () => options.found ?? 'file',
        close() {
          watches.splice(watches.indexOf(watched), 1)
        },
      })
    },
    onStdoutGone(listener) {
      whenStdoutGoes.add(listener)
      return () => {
        whenStdoutGoes.delete(listener)
      }
    },
    exit(code) {
      exits.push(code)
    },
    setExitCode() {},
    version: () => '0.1.0',
    probe: options.probe ?? (() => Promise.resolve(undefined)),
    readEnvFile: options.readEnvFile ?? (({ env }) => Promise.resolve(env)),
    async loadConfig(request) {
      loaded.push('config')
      configFlags.push(request.flag)
      if (options.loadConfig !== undefined) return options.loadConfig(request)
      return options.config ?? createConfig()
    },
    async loadApp() {
      loaded.push('app')
      return {
        createApp,
        readChatStream() {
          let pending = ''
          const push = (chunk: string | Uint8Array): ChatPiece[] => {
            pending += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
            const lines = pending.split('\n')
            pending = lines.pop() ?? ''
            return lines.map(readPiece)
          }
          return { push, end: () => [] }
        },
        readChatReply: (body) => body.trim().split('\n').map(readPiece),
      }
    },
    ...(options.costOf === undefined
      ? {}
      : { loadCosts: () => Promise.resolve(options.costOf ?? (() => undefined)) }),
    ...(options.today === undefined ? {} : { readToday: () => Promise.resolve(options.today) }),
  }

  return {
    world,
    stdout: () => stdout,
    stderr: () => stderr,
    exits,
    closes,
    loaded,
    configFlags,
    appOptions: () => appOptions,
    advance(ms) {
      const untilMs = nowMs + ms
      // One after the other: an action may set the next timer.
      for (;;) {
        const [due] = [...timers]
          .filter((timer) => timer.atMs <= untilMs)
          .toSorted((a, b) => a.atMs - b.atMs)
        if (due === undefined) break
        timers.delete(due)
        nowMs = due.atMs
        due.action()
      }
      nowMs = untilMs
    },
    signal(name) {
      for (const listener of signals) listener(name)
    },
    hangUp(terminalIsGone) {
      for (const listener of hangUps) listener(terminalIsGone)
    },
    watches,
    closeStdout() {
      for (const listener of whenStdoutGoes) listener()
    },
    drainStdout() {
      for (const listener of drains.splice(0)) listener()
    },
    main: (...argv) => main(argv, world),
  }
}

/** A promise and the function that opens it: how a script is held at one point. */
export function createGate(): { readonly opened: Promise<void>; open(this: void): void } {
  let open = nothing
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    opened,
    open() {
      open()
    },
  }
}

function nothing(): void {}

/** Runs one command line to its end. */
export async function run(
  argv: readonly string[],
  options: FakeOptions = {},
): Promise<{ code: number; stdout: string; stderr: string; fake: FakeRun }> {
  const fake = createFake(options)
  const code = await fake.main(...argv)
  return { code, stdout: fake.stdout(), stderr: fake.stderr(), fake }
}

function readPiece(line: string): ChatPiece {
  const piece: ChatPiece = JSON.parse(line)
  return piece
}

/** A JSON object as a map. */
export function asMap(value: unknown): Record<string, unknown> {
  if (!isMap(value)) throw new TypeError(`not an object: ${JSON.stringify(value)}`)
  return value
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// ── configs and records ─────────────────────────────────────────────────────────────────────────

/** The published example: two users, two models, both keys set. */
export function createConfig(changes: Partial<Config> = {}): Config {
  return {
    source: { kind: 'file', path: '/desk/aiproxy.yaml' },
    listen: { host: '127.0.0.1', port: 4242 },
    log: '/home/someone/.local/state/aiproxy/usage.jsonl',
    providers: new Map([
      ['openai', createProvider('openai', {})],
      ['anthropic', createProvider('anthropic', { dialect: 'anthropic' })],
    ]),
    models: new Map([
      ['gpt-5', createModel('gpt-5', 'openai')],
      ['claude-sonnet-4-20250514', createModel('claude-sonnet-4-20250514', 'anthropic')],
    ]),
    users: new Map([
      [
        'user-a',
        createUser('user-a', [
          { name: 'gpt-5', failover: ['claude-sonnet-4-20250514'] },
          { name: 'claude-sonnet-4-20250514', failover: [] },
        ]),
      ],
      ['user-b', createUser('user-b', [{ name: 'gpt-5', failover: [] }])],
    ]),
    audit: undefined,
    keys: new Map(),
    keyHints: new Map(),
    defaultUser: undefined,
    failover: { on: new Set(['transport', 'timeout']), deadlineMs: 600_000 },
    onLogFailure: 'refuse',
    bodyLimitBytes: 64 * 1024 * 1024,
    allowedHosts: new Set(),
    allowedOrigins: new Set(),
    warnings: [],
    ...changes,
  }
}

/** The same with nothing configured: no file, no key, everything real mocked. */
export function createStarter(): Config {
  const config = createConfig({ source: { kind: 'starter' } })
  const mocked = [...config.providers].map(([name, provider]): [string, Provider] => [
    name,
    { ...provider, mock: true, credential: { kind: 'none' } },
  ])
  const mock = createProvider('mock', { mock: true, credential: { kind: 'none' } })
  const grants = [...(config.users.get('user-a')?.models ?? [])].concat([
    { name: 'mock', failover: [], limits: undefined },
    { name: 'mock-529', failover: ['mock'], limits: undefined },
  ])
  return {
    ...config,
    providers: new Map([...mocked, ['mock', mock]]),
    models: new Map([
      ...config.models,
      ['mock', createModel('mock', 'mock')],
      ['mock-529', createModel('mock-529', 'mock')],
    ]),
    users: new Map([...config.users, ['user-a', createUser('user-a', grants)]]),
  }
}

export function createProvider(name: string, changes: Partial<Provider>): Provider {
  return {
    name,
    dialect: 'openai',
    api: 'auto',
    baseUrl: name === 'openai' ? 'https://api.openai.com/v1' : `https://api.${name}.com`,
    credential: {
      kind: 'key',
      value: 'sk-a-secret-that-is-never-shown',
      source: `env ${name.toUpperCase()}_API_KEY`,
    },
    mock: false,
    timeouts: { connectMs: 5000, firstByteMs: 60_000, idleMs: 120_000 },
    ...changes,
  }
}

export function createModel(name: string, provider: string): Model {
  return {
    name,
    provider,
    upstreamName: name,
    maxTokens: undefined,
    strict: false,
    price: undefined,
    rules: {},
  }
}

/** A user; what is not said is not limited. */
export function createUser(
  name: string,
  models: ReadonlyArray<Omit<UserModel, 'limits'> & Partial<UserModel>>,
  changes: Partial<Omit<User, 'limits'>> & { readonly limits?: Partial<User['limits']> } = {},
): User {
  return {
    name,
    keys: [],
    models: models.map((grant) => ({ limits: undefined, ...grant })),
    ...changes,
    limits: { requests: [], tokens: [], costUsd: [], concurrency: undefined, ...changes.limits },
  }
}

/** An answered request of user-a to gpt-5. */
export function createRecord(changes: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ts: '2026-11-22T15:12:01.000Z',
    id: 'req_0123456789ab7f3a',
    user: 'user-a',
    api: 'chat',
    stream: true,
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 812,
    completion_tokens: 214,
    total_tokens: 1026,
    ms: 1900,
    ttft_ms: 400,
    attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 1880 }],
    ...changes,
  }
}
