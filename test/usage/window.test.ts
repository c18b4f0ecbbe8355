import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { movementOf, parseMoment, renderWindow, resolveWindow } from '../../src/usage/window.ts'
import { fromWall, renderBucket, resolveZone, startOf } from '../../src/usage/zone.ts'

const LONDON = resolveZone('Europe/London')
// Sunday 22 November 2026, 15:12:11 in London.
const NOW = Date.UTC(2026, 10, 22, 15, 12, 11)

/** `[text, since, until]`, both as ISO in UTC; one instant for both where they are the same. */
type Row = readonly [text: string, since: string, until?: string]

function check(rows: readonly Row[], now = NOW, zone = LONDON): void {
  for (const [text, since, until = since] of rows) {
    for (const [edge, expected] of [
      ['since', since],
      ['until', until],
    ] as const) {
      const seen = new Date(parseMoment(text, { now, zone, edge })).toISOString()
      assert.equal(seen, new Date(expected).toISOString(), `${edge} ${text}`)
    }
  }
}

test('words are days, weeks, months and years of the calendar; until covers the whole of them', () => {
  check([
    ['now', '2026-11-22T15:12:11Z'],
    ['today', '2026-11-22T00:00Z', '2026-11-23T00:00Z'],
    ['TODAY', '2026-11-22T00:00Z', '2026-11-23T00:00Z'],
    ['  Today ', '2026-11-22T00:00Z', '2026-11-23T00:00Z'],
    ['yesterday', '2026-11-21T00:00Z', '2026-11-22T00:00Z'],
    ['this week', '2026-11-16T00:00Z', '2026-11-23T00:00Z'],
    ['last week', '2026-11-09T00:00Z', '2026-11-16T00:00Z'],
    ['last-week', '2026-11-09T00:00Z', '2026-11-16T00:00Z'],
    ['this month', '2026-11-01T00:00Z', '2026-12-01T00:00Z'],
    ['last month', '2026-09-30T23:00Z', '2026-11-01T00:00Z'],
    ['this year', '2026-01-01T00:00Z', '2027-01-01T00:00Z'],
    ['last year', '2025-01-01T00:00Z', '2026-01-01T00:00Z'],
  ])
})

test('a weekday is the most recent one, today included; with last, the one before today', () => {
  check([
    ['sunday', '2026-11-22T00:00Z', '2026-11-23T00:00Z'],
    ['Sun', '2026-11-22T00:00Z', '2026-11-23T00:00Z'],
    ['last sunday', '2026-11-15T00:00Z', '2026-11-16T00:00Z'],
    ['monday', '2026-11-16T00:00Z', '2026-11-17T00:00Z'],
    ['last monday', '2026-11-16T00:00Z', '2026-11-17T00:00Z'],
    ['tue', '2026-11-17T00:00Z', '2026-11-18T00:00Z'],
    ['thurs', '2026-11-19T00:00Z', '2026-11-20T00:00Z'],
    ['saturday', '2026-11-21T00:00Z', '2026-11-22T00:00Z'],
  ])
})

test('rolling times are instants: hours are elapsed, days and months are the calendar\u2019s', () => {
  check([
    ['30s', '2026-11-22T15:11:41Z'],
    ['15m', '2026-11-22T14:57:11Z'],
    ['24h', '2026-11-21T15:12:11Z'],
    ['7d', '2026-11-15T15:12:11Z'],
    ['2w', '2026-11-08T15:12:11Z'],
    ['3mo', '2026-08-22T14:12:11Z'],
    ['1h30m', '2026-11-22T13:42:11Z'],
    ['1h 30m', '2026-11-22T13:42:11Z'],
    ['1d12h', '2026-11-21T03:12:11Z'],
    ['15M', '2026-11-22T14:57:11Z'],
    ['3MO', '2026-08-22T14:12:11Z'],
    ['0s', '2026-11-22T15:12:11Z'],
  ])
})

