/**
 * JSON written faster than JSON.stringify writes it, to the same characters. V8 looks at each character of
 * a string on its own, thirty instructions for every one; that there is nothing to escape in a text is told
 * at a quarter of that, and that there is something mostly at once.
 */
import type { JsonObject, JsonValue } from './json.ts'

// Up to here one look for anything to escape is the cheapest.
const SHORT_CHARS = 24
// Surrogates are only escaped where they stand alone; looking at pairs is left to JSON.stringify.
// oxlint-disable-next-line no-control-regex -- they are what JSON escapes
const UNSAFE = /["\\\u0000-\u001f\ud800-\udfff]/
// oxlint-disable-next-line no-control-regex -- the same
const RARELY_THERE = /[\u0000-\u001f\ud800-\udfff]/

/** A string as JSON.stringify writes it. */
export function writeString(text: string): string {
  const safe =
    text.length < SHORT_CHARS
      ? !UNSAFE.test(text)
      : !hasUsualEscape(text) && !RARELY_THERE.test(text)
  return safe ? `"${text}"` : JSON.stringify(text)
}

/** What most long texts have that have anything to escape; each is looked for many bytes at a time. */
function hasUsualEscape(text: string): boolean {
  return text.includes('\n') || text.includes('"') || text.includes('\\')
}

/** The same for a string that may be missing. */
export function writeStringOrNull(text: string | null): string {
  return text === null ? 'null' : writeString(text)
}

// Where the text of a request stands, in all dialects. What else it has is small, or schemas: many names
// and little text, at which JSON.stringify is better.
const WORDY: ReadonlySet<string> = new Set(['messages', 'input', 'system'])
// From here on a text counts for more than the names around it: a long question, an image.
const LONG_CHARS = 1024
// Deep enough for an image in a tool's result; the stack is not for others to fill.
const MAX_DEPTH = 8

/** A request's body as JSON.stringify writes it. It was made from one of `bytes`. */
export function writeBody(body: JsonObject, bytes: number): string {
  if (bytes < LONG_CHARS) return JSON.stringify(body)
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
  if (!hasLongPlainText(value, depth)) return JSON.stringify(value)
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

function hasLongPlainText(value: JsonValue, depth: number): boolean {
  if (typeof value === 'string') return value.length >= LONG_CHARS && !hasUsualEscape(value)
  if (typeof value !== 'object' || value === null || depth === 0) return false
  if (Array.isArray(value)) {
    for (const item of value) if (hasLongPlainText(item, depth - 1)) return true
    return false
  }
  for (const key in value) if (hasLongPlainText(value[key] ?? null, depth - 1)) return true
  return false
}
