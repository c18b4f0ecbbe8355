/**
 * Text to a terminal without standing still when the terminal does. Node writes to a terminal synchronously
 * (https://nodejs.org/api/process.html#a-note-on-process-io), so after ^S, or with a viewer that hangs, one
 * line too many stops every request. Here the terminal is opened a second time, so that it says "full"
 * instead, to us alone: the descriptors that were handed to us are shared with the shell.
 */
import { constants, openSync, writeSync } from 'node:fs'
import type { Sink } from './line-writer.ts'

export interface TerminalSinkOptions {
  /** 1 or 2: a terminal. */
  readonly descriptor: 1 | 2
  readonly platform: NodeJS.Platform
  /** Whether stdin, stdout and stderr are terminals: then they are the one this program was started from. */
  readonly allTerminals: boolean
  readonly onError: (error: Error) => void
}

// How soon a full terminal is tried again: less than a reader notices.
const FULL_PAUSE_MS = 10

/**
 * A sink for a terminal: in order, nothing waits, and after an error it takes everything and writes nothing.
 * `undefined` where the terminal cannot be opened a second time.
 */
export function openTerminalSink(options: TerminalSinkOptions): Sink | undefined {
  const path = namePath(options)
  if (path === undefined) return undefined
  let terminal: number
  try {
    terminal = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return undefined
  }
  return createRetryingSink((bytes, offset) => writeSync(terminal, bytes, offset), options.onError)
}

/** A path that opens the same terminal anew, and not the same descriptor once more. */
function namePath({ descriptor, platform, allTerminals }: TerminalSinkOptions): string | undefined {
  switch (platform) {
    // A console has no such problem: there writing does not wait.
    case 'win32':
      return undefined
    case 'linux':
      return `/proc/self/fd/${descriptor}`
    default:
      return allTerminals ? '/dev/tty' : undefined
  }
}

/** A sink over a `write` that takes some bytes from an offset on, or throws EAGAIN where it can take none. */
export function createRetryingSink(
  write: (bytes: Uint8Array, offset: number) => number,
  onError: (error: Error) => void,
): Sink {
  let broken = false
  return (text, done) => {
    const bytes = Buffer.from(text)
    let offset = 0
    const goOn = (): void => {
      try {
        if (!broken) while (offset < bytes.length) offset += write(bytes, offset)
      } catch (error) {
        if (isFull(error)) {
          setTimeout(goOn, FULL_PAUSE_MS)
          return
        }
        broken = true
        onError(error instanceof Error ? error : new Error(String(error)))
      }
      done()
    }
    goOn()
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN'
}
