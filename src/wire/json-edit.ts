/**
 * Edits of a JSON object's top level in its raw bytes: a relayed body goes out as it came in, except
 * for the few values that must differ. Building values and writing them again would change number
 * spellings, escapes and spacing, and with them prompt-cache hits and signatures.
 *
 * The scanner expects text that JSON.parse has accepted; for anything else it throws or returns spans
 * of no meaning, but never reads past the end.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { asBuffer, isJsonObject, parseJson } from './json.ts'
import type { JsonObject } from './json.ts'

/** One member of the top level. Offsets are bytes; `valueEnd` is exclusive. */
export interface TopLevelMember {
  /** Decoded: `"mod\u0065l"` is `model`. */
  readonly key: string
  readonly keyStart: number
  readonly valueStart: number
  readonly valueEnd: number
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

const FEW_KEYS = 16

/**
 * The members of the object these bytes hold, in order, without building their values.
 * Throws ProxyError `json_invalid` where they hold no object, and for a key that occurs twice: two
 * parsers may disagree which one counts, and what was checked must be what is sent.
 */
export function scanTopLevel(bytes: Uint8Array): TopLevelMember[] {
  const text = asBuffer(bytes)
  const members: TopLevelMember[] = []
  // Made when there are too many keys to be looked through.
  let seen: Set<string> | undefined
  walkTopLevel(text, (keyStart, keyEnd, valueStart, valueEnd) => {
    const key = decodeKey(text, keyStart, keyEnd)
    if (members.length === FEW_KEYS) seen = new Set(members.map((member) => member.key))
    const known = seen?.has(key) ?? members.some((member) => member.key === key)
    if (known) {
      throw new ProxyError(
        'json_invalid',
        `Invalid JSON in request body: the key ${JSON.stringify(key)} occurs twice.`,
        { param: key },
      )
    }
    members.push({ key, keyStart, valueStart, valueEnd })
    seen?.add(key)
  })
  return members
}

/**
 * Whether a key of the top level occurs twice, told by counting: of two members with one key, `value`,
 * which is what JSON.parse made of these bytes, has kept one. Far cheaper than reading the keys.
 */
export function hasRepeatedKey(bytes: Uint8Array, value: JsonObject): boolean {
  return walkTopLevel(asBuffer(bytes)) !== Object.keys(value).length
}

/** Goes over the members of the object that the text holds, and says how many there are. */
function walkTopLevel(
  text: Buffer,
  visit?: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void,
): number {
  let members = 0
  let at = skipSpace(text, 0)
  if (text[at] !== OPEN_BRACE) throw notAnObject()
  at = skipSpace(text, at + 1)
  if (text[at] === CLOSE_BRACE) return members
  for (;;) {
    if (text[at] !== QUOTE) throw notAnObject()
    const keyStart = at
    const keyEnd = skipString(text, keyStart)
    at = skipSpace(text, keyEnd)
    if (text[at] !== COLON) throw notAnObject()
    const valueStart = skipSpace(text, at + 1)
    const valueEnd = skipValue(text, valueStart)
    visit?.(keyStart, keyEnd, valueStart, valueEnd)
    members += 1
    at = skipSpace(text, valueEnd)
    if (text[at] === CLOSE_BRACE) return members
    if (text[at] !== COMMA) throw notAnObject()
    at = skipSpace(text, at + 1)
  }
}

/** One value to be set: the key, and its new value as JSON text. */
export type TopLevelEdit = readonly [key: string, jsonText: string]

/**
 * The bytes with these values set: in place where the key exists, else as new members at the end.
 * Every other byte stays. `members` is the scan of the same bytes, where the caller already has it.
 */
export function setTopLevelValues(
  bytes: Uint8Array,
  edits: readonly TopLevelEdit[],
  members: readonly TopLevelMember[] = scanTopLevel(bytes),
): Uint8Array {
  const text = asBuffer(bytes)
  const changes: Array<{ start: number; end: number; text: string }> = []
  let added = ''
  for (const [key, jsonText] of edits) {
    const member = members.find((candidate) => candidate.key === key)
    if (member !== undefined) {
      changes.push({ start: member.valueStart, end: member.valueEnd, text: jsonText })
    } else {
      added += `${members.length > 0 || added !== '' ? ',' : ''}${JSON.stringify(key)}:${jsonText}`
    }
  }
  if (added !== '') {
    const last = members.at(-1)
    const end = last === undefined ? skipSpace(text, 0) + 1 : last.valueEnd
    changes.push({ start: end, end, text: added })
  }
  changes.sort((left, right) => left.start - right.start)
  let length = text.length
  for (const change of changes) {
    length += Buffer.byteLength(change.text) - (change.end - change.start)
  }
  const edited = Buffer.allocUnsafe(length)
  let at = 0
  let written = 0
  for (const change of changes) {
    written += text.copy(edited, written, at, change.start)
    written += edited.write(change.text, written)
    at = change.end
  }
  text.copy(edited, written, at)
  return edited
}

/** The bytes with one top-level value replaced (or added); `jsonText` is the new value as JSON text. */
export function replaceTopLevelValue(bytes: Uint8Array, key: string, jsonText: string): Uint8Array {
  return setTopLevelValues(bytes, [[key, jsonText]])
}

/**
 * What `stream_options` must become so that the provider reports usage, as an edit for
 * {@link setTopLevelValues}; `undefined` when it already asks for it.
 */
export function includeUsageEdit(
  bytes: Uint8Array,
  members: readonly TopLevelMember[],
): TopLevelEdit | undefined {
  const member = members.find((candidate) => candidate.key === 'stream_options')
  if (member === undefined) return ['stream_options', '{"include_usage":true}']
  const options = asBuffer(bytes).subarray(member.valueStart, member.valueEnd)
  const value = parseJson(options.toString('utf8'))
  if (!isJsonObject(value)) return ['stream_options', '{"include_usage":true}']
  if (value['include_usage'] === true) return undefined
  const merged = replaceTopLevelValue(options, 'include_usage', 'true')
  return ['stream_options', asBuffer(merged).toString('utf8')]
}

/** The bytes with `"stream_options":{"include_usage":true}` added, or merged into what stands there. */
export function setStreamOptionsIncludeUsage(bytes: Uint8Array): Uint8Array {
  const members = scanTopLevel(bytes)
  const edit = includeUsageEdit(bytes, members)
  return edit === undefined ? bytes : setTopLevelValues(bytes, [edit], members)
}

function notAnObject(): ProxyError {
  return new ProxyError('json_invalid', 'Invalid JSON in request body.')
}

function decodeKey(text: Buffer, start: number, end: number): string {
  const source = text.toString('utf8', start, end)
  if (!source.includes('\\')) return source.slice(1, -1)
  const key = parseJson(source)
  if (typeof key !== 'string') throw notAnObject()
  return key
}

function skipSpace(text: Buffer, from: number): number {
  let at = from
  for (;;) {
    const byte = text[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    at += 1
  }
}

// Short strings are walked in place; in a long one (a prompt) the native search finds the next quote.
const SHORT_STRING_BYTES = 32

/** Offset after the closing quote of the string that opens at `from`. */
function skipString(text: Buffer, from: number): number {
  let at = from + 1
  const near = Math.min(text.length, at + SHORT_STRING_BYTES)
  while (at < near) {
    const byte = text[at]
    if (byte === QUOTE) return at + 1
    at += byte === BACKSLASH ? 2 : 1
  }
  for (;;) {
    const quote = text.indexOf(QUOTE, at)
    if (quote === -1) throw notAnObject()
    // A quote behind an odd number of backslashes is escaped. `at` is never inside an escape.
    let backslashes = 0
    while (quote - backslashes - 1 >= at && text[quote - backslashes - 1] === BACKSLASH) {
      backslashes += 1
    }
    at = quote + 1
    if (backslashes % 2 === 0) return at
  }
}

/** Offset after the value that begins at `from`. */
function skipValue(text: Buffer, from: number): number {
  let at = from
  let depth = 0
  while (at < text.length) {
    const byte = text[at]
    if (byte === QUOTE) {
      at = skipString(text, at)
      if (depth === 0) return at
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      // The enclosing object's own end: a number or word stopped right before it.
      if (depth === 0) return at
      depth -= 1
      if (depth === 0) return at + 1
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) {
      return at
    }
    at += 1
  }
  throw notAnObject()
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}
