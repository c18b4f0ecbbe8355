/**
 * Wiring: builds the rooms once and hands each what it needs. Decides nothing.
 */
import { identifyCaller } from './access/identify.ts'
import type { Config } from './config/config.ts'
import { createRedactor } from './errors/redact.ts'
import { runExchange } from './exchange.ts'
import type { Call, ExchangeHooks, ReplySink, Rooms } from './exchange.ts'
import type { MockProvider } from './mock/mock.ts'
import { createHealth } from './routing/health.ts'
import { createRoutes } from './routing/targets.ts'
import { mintRequestId } from './server/request-id.ts'
import { createFrontDoor } from './server/server.ts'
import { createUpstream } from './upstream/upstream.ts'
import { createLedger } from './usage/ledger.ts'
import type { Ledger } from './usage/ledger.ts'

// `ask` reads the reply of its own call; the command line knows no wire format.
export { readChatReply, readChatStream } from './dialects/chat-pieces.ts'
export type { ChatPiece, ChatReader } from './dialects/chat-pieces.ts'

export interface App {
  readonly config: Config
  /** Where the embedded mock listens; `undefined` when nothing is mocked. */
  readonly mockUrl: string | undefined
  /** Requests between arrival and log line. */
  readonly inFlight: number
  newRequestId(): string
  /** Opens the port; resolves once listening, with the real port. Throws ProxyError `port_in_use`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /**
   * One request through the same path as the server's. Resolves when the reply has ended and its line is
   * logged; rejects with ProxyError where no reply was begun.
   */
  exchange(call: Call, sink: ReplySink): Promise<void>
  /** Stops accepting, waits up to `graceMs` for requests in flight, then cuts them; closes everything. */
  close(graceMs: number): Promise<void>
}

export interface AppOptions {
  readonly hooks?: ExchangeHooks
  /** Called when the usage log cannot be written. */
  readonly onLogFailure?: (error: Error) => void
  /** A defect of ours, with its stack. */
  readonly onUnexpected?: (error: Error) => void
  /** No usage log at all (`ask --no-log`). */
  readonly noLog?: boolean
  /** Milliseconds between two pieces of a mocked stream; default 0. */
  readonly mockPaceMs?: number
}

const NO_LEDGER: Ledger = { append() {}, available: true, check: () => true, close() {} }

/** Builds the program around one config. Starts the embedded mock where a provider is mocked. */
export async function createApp(config: Config, options: AppOptions = {}): Promise<App> {
  const mock = await startMock(config, options.mockPaceMs ?? 0)
  const secrets = [...config.providers.values()].flatMap(({ credential }) =>
    credential.kind === 'key' ? [credential.value] : [],
  )
  const rooms: Rooms = {
    config,
    routes: createRoutes(config),
    health: createHealth(),
    upstream: createUpstream({ mockUrl: mock?.url }),
    ledger:
      options.noLog === true
        ? NO_LEDGER
        : createLedger({ path: config.log, onFailure: options.onLogFailure ?? (() => {}) }),
    redact: createRedactor(secrets),
    hooks: options.hooks ?? {},
    identify: (headers) => identifyCaller(config, headers),
  }
  let inFlight = 0

  async function exchange(call: Call, sink: ReplySink): Promise<void> {
    inFlight += 1
    try {
      await runExchange(call, sink, rooms)
    } finally {
      inFlight -= 1
    }
  }

  const door = createFrontDoor({
    host: config.listen.host,
    port: config.listen.port,
    settings: () => config,
    exchange,
    modelsFor(headers) {
      const user = rooms.identify(headers)
      return user.models.flatMap(({ name }) => {
        const model = config.models.get(name)
        return model === undefined
          ? []
          : [{ id: name, ownedBy: model.provider, maxTokens: model.maxTokens }]
      })
    },
    onUnexpected: options.onUnexpected ?? (() => {}),
  })

  return {
    config,
    mockUrl: mock?.url,
    get inFlight() {
      return inFlight
    },
    newRequestId: () => mintRequestId(Date.now()),
    listen: () => door.listen(),
    exchange,
    async close(graceMs) {
      await door.close(graceMs)
      await rooms.upstream.close()
      await mock?.close()
      rooms.ledger.close()
    },
  }
}

async function startMock(config: Config, paceMs: number): Promise<MockProvider | undefined> {
  const needed = [...config.models.values()].some(
    (model) => config.providers.get(model.provider)?.mock === true,
  )
  if (!needed) return undefined
  const { createMockProvider } = await import('./mock/mock.ts')
  return createMockProvider({ paceMs })
}
