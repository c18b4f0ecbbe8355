/**
 * Lines to a reader that may be slow. The lines of one turn of the event loop go out in one write, and
 * while that write is under way the next ones gather. A reader that stands still (a terminal after ^S, a
 * pipe nobody reads) costs memory up to a limit; beyond it lines are left out, counted, and the count is
 * told in their place.
 */

/** Hands text to the outside; `done` is called once it is out, or will never be. */
export type Sink = (text: string, done: () => void) => void

export interface LineWriter {
  /** Takes one line, without its line feed. */
  push(line: string): void
  /** True once everything is out; false if that takes longer than `limitMs`. */
  settle(limitMs: number): Promise<boolean>
  /**
   * What was not handed out yet, for the last moment of a program; nothing where the reader is behind, who
   * would only hold that moment up. The writer is empty afterwards.
   */
  take(): string
}

export interface LineWriterOptions {
  readonly sink: Sink
  /** Runs an action in the next turn of the event loop. */
  readonly soon: (action: () => void) => void
  /** Runs an action after so many milliseconds; the returned function cancels it. */
  readonly after: (ms: number, action: () => void) => () => void
  /** The line that stands for so many that were left out. */
  readonly renderGap: (lines: number) => string
  /** Lines begin to be left out. */
  readonly onGap?: () => void
  /** How many characters may wait; default 4 Mi, some twenty thousand lines. */
  readonly limitChars?: number
}

const LIMIT_CHARS = 4 * 1024 * 1024

/** A writer of lines with nothing in it. */
export function createLineWriter(options: LineWriterOptions): LineWriter {
  const { sink, soon, after, renderGap, onGap, limitChars = LIMIT_CHARS } = options
  let waiting = ''
  // Lines that came after `waiting` was full.
  let leftOut = 0
  let planned = false
  let underWay = false
  const whenSettled = new Set<() => void>()

  function takeAll(): string {
    const text = leftOut === 0 ? waiting : `${waiting}${renderGap(leftOut)}\n`
    waiting = ''
    leftOut = 0
    return text
  }

  function flush(): void {
    planned = false
    if (underWay) return
    if (waiting === '') {
      for (const settled of whenSettled) settled()
      return
    }
    underWay = true
    sink(takeAll(), onOut)
  }

  function onOut(): void {
    underWay = false
    if (!planned) flush()
  }

  return {
    push(line) {
      // Once a line was left out the rest is, too, until there is room again: the order stays true.
      if (leftOut > 0 || waiting.length + line.length >= limitChars) {
        leftOut += 1
        if (leftOut === 1) onGap?.()
        return
      }
      waiting += `${line}\n`
      if (planned || underWay) return
      planned = true
      soon(flush)
    },
    settle(limitMs) {
      if (!planned && !underWay) return Promise.resolve(true)
      return new Promise((resolve) => {
        const settled = (): void => {
          cancel()
          whenSettled.delete(settled)
          resolve(true)
        }
        const cancel = after(limitMs, () => {
          whenSettled.delete(settled)
          resolve(false)
        })
        whenSettled.add(settled)
      })
    },
    take: () => (underWay ? '' : takeAll()),
  }
}
