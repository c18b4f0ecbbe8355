/**
 * The request lines of `serve` on a terminal: one per finished request, one per failover, aligned, and
 * never wider than the terminal. Names are cut in the middle; numbers never (cli.md §2).
 */
import type { ChalkInstance } from 'chalk'
import type { UsageRecord } from '../usage/record.ts'
import type { FailoverEvent } from './ask-view.ts'
import { cutEnd, padEnd } from './fit.ts'
import { createBrush } from './paint.ts'
import type { Brush } from './paint.ts'
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

/** Renders lines of one style; remembers what it rendered lately, since the same few names come again. */
export interface RequestLines {
  readonly style: LineStyle
  /** One finished request. `at` is when it finished; `costUsd` is `undefined` where no price is known. */
  request(this: void, record: UsageRecord, at: number, costUsd: number | undefined): string
  /** A target failed and another is tried: `… gpt-5   openai 401 credential  ↪ claude-sonnet-4-20250514`. */
  failover(this: void, event: FailoverEvent, at: number): string
}

// From here on there is room for a column of remarks (`ttft 0.4s`, `client left`).
const WIDE_COLUMNS = 96
const CLOCK_COLUMNS = 8
const ID_COLUMNS = 4
const STATUS_COLUMNS = 3
const DURATION_COLUMNS = 5
const REMARK_COLUMNS = 12
// With the mark of an estimate behind it.
const TOKENS_COLUMNS = 12
const COST_COLUMNS = 8
const MODEL_COLUMNS = { least: 8, most: 44 }
const USER_COLUMNS = { least: 6, most: 14 }
const FAULT_COLUMNS = 40
// Names are a caller's to choose: no more of them are remembered than a config would have.
const REMEMBERED_NAMES = 1000

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

