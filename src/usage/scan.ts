/**
 * Reads a log line straight from its bytes, many times faster than JSON.parse; of large logs `kernel.ts`
 * reads most lines, with what is learnt here. It knows how the ledger begins a line
 * (`{"ts":"…","id":"…","user":"…"`), and learns the rest from lines that were read the slow way
 * (`shapes.ts`). What is not exactly like that is left to the slow way of `lines.ts`. A test holds the two
 * against each other.
 *
 * A scanner is plain data and its functions stand on their own, because the engine keeps what they are
 * given in registers: as closures over the same buffers they took three times as many instructions.
 */
import { TS_MS } from './logged.ts'
import type { Figures, LoggedNames } from './logged.ts'
import { createShapes, isText, keepText, LOOK_AHEAD_BYTES } from './shapes.ts'
import { learnShape, matchShape } from './shapes.ts'
import type { ParsedLine, Shapes } from './shapes.ts'
import { createTables, FOUND_NODE, FOUND_USER, HOUR_BEGINS, LENGTH, NODE_LIMIT } from './tables.ts'
import { TEXT } from './tables.ts'
import { USER_LIMIT, USER_PLACES, USER_WORDS } from './tables.ts'
import type { Tables } from './tables.ts'

/** What is known while one log is read. */
export interface LineScanner {
  /** The lines. Functions look up to `SCAN_AHEAD_BYTES` behind the limits they are given. */
  readonly bytes: Buffer
  readonly view: DataView
  readonly tables: Tables
  /** What the last line said in numbers. */
  readonly figures: Figures
  readonly shapes: Shapes
  /** By number, from 1. */
  readonly users: (string | undefined)[]
  /** Lines that were learnt from, or could not be. */
  lessons: number
}

export const SCAN_AHEAD_BYTES = LOOK_AHEAD_BYTES

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c
const DASH = 0x2d
const DOT = 0x2e
const LETTER_T = 0x54
const LETTER_Z = 0x5a
const ZERO = 0x30
const SPACE = 0x20
const HEAD = Buffer.from('{"ts":"')
// `{"ts":"` and 24 characters of time; the closing quote stands there.
const TIME_END = HEAD.length + 24
const HOUR_END = HEAD.length + '2026-11-22T15:'.length
// Eight bytes of a line are compared as one number.
const ID_HEAD = Buffer.from('","id":"').readDoubleLE()
const USER_HEAD = Buffer.from('","user":"').readDoubleLE()
const USER_HEAD_END = Buffer.from('","user":"').readDoubleLE(2)
// `req_` and a ULID.
const MINTED_ID_BYTES = 30
const LEARNT_HEAD = /^\{"ts":"[^"\\]{24}","id":"[^"\\]*"(?:,"user":"([^"\\]*)")?/
const USER_LIMIT_BYTES = 256
// A log from which so many lines taught nothing lasting is a foreign one: looking further costs time.
const LESSON_LIMIT = 100_000

/** A scanner of lines in `bytes` that has seen none yet. */
export function createLineScanner(bytes: Buffer, tables = createTables()): LineScanner {
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    tables,
    figures: tables.figures,
    shapes: createShapes(bytes, tables),
    users: [undefined],
    lessons: 0,
  }
}

/**
 * Milliseconds since the epoch of the record that begins at `start`, or NaN where it does not begin
 * with `{"ts":"` and a UTC time with milliseconds.
 */
export function readTime(scanner: LineScanner, start: number): number {
  const { bytes, view } = scanner
  const { hour } = scanner.tables
  if (
    view.getFloat64(start, true) !== hour[0] ||
    view.getFloat64(start + 8, true) !== hour[1] ||
    view.getFloat64(start + HOUR_END - 8, true) !== hour[2]
  ) {
    hour[HOUR_BEGINS] = readHour(bytes, start)
    hour[0] = view.getFloat64(start, true)
    hour[1] = view.getFloat64(start + 8, true)
    hour[2] = view.getFloat64(start + HOUR_END - 8, true)
  }
  // 12:11.034Z"
  const at = start + HOUR_END
  const minute = twoDigits(bytes, at)
  const second = twoDigits(bytes, at + 3)
  const hundredths = twoDigits(bytes, at + 6)
  const thousandths = (bytes[at + 8]! - ZERO) >>> 0
  if (
    minute >= 60 ||
    second >= 60 ||
    hundredths === NO_DIGITS ||
    thousandths > 9 ||
    bytes[at + 2] !== COLON ||
    bytes[at + 5] !== DOT ||
    bytes[at + 9] !== LETTER_Z ||
    bytes[at + 10] !== QUOTE
  ) {
    return NaN
  }
  return hour[HOUR_BEGINS]! + (minute * 60_000 + second * 1000 + hundredths * 10 + thousandths)
}

/** The hour that a line begins with, in milliseconds since the epoch; NaN where it is none. */
function readHour(bytes: Buffer, start: number): number {
  for (let i = 0; i < HEAD.length; i++) if (bytes[start + i] !== HEAD[i]) return NaN
  const at = start + HEAD.length
  if (
    bytes[at + 4] !== DASH ||
    bytes[at + 7] !== DASH ||
    bytes[at + 10] !== LETTER_T ||
    bytes[at + 13] !== COLON
  ) {
    return NaN
  }
  const [century, year, month, day, hour] = [0, 2, 5, 8, 11].map((i) => twoDigits(bytes, at + i))
  const fullYear = century! * 100 + year!
  const midnight = new Date(Date.UTC(fullYear, month! - 1, day))
  // What is no digit, a 13th month, 30 February: what Date.parse makes of it is decided the slow way.
  const isDay =
    year! < NO_DIGITS &&
    midnight.getUTCFullYear() === fullYear &&
    midnight.getUTCMonth() === month! - 1 &&
    midnight.getUTCDate() === day
  return isDay && hour! < 24 ? midnight.getTime() + hour! * 3_600_000 : NaN
}

