/**
 * What people type for a time (cli.md §5) → instants. Days, weeks and months are those of the calendar in
 * a time zone; `--until` on one of them covers the whole of it, on an instant it is exclusive.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { nearest } from '../errors/nearest.ts'
import {
  addCalendar,
  daysInMonth,
  fromWall,
  midnight,
  renderClock,
  renderInstant,
  startOf,
  toWall,
  weekday,
} from './zone.ts'
import type { CalendarUnit, Zone } from './zone.ts'

export interface MomentOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly zone: Zone
  /** Which end of a day, week or month is meant. */
  readonly edge: 'since' | 'until'
}

export interface Window {
  /** Inclusive; -Infinity for "from the beginning". */
  readonly sinceMs: number
  /** Exclusive; Infinity for "to the end". */
  readonly untilMs: number
  /** What was asked for, in a few words: `today`, `last 7d`, `whole log`. */
  readonly label: string
}

interface Period {
  readonly startMs: number
  /** Exclusive; the same as the start for an instant. */
  readonly endMs: number
}

const WEEKDAY_NAMES = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const
const UNITS = ['week', 'month', 'year'] as const
/** The words for a time, beside lengths such as 7d and dates. */
export const WORDS = [
  'now',
  'today',
  'yesterday',
  ...UNITS.flatMap((unit) => [`this ${unit}`, `last ${unit}`]),
  ...WEEKDAY_NAMES,
]
const ROLLING_UNITS = new Map([
  ['s', 's'],
  ['sec', 's'],
  ['secs', 's'],
  ['second', 's'],
  ['seconds', 's'],
  ['m', 'm'],
  ['min', 'm'],
  ['mins', 'm'],
  ['minute', 'm'],
  ['minutes', 'm'],
  ['h', 'h'],
  ['hr', 'h'],
  ['hrs', 'h'],
  ['hour', 'h'],
  ['hours', 'h'],
  ['d', 'd'],
  ['day', 'd'],
  ['days', 'd'],
  ['w', 'w'],
  ['wk', 'w'],
  ['week', 'w'],
  ['weeks', 'w'],
  ['mo', 'mo'],
  ['mon', 'mo'],
  ['month', 'mo'],
  ['months', 'mo'],
])
// A day of grace for zones ahead of UTC.
const EARLIEST_MS = -86_400_000
// The end of the year 9999: what a four-digit year can say.
const LATEST_MS = Date.UTC(10_000, 0, 1)
const OUTSIDE = 'is outside the years 1970 to 9999'
const EXAMPLES = 'today, 7d, last month, 2026-11-01 or 2026-11-01T09:30'

/**
 * One `--since` or `--until`, milliseconds since the epoch. A time without zone is in `zone`. Throws
 * ProxyError `usage_wrong` with the value and the nearest valid form.
 */
export function parseMoment(text: string, options: MomentOptions): number {
  const period = parsePeriod(text, options)
  return options.edge === 'until' ? period.endMs : period.startMs
}

/**
 * The window of a report. Without `since` it begins with the log, without `until` it has no end. Throws
 * ProxyError `usage_wrong` for what is no time, and for a window that ends before it begins.
 */
export function resolveWindow(
  since: string | undefined,
  until: string | undefined,
  options: { readonly now: number; readonly zone: Zone },
): Window {
  const sinceMs =
    since === undefined ? -Infinity : parseMoment(since, { ...options, edge: 'since' })
  const untilMs = until === undefined ? Infinity : parseMoment(until, { ...options, edge: 'until' })
  if (sinceMs >= untilMs) {
    const begin = renderInstant(sinceMs, options.zone, true)
    const end = renderInstant(untilMs, options.zone, true)
    throw new ProxyError(
      'usage_wrong',
      `The window ends before it begins: --since ${since} is ${begin}, --until ${until} is ${end}.`,
      { hint: 'Swap them, or leave --until away to go up to now.' },
    )
  }
  return { sinceMs, untilMs, label: renderLabel(since, until) }
}

/**
 * How a valid `--since` or `--until` goes on with time: `today` means another day every day, `24h` reaches
 * less far back every moment; a date, a time of day and `now` are said once and stay.
 */
export function movementOf(text: string): 'still' | 'daily' | 'rolling' {
  const plain = readable(text)
  if (plain === 'now') return 'still'
  if (readRolling(plain) !== undefined) return 'rolling'
  return /^[a-z]/.test(plain) ? 'daily' : 'still'
}

/**
 * The window's two ends for a person, as `Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)`. An open
 * beginning is that of the log, `earliestMs`; an open end is now.
 */
