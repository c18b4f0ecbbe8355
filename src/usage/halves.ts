/**
 * A large file read as two halves, the second one by somebody else at the same time. Lines stand on their
 * own, so that a file cut between two of them says what it said whole.
 */
import { readSync } from 'node:fs'
import type { LineCounts, LineReader, TimeSpan } from './lines.ts'

/** Some bytes of an open file, from the beginning of a line to the end of one. */
export interface FilePart {
  /** What the place of an unreadable line is given in. */
  readonly name: string
  readonly descriptor: number
  readonly from: number
  readonly to: number
  readonly span: TimeSpan
}

/** Reads a part beside this thread. */
export interface SecondReader {
  /** `undefined` where it could not be read there. */
  read(part: FilePart): Promise<PartRead | undefined>
}

/** What a part held. */
export interface PartRead {
  /** The place of the first unreadable line is its number among those of the part, after a colon. */
  readonly counts: LineCounts
  /** Puts the records to those that were read before. Gives false, and adds nothing, where that cannot be exact. */
  add(): boolean
}

// Smaller files are read before a second thread has begun.
const HALVED_BYTES = 256 * 1024 * 1024
// What one thread reads while another one starts: the second half is smaller by as much.
const THREAD_START_BYTES = 96 * 1024 * 1024
const BLOCK_BYTES = 256 * 1024
const LINE_FEED = 0x0a

/** Whether two threads are done with so many bytes before one is. */
export function isWorthHalving(bytes: number): boolean {
  return bytes >= HALVED_BYTES
}

/** Reads `whole` into `reader` and `counts`, and what the second reader adds to: all of it, whatever fails there. */
export async function readHalved(
  whole: FilePart,
  reader: LineReader,
  second: SecondReader,
  counts: LineCounts,
): Promise<void> {
  const { name, from, to } = whole
  const size = to - from
  const lead = Math.min(THREAD_START_BYTES, size / 8)
  const middle = findLine(whole, from + Math.floor((size + lead) / 2))
  const reading = second.read({ ...whole, name: '', from: middle })
  let theirs: PartRead | undefined
  try {
    readPart({ ...whole, to: middle }, reader)
  } finally {
    // The file must stay open until both are done with it.
    theirs = await reading
  }
  if (theirs?.add() === true) addCounts(counts, theirs.counts, name, reader.lineNumber)
  else readPart({ ...whole, from: middle }, reader)
  reader.end()
}

/** Gives a reader the bytes of a part. */
export function readPart({ descriptor, from, to }: FilePart, reader: LineReader): void {
  for (let place = from; place < to;) {
    const space = reader.space()
    const count = readSync(descriptor, space, 0, Math.min(space.length, to - place), place)
    if (count === 0) break
    place += count
    reader.filled(count)
  }
}

/** The first beginning of a line from `near` on, or the end of the part. */
function findLine({ descriptor, to }: FilePart, near: number): number {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  for (let place = near; place < to;) {
    const count = readSync(descriptor, block, 0, Math.min(block.length, to - place), place)
    if (count === 0) break
    const at = block.subarray(0, count).indexOf(LINE_FEED)
    if (at !== -1) return place + at + 1
    place += count
  }
  return to
}

/** Adds what was counted in the lines behind the first `linesBefore` of a file. */
function addCounts(
  counts: LineCounts,
  theirs: LineCounts,
  name: string,
  linesBefore: number,
): void {
  counts.lines += theirs.lines
  counts.skipped += theirs.skipped
  if (theirs.firstSkipped !== undefined) {
    const line = linesBefore + Number(theirs.firstSkipped.slice(1))
    counts.firstSkipped ??= `${name}:${line}`
  }
  counts.earliestMs = Math.min(counts.earliestMs ?? Infinity, theirs.earliestMs ?? Infinity)
  counts.latestMs = Math.max(counts.latestMs ?? -Infinity, theirs.latestMs ?? -Infinity)
}
