import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimiter, isRefusal } from '../../src/access/limits.ts'
import type { Estimate, Limiter, PastUse, Refusal, Reservation } from '../../src/access/limits.ts'
import type { Limit, User } from '../../src/config/config.ts'
import { createTestClock, limitedUser } from './limits-clock.ts'
import type { TestClock } from './limits-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const NOON = '2026-11-22T12:00:00Z'

function setUp(at: string = NOON): { limiter: Limiter; clock: TestClock } {
  const clock = createTestClock(at)
  return { clock, limiter: createLimiter(clock) }
}

function per(amount: number, window: Limit['window']): Limit {
  return { amount, window }
}

function tokens(count: number, costUsd?: number): () => Estimate {
  return () => ({ tokens: count, costUsd })
}

function reserved(outcome: Reservation | Refusal): Reservation {
  assert.ok(!isRefusal(outcome), 'message' in outcome ? outcome.message : '')
  return outcome
}

function refused(outcome: Reservation | Refusal | undefined): Refusal {
  assert.ok(outcome !== undefined && 'code' in outcome, 'it is refused')
  return outcome
}

/** How many of so many requests get in, all of them under way. */
function countIn(limiter: Limiter, user: User, tries: number, estimate = tokens(0)): number {
  let letIn = 0
  for (let i = 0; i < tries; i += 1) {
    if (!isRefusal(limiter.reserve(user, 'm', estimate))) letIn += 1
  }
  return letIn
}

const WINDOWS: ReadonlyArray<readonly [Limit['window'], number]> = [
  ['minute', MINUTE],
  ['hour', HOUR],
  ['day', 12 * HOUR],
  ['month', 8.5 * DAY],
]

for (const [window, lastsMs] of WINDOWS) {
  test(`10 requests per ${window} let exactly 10 of 200 in, and 10 more when it is over`, () => {
    const { limiter, clock } = setUp()
    const user = limitedUser({ requests: [per(10, window)] })
    assert.equal(countIn(limiter, user, 200), 10)
    clock.advance(lastsMs - 1)
    assert.equal(countIn(limiter, user, 200), 0)
    clock.advance(lastsMs / 100)
    assert.equal(countIn(limiter, user, 200), 10)
  })

  test(`the wait told for a ${window} is true, to the millisecond`, () => {
    const { limiter, clock } = setUp()
    const user = limitedUser({ tokens: [per(100, window)] })
    reserved(limiter.reserve(user, 'm', tokens(60)))
    clock.advance(lastsMs / 4)
    reserved(limiter.reserve(user, 'm', tokens(40)))
    const { waitMs } = refused(limiter.reserve(user, 'm', tokens(50)))
    assert.ok(waitMs !== undefined)
    clock.advance(waitMs - 0.01)
    refused(limiter.reserve(user, 'm', tokens(50)))
    clock.advance(0.02)
    reserved(limiter.reserve(user, 'm', tokens(50)))
  })
}

test('tokens are reserved before and corrected after', () => {
  const { limiter } = setUp()
  const user = limitedUser({ tokens: [per(1000, 'day')] })
  const first = reserved(limiter.reserve(user, 'm', tokens(900)))
  refused(limiter.reserve(user, 'm', tokens(101)))
  const second = reserved(limiter.reserve(user, 'm', tokens(100)))
  first.settle({ tokens: 52, costUsd: undefined, servedModel: 'm' })
  second.settle({ tokens: 100, costUsd: undefined, servedModel: 'm' })
  assert.deepEqual(limiter.standings(user, ['m']).tokens, {
    limit: 1000,
    remaining: 848,
    resetMs: 12 * HOUR,
  })
})

test('a reply longer than its estimate takes the user over, and nothing more gets in', () => {
  const { limiter } = setUp()
  const user = limitedUser({ tokens: [per(1000, 'day')] })
  const one = reserved(limiter.reserve(user, 'm', tokens(100)))
  one.settle({ tokens: 5000, costUsd: undefined, servedModel: 'm' })
  const refusal = refused(limiter.reserve(user, 'm', tokens(1)))
  assert.equal(
    refusal.message,
    'The limit of 1000 tokens per day has 0 tokens left, and this request may use up to 1 token. ' +
      'Try again at 2026-11-23T00:00:00Z.',
  )
  assert.equal(limiter.standings(user, ['m']).tokens?.remaining, 0)
})

