/**
 * Wiring: builds the rooms and hands each what it needs. Decides nothing. A reload builds again what comes
 * out of the config, and keeps what has memory: health, connections, the open log.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { identifyCaller } from './access/identify.ts'
import { createLimiter } from './access/limits.ts'
import { isLoopback } from './config/address.ts'
import type { Config, Provider } from './config/config.ts'
import { deepFreeze } from './config/freeze.ts'
import { ProxyError } from './errors/proxy-error.ts'
import { createRedactor } from './errors/redact.ts'
import { runExchange } from './exchange.ts'
import type { Call, ExchangeHooks, ReplySink } from './exchange/call.ts'
import type { Rooms } from './exchange.ts'
import type { MockProvider } from './mock/mock.ts'
import { renewLimits } from './renew-limits.ts'
import { createHealth, renameTargets } from './routing/health.ts'
import { createRoutes, createTarget } from './routing/targets.ts'
import { createRequestIdMint } from './server/request-id.ts'
import { createFrontDoor } from './server/server.ts'
import { createUpstream } from './upstream/upstream.ts'
import { createAudit } from './usage/audit.ts'
import { createLedger } from './usage/ledger.ts'
import type { Ledger } from './usage/ledger.ts'
import { createOpenFiles } from './usage/open-files.ts'
import type { OpenFiles } from './usage/open-files.ts'
import { METRICS_TYPE, createMetrics } from './usage/metrics.ts'
import { createUseOf } from './usage/past-use.ts'
import { createPriceLookup, recordCostUsd } from './usage/prices.ts'
import type { PriceOf } from './usage/prices.ts'

// `ask` reads the reply of its own call; the command line knows no wire format.
export { readChatReply, readChatStream } from './dialects/chat-pieces.ts'
export type { ChatPiece, ChatReader } from './dialects/chat-pieces.ts'

export interface App {
  /** The config in force. */
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
  /**
   * Puts another config in force between two requests; those under way end with the one they began with.
   * Its `listen` is not looked at: the port stays. Throws ProxyError where it cannot be put in force
   * (`config_invalid` for a log that cannot be written, `shutting_down`); nothing has changed then.
   */
  reload(config: Config): Promise<void>
  /** Stops accepting, waits up to `graceMs` for requests in flight, then cuts them; closes everything. */
  close(graceMs: number): Promise<void>
}

export interface AppOptions {
  readonly hooks?: ExchangeHooks
  /** Called when the usage log cannot be written. */
  readonly onLogFailure?: (error: Error) => void
  /** Called when the payload audit cannot be written; requests go on. */
  readonly onAuditFailure?: (error: Error) => void
  /** A defect of ours, with its stack. */
  readonly onUnexpected?: (error: Error) => void
  /** No usage log at all (`ask --no-log`). */
  readonly noLog?: boolean
  /** No payload audit, whatever the config says. */
  readonly noAudit?: boolean
  /** Milliseconds between two pieces of a mocked stream; default 0. */
  readonly mockPaceMs?: number
}

const CLOCK = { monotonicMs: () => performance.now(), wallMs: () => Date.now() }

// Less than whoever asks for haste would wait.
const LAST_LINES_MS = 400
const NO_LEDGER: Ledger = { append: () => '', available: true, check: () => true, close() {} }

/** One config and what was built from it, for as long as a request runs with it. */
interface Generation {
  readonly rooms: Rooms
  readonly priceOf: PriceOf
  /** Its targets' names in the memory of health. */
  readonly healthNames: ReadonlySet<string>
  inFlight: number
}

/** What exchanges are written down in. */
type Books = Pick<Rooms, 'ledger' | 'audit'>

