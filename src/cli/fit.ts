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

/** Parts with a separator between them, on as few lines as their widths allow; later lines are indented. */
export function breakParts(parts: readonly string[], separator: string, columns: number): string[] {
  const lines: string[] = []
  for (const part of parts) {
    const last = lines.at(-1)
    const together = last === undefined ? part : `${last}${separator}${part}`
    if (last === undefined || displayWidth(together) <= columns) {
      lines[Math.max(0, lines.length - 1)] = together
    } else lines.push(cutEnd(`  ${part}`, columns))
  }
  return lines
}
