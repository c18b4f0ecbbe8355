/**
 * Comma-separated values, read as they come: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), and what
 * spreadsheets make of it: a byte order mark, line feeds without carriage return, tabs or semicolons.
 */
import { StringDecoder } from 'node:string_decoder'

export interface CsvReader {
  push(chunk: Uint8Array | string): void
  /** The file is over. */
  end(): void
}

/** What keeps a reader's memory bounded. */
const ROW_LIMIT = 1024 * 1024
const SEPARATORS = [',', '\t', ';'] as const

/**
 * Calls `onRow` with the fields of every row that is not blank and its line number, the first being 1. The
 * separator is the one that the first line has most of. A row beyond a mebibyte is given as no fields.
 */
export function createCsvReader(onRow: (fields: string[], line: number) => void): CsvReader {
  const decoder = new StringDecoder('utf8')
  let separator: string | undefined
  let atStart = true
  let fields: string[] = []
  let field = ''
  // Inside quotes; a quote there ends them unless another one follows.
  let quoted = false
  let quoteSeen = false
  let rowLength = 0
  let line = 1
  let rowLine = 1
  // The first line, until it is whole and tells the separator.
  let heading = ''

  function endField(): void {
    fields.push(field)
    field = ''
    quoted = false
    quoteSeen = false
  }

  function endRow(): void {
    endField()
    const tooLong = rowLength > ROW_LIMIT
    if (tooLong || fields.some((text) => text.trim() !== '')) onRow(tooLong ? [] : fields, rowLine)
    fields = []
    rowLength = 0
    rowLine = line
  }

  function take(char: string): void {
    if (char === '\n') line++
    rowLength++
    if (rowLength > ROW_LIMIT) {
      // Its rest is passed over; quotes no longer count, or one that is never closed would hide the file.
      if (char === '\n') endRow()
      else field = ''
      return
    }
    if (quoted && !quoteSeen) {
      if (char === '"') quoteSeen = true
      else field += char
    } else if (char === '"' && (quoteSeen || field === '')) {
      // Two in quotes are one; the first of a field begins them.
      if (quoteSeen) field += char
      quoted = true
      quoteSeen = false
    } else if (char === separator) endField()
    else if (char === '\n') {
      if (field.endsWith('\r')) field = field.slice(0, -1)
      endRow()
    } else {
      // Text behind a closing quote is kept, as everybody does.
      quoted = false
      quoteSeen = false
      field += char
    }
  }

  function takeText(text: string): void {
    for (const char of text) take(char)
  }

  function takeHeading(text: string): void {
    heading += atStart ? text.replace(/^\ufeff/, '') : text
    if (text !== '') atStart = false
    const end = heading.indexOf('\n')
    if (end === -1 && heading.length <= ROW_LIMIT) return
    startRows(end === -1 ? heading : heading.slice(0, end))
  }

  function startRows(first: string): void {
    const countOf = (one: string): number => first.split(one).length
    separator = SEPARATORS.reduce((best, one) => (countOf(one) > countOf(best) ? one : best))
    const whole = heading
    heading = ''
    takeText(whole)
  }

  function takeChunk(text: string): void {
    if (separator === undefined) takeHeading(text)
    else takeText(text)
  }

  return {
    push(chunk) {
      takeChunk(typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)))
    },
    end() {
      takeChunk(decoder.end())
      if (separator === undefined) startRows(heading)
      if (field.endsWith('\r') && !quoted) field = field.slice(0, -1)
      if (rowLength > 0) endRow()
    },
  }
}
