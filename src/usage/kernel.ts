/**
 * The line scanner once more, for large logs, as WebAssembly: it compares sixteen bytes at a time and
 * reads a number at once, which takes a third of the time. It knows less than `scan.ts`, whose tables it
 * reads (`tables.ts`), and learns nothing: whatever it does not know is left to JSON.parse. Where there is
 * no WebAssembly with vectors, everything is left to the scanner. A test holds the two against each other.
 */
import { assembleFunction, f64, giveBack, i32, i64, loopWhile, v128, when } from './assembler.ts'
import type { Code, FunctionDraft, Local, Operand } from './assembler.ts'
import { ABSENT, FIGURES, PROMPT, TS_MS } from './logged.ts'
import { END } from './shapes.ts'
import { CHILD, FIGURES_AT, FIRSTS_AT, FOLLOWS, FOUND_AT, FOUND_NODE } from './tables.ts'
import { FOUND_USER, HASH_PLACES, HOUR_AT, HOUR_BEGINS, LENGTH, MASKS_AT } from './tables.ts'
import { MASK_BYTES, NODES_AT, NODE_WORDS, SIBLING, TABLE_BYTES, TEXT } from './tables.ts'
import { TEXTS_AT, USERS_AT, USER_PLACES, USER_PLACES_AT, USER_WORDS } from './tables.ts'

/** A memory for tables and, behind them, lines; and who reads lines in it. */
export interface Kernel {
  readonly memory: ArrayBuffer
  readonly lines: Buffer
  /**
   * Reads the line that begins at `start` of the lines into figures and what was found, its time too. Gives
   * the place behind its line feed; -1 where it is left to the scanner, or not whole before `limit`.
   */
  read(start: number, limit: number): number
}

