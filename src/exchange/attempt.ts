/**
 * One try at one target: send, read, and either answer the caller or say why not. Until the first
 * content arrives nothing reaches the caller, so that another target may still take over; after it
 * the reply is this target's, to its end or to its error event (design §5).
 */
import type { TokenUsage } from '../dialects/neutral.ts'
import type { ReplyPipe } from '../dialects/pipe.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { redactError } from '../errors/redact.ts'
import type { Redact } from '../errors/redact.ts'
import type { ReplySink } from './call.ts'
import type { TargetPlan } from './plan.ts'
import type { Reach } from '../routing/retry.ts'
import type {
  Upstream,
  UpstreamCall,
  UpstreamHeaders,
  UpstreamListener,
} from '../upstream/upstream.ts'

export interface AttemptResult {
  readonly end: 'answered' | 'truncated' | 'failed' | 'gone'
  /** What went wrong, for `truncated` and `failed`. */
  readonly error: ProxyError | undefined
  /** The provider was turned to; without it the failure is our own finding. */
  readonly contacted: boolean
  /** How far the request came. */
  readonly reach: Reach
  /** As received; `undefined` when no head came. */
  readonly status: number | undefined
  /** As received: what goes on to a caller must be redacted. */
  readonly headers: UpstreamHeaders | undefined
  readonly usage: TokenUsage | undefined
  /** The model's name as its provider gave it. */
  readonly model: string | undefined
  /** Content characters that reached us, for estimates. */
  readonly outputChars: number
}

/** An attempt under way; `leave` tells it that the caller is gone. */
export interface RunningAttempt {
  readonly result: Promise<AttemptResult>
  leave(): void
}

// An error page larger than this says nothing more, and one that takes longer has said enough.
const MAX_ERROR_BYTES = 256 * 1024
const ERROR_BODY_MS = 2_000

/** Sends the prepared call. The result never rejects: every end is a value. */
export function startAttempt(
  plan: TargetPlan,
  upstream: Upstream,
  sink: ReplySink,
): RunningAttempt {
  const attempt = new Attempt(plan, sink)
  attempt.start(upstream)
  return attempt
}

/** One try under way. A class because it has a lifetime, and one object costs less than fifteen functions. */
class Attempt implements RunningAttempt, UpstreamListener {
  readonly result: Promise<AttemptResult>
  readonly #plan: TargetPlan
  readonly #sink: ReplySink
  #settle!: (result: AttemptResult) => void
  #call: UpstreamCall | undefined
  #status: number | undefined
  #headers: UpstreamHeaders | undefined
  #pipe: ReplyPipe | undefined
  #errorChunks: Uint8Array[] | undefined
  #errorBytes = 0
  #committed = false
  #over = false
  // The reader was behind at least once.
  #slowed = false
  #reach: Reach = 'sent'
  // Until the first content; then, for an error reply, until its body has had its time.
  #timer: NodeJS.Timeout | undefined

