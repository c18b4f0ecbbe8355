import { ERRORS } from './catalog.ts'
import type { ErrorCode, ErrorKind } from './catalog.ts'

/**
 * A provider's own refusal, as its dialect read it. Status, message and request id are kept on the way
 * to the caller; only the envelope changes (wire-formats E).
 */
export interface UpstreamError {
  /** HTTP status as received, or the one its in-stream error type stands for. */
  readonly status: number
  readonly kind: ErrorKind
  readonly message: string
  /** The provider's own words for type, code and param, where it gave any. */
  readonly type: string | undefined
  readonly code: string | undefined
  readonly param: string | undefined
}

/** Bytes of an upstream error that can be relayed unchanged because the caller speaks the same dialect. */
export interface RawErrorBody {
  readonly contentType: string
  readonly body: Uint8Array
}

export interface ProxyErrorDetails {
  readonly cause?: unknown
  /** Overrides the catalogue's hint. */
  readonly hint?: string | undefined
  /** The field path at fault, e.g. `messages[2].content[0].image_url`. */
  readonly param?: string | undefined
  /** Seconds until trying again can help; becomes `retry-after`. */
  readonly retryAfterSeconds?: number | undefined
  /** Anthropic's `details.error_code`, by which its SDKs know what to send instead. */
  readonly detailCode?: string | undefined
  /** Set when a provider said it: its status and words win over the catalogue's. */
  readonly upstream?: UpstreamError | undefined
  readonly raw?: RawErrorBody | undefined
}

/** The only error thrown on purpose. `code` is stable; `message` names the actual values. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly param: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly detailCode: string | undefined
  readonly upstream: UpstreamError | undefined
  readonly raw: RawErrorBody | undefined
  /** Reply headers that must accompany this error (attempts, notes, retry hints); filled by the exchange. */
  headers: ReadonlyArray<readonly [string, string]> = []

  constructor(code: ErrorCode, message: string, details: ProxyErrorDetails = {}) {
    // Where in this program a provider's refusal was read tells nobody anything, and a storm brings many.
    const framesWanted = Error.stackTraceLimit
    if (details.upstream !== undefined) Error.stackTraceLimit = 0
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    Error.stackTraceLimit = framesWanted
    this.code = code
    this.hint = details.hint ?? ERRORS[code].hint
    this.param = details.param
    this.retryAfterSeconds = details.retryAfterSeconds
    this.detailCode = details.detailCode
    this.upstream = details.upstream
    this.raw = details.raw
  }

  /** HTTP status the caller gets. A provider's own status is kept, except where it refused our key. */
  get status(): number {
    return this.code === 'upstream_error' && this.upstream !== undefined
      ? this.upstream.status
      : ERRORS[this.code].status
  }

  get kind(): ErrorKind {
    return this.code === 'upstream_error' && this.upstream !== undefined
      ? this.upstream.kind
      : ERRORS[this.code].kind
  }

  /** Who is speaking in this error: a provider, or this program. */
  get source(): 'gateway' | 'upstream' {
    return this.upstream === undefined ? 'gateway' : 'upstream'
  }
}

/** Any thrown value as a ProxyError; what was not thrown on purpose becomes `internal`. */
export function toProxyError(thrown: unknown): ProxyError {
  if (thrown instanceof ProxyError) return thrown
  return new ProxyError('internal', 'Something went wrong inside aiproxy.', { cause: thrown })
}