// TypeScript knows WebAssembly only together with the whole of a browser.
declare const WebAssembly:
  | {
      readonly Memory: new (pages: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
      readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
      readonly Instance: new (
        module: object,
        imports: { readonly env: { readonly memory: object } },
      ) => { readonly exports: Pick<Kernel, 'read'> }
    }
  | undefined

const PAGE_BYTES = 65_536
const LINES_AT = TABLE_BYTES
const VECTOR_BYTES = 16
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const ZERO = 0x30
const BACKSLASH = 0x5c
const TIME_AT = '{"ts":"2026-11-22T15:'.length
const MILLI_AT = TIME_AT + '12:11.03'.length
const ID_AT = MILLI_AT + '4Z","id":"'.length
const USER_AT = '","user":"'.length

/** A kernel for so many bytes of lines at once; `undefined` where this machine has none. */
export function createKernel(lineBytes: number): Kernel | undefined {
  try {
    if (WebAssembly === undefined) return undefined
    const pages = Math.ceil((LINES_AT + lineBytes) / PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const module = new WebAssembly.Module(assembleFunction('read', writeRead))
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    const lines = Buffer.from(memory.buffer, LINES_AT, lineBytes)
    return { memory: memory.buffer, lines, read: exports.read }
  } catch {
    // No vectors on this processor, no memory to be had, or none of it is allowed.
    return undefined
  }
}

function writeRead(draft: FunctionDraft): Code {
  const [start, limit] = draft.parameters
  const at = draft.local('i32')
  return [
    readTime(draft, start),
    at.set(i32.add(start, ID_AT)),
    skipText(draft, at, limit),
    readUser(draft, at, limit),
    at.set(i32.add(at, 1)),
    readShape(draft, at, limit),
    when(i32.eq(line8(at), CARRIAGE_RETURN), at.set(i32.add(at, 1))),
    expect(i32.eq(line8(at), LINE_FEED)),
    expect(i32.gt(limit, at)),
    i32.add(at, 1),
  ]
}

// ── the parts of a line ─────────────────────────────────────────────────────────────────────────

/** `{"ts":"2026-11-22T15:` as in a line before, then `12:11.034Z","id":"`. */
function readTime(draft: FunctionDraft, start: Local): Code {
  const time = draft.local('i64')
  const pairs = draft.local('i64')
  const minute = draft.local('i32')
  const second = draft.local('i32')
  const milli = draft.local('i32')
  const hour = f64.load(0, HOUR_AT + HOUR_BEGINS * 8)
  // What is a digit must be at most 9 without its zero, what is none must be the same.
  const sixes = word('\x06\x06\0\x06\x06\0\x06\x06')
  const others = word('\xf0\xf0\xff\xf0\xf0\xff\xf0\xf0')
  const odd = i64.and(i64.or(time, i64.add(time, sixes)), others)
  const pairAt = (at: number): Code =>
    i32.and(i32.low(i64.shr(pairs, i64.of(BigInt(at * 8)))), 0xff)
  const ms = i32.add(i32.mul(minute, 60_000), i32.add(i32.mul(second, 1000), milli))
  return [
    expect(i32.eqz(v128.any(v128.xor(line128(start), v128.load(0, HOUR_AT))))),
    expect(i64.eq(line64(start, TIME_AT - 8), i64.load(0, HOUR_AT + 16))),
    // NaN where what stood there was no hour.
    expect(f64.eq(hour, hour)),
    time.set(i64.xor(line64(start, TIME_AT), word('00:00.00'))),
    expect(i64.eqz(odd)),
    pairs.set(i64.add(i64.mul(time, i64.of(10n)), i64.shr(time, i64.of(8n)))),
    minute.set(pairAt(0)),
    second.set(pairAt(3)),
    milli.set(i32.sub(line8(start, MILLI_AT), ZERO)),
    expect(i32.eqz(i32.or(i32.or(i32.gt(minute, 59), i32.gt(second, 59)), i32.gt(milli, 9)))),
    milli.set(i32.add(i32.mul(pairAt(6), 10), milli)),
    expect(i64.eq(line64(start, ID_AT - 9), word('Z","id":'))),
    expect(i32.eq(line8(start, ID_AT - 1), QUOTE)),
    f64.store(0, figureAt(TS_MS), f64.add(hour, f64.from(ms))),
  ]
}

/** Sets `at` from the beginning of a text to its closing quote. */
function skipText(draft: FunctionDraft, at: Local, limit: Local): Code {
  const bytes = draft.local('v128')
  const odd = draft.local('i32')
  const are = (byte: number): Code => v128.eq(bytes, v128.each(byte))
  const areOdd = v128.or(v128.or(are(QUOTE), are(BACKSLASH)), v128.lt(bytes, v128.each(SPACE)))
  const look = [bytes.set(line128(at)), odd.set(v128.highestBits(areOdd))]
  return [
    look,
    loopWhile(i32.eqz(odd), at.set(i32.add(at, VECTOR_BYTES)), expect(i32.gt(limit, at)), look),
    at.set(i32.add(at, i32.trailingZeros(odd))),
    expect(i32.eq(line8(at), QUOTE)),
  ]
}

/** Finds the user, if one is named, as `findUser` does; `at` goes from the id's closing quote to the last one. */
function readUser(draft: FunctionDraft, at: Local, limit: Local): Code {
  const from = draft.local('i32')
  const byte = draft.local('i32')
  const hash = draft.local('i32')
  const place = draft.local('i32')
  const user = draft.local('i32')
  const length = draft.local('i32')
  const isUser = i32.and(
    i64.eq(line64(at), word('","user"')),
    i64.eq(line64(at, 2), word('"user":"')),
  )
  const field = (index: number): Code =>
    i32.load(i32.mul(user, USER_WORDS * 4), USERS_AT + index * 4)
  const look = [
    place.set(i32.and(place, USER_PLACES - 1)),
    user.set(i32.load(i32.mul(place, 4), USER_PLACES_AT)),
    expect(user),
  ]
  const isOther = i32.or(
    i32.ne(field(LENGTH), length),
    differs(draft, from, field(TEXT), field(LENGTH)),
  )
  return [
    when(
      isUser,
      at.set(i32.add(at, USER_AT)),
      from.set(at),
      byte.set(line8(at)),
      loopWhile(
        i32.ne(byte, QUOTE),
        expect(i32.gt(limit, at)),
        hash.set(i32.add(i32.mul(hash, 31), byte)),
        at.set(i32.add(at, 1)),
        byte.set(line8(at)),
      ),
      length.set(i32.sub(at, from)),
      place.set(i32.xor(hash, i32.shr(hash, 13))),
      look,
      loopWhile(isOther, place.set(i32.add(place, 1)), look),
    ),
    i32.store(0, FOUND_AT + FOUND_USER * 4, user),
  ]
}

/** The rest of the line, as `matchShape` does; `at` goes behind the closing brace. */
function readShape(draft: FunctionDraft, at: Local, limit: Local): Code {
  // Where the number of the node stands, and that of the one before it among its siblings.
  const link = draft.local('i32')
  const elder = draft.local('i32')
  const node = draft.local('i32')
  const figure = draft.local('i32')
  const row = i32.mul(node, NODE_WORDS * 4)
  const field = (index: number): Code => i32.load(row, NODES_AT + index * 4)
  const linkTo = (index: number): Code => i32.add(row, NODES_AT + index * 4)
  const asked = Array.from({ length: FIGURES - PROMPT }, (_, i) => figureAt(PROMPT + i))
  return [
    asked.map((place) => f64.store(0, place, f64.of(ABSENT))),
    link.set(i32.add(i32.mul(hashShape(draft, at), 4), FIRSTS_AT)),
    loopWhile(
      i32.ne(figure, END),
      expect(i32.gt(limit, at)),
      elder.set(0),
      node.set(i32.load(link)),
      loopWhile(
        [expect(node), differs(draft, at, field(TEXT), field(LENGTH))],
        elder.set(link),
        link.set(linkTo(SIBLING)),
        node.set(i32.load(link)),
      ),
      // It moves one place forward.
      when(
        elder,
        i32.store(link, 0, field(SIBLING)),
        i32.store(linkTo(SIBLING), 0, i32.load(elder)),
        i32.store(elder, 0, node),
      ),
      at.set(i32.add(at, field(LENGTH))),
      figure.set(field(FOLLOWS)),
      when(i32.ne(figure, END), readNumber(draft, at, figure)),
      link.set(linkTo(CHILD)),
    ),
    i32.store(0, FOUND_AT + FOUND_NODE * 4, node),
  ]
}

/** As `hashAt` does. */
function hashShape(draft: FunctionDraft, at: Local): Code {
  const hash = draft.local('i32')
  const mixed = i32.mul(hash, 0x9e3779b1 | 0)
  return [
    [4, 12, 20, 28, 36, 44].map((ahead) => hash.set(i32.xor(mixed, line32(at, ahead)))),
    hash.set(mixed),
    i32.and(i32.xor(hash, i32.shr(hash, 15)), HASH_PLACES - 1),
  ]
}

/** A whole number of at most seven digits, all of them at once. */
function readNumber(draft: FunctionDraft, at: Local, figure: Local): Code {
  const digits = draft.local('i64')
  const bits = draft.local('i64')
  // The highest bit of the first byte that is no digit, and perhaps of some behind it.
  const odd = i64.and(i64.or(digits, i64.add(digits, eight(0x76))), eight(0x80))
  const join = (count: bigint, mask: bigint): Code => {
    const higher = i64.mul(digits, i64.of(10n ** count))
    return digits.set(i64.and(i64.add(higher, i64.shr(digits, i64.of(8n * count))), i64.of(mask)))
  }
  return [
    digits.set(i64.xor(line64(at), eight(ZERO))),
    bits.set(odd),
    expect(i32.eqz(i64.eqz(bits))),
    bits.set(i64.and(i64.trailingZeros(bits), i64.of(-8n))),
    expect(i32.eqz(i64.eqz(bits))),
    // No other number begins with a zero.
    when(i32.gt(i32.low(bits), 8), expect(i32.and(i32.low(digits), 0xff))),
    at.set(i32.add(at, i32.shr(i32.low(bits), 3))),
    // As if there were eight of them: zeros in front, which is in the lowest bytes.
    digits.set(i64.shl(digits, i64.sub(i64.of(64n), bits))),
    // Two digits in each two bytes, four in each four, all eight.
    join(1n, 0x00ff_00ff_00ff_00ffn),
    join(2n, 0x0000_ffff_0000_ffffn),
    join(4n, 0x0000_0000_ffff_ffffn),
    f64.store(i32.shl(figure, 3), FIGURES_AT, f64.from(i32.low(digits))),
  ]
}

/** Gives 1 where a text of the texts is not what stands at a place of the lines. */
function differs(draft: FunctionDraft, place: Operand, text: Operand, length: Operand): Code {
  const at = draft.local('i32')
  const from = draft.local('i32')
  const left = draft.local('i32')
  const difference = draft.local('v128')
  const here = (offset: number): Code =>
    v128.xor(v128.load(at, LINES_AT + offset), v128.load(from, TEXTS_AT + offset))
  // As many bytes of ones as there are left, zeros behind.
  const masked = (offset: number): Code =>
    v128.and(here(offset), v128.load(i32.sub(MASK_BYTES, left), MASKS_AT + offset))
  return [
    at.set(place),
    from.set(text),
    left.set(length),
    difference.set(v128.each(0)),
    // Most texts are shorter: without a loop there is nothing to be guessed wrong.
    loopWhile(
      i32.gt(left, MASK_BYTES),
      difference.set(v128.or(difference, v128.or(here(0), here(VECTOR_BYTES)))),
      at.set(i32.add(at, MASK_BYTES)),
      from.set(i32.add(from, MASK_BYTES)),
      left.set(i32.sub(left, MASK_BYTES)),
    ),
    v128.any(v128.or(difference, v128.or(masked(0), masked(VECTOR_BYTES)))),
  ]
}

// ── smaller pieces ──────────────────────────────────────────────────────────────────────────────

/** Leaves the line where this is 0. */
function expect(condition: Operand): Code {
  return when(i32.eqz(condition), giveBack(-1))
}

function figureAt(figure: number): number {
  return FIGURES_AT + figure * 8
}

function line8(at: Operand, offset = 0): Code {
  return i32.loadByte(at, LINES_AT + offset)
}

function line32(at: Operand, offset: number): Code {
  return i32.load(at, LINES_AT + offset)
}

function line64(at: Operand, offset = 0): Code {
  return i64.load(at, LINES_AT + offset)
}

function line128(at: Operand): Code {
  return v128.load(at, LINES_AT)
}

/** Eight characters as they stand in memory, which has the first of them lowest. */
function word(text: string): Code {
  return i64.of(Buffer.from(text, 'latin1').readBigUInt64LE())
}

function eight(byte: number): Code {
  return word(String.fromCharCode(byte).repeat(8))
}
