/** The way of one reply, from a provider's bytes to the caller's. */
import type { ProxyError } from '../errors/proxy-error.ts'
import type { TokenUsage } from './neutral.ts'

export interface ReplyPipe {
  /**
   * Bytes from upstream in; what may go to the caller now out (empty when nothing). Before commit
   * everything is held back, and an in-band error or unreadable bytes are thrown as ProxyError, so that
   * another target may still answer. After commit it never throws: what the chunk still held is returned
   * with the error event behind it, and `failure` is set.
   */
  push(chunk: Uint8Array): string | Uint8Array
  /** Upstream body ended. Returns the last bytes; throws `upstream_truncated` if no end mark or finish was seen. */
  end(): string | Uint8Array
  /** Text that ends a committed stream with the dialect's error event. */
  fail(error: ProxyError): string
  /** First content was seen: what push returned from then on must be sent. */
  readonly committed: boolean
  /** The end mark, or a failure, was seen: the upstream may be let go. */
  readonly finished: boolean
  /** Why a committed stream ended badly; its error event has already been returned by `push`. */
  readonly failure: ProxyError | undefined
  readonly usage: TokenUsage | undefined
  readonly model: string | undefined
  /** Content characters so far, for estimates. */
  readonly outputChars: number
}
