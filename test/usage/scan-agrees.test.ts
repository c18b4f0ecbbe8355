/** The fast way of reading a line and the slow one, held against each other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { renderLine } from '../../src/usage/ledger.ts'
import { createCounts, createLineReader } from '../../src/usage/lines.ts'
import type { LineCounts, TimeSpan } from '../../src/usage/lines.ts'
import {
  ABSENT,
  CACHED,
  CACHE_WRITE,
  CACHE_WRITE_HOUR,
  COMPLETION,
  MS,
} from '../../src/usage/logged.ts'
import { PROMPT, REASONING, TOTAL, TS_MS } from '../../src/usage/logged.ts'
import type { Figures, LoggedNames, LoggedUsage } from '../../src/usage/logged.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { feed } from './feed.ts'

const EVERYTHING: TimeSpan = { sinceMs: -Infinity, untilMs: Infinity }

const SECOND_HOUR_MS = Date.UTC(2026, 10, 22, 1)

interface Reading {
  readonly usages: LoggedUsage[]
  readonly counts: LineCounts
}

/** What `lines.ts` promises of a whole log, read by nothing but JSON.parse. */
function readPlainly(log: Buffer): Reading {
  const usages: LoggedUsage[] = []
  const counts = createCounts()
  const blank = /^[\0 \t\n\r]+|[\0 \t\n\r]+$/g
  const pieces = log.toString('latin1').split('\n')
  pieces.forEach((piece, i) => {
    const line = piece.replaceAll(blank, '')
    const torn = i === pieces.length - 1
    if (line === '') return
    counts.lines++
    const parts = readPlainLine(line) === undefined ? line.split(/(?!^)(?=\{"ts":")/) : [line]
    let bad = false
    parts.forEach((part, at) => {
      const usage = readPlainLine(part.replaceAll(blank, ''))
      if (usage !== undefined) {
        usages.push(usage)
        counts.earliestMs = Math.min(counts.earliestMs ?? Infinity, usage.ts_ms)
        counts.latestMs = Math.max(counts.latestMs ?? -Infinity, usage.ts_ms)
      } else if (!(torn && at === parts.length - 1)) bad = true
    })
    if (!bad) return
    counts.skipped++
    counts.firstSkipped ??= `log:${i + 1}`
  })
  return { usages, counts }
}

function readPlainLine(latin1: string): LoggedUsage | undefined {
  let line: Record<string, unknown>
  try {
    line = JSON.parse(Buffer.from(latin1, 'latin1').toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof line !== 'object' || line === null || Array.isArray(line)) return undefined
  const tsMs = typeof line['ts'] === 'string' ? Date.parse(line['ts']) : NaN
  if (Number.isNaN(tsMs)) return undefined
  const text = (key: string): string | undefined => {
    const value = line[key]
    return typeof value === 'string' ? value : undefined
  }
  const count = (key: string): number | undefined => {
    const value = line[key]
    const fits = typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    return fits ? value : undefined
  }
  return {
    ts_ms: tsMs,
    user: text('user'),
    api: text('api'),
    model: text('model'),
    served_model: text('served_model'),
    provider: text('provider'),
    outcome: text('outcome'),
    prompt_tokens: count('prompt_tokens'),
    completion_tokens: count('completion_tokens'),
    total_tokens: count('total_tokens'),
    cached_tokens: count('cached_tokens'),
    cache_write_tokens: count('cache_write_tokens'),
    cache_write_1h_tokens: count('cache_write_1h_tokens'),
    reasoning_tokens: count('reasoning_tokens'),
    estimated: line['estimated'] === true,
    mock: line['mock'] === true,
    ms: count('ms'),
  }
}

/** What the reader says, how it is told, and how many records were counted without asking for their names. */
function readQuickly(
  log: Buffer,
  pieceBytes: number,
  expectedBytes: number,
  span = EVERYTHING,
): Reading & { scanned: number } {
  const usages: LoggedUsage[] = []
  const counts = createCounts()
  let scanned = 0
  const sink = {
    placeOf(names: LoggedNames) {
      scanned--
      return names
    },
    count(names: LoggedNames, figures: Figures) {
      scanned++
      usages.push({
        ...names,
        ts_ms: figures[TS_MS] ?? NaN,
        prompt_tokens: told(figures, PROMPT),
        completion_tokens: told(figures, COMPLETION),
        total_tokens: told(figures, TOTAL),
        cached_tokens: told(figures, CACHED),
        cache_write_tokens: told(figures, CACHE_WRITE),
        cache_write_1h_tokens: told(figures, CACHE_WRITE_HOUR),
        reasoning_tokens: told(figures, REASONING),
        ms: told(figures, MS),
      })
    },
  }
  const reader = createLineReader('log', span, counts, sink, expectedBytes)
  feed(reader, log, pieceBytes)
  return { usages, counts, scanned }
}

function told(figures: Figures, at: number): number | undefined {
  return figures[at] === ABSENT ? undefined : figures[at]
}

const COUNT = fc.oneof(
  { weight: 8, arbitrary: fc.option(fc.nat({ max: 10 ** 6 }), { nil: undefined }) },
  fc.constantFrom(0, 999_999_999, 1_000_000_000, 2 ** 53, 1e21, -1, 0.5, 1e-7),
)
const PLAIN_NAME = fc.constantFrom('gpt-5', 'claude-sonnet-4-20250514', 'local', '')
const NAME = fc.oneof(
  { weight: 8, arbitrary: PLAIN_NAME },
  fc.constantFrom(
    'naïve',
    'a"b',
    'a\\b',
    '\u202e',
    '\ud800',
    '\ufffd',
    '{"ts":"',
    '__proto__',
    '1',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }),
)
const MAYBE_NAME = fc.option(NAME, { nil: undefined })

/** Records of few shapes, as the ledger writes them, and in orders of its own making. */
const LINE = fc
  .record({
    ts: fc
      .integer({ min: Date.UTC(2026, 10, 22), max: Date.UTC(2026, 10, 22, 3) })
      .map((ms) => new Date(ms).toISOString()),
    id: fc.oneof(
      { weight: 4, arbitrary: fc.constant('req_01M82XM00Q7WVBNMQFPVG50JH0') },
      NAME,
      fc.string({ minLength: 30, maxLength: 30 }),
    ),
    user: MAYBE_NAME,
    api: fc.constantFrom('chat', 'messages'),
    model: MAYBE_NAME,
    served_model: fc.constantFrom('gpt-5', undefined),
    status: fc.constantFrom(200, 429),
    outcome: fc.constantFrom('ok', 'failed'),
    prompt_tokens: COUNT,
    completion_tokens: COUNT,
    total_tokens: COUNT,
    cache_write_tokens: fc.constantFrom(undefined, 0, 5),
    cache_write_1h_tokens: fc.constantFrom(undefined, 0, 3),
    estimated: fc.constantFrom(true, undefined),
    mock: fc.constantFrom(true, undefined),
    ms: COUNT,
    attempts: fc.array(
      fc.record({ model: PLAIN_NAME, status: fc.constantFrom(200, 503), ms: fc.nat(2000) }),
      { maxLength: 2 },
    ),
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- some of it no ledger would write
  .map((made) => renderLine(made as unknown as UsageRecord))

const DAMAGE = fc.oneof(
  { weight: 30, arbitrary: fc.constant((line: Buffer) => line) },
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => (line: Buffer) => {
    const changed = Buffer.from(line)
    changed[at % changed.length] = byte
    return changed
  }),
  fc.tuple(fc.nat(), fc.nat(40)).map(([at, length]) => (line: Buffer) => {
    const from = at % line.length
    return Buffer.concat([line.subarray(0, from), line.subarray(from + length)])
  }),
  fc
    .tuple(
      fc.nat(),
      fc.constantFrom('"', '\\', ' ', '0', '-', '.5', 'e9', ',', '}', '\0', '\r', '\xff', '\xc3', '"ms":9,', ',"model":"x"', '{"ts":"', '\n'), // prettier-ignore
    )
    .map(([at, more]) => (line: Buffer) => {
      const from = at % (line.length + 1)
      return Buffer.concat([
        line.subarray(0, from),
        Buffer.from(more, 'latin1'),
        line.subarray(from),
      ])
    }),
  fc.constantFrom(
    (line: Buffer) => Buffer.from(line.toString().replace(/"ms":(\d)/, '"ms":0$1')),
    (line: Buffer) => Buffer.from(line.toString().replace('"status":', '"ms":77,"status":')),
    (line: Buffer) => Buffer.from(line.toString().replaceAll(':', ': ')),
    (line: Buffer) => Buffer.concat([line, Buffer.from('\r')]),
    (line: Buffer) => Buffer.concat([line, line]),
    (line: Buffer) =>
      Buffer.from(line.toString().replace(/("user":"[^"]*",)(.*)("status":)/, '$2$1$3')),
    (line: Buffer) => Buffer.concat([Buffer.alloc(9), line]),
    (line: Buffer) => Buffer.from(line.toString().replace('{"ts"', '{"status":1,"ts"')),
    (line: Buffer) => Buffer.from(line.toString().replace('gpt-5', 'gpt\\u002d5')),
    () => Buffer.alloc(0),
  ),
)

test('the scanner and JSON.parse say the same of every log, whole or damaged, cut anywhere', () => {
  let scanned = 0
  let records = 0
  fc.assert(
    fc.property(
      // Few lines many times over, so that shapes are met again.
      fc.array(LINE, { minLength: 1, maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(2), DAMAGE, fc.nat({ max: 10 ** 7 })), {
        minLength: 20,
        maxLength: 60,
      }),
      fc.constantFrom(Infinity, 777, 64),
      fc.constantFrom('\n', ''),
      (lines, picks, pieceBytes, end) => {
        const log = Buffer.concat(
          picks.flatMap(([at, damage, figure], i) => {
            const line = lines[at % lines.length] ?? ''
            const varied = line.replace(/"(prompt_tokens|ms)":\d+/g, `"$1":${figure}`)
            return [damage(Buffer.from(varied)), Buffer.from(i < picks.length - 1 ? '\n' : end)]
          }),
        )
        const plain = readPlainly(log)
        // Without the kernel, and with it.
        for (const expectedBytes of [0, Infinity]) {
          const quick = readQuickly(log, pieceBytes, expectedBytes)
          assert.deepEqual(quick.usages, plain.usages)
          assert.deepEqual(quick.counts, plain.counts)
          scanned += quick.scanned
          records += quick.usages.length
        }
        const span = { sinceMs: SECOND_HOUR_MS, untilMs: SECOND_HOUR_MS + 3_600_000 }
        const some = readQuickly(log, pieceBytes, 0, span)
        assert.deepEqual(
          { ...readQuickly(log, pieceBytes, Infinity, span), scanned: 0 },
          { ...some, scanned: 0 },
        )
      },
    ),
    { numRuns: Number(process.env['SCAN_RUNS'] ?? 500) },
  )
  // The comparison would be worth nothing if the fast way were never taken.
  assert.ok(scanned > records / 4, `${scanned} of ${records} records were scanned`)
})