export function renderWindow(
  window: Window,
  earliestMs: number | undefined,
  options: { readonly now: number; readonly zone: Zone },
): string {
  const { now, zone } = options
  const fromMs = Number.isFinite(window.sinceMs) ? window.sinceMs : earliestMs
  const toMs = Number.isFinite(window.untilMs) ? window.untilMs : now
  // Under an hour the seconds matter.
  const seconds = fromMs !== undefined && toMs - fromMs < 3_600_000
  const from = fromMs === undefined ? 'the beginning' : renderInstant(fromMs, zone, seconds)
  const to =
    toMs === now ? `now ${renderClock(now, zone, seconds)}` : renderInstant(toMs, zone, seconds)
  return `${from} → ${to} (${zone.name})`
}

function renderLabel(since: string | undefined, until: string | undefined): string {
  const from = since === undefined ? undefined : readable(since)
  const to = until === undefined ? undefined : readable(until)
  if (from === undefined) return to === undefined ? 'whole log' : `until ${to}`
  if (to !== undefined) return from === to ? from : `${from} to ${to}`
  if (from === 'today' || from.startsWith('this ')) return from
  return readRolling(from) === undefined ? `since ${from}` : `last ${from}`
}

function readable(text: string): string {
  const plain = text.trim().toLowerCase()
  return /^[a-z]/.test(plain) ? plain.replace(/[\s_-]+/g, ' ') : plain
}

function parsePeriod(original: string, options: MomentOptions): Period {
  const text = original.trim().toLowerCase()
  const period =
    readWords(text, options) ??
    readAgo(text, options) ??
    readDate(text, options, original) ??
    readClock(text, options) ??
    readEpoch(text)
  if (period === undefined) throw wrong(original, options, suggest(text, options))
  if (!(period.startMs >= EARLIEST_MS && period.endMs <= LATEST_MS)) {
    throw wrong(original, options, undefined, OUTSIDE)
  }
  return period
}

function instant(atMs: number): Period {
  return { startMs: atMs, endMs: atMs }
}

function calendar(unit: CalendarUnit, atMs: number, zone: Zone, steps: number): Period {
  return {
    startMs: startOf(unit, atMs, zone, steps),
    endMs: startOf(unit, atMs, zone, steps + 1),
  }
}

function readWords(text: string, { now, zone }: MomentOptions): Period | undefined {
  // `last-week` needs no quotes in a shell.
  const words = text.replace(/[\s_-]+/g, ' ')
  if (words === 'now') return instant(now)
  if (words === 'today') return calendar('day', now, zone, 0)
  if (words === 'yesterday') return calendar('day', now, zone, -1)
  for (const unit of UNITS) {
    if (words === `this ${unit}`) return calendar(unit, now, zone, 0)
    if (words === `last ${unit}`) return calendar(unit, now, zone, -1)
  }
  const [, last, name = ''] = /^(last )?([a-z]{3,})$/.exec(words) ?? []
  const wanted = name === '' ? -1 : WEEKDAY_NAMES.findIndex((full) => full.startsWith(name))
  if (wanted === -1) return undefined
  // The most recent one, today included; with `last`, the one before today.
  const { year, month, day } = toWall(now, zone)
  const back = (weekday(year, month, day) - wanted + 7) % 7
  return calendar('day', now, zone, last !== undefined && back === 0 ? -7 : -back)
}

/** Months, days and milliseconds of `1h30m`; `undefined` for what is none. */
function readRolling(text: string): { months: number; days: number; ms: number } | undefined {
  if (!/^(?:\d{1,9}(?:mo|[smhdw]) ?)+$/.test(text)) return undefined
  const sum = { months: 0, days: 0, ms: 0 }
  for (const [, digits, unit] of text.matchAll(/(\d+)(mo|[smhdw])/g)) {
    const amount = Number(digits)
    if (unit === 'mo') sum.months += amount
    else if (unit === 'w') sum.days += 7 * amount
    else if (unit === 'd') sum.days += amount
    else sum.ms += amount * (unit === 'h' ? 3_600_000 : unit === 'm' ? 60_000 : 1000)
  }
  return sum
}

function readAgo(text: string, { now, zone }: MomentOptions): Period | undefined {
  const back = readRolling(text)
  if (back === undefined) return undefined
  if (back.months > 20_000 || back.days > 600_000 || back.ms > LATEST_MS) return instant(-Infinity)
  // Days and months are the calendar's (the same time on the wall), hours and less are elapsed time.
  const calendarDay =
    back.months === 0 && back.days === 0 ? now : addCalendar(now, -back.months, -back.days, zone)
  return instant(calendarDay - back.ms)
}

const DATE =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[t ](\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s*(z|utc|[+-]\d{2}(?::?\d{2})?)?)?$/
const MONTH = /^(\d{4})-(\d{2})$/

