/**
 * Usage logs that are still being written: reads what they hold, then, each time it is asked, only what
 * has come since. Follows a log through rotation (another file under the name) and truncation. What was
 * read stays read: a renamed, copied or compressed log is not counted a second time.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createLineReader } from './lines.ts'
import type { LineCounts, LineReader, TimeSpan } from './lines.ts'
import { expandLogs, isGzip, readUsageLogs } from './read.ts'
import type { LogSummary } from './read.ts'
import type { LoggedUsage } from './logged.ts'

export interface FollowOptions {
  /** Paths, globs, or '-'. Relative ones are below `cwd`. */
  readonly logs: readonly string[]
  readonly cwd: string
  readonly span: TimeSpan
  /** Read where '-' is named. */
  readonly stdin?: AsyncIterable<Uint8Array | string>
  readonly onUsage: (usage: LoggedUsage) => void
  /** Whether a named log may come later; without it one that is missing at the beginning is an error. */
  readonly mayBeMissing: boolean
  /** Called when something came in by stdin, or it ended. */
  readonly onStdin: () => void
  /** Waited for between blocks of a file. */
  readonly pause: () => Promise<void>
}

export interface LogFollower {
  /**
   * Reads on to the present end of every log; true where anything was new. The first call throws like
   * `readUsageLogs`; later ones pass over what cannot be opened, until it can.
   */
  readMore(): Promise<boolean>
  readonly summary: LogSummary
  /** Where something changes when a log does. */
  readonly directories: ReadonlySet<string>
  /** Nothing can come any more: stdin is over, and there is no file. */
  readonly ended: boolean
  close(): void
}

// A reader keeps a megabyte. Older files of a glob are read once; nobody writes to those.
const LIVE_LIMIT = 16
// Enough for the time and the id of a first line, which no other log has.
const HEAD_BYTES = 96
// Logs are rotated daily, not by the second.
const REMEMBERED_HEADS = 10_000
// After a rotation the writer may go on with the old file until it notices.
const FAREWELL_CHECKS = 30
const GZIP_HEAD = '\u001f\u008b'

/** A file that may still grow. */
interface Live {
  readonly name: string
  readonly identity: string
  readonly descriptor: number
  reader: LineReader
  /** Bytes read. */
  position: number
  /** The first bytes, as far as they were there when last looked at. */
  head: string
  /** How often its name was found to belong to another file, or to none. */
  missed: number
}

/** How such a file looked: a new one may get the identity of one that is gone. */
interface DoneFile {
  readonly sizeBytes: number
  readonly mtimeMs: number
  readonly head: string
}

