/**
 * The usage log on disk: JSONL, one record a line, each appended in one synchronous O_APPEND write and
 * never rewritten (design §7). A synchronous write costs about 2 µs and loses nothing under SIGKILL;
 * a stream loses what it still holds (reliability §0.6). This is the one file that writes to disk.
 */
import {
  closeSync,
  fchmodSync,
  fdatasyncSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { escapeJson } from './json.ts'
import { LONG_LINE_CHARS, createPlainLines } from './plain-line.ts'
import type { UsageRecord } from './record.ts'

export type Ledger = LineFile<UsageRecord>

/** A file of records, one a line. */
export interface LineFile<R> {
  /**
   * Writes one line before it returns, and returns it without its line feed; '' where there is none. Never
   * throws: a failure goes to `onFailure`, once an episode.
   */
  append(record: R): string
  /** False after a failed write, until a later write or probe works. */
  readonly available: boolean
  /** `available`, after a new try where one is due (at most one a second). Ask before money is spent. */
  check(): boolean
  /** Writes what waits, syncs, and lets the file go. Appending afterwards is a failure. */
  close(): void
}

export interface LedgerOptions {
  /** '-' is stdout. */
  readonly path: string
  /** Called once when writing begins to fail, not again until it has worked in between. */
  readonly onFailure?: (error: Error) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
  readonly files?: LedgerFiles
}

/** What tells one file of records from another. */
export interface LineFileOptions<R> extends LedgerOptions {
  /** Names the file in messages: `usage log`. */
  readonly what: string
  /** One line, without its line feed. */
  readonly render: (record: R) => string
  /** The same where it is quickly had and plain ASCII; `undefined` where `render` has to be asked. */
  readonly renderPlain?: (record: R) => string | undefined
}

/** A line with its line feed. A text is plain ASCII: each character is one byte. */
type Line = string | Buffer

/** What the ledger asks of the file system; every member throws as `node:fs` does. */
export interface LedgerFiles {
  /** Opens for appending, makes the file (mode 0600) and its directories (0700) where missing. */
  open(path: string): number
  /** How many bytes were taken: a full disk takes some and says nothing (reliability §0.7). */
  write(descriptor: number, bytes: Uint8Array, offset: number): number
  /** The same for plain ASCII from its beginning, where it need not become bytes first. */
  writePlain?(descriptor: number, text: string): number
  describe(descriptor: number): FileFacts
  /** `undefined` where nothing is at that path. */
  locate(path: string): FileIdentity | undefined
  /** The byte before the end; `undefined` where it cannot be known. */
  lastByte(descriptor: number, sizeBytes: number): number | undefined
  /** Takes group's and others' rights away. */
  tighten(descriptor: number): void
  sync(descriptor: number): void
  close(descriptor: number): void
}

export interface FileIdentity {
  readonly device: number
  readonly inode: number
}

export interface FileFacts extends FileIdentity {
  readonly regular: boolean
  readonly sizeBytes: number
  /** Group or others may do something with it, and it is this user's own. */
  readonly loose: boolean
}

const STDOUT = 1
const LINE_FEED = 0x0a
const ROTATION_CHECK_MS = 1000
const PROBE_INTERVAL_MS = 1000
// Lines of requests that were under way when writing began to fail wait here, in order (reliability §2D).
const WAITING_LIMIT_BYTES = 8 * 1024 * 1024
// A slow reader of our stdout pipe: how often a full pipe is tried again, a millisecond apart.
const FULL_PIPE_TRIES = 50
const LONG_STRING_CHARS = 256

/** Opens the usage log at once, so that a log that cannot be written is known at start. Never throws. */
export function createLedger(options: LedgerOptions): Ledger {
  return createLineFile({
    ...options,
    what: 'usage log',
    render: renderLine,
    renderPlain: createPlainLines(),
  })
}

/** Opens a file of records at once. Never throws; what the ledger promises holds for any such file. */
export function createLineFile<R extends { readonly id: string }>(
  options: LineFileOptions<R>,
): LineFile<R> {
  const { path, onFailure, what, render, renderPlain } = options
  const now = options.now ?? (() => performance.now())
  const files = options.files ?? nodeFiles
  const toStdout = path === '-'

  let descriptor: number | undefined
  let identity: FileFacts | undefined
  // The file may not end in a line feed: begin the next write with one.
  let dirtyTail = false
  // The last write got as far as the record's closing brace: writing it again would count it twice.
  let recordIsOut = false
  let available = true
  let closed = false
  let lastRotationCheckMs = -Infinity
  let lastTryMs = -Infinity
  // Lines not yet on disk, oldest first.
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let droppedLines = 0

  function fail(error: unknown): void {
    dirtyTail = true
    lastTryMs = now()
    if (!available) return
    available = false
    const cause = error instanceof Error ? error : new Error(String(error))
    onFailure?.(new Error(`cannot write the ${what} ${path}: ${cause.message}`, { cause }))
  }

  function open(): number {
    if (descriptor !== undefined) return descriptor
    if (toStdout) return (descriptor = STDOUT)
    const opened = files.open(path)
    try {
      const facts = files.describe(opened)
      identity = facts
      if (facts.regular) {
        if (facts.loose) files.tighten(opened)
        dirtyTail = facts.sizeBytes > 0 && files.lastByte(opened, facts.sizeBytes) !== LINE_FEED
      }
      lastRotationCheckMs = now()
    } catch (error) {
      files.close(opened)
      throw error
    }
    return (descriptor = opened)
  }

  function letGo(): void {
    if (descriptor === undefined) return
    const old = descriptor
    descriptor = undefined
    if (!toStdout) files.close(old)
  }

  /** Renamed or deleted under us: the next write goes to a new file at the path. */
  function followRotation(): void {
    if (descriptor === undefined || toStdout || identity?.regular !== true) return
    const nowMs = now()
    if (nowMs - lastRotationCheckMs < ROTATION_CHECK_MS) return
    lastRotationCheckMs = nowMs
    let there: FileIdentity | undefined
    try {
      there = files.locate(path)
    } catch {
      // The directory cannot be searched just now; the descriptor we hold still works.
      return
    }
    if (there?.inode !== identity.inode || there.device !== identity.device) letGo()
  }

  function write(target: number, line: Line, offset: number): number {
    if (typeof line !== 'string') return files.write(target, line, offset)
    return files.writePlain === undefined
      ? files.write(target, bytesOf(line), offset)
      : files.writePlain(target, offset === 0 ? line : line.slice(offset))
  }

  /** Throws unless all is written; `recordIsOut` tells whether only the line feed was missing then. */
  function writeWhole(line: Line): void {
    const target = open()
    let offset = 0
    let fullPipeTries = 0
    recordIsOut = false
    while (offset < line.length) {
      let taken: number
      try {
        taken = write(target, line, offset)
      } catch (error) {
        const code = codeOf(error)
        if (code === 'EINTR') continue
        if (code !== 'EAGAIN' || ++fullPipeTries > FULL_PIPE_TRIES) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
        continue
      }
      // From here on a failure leaves half a line behind.
      if (taken < line.length - offset) dirtyTail = true
      if (taken <= 0) throw new Error('no space left')
      offset += taken
      recordIsOut = offset >= line.length - 1
      fullPipeTries = 0
    }
  }

  function writeLine(line: Line): void {
    // Opening decides whether the tail is clean, so it comes first.
    open()
    writeWhole(dirtyTail ? onNewLine(line) : line)
    dirtyTail = false
  }

  /** Everything that waits, in order. Throws at the first line that does not go. */
  function flush(): void {
    let done = 0
    try {
      for (const line of waiting) {
        recordIsOut = false
        writeLine(line)
        done++
      }
    } finally {
      if (done < waiting.length && recordIsOut) done++
      for (const line of waiting.slice(0, done)) waitingBytes -= line.length
      waiting = waiting.slice(done)
    }
    if (droppedLines > 0) {
      const lost = droppedLines
      droppedLines = 0
      onFailure?.(new Error(`${lost} lines of the ${what} ${path} did not fit in memory: lost`))
    }
  }

  function keep(line: Buffer): void {
    if (waitingBytes + line.length > WAITING_LIMIT_BYTES) {
      droppedLines++
      return
    }
    waiting.push(line)
    waitingBytes += line.length
  }

  function attempt(): void {
    try {
      followRotation()
      // After a failure the descriptor itself may be what is broken.
      if (!available) letGo()
      open()
      flush()
      available = true
    } catch (error) {
      fail(error)
    }
  }

  attempt()

  return {
    append(record) {
      if (closed) {
        onFailure?.(new Error(`the ${what} ${path} is closed: the line of ${record.id} is lost`))
        return ''
      }
      let text: string
      let line: Line
      try {
        const plain = renderPlain?.(record)
        text = plain ?? render(record)
        line = plain === undefined ? Buffer.from(`${text}\n`) : `${text}\n`
      } catch (error) {
        onFailure?.(error instanceof Error ? error : new Error(String(error)))
        return ''
      }
      if (!available || waiting.length > 0) {
        keep(bytesOf(line))
        attempt()
        return text
      }
      try {
        recordIsOut = false
        followRotation()
        writeLine(line)
      } catch (error) {
        if (!recordIsOut) keep(bytesOf(line))
        fail(error)
      }
      // What was written is in one piece by now; `text` would have to be put together once more.
      return typeof line === 'string' ? line.slice(0, -1) : text
    },
    get available() {
      return available
    },
    check() {
      if (!available && !closed && now() - lastTryMs >= PROBE_INTERVAL_MS) attempt()
      return available
    },
    close() {
      if (closed) return
      closed = true
      if (waiting.length > 0) attempt()
      if (waiting.length > 0) {
        onFailure?.(new Error(`${waiting.length} lines of the ${what} ${path} are lost`))
      }
      try {
        if (descriptor !== undefined && !toStdout) files.sync(descriptor)
        letGo()
      } catch (error) {
        fail(error)
      }
    },
  }
}

function bytesOf(line: Line): Buffer {
  return typeof line === 'string' ? Buffer.from(line, 'latin1') : line
}

function onNewLine(line: Line): Line {
  return typeof line === 'string' ? `\n${line}` : Buffer.concat([Buffer.of(LINE_FEED), line])
}

/**
 * One log line, without its line feed: `ts` first, because readers recover a record glued behind a torn
 * one by it; nothing in it can move a cursor. In an over-long line long strings are cut.
 */
export function renderLine(record: UsageRecord): string {
  let text = JSON.stringify(record)
  if (!text.startsWith('{"ts":') || text.length > LONG_LINE_CHARS) {
    const { ts, ...rest } = record
    const ordered = { ts, ...rest }
    text = JSON.stringify(ordered, text.length > LONG_LINE_CHARS ? cutLongStrings : undefined)
  }
  return escapeJson(text)
}

function cutLongStrings(_key: string, value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= LONG_STRING_CHARS) return value
  return `${value.slice(0, LONG_STRING_CHARS - 1)}…`
}

