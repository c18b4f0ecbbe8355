/**
 * stdout and stderr of a program that has nothing to do but write. Node's own stream for a pipe loads its
 * network code, a sixth of all that Node does to start. Without it a text is written all the same; only who
 * must go on while the reader stands still needs the stream, and opens it first.
 */
import { writeSync } from 'node:fs'
import type { OutputStream } from './io.ts'

/** What an output needs of Node's own stream. */
export interface LateStream {
  write(text: string | Uint8Array): boolean
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  once(event: 'drain', listener: () => void): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

export interface Output<Stream> extends OutputStream {
  /** Node's own stream, through which all goes from now on. */
  open(): Stream
}

export interface OutputOptions<Stream> {
  /** Whether the stream is opened only when it is needed. Not for a terminal, which knows its size. */
  readonly late: boolean
  readonly open: () => Stream
  /** Writes some bytes from an offset on and says how many, or throws. */
  readonly write: WriteSome
}

type WriteSome = (bytes: Uint8Array, offset: number) => number

/** An output that is the stream `open` gives, from the beginning or from when that is needed. */
export function createOutput<Stream extends LateStream>({
  late,
  open,
  write,
}: OutputOptions<Stream>): Output<Stream> {
  let stream = late ? undefined : open()
  const opened = (): Stream => (stream ??= open())
  return {
    open: opened,
    get isTTY() {
      return stream?.isTTY
    },
    get columns() {
      return stream?.columns
    },
    get rows() {
      return stream?.rows
    },
    write(text) {
      if (stream !== undefined) return stream.write(text)
      const bytes = Buffer.from(text)
      const count = writeNow(write, bytes)
      // The pipe is full, or nobody reads it: the stream waits, or says so.
      return count === bytes.length || opened().write(bytes.subarray(count))
    },
    once: (event, listener) => opened().once(event, listener),
    on: (event, listener) => opened().on(event, listener),
    off: (event, listener) => opened().off(event, listener),
  }
}

/** Writes as much as can be written now to a file descriptor; see `OutputOptions`. */
export function writeTo(descriptor: number): WriteSome {
  return (bytes, offset) => writeSync(descriptor, bytes, offset)
}

function writeNow(write: WriteSome, bytes: Uint8Array): number {
  let count = 0
  try {
    while (count < bytes.length) count += write(bytes, count)
  } catch {
    // What is left says what is wrong.
  }
  return count
}
