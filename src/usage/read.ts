/**
 * Usage logs, many at once and of any size: files, globs, `.gz`, '-' for stdin. Read in blocks, so memory
 * does not grow with the log, and safe while a server is writing it: what a file held when it was opened
 * is read, and half a line at its end is passed over.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import type { Dirent } from 'node:fs'
import { isAbsolute, join, posix, sep, win32 } from 'node:path'
import { ProxyError } from '../errors/proxy-error.ts'
import { globToRegExp } from './glob.ts'
import { isWorthHalving, readHalved } from './halves.ts'
import type { SecondReader } from './halves.ts'
import { createCounts, createLineReader } from './lines.ts'
import type { LineCounts, LineReader, TimeSpan } from './lines.ts'
import type { UsageListener } from './logged.ts'

/** What was read, and what could not be. */
export interface LogSummary extends Readonly<LineCounts> {
  /** As they were named; each file once. */
  readonly files: readonly string[]
}

export interface ReadOptions {
  /** Paths, globs, or '-'. Relative ones are below `cwd`. */
  readonly logs: readonly string[]
  readonly cwd: string
  readonly span: TimeSpan
  /** Read where '-' is named. */
  readonly stdin?: AsyncIterable<Uint8Array | string>
  readonly onUsage: UsageListener
  /** Where to begin in a plain file, in bytes, at the beginning of a line (`findTail`). Default 0. */
  readonly startAt?: (descriptor: number, sizeBytes: number) => number
  /** Reads half of a large plain file beside this thread. `onUsage` must be the report it adds to. */
  readonly second?: SecondReader | undefined
  /** Waited for between blocks of a plain file, where others want to be served meanwhile. */
  readonly pause?: () => Promise<void>
}

const BLOCK_BYTES = 256 * 1024
// Packed, our logs take about a tenth of their bytes.
const PACKED_TIMES = 10
// Read whole, in a fraction of a second, a log needs no search.
const WHOLE_BYTES = 64 * 1024 * 1024
// A line is written when its request ends and bears the time of its beginning; no deadline is over 24 h.
const DISORDER_MS = 25 * 3_600_000
const LINE_HEAD = Buffer.from('\n{"ts":"')

/**
 * Tells `onUsage` of every record in `span`, file by file, in the order of each file. Throws ProxyError
 * `usage_wrong` where a named log does not exist, `usage_log_unavailable` where it cannot be read.
 */
export async function readUsageLogs(options: ReadOptions): Promise<LogSummary> {
  const counts = createCounts()
  const files: string[] = []
  const seen = new Set<string>()
  for (const name of expandLogs(options.logs, options.cwd)) {
    if (name === '-') {
      if (seen.has(name) || options.stdin === undefined) continue
      seen.add(name)
      files.push(name)
      const reader = createLineReader('stdin', options.span, counts, options.onUsage, Infinity)
      await readPipe(options.stdin, reader, 'stdin', counts)
      continue
    }
    let descriptor: number
    try {
      descriptor = openSync(resolvePath(name, options.cwd), 'r')
    } catch (error) {
      throw cannotRead(name, error)
    }
    try {
      const facts = fstatSync(descriptor)
      if (facts.isDirectory()) throw new Error('it is a directory')
      // Two names of one file count once.
      const identity = `${facts.dev}:${facts.ino}`
      if (seen.has(identity)) continue
      seen.add(identity)
      files.push(name)
      const { second, span, pause, onUsage } = options
      if (facts.isFile() && isGzip(descriptor)) {
        const size = facts.size * PACKED_TIMES
        const reader = createLineReader(name, span, counts, onUsage, size)
        await readGzip(blocks(descriptor), reader, name, counts)
      } else {
        const size = facts.isFile() ? facts.size : Infinity
        const start = facts.isFile() ? (options.startAt?.(descriptor, size) ?? 0) : 0
        const reader = createLineReader(name, span, counts, onUsage, size - start)
        if (second !== undefined && facts.isFile() && isWorthHalving(size - start)) {
          const whole = { name, descriptor, from: start, to: size, span }
          await readHalved(whole, reader, second, counts)
        } else {
          await readPlain(descriptor, size, reader, start, pause)
        }
      }
    } catch (error) {
      throw error instanceof ProxyError ? error : cannotRead(name, error)
    } finally {
      closeSync(descriptor)
    }
  }
  return { ...counts, files }
}

