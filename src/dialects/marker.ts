/**
 * Our own mark on opaque fields that a client stores and sends back with the next turn: the `signature`
 * of a thinking block, a Responses `encrypted_content` (wire-formats C.3, D.4, F.4, F.5, H). What another
 * provider needs back travels in it, and the proxy remembers nothing. No provider ever sees one: it
 * would refuse it.
 */
import { isJsonObject, parseJson } from '../wire/json.ts'
import type { JsonObject } from '../wire/json.ts'

/** What every signature of ours begins with; alone it only says that the thinking is not Anthropic's. */
export const MARKER = 'aiproxy.v1.'

/** A signature that carries `payload` as base64url of its JSON text. */
export function encodeMarker(payload: JsonObject): string {
  return MARKER + Buffer.from(JSON.stringify(payload), 'utf8').toString('base64url')
}

/** The signature is one of ours, with or without a payload. */
export function isMarker(signature: string): boolean {
  return signature.startsWith(MARKER)
}

/** What a signature of ours carries; `undefined` for nothing, for damage, and for foreign signatures. */
export function decodeMarker(signature: string): JsonObject | undefined {
  if (!isMarker(signature) || signature.length === MARKER.length) return undefined
  const text = Buffer.from(signature.slice(MARKER.length), 'base64url').toString('utf8')
  const payload = parseJson(text)
  return isJsonObject(payload) ? payload : undefined
}
