/** Ids of responses, items and calls: pure functions of what a provider named them (wire-formats J). */
import { sha256Hex } from '../../wire/hash.ts'

/** OpenAI's limit for call ids, item ids and tool names. */
const MAX_CHARS = 64

/** Characters of a shortened text that stay; a digest of all of it follows. */
const KEPT_CHARS = 55

/** The text itself, or its beginning and a digest of all of it: the same every time, and unique. */
export function shorten(text: string): string {
  if (text.length <= MAX_CHARS) return text
  return `${text.slice(0, KEPT_CHARS)}_${sha256Hex(text).slice(0, 8)}`
}

/** The id a Responses caller sees: the provider's, in OpenAI's form; ours where the provider gave none. */
export function responseId(id: string, requestId: string): string {
  const known = id === '' ? requestId : id
  return known.startsWith('resp_') ? known : `resp_${known}`
}

/** The id of one output item: its kind, the reply it belongs to, and its place in it. */
export function itemId(kind: string, response: string, outputIndex: number): string {
  const reply = response.replace(/^resp_/, '').replace(/^(msg_|chatcmpl-|gen-)/, '')
  const id = `${kind}_${reply}_${outputIndex}`
  return id.length <= MAX_CHARS ? id : `${kind}_${sha256Hex(reply).slice(0, 32)}_${outputIndex}`
}

/** A call id that is a pure function of the reply and the call's place in it. */
export function madeUpCallId(response: string, order: number): string {
  return `call_${sha256Hex(`${response}:${order}`).slice(0, 24)}`
}
