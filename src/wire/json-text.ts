/**
 * JSON written faster than JSON.stringify writes it, to the same characters. V8 looks at each character of
 * a string on its own, thirty instructions for every one; most text has nothing to escape, or only line
 * ends and quotes, and native searches tell so at a fraction of that.
 */
import type { JsonObject, JsonValue } from './json.ts'

// Up to here one look for anything to escape is the cheapest.
const SHORT_CHARS = 24
// oxlint-disable-next-line no-control-regex -- they are what JSON escapes
const UNSAFE = /["\\\u0000-\u001f\ud800-\udfff]/
// All that is to be escaped, but for what is replaced below. Surrogates are only where they stand alone;
// looking at pairs is left to JSON.stringify.
// oxlint-disable-next-line no-control-regex -- the same
const RARE = /[\u0000-\u0008\u000b-\u001f\ud800-\udfff]/

/** A string as JSON.stringify writes it. */
export function writeString(text: string): string {
  if (text.length < SHORT_CHARS) return UNSAFE.test(text) ? JSON.stringify(text) : `"${text}"`
  if (RARE.test(text)) return JSON.stringify(text)
  let escaped = text
  if (escaped.includes('\\')) escaped = escaped.replaceAll('\\', '\\\\')
  if (escaped.includes('"')) escaped = escaped.replaceAll('"', '\\"')
  if (escaped.includes('\n')) escaped = escaped.replaceAll('\n', '\\n')
  if (escaped.includes('\t')) escaped = escaped.replaceAll('\t', '\\t')
  return `"${escaped}"`
}

/** The same for a string that may be missing. */
export function writeStringOrNull(text: string | null): string {
  return text === null ? 'null' : writeString(text)
}

// Where the text of a request stands, in all dialects. What else it has is small, or schemas: many names
// and little text, at which JSON.stringify is better.
const WORDY: ReadonlySet<string> = new Set(['messages', 'input', 'system'])
// From here on a text counts for more than the names around it, and a body may hold such texts.
const LONG_CHARS = 256
const LONG_BODY_BYTES = 2048
// Deep enough for an image in a tool's result; the stack is not for others to fill.
const MAX_DEPTH = 8

/** A request's body as JSON.stringify writes it. It was made from one of `bytes`. */
export function writeBody(body: JsonObject, bytes: number): string {
  if (bytes < LONG_BODY_BYTES) return JSON.stringify(body)
  let text = '{'
  for (const key of Object.keys(body)) {
    const value = body[key]
    if (value === undefined) continue
    const written = WORDY.has(key) ? writeValue(value, MAX_DEPTH) : JSON.stringify(value)
    text += `${text.length === 1 ? '' : ','}${writeString(key)}:${written}`
  }
  return `${text}}`
}

function writeValue(value: JsonValue, depth: number): string {
  if (typeof value === 'string') return writeString(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (!hasLongText(value, depth)) return JSON.stringify(value)
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${writeValue(item, depth - 1)}`
    return `[${text}]`
  }
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${writeString(key)}:${writeValue(member, depth - 1)}`
  }
  return `{${text}}`
}

function hasLongText(value: JsonValue, depth: number): boolean {
  if (typeof value === 'string') return value.length >= LONG_CHARS
  if (typeof value !== 'object' || value === null || depth === 0) return false
  if (Array.isArray(value)) {
    for (const item of value) if (hasLongText(item, depth - 1)) return true
    return false
  }
  for (const key in value) if (hasLongText(value[key] ?? null, depth - 1)) return true
  return false
}
