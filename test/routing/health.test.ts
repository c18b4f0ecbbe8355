import assert from 'node:assert/strict'
import test from 'node:test'
import { createHealth, renameTargets } from '../../src/routing/health.ts'

const T = 'openai gpt-5'

test('a target told to wait rests for its Retry-After, and no longer than a minute', () => {
  const health = createHealth()
  health.failed(T, 'rate', 3_000, 1_000)
  assert.deepEqual(health.resting(T, 1_000), { ms: 3_000, why: 'rate' })
  assert.equal(health.resting(T, 4_000), undefined)
  health.failed(T, 'rate', 3_600_000, 10_000)
  assert.equal(health.resting(T, 10_000)?.ms, 60_000)
})

test('a target rests after five failures in a row, and not after four', () => {
  const health = createHealth()
  for (let i = 0; i < 4; i++) health.failed(T, 'server', undefined, 0)
  assert.equal(health.resting(T, 0), undefined)
  health.failed(T, 'server', undefined, 0)
  assert.deepEqual(health.resting(T, 0), { ms: 5_000, why: 'server' })
})

test('a success in between starts the count again', () => {
  const health = createHealth()
  for (let i = 0; i < 4; i++) health.failed(T, 'server', undefined, 0)
  health.succeeded(T)
  for (let i = 0; i < 4; i++) health.failed(T, 'server', undefined, 0)
  assert.equal(health.resting(T, 0), undefined)
})

test('a failed probe rests twice as long each time, up to five minutes', () => {
  const health = createHealth()
  for (let i = 0; i < 5; i++) health.failed(T, 'overload', undefined, 0)
  const rests: number[] = []
  let nowMs = 0
  for (let i = 0; i < 8; i++) {
    const rest = health.resting(T, nowMs)
    assert(rest)
    rests.push(rest.ms)
    nowMs += rest.ms
    health.probing(T, nowMs)
    health.failed(T, 'overload', undefined, nowMs)
  }
  assert.deepEqual(rests, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
})

test('while a probe is under way others pass the target by', () => {
  const health = createHealth()
  for (let i = 0; i < 5; i++) health.failed(T, 'server', undefined, 0)
  assert.equal(health.resting(T, 5_000), undefined)
  health.probing(T, 5_000)
  assert.notEqual(health.resting(T, 5_001), undefined)
  health.succeeded(T)
  assert.equal(health.resting(T, 5_002), undefined)
})

test('the caller’s own faults say nothing about a target', () => {
  const health = createHealth()
  for (let i = 0; i < 50; i++) {
    health.failed(T, 'request', undefined, 0)
    health.failed(T, 'context', undefined, 0)
    health.failed(T, 'model', undefined, 0)
  }
  assert.equal(health.resting(T, 0), undefined)
})

test('one target’s rest is not another’s', () => {
  const health = createHealth()
  health.failed(T, 'rate', 3_000, 0)
  assert.equal(health.resting('openai gpt-5-mini', 0), undefined)
})

test('under another name a target begins afresh, while the old name keeps its memory', () => {
  const health = createHealth()
  const old = renameTargets(health, (target) => `${target} 1`)
  const next = renameTargets(health, (target) => `${target} 2`)
  old.failed(T, 'rate', 3_000, 0)
  assert.deepEqual(old.resting(T, 0), { ms: 3_000, why: 'rate' })
  assert.equal(next.resting(T, 0), undefined)
  const same = renameTargets(health, (target) => `${target} 1`)
  same.succeeded(T)
  assert.equal(old.resting(T, 0), undefined)
  old.failed(T, 'rate', 3_000, 0)
  health.forget(`${T} 1`)
  assert.equal(old.resting(T, 0), undefined)
})
