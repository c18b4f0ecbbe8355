import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createMeter, createSteadyClock, windowStartMs } from '../../src/access/limits-window.ts'
import type { Meter, WindowName } from '../../src/access/limits-window.ts'
import { createTestClock } from './limits-clock.ts'
import type { TestClock } from './limits-clock.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const SLIDING = [
  ['minute', MINUTE],
  ['hour', HOUR],
] as const

function meterAt(
  wall: string,
  window: WindowName,
  monotonicStartMs?: number,
): { meter: Meter; clock: TestClock } {
  const clock = createTestClock(wall, monotonicStartMs)
  return { clock, meter: createMeter(window, clock, createSteadyClock(clock)) }
}

for (const [window, lengthMs] of SLIDING) {
  test(`what happened within the last ${window} counts, across the turn of any clock`, () => {
    const { meter, clock } = meterAt('2026-11-22T23:59:59.900Z', window)
    meter.add(3)
    clock.advance(lengthMs / 2)
    meter.add(4)
    assert.equal(meter.used(), 7)
    clock.advance(lengthMs / 2)
    assert.equal(meter.used(), 7, 'exactly one length later the first still counts')
    clock.advance(lengthMs / 100)
    assert.equal(meter.used(), 4)
    clock.advance(lengthMs * 1000)
    assert.equal(meter.used(), 0)
  })

  test(`the wait of a ${window} is exact: a millisecond before it is too early`, () => {
    const { meter, clock } = meterAt('2026-11-22T12:00:00Z', window)
    meter.add(5)
    clock.advance(lengthMs / 3)
    meter.add(2)
    for (const ceiling of [6, 2, 1, 0]) {
      const wait = meter.msUntilAtMost(ceiling)
      assert.ok(wait > 0 && wait <= lengthMs * 1.01, String(wait))
      clock.advance(wait - 0.001)
      assert.ok(meter.used() > ceiling)
      clock.advance(0.002)
      assert.ok(meter.used() <= ceiling)
      meter.add(7 - meter.used())
    }
    assert.equal(meter.msUntilAtMost(7), 0)
  })

  test(`a ${window} does not care how the wall clock is set`, () => {
    const { meter, clock } = meterAt('2026-11-22T12:00:00Z', window)
    meter.add(5)
    for (const jump of [-DAY, -1, DAY, 400 * DAY]) {
      clock.setWall(clock.wallMs() + jump)
      assert.equal(meter.used(), 5)
    }
    clock.advance(lengthMs * 1.01)
    assert.equal(meter.used(), 0)
  })

  test(`a ${window} takes over from the past what still counts, whatever the process's age`, () => {
    const { meter, clock } = meterAt('2026-11-22T12:00:00Z', window, 0)
    const now = clock.wallMs()
    meter.addPast(1, now - lengthMs * 0.5)
    meter.addPast(10, now - lengthMs)
    meter.addPast(100, now - lengthMs * 1.02)
    // Written before the clock was put back.
    meter.addPast(1000, now + DAY)
    assert.equal(meter.used(), 1011)
    clock.advance(lengthMs * 0.02)
    assert.equal(meter.used(), 1001)
    clock.advance(lengthMs * 0.5)
    assert.equal(meter.used(), 1000)
    clock.advance(lengthMs * 0.5)
    assert.equal(meter.used(), 0)
  })

  test(`no stretch of one ${window} ever holds more than was let in by its meter`, () => {
    const step = fc.record({
      gap: fc.double({ min: 0, max: lengthMs / 3, noNaN: true }),
      amount: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const limit = 10
        const { meter, clock } = meterAt('2026-11-22T12:00:00Z', window)
        const letIn: { at: number; amount: number }[] = []
        for (const { gap, amount } of steps) {
          clock.advance(gap)
          if (meter.used() + amount > limit) continue
          meter.add(amount)
          const at = clock.monotonicMs()
          letIn.push({ at, amount })
          const sum = letIn
            .filter((one) => at - one.at <= lengthMs)
            .reduce((total, one) => total + one.amount, 0)
          assert.ok(sum <= limit, `${sum} within one ${window}`)
        }
      }),
      { numRuns: 300 },
    )
  })
}

test('a correction reaches the slot it belongs to, and nothing once that has left', () => {
  const { meter, clock } = meterAt('2026-11-22T12:00:00Z', 'minute')
  const early = meter.add(100)
  clock.advance(30 * SECOND)
  meter.add(1)
  meter.adjust(early, -90)
  assert.equal(meter.used(), 11)
  clock.advance(31 * SECOND)
  assert.equal(meter.used(), 1)
  meter.adjust(early, 500)
  assert.equal(meter.used(), 1)
})

