/**
 * Safe reading of JSON from outside (RFC 8259): valid UTF-8 only, bounded depth and size, and small
 * readers for values whose type nobody has checked yet. `null` counts as absent everywhere.
 */
import { ProxyError } from '../errors/proxy-error.ts'

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject
/** Parsed JSON object. Key order is the order on the wire and must be kept when it is written again. */
export interface JsonObject {
  [key: string]: JsonValue
}

/** What a body may cost at most. */
export interface JsonLimits {
  /** Nesting of objects and arrays; default 100. */
  readonly maxDepth?: number | undefined
  /** Values of any kind, keys not counted; default 500,000 (an embeddings call may carry 300,000 tokens). */
  readonly maxValues?: number | undefined
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const INVALID = 'Invalid JSON in request body'

/**
 * A request body as an object. Throws ProxyError `json_invalid` for bytes that are not UTF-8, begin with
 * a byte order mark (a relay would forward it, and providers refuse it), are not JSON, are not an
 * object, or exceed the limits.
 */
export function parseJsonObject(bytes: Uint8Array, limits: JsonLimits = {}): JsonObject {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new ProxyError('json_invalid', `${INVALID}: it begins with a byte order mark.`)
  }
  const text = decodeUtf8(bytes)
  let value: JsonValue
  try {
    value = JSON.parse(text)
  } catch (cause) {
    if (text.trim() === '') throw new ProxyError('json_invalid', `${INVALID}: it is empty.`)
    throw new ProxyError('json_invalid', INVALID, { cause })
  }
  if (!isJsonObject(value)) {
    throw new ProxyError('json_invalid', `${INVALID}: expected an object, got ${kindOf(value)}.`)
  }
  const { maxDepth = 100, maxValues = 500_000 } = limits
  // Two brackets to a level, a character to a value: most bodies are too short to exceed anything.
  if (bytes.length > 2 * maxDepth || bytes.length > maxValues) checkSize(value, maxDepth, maxValues)
  return value
}

/** The same bytes with a Buffer's methods; the very value where it is one. */
export function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function decodeUtf8(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('utf8')
  // The quick decoder puts this where bytes are wrong; it may also have been sent as what it is.
  if (!text.includes('\ufffd')) return text
  try {
    return strictUtf8.decode(bytes)
  } catch (cause) {
    throw new ProxyError('json_invalid', `${INVALID}: it is not valid UTF-8.`, { cause })
  }
}

// Recursion is bounded by `maxDepth` itself: nothing deeper is ever entered.
function checkSize(root: JsonObject, maxDepth: number, maxValues: number): void {
  let values = 0
  function visit(value: JsonValue, depth: number): void {
    values += 1
    if (values > maxValues) {
      throw new ProxyError('json_invalid', `${INVALID}: more than ${maxValues} values.`)
    }
    if (typeof value !== 'object' || value === null) return
    if (depth > maxDepth) {
      throw new ProxyError('json_invalid', `${INVALID}: nested deeper than ${maxDepth} levels.`)
    }
    if (Array.isArray(value)) for (const item of value) visit(item, depth + 1)
    else for (const key in value) visit(value[key] ?? null, depth + 1)
  }
  visit(root, 1)
}

/** JSON text as a value, or `undefined` where it is none. Never throws. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a value is, in words for an error message. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (value === undefined) return 'nothing'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value if it is a string. */
export function readString(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value if it is a string with at least one character. */
export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The value if it is a finite number. */
export function readNumber(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** The value if it is a whole number of zero or more, as token counts are. */
export function readCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

export function readBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined
}

export function readObject(value: unknown): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined
}

/** The value if it is an array, else an empty one. */
export function readArray(value: unknown): readonly JsonValue[] {
  return Array.isArray(value) ? value : []
}
