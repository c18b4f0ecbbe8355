/**
 * Moments as the log writes them, RFC 3339 in UTC with milliseconds: what `toISOString` and `Date.parse`
 * say, by arithmetic. Both cost more than the rest of a line: the one formats by printf, the other reads
 * whatever anybody ever called a date. Years begin on 1 March here, so that a leap day is the last of its
 * year, and go by eras of 400, which all have the same days.
 */

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const SECOND_MS = 1000
const ERA_YEARS = 400
const ERA_DAYS = 146_097
/** From 1 March of the year 0 to 1 January 1970. */
const EPOCH_DAYS = 719_468
/** From here on a year has six digits. */
const YEAR_10000_MS = 253_402_300_800_000

const LENGTH = 24
const DASH = 0x2d
const POINT = 0x2e
const ZERO = 0x30
const COLON = 0x3a
const T = 0x54
const Z = 0x5a

/** `new Date(ms).toISOString()`. Throws RangeError as that does, where there is no such moment. */
export function isoOf(ms: number): string {
  if (!(ms >= 0 && ms < YEAR_10000_MS)) return new Date(ms).toISOString()
  const wholeMs = Math.floor(ms)
  const days = Math.floor(wholeMs / DAY_MS) + EPOCH_DAYS
  const era = Math.floor(days / ERA_DAYS)
  const dayOfEra = days - era * ERA_DAYS
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - daysOfYears(yearOfEra)
  // 31 and 30 days by turns, with a second 31 every fifth month: 153 days each time round.
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - daysOfMonths(fromMarch) + 1
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const year = era * ERA_YEARS + yearOfEra + (month < 3 ? 1 : 0)

  const timeMs = wholeMs % DAY_MS
  const hour = Math.floor(timeMs / HOUR_MS)
  const minute = Math.floor(timeMs / MINUTE_MS) % 60
  const second = Math.floor(timeMs / SECOND_MS) % 60
  const milli = timeMs % SECOND_MS
  // prettier-ignore
  return String.fromCharCode(
    digit(year, 1000), digit(year, 100), digit(year, 10), digit(year, 1), DASH,
    digit(month, 10), digit(month, 1), DASH, digit(day, 10), digit(day, 1), T,
    digit(hour, 10), digit(hour, 1), COLON, digit(minute, 10), digit(minute, 1), COLON,
    digit(second, 10), digit(second, 1), POINT,
    digit(milli, 100), digit(milli, 10), digit(milli, 1), Z,
  )
}

/** `Date.parse(timestamp)`, quick for what `isoOf` writes. */
export function msOfIso(timestamp: string): number {
  const year = twoDigits(timestamp, 0) * 100 + twoDigits(timestamp, 2)
  const month = twoDigits(timestamp, 5)
  const day = twoDigits(timestamp, 8)
  const hour = twoDigits(timestamp, 11)
  const minute = twoDigits(timestamp, 14)
  const second = twoDigits(timestamp, 17)
  const centi = twoDigits(timestamp, 20)
  const milliInDeci = twoDigits(timestamp, 21)
  const isOurs =
    timestamp.length === LENGTH &&
    timestamp.charCodeAt(4) === DASH &&
    timestamp.charCodeAt(7) === DASH &&
    timestamp.charCodeAt(10) === T &&
    timestamp.charCodeAt(13) === COLON &&
    timestamp.charCodeAt(16) === COLON &&
    timestamp.charCodeAt(19) === POINT &&
    timestamp.charCodeAt(23) === Z &&
    year >= 0 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    // What 31 June may mean is for Date to say.
    day <= 28 + (month === 2 ? 0 : 2) &&
    hour >= 0 &&
    hour < 24 &&
    minute >= 0 &&
    minute < 60 &&
    second >= 0 &&
    second < 60 &&
    centi >= 0 &&
    milliInDeci >= 0
  if (!isOurs) return Date.parse(timestamp)
  const yearFromMarch = month < 3 ? year - 1 : year
  const era = Math.floor(yearFromMarch / ERA_YEARS)
  const dayOfYear = daysOfMonths(month < 3 ? month + 9 : month - 3) + day - 1
  const days =
    era * ERA_DAYS + daysOfYears(yearFromMarch - era * ERA_YEARS) + dayOfYear - EPOCH_DAYS
  return (
    days * DAY_MS +
    hour * HOUR_MS +
    minute * MINUTE_MS +
    second * SECOND_MS +
    centi * 10 +
    (milliInDeci % 10)
  )
}

/** Days of so many years from the beginning of an era. */
function daysOfYears(years: number): number {
  return 365 * years + Math.floor(years / 4) - Math.floor(years / 100)
}

/** Days of so many months from the beginning of March. */
function daysOfMonths(months: number): number {
  return Math.floor((153 * months + 2) / 5)
}

/** The code of the digit that stands for `place` (1, 10, …). */
function digit(number: number, place: number): number {
  return ZERO + (Math.floor(number / place) % 10)
}

/** Below zero by far where one of the two is no digit. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - ZERO
  const units = text.charCodeAt(at + 1) - ZERO
  return tens >= 0 && tens <= 9 && units >= 0 && units <= 9 ? tens * 10 + units : -10_000
}
