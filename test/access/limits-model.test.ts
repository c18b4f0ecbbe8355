/** Limits against a list of everything that was ever let in: slow, simple, and never wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createLimiter, isRefusal } from '../../src/access/limits.ts'
import type { Limiter, Reservation } from '../../src/access/limits.ts'
import type { User } from '../../src/config/config.ts'
import { createTestClock, limitedUser } from './limits-clock.ts'
import type { TestClock } from './limits-clock.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const START = Date.parse('2026-11-22T23:30:00Z')
const LIMITS = { requests: 6, dayTokens: 300, minuteTokens: 200, backupTokens: 120, concurrency: 4 }

const USER: User = limitedUser(
  {
    requests: [{ amount: LIMITS.requests, window: 'minute' }],
    tokens: [
      { amount: LIMITS.dayTokens, window: 'day' },
      { amount: LIMITS.minuteTokens, window: 'minute' },
    ],
    concurrency: LIMITS.concurrency,
  },
  { b: { tokens: [{ amount: LIMITS.backupTokens, window: 'day' }] } },
)

type Model = 'm' | 'b'

/** Tokens that were reserved or used, and when. */
interface Entry {
  readonly model: Model
  /** Milliseconds since the start, clocks put back or not. */
  readonly atMs: number
  tokens: number
}

interface Open {
  readonly reservation: Reservation
  readonly requestAtMs: number
  entry: Entry | undefined
}

type Step =
  | { readonly do: 'reserve' | 'move'; readonly model: Model; readonly tokens: number }
  | { readonly do: 'settle'; readonly share: number }
  | { readonly do: 'release' }
  | { readonly do: 'wait' | 'turn back'; readonly ms: number }

const model = fc.constantFrom<Model>('m', 'b')
const tokens = fc.integer({ min: 0, max: 150 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('reserve' as const), model, tokens }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), model, tokens }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'release' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 3 * 3_600_000 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('turn back' as const),
      ms: fc.integer({ min: 1, max: 40 * DAY_MS }),
    }),
  },
)

interface World {
  readonly limiter: Limiter
  readonly clock: TestClock
  nowMs: number
  readonly entries: Entry[]
  readonly requests: number[]
  open: Open[]
}

function dayOf(ms: number): number {
  return Math.floor((START + ms) / DAY_MS)
}

function sameDay(world: World, entry: Entry): boolean {
  return dayOf(entry.atMs) === dayOf(world.nowMs)
}

function tokensOfDay(world: World, of?: Model): number {
  return world.entries
    .filter((entry) => sameDay(world, entry) && (of === undefined || entry.model === of))
    .reduce((sum, entry) => sum + entry.tokens, 0)
}

/** Everything the limits promise, counted from the list. */
function check(world: World): void {
  const { limiter, entries, requests, nowMs } = world
  const lastMinute = (atMs: number): boolean => nowMs - atMs <= MINUTE_MS
  const minute = entries
    .filter((entry) => lastMinute(entry.atMs))
    .reduce((sum, entry) => sum + entry.tokens, 0)
  assert.ok(tokensOfDay(world) <= LIMITS.dayTokens, 'the day')
  assert.ok(minute <= LIMITS.minuteTokens, 'the last minute')
  assert.ok(tokensOfDay(world, 'b') <= LIMITS.backupTokens, 'the day of the backup')
  assert.ok(requests.filter(lastMinute).length <= LIMITS.requests, 'requests')
  assert.ok(world.open.length <= LIMITS.concurrency, 'at once')
  // What is left is what is left: nothing leaks, nothing is counted twice.
  const left =
    limiter.standings(USER, ['b']).tokens?.remaining ?? assert.fail('there is a standing')
  const leftOfDays = Math.min(
    LIMITS.dayTokens - tokensOfDay(world),
    LIMITS.backupTokens - tokensOfDay(world, 'b'),
  )
  assert.ok(left <= leftOfDays, 'not more than is left of the day')
  const slowMinute = entries
    .filter((entry) => nowMs - entry.atMs <= MINUTE_MS * 1.01)
    .reduce((sum, entry) => sum + entry.tokens, 0)
  assert.ok(left >= Math.min(leftOfDays, LIMITS.minuteTokens - slowMinute), 'and not less')
}

function take(world: World, on: Model, count: number): void {
  const { limiter, entries, requests, nowMs, open, clock } = world
  const estimate = () => ({ tokens: count, costUsd: undefined })
  const outcome = limiter.reserve(USER, on, estimate)
  if (!isRefusal(outcome)) {
    const entry = { model: on, atMs: nowMs, tokens: count }
    entries.push(entry)
    requests.push(nowMs)
    open.push({ reservation: outcome, requestAtMs: nowMs, entry })
    return
  }
  // A refusal must be right: the same request fits when its wait is over, and not before.
  const { waitMs } = outcome
  if (waitMs === undefined) {
    assert.ok(count > (on === 'b' ? LIMITS.backupTokens : LIMITS.minuteTokens))
    return
  }
  if (open.length >= LIMITS.concurrency) return
  assert.ok(waitMs > 0)
  goOn(world, waitMs - 0.01)
  if (waitMs > 0.01) assert.ok(isRefusal(limiter.reserve(USER, on, estimate)), 'too early')
  goOn(world, 0.02)
  const second = limiter.reserve(USER, on, estimate)
  assert.ok(!isRefusal(second), `after the wait of ${waitMs} ms there is room`)
  second.release()
  clock.advance(0)
}

function goOn(world: World, ms: number): void {
  world.clock.advance(ms)
  world.nowMs += ms
}

function run(world: World, next: Step): void {
  const first = world.open[0]
  switch (next.do) {
    case 'wait':
      goOn(world, next.ms)
      return
    case 'turn back':
      world.clock.setWall(world.clock.wallMs() - next.ms)
      return
    case 'reserve':
      take(world, next.model, next.tokens)
      return
    case 'move': {
      if (first === undefined || first.entry?.model === next.model) return
      const refusal = first.reservation.moveTo(next.model, () => ({
        tokens: next.tokens,
        costUsd: undefined,
      }))
      if (first.entry !== undefined) first.entry.tokens = 0
      first.entry = undefined
      if (refusal !== undefined) return
      first.entry = { model: next.model, atMs: world.nowMs, tokens: next.tokens }
      world.entries.push(first.entry)
      return
    }
    case 'settle': {
      if (first === undefined) return
      const used = Math.floor((first.entry?.tokens ?? 0) * next.share)
      first.reservation.settle({
        tokens: used,
        costUsd: undefined,
        servedModel: first.entry?.model,
      })
      if (first.entry !== undefined) first.entry.tokens = used
      world.open = world.open.slice(1)
      return
    }
    case 'release':
      if (first === undefined) return
      first.reservation.release()
      if (first.entry !== undefined) first.entry.tokens = 0
      world.requests.splice(world.requests.indexOf(first.requestAtMs), 1)
      world.open = world.open.slice(1)
      return
  }
}

test('whatever is reserved, moved, settled and released, in whatever order: never over a limit, and never less than it', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const clock = createTestClock(new Date(START).toISOString())
      const world: World = {
        clock,
        limiter: createLimiter(clock),
        nowMs: 0,
        entries: [],
        requests: [],
        open: [],
      }
      for (const next of steps) {
        run(world, next)
        check(world)
      }
    }),
    { numRuns: 500 },
  )
})
