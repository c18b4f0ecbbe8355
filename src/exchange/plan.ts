/** One target about to be tried: what is sent to it, and what of its reply goes to the caller, and how. */
import { createAnswerPipe } from '../dialects/answer-pipe.ts'
import type { Dialect } from '../dialects/dialect.ts'
import { mapReplyHeaders } from '../dialects/headers.ts'
import { renderNotes } from '../dialects/notes.ts'
import type { NoteList } from '../dialects/notes.ts'
import type { ReplyPipe } from '../dialects/pipe.ts'
import type { Inbound, PreparedCall } from '../dialects/prepare.ts'
import type { Redact } from '../errors/redact.ts'
import type { Target } from '../routing/targets.ts'
import type { UpstreamHeaders } from '../upstream/upstream.ts'
import type { Allowance } from './allowance.ts'
import type { HeaderPairs, Trail } from './trail.ts'

/** What every try of one exchange is made with. */
export interface Surroundings {
  readonly inbound: Inbound
  readonly trail: Trail
  readonly allowance: Allowance
  readonly redact: Redact
}

/** A class because one object with two methods costs less, for every request, than two functions. */
export class TargetPlan {
  readonly target: Target
  readonly dialect: Dialect
  readonly prepared: PreparedCall
  readonly caller: Dialect
  /** The caller asked for a stream; what arrives is decided by its content type. */
  readonly stream: boolean
  readonly deadlineMs: number
  /** Until content, whatever else arrives: pings are life, not progress. Streams only. */
  readonly firstContentMs: number
  readonly redact: Redact
  readonly #around: Surroundings
  readonly #notes: NoteList
  readonly #nowSeconds: number

  /** `deadlineMs` from now on; `othersLeft`: another target could answer after this one. */
  constructor(
    around: Surroundings,
    target: Target,
    dialect: Dialect,
    ready: { readonly prepared: PreparedCall; readonly notes: NoteList },
    time: {
      readonly nowSeconds: number
      readonly deadlineMs: number
      readonly othersLeft: boolean
    },
  ) {
    const { deadlineMs } = time
    this.target = target
    this.dialect = dialect
    this.prepared = ready.prepared
    this.caller = around.inbound.caller
    this.stream = around.inbound.stream
    this.deadlineMs = deadlineMs
    // Long reasoning may be silent for minutes; half the time is enough where another could answer.
    this.firstContentMs = time.othersLeft
      ? Math.max(deadlineMs / 2, Math.min(target.provider.timeouts.idleMs, deadlineMs))
      : deadlineMs
    this.redact = around.redact
    this.#around = around
    this.#notes = ready.notes
    this.#nowSeconds = time.nowSeconds
  }

  /** Built once it is known whether the provider streams. */
  createPipe(targetStreams: boolean): ReplyPipe {
    const { inbound, trail } = this.#around
    const { stripUsage, hints } = this.prepared
    return createAnswerPipe(
      {
        caller: this.caller,
        target: this.dialect,
        callerStreams: this.stream,
        targetStreams,
        stripUsage,
      },
      { nowSeconds: this.#nowSeconds, requestId: trail.id, request: inbound.decoded(), hints },
    )
  }

  /** For the reply's head, when it is about to be sent. */
  replyHeaders(status: number, headers: UpstreamHeaders): HeaderPairs {
    const { trail, allowance } = this.#around
    const passed = passOn(headers, this.dialect, this.caller, this.redact)
    const pairs = trail.commits(status, renderNotes(this.#notes))
    for (const pair of bodyHeaders(this.stream, headers, this.redact)) pairs.push(pair)
    for (const pair of passed) pairs.push(pair)
    for (const pair of allowance.headers(passed)) pairs.push(pair)
    return pairs
  }
}

/** wire-formats G.3: nothing between us and the caller may hold a stream back or compress it. */
export const STREAM_HEADERS: HeaderPairs = [
  ['content-type', 'text/event-stream; charset=utf-8'],
  ['cache-control', 'no-cache, no-transform'],
  ['x-accel-buffering', 'no'],
]
const JSON_HEADERS: HeaderPairs = [['content-type', 'application/json']]

/** What a reply's body is, by what the caller asked for and what the provider calls its own. */
export function bodyHeaders(
  stream: boolean,
  upstream: UpstreamHeaders,
  redact: Redact,
): HeaderPairs {
  if (stream) return STREAM_HEADERS
  const type = upstream['content-type'] ?? ''
  if (type === 'application/json' || !type.includes('json')) return JSON_HEADERS
  return [['content-type', redact(type)]]
}

/** What of a provider's headers the caller gets: one that echoes a key must not have it passed on. */
export function passOn(
  headers: UpstreamHeaders,
  dialect: Dialect,
  caller: Dialect,
  redact: Redact,
): HeaderPairs {
  const passed = mapReplyHeaders(headers, dialect.name, caller.name, Date.now())
  return passed.length === 0 ? passed : passed.map(([name, value]) => [name, redact(value)])
}
