/**
 * Bytes of a log → its records, a block at a time, in bounded memory and whatever happened to the file
 * (reliability §4.10): blank lines and NUL runs are passed over, CRLF is tolerated, a torn last line is
 * silent, a whole record glued behind a torn one is recovered, everything else unreadable is counted.
 */
import { createKernel } from './kernel.ts'
import type { Kernel } from './kernel.ts'
import { FIGURES, sinkOf, TS_MS } from './logged.ts'
import type { Figures, UsageListener } from './logged.ts'
import {
  createLineScanner,
  learnLine,
  namesOf,
  readTime,
  SCAN_AHEAD_BYTES,
  scanLine,
} from './scan.ts'
import { namesIn, readFigures } from './shapes.ts'
import type { ParsedLine } from './shapes.ts'
import { createTables, FOUND_NODE, FOUND_USER, HOUR_BEGINS } from './tables.ts'

/** `sinceMs` is inside, `untilMs` is not; both milliseconds since the epoch, ±Infinity for "open". */
export interface TimeSpan {
  readonly sinceMs: number
  readonly untilMs: number
}

/** What a reader has seen so far, over all its files. */
export interface LineCounts {
  /** Lines that are not blank. */
  lines: number
  /** Lines that could not be read. */
  skipped: number
  /** `file:line` of the first of them. */
  firstSkipped: string | undefined
  /** Of all readable records, outside the window too; `undefined` before the first. */
  earliestMs: number | undefined
  latestMs: number | undefined
}

/** Nothing seen yet. */
export function createCounts(): LineCounts {
  return {
    lines: 0,
    skipped: 0,
    firstSkipped: undefined,
    earliestMs: undefined,
    latestMs: undefined,
  }
}

export interface LineReader {
  /** Where the caller puts the next bytes; never empty. */
  space(): Uint8Array
  /** `count` bytes were put at the beginning of `space()`. */
  filled(count: number): void
  /** The file is over. */
  end(): void
  /** Of the last line read, from 1; blank ones count. */
  readonly lineNumber: number
}

// Our own lines stay under 1 KiB; nobody else's is worth more memory than this.
const LINE_LIMIT_BYTES = 1024 * 1024
const BLOCK_BYTES = 256 * 1024
const BUFFER_BYTES = LINE_LIMIT_BYTES + BLOCK_BYTES + SCAN_AHEAD_BYTES
// A smaller log is read before a kernel has paid for its making.
const KERNEL_BYTES = 128 * 1024
// So many lines outside the window are read, for their shapes.
const OUTSIDE_LESSONS = 1000
// Combinations of names that are remembered; beyond that all of them are asked for again.
const PLACE_LIMIT = 50_000
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const RECORD_HEAD = Buffer.from('{"ts":"')

/**
 * Reads one file's lines: tells `onUsage` of each record in `span`, and keeps `counts`.
 * `name` is what the position of an unreadable line is given in. Many `expectedBytes` are worth some preparation.
 */
