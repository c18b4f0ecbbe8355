/**
 * Wiring: builds the rooms once and hands each what it needs. Decides nothing.
 */
import type { Config } from './config/config.ts'
import type { Call, ExchangeHooks, ReplySink } from './exchange.ts'

export interface App {
  readonly config: Config
  /** Where the embedded mock listens; `undefined` when nothing is mocked. */
  readonly mockUrl: string | undefined
  /** Requests between arrival and log line. */
  readonly inFlight: number
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
  /** No usage log at all (`ask --no-log`). */
  readonly noLog?: boolean
}

export async function createApp(_config: Config, _options: AppOptions = {}): Promise<App> {
  throw new Error('not built yet')
}