test('dates, months, times of day and epoch seconds', () => {
  check([
    ['2026-11-01', '2026-11-01T00:00Z', '2026-11-02T00:00Z'],
    ['20261101', '2026-11-01T00:00Z', '2026-11-02T00:00Z'],
    ['2026-11', '2026-11-01T00:00Z', '2026-12-01T00:00Z'],
    ['2026-12', '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
    ['2026-07-01', '2026-06-30T23:00Z', '2026-07-01T23:00Z'],
    ['2026-07-01T09:30', '2026-07-01T08:30Z'],
    ['2026-07-01 09:30', '2026-07-01T08:30Z'],
    ['2026-07-01t09:30:15', '2026-07-01T08:30:15Z'],
    ['2026-07-01T09:30:15.25', '2026-07-01T08:30:15.250Z'],
    ['20260701T093015', '2026-07-01T08:30:15Z'],
    ['2026-07-01T09:30Z', '2026-07-01T09:30Z'],
    ['2026-07-01T09:30z', '2026-07-01T09:30Z'],
    ['2026-07-01T09:30+02:00', '2026-07-01T07:30Z'],
    ['2026-07-01T09:30-0530', '2026-07-01T15:00Z'],
    ['2026-07-01T09:30+02', '2026-07-01T07:30Z'],
    ['09:30', '2026-11-22T09:30Z'],
    ['9:30', '2026-11-22T09:30Z'],
    ['23:59:59', '2026-11-22T23:59:59Z'],
    ['@1764000000', '2025-11-24T16:00Z'],
    ['@1764000000.5', '2025-11-24T16:00:00.500Z'],
    ['@0', '1970-01-01T00:00Z'],
    ['2024-02-29', '2024-02-29T00:00Z', '2024-03-01T00:00Z'],
  ])
})

test('month ends: a day the month does not have is its last', () => {
  check([['1mo', '2026-02-28T12:00Z']], Date.UTC(2026, 2, 31, 11))
  check([['1mo', '2024-02-29T12:00Z']], Date.UTC(2024, 2, 29, 12))
  check([['13mo', '2025-02-28T12:00Z']], Date.UTC(2026, 2, 31, 11))
  check([['last month', '2026-02-01T00:00Z', '2026-03-01T00:00Z']], Date.UTC(2026, 2, 31, 11))
  check([['last month', '2025-12-01T00:00Z', '2026-01-01T00:00Z']], Date.UTC(2026, 0, 31, 11))
})

test('a day on which clocks go forward has 23 hours, one on which they go back 25', () => {
  check([
    ['2026-03-29', '2026-03-29T00:00Z', '2026-03-29T23:00Z'],
    ['2026-10-25', '2026-10-24T23:00Z', '2026-10-26T00:00Z'],
    ['2026-03', '2026-03-01T00:00Z', '2026-03-31T23:00Z'],
  ])
  const newYork = resolveZone('America/New_York')
  check(
    [
      ['2026-03-08', '2026-03-08T05:00Z', '2026-03-09T04:00Z'],
      ['2026-11-01', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
      ['today', '2026-11-22T05:00Z', '2026-11-23T05:00Z'],
    ],
    NOW,
    newYork,
  )
})

test('across a clock change a day back is the same time on the wall, 24 hours back is not', () => {
  // Monday after the clocks went back, 12:00 GMT.
  const monday = Date.UTC(2026, 9, 26, 12)
  check(
    [
      ['2d', '2026-10-24T11:00Z'],
      ['48h', '2026-10-24T12:00Z'],
      ['1d1h', '2026-10-25T11:00Z'],
    ],
    monday,
  )
})

test('a wall time that is skipped is the change itself, one that comes twice is the first', () => {
  check([
    ['2026-03-29T01:30', '2026-03-29T01:00Z'],
    ['2026-10-25T01:30', '2026-10-25T00:30Z'],
    ['2026-10-25T02:00', '2026-10-25T02:00Z'],
  ])
})

test('a day without midnight begins at its first instant, a skipped day is empty', () => {
  const saoPaulo = resolveZone('America/Sao_Paulo')
  // Clocks went from 00:00 to 01:00 on 4 November 2018.
  check([['2018-11-04', '2018-11-04T03:00Z', '2018-11-05T02:00Z']], NOW, saoPaulo)
  const apia = resolveZone('Pacific/Apia')
  check([['2011-12-29', '2011-12-29T10:00Z', '2011-12-30T10:00Z']], NOW, apia)
  check([['2011-12-30', '2011-12-30T10:00Z', '2011-12-30T10:00Z']], NOW, apia)
  check([['2011-12-31', '2011-12-30T10:00Z', '2011-12-31T10:00Z']], NOW, apia)
})

test('zones off the hour', () => {
  check(
    [['2026-11-22', '2026-11-21T18:15Z', '2026-11-22T18:15Z']],
    NOW,
    resolveZone('Asia/Kathmandu'),
  )
  // Half an hour of summer time: 24.5 hours on 5 April 2026.
  check(
    [['2026-04-05', '2026-04-04T13:00Z', '2026-04-05T13:30Z']],
    NOW,
    resolveZone('Australia/Lord_Howe'),
  )
})

test('zones at the ends of the world, and days that are not the one in London', () => {
  const far: readonly (readonly [zone: string, today: string, tomorrow: string])[] = [
    ['Pacific/Kiritimati', '2026-11-22T10:00Z', '2026-11-23T10:00Z'],
    ['Pacific/Chatham', '2026-11-22T10:15Z', '2026-11-23T10:15Z'],
    ['Pacific/Auckland', '2026-11-22T11:00Z', '2026-11-23T11:00Z'],
    ['Pacific/Pago_Pago', '2026-11-22T11:00Z', '2026-11-23T11:00Z'],
    ['Pacific/Marquesas', '2026-11-22T09:30Z', '2026-11-23T09:30Z'],
    ['America/St_Johns', '2026-11-22T03:30Z', '2026-11-23T03:30Z'],
  ]
  for (const [name, today, tomorrow] of far) {
    check([['today', today, tomorrow]], NOW, resolveZone(name))
  }
  // Chatham's clocks go forward on 27 September 2026: a day of 23 hours at +12:45, then +13:45.
  check(
    [['2026-09-27', '2026-09-26T11:15Z', '2026-09-27T10:15Z']],
    NOW,
    resolveZone('Pacific/Chatham'),
  )
})

test('every hour of two years is found again from its wall time, but for the hour that comes twice', () => {
  for (const name of ['Europe/London', 'America/New_York', 'Australia/Lord_Howe', 'UTC']) {
    const zone = resolveZone(name)
    let twice = 0
    for (let atMs = Date.UTC(2025, 0, 1); atMs < Date.UTC(2027, 0, 1); atMs += 3_600_000 * 5) {
      const local = new Date(atMs + zone.offsetMs(atMs))
      const back = fromWall(
        {
          year: local.getUTCFullYear(),
          month: local.getUTCMonth() + 1,
          day: local.getUTCDate(),
          hour: local.getUTCHours(),
          minute: local.getUTCMinutes(),
          second: 0,
          milli: 0,
        },
        zone,
      )
      if (back !== atMs) twice++
      assert.ok(back === atMs || (atMs - back <= 3_600_000 && atMs > back))
      const day = startOf('day', atMs, zone)
      assert.ok(day <= atMs && atMs < startOf('day', atMs, zone, 1))
      assert.equal(startOf('day', day, zone), day)
    }
    assert.ok(twice <= 2, `${name}: ${twice}`)
  }
})

test('labels of hours, days, weeks and months', () => {
  const at = Date.UTC(2026, 6, 1, 22, 59)
  assert.equal(renderBucket('hour', at, LONDON), '2026-07-01T23:00+01:00')
  assert.equal(renderBucket('day', at + 60_000, LONDON), '2026-07-02')
  assert.equal(renderBucket('month', at, LONDON), '2026-07')
  assert.equal(renderBucket('week', Date.UTC(2026, 0, 1), LONDON), '2026-W01')
  assert.equal(renderBucket('week', Date.UTC(2027, 0, 1), LONDON), '2026-W53')
  assert.equal(renderBucket('week', Date.UTC(2024, 11, 30), LONDON), '2025-W01')
  // The hour that comes twice is two hours.
  assert.equal(renderBucket('hour', Date.UTC(2026, 9, 25, 0, 30), LONDON), '2026-10-25T01:00+01:00')
  assert.equal(renderBucket('hour', Date.UTC(2026, 9, 25, 1, 30), LONDON), '2026-10-25T01:00+00:00')
  assert.equal(renderBucket('hour', at, resolveZone('America/St_Johns')), '2026-07-01T20:00-02:30')
})

const NONSENSE: readonly (readonly [text: string, hint: string])[] = [
  ['yestrday', 'aiproxy usage --since yesterday'],
  ['lst week', 'aiproxy usage --since "last week"'],
  ['munday', 'aiproxy usage --since monday'],
  ['7 days', 'aiproxy usage --since 7d'],
  ['7d ago', 'aiproxy usage --since 7d'],
  ['-7d', 'aiproxy usage --since 7d'],
  ['last 7d', 'aiproxy usage --since 7d'],
  ['90 mins', 'aiproxy usage --since 90m'],
  ['3 months', 'aiproxy usage --since 3mo'],
  ['1 year', 'aiproxy usage --since 12mo'],
  ['1y', 'aiproxy usage --since 12mo'],
  ['1764000000', 'aiproxy usage --since @1764000000'],
  ['1764000000000', 'aiproxy usage --since @1764000000'],
  ['@1764000000000', 'aiproxy usage --since @1764000000'],
  ['202611', 'aiproxy usage --since 2026-11'],
  ['2026', 'aiproxy usage --since "this year"'],
  ['2025', 'aiproxy usage --since 2025-01'],
  ['22/11/2026', 'aiproxy usage --since 2026-11-22'],
  ['11/22/2026', 'aiproxy usage --since 2026-11-22'],
  ['2026/11/2', 'aiproxy usage --since 2026-11-02'],
  ['2026-13-01', 'aiproxy usage --since 2026-12-01'],
  ['2026-13', 'aiproxy usage --since 2026-12'],
  ['2026-00', 'aiproxy usage --since 2026-12'],
  ['2026-02-30', 'aiproxy usage --since 2026-02-28'],
  ['2026-02-00', 'aiproxy usage --since 2026-02-01'],
  ['2026-11-01T25:00', 'aiproxy usage --since 2026-11-01T23:59'],
  ['25:00', 'aiproxy usage --since 23:59'],
]
const EXAMPLES = 'Write it as today, 7d, last month, 2026-11-01 or 2026-11-01T09:30.'

test('what is no time is named exactly, with the nearest valid form', () => {
  const hopeless = [
    '',
    '   ',
    'blah',
    '1969-12-31',
    '0001-01-01',
    '99999999d',
    '9'.repeat(30),
    '@',
    'T',
    '💥',
  ]
  for (const [text, hint] of [...NONSENSE, ...hopeless.map((word) => [word, EXAMPLES] as const)]) {
    assert.throws(
      () => parseMoment(text, { now: NOW, zone: LONDON, edge: 'since' }),
      (error) => {
        assert.ok(error instanceof ProxyError, text)
        assert.equal(error.code, 'usage_wrong')
        assert.ok(error.message.startsWith(`--since "${text}" `), error.message)
        assert.equal(error.hint, hint)
        return true
      },
    )
  }
})

test('every suggested form is itself valid', () => {
  for (const [, hint] of NONSENSE) {
    const suggested = hint.replace('aiproxy usage --since ', '').replaceAll('"', '')
    assert.doesNotThrow(() => parseMoment(suggested, { now: NOW, zone: LONDON, edge: 'since' }))
  }
})

test('the window says what was asked for, and where it lies', () => {
  const options = { now: NOW, zone: LONDON }
  const labels: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [undefined, undefined, 'whole log'],
    ['today', undefined, 'today'],
    ['this-week', undefined, 'this week'],
    ['yesterday', undefined, 'since yesterday'],
    ['7D', undefined, 'last 7d'],
    ['2026-11-01', undefined, 'since 2026-11-01'],
    [undefined, '2026-11', 'until 2026-11'],
    ['last month', 'last month', 'last month'],
    ['2026-11-01', '2026-11-07', '2026-11-01 to 2026-11-07'],
  ]
  for (const [since, until, label] of labels) {
    assert.equal(resolveWindow(since, until, options).label, label)
  }
  assert.equal(
    renderWindow(resolveWindow('today', undefined, options), undefined, options),
    'Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)',
  )
  assert.equal(
    renderWindow(resolveWindow('last month', 'last month', options), undefined, options),
    'Thu 1 Oct 2026 00:00 → Sun 1 Nov 2026 00:00 (Europe/London)',
  )
  assert.equal(
    renderWindow(resolveWindow('30s', undefined, options), undefined, options),
    'Sun 22 Nov 2026 15:11:41 → now 15:12:11 (Europe/London)',
  )
  const whole = resolveWindow(undefined, undefined, options)
  assert.deepEqual([whole.sinceMs, whole.untilMs], [-Infinity, Infinity])
  assert.equal(
    renderWindow(whole, Date.UTC(2026, 10, 1, 9, 5), options),
    'Sun 1 Nov 2026 09:05 → now 15:12 (Europe/London)',
  )
  assert.equal(renderWindow(whole, undefined, options), 'the beginning → now 15:12 (Europe/London)')
})

test('what is said of days moves on daily, what is so long ago moves on always, the rest stays', () => {
  const movements: Readonly<Record<string, readonly string[]>> = {
    daily: ['today', 'Yesterday', 'this week', 'last-month', 'monday', 'last sun'],
    rolling: ['15m', '24h', '7d', '1h 30m', '3MO'],
    still: ['now', '09:30', '2026-11-01', '2026-11', '2026-11-01T09:30Z', '@1764000000'],
  }
  for (const [movement, texts] of Object.entries(movements)) {
    for (const text of texts) assert.equal(movementOf(text), movement, text)
  }
})

test('a window that ends before it begins is refused, with both ends', () => {
  for (const [since, until] of [
    ['today', 'yesterday'],
    ['now', 'now'],
    ['1h', '2h'],
  ] as const) {
    assert.throws(
      () => resolveWindow(since, until, { now: NOW, zone: LONDON }),
      (error) =>
        error instanceof ProxyError &&
        error.code === 'usage_wrong' &&
        error.message.includes(`--since ${since} is`) &&
        error.message.includes(`--until ${until} is`),
    )
  }
})

test('an unknown zone is refused with the nearest one; local and UTC are known', () => {
  assert.throws(
    () => resolveZone('Europe/Londn'),
    (error) =>
      error instanceof ProxyError &&
      error.code === 'usage_wrong' &&
      error.message === 'There is no time zone "Europe/Londn".' &&
      error.hint === 'aiproxy usage --tz Europe/London',
  )
  assert.equal(resolveZone('utc').name, 'UTC')
  assert.equal(resolveZone('local').name, Intl.DateTimeFormat().resolvedOptions().timeZone)
})
