import type { UpstreamError } from '../errors/proxy-error.ts'
import { isJsonObject, parseJson } from '../wire/json.ts'
import type { JsonObject } from '../wire/json.ts'
import type { SseEvent } from '../wire/sse.ts'
import { noFacts } from './dialect.ts'
import type { FrameFacts } from './dialect.ts'

/**
 * The JSON object a provider sent where events were due, without any `data:` (wire-formats C.6): to an
 * event reader its lines are unknown fields. `undefined` for a comment or anything else.
 */
export function readBareError(event: SseEvent): JsonObject | undefined {
  // A comment begins with a colon, a field with a letter: only JSON begins with a bracket.
  let at = 0
  while (at < event.raw.length && isSpace(event.raw[at])) at += 1
  const first = event.raw[at]
  if (first !== 0x7b && first !== 0x5b) return undefined
  const parsed = parseJson(Buffer.from(event.raw).toString('utf8'))
  const value = Array.isArray(parsed) ? parsed[0] : parsed
  return isJsonObject(value) ? value : undefined
}

/** The facts of an event without data: the error that stands where its events were due, if one does. */
export function readBareFacts(
  event: SseEvent,
  decode: (body: JsonObject) => UpstreamError | undefined,
): FrameFacts {
  const facts = noFacts()
  const bare = readBareError(event)
  if (bare !== undefined) facts.error = decode(bare)
  return facts
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
