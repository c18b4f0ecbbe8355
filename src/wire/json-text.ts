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
// and no text, at which JSON.stringify is as good.
const WORDY: ReadonlySet<string> = new Set(['messages', 'input', 'system', 'instructions'])

/** A request's body as JSON.stringify writes it. */
export function writeBody(body: JsonObject): string {
  let text = '{'
  for (const key of Object.keys(body)) {
    const value = body[key]
    if (value === undefined) continue
    const written = WORDY.has(key) ? writeValue(value, MAX_DEPTH) : writePlain(value)
    text += `${text.length === 1 ? '' : ','}${writeString(key)}:${written}`
  }
  return `${text}}`
}

// The stack is not for others to fill: below, JSON.stringify has its own ways.
const MAX_DEPTH = 32

function writeValue(value: JsonValue, depth: number): string {
  if (typeof value !== 'object' || value === null || depth === 0) return writePlain(value)
  if (Array.isArray(value)) {
    let items = '['
    for (const item of value) {
      items += `${items.length === 1 ? '' : ','}${writeValue(item, depth - 1)}`
    }
    return `${items}]`
  }
  let members = '{'
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member === undefined) continue
    const name = FREQUENT.has(key) ? `"${key}"` : writeString(key)
    members += `${members.length === 1 ? '' : ','}${name}:${writeValue(member, depth - 1)}`
  }
  return `${members}}`
}

// Names of which it is known that nothing in them is to be escaped.
const FREQUENT: ReadonlySet<string> = new Set(['role', 'content', 'type', 'text'])

function writePlain(value: JsonValue): string {
  if (typeof value === 'string') return writeString(value)
  if (typeof value === 'number' && Number.isFinite(value)) return `${value}`
  return JSON.stringify(value)
}