/** Builds the program around one config. Starts the embedded mock where a provider is mocked. */
export async function createApp(first: Config, options: AppOptions = {}): Promise<App> {
  // What outlives a config.
  const health = createHealth()
  const limits = createLimiter(CLOCK)
  // Before anything is open, because it may fail.
  const opening = await renewLimits(
    limits,
    first,
    createUseOf(createPriceLookup(first.models, first.providers)),
  )
  opening.commit()
  const ledgers = createOpenFiles(createLedger, options.onLogFailure)
  const audits = createOpenFiles(createAudit, options.onAuditFailure)
  const secrets = new Set<string>()
  const mintRequestId = createRequestIdMint()
  const nameProvider = createProviderNames()
  let mock = await startMock(first, options.mockPaceMs ?? 0)
  const upstream = createUpstream({
    get mockUrl() {
      return mock?.url
    },
  })
  let closing = false

  const metrics = createMetrics({
    knows: {
      user: (name) => current.rooms.config.users.has(name),
      model: (name) => current.rooms.config.models.has(name),
      provider: (name) => current.rooms.config.providers.has(name),
    },
    costOf: (record) => recordCostUsd(record, current.priceOf),
  })
  const hooks: ExchangeHooks = {
    ...options.hooks,
    onFinished(record, line) {
      metrics.observe(record)
      options.hooks?.onFinished?.(record, line)
    },
  }

  const live = new Set<Generation>()
  let current = begin(first, {
    ledger: options.noLog === true ? NO_LEDGER : ledgers.open(first.log),
    audit:
      first.audit === undefined || options.noAudit === true ? undefined : audits.open(first.audit),
  })

  /** The books of a config not in force yet: one that cannot be written is a reason to refuse it. */
  function openNext(config: Config): Books {
    try {
      return {
        ledger: options.noLog === true ? NO_LEDGER : openOr('log', ledgers, config.log),
        audit:
          config.audit === undefined || options.noAudit === true
            ? undefined
            : openOr('audit', audits, config.audit),
      }
    } catch (thrown) {
      // The other may have been opened for nothing.
      closeUnused([...live])
      throw thrown
    }
  }

  function closeUnused(used: readonly Generation[]): void {
    ledgers.retain(new Set(used.map(({ rooms }) => rooms.ledger)))
    audits.retain(new Set(used.map(({ rooms }) => rooms.audit)))
  }

  function begin(config: Config, { ledger, audit }: Books): Generation {
    const priceOf = createPriceLookup(config.models, config.providers)
    // Those of the past too: a provider may still echo a key that was just replaced.
    for (const { credential } of config.providers.values()) {
      if (credential.kind === 'key') secrets.add(credential.value)
    }
    const healthNames = new Map<string, string>()
    for (const model of config.models.values()) {
      const provider = config.providers.get(model.provider)
      if (provider === undefined) continue
      const { key } = createTarget(model, provider)
      healthNames.set(key, `${key} ${nameProvider(provider)}`)
    }
    const generation: Generation = {
      rooms: {
        config,
        routes: createRoutes(config),
        health: renameTargets(health, (target) => healthNames.get(target) ?? target),
        limits,
        useOf: createUseOf(priceOf),
        upstream,
        ledger,
        audit,
        redact: createRedactor(secrets),
        hooks,
        identify: (headers) => identifyCaller(config, headers),
        onOver() {
          generation.inFlight -= 1
          endIfDone(generation)
        },
      },
      priceOf,
      healthNames: new Set(healthNames.values()),
      inFlight: 0,
    }
    live.add(generation)
    return generation
  }

  /** After the last request of a generation: closes what only it had. */
  function endIfDone(generation: Generation): void {
    if (generation === current || generation.inFlight > 0 || closing) return
    live.delete(generation)
    const rest = [...live]
    upstream.retain(new Set(rest.flatMap(({ rooms }) => [...rooms.config.providers.values()])))
    for (const name of generation.healthNames) {
      if (!rest.some(({ healthNames }) => healthNames.has(name))) health.forget(name)
    }
    closeUnused(rest)
  }

  function countInFlight(): number {
    return [...live].reduce((sum, generation) => sum + generation.inFlight, 0)
  }

  function exchange(call: Call, sink: ReplySink): Promise<void> {
    current.inFlight += 1
    return runExchange(call, sink, current.rooms)
  }

  const door = createFrontDoor({
    host: first.listen.host,
    port: first.listen.port,
    settings: () => current.rooms.config,
    exchange,
    modelsFor(headers) {
      const { rooms } = current
      return rooms.identify(headers).models.flatMap(({ name }) => {
        const model = rooms.config.models.get(name)
        return model === undefined
          ? []
          : [{ id: name, ownedBy: model.provider, maxTokens: model.maxTokens }]
      })
    },
    metrics(headers) {
      const { rooms } = current
      const { config } = rooms
      // Names of users and what they spend are for this machine, and beyond it for who has a key.
      if (!isLoopback(first.listen.host)) rooms.identify(headers)
      const nowMs = performance.now()
      const targets = [...config.models.values()].flatMap((model) => {
        const provider = config.providers.get(model.provider)
        if (provider === undefined) return []
        const resting = rooms.health.resting(createTarget(model, provider).key, nowMs) !== undefined
        return [{ model: model.name, provider: provider.name, resting }]
      })
      const logAvailable = rooms.ledger.available
      return {
        type: METRICS_TYPE,
        text: metrics.render({ inFlight: countInFlight(), logAvailable, targets }),
      }
    },
    onUnexpected: options.onUnexpected ?? (() => {}),
  })

  return {
    get config() {
      return current.rooms.config
    },
    get mockUrl() {
      return needsMock(current.rooms.config) ? mock?.url : undefined
    },
    get inFlight() {
      return countInFlight()
    },
    newRequestId: () => mintRequestId(Date.now()),
    listen: () => door.listen(),
    exchange,
    async reload(given) {
      // Once started it stays: an idle socket on loopback costs nothing, and its address is in use.
      const started = mock ?? (await startMock(given, options.mockPaceMs ?? 0))
      if (closing) {
        if (started !== mock) await started?.close()
        throw new ProxyError('shutting_down', 'aiproxy is stopping; the config stays as it is.')
      }
      mock = started
      const renewal = await renewLimits(
        limits,
        given,
        createUseOf(createPriceLookup(given.models, given.providers)),
      )
      const before = current
      const books = openNext(given)
      current = begin(withKeptProviders(given, before.rooms.config), books)
      renewal.commit()
      endIfDone(before)
    },
    async close(graceMs) {
      closing = true
      await door.close(graceMs)
      await upstream.close()
      // What was cut has its line, too; it comes a moment after its connection is gone.
      const deadlineMs = performance.now() + LAST_LINES_MS
      // oxlint-disable-next-line no-await-in-loop -- until nothing is under way
      while (countInFlight() > 0 && performance.now() < deadlineMs) await delay(1)
      await mock?.close()
      closeUnused([])
    },
  }
}