  constructor(plan: TargetPlan, sink: ReplySink) {
    this.#plan = plan
    this.#sink = sink
    this.result = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  start(upstream: Upstream): void {
    const plan = this.#plan
    const { provider } = plan.target
    if (plan.stream && plan.firstContentMs < plan.deadlineMs) {
      this.#timer = setTimeout(() => {
        const silentFor = `${Math.round(plan.firstContentMs / 1000)} s`
        this.#breakOff(
          new ProxyError(
            'upstream_timeout',
            `${provider.name} said nothing of substance for ${silentFor}.`,
          ),
        )
      }, plan.firstContentMs).unref()
    }
    this.#call = upstream.send(
      {
        provider,
        path: plan.prepared.path,
        headers: plan.prepared.headers,
        body: plan.prepared.body,
        headTimeoutMs: headTimeoutMs(plan),
        idleTimeoutMs: provider.timeouts.idleMs,
        deadlineMs: plan.deadlineMs,
      },
      this,
    )
  }

  leave(): void {
    this.#call?.abort()
    this.#finish('gone')
  }

  onHead(status: number, headers: UpstreamHeaders): void {
    this.#status = status
    this.#headers = headers
    if (status < 200 || status > 299) {
      this.#errorChunks = []
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#failWithStatus(), ERROR_BODY_MS).unref()
      return
    }
    const type = headers['content-type'] ?? ''
    this.#pipe = this.#plan.createPipe(type.includes('text/event-stream'))
  }

  onBody(chunk: Uint8Array): void {
    if (this.#over) return
    if (this.#errorChunks !== undefined) {
      this.#errorChunks.push(chunk)
      this.#errorBytes += chunk.length
      if (this.#errorBytes >= MAX_ERROR_BYTES) this.#failWithStatus()
      return
    }
    const pipe = this.#pipe
    if (pipe === undefined) return
    try {
      const out = pipe.push(chunk)
      // What a relayed stream died of is the provider's own text.
      this.#pass(pipe, pipe.failure === undefined ? out : redactBytes(out, this.#plan.redact))
      if (pipe.failure !== undefined) this.#breakOff(pipe.failure)
      // Some servers keep the socket open after the end mark.
      else if (pipe.finished && this.#committed) {
        this.#pass(pipe, pipe.end())
        this.#call?.release()
        this.#sink.end()
        this.#finish('answered')
      }
    } catch (thrown) {
      this.#breakOff(toProxyError(thrown))
    }
  }

  onEnd(): void {
    if (this.#over) return
    if (this.#errorChunks !== undefined) {
      this.#failWithStatus()
      return
    }
    const pipe = this.#pipe
    if (pipe === undefined) return
    try {
      const last = pipe.end()
      if (pipe.failure !== undefined) {
        this.#breakOff(pipe.failure)
        return
      }
      this.#commit()
      if (last.length > 0) this.#sink.end(last)
      else this.#sink.end()
      this.#finish('answered')
    } catch (thrown) {
      this.#breakOff(toProxyError(thrown))
    }
  }

  onFailure(error: ProxyError, reach: Reach): void {
    if (this.#errorChunks !== undefined) {
      this.#failWithStatus()
      return
    }
    this.#reach = reach
    this.#breakOff(error)
  }

  #finish(end: AttemptResult['end'], error?: ProxyError): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    const pipe = this.#pipe
    this.#settle({
      end,
      error,
      contacted: true,
      reach: this.#reach,
      status: this.#status,
      headers: this.#headers,
      usage: pipe?.usage,
      model: pipe?.model,
      outputChars: pipe?.outputChars ?? 0,
    })
  }

  /** The attempt broke: another target may answer, or the caller's stream ends with an error event. */
  #breakOff(reason: ProxyError): void {
    if (this.#over) return
    const error = redactError(reason, this.#plan.redact)
    this.#call?.abort()
    if (!this.#committed) {
      this.#finish('failed', error)
      return
    }
    const pipe = this.#pipe
    // In a relayed stream the provider's own error event has already gone out.
    if (pipe !== undefined && pipe.failure === undefined) this.#sink.write(pipe.fail(error))
    this.#sink.end()
    this.#finish('truncated', error)
  }

  /** The status has said what matters: the rest of an error reply is not worth waiting for. */
  #failWithStatus(): void {
    if (this.#over || this.#errorChunks === undefined) return
    const status = this.#status ?? 502
    const headers = this.#headers ?? {}
    this.#finish('failed', readUpstreamError(this.#plan, status, headers, this.#errorChunks))
    this.#call?.abort()
  }

  #commit(): void {
    if (this.#committed) return
    this.#committed = true
    clearTimeout(this.#timer)
    const status = this.#status ?? 200
    this.#sink.head(status, this.#plan.replyHeaders(status, this.#headers ?? {}))
  }

  #pass(pipe: ReplyPipe, bytes: string | Uint8Array): void {
    if (!pipe.committed || bytes.length === 0) return
    this.#commit()
    if (this.#sink.write(bytes)) return
    if (!this.#slowed) this.#sink.onDrain(() => this.#call?.resume())
    this.#slowed = true
    this.#call?.pause()
  }
}

/**
 * A unary reply comes in one piece when all of it is ready, so its head may take the whole deadline. The
 * mock has nothing to think about: its silence is always a fault being shown.
 */
function headTimeoutMs({ target, stream, deadlineMs }: TargetPlan): number {
  const { mock, timeouts } = target.provider
  return stream || mock ? timeouts.firstByteMs : deadlineMs
}

const NOTHING_SENT: Omit<AttemptResult, 'end' | 'error'> = {
  contacted: false,
  reach: 'none',
  status: undefined,
  headers: undefined,
  usage: undefined,
  model: undefined,
  outputChars: 0,
}

/** An attempt that failed before anything was sent. */
export function failedAttempt(reason: ProxyError): RunningAttempt {
  const result: AttemptResult = { ...NOTHING_SENT, end: 'failed', error: reason }
  return { result: Promise.resolve(result), leave() {} }
}

/** An answer of our own, for which the target need not be called. */
export function localAttempt(
  sink: ReplySink,
  headers: ReadonlyArray<readonly [string, string]>,
  body: string,
): RunningAttempt {
  sink.head(200, headers)
  sink.end(body)
  const result: AttemptResult = { ...NOTHING_SENT, end: 'answered', error: undefined }
  return { result: Promise.resolve(result), leave() {} }
}

/** A provider's error reply as a ProxyError; its bytes are kept for a caller of the same dialect. */
function readUpstreamError(
  plan: TargetPlan,
  status: number,
  headers: UpstreamHeaders,
  chunks: Uint8Array[],
): ProxyError {
  const bytes = Buffer.concat(chunks)
  const text = bytes.toString('utf8')
  const read = plan.dialect.decodeError(status, text)
  const provider = plan.target.provider.name
  if (status >= 300 && status < 400) {
    return new ProxyError(
      'upstream_protocol',
      `${provider} answered with a redirect (${status}), which is never followed.`,
      { hint: `Check \`base_url\` of provider ${provider}.` },
    )
  }
  const clean = plan.redact(text)
  const relayable = plan.caller.name === plan.dialect.name && text.length > 0
  const error = new ProxyError('upstream_error', read.message, {
    upstream: read,
    raw: relayable
      ? {
          contentType: plan.redact(headers['content-type'] ?? 'application/json'),
          body: clean === text ? bytes : Buffer.from(clean),
        }
      : undefined,
  })
  return redactError(error, plan.redact)
}

function redactBytes(bytes: string | Uint8Array, redact: Redact): string | Uint8Array {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')
  const clean = redact(text)
  return clean === text ? bytes : clean
}
