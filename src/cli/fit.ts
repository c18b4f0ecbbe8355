/**
 * Text in a given number of terminal columns. Takes text that is already clean (table.ts), counts wide
 * East Asian characters and emoji as two columns and combining marks as none.
 */

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]/u
const COMBINING = /\p{Mark}/u

/** Columns a terminal gives to the text. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** The text in at most `columns`; names keep their beginning and their end (`claude-…0514`). */
export function cutMiddle(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns <= 0) return ''
  const tailColumns = Math.floor((columns - 1) / 2)
  const head = takeColumns(Array.from(text), columns - 1 - tailColumns)
  const tail = takeColumns(Array.from(text).toReversed(), tailColumns)
  return `${head.join('')}…${tail.toReversed().join('')}`
}

/** The text in at most `columns`, its end cut: for sentences. */
export function cutEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns <= 0) return ''
  return `${takeColumns(Array.from(text), columns - 1).join('')}…`
}

/** Spaces after the text up to `columns`; nothing is cut. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** Spaces before the text up to `columns`; nothing is cut. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text
}

function takeColumns(characters: readonly string[], columns: number): string[] {
  const taken: string[] = []
  let width = 0
  for (const character of characters) {
    width += characterWidth(character)
    if (width > columns) break
    taken.push(character)
  }
  return taken
}

function characterWidth(character: string): number {
  if (COMBINING.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}