export function createLineReader(
  name: string,
  span: TimeSpan,
  counts: LineCounts,
  onUsage: UsageListener,
  expectedBytes = 0,
): LineReader {
  const kernel = expectedBytes < KERNEL_BYTES ? undefined : createKernel(BUFFER_BYTES)
  const buffer = kernel?.lines ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
  const tables = createTables(kernel?.memory)
  const scanner = createLineScanner(buffer, tables)
  const { figures } = scanner
  const slowFigures: Figures = new Float64Array(FIGURES)
  const sink = sinkOf(onUsage)
  // By shape and user.
  let places: unknown[][] = []
  let placeCount = 0
  // buffer[0, held) is the beginning of a line whose end has not been seen.
  let held = 0
  let lineNumber = 0
  // The line being read is over the limit: everything up to its end is thrown away.
  let tooLong = false

  function accept(line: ParsedLine): void {
    const tsMs = timeOf(line)
    seeTime(tsMs)
    if (!(tsMs >= span.sinceMs && tsMs < span.untilMs)) return
    readFigures(line, tsMs, slowFigures)
    sink.count(sink.placeOf(namesIn(line)), slowFigures)
  }

  /** Where the line just scanned is counted. */
  function placeOf(): unknown {
    const { found } = tables
    const node = found[FOUND_NODE]!
    const user = found[FOUND_USER]!
    const place = places[node]?.[user]
    return place ?? findPlace(node, user)
  }

  function findPlace(node: number, user: number): unknown {
    if (placeCount++ >= PLACE_LIMIT) {
      places = []
      placeCount = 1
    }
    const place = sink.placeOf(namesOf(scanner))
    const ofNode = (places[node] ??= [])
    ofNode[user] = place
    return place
  }

  /** Whether the kernel left a line only because it is of another hour, which it knows from now on. */
  function isNewHour(start: number): boolean {
    const { hour } = tables
    const before = hour[HOUR_BEGINS]
    return !Number.isNaN(readTime(scanner, start)) && hour[HOUR_BEGINS] !== before
  }

  /** Reads lines that the kernel knows, and gives the place behind them. */
  function readKnown(using: Kernel, start: number, limit: number): number {
    const { sinceMs, untilMs } = span
    let earliestMs = Infinity
    let latestMs = -Infinity
    let lines = 0
    for (;;) {
      const next = using.read(start, limit)
      if (next === -1) {
        if (isNewHour(start)) continue
        break
      }
      start = next
      lines++
      const tsMs = figures[TS_MS]!
      if (tsMs < earliestMs) earliestMs = tsMs
      if (tsMs > latestMs) latestMs = tsMs
      if (tsMs >= sinceMs && tsMs < untilMs) sink.count(placeOf(), figures)
    }
    if (lines > 0) {
      lineNumber += lines
      counts.lines += lines
      seeTime(earliestMs)
      seeTime(latestMs)
    }
    return start
  }

  function seeTime(tsMs: number): void {
    if (counts.earliestMs === undefined || tsMs < counts.earliestMs) counts.earliestMs = tsMs
    if (counts.latestMs === undefined || tsMs > counts.latestMs) counts.latestMs = tsMs
  }

  function skip(): void {
    counts.skipped++
    counts.firstSkipped ??= `${name}:${lineNumber}`
  }

  /** Any line, whole or not, without its line feed. */
  function readCarefully(start: number, end: number, torn: boolean): void {
    const bytes = trim(buffer.subarray(start, end))
    if (bytes.length === 0) return
    counts.lines++
    if (bytes.length > LINE_LIMIT_BYTES) return skip()
    const whole = parseLine(bytes)
    if (whole !== undefined) {
      const from = bytes.byteOffset - buffer.byteOffset
      learnLine(scanner, from, from + bytes.length, whole)
      return accept(whole)
    }
    // `{"ts":"` cannot stand inside a JSON string (its quotes would be escaped): each one begins a record.
    let bad = false
    let from = 0
    while (from < bytes.length) {
      const next = bytes.indexOf(RECORD_HEAD, from + 1)
      const to = next === -1 ? bytes.length : next
      const piece = parseLine(trim(bytes.subarray(from, to)))
      if (piece !== undefined) accept(piece)
      else if (!(torn && to === bytes.length)) bad = true
      from = to
    }
    if (bad) skip()
  }

  /** Most logs have few shapes: once the kernel knows them it passes such lines more quickly. */
  function learnOutside(start: number, end: number): void {
    if (scanner.lessons >= OUTSIDE_LESSONS) return
    const line = parseLine(buffer.subarray(start, end))
    if (line !== undefined) learnLine(scanner, start, end, line)
    else scanner.lessons++
  }

  return {
    space() {
      return buffer.subarray(held, held + BLOCK_BYTES)
    },
    filled(count) {
      const limit = held + count
      const view = buffer.subarray(0, limit)
      let start = 0
      // Where the next record begins behind the line being read; only looked for outside the window.
      let nextHead = -1
      if (tooLong) {
        const lineEnd = view.indexOf(LINE_FEED, held)
        if (lineEnd === -1) {
          held = 0
          return
        }
        tooLong = false
        start = lineEnd + 1
      }
      while (start < limit) {
        if (kernel !== undefined) start = readKnown(kernel, start, limit)
        if (start >= limit) break
        const tsMs = readTime(scanner, start)
        // What the kernel left is so rare that it is read carefully at once.
        if (kernel === undefined && tsMs >= span.sinceMs && tsMs < span.untilMs) {
          let end = scanLine(scanner, start, limit, tsMs)
          if (end !== -1) {
            if (view[end] === CARRIAGE_RETURN) end++
            if (end < limit && view[end] === LINE_FEED) {
              lineNumber++
              counts.lines++
              seeTime(tsMs)
              sink.count(placeOf(), figures)
              start = end + 1
              continue
            }
          }
        }
        const lineEnd = view.indexOf(LINE_FEED, start)
        if (lineEnd === -1) break
        lineNumber++
        if (tsMs < span.sinceMs || tsMs >= span.untilMs) {
          // Outside: no need to read it, unless a record is glued behind it.
          if (nextHead <= start) {
            nextHead = view.indexOf(RECORD_HEAD, start + 1)
            if (nextHead === -1) nextHead = limit
          }
          if (nextHead > lineEnd) {
            counts.lines++
            seeTime(tsMs)
            if (kernel !== undefined) learnOutside(start, lineEnd)
            start = lineEnd + 1
            continue
          }
        }
        readCarefully(start, lineEnd, false)
        start = lineEnd + 1
      }
      held = limit - start
      if (held > LINE_LIMIT_BYTES) {
        lineNumber++
        counts.lines++
        skip()
        tooLong = true
        held = 0
      } else if (start > 0) {
        buffer.copyWithin(0, start, limit)
      }
    },
    end() {
      if (held === 0 || tooLong) return
      lineNumber++
      readCarefully(0, held, true)
      held = 0
    },
    get lineNumber() {
      return lineNumber
    },
  }
}

/** Without the white space and NUL bytes at both ends: a crash can leave a run of NULs in a file. */
function trim(bytes: Buffer): Buffer {
  let from = 0
  let to = bytes.length
  while (from < to && isBlank(bytes[from])) from++
  while (to > from && isBlank(bytes[to - 1])) to--
  return bytes.subarray(from, to)
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === CARRIAGE_RETURN
}

/** One record as any JSON writer may have written it; `undefined` where it is none. */
function parseLine(bytes: Buffer): ParsedLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
  return isObject(value) && !Number.isNaN(timeOf(value)) ? value : undefined
}

function isObject(value: unknown): value is ParsedLine {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Milliseconds since the epoch; NaN where the line does not say. */
function timeOf(line: ParsedLine): number {
  const ts = line['ts']
  return typeof ts === 'string' ? Date.parse(ts) : NaN
}
