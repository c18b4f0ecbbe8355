/**
 * Calendar arithmetic in a time zone, by way of Intl and no library. A day is a calendar day: 23 or 25
 * hours long where the clocks change, and it begins at its first instant even where midnight is skipped.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { nearest } from '../errors/nearest.ts'
import { localZoneName } from './local-zone.ts'

export interface Zone {
  /** IANA name. */
  readonly name: string
  /** What local clocks are ahead of UTC at an instant, milliseconds. */
  offsetMs(atMs: number): number
}

/** What a clock and a calendar on the wall show. Months count from 1. */
export interface WallTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly milli: number
}

export type CalendarUnit = 'day' | 'week' | 'month' | 'year'

const DAY_MS = 86_400_000
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/**
 * The zone called `name`: IANA, `UTC`, or `local` for this machine's own. Throws ProxyError `usage_wrong`
 * with the nearest zone for a name Intl does not know.
 */
export function resolveZone(name: string): Zone {
  const wanted = name.toLowerCase()
  if (wanted === 'utc') return UTC
  if (wanted === 'local') {
    const local = localZoneName()
    return local === 'UTC' ? UTC : { name: local, offsetMs: localOffsetMs }
  }
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    const close = nearest(name, Intl.supportedValuesOf('timeZone'))
    throw new ProxyError('usage_wrong', `There is no time zone "${name}".`, {
      hint:
        close === undefined
          ? 'Give an IANA name, `local` or `UTC`.'
          : `aiproxy usage --tz ${close}`,
    })
  }
  const resolved = format.resolvedOptions().timeZone
  if (resolved === 'UTC') return UTC
  return {
    name: resolved,
    offsetMs(atMs) {
      const whole = Math.floor(atMs / 1000) * 1000
      let year = 0
      let month = 1
      let day = 1
      let hour = 0
      let minute = 0
      let second = 0
      for (const { type, value } of format.formatToParts(whole)) {
        if (type === 'year') year = Number(value)
        else if (type === 'month') month = Number(value)
        else if (type === 'day') day = Number(value)
        else if (type === 'hour') hour = Number(value)
        else if (type === 'minute') minute = Number(value)
        else if (type === 'second') second = Number(value)
      }
      return Date.UTC(year, month - 1, day, hour, minute, second) - whole
    },
  }
}

const UTC: Zone = { name: 'UTC', offsetMs: () => 0 }

function localOffsetMs(atMs: number): number {
  const whole = Math.floor(atMs / 1000) * 1000
  // By its fields: getTimezoneOffset() has no seconds, and zones of old had.
  const at = new Date(whole)
  const shown = Date.UTC(
    at.getFullYear(),
    at.getMonth(),
    at.getDate(),
    at.getHours(),
    at.getMinutes(),
    at.getSeconds(),
  )
  return shown - whole
}

/** What the wall shows at an instant. */
export function toWall(atMs: number, zone: Zone): WallTime {
  const local = new Date(atMs + zone.offsetMs(atMs))
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    milli: local.getUTCMilliseconds(),
  }
}

/**
 * The instant at which the wall shows this. A time that comes twice (clocks put back) is the first of
 * the two; a time that is skipped (clocks put forward) is the instant of the change. Days and months
 * outside their range carry over, as in Date.UTC.
 */
export function fromWall(wall: WallTime, zone: Zone): number {
  const asUtc = Date.UTC(
    wall.year,
    wall.month - 1,
    wall.day,
    wall.hour,
    wall.minute,
    wall.second,
    wall.milli,
  )
  // No zone is further than 14 hours from UTC, so a day to either side is before and after any change.
  const before = asUtc - zone.offsetMs(asUtc - DAY_MS)
  const after = asUtc - zone.offsetMs(asUtc + DAY_MS)
  const fits = [before, after].filter((atMs) => atMs + zone.offsetMs(atMs) === asUtc)
  if (fits.length > 0) return Math.min(...fits)
  // Skipped: look for the change between the two.
  let low = Math.min(before, after)
  let high = Math.max(before, after)
  const lowOffset = zone.offsetMs(low)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offsetMs(middle) === lowOffset) low = middle
    else high = middle
  }
  return high
}

