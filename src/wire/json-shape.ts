/**
 * JSON texts of which one is like the last, read without parsing them: a stream says the same hundreds of
 * times with another word in it, and parsing the whole envelope costs more than everything else that is
 * done with the word. Exact, not likely: a text is read this way only where it is, character for character,
 * the parsed one with other string or number tokens in the places named; so its value is that one's value
 * with other members there. Everything else goes through JSON.parse.
 */
import { parseJson } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'

/** Where a string or a count may differ, from the root: names of members, places in arrays. */
export type ShapePath = readonly [...(string | number)[], string]

/**
 * The value of a JSON text, or `undefined` where it is none. It is the reader's own, and good until the
 * next call: what is to be kept is copied, strings are kept as they are.
 */
export type ShapeReader = (text: string) => JsonValue | undefined

interface Hole {
  readonly holder: JsonObject
  readonly key: string
  readonly isText: boolean
}

interface Shape {
  readonly value: JsonValue
  readonly holes: readonly Hole[]
  /** What stands before each hole. */
  readonly before: readonly string[]
  /** What stands behind the last one, up to the closing brace and any space before it. */
  readonly after: string
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20
const ZERO = 0x30
const CLOSE_BRACE = 0x7d
// Shapes learned in vain, one after the other, until none is learned any more.
const PATIENCE = 3
// From here on V8 does not copy what is cut out of a text, and a word that is kept would keep all of it.
const VIEW_LENGTH = 13
// Below Number.MAX_SAFE_INTEGER.
const MAX_DIGITS = 15

/**
 * A reader for the texts of one stream. `words` are what the texts are about: one without any of them is
 * parsed and forgotten. `beside` them other values may differ.
 */
export function createShapeReader(
  words: readonly ShapePath[],
  beside: readonly ShapePath[] = [],
): ShapeReader {
  let shape: Shape | undefined
  let patience = PATIENCE
  return (text) => {
    if (shape !== undefined && fill(shape, text)) {
      patience = PATIENCE
      return shape.value
    }
    const value = parseJson(text)
    if (patience > 0) {
      const learned = learn(text, value, words, beside)
      if (learned !== undefined) {
        patience -= 1
        shape = learned
      }
    }
    return value
  }
}

/** Sets the shape's value to that of `text`; false where the text has another shape. */
function fill({ holes, before, after }: Shape, text: string): boolean {
  let at = 0
  for (let index = 0; index < holes.length; index += 1) {
    const hole = holes[index]
    const literal = before[index]
    if (hole === undefined || literal === undefined) return false
    const start = at + literal.length
    // `startsWith` takes eight times as long where the text was cut out of a longer one.
    if (text.slice(at, start) !== literal) return false
    const end = hole.isText ? stringEnd(text, start) : countEnd(text, start)
    if (end === -1) return false
    const told = hole.isText ? readString(text, start, end) : readCount(text, start, end)
    if (told === undefined) return false
    hole.holder[hole.key] = told
    at = end
  }
  if (text.slice(at, at + after.length) !== after) return false
  at += after.length
  // Anthropic pads its events with spaces there.
  while (text.charCodeAt(at) === SPACE) at += 1
  return text.charCodeAt(at) === CLOSE_BRACE && at === text.length - 1
}

/** The string between these quotes, `undefined` where its escapes are none. */
function readString(text: string, start: number, end: number): JsonValue | undefined {
  const raw = text.slice(start, end)
  return raw.length < VIEW_LENGTH && !raw.includes('\\') ? raw : parseJson(`"${raw}"`)
}

/** Where the string ends that `from` is the first character of: its closing quote; -1 for none. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) return at
    if (unit === BACKSLASH) at += 1
    else if (unit < SPACE) return -1
  }
  return -1
}

/** Where the whole number ends that begins at `from`; -1 for none as JSON writes it. */
function countEnd(text: string, from: number): number {
  let at = from
  while (isDigit(text.charCodeAt(at))) at += 1
  if (at === from || at - from > MAX_DIGITS) return -1
  return text.charCodeAt(from) === ZERO && at - from > 1 ? -1 : at
}

function readCount(text: string, start: number, end: number): number {
  let count = 0
  for (let at = start; at < end; at += 1) count = count * 10 + text.charCodeAt(at) - ZERO
  return count
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= 0x39
}

interface Span {
  readonly path: ShapePath
  readonly hole: Hole
  readonly start: number
  readonly end: number
  readonly probe: string
}

/** The shape of a text that was parsed; `undefined` where no word in it has a token of its own. */
function learn(
  text: string,
  value: JsonValue | undefined,
  words: readonly ShapePath[],
  beside: readonly ShapePath[],
): Shape | undefined {
  if (value === undefined || !text.endsWith('}')) return undefined
  if (!words.some((path) => holeAt(value, path) !== undefined)) return undefined
  const spans: Span[] = []
  for (const path of [...words, ...beside]) {
    const hole = holeAt(value, path)
    if (hole === undefined) continue
    const start = tokenStart(text, hole)
    const end = hole.isText ? stringEnd(text, start) : countEnd(text, start)
    const probe = `${PROBE}${spans.length}`
    if (start === -1 || end === -1) return undefined
    // No probe may be found where it was not put.
    if (text.includes(probe) || String(token(hole)) === probe) return undefined
    spans.push({ hole, path, start, end, probe })
  }
  spans.sort((left, right) => left.start - right.start)
  // What is kept is cut from a copy: the text itself may be a view of all that came with it.
  const own: string = JSON.parse(JSON.stringify(text))
  const before: string[] = []
  let probed = ''
  let at = 0
  for (const { start, end, probe } of spans) {
    if (start < at) return undefined
    before.push(own.slice(at, start))
    probed += own.slice(at, start) + probe
    at = end
  }
  // The proof: each probe is the whole of what its path leads to, so it stands where its token stood.
  const read = parseJson(probed + own.slice(at))
  for (const { path, hole, probe } of spans) {
    const found = read === undefined ? undefined : holeAt(read, path)
    if (found === undefined || token(found) !== (hole.isText ? probe : Number(probe)))
      return undefined
  }
  const after = own.slice(at, -1).trimEnd()
  return { value, holes: spans.map(({ hole }) => hole), before, after }
}

// Reads as a string and as a whole number alike.
const PROBE = '73901846520'

function holeAt(root: JsonValue, path: ShapePath): Hole | undefined {
  let holder: JsonValue | undefined = root
  for (const step of path.slice(0, -1)) holder = memberOf(holder, step)
  const key = path.at(-1)
  if (typeof key !== 'string' || typeof holder !== 'object' || holder === null) return undefined
  if (Array.isArray(holder) || !Object.hasOwn(holder, key)) return undefined
  const value = holder[key]
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  return { holder, key, isText: typeof value === 'string' }
}

function token({ holder, key }: Hole): string | number | undefined {
  const value = holder[key]
  return typeof value === 'string' || typeof value === 'number' ? value : undefined
}

function memberOf(value: JsonValue | undefined, step: string | number): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined
  return typeof step === 'string' && Object.hasOwn(value, step) ? value[step] : undefined
}

/** Where the token of this member begins, if its name stands nowhere before; a string without its quote. */
function tokenStart(text: string, { key, isText }: Hole): number {
  const name = `"${key}"`
  let at = text.indexOf(name)
  if (at === -1) return -1
  at += name.length
  while (text.charCodeAt(at) === SPACE) at += 1
  if (text[at] !== ':') return -1
  at += 1
  while (text.charCodeAt(at) === SPACE) at += 1
  if (!isText) return at
  return text.charCodeAt(at) === QUOTE ? at + 1 : -1
}
