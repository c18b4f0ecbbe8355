/** As much of a terminal as a full screen needs: what stands on it after some output. */

export interface SmallTerminal {
  write(text: string): void
  /** The lines of the second screen, or `undefined` where the first one is shown. */
  readonly screen: readonly string[] | undefined
  /** What was written to the first screen. */
  readonly scrollback: string
  readonly cursorShown: boolean
}

// oxlint-disable-next-line no-control-regex -- what moves a cursor and what colours a text
const SEQUENCE = /\u001b\[(\??[\d;]*)([A-Za-z])/y

/** A terminal of this size. Throws where a line would wrap, or a sequence is not known. */
export function createSmallTerminal(columns: number, rows: number): SmallTerminal {
  let screen: string[][] | undefined
  let scrollback = ''
  let cursorShown = true
  let x = 0
  let y = 0

  function blankFrom(row: number, column: number): void {
    if (screen === undefined) throw new Error('erased on the first screen')
    screen[row] = (screen[row] ?? []).slice(0, column)
  }

  function obey(argument: string, action: string): void {
    switch (`${argument}${action}`) {
      case '?1049h':
        screen = Array.from({ length: rows }, () => [])
        x = 0
        y = 0
        return
      case '?1049l':
        screen = undefined
        return
      case '?25l':
      case '?25h':
        cursorShown = action === 'h'
        return
      case '?2026h':
      case '?2026l':
        return
      case 'H':
        x = 0
        y = 0
        return
      case 'K':
        // In the last column this would take the last character with it.
        if (x >= columns) throw new Error('erased behind a full line')
        blankFrom(y, x)
        return
      case 'J':
        if (x < columns) blankFrom(y, x)
        for (let row = y + 1; row < rows; row++) blankFrom(row, 0)
        return
      default:
        if (action !== 'm') throw new Error(`unknown sequence ${argument}${action}`)
    }
  }

  function put(char: string): void {
    if (screen === undefined) {
      scrollback += char
      return
    }
    if (char === '\n') {
      y++
      x = 0
      if (y >= rows) throw new Error('scrolled')
      return
    }
    if (x >= columns) throw new Error(`wrapped: ${screen[y]?.join('') ?? ''}`)
    const line = screen[y] ?? []
    while (line.length < x) line.push(' ')
    line[x++] = char
  }

  return {
    write(text) {
      let at = 0
      while (at < text.length) {
        SEQUENCE.lastIndex = at
        const match = SEQUENCE.exec(text)
        if (match === null) {
          const char = String.fromCodePoint(text.codePointAt(at) ?? 0)
          put(char)
          at += char.length
        } else {
          obey(match[1] ?? '', match[2] ?? '')
          at = SEQUENCE.lastIndex
        }
      }
    },
    get screen() {
      return screen?.map((line) => line.join('').trimEnd())
    },
    get scrollback() {
      return scrollback
    },
    get cursorShown() {
      return cursorShown
    },
  }
}