/** `ENOSPC` and the like; `undefined` for what no system call threw. */
function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

const nodeFiles: LedgerFiles = {
  open(path) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    try {
      // 'a+' because the last byte must be read.
      return openSync(path, 'a+', 0o600)
    } catch (error) {
      if (codeOf(error) !== 'EACCES') throw error
      return openSync(path, 'a', 0o600)
    }
  },
  write(descriptor, bytes, offset) {
    return writeSync(descriptor, bytes, offset, bytes.length - offset, null)
  },
  writePlain(descriptor, text) {
    return writeSync(descriptor, text, null, 'latin1')
  },
  describe(descriptor) {
    const facts = fstatSync(descriptor)
    const own = process.getuid?.() === facts.uid
    return {
      device: facts.dev,
      inode: facts.ino,
      regular: facts.isFile(),
      sizeBytes: facts.size,
      loose: own && (facts.mode & 0o077) !== 0,
    }
  },
  locate(path) {
    const facts = statSync(path, { throwIfNoEntry: false })
    return facts && { device: facts.dev, inode: facts.ino }
  },
  lastByte(descriptor, sizeBytes) {
    const byte = Buffer.alloc(1)
    try {
      return readSync(descriptor, byte, 0, 1, sizeBytes - 1) === 1 ? byte[0] : undefined
    } catch {
      return undefined
    }
  },
  tighten(descriptor) {
    fchmodSync(descriptor, 0o600)
  },
  sync(descriptor) {
    try {
      fdatasyncSync(descriptor)
    } catch (error) {
      // Pipes and devices have nothing to sync; Windows may not sync what may only be appended to.
      if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'EPERM') throw error
    }
  },
  close(descriptor) {
    closeSync(descriptor)
  },
}
