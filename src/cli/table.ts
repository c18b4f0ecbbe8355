/**
 * Plain tables: one row one line, a rule under the head and above the total, no boxes. Numbers are never
 * cut; where a terminal is too narrow, columns go in a given order, then names are cut in the middle.
 *
 * Our own padder rather than cli-table3 everywhere: the same text must come out of a pipe, where that
 * library colours on, and of ten thousand rows, for which it takes seconds (cli.md §1).
 */
import { cleanForTerminal } from './clean.ts'

export interface TableColumn {
  readonly header: string
  readonly align: 'left' | 'right'
  /** May be cut in the middle, down to this many places. Only for names. */
  readonly shrinkTo?: number
  /** Columns with a number go first when there is no room, the lowest first; others never go. */
  readonly dropOrder?: number
  /** Colours a finished cell of the body; must not change its width. */
  readonly paint?: (padded: string) => string
}

export interface TableOptions {
  readonly columns: readonly TableColumn[]
  /** One text per column; cleaned here. */
  readonly rows: readonly (readonly string[])[]
  /** The last line, under a rule. */
  readonly total?: readonly string[]
  /** In place of `total`: several such lines. */
  readonly totals?: readonly (readonly string[])[]
  /** Rules under the head and above the total. */
  readonly rules: boolean
  /** Terminal places; absent: as wide as the content is. */
  readonly width?: number | undefined
  /** Colours the head and the rules. */
  readonly paintFrame?: (line: string) => string
  /** Colours the total. */
  readonly paintTotal?: (line: string) => string
}

const GUTTER = '  '
const RULE = '─'
const ELLIPSIS = '…'

/** The table's lines, without line feeds and without trailing spaces. */
export function renderTable(options: TableOptions): string[] {
  const { rules, width = Infinity } = options
  const frame = options.paintFrame ?? ((line) => line)
  const rows = options.rows.map((row) => row.map((cell) => cleanForTerminal(cell)))
  const given = options.totals ?? (options.total === undefined ? [] : [options.total])
  const totals = given.map((row) => row.map((cell) => cleanForTerminal(cell)))
  const all = [...rows, ...totals]
  const natural = options.columns.map(({ header }, i) =>
    all.reduce((widest, row) => Math.max(widest, displayWidth(row[i] ?? '')), displayWidth(header)),
  )

  const shown = chooseColumns(options.columns, natural, width)
  const widths = fitNames(options.columns, natural, shown, width)
  const lineOf = (cells: readonly string[], painted: boolean): string => {
    const parts = shown.map((i, place) => {
      const column = options.columns[i]!
      const text = cutMiddle(cells[i] ?? '', widths[i]!)
      const last = place === shown.length - 1
      const cell = padCell(text, widths[i]!, column.align, last)
      return painted && column.paint !== undefined ? column.paint(cell) : cell
    })
    return parts.join(GUTTER).trimEnd()
  }
  const ruleWidth =
    shown.reduce((sum, i) => sum + widths[i]!, 0) + GUTTER.length * Math.max(0, shown.length - 1)
  const rule = frame(RULE.repeat(ruleWidth))

  const lines = [
    frame(
      lineOf(
        options.columns.map((column) => column.header),
        false,
      ),
    ),
  ]
  if (rules) lines.push(rule)
  for (const row of rows) lines.push(lineOf(row, true))
  if (rules && totals.length > 0) lines.push(rule)
  for (const row of totals) {
    const line = lineOf(row, false)
    lines.push(options.paintTotal?.(line) ?? line)
  }
  return lines
}

/** Indices of the columns that stay, in order. */
function chooseColumns(
  columns: readonly TableColumn[],
  natural: readonly number[],
  width: number,
): number[] {
  let shown = columns.map((_, i) => i)
  const leaving = shown
    .filter((i) => columns[i]!.dropOrder !== undefined)
    .toSorted((a, b) => columns[a]!.dropOrder! - columns[b]!.dropOrder!)
  for (const next of leaving) {
    if (lineWidth(shown, natural) <= width) break
    shown = shown.filter((i) => i !== next)
  }
  return shown
}

/** Widths after names gave up places, the widest name first. */
function fitNames(
  columns: readonly TableColumn[],
  natural: readonly number[],
  shown: readonly number[],
  width: number,
): number[] {
  const widths = [...natural]
  let excess = lineWidth(shown, widths) - width
  while (excess > 0) {
    const widest = shown
      .filter((i) => widths[i]! > (columns[i]!.shrinkTo ?? Infinity))
      .toSorted((a, b) => widths[b]! - widths[a]!)[0]
    if (widest === undefined) break
    widths[widest]! -= 1
    excess -= 1
  }
  return widths
}

function lineWidth(shown: readonly number[], widths: readonly number[]): number {
  return shown.reduce((sum, i) => sum + widths[i]!, 0) + GUTTER.length * (shown.length - 1)
}

function padCell(text: string, width: number, align: 'left' | 'right', last: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)))
  if (align === 'right') return space + text
  return last ? text : text + space
}

/** At most `width` places: what is too long loses its middle, so that both ends stay recognisable. */
export function cutMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width <= 1) return width === 1 ? ELLIPSIS : ''
  const chars = Array.from(text)
  const tailRoom = Math.floor((width - 1) / 2)
  let head = ''
  let headWidth = 0
  for (const char of chars) {
    const next = headWidth + charWidth(char)
    if (next > width - 1 - tailRoom) break
    head += char
    headWidth = next
  }
  let tail = ''
  let tailWidth = 0
  for (const char of chars.toReversed()) {
    const next = tailWidth + charWidth(char)
    if (next > tailRoom) break
    tail = char + tail
    tailWidth = next
  }
  // A combining mark at the cut would sit on the ellipsis.
  return head + ELLIPSIS + tail.replace(/^\p{M}+/u, '')
}

// ASCII, Latin letters, quotes and dashes, arrows, lines of tables: nearly every text, and one place each.
// Patterns of Unicode's classes take long to compile, so that they stand where they are needed.
const NARROW = /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u257f]*$/

/** Terminal places a text takes: two for wide East Asian characters and emoji, none for marks. */
export function displayWidth(text: string): number {
  if (NARROW.test(text)) return text.length
  let width = 0
  for (const char of text) width += charWidth(char)
  return width
}

// Wide and Fullwidth of UAX #11, https://www.unicode.org/reports/tr11/, in blocks.
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd],
]

function charWidth(char: string): number {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x300) return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : 1
  if (NARROW.test(char)) return 1
  if (/[\p{Mn}\p{Me}\p{Cc}\p{Cf}\u1160-\u11ff]/u.test(char)) return 0
  if (WIDE.some(([from, to]) => code >= from && code <= to)) return 2
  return /\p{Emoji_Presentation}/u.test(char) ? 2 : 1
}
