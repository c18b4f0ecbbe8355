/**
 * Reads a log line straight from its bytes, several times faster than JSON.parse: a report over a
 * gigabyte spends its time here. It knows the shape that `ledger.ts` writes (compact JSON, `ts` first,
 * whole numbers, no escapes in names) and answers `undefined` to everything else, which is then read
 * the slow and complete way by `lines.ts`. A test holds the two against each other.
 */

/** What reports and limits need of one line; `undefined` where it did not say. */
export interface LoggedUsage {
  /** Milliseconds since the epoch. */
  readonly ts_ms: number
  readonly user: string | undefined
  readonly api: string | undefined
  readonly model: string | undefined
  readonly served_model: string | undefined
  readonly provider: string | undefined
  readonly outcome: string | undefined
  readonly prompt_tokens: number | undefined
  readonly completion_tokens: number | undefined
  readonly total_tokens: number | undefined
  readonly cached_tokens: number | undefined
  readonly cache_write_tokens: number | undefined
  readonly cache_write_1h_tokens: number | undefined
  readonly reasoning_tokens: number | undefined
  readonly estimated: boolean
  readonly mock: boolean
  readonly ms: number | undefined
}

export interface LineScanner {
  /**
   * Milliseconds since the epoch of the record that begins at `start`, or NaN where it does not begin
   * with `{"ts":"` and a UTC time with milliseconds.
   */
  readTime(bytes: Buffer, start: number, limit: number): number
  /**
   * The record that begins at `start`, whose time `readTime` gave; `undefined` where it is not in the
   * known shape or not whole before `limit`.
   */
  scan(bytes: Buffer, start: number, limit: number, tsMs: number): LoggedUsage | undefined
  /** After a successful `scan`: just behind the record's closing brace. */
  readonly end: number
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const ZERO = 0x30
const LINE_FEED = 0x0a
const TRUE = Buffer.from('true')
const HEAD = Buffer.from('{"ts":"')
// `{"ts":"` and 24 characters of time; the closing quote stands there.
const TIME_END = HEAD.length + 24
const MAX_DIGITS = 15

const FIELDS = [
  'user',
  'api',
  'model',
  'served_model',
  'provider',
  'outcome',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'ms',
  'cache_write_1h_tokens',
  'estimated',
  'mock',
] as const
const FIRST_NUMBER = FIELDS.indexOf('prompt_tokens')
const FIRST_FLAG = FIELDS.indexOf('estimated')
const UNKNOWN = FIELDS.length

// Field by key hash. 256 places for 16 keys, and none of them meet (a test would show it).
const PLACES = 256
const fieldAt = new Uint8Array(PLACES).fill(UNKNOWN)
const hashOf = new Int32Array(FIELDS.length)
FIELDS.forEach((name, field) => {
  const hash = hashText(name)
  fieldAt[hash & (PLACES - 1)] = field
  hashOf[field] = hash
})

function hashText(text: string): number {
  let hash = 0
  for (const byte of Buffer.from(text)) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}

/** A scanner with its own memory of names and of the last day seen. */
export function createLineScanner(): LineScanner {
  const intern = createInterner()
  // What the record being read said, by field; kept between records to spare the collector.
  const text: (string | undefined)[] = Array.from({ length: FIRST_NUMBER })
  const count: (number | undefined)[] = Array.from({ length: FIRST_FLAG - FIRST_NUMBER })
  let end = 0
  // The last calendar day seen, and its midnight in UTC.
  let lastDay = -1
  let lastDayMs = NaN

  function readTime(bytes: Buffer, start: number, limit: number): number {
    if (limit - start <= TIME_END) return NaN
    for (let i = 0; i < HEAD.length; i++) if (bytes[start + i] !== HEAD[i]) return NaN
    const at = start + HEAD.length
    // 2026-11-22T15:12:11.034Z"
    if (
      bytes[at + 4] !== 0x2d ||
      bytes[at + 7] !== 0x2d ||
      bytes[at + 10] !== 0x54 ||
      bytes[at + 13] !== COLON ||
      bytes[at + 16] !== COLON ||
      bytes[at + 19] !== 0x2e ||
      bytes[at + 23] !== 0x5a ||
      bytes[at + 24] !== QUOTE
    ) {
      return NaN
    }
    const year = two(bytes, at) * 100 + two(bytes, at + 2)
    const month = two(bytes, at + 5)
    const dayOfMonth = two(bytes, at + 8)
    const day = year * 10_000 + month * 100 + dayOfMonth
    if (day !== lastDay) {
      const midnight = new Date(Date.UTC(year, month - 1, dayOfMonth))
      // NaN, a 13th month, 30 February: what Date.parse makes of it is decided on the slow path.
      if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== dayOfMonth) return NaN
      lastDay = day
      lastDayMs = midnight.getTime()
    }
    const hour = two(bytes, at + 11)
    const minute = two(bytes, at + 14)
    const second = two(bytes, at + 17)
    const milli = two(bytes, at + 20) * 10 + (two(bytes, at + 21) % 10)
    if (!(hour < 24 && minute < 60 && second < 60)) return NaN
    return lastDayMs + hour * 3_600_000 + minute * 60_000 + second * 1000 + milli
  }

