/** What goes through an exchange: a request as plain data, the place its reply goes to, who watches. */
import type { Api } from '../dialects/dialect.ts'
import type { AttemptRecord, UsageRecord } from '../usage/record.ts'

/** One inbound request as plain data: from the server's socket, or built by `ask`. */
export interface Call {
  readonly id: string
  readonly api: Api
  /** Lower-case names; each at most once. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Asked for only once the caller is known; rejects with `body_too_large` or `request_timeout`. */
  readBody(): Promise<Uint8Array>
  /** Monotonic milliseconds at which the request arrived, for durations. */
  readonly startedMs: number
  /** Set by `ask`: the operator owns the config file, so no key is asked for. */
  readonly trustedUser?: string | undefined
  /** Set by `ask --no-failover`. */
  readonly noFailover?: boolean | undefined
  /** Set by `ask --timeout`: replaces the config's deadline, in milliseconds. */
  readonly deadlineMs?: number | undefined
}

/** Where a reply goes: a socket, or the terminal. Errors before `head` are thrown, not written. */
export interface ReplySink {
  /** Once, before any body. Header pairs in order, lower-case names. */
  head(status: number, headers: ReadonlyArray<readonly [string, string]>): void
  /** False when the reader is behind: wait for `onDrain` before writing much more. */
  write(chunk: string | Uint8Array): boolean
  end(chunk?: string | Uint8Array): void
  onDrain(listener: () => void): void
  /** The reader left before the end. For one listener, called at most once. */
  onGone(listener: () => void): void
}

/** Things worth telling a watching person while they happen. */
export interface ExchangeHooks {
  /** A target failed and the next one is about to be tried. */
  onFailover?: (event: {
    readonly id: string
    readonly user: string
    readonly failed: AttemptRecord
    /** The provider's words, redacted. */
    readonly message: string
    readonly next: string
  }) => void
  /** A request is over, whatever its end; called after its line was logged. `line` is that line. */
  onFinished?: (record: UsageRecord, line?: string) => void
}