/** A follower at the beginning of these logs; nothing is read yet. */
export function followUsageLogs(options: FollowOptions): LogFollower {
  const { cwd, span, onUsage, pause } = options
  const patterns = options.logs.filter((log) => log !== '-')
  const counts: LineCounts = {
    lines: 0,
    skipped: 0,
    firstSkipped: undefined,
    earliestMs: undefined,
    latestMs: undefined,
  }
  const files: string[] = []
  const lives = new Map<string, Live>()
  // Files that are not read any further: read to their end, or made of what was read.
  const done = new Map<string, DoneFile>()
  // How the files that were read begin.
  const heads = new Set<string>()
  const directories = new Set<string>()
  let started = false
  let stdinEnded = !options.logs.includes('-') || options.stdin === undefined

  /** What the patterns name now. */
  function namesNow(): string[] {
    if (!started && !options.mayBeMissing) return expandLogs(patterns, cwd)
    try {
      return expandLogs(patterns, cwd)
    } catch {
      // A glob that matches nothing for the moment.
      return []
    }
  }

  function readerOf(name: string): LineReader {
    return createLineReader(name, span, counts, onUsage)
  }

  async function readOnce(name: string): Promise<void> {
    const summary = await readUsageLogs({ logs: [name], cwd, span, pause, onUsage })
    counts.lines += summary.lines
    counts.skipped += summary.skipped
    counts.firstSkipped ??= summary.firstSkipped
    counts.earliestMs = least(counts.earliestMs, summary.earliestMs)
    counts.latestMs = most(counts.latestMs, summary.latestMs)
    files.push(...summary.files)
  }

  function open(name: string, identity: string): void {
    let descriptor: number
    try {
      descriptor = openSync(resolve(cwd, name), 'r')
    } catch {
      return
    }
    const facts = fstatSync(descriptor)
    // Replaced in between: the next look finds out.
    const isOther = identity !== identityOf(facts)
    if (isOther || !facts.isFile() || isGzip(descriptor)) {
      if (!isOther) setAside(identity, facts, facts.isFile() ? readHead(descriptor) : '')
      closeSync(descriptor)
      return
    }
    const reader = readerOf(name)
    lives.set(identity, { name, identity, descriptor, reader, position: 0, head: '', missed: 0 })
    if (!files.includes(name)) files.push(name)
  }

  function setAside(identity: string, { size, mtimeMs }: Stats, head: string): void {
    done.set(identity, { sizeBytes: size, mtimeMs, head })
  }

  /** Whether a file is one that was set aside, not another one in its place. */
  function isDone(name: string, identity: string, facts: Stats): boolean {
    const known = done.get(identity)
    if (known === undefined) return false
    if (known.sizeBytes === facts.size && known.mtimeMs === facts.mtimeMs) return true
    const head = headOf(resolve(cwd, name))
    if (head !== known.head) {
      done.delete(identity)
      return false
    }
    setAside(identity, facts, head)
    return true
  }

  function drop(live: Live): void {
    lives.delete(live.identity)
    setAside(live.identity, fstatSync(live.descriptor), live.head)
    closeSync(live.descriptor)
  }

  /** Lets go of what is least likely to grow, until few enough are open. */
  function dropSurplus(): void {
    const surplus = [...lives.values()]
      .map((live) => ({ live, mtimeMs: fstatSync(live.descriptor).mtimeMs }))
      .toSorted((a, b) => b.live.missed - a.live.missed || a.mtimeMs - b.mtimeMs)
      .slice(0, Math.max(0, lives.size - LIVE_LIMIT))
    for (const { live } of surplus) drop(live)
  }

  /** Reads one file on; true where there was anything. */
  async function readOn(live: Live): Promise<boolean> {
    const { size } = fstatSync(live.descriptor)
    const head = readHead(live.descriptor)
    if (size < live.position || !head.startsWith(live.head)) {
      // Truncated, and maybe written anew: begin again.
      live.position = 0
      live.reader = readerOf(live.name)
    } else if (live.position === 0 && started && size > 0 && isCopy(head)) {
      live.head = head
      drop(live)
      return false
    }
    live.head = head
    const from = live.position
    while (live.position < size) {
      const space = live.reader.space()
      const wanted = Math.min(space.length, size - live.position)
      const count = readSync(live.descriptor, space, 0, wanted, live.position)
      if (count === 0) break
      live.position += count
      live.reader.filled(count)
      // oxlint-disable-next-line no-await-in-loop -- one block after the other
      await pause()
    }
    return live.position > from
  }

  /** Whether these are the first bytes of a file that was read already: `cp` before a truncation. */
  function isCopy(head: string): boolean {
    return head.length === HEAD_BYTES && heads.has(head)
  }

  async function readStdin(stdin: AsyncIterable<Uint8Array | string>): Promise<void> {
    files.push('-')
    const reader = readerOf('stdin')
    try {
      for await (const chunk of stdin) {
        let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
        while (rest.length > 0) {
          const space = reader.space()
          const part = rest.subarray(0, space.length)
          space.set(part)
          reader.filled(part.length)
          rest = rest.subarray(part.length)
        }
        news = true
        options.onStdin()
      }
      reader.end()
    } catch {
      // Broken off: what came before it counts.
    } finally {
      stdinEnded = true
      news = true
      options.onStdin()
    }
  }
  // Something came by stdin since the last call.
  let news = false

  /** The first look: files that cannot grow, or are too many, are read here and now. */
  async function begin(names: readonly string[]): Promise<void> {
    const growing: { readonly name: string; readonly facts: Stats }[] = []
    for (const name of names) {
      const path = resolve(cwd, name)
      const facts = statOf(path)
      if (facts === undefined && options.mayBeMissing) continue
      const identity = facts === undefined ? '' : identityOf(facts)
      if (done.has(identity)) continue
      const head = facts?.isFile() === true ? headOf(path) : undefined
      if (facts !== undefined && head !== undefined && !head.startsWith(GZIP_HEAD)) {
        growing.push({ name, facts })
        continue
      }
      // Also what is not there or not to be read: this says so.
      // oxlint-disable-next-line no-await-in-loop -- one file after the other
      await readOnce(name)
      if (facts !== undefined) setAside(identity, facts, head ?? '')
    }
    growing.sort((a, b) => b.facts.mtimeMs - a.facts.mtimeMs)
    for (const { name, facts } of growing.slice(LIVE_LIMIT)) {
      // oxlint-disable-next-line no-await-in-loop -- one file after the other
      if (!done.has(identityOf(facts))) await readOnce(name)
      setAside(identityOf(facts), facts, headOf(resolve(cwd, name)) ?? '')
    }
  }

  return {
    async readMore() {
      const names = namesNow()
      let anything = news
      news = false
      if (!started) {
        await begin(names)
        if (!stdinEnded && options.stdin !== undefined) void readStdin(options.stdin)
        anything = true
      }
      const present = new Set<string>()
      for (const name of [...names, ...patterns]) directories.add(dirname(resolve(cwd, name)))
      for (const name of names) {
        const facts = statOf(resolve(cwd, name))
        if (facts === undefined) continue
        const identity = identityOf(facts)
        present.add(identity)
        if (!lives.has(identity) && !isDone(name, identity, facts)) open(name, identity)
      }
      for (const live of lives.values()) {
        // oxlint-disable-next-line no-await-in-loop -- one file after the other
        if (await readOn(live)) anything = true
      }
      for (const live of lives.values()) {
        if (live.head.length === HEAD_BYTES && heads.size < REMEMBERED_HEADS) heads.add(live.head)
        live.missed = present.has(live.identity) ? 0 : live.missed + 1
        if (live.missed > FAREWELL_CHECKS) drop(live)
      }
      dropSurplus()
      for (const identity of done.keys()) if (!present.has(identity)) done.delete(identity)
      started = true
      return anything
    },
    get summary() {
      // Before there is any, where it is waited for.
      return { ...counts, files: files.length > 0 ? files : options.logs }
    },
    directories,
    get ended() {
      return stdinEnded && !news && patterns.length === 0
    },
    close() {
      for (const live of lives.values()) closeSync(live.descriptor)
      lives.clear()
    },
  }
}

function identityOf(facts: Stats): string {
  return `${facts.dev}:${facts.ino}`
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** The first bytes of a regular file; `undefined` where it cannot be read. */
function headOf(path: string): string | undefined {
  try {
    const descriptor = openSync(path, 'r')
    try {
      return readHead(descriptor)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}

function readHead(descriptor: number): string {
  const bytes = Buffer.alloc(HEAD_BYTES)
  return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, HEAD_BYTES, 0))
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a
}

function most(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a
}
