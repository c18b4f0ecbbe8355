/**
 * The request lines of `serve` on a terminal: one per finished request, one per failover, aligned, and
 * never wider than the terminal. Names are cut in the middle; numbers never (cli.md §2). Pure.
 */
import type { ChalkInstance } from 'chalk'
import type { UsageRecord } from '../usage/record.ts'
import type { FailoverEvent } from './ask-view.ts'
import { cutEnd, padEnd, padStart } from './fit.ts'
import { cutMiddle, displayWidth } from './table.ts'
import { cleanForTerminal } from './clean.ts'
import { renderClock, renderCost, renderCount, renderDuration } from './words.ts'

export interface LineStyle {
  /** Columns of the terminal. */
  readonly columns: number
  /** Columns of the user's name, the same in every line. */
  readonly userColumns: number
  readonly paint: ChalkInstance
}

interface Cell {
  readonly text: string
  readonly paint: (text: string) => string
}

// From here on there is room for a column of remarks (`ttft 0.4s`, `client left`).
const WIDE_COLUMNS = 96
const CLOCK_COLUMNS = 8
const ID_COLUMNS = 4
const STATUS_COLUMNS = 3
const DURATION_COLUMNS = 5
const REMARK_COLUMNS = 12
const TOKENS_COLUMNS = 11
const COST_COLUMNS = 7
const MODEL_COLUMNS = { least: 8, most: 44 }
const USER_COLUMNS = { least: 6, most: 14 }

/** How wide the users' column is: the widest name, within bounds. */
export function chooseUserColumns(names: Iterable<string>): number {
  let widest = USER_COLUMNS.least
  for (const name of names) widest = Math.max(widest, displayWidth(cleanForTerminal(name)))
  return Math.min(widest, USER_COLUMNS.most)
}

/** What a person calls a request by: the end of its id, the same in every line. */
export function shortId(id: string): string {
  return cleanForTerminal(id.slice(-ID_COLUMNS))
}

/** One finished request. `at` is when it finished; `costUsd` is `undefined` where no price is known. */
export function renderRequestLine(
  record: UsageRecord,
  at: number,
  costUsd: number | undefined,
  style: LineStyle,
): string {
  const { paint, columns } = style
  const wide = columns >= WIDE_COLUMNS
  const tokens = tokensOf(record)
  const remark = remarkOf(record)
  // What no model answered cost nothing, which needs no saying.
  const priced = costUsd !== undefined && (tokens !== '' || costUsd > 0)
  const cost = record.mock === true ? 'mock' : priced ? renderCost(costUsd) : ''
  const paintCost = record.mock === true ? paint.yellow : paint.dim
  const paintRemark = record.outcome === 'ok' ? paint.dim : paint.yellow

  const end: Cell[] = [
    { text: padEnd(String(record.status), STATUS_COLUMNS), paint: paintStatus(record, paint) },
    { text: padEnd(renderDuration(record.ms), DURATION_COLUMNS), paint: plain },
  ]
  if (tokens === '') {
    // Nothing was counted, so the remark may take the counts' place.
    const room = TOKENS_COLUMNS + 1 + (wide ? REMARK_COLUMNS + 2 : 0)
    end.push({ text: padEnd(cutEnd(remark.long, room), room), paint: paintRemark })
    end.push({ text: cost, paint: paintCost })
  } else {
    if (wide)
      end.push({
        text: padEnd(cutEnd(remark.long, REMARK_COLUMNS), REMARK_COLUMNS),
        paint: paintRemark,
      })
    // The mark of an estimate stands beside the column, so that the digits stay below each other.
    const mark = record.estimated === true ? '~' : ' '
    end.push({ text: padStart(tokens, TOKENS_COLUMNS) + mark, paint: plain })
    const said = wide || record.outcome === 'ok' || record.mock === true
    end.push(said ? { text: cost, paint: paintCost } : { text: remark.short, paint: paintRemark })
  }

  const start = beginLine(record.id, record.user, at, style)
  const endColumns = sum(end.map(({ text }) => displayWidth(text) + 2))
  // The last column is counted at its full width, so that lines with and without a price agree.
  const missing = Math.max(0, COST_COLUMNS - displayWidth(end.at(-1)?.text ?? ''))
  const room = columns - sum(start.map(({ text }) => displayWidth(text) + 1)) - endColumns - missing
  const modelColumns = Math.min(MODEL_COLUMNS.most, Math.max(MODEL_COLUMNS.least, room))
  const model = padEnd(renderModel(record, modelColumns), modelColumns)
  return joinWithin(columns, [
    ...start.map((cell): Piece => ({ ...cell, gap: 1 })),
    { text: model, paint: plain, gap: 2 },
    ...end.map((cell): Piece => ({ ...cell, gap: 2 })),
  ])
}

