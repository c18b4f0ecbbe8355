import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createUseOf, readPastUse } from '../../src/usage/past-use.ts'
import type { UsedBefore } from '../../src/usage/past-use.ts'
import { createPriceLookup } from '../../src/usage/prices.ts'

const SINCE = Date.parse('2026-11-22T00:00:00Z')
const HOUR_MS = 3_600_000
const PRICE = { input: 1_000_000, output: 2_000_000 }
const useOf = createUseOf(createPriceLookup(new Map([['m', { upstreamName: 'm', price: PRICE }]])))

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-past-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function line(ts: string, changes: object = {}): string {
  const record = {
    ts,
    id: 'req_1',
    user: 'a',
    api: 'chat',
    model: 'm',
    served_model: 'm',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 15,
    ms: 1,
  }
  return `${JSON.stringify({ ...record, ...changes })}\n`
}

async function read(log: string, users = ['a']): Promise<UsedBefore[]> {
  const uses: UsedBefore[] = []
  await readPastUse({
    log,
    sinceMs: SINCE,
    users: new Set(users),
    useOf,
    onUse: (use) => uses.push(use),
  })
  return uses
}

test('what limited users used since then is told, with tokens and cost', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  writeFileSync(
    log,
    line('2026-11-21T23:59:59.999Z') +
      line('2026-11-22T00:00:00.000Z', { model: 'other', served_model: 'm' }) +
      line('2026-11-22T09:00:00.000Z', { user: 'free' }) +
      line('2026-11-22T10:00:00.000Z', { outcome: 'refused', error: 'budget_exceeded' }) +
      line('2026-11-22T11:00:00.000Z', { served_model: 'unpriced', model: 'unpriced' }) +
      line('2026-11-22T12:00:00.000Z', { api: 'count_tokens' }) +
      'half a li',
  )
  assert.deepEqual(await read(log), [
    { user: 'a', model: 'other', servedModel: 'm', tsMs: SINCE, tokens: 15, costUsd: 20 },
    {
      user: 'a',
      model: 'unpriced',
      servedModel: 'unpriced',
      tsMs: SINCE + 11 * HOUR_MS,
      tokens: 15,
      costUsd: undefined,
    },
    { user: 'a', model: 'm', servedModel: 'm', tsMs: SINCE + 12 * HOUR_MS, tokens: 0, costUsd: 0 },
  ])
})

test('a failed request is told with nothing used, an aborted one with what is known', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  const nothing = {
    served_model: undefined,
    prompt_tokens: undefined,
    completion_tokens: undefined,
    total_tokens: undefined,
  }
  writeFileSync(
    log,
    line('2026-11-22T10:00:00.000Z', { ...nothing, outcome: 'failed', status: 503 }) +
      line('2026-11-22T11:00:00.000Z', {
        ...nothing,
        outcome: 'aborted',
        prompt_tokens: 7,
        completion_tokens: 0,
        estimated: true,
      }),
  )
  const uses = await read(log)
  assert.deepEqual(
    uses.map(({ servedModel, tokens, costUsd }) => [servedModel, tokens, costUsd]),
    [
      [undefined, 0, 0],
      [undefined, 7, 7],
    ],
  )
})

test('rotated logs count as far as they were written since, copies of other names do not', async (t) => {
  const folder = temporaryFolder(t)
  const log = join(folder, 'usage.jsonl')
  const tell = (name: string, hour: string, content = line(`2026-11-22T${hour}:00:00.000Z`)) => {
    writeFileSync(join(folder, name), content)
  }
  tell('usage.jsonl', '12')
  tell('usage.jsonl.1', '11')
  tell('usage.jsonl-20261122', '10')
  writeFileSync(join(folder, 'usage.jsonl.2.gz'), gzipSync(line('2026-11-22T09:00:00.000Z')))
  tell('usage.jsonl.bak', '08')
  tell('other.jsonl.1', '07')
  tell('usage.jsonl.3', '06')
  mkdirSync(join(folder, 'usage.jsonl.4'))
  // Last written before: nothing in it can matter, whatever its lines say.
  utimesSync(join(folder, 'usage.jsonl.3'), SINCE / 1000 - 60, SINCE / 1000 - 60)
  const hours = (await read(log)).map(({ tsMs }) => new Date(tsMs).getUTCHours())
  assert.deepEqual(
    hours.toSorted((a, b) => a - b),
    [9, 10, 11, 12],
  )
})

test('a proxy that reads while it runs lets others go on between two blocks', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  writeFileSync(log, line('2026-11-22T10:00:00.000Z').repeat(5000))
  let pauses = 0
  let uses = 0
  await readPastUse({
    log,
    sinceMs: SINCE,
    users: new Set(['a']),
    useOf,
    onUse: () => {
      uses += 1
    },
    pause: async () => {
      pauses += 1
    },
  })
  assert.equal(uses, 5000)
  assert.ok(pauses >= 4, `${pauses} pauses in a megabyte`)
})

test('no log yet, stdout, a folder and a device have no past', async (t) => {
  const folder = temporaryFolder(t)
  for (const log of ['-', join(folder, 'none', 'usage.jsonl'), folder, '/dev/null']) {
    assert.deepEqual(await read(log), [], log)
  }
})

test('a log whose state cannot be known is an error, not an empty past', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  symlinkSync(log, log)
  await assert.rejects(read(log), { code: 'usage_log_unavailable' })
})

test('a path with a wildcard in it is a path', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'usage[1].jsonl'), line('2026-11-22T10:00:00.000Z'))
  writeFileSync(join(folder, 'usage1.jsonl'), line('2026-11-22T11:00:00.000Z'))
  assert.equal((await read(join(folder, 'usage[1].jsonl'))).length, 1)
  assert.equal((await read(join(folder, 'usage[2].jsonl'))).length, 0)
})

test('of a large log nothing that matters is passed over, in whatever order it was written', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  const rows = [
    // All of it is of today.
    ['2026-11-22T01:00:00.000Z', '2026-11-22T02:00:00.000Z'],
    // What ran for hours is written after what came later and was quick.
    ['2026-11-22T00:30:00.000Z', '2026-11-21T14:00:00.000Z'],
  ] as const
  for (const [first, others] of rows) {
    const descriptor = openSync(log, 'w')
    const block = line(others, { user: 'free' }).repeat(40_000)
    writeSync(descriptor, line(first))
    for (let written = 0; written < 90_000_000; written += block.length)
      writeSync(descriptor, block)
    closeSync(descriptor)
    assert.deepEqual(
      (await read(log)).map(({ tsMs }) => tsMs),
      [Date.parse(first)],
    )
  }
})

test('of a large log only the end is read: years cost no more than days', async (t) => {
  const log = join(temporaryFolder(t), 'usage.jsonl')
  const descriptor = openSync(log, 'w')
  // 100 MB of the past; were it read, its hours would be seen: a lone line of it lies in the future.
  const old = line('2026-10-01T10:00:00.000Z').repeat(40_000)
  writeSync(descriptor, line('2027-01-01T00:00:00.000Z'))
  for (let written = 0; written < 100_000_000; written += old.length) writeSync(descriptor, old)
  writeSync(descriptor, line('2026-11-21T23:00:00.000Z') + line('2026-11-22T10:00:00.000Z'))
  writeSync(descriptor, line('2026-11-22T09:00:00.000Z') + line('2026-11-22T11:00:00.000Z'))
  closeSync(descriptor)
  const hours = (await read(log)).map(({ tsMs }) => new Date(tsMs).getUTCHours())
  assert.deepEqual(hours, [10, 9, 11])
})