/** A renderer of request lines in that style. */
export function createRequestLines(style: LineStyle): RequestLines {
  const { paint, columns, userColumns } = style
  const wide = columns >= WIDE_COLUMNS
  const brushes = {
    plain: (text: string) => text,
    dim: createBrush(paint.dim),
    red: createBrush(paint.red),
    loud: createBrush(paint.red.bold),
    yellow: createBrush(paint.yellow),
    green: createBrush(paint.green),
    magenta: createBrush(paint.magenta),
  }
  const startColumns = CLOCK_COLUMNS + ID_COLUMNS + userColumns + 3
  const names = createMemory()
  let clockSecond = NaN
  let clock = ''

  function begin(row: Row, id: string, user: string | undefined, at: number): void {
    const second = Math.floor(at / 1000)
    if (second !== clockSecond) {
      clockSecond = second
      clock = renderClock(at)
    }
    row.put(clock, CLOCK_COLUMNS, 1, brushes.dim)
    row.put(padEnd(cutMiddle(shortId(id), ID_COLUMNS), ID_COLUMNS), ID_COLUMNS, 1, brushes.dim)
    const name = user ?? '–'
    const shown = names.recall(name, '', () =>
      padEnd(cutMiddle(cleanForTerminal(name), userColumns), userColumns),
    )
    row.put(shown, userColumns, 1, brushes.plain)
  }

  return {
    style,

    request(record, at, costUsd) {
      const status = String(record.status).padEnd(STATUS_COLUMNS)
      const duration = renderDuration(record.ms).padEnd(DURATION_COLUMNS)
      const tokens = tokensOf(record)
      const ok = record.outcome === 'ok'
      const cost = costOf(record, tokens, costUsd, wide)
      const counted = tokens !== ''
      // Nothing was counted, so the remark may take the counts' place, and an absent price's.
      const remarkRoom = counted
        ? wide
          ? REMARK_COLUMNS
          : 0
        : TOKENS_COLUMNS + (wide ? REMARK_COLUMNS + 2 : 0) + (cost === '' ? COST_COLUMNS + 2 : 0)
      const remark = remarkRoom === 0 ? '' : fitRemark(remarksOf(record), remarkRoom)

      const tokensRoom = counted ? Math.max(TOKENS_COLUMNS, tokens.length) : 0
      const endColumns =
        status.length + 2 + duration.length + 2 + gapped(remarkRoom) + gapped(tokensRoom)
      // Without a price its column, and the gap before it, is the remark's.
      const costColumns = !counted && cost === '' ? -2 : Math.max(COST_COLUMNS, cost.length)
      const room = columns - startColumns - 2 - endColumns - costColumns
      const modelColumns = Math.min(MODEL_COLUMNS.most, Math.max(MODEL_COLUMNS.least, room))
      const asked = record.model ?? '–'
      const served = record.served_model ?? asked
      const model = names.recall(asked, `${modelColumns} ${served}`, () =>
        renderModel(asked, served, modelColumns),
      )

      const row = createRow()
      begin(row, record.id, record.user, at)
      row.put(model, modelColumns, 2, brushes.plain)
      row.put(status, status.length, 2, statusBrush(record, brushes))
      row.put(duration, duration.length, 2, brushes.plain)
      if (remarkRoom > 0) row.put(remark, remarkRoom, 2, ok ? brushes.dim : brushes.yellow)
      if (counted) row.put(tokens.padStart(tokensRoom), tokensRoom, 2, brushes.plain)
      const loud = record.mock === true || (!wide && !ok)
      row.put(cost, cost.length, 0, loud ? brushes.yellow : brushes.dim)
      return row.finish(columns)
    },

    failover({ id, user, failed, next }, at) {
      const facts = [failed.provider, failed.status, failed.class]
      const fault = cutMiddle(
        cleanForTerminal(facts.filter((fact) => fact !== undefined).join(' ')),
        FAULT_COLUMNS,
      )
      const faultColumns = displayWidth(fault)
      const [model, other] = cutPair(
        cleanForTerminal(failed.model),
        cleanForTerminal(next),
        Math.max(2 * MODEL_COLUMNS.least, columns - startColumns - faultColumns - 7),
      )
      const row = createRow()
      begin(row, id, user, at)
      row.put(model, displayWidth(model), 3, brushes.plain)
      // A key that is refused or missing is the operator's to mend, and must not hide (design §5).
      const brush = failed.class === 'credential' ? brushes.loud : brushes.yellow
      row.put(fault, faultColumns, 2, brush)
      row.put(`↪ ${other}`, displayWidth(other) + 2, 0, brushes.plain)
      return row.finish(columns)
    },
  }
}

// ── cells ───────────────────────────────────────────────────────────────────────────────────────

interface Row {
  /** A cell of clean text, `width` columns wide with its padding, and the gap behind it. */
  put(text: string, width: number, gap: number, brush: Brush): void
  /** The row without trailing spaces. Where even the least widths are too wide it is cut, without colour. */
  finish(columns: number): string
}

function createRow(): Row {
  let line = ''
  let bare = ''
  let width = 0
  let inkWidth = 0
  let owed = 0
  return {
    put(text, columns, gap, brush) {
      const ink = text.trimEnd()
      if (ink === '') {
        owed += columns + gap
        width += columns + gap
        return
      }
      const spaces = ' '.repeat(owed)
      line += spaces + brush(ink)
      bare += spaces + ink
      const trailing = text.length - ink.length
      inkWidth = width + columns - trailing
      width += columns + gap
      owed = trailing + gap
    },
    finish(columns) {
      return inkWidth > columns ? cutEnd(bare, columns) : line
    },
  }
}

/** What was made of a name before. */
interface Memory {
  recall(name: string, form: string, render: () => string): string
}

function createMemory(): Memory {
  const known = new Map<string, Map<string, string>>()
  let count = 0
  return {
    recall(name, form, render) {
      let forms = known.get(name)
      const before = forms?.get(form)
      if (before !== undefined) return before
      if (count >= REMEMBERED_NAMES) {
        known.clear()
        count = 0
        forms = undefined
      }
      if (forms === undefined) {
        forms = new Map()
        known.set(name, forms)
      }
      const text = render()
      forms.set(form, text)
      count++
      return text
    },
  }
}