test('cost is counted exactly, in any number of small sums', () => {
  const { limiter } = setUp()
  const user = limitedUser({ costUsd: [per(1, 'day')] })
  for (let i = 0; i < 10; i += 1) reserved(limiter.reserve(user, 'm', tokens(1, 0.1)))
  const refusal = refused(limiter.reserve(user, 'm', tokens(1, 0.000_001)))
  assert.equal(refusal.code, 'budget_exceeded')
  assert.equal(
    refusal.message,
    'The limit of $1.00 per day has $0.00 left, and this request may cost up to $0.000001. ' +
      'Try again at 2026-11-23T00:00:00Z.',
  )
})

test('neither binary fractions nor the smallest of prices make a budget larger or smaller', () => {
  // In binary 0.000123 × 1e9 is a little more than 123,000, and 0.1 + 0.2 a little more than 0.3.
  for (const [price, budget, times] of [
    [0.000_123, 0.0123, 100],
    [0.1, 7, 70],
    [0.0007, 7, 10_000],
  ] as const) {
    const user = limitedUser({ costUsd: [per(budget, 'month')] })
    assert.equal(countIn(setUp().limiter, user, times + 5, tokens(1, price)), times)
  }
  const poor = limitedUser({ costUsd: [per(0.000_001, 'month')] })
  assert.equal(
    countIn(setUp().limiter, poor, 2000, tokens(1, 1e-10)),
    1000,
    'a part of a billionth is one',
  )
})

test('where no price is known, cost is not limited', () => {
  const { limiter } = setUp()
  const user = limitedUser({ costUsd: [per(1, 'day')] })
  assert.equal(countIn(limiter, user, 50, tokens(1000, undefined)), 50)
})

test('a request larger than the whole limit is refused at once, and is told that waiting is in vain', () => {
  const { limiter } = setUp()
  const user = limitedUser({ tokens: [per(1000, 'hour')] })
  const refusal = refused(limiter.reserve(user, 'm', tokens(1001)))
  assert.deepEqual(
    [refusal.code, refusal.waitMs, refusal.message],
    [
      'rate_limited',
      undefined,
      'This request may use up to 1001 tokens, which is more than the whole limit of 1000 tokens per hour.',
    ],
  )
  assert.match(refusal.hint ?? '', /fewer output tokens/)
  reserved(limiter.reserve(user, 'm', tokens(1000)))
})

const CODES: ReadonlyArray<readonly [string, Partial<User['limits']>, Refusal['code']]> = [
  ['requests per minute', { requests: [per(1, 'minute')] }, 'rate_limited'],
  ['requests per hour', { requests: [per(1, 'hour')] }, 'rate_limited'],
  ['tokens per minute', { tokens: [per(10, 'minute')] }, 'rate_limited'],
  ['requests at once', { concurrency: 1 }, 'rate_limited'],
  ['requests per day', { requests: [per(1, 'day')] }, 'budget_exceeded'],
  ['tokens per month', { tokens: [per(10, 'month')] }, 'budget_exceeded'],
  ['dollars per minute', { costUsd: [per(1, 'minute')] }, 'budget_exceeded'],
  ['dollars per month', { costUsd: [per(1, 'month')] }, 'budget_exceeded'],
]
for (const [what, limits, code] of CODES) {
  test(`${what} are refused as ${code}`, () => {
    const { limiter } = setUp()
    const user = limitedUser(limits)
    reserved(limiter.reserve(user, 'm', tokens(10, 1)))
    assert.equal(refused(limiter.reserve(user, 'm', tokens(10, 1))).code, code)
  })
}

test('of several limits in the way the one that takes longest is told', () => {
  const { limiter } = setUp()
  const user = limitedUser({
    requests: [per(1, 'minute'), per(1, 'day')],
    tokens: [per(10, 'hour')],
    concurrency: 1,
  })
  reserved(limiter.reserve(user, 'm', tokens(10)))
  const refusal = refused(limiter.reserve(user, 'm', tokens(10)))
  assert.deepEqual([refusal.code, refusal.waitMs], ['budget_exceeded', 12 * HOUR])
  assert.equal(
    refusal.message,
    'The limit of 1 request per day is reached. Try again at 2026-11-23T00:00:00Z.',
  )
})

