/** The log line written by hand and the one JSON.stringify writes, held against each other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLedger, renderLine } from '../../src/usage/ledger.ts'
import type { LedgerFiles } from '../../src/usage/ledger.ts'
import { createPlainLines } from '../../src/usage/plain-line.ts'
import type { AttemptRecord, UsageRecord } from '../../src/usage/record.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'

const NAMES = ['bench', 'gpt-5', 'claude-sonnet-4-5', 'openai', 'a b', ''] as const
const ODD = [
  '"',
  '\\',
  'a"b\\c',
  '\u0000',
  '\n',
  '\u001b[2J',
  '\u007f',
  '\u0085',
  'é',
  'ü\u202e',
  '\u2028',
  '\ufeff',
  '漢字',
  '😀',
  '\ud800',
  'a\udc00b',
  '\u{e0041}',
  'x'.repeat(300),
  'y'.repeat(5000),
  `${'z'.repeat(1500)}"`,
] as const
const FIGURES = [0, 1, 13, 1_000_000, 2 ** 31, 2 ** 53, 1e21, 1.5, 0.1 + 0.2, -0] as const
const ODD_FIGURES = [NaN, Infinity, -Infinity, 5e-324, -1] as const

/** How often out of so many something is not as usual. */
type Oddness = 1_000_000 | 40 | 4

function text(random: Random, oddness: Oddness): string {
  return random.once(oddness) ? random.pick(ODD) : random.pick(NAMES)
}

function figure(random: Random, oddness: Oddness): number {
  if (random.once(oddness)) return random.pick(ODD_FIGURES)
  return random.once(2) ? random.pick(FIGURES) : random.below(100_000)
}

function attempt(random: Random, record: Partial<UsageRecord>, oddness: Oddness): AttemptRecord {
  if (random.once(2)) {
    const { served_model: model = 'gpt-5', provider = 'openai', status = 200 } = record
    return { model, provider, status, ms: figure(random, oddness) }
  }
  return {
    model: text(random, oddness),
    provider: text(random, oddness),
    ...(random.once(2) && { status: figure(random, oddness) }),
    ...(random.once(2) && { class: random.pick(['server', 'rate', 'limit']) }),
    ...(random.once(4) && { resting_s: figure(random, oddness) }),
    ms: figure(random, oddness),
    // Added where all else is known.
    ...(random.once(4) && { maybe_billed: true }),
  }
}