/** The config with the very providers of before where they are equal: connections and health go by them. */
function withKeptProviders(config: Config, before: Config): Config {
  const providers = [...config.providers].map(([name, provider]): [string, Provider] => {
    const old = before.providers.get(name)
    return [name, old !== undefined && isDeepStrictEqual(old, provider) ? old : provider]
  })
  return deepFreeze({ ...config, providers: new Map(providers) })
}

/** Numbers providers by value: one that was changed is another one, and begins in good health. */
function createProviderNames(): (provider: Provider) => number {
  const numbers = new WeakMap<Provider, number>()
  let last = 0
  return (provider) => {
    const known = numbers.get(provider)
    if (known !== undefined) return known
    last += 1
    numbers.set(provider, last)
    return last
  }
}

/** Throws `config_invalid`, named after the setting, for a new file that cannot be written. */
function openOr<F>(setting: string, files: OpenFiles<F>, path: string): F {
  try {
    return files.openNext(path)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ProxyError('config_invalid', `${setting}: ${why}`, { cause })
  }
}

function needsMock(config: Config): boolean {
  return [...config.models.values()].some(
    (model) => config.providers.get(model.provider)?.mock === true,
  )
}

async function startMock(config: Config, paceMs: number): Promise<MockProvider | undefined> {
  if (!needsMock(config)) return undefined
  const { createMockProvider } = await import('./mock/mock.ts')
  return createMockProvider({ paceMs })
}