test('a refusal changes nothing', () => {
  const { limiter } = setUp()
  const user = limitedUser(
    { requests: [per(5, 'day')], tokens: [per(100, 'day')] },
    { m: { requests: [per(1, 'day')] } },
  )
  reserved(limiter.reserve(user, 'm', tokens(10)))
  const before = limiter.standings(user, ['b'])
  for (let i = 0; i < 20; i += 1) refused(limiter.reserve(user, 'm', tokens(10)))
  for (let i = 0; i < 20; i += 1) refused(limiter.reserve(user, 'b', tokens(91)))
  assert.deepEqual(limiter.standings(user, ['b']), before)
})

test('no more than so many are under way at once; who ends makes room', () => {
  const { limiter } = setUp()
  const user = limitedUser({ concurrency: 2 }, { m: { concurrency: 1 } })
  const one = reserved(limiter.reserve(user, 'm', tokens(0)))
  const refusal = refused(limiter.reserve(user, 'm', tokens(0)))
  assert.equal(refusal.message, 'The limit of 1 request at the same time for m is reached.')
  assert.equal(refusal.waitMs, 1000)
  const two = reserved(limiter.reserve(user, 'b', tokens(0)))
  assert.equal(
    refused(limiter.reserve(user, 'b', tokens(0))).message,
    'The limit of 2 requests at the same time is reached.',
  )
  one.settle({ tokens: 1, costUsd: 0, servedModel: 'm' })
  one.settle({ tokens: 1, costUsd: 0, servedModel: 'm' })
  one.release()
  const three = reserved(limiter.reserve(user, 'm', tokens(0)))
  refused(limiter.reserve(user, 'b', tokens(0)))
  two.release()
  three.release()
  assert.equal(countIn(limiter, user, 10), 1)
})

test('a release takes the request itself back, too', () => {
  const { limiter } = setUp()
  const user = limitedUser({ requests: [per(1, 'day')], tokens: [per(10, 'day')] })
  for (let i = 0; i < 5; i += 1) reserved(limiter.reserve(user, 'm', tokens(10))).release()
  reserved(limiter.reserve(user, 'm', tokens(10)))
})

test('a request counts once for its user, however many models are tried', () => {
  const { limiter } = setUp()
  const user = limitedUser({ requests: [per(2, 'day')] })
  for (let i = 0; i < 2; i += 1) {
    const one = reserved(limiter.reserve(user, 'm', tokens(0)))
    assert.equal(one.moveTo('b', tokens(0)), undefined)
    assert.equal(one.moveTo('m', tokens(0)), undefined)
    one.settle({ tokens: 5, costUsd: 0, servedModel: 'm' })
  }
  refused(limiter.reserve(user, 'm', tokens(0)))
})

test('a backup has limits of its own, and what was reserved before is given back', () => {
  const { limiter } = setUp()
  const user = limitedUser({ tokens: [per(100, 'day')] }, { b: { tokens: [per(50, 'day')] } })
  const one = reserved(limiter.reserve(user, 'm', tokens(100)))
  const refusal = refused(one.moveTo('b', tokens(60)))
  assert.match(refusal.message, /^This request may use up to 60 tokens, .* per day for b\.$/)
  assert.equal(limiter.standings(user, ['m']).tokens?.remaining, 100, 'nothing is held any more')
  assert.equal(one.moveTo('b', tokens(40)), undefined)
  assert.equal(one.moveTo('b', tokens(90)), undefined, 'it stays where it is')
  assert.equal(limiter.standings(user, ['m']).tokens?.remaining, 60)
  assert.equal(limiter.standings(user, ['b']).tokens?.remaining, 10)
  one.settle({ tokens: 30, costUsd: undefined, servedModel: 'b' })
  assert.equal(limiter.standings(user, ['m']).tokens?.remaining, 70)
  assert.equal(limiter.standings(user, ['b']).tokens?.remaining, 20)
})

