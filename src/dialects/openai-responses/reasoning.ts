/**
 * Reasoning items ↔ neutral. What another provider signed travels in `encrypted_content` behind our mark;
 * what OpenAI sealed travels in a neutral signature behind the same mark (wire-formats F.4, F.5).
 */
import { readArray, readCount, readObject, readString, readText } from '../../wire/json.ts'
import { MARKER, decodeMarker, encodeMarker, isMarker } from '../marker.ts'
import type { JsonObject, JsonValue, ReasoningPart } from '../neutral.ts'
import type { SummaryPart } from './wire.ts'

/** Summaries of one item are one text for everyone else; this stands between them. */
export const SUMMARY_GAP = '\n\n'

/** What closes a reasoning block, as a part or an event carries it. */
interface Closing {
  readonly signature?: string | undefined
  readonly redacted?: string | undefined
}

/** A Responses caller's reasoning item; none when nothing in it can be kept. */
export function decodeReasoningItem(item: JsonObject): ReasoningPart[] {
  const texts = readReasoningTexts(item)
  const text = texts.join(SUMMARY_GAP)
  const sealed = readText(item['encrypted_content'])
  if (sealed === undefined || !isMarker(sealed)) {
    const signature = sealReasoning(item, texts)
    return text === '' && signature === undefined ? [] : [{ type: 'reasoning', text, signature }]
  }
  const payload = decodeMarker(sealed)
  const redacted = readText(payload?.['redacted'])
  if (redacted !== undefined) return [{ type: 'reasoning', text: '', redacted }]
  const signature = readText(payload?.['signature'])
  // The text that was signed, to the byte: a client may have edited the summary.
  if (signature !== undefined) {
    return [{ type: 'reasoning', text: readString(payload?.['thinking']) ?? text, signature }]
  }
  return [{ type: 'reasoning', text, signature: sealed }]
}

/** The texts of a reasoning item: its summaries, else the raw reasoning that open models tell. */
export function readReasoningTexts(item: JsonObject): string[] {
  const summary = readArray(item['summary']).flatMap(readPartText)
  return summary.length > 0 ? summary : readArray(item['content']).flatMap(readPartText)
}

function readPartText(value: JsonValue): string[] {
  const text = readText(readObject(value)?.['text'])
  return text === undefined ? [] : [text]
}

/**
 * The neutral signature of an item that OpenAI sealed: all that must come back with it. `undefined` for
 * an item without a seal: its provider would not find it again.
 */
export function sealReasoning(item: JsonObject, texts: readonly string[]): string | undefined {
  const sealed = readText(item['encrypted_content'])
  if (sealed === undefined) return undefined
  if (isMarker(sealed)) return sealed
  const payload: JsonObject = { id: readString(item['id']) ?? '', encrypted_content: sealed }
  // Where one summary ends and the next begins, so that the item can be sent back as it was.
  if (texts.length > 1) payload['summary_chars'] = texts.map((text) => text.length)
  return encodeMarker(payload)
}

/** The item that a marked signature stands for; `undefined` for any other provider's reasoning. */
export function unsealReasoning(part: ReasoningPart): JsonObject | undefined {
  const payload = part.signature === undefined ? undefined : decodeMarker(part.signature)
  const sealed = readText(payload?.['encrypted_content'])
  if (payload === undefined || sealed === undefined) return undefined
  const id = readText(payload['id'])
  return {
    type: 'reasoning',
    ...(id === undefined ? {} : { id }),
    summary: splitSummary(part.text, readArray(payload['summary_chars']).map(readCount)),
    encrypted_content: sealed,
  }
}

function splitSummary(text: string, chars: ReadonlyArray<number | undefined>): SummaryPart[] {
  if (text === '') return []
  const texts: string[] = []
  let at = 0
  for (const length of chars) {
    if (length === undefined) return [{ type: 'summary_text', text }]
    texts.push(text.slice(at, at + length))
    at += length + SUMMARY_GAP.length
  }
  // A client that changed the text gets it back in one piece.
  const whole = texts.join(SUMMARY_GAP)
  return (whole === text ? texts : [text]).map((piece) => ({ type: 'summary_text', text: piece }))
}

/**
 * `encrypted_content` for a caller: what its next request must bring back. The bare mark where nothing must:
 * by it an item is known that OpenAI never made, and would not find.
 */
export function encodeSeal(text: string, closing: Closing): string {
  if (closing.redacted !== undefined) return encodeMarker({ redacted: closing.redacted })
  if (closing.signature === undefined) return MARKER
  if (isMarker(closing.signature)) return closing.signature
  return encodeMarker({ thinking: text, signature: closing.signature })
}
