import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readTodayUse } from '../../src/cli/today.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { createConfig, createModel, createRecord } from './fake-world.ts'

const NOON = new Date(2026, 10, 22, 12).getTime()

function writeLog(t: TestContext, records: readonly UsageRecord[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  t.after(() => {
    rmSync(directory, { recursive: true })
  })
  const path = join(directory, 'usage.jsonl')
  writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  return path
}

/** A request `hours` after local midnight of the day. */
function at(hours: number, changes: Partial<UsageRecord>): UsageRecord {
  const ts = new Date(2026, 10, 22, 0).getTime() + hours * 3_600_000
  return createRecord({ ts: new Date(ts).toISOString(), model: 'm', served_model: 'm', ...changes })
}

const PRICED = {
  ...createModel('m', 'openai'),
  price: {
    input: 1000,
    output: 0,
    cachedInput: undefined,
    cacheWrite: undefined,
    cacheWriteHour: undefined,
    reasoning: undefined,
  },
}

test('requests and cost since local midnight, by user', async (t) => {
  const log = writeLog(t, [
    at(-0.01, { user: 'a', prompt_tokens: 1000 }),
    at(0, { user: 'a', prompt_tokens: 1000 }),
    at(11, { user: 'a', prompt_tokens: 2000 }),
    at(11, { user: 'b', mock: true }),
    at(11, { user: 'c', prompt_tokens: 1000 }),
    at(11, { user: 'c', served_model: 'nobody-knows-its-price' }),
  ])
  const uses = await readTodayUse(createConfig({ log, models: new Map([['m', PRICED]]) }), NOON)
  const shown = [...(uses ?? [])].map(([user, { requests, costUsd }]) => [user, requests, costUsd])
  assert.deepEqual(shown, [
    ['a', 2, 3],
    ['b', 1, undefined],
    ['c', 2, undefined],
  ])
})

test('no log yet is no use; what cannot be read is no number', async () => {
  const missing = await readTodayUse(createConfig({ log: '/nonexistent/usage.jsonl' }), NOON)
  assert.equal(missing?.size, 0)
  for (const log of ['-', '/dev/null', '/']) {
    assert.equal(await readTodayUse(createConfig({ log }), NOON), undefined, log)
  }
})