test('a request counts for the model it asked for and the one that answered, not for one that failed', () => {
  const { limiter } = setUp()
  const user = limitedUser(
    {},
    { m: { requests: [per(9, 'day')] }, b: { requests: [per(1, 'day')] } },
  )
  const left = (): unknown[] =>
    ['m', 'b'].map((model) => limiter.standings(user, [model]).requests?.remaining)
  const failed = reserved(limiter.reserve(user, 'm', tokens(0)))
  assert.equal(failed.moveTo('b', tokens(0)), undefined)
  assert.deepEqual(left(), [8, 0])
  const other = reserved(limiter.reserve(user, 'm', tokens(0)))
  refused(other.moveTo('b', tokens(0)))
  other.settle({ tokens: 0, costUsd: 0, servedModel: undefined })
  failed.settle({ tokens: 0, costUsd: 0, servedModel: undefined })
  assert.deepEqual(left(), [7, 1])
  const served = reserved(limiter.reserve(user, 'm', tokens(0)))
  served.moveTo('b', tokens(0))
  served.settle({ tokens: 7, costUsd: 0, servedModel: 'b' })
  assert.deepEqual(left(), [6, 0])
})

test('one user does not touch another', () => {
  const { limiter } = setUp()
  const a = limitedUser({ requests: [per(1, 'day')] }, {}, 'a')
  const b = limitedUser({ requests: [per(1, 'day')] }, {}, 'b')
  const constructor = limitedUser({ requests: [per(1, 'day')] }, {}, 'constructor')
  for (const user of [a, b, constructor]) assert.equal(countIn(limiter, user, 5), 1)
})

function never(): Estimate {
  assert.fail('nobody needs to know')
}

test('a user without limits is not counted, and the prompt is not measured', () => {
  const { limiter } = setUp()
  const free = limitedUser({})
  assert.equal(countIn(limiter, free, 100, never), 100)
  assert.equal(countIn(limiter, limitedUser({ requests: [per(5, 'day')] }), 100, never), 5)
  assert.deepEqual(limiter.standings(free, ['m']), { requests: undefined, tokens: undefined })
  assert.equal(limiter.renew([free]).past, undefined)
})

test('where a user stands is told by the limit with least left', () => {
  const { limiter } = setUp()
  const user = limitedUser(
    { requests: [per(100, 'minute'), per(50, 'day')] },
    { m: { requests: [per(20, 'month')] } },
  )
  reserved(limiter.reserve(user, 'm', tokens(0)))
  const { requests, tokens: none } = limiter.standings(user, ['m'])
  assert.deepEqual(requests, { limit: 20, remaining: 19, resetMs: 8.5 * DAY })
  assert.equal(none, undefined)
  assert.equal(limiter.standings(user, ['b']).requests?.limit, 50)
})

// The past

function past(changes: Partial<PastUse> = {}): PastUse {
  return {
    user: 'user-a',
    model: 'm',
    servedModel: 'm',
    tsMs: Date.parse(NOON) - 1000,
    tokens: 52,
    costUsd: 0.01,
    ...changes,
  }
}

test('a past that is told counts like a present', () => {
  const { limiter } = setUp()
  const user = limitedUser(
    { requests: [per(10, 'day')], tokens: [per(1000, 'hour')] },
    { m: { requests: [per(5, 'day')] }, b: { tokens: [per(100, 'day')] } },
  )
  const renewal = limiter.renew([user, limitedUser({}, {}, 'free')])
  const restoring = renewal.past
  assert.ok(restoring)
  assert.deepEqual([...restoring.users], ['user-a'])
  assert.equal(restoring.sinceMs, Date.parse('2026-11-22T00:00:00Z'))
  restoring.add(past())
  restoring.add(past({ servedModel: 'b' }))
  restoring.add(past({ model: 'b', servedModel: undefined }))
  restoring.add(past({ user: 'somebody' }))
  // Yesterday counts for the day no more, nor for the hour.
  restoring.add(past({ tsMs: Date.parse(NOON) - DAY }))
  renewal.commit()
  assert.deepEqual(limiter.standings(user, ['m']).requests?.remaining, 3)
  assert.equal(limiter.standings(user, ['m']).tokens?.remaining, 1000 - 3 * 52)
  assert.equal(limiter.standings(user, ['b']).requests?.remaining, 7)
  assert.equal(limiter.standings(user, ['b']).tokens?.remaining, 0, 'of the 100 a day for b')
})