function cannotRead(name: string, error: unknown): ProxyError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') {
    return new ProxyError('usage_wrong', `There is no usage log ${name}.`, {
      hint: 'Name a file, a glob in quotes, or `-` for stdin: `aiproxy usage --log usage.jsonl`.',
    })
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new ProxyError(
    'usage_log_unavailable',
    `The usage log ${name} cannot be read: ${reason}.`,
    {
      hint: 'Check who may read it with `ls -l`.',
      cause: error,
    },
  )
}

/**
 * The beginning of a line of a log so far back that everything since `sinceMs` stands behind it; 0 in a
 * log that is quickly read whole. Halves the log, since lines stand in order of time but for `DISORDER_MS`.
 */
export function findTail(descriptor: number, sizeBytes: number, sinceMs: number): number {
  let from = 0
  let to = sizeBytes
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  while (to - from > WHOLE_BYTES) {
    const middle = from + Math.floor((to - from) / 2)
    const bytes = block.subarray(0, readSync(descriptor, block, 0, block.length, middle))
    const at = bytes.indexOf(LINE_HEAD)
    const time = bytes.toString('latin1', at + LINE_HEAD.length, at + LINE_HEAD.length + 24)
    // Where nothing can be read, rather too much than too little.
    if (at !== -1 && Date.parse(time) < sinceMs - DISORDER_MS) from = middle + at + 1
    else to = middle
  }
  return from
}

async function readPlain(
  descriptor: number,
  sizeBytes: number,
  reader: LineReader,
  start: number,
  pause: (() => Promise<void>) | undefined,
): Promise<void> {
  // Not beyond the size at the start: a busy server could otherwise keep us reading for ever.
  let left = sizeBytes - start
  // A pipe has no places, only a next byte.
  let place = start === 0 ? null : start
  while (left > 0) {
    const space = reader.space()
    const count = readSync(descriptor, space, 0, Math.min(space.length, left), place)
    if (count === 0) break
    left -= count
    if (place !== null) place += count
    reader.filled(count)
    // oxlint-disable-next-line no-await-in-loop -- one block after the other
    if (pause !== undefined) await pause()
  }
  reader.end()
}

/** Whether a regular file begins as gzip does. */
export function isGzip(descriptor: number): boolean {
  const magic = new Uint8Array(2)
  return readSync(descriptor, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b
}

function* blocks(descriptor: number): Generator<Uint8Array> {
  for (;;) {
    const block = Buffer.allocUnsafe(BLOCK_BYTES)
    const count = readSync(descriptor, block, 0, block.length, null)
    if (count === 0) return
    yield block.subarray(0, count)
  }
}

async function readGzip(
  packed: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  reader: LineReader,
  name: string,
  counts: LineCounts,
): Promise<void> {
  // Most logs are not packed, and to load these takes a fifth of what Node itself does to start.
  const { createGunzip } = await import('node:zlib')
  const { Readable } = await import('node:stream')
  const gunzip = createGunzip({ chunkSize: BLOCK_BYTES })
  const source = Readable.from(packed, { objectMode: false })
  source.on('error', (error) => gunzip.destroy(error))
  source.pipe(gunzip)
  try {
    for await (const chunk of gunzip) copyInto(reader, chunk)
  } catch {
    // Cut short or damaged: what came before it counts, the rest is one unreadable line.
    counts.skipped++
    counts.firstSkipped ??= `${name}:end`
  } finally {
    source.destroy()
  }
  reader.end()
}

async function readPipe(
  stdin: AsyncIterable<Uint8Array | string>,
  reader: LineReader,
  name: string,
  counts: LineCounts,
): Promise<void> {
  const chunks = stdin[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return reader.end()
  const head = toBytes(first.value)
  async function* all(): AsyncGenerator<Uint8Array> {
    yield head
    for (;;) {
      const next = await chunks.next()
      if (next.done === true) return
      yield toBytes(next.value)
    }
  }
  if (head[0] === 0x1f && head[1] === 0x8b) return readGzip(all(), reader, name, counts)
  for await (const chunk of all()) copyInto(reader, chunk)
  reader.end()
}

function toBytes(chunk: Uint8Array | string): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk) : chunk
}