function readDate(text: string, options: MomentOptions, original: string): Period | undefined {
  const { zone } = options
  const month = MONTH.exec(text)
  if (month !== null) {
    const [year, number] = [Number(month[1]), Number(month[2])]
    refuseOldYear(year, options, original)
    if (daysInMonth(year, number) === 0) {
      throw wrong(original, options, `${month[1]}-12`, 'has no such month')
    }
    return { startMs: midnight(year, number, 1, zone), endMs: midnight(year, number + 1, 1, zone) }
  }
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [, y = '', mo = '', d = '', h, mi, s = '0', fraction = '0', offset] = match
  const [year, number, day] = [Number(y), Number(mo), Number(d)]
  refuseOldYear(year, options, original)
  const days = daysInMonth(year, number)
  if (days === 0) throw wrong(original, options, `${y}-12-${d}`, 'has no such month')
  if (day < 1 || day > days) {
    const close = `${y}-${mo}-${String(Math.min(Math.max(day, 1), days)).padStart(2, '0')}`
    throw wrong(original, options, close, `is no day: that month has ${days}`)
  }
  if (h === undefined || mi === undefined) {
    return {
      startMs: midnight(year, number, day, zone),
      endMs: midnight(year, number, day + 1, zone),
    }
  }
  const [hour, minute, second] = [Number(h), Number(mi), Number(s)]
  if (hour > 23 || minute > 59 || second > 59) {
    throw wrong(original, options, `${y}-${mo}-${d}T23:59`, 'is no time of day')
  }
  const milli = Math.floor(Number(`0.${fraction}`) * 1000)
  if (offset === undefined) {
    const wall = { year, month: number, day, hour, minute, second, milli }
    return instant(fromWall(wall, zone))
  }
  return instant(
    Date.UTC(year, number - 1, day, hour, minute, second, milli) - readOffset(offset) * 60_000,
  )
}

// Date.UTC takes the years 0 to 99 for 1900 to 1999, so they must not come that far.
function refuseOldYear(year: number, options: MomentOptions, original: string): void {
  if (year < 1970) throw wrong(original, options, undefined, OUTSIDE)
}

/** Minutes ahead of UTC. */
function readOffset(offset: string): number {
  if (offset === 'z' || offset === 'utc') return 0
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3).replace(':', '') || 0)
  return offset.startsWith('-') ? -minutes : minutes
}

function readClock(text: string, { now, zone }: MomentOptions): Period | undefined {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text)
  if (match === null) return undefined
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return instant(fromWall({ ...toWall(now, zone), hour, minute, second, milli: 0 }, zone))
}

function readEpoch(text: string): Period | undefined {
  const match = /^@(\d{1,12}(?:\.\d{1,3})?)$/.exec(text)
  return match === null ? undefined : instant(Math.round(Number(match[1]) * 1000))
}

/** The nearest valid form of what is none, where one can be guessed. */
function suggest(text: string, { now }: MomentOptions): string | undefined {
  const spaced = text.replace(/[\s_-]+/g, ' ').trim()
  // 7 days, 90 min, -7d, 7d ago, 1 year
  const amount = /^-?(\d{1,4}) ?([a-z]+?)s?(?: ago)?$/.exec(spaced.replace(/^(?:last|past) /, ''))
  if (amount !== null) {
    const [, count = '', unit = ''] = amount
    if (unit === 'y' || unit === 'yr' || unit === 'year') return `${Number(count) * 12}mo`
    const known =
      ROLLING_UNITS.get(unit) ?? ROLLING_UNITS.get(nearest(unit, ROLLING_UNITS.keys()) ?? '')
    if (known !== undefined) return `${count}${known}`
  }
  if (/^\d{10}$/.test(text)) return `@${text}`
  if (/^@?\d{13}$/.test(text)) return `@${text.replace('@', '').slice(0, 10)}`
  if (/^\d{6}$/.test(text)) return `${text.slice(0, 4)}-${text.slice(4)}`
  if (/^\d{4}$/.test(text)) {
    return Number(text) === new Date(now).getUTCFullYear() ? 'this year' : `${text}-01`
  }
  // 22/11/2026, 22.11.2026, 2026/11/22
  const slashed = /^(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})$/.exec(text)
  if (slashed !== null) {
    const [, a = '', b = '', c = ''] = slashed
    if (a.length === 4) return `${a}-${pad(b)}-${pad(c)}`
    if (c.length !== 4) return undefined
    // Day first, unless that cannot be.
    return Number(b) > 12 ? `${c}-${pad(a)}-${pad(b)}` : `${c}-${pad(b)}-${pad(a)}`
  }
  if (/^\d{1,2}:\d{2}/.test(text)) return '23:59'
  return nearest(spaced, WORDS)
}

function pad(part: string): string {
  return part.padStart(2, '0')
}

function wrong(
  value: string,
  { edge }: MomentOptions,
  close: string | undefined,
  reason = 'is not a time',
): ProxyError {
  const quoted = close !== undefined && /\s/.test(close) ? `"${close}"` : close
  return new ProxyError('usage_wrong', `--${edge} "${value}" ${reason}.`, {
    hint: quoted === undefined ? `Write it as ${EXAMPLES}.` : `aiproxy usage --${edge} ${quoted}`,
  })
}
