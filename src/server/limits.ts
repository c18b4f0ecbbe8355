/**
 * What one caller, and all callers together, may ask of the front door before any request of theirs is
 * looked at (reliability.md §1.4, §2C). One place, so that a test can make each of them small.
 */
import { readFileSync } from 'node:fs'

export interface DoorLimits {
  /** Until a request's head is whole; default 10 s. A total, so that one byte at a time does not stretch it. */
  readonly headMs: number
  /** Until a request is whole, its body included; default 60 s. */
  readonly requestMs: number
  /** How often the two above are looked at; default 1 s. Node's own default is 30 s. */
  readonly checkMs: number
  /** A connection without a request is kept this long; default 65 s. */
  readonly idleMs: number
  /** A reply of which the reader takes nothing for this long is cut; default 60 s. */
  readonly stallMs: number
  /** Name-value lines in a request's head; default 100. */
  readonly headers: number
  /** Bytes of a request's head; default 16 KiB. */
  readonly headBytes: number
  /** Requests that may wait behind the one being answered on one connection; default 16. */
  readonly pipelined: number
  /** Open connections; default min(10,000, (open files allowed − 256) / 2). */
  readonly connections: number
  /** Request bodies held in memory, all together; default 256 MiB. */
  readonly bufferedBytes: number
  /** After a refusal: how much of an unread body is still read and thrown away; default 1 MiB. */
  readonly lingerBytes: number
  /** And for how long at most; default 2 s. */
  readonly lingerMs: number
}

const MIB = 1024 * 1024

/** The limits of a door that was told nothing else. `openFiles`: descriptors this process may have. */
export function defaultLimits(openFiles: number | undefined): DoorLimits {
  return {
    headMs: 10_000,
    requestMs: 60_000,
    checkMs: 1_000,
    idleMs: 65_000,
    stallMs: 60_000,
    headers: 100,
    headBytes: 16 * 1024,
    pipelined: 16,
    connections: connectionCap(openFiles),
    bufferedBytes: 256 * MIB,
    lingerBytes: MIB,
    lingerMs: 2_000,
  }
}

// A connection may need a second descriptor towards its provider; the log, the config and modules need some too.
const RESERVED_FILES = 256
const MOST_CONNECTIONS = 10_000

/** How many connections `openFiles` descriptors allow; at least one. */
export function connectionCap(openFiles: number | undefined): number {
  if (openFiles === undefined) return MOST_CONNECTIONS
  const fitting = Math.floor((openFiles - RESERVED_FILES) / 2)
  return Math.max(1, Math.min(MOST_CONNECTIONS, fitting))
}

/**
 * Descriptors this process may have, `undefined` where the system does not say or sets no limit. Node
 * raises its soft limit to the hard one as it starts.
 */
export function readOpenFilesLimit(path: string = '/proc/self/limits'): number | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  const soft = /^Max open files +(\d+) /m.exec(text)?.[1]
  return soft === undefined ? undefined : Number(soft)
}