/** A cell with the gap behind it; a cell that is not there has none. */
function gapped(columns: number): number {
  return columns === 0 ? 0 : columns + 2
}

/** Who was asked, and who answered instead. */
function renderModel(asked: string, served: string, room: number): string {
  const [from, to] = [cleanForTerminal(asked), cleanForTerminal(served)]
  if (from === to) return padEnd(cutMiddle(from, room), room)
  const [first, second] = cutPair(from, to, room - 3)
  return padEnd(`${first} ↪ ${second}`, room)
}

/** Both in `columns` together: the longer gives way first. */
function cutPair(first: string, second: string, columns: number): [string, string] {
  const [a, b] = [displayWidth(first), displayWidth(second)]
  if (a + b <= columns) return [first, second]
  const half = Math.floor(columns / 2)
  const forFirst = a <= half ? a : b <= columns - half ? columns - b : half
  return [cutMiddle(first, forFirst), cutMiddle(second, columns - forFirst)]
}

/** `812+214 `; the mark of an estimate stands beside the digits, which stay below each other. */
function tokensOf(record: UsageRecord): string {
  const { prompt_tokens: prompt, completion_tokens: completion } = record
  if (prompt === undefined && completion === undefined) return ''
  const mark = record.estimated === true ? '~' : ' '
  return `${countOrUnknown(prompt)}+${countOrUnknown(completion)}${mark}`
}

function countOrUnknown(tokens: number | undefined): string {
  return tokens === undefined ? '?' : renderCount(tokens)
}

/** The last column: what it cost, `–` where nobody knows; a mock is said as such. */
function costOf(
  record: UsageRecord,
  tokens: string,
  costUsd: number | undefined,
  wide: boolean,
): string {
  const short = wide || tokens === '' ? '' : SHORT_REMARKS[record.outcome]
  // That it was left stands in its status; that it was cut nowhere else.
  if (record.mock === true)
    return record.outcome === 'truncated' && short !== '' ? 'mock cut' : 'mock'
  if (short !== '') return short
  const answered = tokens !== '' || record.outcome === 'ok'
  if (costUsd === undefined) return answered ? '–' : ''
  // What no model answered cost nothing, which needs no saying.
  return answered || costUsd > 0 ? renderCost(costUsd) : ''
}

// Where the counts leave little room.
const SHORT_REMARKS: Readonly<Record<UsageRecord['outcome'], string>> = {
  ok: '',
  aborted: 'left',
  truncated: 'cut',
  refused: 'refused',
  failed: 'failed',
}

/** What there is to say, the longer first. */
function remarksOf(record: UsageRecord): readonly string[] {
  const { outcome, ttft_ms: ttftMs, error } = record
  switch (outcome) {
    case 'ok':
      return ttftMs === undefined ? [] : [`ttft ${renderDuration(ttftMs)}`]
    case 'aborted':
      return ['client left']
    case 'truncated':
      return ['cut short']
    case 'refused':
      return [error === 'model_not_found' ? 'not allowed' : words(error ?? outcome)]
    case 'failed': {
      const last = record.attempts?.at(-1)
      const fault = last?.class
      if (last === undefined || fault === undefined) return [words(error ?? outcome)]
      return [cleanForTerminal(`${last.provider} ${fault}`), cleanForTerminal(fault)]
    }
  }
}

/** The longest that fits, and if none does the shortest, cut. */
function fitRemark(remarks: readonly string[], room: number): string {
  const fitting = remarks.find((remark) => displayWidth(remark) <= room)
  return padEnd(fitting ?? cutEnd(remarks.at(-1) ?? '', room), room)
}

function words(code: string): string {
  return cleanForTerminal(code.replaceAll('_', ' '))
}

function statusBrush(
  { outcome, status }: UsageRecord,
  brushes: Readonly<Record<'red' | 'magenta' | 'yellow' | 'green', Brush>>,
): Brush {
  if (outcome === 'truncated' || status >= 500) return brushes.red
  if (status === 499) return brushes.magenta
  return status >= 400 ? brushes.yellow : brushes.green
}
