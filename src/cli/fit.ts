/** Text in a given number of terminal columns, beside what table.ts has. Takes text that is already clean. */
import { displayWidth } from './table.ts'

/** The text in at most `columns`, its end cut: for sentences. */
export function cutEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns <= 0) return ''
  let head = ''
  let width = 1
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns) break
    head += character
  }
  return `${head}…`
}

/** Spaces after the text up to `columns`; nothing is cut. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** Spaces before the text up to `columns`; nothing is cut. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text
}

/** The words in lines of at most `columns`; a longer word has a line of its own. Colours take no room. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/(?<= )(?=\S)/)) {
    const last = lines.at(-1)
    const joined = (last ?? '') + word
    if (last !== undefined && visibleWidth(joined.trimEnd()) <= columns) {
      lines[lines.length - 1] = joined
    } else lines.push(word)
  }
  return lines.map((line) => line.trimEnd())
}

/** Width without the colours that paint has put in. */
export function visibleWidth(text: string): number {
  // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
  return displayWidth(text.replace(/\u001b\[[\d;]*m/g, ''))
}

/** The pieces in as few lines of at most `columns` as they need, all but the first indented; a piece is never broken. */
export function wrapPieces(
  pieces: readonly string[],
  separator: string,
  columns: number,
  indent = '',
): string[] {
  const lines: string[] = []
  for (const piece of pieces) {
    const last = lines.at(-1)
    const joined = last === undefined ? piece : `${last}${separator}${piece}`
    if (last === undefined) lines.push(piece)
    else if (displayWidth(joined) <= columns) lines[lines.length - 1] = joined
    else lines.push(indent + piece)
  }
  return lines
}

/** The same, later lines indented, and what is too long for one of them cut. */
export function breakParts(parts: readonly string[], separator: string, columns: number): string[] {
  const [first, ...more] = wrapPieces(parts, separator, columns, '  ')
  return first === undefined ? [] : [first, ...more.map((line) => cutEnd(line, columns))]
}
