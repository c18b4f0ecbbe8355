/** A sign of life on stderr while nothing has come yet; only on a terminal that can take back a line. */
import type { ProgramIo } from './io.ts'
import { cutMiddle } from './table.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80
// An answer that comes at once should not flicker.
const FIRST_MS = 150
const DEFAULT_COLUMNS = 80

export interface Spinner {
  /** Takes the line away; afterwards the line is free to be written. May be called again. */
  stop(): void
}

/** Starts spinning beside `label`; does nothing off a terminal, under TERM=dumb, and with -q. */
export function startSpinner(io: ProgramIo, label: string): Spinner {
  if (io.stderr.isTTY !== true || io.env['TERM'] === 'dumb' || io.flags.quiet === true) {
    return { stop() {} }
  }
  let frame = 0
  let drawn = false
  let cancel = io.after(FIRST_MS, draw)
  function draw(): void {
    drawn = true
    const text = `${FRAMES[frame++ % FRAMES.length] ?? ''} ${label}`
    // A line that wraps could not be taken away again.
    const shown = cutMiddle(text, (io.stderr.columns ?? DEFAULT_COLUMNS) - 1)
    io.stderr.write(`\r${io.paintErr.dim(shown)}`)
    cancel = io.after(FRAME_MS, draw)
  }
  return {
    stop() {
      cancel()
      // Carriage return, then erase to the end of the line.
      if (drawn) io.stderr.write('\r\u001b[K')
      drawn = false
    },
  }
}
