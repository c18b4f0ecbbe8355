/**
 * Sees what goes through one exchange, for the payload audit: the caller's body and the reply as the caller
 * gets it. Only there where the audit is on. A key is found where it stands in one piece: not where a model
 * spells one out over several events, nor where someone wrote it in escapes.
 */
import { presentedCredential } from '../access/identify.ts'
import type { Config } from '../config/config.ts'
import { anthropicOverflow } from '../dialects/anthropic-overflow.ts'
import { callerDialect } from '../dialects/registry.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import { createRedactor } from '../errors/redact.ts'
import type { Redact } from '../errors/redact.ts'
import { renderAnthropic, renderOpenAi } from '../errors/render.ts'
import type { Audit } from '../usage/audit.ts'
import type { UsageRecord } from '../usage/record.ts'
import type { Call, ReplySink } from './call.ts'

export interface Witness {
  /** To be used in place of the call and the sink it was made from. */
  readonly call: Call
  readonly sink: ReplySink
  /** The reply is whole, or as whole as it will be: writes the line. */
  ended(record: UsageRecord): void
  /** No reply was begun, and the caller will be told `error`: writes the line. */
  refused(record: UsageRecord, error: ProxyError): void
}

/** What a witness is made with. */
export interface WitnessRooms {
  readonly audit: Audit
  readonly redact: Redact
  readonly config: Pick<Config, 'users'>
}

// Of a request and of a reply each.
const KEPT_BYTES = 1024 * 1024
// What was cut off may have cut a key in two, and half a key is not recognised: the end goes, too.
const DOUBTFUL_CHARS = 4096

/** A witness of one exchange that is about to begin. */
export function createWitness(call: Call, target: ReplySink, rooms: WitnessRooms): Witness {
  const request = createKeeper()
  const reply = createKeeper()

  function write(record: UsageRecord): void {
    const redact = redactorFor(record.user)
    const { ts, id, user, api, model, served_model: served, provider, status } = record
    rooms.audit.append({
      ts,
      id,
      ...(user !== undefined && { user }),
      api,
      // The caller's own word; the others are the config's.
      ...(model !== undefined && { model: redact(model) }),
      ...(served !== undefined && { served_model: served }),
      ...(provider !== undefined && { provider }),
      status,
      ...(request.began && { request: request.text(redact) }),
      ...(reply.began && { reply: reply.text(redact) }),
      ...((request.overflowed || reply.overflowed) && { truncated: true as const }),
    })
  }

  /**
   * The caller's key, too, whatever its shape. Not what a user without keys sends as one: it is no secret,
   * and a caller could choose which words are blanked out.
   */
  function redactorFor(user: string | undefined): Redact {
    const hasKeys = (rooms.config.users.get(user ?? '')?.keys.length ?? 0) > 0
    const key = hasKeys ? presentedCredential(call.headers) : undefined
    if (key === undefined) return rooms.redact
    const redactKey = createRedactor([key])
    return (text) => redactKey(rooms.redact(text))
  }

  return {
    call: {
      ...call,
      async readBody() {
        const body = await call.readBody()
        request.keep(body)
        return body
      },
    },
    sink: {
      head(status, headers) {
        target.head(status, headers)
      },
      write(chunk) {
        reply.keep(chunk)
        return target.write(chunk)
      },
      end(chunk) {
        if (chunk !== undefined) reply.keep(chunk)
        target.end(chunk)
      },
      onDrain(listener) {
        target.onDrain(listener)
      },
      onGone(listener) {
        target.onGone(listener)
      },
    },
    ended: write,
    refused(record, error) {
      reply.keep(renderRefusal(call, error))
      write(record)
    },
  }
}

/** The body that the front door answers with. */
function renderRefusal({ api, id }: Call, error: ProxyError): string | Uint8Array {
  if (error.raw !== undefined) return error.raw.body
  return JSON.stringify(
    callerDialect(api).name === 'anthropic'
      ? renderAnthropic(anthropicOverflow(error), id)
      : renderOpenAi(error),
  )
}

interface Keeper {
  readonly began: boolean
  readonly overflowed: boolean
  keep(chunk: string | Uint8Array): void
  /** What was kept, redacted. */
  text(redact: Redact): string
}

/** Keeps the beginning of a body that comes in pieces. */
function createKeeper(): Keeper {
  const pieces: Uint8Array[] = []
  let keptBytes = 0
  let overflowed = false
  return {
    get began() {
      return pieces.length > 0
    },
    get overflowed() {
      return overflowed
    },
    keep(chunk) {
      if (overflowed) return
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      const room = KEPT_BYTES - keptBytes
      overflowed = bytes.length > room
      // A copy of what is cut: a view would hold on to all of a large body.
      pieces.push(overflowed ? bytes.slice(0, room) : bytes)
      keptBytes += Math.min(bytes.length, room)
    },
    text(redact) {
      const text = redact(Buffer.concat(pieces).toString())
      return overflowed ? text.slice(0, -DOUBTFUL_CHARS) : text
    },
  }
}