/** A record with its fields in the order in which they are set while a request goes by. */
function recordOf(random: Random, oddness: Oddness): UsageRecord {
  const some = (): boolean => random.once(2)
  const record: { -readonly [K in keyof UsageRecord]?: UsageRecord[K] } = {}
  record.ts = new Date(random.below(2 ** 41)).toISOString()
  record.id = random.once(oddness) ? random.pick(ODD) : `req_${random.below(2 ** 31).toString(36)}`
  if (some()) record.user = text(random, oddness)
  record.api = random.pick(['chat', 'messages', 'responses', 'embeddings', 'count_tokens'])
  if (some()) record.stream = true
  if (some()) record.model = text(random, oddness)
  if (some()) record.served_model = text(random, oddness)
  if (some()) record.provider = text(random, oddness)
  record.status = random.pick([200, 200, 404, 499, 502])
  record.outcome = random.pick(['ok', 'refused', 'failed', 'truncated', 'aborted'])
  if (some()) record.error = text(random, oddness)
  if (some()) record.prompt_tokens = figure(random, oddness)
  if (some()) record.completion_tokens = figure(random, oddness)
  if (some()) record.total_tokens = figure(random, oddness)
  if (some()) record.cached_tokens = figure(random, oddness)
  if (some()) record.cache_write_tokens = figure(random, oddness)
  if (some()) record.cache_write_1h_tokens = figure(random, oddness)
  if (some()) record.reasoning_tokens = figure(random, oddness)
  if (random.once(8)) {
    // What was told stays where it is, the rest comes behind it.
    record.prompt_tokens = figure(random, oddness)
    record.total_tokens = figure(random, oddness)
    record.completion_tokens = figure(random, oddness)
    record.estimated = true
  }
  if (random.once(8)) record.mock = true
  record.ms = figure(random, oddness)
  if (some()) record.ttft_ms = figure(random, oddness)
  if (!random.once(8)) {
    const length = random.pick([0, 1, 1, 1, 2, 3])
    record.attempts = Array.from({ length }, () => attempt(random, record, oddness))
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is not optional is set above
  return record as UsageRecord
}

test('a line written by hand is the very text of JSON.stringify', () => {
  for (const [seed, oddness] of [
    [1, 1_000_000],
    [2, 40],
    [3, 4],
  ] as const) {
    const random = createRandom(seed)
    const render = createPlainLines()
    let written = 0
    const rounds = 30_000
    for (let i = 0; i < rounds; i++) {
      const record = recordOf(random, oddness)
      const line = render(record)
      if (line === undefined) continue
      written += 1
      assert.equal(line, JSON.stringify(record))
      assert.equal(line, renderLine(record))
      assert.match(line, /^[ -~]{1,4096}$/)
    }
    // Else this would be a test of nothing.
    if (oddness === 1_000_000) assert.ok(written > rounds * 0.7, `${written} lines`)
    else assert.ok(written > 0 && written < rounds)
  }
})

test('what is remembered of names is forgotten in time, and never mistaken', () => {
  const render = createPlainLines()
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3000; i++) {
      const record = recordOf(createRandom(i), 1_000_000)
      // Only put in their places: one that is not there would come at the end.
      const user = record.user === undefined ? {} : { user: `user-${i % 50}` }
      const model = record.model === undefined ? {} : { model: `model-${i}` }
      const named = { ...record, ...user, ...model }
      const line = render(named)
      if (line !== undefined) assert.equal(line, JSON.stringify(named))
    }
  }
})

interface Disk {
  readonly files: LedgerFiles
  content(): string
}

/** A disk in memory where each write is decided by `random`: whole, short, or failed. */
function createFaultyDisk(random: Random, takesText: boolean): Disk {
  let bytes = Buffer.alloc(0)
  function take(chunk: Buffer): number {
    const fault = random.below(6)
    if (fault === 0) throw Object.assign(new Error('made up'), { code: 'EINTR' })
    if (fault === 1) throw Object.assign(new Error('made up'), { code: 'EIO' })
    const taken = fault < 4 ? chunk : chunk.subarray(0, random.below(chunk.length + 1))
    bytes = Buffer.concat([bytes, taken])
    return taken.length
  }
  return {
    content: () => bytes.toString(),
    files: {
      open: () => 3,
      write: (_descriptor, chunk, offset) => take(Buffer.from(chunk.subarray(offset))),
      ...(takesText && {
        writePlain: (_descriptor: number, line: string) => take(Buffer.from(line, 'latin1')),
      }),
      describe: () => ({
        device: 1,
        inode: 1,
        regular: true,
        sizeBytes: bytes.length,
        loose: false,
      }),
      locate: () => ({ device: 1, inode: 1 }),
      lastByte: () => bytes.at(-1),
      tighten() {},
      sync() {},
      close() {},
    },
  }
}

test('whatever happens to a write, a log of texts and a log of bytes are the same', () => {
  for (let seed = 0; seed < 200; seed++) {
    const [asText, asBytes] = [true, false].map((takesText) => {
      const disk = createFaultyDisk(createRandom(seed), takesText)
      const random = createRandom(seed + 1000)
      const told: string[] = []
      let nowMs = 0
      const ledger = createLedger({
        path: 'usage.jsonl',
        files: disk.files,
        now: () => nowMs,
        onFailure: (error) => told.push(error.message),
      })
      const seen: unknown[] = []
      for (let i = 0; i < 30; i++) {
        const record = recordOf(random, 40)
        const line = ledger.append(record)
        assert.equal(line, renderLine(record))
        seen.push(line, ledger.available)
        nowMs += random.below(600)
        seen.push(ledger.check())
      }
      ledger.close()
      return { seen, told, content: disk.content() }
    })
    assert.deepEqual(asText, asBytes, `seed ${seed}`)
  }
})