const NO_DIGITS = 1_000_000

function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at]! - ZERO) >>> 0
  const ones = (bytes[at + 1]! - ZERO) >>> 0
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : NO_DIGITS
}

/**
 * Reads the record that begins at `start`, whose time `readTime` gave, into `figures`. Gives the place
 * behind its closing brace; -1 where it is left to the slow way, or not whole before `limit`.
 */
export function scanLine(scanner: LineScanner, start: number, limit: number, tsMs: number): number {
  const { bytes, view } = scanner
  if (view.getFloat64(start + TIME_END, true) !== ID_HEAD) return -1
  let at = skipText(bytes, view, start + TIME_END + 8)
  if (at < 0 || at >= limit) return -1
  let user = 0
  if (view.getFloat64(at, true) === USER_HEAD && view.getFloat64(at + 2, true) === USER_HEAD_END) {
    const from = at + 10
    let hash = 0
    for (at = from; ; at++) {
      const byte = bytes[at]!
      if (byte === QUOTE) break
      if (at >= limit) return -1
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    user = findUser(scanner, from, at, hash)
    if (user === 0) return -1
  }
  scanner.tables.found[FOUND_USER] = user
  scanner.figures[TS_MS] = tsMs
  return matchShape(scanner.shapes, at + 1, limit)
}

/** The closing quote of the text that begins at `at`; -1 where something in it needs JSON.parse. */
function skipText(bytes: Buffer, view: DataView, at: number): number {
  if (bytes[at + MINTED_ID_BYTES] === QUOTE) {
    const last = at + MINTED_ID_BYTES - 4
    let odd = oddities(view.getInt32(last, true))
    for (let i = at; i < last; i += 4) odd |= oddities(view.getInt32(i, true))
    if ((odd & 0x80808080) === 0) return last + 4
  }
  for (;;) {
    const byte = bytes[at]!
    if (byte === QUOTE) return at
    // Behind the end of the buffer there is no byte.
    if (!(byte >= SPACE) || byte === BACKSLASH) return -1
    at++
  }
}

/**
 * Sets the highest bit of each of four bytes that is no ASCII, a control, a quote or a backslash. It may
 * be set for a harmless neighbour too, which is then looked at byte by byte.
 */
function oddities(four: number): number {
  return (
    four |
    (four - 0x20202020) |
    ((four ^ 0x22222222) - 0x01010101) |
    ((four ^ 0x5c5c5c5c) - 0x01010101)
  )
}

/** After a successful `scanLine`: stands for the record's names, the same number for the same names. */
export function namesKey({ tables: { found } }: LineScanner): number {
  return found[FOUND_USER]! * NODE_LIMIT + found[FOUND_NODE]!
}

/** After a successful `scanLine`: what the record says besides its figures. */
export function namesOf({ users, shapes, tables: { found } }: LineScanner): LoggedNames {
  return { ...shapes.names[found[FOUND_NODE]!]!, user: users[found[FOUND_USER]!] }
}

/**
 * Learns from the record in `start` to `end`, which JSON.parse has read as `line`, so that the next one
 * like it can be scanned. Only what JSON.stringify would have written the same is learnt from: in it no
 * key stands twice, there is no white space, and nothing is escaped that need not be.
 */
export function learnLine(
  scanner: LineScanner,
  start: number,
  end: number,
  line: ParsedLine,
): void {
  if (scanner.lessons >= LESSON_LIMIT) return
  scanner.lessons++
  const text = scanner.bytes.toString('utf8', start, end)
  if (JSON.stringify(line) !== text) return
  const head = LEARNT_HEAD.exec(text)
  // A user that stands somewhere else would be in the shape.
  if (head === null || head[1] !== line['user']) return
  if (head[1] !== undefined) learnUser(scanner, head[1])
  learnShape(scanner.shapes, text.slice(head[0].length), line)
}

function findUser(scanner: LineScanner, from: number, to: number, hash: number): number {
  const { userPlaces, users, texts } = scanner.tables
  for (let place = placeOf(hash); ; place = (place + 1) & (USER_PLACES - 1)) {
    const number = userPlaces[place]!
    if (number === 0) return 0
    const row = number * USER_WORDS
    const length = users[row + LENGTH]!
    if (length === to - from && isText(scanner.view, from, texts, users[row + TEXT]!, length)) {
      return number
    }
  }
}

function learnUser({ users, shapes, tables }: LineScanner, name: string): void {
  const bytes = Buffer.from(name)
  if (users.length >= USER_LIMIT || bytes.length > USER_LIMIT_BYTES) return
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
  let place = placeOf(hash)
  while (tables.userPlaces[place] !== 0) {
    if (users[tables.userPlaces[place]!] === name) return
    place = (place + 1) & (USER_PLACES - 1)
  }
  const text = keepText(shapes, name)
  if (text === undefined) return
  const number = users.length
  users.push(name)
  tables.users.set([text, bytes.length], number * USER_WORDS)
  tables.userPlaces[place] = number
}

function placeOf(hash: number): number {
  return (hash ^ (hash >>> 13)) & (USER_PLACES - 1)
}