/** A target failed and another is tried: `… gpt-5   openai 401 credential  ↪ claude-sonnet-4-20250514`. */
export function renderFailoverLine(event: FailoverEvent, at: number, style: LineStyle): string {
  const { paint, columns } = style
  const { failed } = event
  const start = beginLine(event.id, event.user, at, style)
  const what = [failed.provider, failed.status, failed.class].filter((word) => word !== undefined)
  const fault = cutMiddle(cleanForTerminal(what.join(' ')), 40)
  const fixed = sum(start.map(({ text }) => displayWidth(text) + 1)) + displayWidth(fault) + 7
  const [model, next] = cutPair(
    cleanForTerminal(failed.model),
    cleanForTerminal(event.next),
    Math.max(2 * MODEL_COLUMNS.least, columns - fixed),
  )
  // A key that is refused or missing is the operator's to mend, and must not hide (design §5).
  const paintFault = failed.class === 'credential' ? paint.red.bold : paint.yellow
  return joinWithin(columns, [
    ...start.map((cell): Piece => ({ ...cell, gap: 1 })),
    { text: model, paint: plain, gap: 3 },
    { text: fault, paint: paintFault, gap: 2 },
    { text: `↪ ${next}`, paint: plain, gap: 0 },
  ])
}

function beginLine(id: string, user: string | undefined, at: number, style: LineStyle): Cell[] {
  const { paint, userColumns } = style
  const name = user === undefined ? '–' : cutMiddle(cleanForTerminal(user), userColumns)
  return [
    { text: padEnd(renderClock(at), CLOCK_COLUMNS), paint: paint.dim },
    { text: padEnd(shortId(id), ID_COLUMNS), paint: paint.dim },
    { text: padEnd(name, userColumns), paint: plain },
  ]
}

function renderModel(record: UsageRecord, columns: number): string {
  const asked = cleanForTerminal(record.model ?? '–')
  const served = record.served_model === undefined ? asked : cleanForTerminal(record.served_model)
  if (served === asked) return cutMiddle(asked, columns)
  const [from, to] = cutPair(asked, served, columns - 3)
  return `${from} ↪ ${to}`
}

/** Both in `columns` together: the longer gives way first. */
function cutPair(first: string, second: string, columns: number): [string, string] {
  const [a, b] = [displayWidth(first), displayWidth(second)]
  if (a + b <= columns) return [first, second]
  const half = Math.floor(columns / 2)
  const forFirst = a <= half ? a : b <= columns - half ? columns - b : half
  return [cutMiddle(first, forFirst), cutMiddle(second, columns - forFirst)]
}

function tokensOf({ prompt_tokens: prompt, completion_tokens: completion }: UsageRecord): string {
  if (prompt === undefined && completion === undefined) return ''
  return `${countOrUnknown(prompt)}+${countOrUnknown(completion)}`
}

function countOrUnknown(tokens: number | undefined): string {
  return tokens === undefined ? '?' : renderCount(tokens)
}

interface Remark {
  readonly long: string
  /** Where the counts leave little room. */
  readonly short: string
}

function remarkOf(record: UsageRecord): Remark {
  const { ttft_ms: ttftMs, error } = record
  const last = record.attempts?.at(-1)
  const fault = last === undefined ? undefined : `${last.provider} ${last.class ?? ''}`.trim()
  const remarks: Record<UsageRecord['outcome'], Remark> = {
    ok: { long: ttftMs === undefined ? '' : `ttft ${renderDuration(ttftMs)}`, short: '' },
    aborted: { long: 'client left', short: 'left' },
    truncated: { long: 'cut short', short: 'cut' },
    refused: {
      long: error === 'model_not_found' ? 'not allowed' : words(error ?? 'refused'),
      short: 'refused',
    },
    failed: { long: cleanForTerminal(fault ?? words(error ?? 'failed')), short: 'failed' },
  }
  return remarks[record.outcome]
}

function words(code: string): string {
  return cleanForTerminal(code.replaceAll('_', ' '))
}

function paintStatus(record: UsageRecord, paint: ChalkInstance): Cell['paint'] {
  if (record.outcome === 'truncated' || record.status >= 500) return paint.red
  if (record.status === 499) return paint.magenta
  return record.status >= 400 ? paint.yellow : paint.green
}

interface Piece extends Cell {
  /** Spaces after it. */
  readonly gap: number
}

/** The pieces in a row. Where even the least widths are too wide the row is cut, without colour. */
function joinWithin(columns: number, pieces: readonly Piece[]): string {
  const bare = pieces
    .map(({ text, gap }) => text + ' '.repeat(gap))
    .join('')
    .trimEnd()
  if (displayWidth(bare) > columns) return cutEnd(bare, columns)
  return pieces
    .map(({ text, paint, gap }, index) => {
      const last = pieces.slice(index + 1).every((later) => later.text.trim() === '')
      const shown = last ? text.trimEnd() : text
      return (shown.trim() === '' ? shown : paint(shown)) + (last ? '' : ' '.repeat(gap))
    })
    .join('')
    .trimEnd()
}

function plain(text: string): string {
  return text
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