function copyInto(reader: LineReader, chunk: Uint8Array): void {
  let offset = 0
  while (offset < chunk.length) {
    const space = reader.space()
    const part = chunk.subarray(offset, offset + space.length)
    space.set(part)
    reader.filled(part.length)
    offset += part.length
  }
}

const WILDCARD = /[*?[]/

/**
 * Names of log files: a pattern with `*`, `?`, `[abc]` or `**` becomes the sorted files it matches,
 * everything else stays as it is. Throws ProxyError `usage_wrong` where a pattern matches nothing.
 */
export function expandLogs(patterns: readonly string[], cwd: string): string[] {
  return patterns.flatMap((pattern) => {
    const literal =
      pattern === '-' ||
      !WILDCARD.test(pattern) ||
      statSync(resolvePath(pattern, cwd), { throwIfNoEntry: false }) !== undefined
    if (literal) return [pattern]
    const matches = matchFiles(pattern, cwd)
    if (matches.length === 0) {
      throw new ProxyError('usage_wrong', `No usage log matches ${pattern}.`, {
        hint: 'Put a glob in quotes, so that the shell leaves it alone: `--log "logs/*.jsonl*"`.',
      })
    }
    return matches
  })
}

function resolvePath(name: string, cwd: string): string {
  return isAbsolute(name) ? name : join(cwd, name)
}

function matchFiles(pattern: string, cwd: string): string[] {
  const { root, segments } = splitPattern(pattern)
  // Each entry is a path as it will be shown: relative where the pattern was.
  let paths = [root]
  segments.forEach((segment, depth) => {
    const last = depth === segments.length - 1
    if (segment === '') return
    if (segment === '**') {
      paths = paths.flatMap((path) => [path, ...foldersBelow(path, cwd)])
      return
    }
    if (!WILDCARD.test(segment)) {
      paths = paths.map((path) => join(path, segment))
      return
    }
    const matches = globToRegExp(segment)
    paths = paths.flatMap((path) =>
      entries(path, cwd)
        .filter((entry) => matches.test(entry.name) && (!last || !entry.isDirectory()))
        .filter((entry) => !entry.name.startsWith('.') || segment.startsWith('.'))
        .map((entry) => join(path, entry.name)),
    )
  })
  const found = paths.filter((path) =>
    statSync(resolvePath(path, cwd), { throwIfNoEntry: false })?.isFile(),
  )
  return [...new Set(found)].toSorted()
}

/**
 * A pattern's root (`/`, `C:\\`, `\\\\server\\share\\`, or nothing) and its segments. Where the separator is a
 * backslash, a slash is one too, and no backslash takes a wildcard's power away.
 */
export function splitPattern(
  pattern: string,
  separator: string = sep,
): { readonly root: string; readonly segments: readonly string[] } {
  const isWindows = separator === '\\'
  const { root } = (isWindows ? win32 : posix).parse(pattern)
  return { root, segments: pattern.slice(root.length).split(isWindows ? /[\\/]/ : '/') }
}

function foldersBelow(path: string, cwd: string): string[] {
  return entries(path, cwd)
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .flatMap((entry) => {
      const below = join(path, entry.name)
      return [below, ...foldersBelow(below, cwd)]
    })
}

function entries(path: string, cwd: string): Dirent[] {
  try {
    return readdirSync(resolvePath(path, cwd), { withFileTypes: true })
  } catch {
    // Not a folder, or not ours to read: nothing there matches.
    return []
  }
}
