/**
 * One try at one target: send, read, and either answer the caller or say why not. Until the first
 * content arrives nothing reaches the caller, so that another target may still take over; after it
 * the reply is this target's, to its end or to its error event (design §5).
 */
import type { Dialect } from '../dialects/dialect.ts'
import type { TokenUsage } from '../dialects/neutral.ts'
import type { PreparedCall } from '../dialects/prepare.ts'
import type { ReplyPipe } from '../dialects/pipe.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { redactError } from '../errors/redact.ts'
import type { Redact } from '../errors/redact.ts'
import type { ReplySink } from './call.ts'
import type { Reach } from '../routing/retry.ts'
import type { Target } from '../routing/targets.ts'
import type { Upstream, UpstreamCall, UpstreamHeaders } from '../upstream/upstream.ts'

export interface AttemptPlan {
  readonly target: Target
  readonly dialect: Dialect
  readonly prepared: PreparedCall
  readonly caller: Dialect
  /** The caller asked for a stream; what arrives is decided by its content type. */
  readonly stream: boolean
  readonly deadlineMs: number
  /** Until content, whatever else arrives: pings are life, not progress. Streams only. */
  readonly firstContentMs: number
  /** Builds the pipe once it is known whether the provider streams. */
  readonly createPipe: (upstreamStreams: boolean) => ReplyPipe
  /** Header pairs for the reply's head, built when it is about to be sent. */
  readonly replyHeaders: (
    upstreamStatus: number,
    upstreamHeaders: UpstreamHeaders,
  ) => ReadonlyArray<readonly [string, string]>
  readonly redact: Redact
}

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
  plan: AttemptPlan,
  upstream: Upstream,
  sink: ReplySink,
): RunningAttempt {
  let status: number | undefined
  let headers: UpstreamHeaders | undefined
  let pipe: ReplyPipe | undefined
  let errorChunks: Uint8Array[] | undefined
  let errorBytes = 0
  let committed = false
  let over = false
  let reach: Reach = 'sent'
  // Until the first content; then, for an error reply, until its body has had its time.
  let timer: NodeJS.Timeout | undefined
  let call: UpstreamCall | undefined
  let settle!: (result: AttemptResult) => void
  const result = new Promise<AttemptResult>((resolve) => {
    settle = resolve
  })

  function finish(end: AttemptResult['end'], error?: ProxyError): void {
    if (over) return
    over = true
    clearTimeout(timer)
    settle({
      end,
      error,
      contacted: true,
      reach,
      status,
      headers,
      usage: pipe?.usage,
      model: pipe?.model,
      outputChars: pipe?.outputChars ?? 0,
    })
  }

  /** The attempt broke: another target may answer, or the caller's stream ends with an error event. */
  function breakOff(reason: ProxyError): void {
    if (over) return
    const error = redactError(reason, plan.redact)
    call?.abort()
    if (!committed) {
      finish('failed', error)
      return
    }
    // In a relayed stream the provider's own error event has already gone out.
    if (pipe !== undefined && pipe.failure === undefined) sink.write(pipe.fail(error))
    sink.end()
    finish('truncated', error)
  }

  /** The status has said what matters: the rest of an error reply is not worth waiting for. */
  function failWithStatus(): void {
    if (over || errorChunks === undefined) return
    finish('failed', readUpstreamError(plan, status ?? 502, headers ?? {}, errorChunks))
    call?.abort()
  }

  function commit(): void {
    if (committed) return
    committed = true
    clearTimeout(timer)
    sink.head(status ?? 200, plan.replyHeaders(status ?? 200, headers ?? {}))
  }

  function pass(bytes: string | Uint8Array): void {
    if (pipe === undefined || !pipe.committed || bytes.length === 0) return
    commit()
    if (!sink.write(bytes)) call?.pause()
  }

  /** Runs a step that may throw a ProxyError about the provider's bytes. */
  function guarded(step: () => void): void {
    try {
      step()
    } catch (thrown) {
      breakOff(toProxyError(thrown))
    }
  }

  sink.onDrain(() => call?.resume())
  if (plan.stream && plan.firstContentMs < plan.deadlineMs) {
    timer = setTimeout(() => {
      const { name } = plan.target.provider
      breakOff(
        new ProxyError(
          'upstream_timeout',
          `${name} said nothing of substance for ${Math.round(plan.firstContentMs / 1000)} s.`,
        ),
      )
    }, plan.firstContentMs).unref()
  }

  call = upstream.send(
    {
      provider: plan.target.provider,
      path: plan.prepared.path,
      headers: plan.prepared.headers,
      body: plan.prepared.body,
      headTimeoutMs: headTimeoutMs(plan),
      idleTimeoutMs: plan.target.provider.timeouts.idleMs,
      deadlineMs: plan.deadlineMs,
    },
    {
      onHead(upstreamStatus, upstreamHeaders) {
        status = upstreamStatus
        headers = upstreamHeaders
        if (upstreamStatus < 200 || upstreamStatus > 299) {
          errorChunks = []
          clearTimeout(timer)
          timer = setTimeout(failWithStatus, ERROR_BODY_MS).unref()
          return
        }
        const type = upstreamHeaders['content-type'] ?? ''
        pipe = plan.createPipe(type.includes('text/event-stream'))
      },

      onBody(chunk) {
        if (over) return
        if (errorChunks !== undefined) {
          errorChunks.push(chunk)
          errorBytes += chunk.length
          if (errorBytes >= MAX_ERROR_BYTES) failWithStatus()
          return
        }
        guarded(() => {
          if (pipe === undefined) return
          const out = pipe.push(chunk)
          // What a relayed stream died of is the provider's own text.
          pass(pipe.failure === undefined ? out : redactBytes(out, plan.redact))
          if (pipe.failure !== undefined) breakOff(pipe.failure)
          // Some servers keep the socket open after the end mark.
          else if (pipe.finished && committed) {
            pass(pipe.end())
            call?.release()
            sink.end()
            finish('answered')
          }
        })
      },

      onEnd() {
        if (over) return
        if (errorChunks !== undefined) {
          failWithStatus()
          return
        }
        guarded(() => {
          if (pipe === undefined) return
          const last = pipe.end()
          if (pipe.failure !== undefined) {
            breakOff(pipe.failure)
            return
          }
          commit()
          if (last.length > 0) sink.end(last)
          else sink.end()
          finish('answered')
        })
      },

      onFailure(error, came) {
        if (errorChunks !== undefined) {
          failWithStatus()
          return
        }
        reach = came
        breakOff(error)
      },
    },
  )

  return {
    result,
    leave() {
      call?.abort()
      finish('gone')
    },
  }
}

/**
 * A unary reply comes in one piece when all of it is ready, so its head may take the whole deadline. The
 * mock has nothing to think about: its silence is always a fault being shown.
 */
function headTimeoutMs({ target, stream, deadlineMs }: AttemptPlan): number {
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
  plan: AttemptPlan,
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
