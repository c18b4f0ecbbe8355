/**
 * A full screen that is drawn again and again without flicker: the terminal's second screen, where neither
 * a resize nor a line that wraps can leave anything behind, and from which the first one comes back as it
 * was. Each frame is one write.
 * https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (DEC private modes 1049 and 25),
 * https://gitlab.com/gnachman/iterm2/-/wikis/synchronized-updates-spec (2026: no half frame is shown)
 */
import type { OutputStream } from './io.ts'
import { visibleWidth } from './fit.ts'

export interface Screen {
  /**
   * Draws these lines, coloured or not, none wider than `columns`; does nothing where they stand already.
   */
  draw(lines: readonly string[], columns: number): void
  /** Gives the terminal back; `draw` takes it again. */
  leave(): void
}

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const BEGIN_FRAME = '\u001b[?2026h\u001b[H'
const END_FRAME = '\u001b[?2026l'
const ERASE_LINE_END = '\u001b[K'
const ERASE_BELOW = '\u001b[J'

/** The screen of a terminal; nothing is written before the first frame. */
export function createScreen(stdout: OutputStream): Screen {
  let shown: string | undefined
  return {
    draw(lines, columns) {
      // Behind a line that fills the terminal the cursor still stands on its last place.
      const frame = lines
        .map((line) => (visibleWidth(line) < columns ? line + ERASE_LINE_END : line))
        .join('\n')
      if (frame === shown) return
      const enter = shown === undefined ? ENTER : ''
      shown = frame
      stdout.write(`${enter}${BEGIN_FRAME}${frame}${ERASE_BELOW}${END_FRAME}`)
    },
    leave() {
      if (shown !== undefined) stdout.write(LEAVE)
      shown = undefined
    },
  }
}
