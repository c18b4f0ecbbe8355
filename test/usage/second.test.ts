import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readHalved, readPart } from '../../src/usage/halves.ts'
import type { FilePart, SecondReader } from '../../src/usage/halves.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import { createCounts, createLineReader } from '../../src/usage/lines.ts'
import type { LineCounts } from '../../src/usage/lines.ts'
import type { UsageReport } from '../../src/usage/report.ts'
import { createReportFrom, createSecondReader } from '../../src/usage/second.ts'
import type { ReportRecipe } from '../../src/usage/second.ts'
import { comparable } from './logged-usage.ts'

const RECIPE: ReportRecipe = {
  by: ['user', 'model', 'day'],
  filters: { users: [], models: [], providers: [], outcomes: [] },
  zone: 'Europe/London',
  prices: {
    models: new Map([
      ['local', { upstreamName: 'qwen3', price: { input: 0.1, output: 0.3 } }],
      ['hosted', { upstreamName: 'openai/gpt-oss-120b', price: undefined, provider: 'groq' }],
    ]),
    providers: new Map([['groq', { baseUrl: 'https://api.groq.com/openai/v1' }]]),
  },
}
const MODELS = ['gpt-5', 'local', 'hosted', 'unheard-of', 'gpt-5.6-sol']

/** Some days of requests, with lines that cannot be read: number `torn`, and the last tenth. */
function writeLog(t: TestContext, lines = 2000, torn = 101): FilePart {
  const folder = mkdtempSync(join(tmpdir(), 'usage-second-'))
  const path = join(folder, 'usage.jsonl')
  const text = Array.from({ length: lines }, (_, i) => {
    if (i === torn - 1 || i >= lines * 0.9) return `{"ts":"torn ${i}`
    const model = MODELS[i % 5] ?? ''
    return renderLine({
      ts: new Date(Date.UTC(2026, 6, 28) + i * 311_000).toISOString(),
      id: `req_${i}`,
      user: `user-${i % 7}`,
      api: 'chat',
      model,
      served_model: i % 11 === 0 ? 'local' : model,
      provider: 'any',
      status: 200,
      outcome: i % 13 === 0 ? 'truncated' : 'ok',
      prompt_tokens: (i * 7919) % 400_000,
      completion_tokens: i % 900,
      cached_tokens: i % 100,
      ms: i % 3000,
    })
  }).join('\n')
  writeFileSync(path, `${text}\n`)
  const descriptor = openSync(path, 'r')
  t.after(() => {
    closeSync(descriptor)
    rmSync(folder, { recursive: true })
  })
  const span = { sinceMs: -Infinity, untilMs: Infinity }
  return { name: 'usage.jsonl', descriptor, from: 0, to: text.length + 1, span }
}

interface Reading {
  readonly report: UsageReport
  /** The report, to be compared. */
  readonly plain: unknown
  readonly counts: LineCounts
}

function readWhole(whole: FilePart): Reading {
  const fold = createReportFrom(RECIPE)
  const counts = createCounts()
  const reader = createLineReader(whole.name, whole.span, counts, fold)
  readPart(whole, reader)
  reader.end()
  return readingOf(fold.result(), counts)
}

async function readTwice(
  whole: FilePart,
  secondFor: (fold: ReturnType<typeof createReportFrom>) => SecondReader | undefined,
): Promise<Reading> {
  const fold = createReportFrom(RECIPE)
  const counts = createCounts()
  const reader = createLineReader(whole.name, whole.span, counts, fold)
  const second = secondFor(fold)
  assert.ok(second)
  await readHalved(whole, reader, second, counts)
  return readingOf(fold.result(), counts)
}

function readingOf(report: UsageReport, counts: LineCounts): Reading {
  return { report, plain: comparable(report), counts }
}

function assertSame(one: Reading, other: Reading, why?: string): void {
  assert.deepEqual([one.plain, one.counts], [other.plain, other.counts], why)
}

test('two threads say of a log what one says, to the last digit', async (t) => {
  const whole = writeLog(t)
  let added = 0
  const halved = await readTwice(whole, (fold) =>
    createSecondReader(
      RECIPE,
      {
        addPart(part) {
          added += part.rows.length
          return fold.addPart(part)
        },
      },
      2,
    ),
  )
  assert.ok(added > 0)
  const alone = readWhole(whole)
  assertSame(halved, alone)
  assert.equal(alone.counts.firstSkipped, 'usage.jsonl:101')
  assert.ok(alone.report.failoverPairs.length > 0)
  assert.ok(alone.report.unpricedModels.length > 0)
})

test('the first unreadable line has its number in the file, where it is in the second half', async (t) => {
  const whole = writeLog(t, 2000, 1900)
  const halved = await readTwice(whole, (fold) => createSecondReader(RECIPE, fold, 2))
  assert.equal(halved.counts.firstSkipped, 'usage.jsonl:1801')
  assert.deepEqual(halved.counts, readWhole(whole).counts)
})

test('what the second thread cannot do, the first one does', async (t) => {
  const whole = writeLog(t, 500)
  const alone = readWhole(whole)
  const seconds: Record<string, SecondReader> = {
    'it did not start': { read: async () => undefined },
    'it cannot be added': { read: async () => ({ counts: createCounts(), add: () => false }) },
  }
  for (const [why, second] of Object.entries(seconds)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    assertSame(await readTwice(whole, () => second), alone, why)
  }
})

test('a second thread that fails is one that did not start', async (t) => {
  const whole = writeLog(t, 200)
  // There is no such zone for the second thread; the first one's report does not ask.
  const broken = { ...RECIPE, zone: 'Nowhere/Land' }
  const halved = await readTwice(whole, (fold) => createSecondReader(broken, fold, 2))
  assertSame(halved, readWhole(whole))
})

test('the second thread is there before the first one reads on, which lets nothing else happen', async (t) => {
  const whole = writeLog(t, 200)
  const second = createSecondReader(RECIPE, createReportFrom(RECIPE), 2)
  let begun = false
  // Told on the tick after a thread was made.
  process.once('worker', () => (begun = true))
  const reading = second?.read(whole)
  assert.ok(await new Promise((resolve) => process.nextTick(() => resolve(begun))))
  assert.equal((await reading)?.counts.lines, 200)
})

test('a machine with one core has no second thread', () => {
  assert.equal(createSecondReader(RECIPE, { addPart: () => true }, 1), undefined)
})