test('the past is asked for as far back as the longest window reaches', () => {
  const month = limitedUser({ costUsd: [per(1, 'month')] }, { m: { requests: [per(1, 'minute')] } })
  assert.equal(setUp().limiter.renew([month]).past?.sinceMs, Date.parse('2026-11-01'))
  const minute = limitedUser({ requests: [per(1, 'minute')] })
  const since = setUp().limiter.renew([minute]).past?.sinceMs ?? 0
  assert.ok(Date.parse(NOON) - since >= MINUTE && Date.parse(NOON) - since < 2 * MINUTE)
  assert.equal(setUp().limiter.renew([limitedUser({ concurrency: 3 })]).past, undefined)
})

/** A reload: what is newly limited is told this past. True where a past was asked for. */
function reload(limiter: Limiter, users: readonly User[], ...uses: readonly PastUse[]): boolean {
  const renewal = limiter.renew(users)
  for (const use of uses) renewal.past?.add(use)
  renewal.commit()
  return renewal.past !== undefined
}

test('a reload keeps what is counted, and asks for the past of new limits only', () => {
  const { limiter } = setUp()
  const before = limitedUser({ requests: [per(10, 'day')] })
  assert.equal(reload(limiter, [before], past()), true)
  reserved(limiter.reserve(before, 'm', tokens(0)))

  // Another amount over the same window needs no past.
  const raised = limitedUser({ requests: [per(20, 'day')] })
  assert.equal(reload(limiter, [raised], past()), false)
  assert.equal(limiter.standings(raised, ['m']).requests?.remaining, 18)

  const more = limitedUser({ requests: [per(20, 'day')], tokens: [per(100, 'month')] })
  assert.equal(reload(limiter, [more], past(), past()), true)
  assert.equal(limiter.standings(more, ['m']).requests?.remaining, 18, 'told once, at start')
  assert.equal(limiter.standings(more, ['m']).tokens?.remaining, 0)

  // Gone and back again: what happened in between was not counted, so all of it must be told.
  assert.equal(reload(limiter, [limitedUser({})]), false)
  assert.equal(reload(limiter, [raised], past()), true)
  assert.equal(limiter.standings(raised, ['m']).requests?.remaining, 19)
  assert.equal(reload(limiter, []), false)
  assert.equal(limiter.standings(raised, ['m']).requests?.remaining, 20, 'who is gone is forgotten')
})

test('a reload that comes to nothing changes nothing, and the next one asks for the past again', () => {
  const { limiter } = setUp()
  const before = limitedUser({ requests: [per(10, 'day')] }, { m: { requests: [per(5, 'month')] } })
  reload(limiter, [before], past(), past())
  const other = limitedUser({ tokens: [per(100, 'month')] })
  limiter.renew([other]).past?.add(past())
  limiter.renew([])
  assert.equal(limiter.standings(before, ['b']).requests?.remaining, 8)
  assert.equal(limiter.standings(before, ['m']).requests?.remaining, 3)
  assert.equal(reload(limiter, [other], past()), true)
  assert.equal(limiter.standings(other, ['m']).tokens?.remaining, 48)
})

test('who is under way when a reload comes is settled in peace, and still counts among the concurrent', () => {
  const { limiter } = setUp()
  const before = limitedUser({ tokens: [per(100, 'day')], concurrency: 1 })
  const one = reserved(limiter.reserve(before, 'm', tokens(60)))
  const after = limitedUser({ tokens: [per(50, 'day'), per(500, 'month')], concurrency: 1 })
  reload(limiter, [after])
  assert.equal(limiter.standings(after, ['m']).tokens?.remaining, 0)
  refused(limiter.reserve(after, 'm', tokens(0)))
  one.settle({ tokens: 20, costUsd: undefined, servedModel: 'm' })
  assert.equal(limiter.standings(after, ['m']).tokens?.remaining, 30)
  reserved(limiter.reserve(after, 'm', tokens(30)))
})