/** The first instant of the calendar unit that `atMs` is in, `steps` units later. Weeks begin on Monday. */
export function startOf(unit: CalendarUnit, atMs: number, zone: Zone, steps = 0): number {
  const { year, month, day } = toWall(atMs, zone)
  const starts: Record<CalendarUnit, () => number> = {
    day: () => midnight(year, month, day + steps, zone),
    week: () => midnight(year, month, day - weekday(year, month, day) + 7 * steps, zone),
    month: () => midnight(year, month + steps, 1, zone),
    year: () => midnight(year + steps, 1, 1, zone),
  }
  return starts[unit]()
}

/** The first instant of a calendar day. */
export function midnight(year: number, month: number, day: number, zone: Zone): number {
  return fromWall({ year, month, day, hour: 0, minute: 0, second: 0, milli: 0 }, zone)
}

/** Days in a month; 0 for a month that does not exist. */
export function daysInMonth(year: number, month: number): number {
  return month >= 1 && month <= 12 ? new Date(Date.UTC(year, month, 0)).getUTCDate() : 0
}

/**
 * The same wall time so many months and days earlier or later; a day the month does not have becomes its
 * last (31 March less one month is 28 or 29 February).
 */
export function addCalendar(atMs: number, months: number, days: number, zone: Zone): number {
  const wall = toWall(atMs, zone)
  const first = new Date(Date.UTC(wall.year, wall.month - 1 + months, 1))
  const year = first.getUTCFullYear()
  const month = first.getUTCMonth() + 1
  const day = Math.min(wall.day, daysInMonth(year, month)) + days
  return fromWall({ ...wall, year, month, day }, zone)
}

/** 0 for Monday to 6 for Sunday. */
export function weekday(year: number, month: number, day: number): number {
  return (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7
}

/** `Sun 22 Nov 2026 00:00`, in the zone; seconds only where asked for. */
export function renderInstant(atMs: number, zone: Zone, seconds = false): string {
  const wall = toWall(atMs, zone)
  const name = WEEKDAYS[weekday(wall.year, wall.month, wall.day)] ?? ''
  const month = MONTHS[wall.month - 1] ?? ''
  return `${name} ${wall.day} ${month} ${wall.year} ${renderClock(atMs, zone, seconds)}`
}

/** `15:12`, in the zone. */
export function renderClock(atMs: number, zone: Zone, seconds = false): string {
  const { hour, minute, second } = toWall(atMs, zone)
  const clock = `${pad(hour)}:${pad(minute)}`
  return seconds ? `${clock}:${pad(second)}` : clock
}

/**
 * The calendar hour, day, week or month an instant is in, as a label that sorts by time:
 * `2026-11-22T15:00+01:00`, `2026-11-22`, `2026-W47` (ISO 8601), `2026-11`.
 */
export function renderBucket(
  unit: 'hour' | 'day' | 'week' | 'month',
  atMs: number,
  zone: Zone,
): string {
  const { year, month, day, hour } = toWall(atMs, zone)
  const monthLabel = `${year}-${pad(month)}`
  const labels: Record<typeof unit, () => string> = {
    month: () => monthLabel,
    week: () => renderWeek(year, month, day),
    day: () => `${monthLabel}-${pad(day)}`,
    // With its offset: where clocks are put back the same hour comes twice.
    hour: () => `${monthLabel}-${pad(day)}T${pad(hour)}:00${renderOffset(zone.offsetMs(atMs))}`,
  }
  return labels[unit]()
}

function renderWeek(year: number, month: number, day: number): string {
  // The year of a week is that of its Thursday.
  const thursday = new Date(Date.UTC(year, month - 1, day - weekday(year, month, day) + 3))
  const weekYear = thursday.getUTCFullYear()
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(weekYear, 0, 1)) / (7 * DAY_MS))
  return `${weekYear}-W${pad(week)}`
}

function renderOffset(offsetMs: number): string {
  const minutes = Math.round(Math.abs(offsetMs) / 60_000)
  return `${offsetMs < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
