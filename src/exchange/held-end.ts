/**
 * A sink whose end waits until the usage line is on disk. Whoever has read a reply to its end can rely on
 * its line, even where the program is killed in the next microsecond.
 */
import type { ReplySink } from './call.ts'

export interface HeldSink {
  readonly sink: ReplySink
  /** Ends the reply if its end was asked for. */
  release(): void
}

/** Everything but the end goes through at once. */
export function holdEnd(target: ReplySink): HeldSink {
  let asked = false
  let last: string | Uint8Array | undefined
  return {
    sink: {
      head(status, headers) {
        target.head(status, headers)
      },
      write: (chunk) => target.write(chunk),
      end(chunk) {
        asked = true
        last = chunk
      },
      onDrain(listener) {
        target.onDrain(listener)
      },
      onGone(listener) {
        target.onGone(listener)
      },
    },
    release() {
      if (!asked) return
      asked = false
      if (last === undefined) target.end()
      else target.end(last)
    },
  }
}