const ENDS: ReadonlyArray<readonly [WindowName, string, string]> = [
  ['day', '2026-11-22T15:12:11.034Z', '2026-11-23T00:00:00.000Z'],
  ['day', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
  ['day', '2028-02-28T12:00:00.000Z', '2028-02-29T00:00:00.000Z'],
  // Clocks change in Europe and America: a day in UTC has 24 hours all the same.
  ['day', '2026-03-29T00:00:00.000Z', '2026-03-30T00:00:00.000Z'],
  ['month', '2026-11-22T15:12:11.034Z', '2026-12-01T00:00:00.000Z'],
  ['month', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
  ['month', '2027-02-01T00:00:00.000Z', '2027-03-01T00:00:00.000Z'],
  ['month', '2028-02-29T08:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  ['month', '2026-01-31T00:00:00.000Z', '2026-02-01T00:00:00.000Z'],
]
for (const [window, now, end] of ENDS) {
  test(`the ${window} of ${now} ends at ${end}`, () => {
    const { meter, clock } = meterAt(now, window)
    meter.add(5)
    assert.equal(meter.msUntilAtMost(4), Date.parse(end) - Date.parse(now))
    clock.advance(Date.parse(end) - Date.parse(now) - 1)
    assert.equal(meter.used(), 5)
    clock.advance(1)
    assert.equal(meter.used(), 0)
    assert.equal(meter.msUntilAtMost(0), 0)
  })
}

for (const window of ['day', 'month'] as const) {
  test(`a clock put back never opens a ${window} again`, () => {
    const { meter, clock } = meterAt('2026-12-01T12:00:00Z', window)
    meter.add(5)
    for (const back of [1, HOUR, DAY, 40 * DAY, 400 * DAY]) {
      clock.setWall(clock.wallMs() - back)
      assert.equal(meter.used(), 5, `put back by ${back} ms`)
    }
  })

  test(`a ${window} still ends after the clock was put back: time went on`, () => {
    const { meter, clock } = meterAt('2026-12-01T12:00:00Z', window)
    meter.add(5)
    const leftMs = meter.msUntilAtMost(0)
    clock.setWall(clock.wallMs() - 500 * DAY)
    assert.equal(meter.msUntilAtMost(0), leftMs)
    clock.advance(leftMs - 1)
    assert.equal(meter.used(), 5)
    clock.advance(1)
    assert.equal(meter.used(), 0)
  })

  test(`a clock put forward by mistake and back again locks nobody out beyond a ${window}`, () => {
    const { meter, clock } = meterAt('2026-12-01T12:00:00Z', window)
    clock.setWall(Date.parse('2031-06-15T12:00:00Z'))
    meter.add(5)
    clock.setWall(Date.parse('2026-12-01T12:00:01Z'))
    assert.equal(meter.used(), 5)
    clock.advance(meter.msUntilAtMost(0))
    assert.equal(meter.used(), 0)
    assert.ok(meter.msUntilAtMost(0) <= 31 * DAY)
  })

  test(`a ${window} takes over its own past and what seems to lie ahead, nothing older`, () => {
    const { meter } = meterAt('2026-12-01T12:00:00Z', window)
    meter.addPast(1, Date.parse('2026-12-01T00:00:00Z'))
    meter.addPast(10, Date.parse('2026-11-30T23:59:59.999Z'))
    meter.addPast(100, Date.parse('2027-03-01T00:00:00Z'))
    assert.equal(meter.used(), 101)
  })
}

test('a correction of yesterday does not touch today', () => {
  const { meter, clock } = meterAt('2026-11-22T23:59:00Z', 'day')
  const place = meter.add(100)
  clock.advance(2 * MINUTE)
  meter.add(1)
  meter.adjust(place, -100)
  assert.equal(meter.used(), 1)
})

test('a window reaches back as far as its meter takes over', () => {
  const now = Date.parse('2026-11-22T15:12:11.034Z')
  assert.equal(windowStartMs('day', now), Date.parse('2026-11-22'))
  assert.equal(windowStartMs('month', now), Date.parse('2026-11-01'))
  for (const [window, lengthMs] of SLIDING) {
    const start = windowStartMs(window, now)
    const { meter } = meterAt('2026-11-22T15:12:11.034Z', window)
    meter.addPast(1, start - 1)
    assert.equal(meter.used(), 0)
    assert.ok(start <= now - lengthMs)
  }
})