  function scan(
    bytes: Buffer,
    start: number,
    limit: number,
    tsMs: number,
  ): LoggedUsage | undefined {
    text.fill(undefined)
    count.fill(undefined)
    let estimated = false
    let mock = false

    let at = start + TIME_END + 1
    for (;;) {
      const mark = bytes[at]
      if (mark === CLOSE_BRACE) break
      if (mark !== COMMA || bytes[at + 1] !== QUOTE) return undefined
      const key = at + 2
      let hash = 0
      for (at = key; at < limit; at++) {
        const byte = bytes[at]!
        if (byte === QUOTE) break
        if (byte === BACKSLASH) return undefined
        hash = (Math.imul(hash, 31) + byte) | 0
      }
      if (at + 2 >= limit || bytes[at + 1] !== COLON) return undefined
      at += 2

      let field = fieldAt[hash & (PLACES - 1)]!
      if (field !== UNKNOWN && hashOf[field] !== hash) field = UNKNOWN
      if (field < FIRST_NUMBER) {
        if (bytes[at] !== QUOTE) return undefined
        const from = ++at
        hash = 0
        for (; at < limit; at++) {
          const byte = bytes[at]!
          if (byte === QUOTE) break
          if (byte === BACKSLASH || byte < 0x20) return undefined
          hash = (Math.imul(hash, 31) + byte) | 0
        }
        if (at >= limit) return undefined
        text[field] = intern(bytes, from, at, hash)
        at++
      } else if (field < FIRST_FLAG) {
        const from = at
        let value = 0
        for (; at < limit; at++) {
          const digit = bytes[at]! - ZERO
          if (digit < 0 || digit > 9) break
          value = value * 10 + digit
        }
        // A sign, a fraction, null, or nothing at all.
        if (at === from || at - from > MAX_DIGITS) return undefined
        const next = bytes[at]
        if (next !== COMMA && next !== CLOSE_BRACE) return undefined
        count[field - FIRST_NUMBER] = value
      } else if (field < UNKNOWN) {
        // Only `true` is ever written.
        for (const byte of TRUE) if (bytes[at++] !== byte) return undefined
        if (FIELDS[field] === 'mock') mock = true
        else estimated = true
      } else {
        at = skipValue(bytes, at, limit)
        if (at < 0) return undefined
      }
      if (at >= limit) return undefined
    }
    end = at + 1
    return {
      ts_ms: tsMs,
      user: text[0],
      api: text[1],
      model: text[2],
      served_model: text[3],
      provider: text[4],
      outcome: text[5],
      prompt_tokens: count[0],
      completion_tokens: count[1],
      total_tokens: count[2],
      cached_tokens: count[3],
      cache_write_tokens: count[4],
      reasoning_tokens: count[5],
      ms: count[6],
      cache_write_1h_tokens: count[7],
      estimated,
      mock,
    }
  }

  return {
    readTime,
    scan,
    get end() {
      return end
    },
  }
}

function two(bytes: Buffer, at: number): number {
  const tens = bytes[at]! - ZERO
  const ones = bytes[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN
}

/** Just behind the value that begins at `at`, or -1 where its end is not plain to see. */
function skipValue(bytes: Buffer, at: number, limit: number): number {
  let depth = 0
  for (; at < limit; at++) {
    switch (bytes[at]) {
      case QUOTE:
        for (at++; at < limit && bytes[at] !== QUOTE; at++) {
          const byte = bytes[at]!
          if (byte === BACKSLASH || byte < 0x20) return -1
        }
        if (depth === 0) return at + 1
        break
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 0) return at
        if (--depth === 0) return at + 1
        break
      case COMMA:
        if (depth === 0) return at
        break
      case LINE_FEED:
        return -1
      default:
        break
    }
  }
  return -1
}

interface Interned {
  readonly hash: number
  readonly bytes: Uint8Array
  readonly text: string
}

const INTERNED_PLACES = 4096

/** The same few names stand in every line: gives back the string made the first time. */
function createInterner(): (bytes: Buffer, from: number, to: number, hash: number) => string {
  const places: (Interned | undefined)[] = Array.from({ length: INTERNED_PLACES }, () => undefined)
  return (bytes, from, to, hash) => {
    const place = (hash ^ (hash >>> 12)) & (INTERNED_PLACES - 1)
    const known = places[place]
    const length = to - from
    if (known !== undefined && known.hash === hash && known.bytes.length === length) {
      let i = 0
      while (i < length && known.bytes[i] === bytes[from + i]) i++
      if (i === length) return known.text
    }
    const copy = Uint8Array.prototype.slice.call(bytes, from, to)
    const text = bytes.toString('utf8', from, to)
    places[place] = { hash, bytes: copy, text }
    return text
  }
}
