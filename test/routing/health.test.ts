import assert from 'node:assert/strict'
import test from 'node:test'
import type { FaultClass } from '../../src/config/config.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createHealth, renameTargets } from '../../src/routing/health.ts'
import type { Health } from '../../src/routing/health.ts'

const T = 'openai gpt-5'
const ERROR = new ProxyError('upstream_unreachable', 'x')

/** A health whose rests have no jitter. */
function steady(): Health {
  return createHealth(() => 0)
}

function fail(
  health: Health,
  nowMs: number,
  fault: FaultClass = 'server',
  retryAfterMs?: number,
  target = T,
): void {
  const trial = health.began(target, nowMs)
  health.failed(
    target,
    trial,
    { fault, error: ERROR, retryAfterMs, opensAtOnce: false },
    nowMs + 0.5,
  )
}

function succeed(health: Health, nowMs: number, target = T): void {
  health.succeeded(target, health.began(target, nowMs), nowMs + 0.5)
}

function open(health: Health, nowMs = 0): void {
  for (let i = 0; i < 5; i += 1) fail(health, nowMs)
}

test('a target told to wait rests for its Retry-After, and no longer than a minute', () => {
  const health = steady()
  fail(health, 1_000, 'rate', 3_000)
  assert.equal(health.resting(T, 1_000.5)?.ms, 3_000)
  assert.equal(health.resting(T, 1_000.5)?.why, 'rate')
  assert.equal(health.resting(T, 4_000.5), undefined)
  fail(health, 10_000, 'rate', 3_600_000)
  assert.equal(health.resting(T, 10_000.5)?.ms, 60_000)
})

test('a target rests after five failures in a row, and not after four', () => {
  const health = steady()
  for (let i = 0; i < 4; i += 1) fail(health, 0)
  assert.equal(health.resting(T, 1), undefined)
  fail(health, 0)
  assert.equal(health.resting(T, 0.5)?.ms, 5_000)
  assert.equal(health.resting(T, 1)?.error, ERROR)
})

test('a success in between starts the count again', () => {
  const health = steady()
  for (let i = 0; i < 4; i += 1) fail(health, 0)
  succeed(health, 1)
  for (let i = 0; i < 4; i += 1) fail(health, 2)
  assert.equal(health.resting(T, 3), undefined)
})

test('half of ten in half a minute is enough, four of nine are not', () => {
  const health = steady()
  for (let i = 0; i < 5; i += 1) {
    succeed(health, i * 1_000)
    if (i < 4) fail(health, i * 1_000 + 1)
  }
  assert.equal(health.resting(T, 5_000), undefined)
  fail(health, 5_000)
  assert.notEqual(health.resting(T, 5_001), undefined)
})

test('failures of more than half a minute ago no longer count', () => {
  const health = steady()
  for (let i = 0; i < 4; i += 1) fail(health, 0)
  succeed(health, 29_000)
  for (let i = 0; i < 4; i += 1) succeed(health, 40_000)
  fail(health, 40_000)
  assert.equal(health.resting(T, 40_001), undefined)
})

