/** Sentences on a terminal, broken between words instead of in them. */
import { wrapWords } from './fit.ts'
import type { OutputStream } from './io.ts'
import { displayWidth } from './table.ts'

// Below this, breaking lines helps nobody.
const LEAST_COLUMNS = 40
const HANGING = '  '
// Sentences begin at the margin, lists of names with a label. What is set in further is made to fit, or a
// command to copy, which a line break would spoil.
const SENTENCE = /^(?:\S| {2}\w+: )/

/**
 * The stream with lines that are too long for its terminal broken; off a terminal the stream itself. Only
 * whole lines are touched: what redraws a line, or comes in pieces, goes through as it is.
 */
export function wrapSentences(stream: OutputStream): OutputStream {
  if (stream.isTTY !== true) return stream
  let atLineStart = true
  return {
    get isTTY() {
      return stream.isTTY
    },
    get columns() {
      return stream.columns
    },
    write(text) {
      const isWhole = atLineStart && text.endsWith('\n') && !text.includes('\r')
      if (text !== '') atLineStart = text.endsWith('\n') || text.endsWith('\r\u001b[K')
      const columns = stream.columns ?? 0
      return stream.write(isWhole && columns >= LEAST_COLUMNS ? wrapLines(text, columns) : text)
    },
    once: (event, listener) => stream.once?.(event, listener),
  }
}

function wrapLines(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) => {
      // oxlint-disable-next-line no-control-regex -- colours are passed over
      const bare = line.replace(/\u001b\[[\d;]*m/g, '')
      if (bare.length * 2 <= columns || !SENTENCE.test(bare)) return [line]
      const [first = '', ...rest] = wrapWords(line, columns)
      const below = wrapWords(rest.join(' '), columns - HANGING.length).filter((one) => one !== '')
      return [first, ...below.map((one) => HANGING + one)].flatMap((one) => breakWord(one, columns))
    })
    .join('\n')
}

/** A name without a space that is longer than the terminal is broken where it ends. */
function breakWord(line: string, columns: number): string[] {
  const lines = ['']
  let width = 0
  // oxlint-disable-next-line no-control-regex -- a colour takes no room
  for (const [piece] of line.matchAll(/\u001b\[[\d;]*m|./gsu)) {
    const places = piece.startsWith('\u001b') ? 0 : displayWidth(piece)
    if (width + places > columns) {
      lines.push('')
      width = 0
    }
    width += places
    lines[lines.length - 1] += piece
  }
  return lines
}