test('a failed probe rests twice as long each time, up to five minutes', () => {
  const health = steady()
  open(health)
  const rests: number[] = []
  let nowMs = 0.5
  for (let i = 0; i < 8; i += 1) {
    const rest = health.resting(T, nowMs)
    assert(rest)
    rests.push(Math.round(rest.ms))
    nowMs += rest.ms + 1
    fail(health, nowMs)
    nowMs += 0.5
  }
  assert.deepEqual(rests, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
})

test('a rest is jittered by at most a fifth', () => {
  const health = createHealth(() => 0.999999)
  open(health)
  const rest = health.resting(T, 0.5)
  assert(rest !== undefined && rest.ms > 5_999 && rest.ms <= 6_000)
})

test('while a probe is under way others pass the target by; two successes close it', () => {
  const health = steady()
  open(health)
  assert.equal(health.resting(T, 5_001), undefined)
  const probe = health.began(T, 5_001)
  assert.notEqual(health.resting(T, 5_002), undefined)
  health.succeeded(T, probe, 5_003)
  const second = health.began(T, 5_004)
  assert.notEqual(health.resting(T, 5_005), undefined, 'one success is not enough')
  health.succeeded(T, second, 5_006)
  health.began(T, 5_007)
  assert.equal(health.resting(T, 5_008), undefined)
})

test('a probe that was given up frees its place', () => {
  const health = steady()
  open(health)
  const probe = health.began(T, 5_001)
  health.ended(T, probe)
  assert.equal(health.resting(T, 5_002), undefined)
})

test('a hundred requests that fail together are one outage', () => {
  const health = steady()
  const trials = Array.from({ length: 100 }, () => health.began(T, 0))
  for (const trial of trials) {
    health.failed(
      T,
      trial,
      { fault: 'overload', error: ERROR, retryAfterMs: undefined, opensAtOnce: false },
      1,
    )
  }
  assert.equal(health.resting(T, 1)?.ms, 5_000)
})

test('how often it opened is forgotten a step every healthy half minute', () => {
  const health = steady()
  open(health)
  fail(health, 5_001)
  fail(health, 15_002)
  succeed(health, 40_000)
  succeed(health, 40_001)
  // Opened three times; two of them are forgotten.
  open(health, 40_001.5 + 60_000)
  assert.equal(health.resting(T, 100_002)?.ms, 10_000)
})

test('the caller’s own faults say nothing about a target', () => {
  const health = steady()
  for (let i = 0; i < 50; i += 1) {
    for (const fault of ['request', 'context', 'model'] as const) fail(health, 0, fault)
  }
  assert.equal(health.resting(T, 1), undefined)
})

test('a refused credential rests five minutes, its siblings with it, until it works again', () => {
  const health = steady()
  fail(health, 0, 'credential')
  health.cool('openai other', ERROR, 0)
  assert.equal(health.resting(T, 0.5)?.ms, 300_000)
  assert.equal(health.resting('openai other', 0)?.ms, 300_000)
  const trial = health.began(T, 1_000)
  assert.equal(health.succeeded(T, trial, 1_001), true)
  health.warm('openai other')
  assert.equal(health.resting(T, 1_002), undefined)
  assert.equal(health.resting('openai other', 1_002), undefined)
})

test('a certificate that does not hold opens at once', () => {
  const health = steady()
  const trial = health.began(T, 0)
  health.failed(
    T,
    trial,
    { fault: 'transport', error: ERROR, retryAfterMs: undefined, opensAtOnce: true },
    1,
  )
  assert.equal(health.resting(T, 1)?.ms, 5_000)
})

test('where all rest, the one that failed the longest ago is asked, once a second', () => {
  const health = steady()
  open(health, 10)
  for (let i = 0; i < 5; i += 1) fail(health, 0, 'server', undefined, 'b')
  assert.equal(health.lastResort([T, 'b'], 1_000), 'b')
  assert.equal(health.lastResort([T, 'b'], 1_999), undefined)
  assert.notEqual(health.lastResort([T, 'b'], 2_000), undefined)
})

test('a last resort that fails does not lengthen the rest; one that succeeds ends it', () => {
  const health = steady()
  open(health)
  fail(health, 1_000)
  assert.equal(health.resting(T, 1_001)?.ms, 3_999.5)
  succeed(health, 2_000)
  assert.equal(health.resting(T, 2_001), undefined)
  // The next one is a probe; who comes meanwhile need not wait any more.
  health.began(T, 2_001)
  assert.equal(health.lastResort([T], 2_002), T)
  assert.equal(health.lastResort([T], 2_003), T)
})

test('one target’s rest is not another’s, and a renamed one begins afresh', () => {
  const health = steady()
  fail(health, 0, 'rate', 3_000)
  assert.equal(health.resting('openai gpt-5-mini', 1), undefined)
  const renamed = renameTargets(health, (target) => `${target} 2`)
  assert.equal(renamed.resting(T, 1), undefined)
  open(renamed)
  assert.notEqual(health.resting(`${T} 2`, 1), undefined)
  assert.equal(renamed.lastResort([T], 1_000), T)
})
