import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { renderLine } from '../../src/usage/ledger.ts'
import { MS, PROMPT, TOTAL, TS_MS } from '../../src/usage/logged.ts'
import { createLineScanner, learnLine, namesKey, namesOf, readTime } from '../../src/usage/scan.ts'
import { SCAN_AHEAD_BYTES, scanLine } from '../../src/usage/scan.ts'
import type { LineScanner } from '../../src/usage/scan.ts'
import { streamedRecord } from './streamed-record.ts'

/** A scanner over these lines, and where each of them begins; the last line feed is the limit. */
function over(...lines: readonly string[]): {
  scanner: LineScanner
  starts: number[]
  limit: number
} {
  const text = lines.map((line) => `${line}\n`).join('')
  const bytes = Buffer.concat([Buffer.from(text), Buffer.alloc(SCAN_AHEAD_BYTES)])
  let at = 0
  const starts = lines.map((line) => {
    const start = at
    at += Buffer.byteLength(line) + 1
    return start
  })
  return { scanner: createLineScanner(bytes), starts, limit: at }
}

/** Learns from the first line; where the scan of the second one ends, counted from its beginning. */
function scanAfter(first: string, second: string): { end: number; scanner: LineScanner } {
  const { scanner, starts, limit } = over(first, second)
  const [one = 0, two = 0] = starts
  learnLine(scanner, one, two - 1, JSON.parse(first))
  const end = scanLine(scanner, two, limit, readTime(scanner, two))
  return { end: end === -1 ? -1 : end - two, scanner }
}

test('a line is left to the slow way until one like it was learnt, then it is scanned', () => {
  const first = renderLine(streamedRecord())
  const second = renderLine(
    streamedRecord({
      ts: '2026-11-22T15:59:59.999Z',
      id: 'req_01M82XM174ZTPSAH3E5RFNBFSV',
      prompt_tokens: 0,
      total_tokens: 123_456_789,
      ms: 7,
    }),
  )
  const { scanner, starts, limit } = over(first, second)
  assert.equal(scanLine(scanner, 0, limit, 0), -1)
  const { end, scanner: learnt } = scanAfter(first, second)
  assert.equal(end, second.length)
  assert.equal(learnt.figures[TS_MS], Date.UTC(2026, 10, 22, 15, 59, 59, 999))
  assert.equal(learnt.figures[PROMPT], 0)
  assert.equal(learnt.figures[TOTAL], 123_456_789)
  assert.equal(learnt.figures[MS], 7)
  assert.equal(namesOf(learnt).user, 'user-a')
  assert.equal(namesOf(learnt).served_model, 'gpt-5')
  assert.equal(starts.length, 2)
})

test('users are known apart from shapes: one shape serves them all', () => {
  const lines = [
    streamedRecord(),
    streamedRecord({ user: 'user-b', model: 'gpt-4o', served_model: 'gpt-4o' }),
    streamedRecord({ user: 'user-b' }),
  ].map((one) => renderLine(one))
  const { scanner, starts, limit } = over(...lines)
  for (const at of [0, 1]) {
    const start = starts[at] ?? 0
    learnLine(scanner, start, (starts[at + 1] ?? 0) - 1, JSON.parse(lines[at] ?? ''))
  }
  const third = starts[2] ?? 0
  assert.notEqual(scanLine(scanner, third, limit, readTime(scanner, third)), -1)
  assert.equal(namesOf(scanner).user, 'user-b')
  assert.equal(namesOf(scanner).model, 'gpt-5')
})

test('a line without user has the shape of one with a user, and nobody for its user', () => {
  const known = renderLine(streamedRecord())
  const nobody = known.replace('"user":"user-a",', '')
  const { end, scanner } = scanAfter(known, nobody)
  assert.equal(end, nobody.length)
  assert.equal(namesOf(scanner).user, undefined)
})

test('the key of the names tells users and shapes apart', () => {
  const keys = [
    streamedRecord(),
    streamedRecord({ user: 'user-b' }),
    streamedRecord({ outcome: 'truncated' }),
  ].map((one) => {
    const line = renderLine(one)
    const { scanner, starts, limit } = over(renderLine(streamedRecord()), line, line)
    const [, second = 0, third = 0] = starts
    learnLine(scanner, 0, second - 1, JSON.parse(renderLine(streamedRecord())))
    learnLine(scanner, second, third - 1, JSON.parse(line))
    assert.notEqual(scanLine(scanner, third, limit, 0), -1)
    return namesKey(scanner)
  })
  assert.equal(new Set(keys).size, 3)
})

const LEFT_TO_JSON: readonly (readonly [title: string, from: string, to: string])[] = [
  ['a number with a leading zero', '"ms":840', '"ms":0840'],
  ['a negative number', '"ms":840', '"ms":-840'],
  ['a fraction', '"ms":840', '"ms":840.5'],
  ['an exponent', '"ms":840', '"ms":84e1'],
  ['more digits than are sure', '"ms":840', '"ms":8400000000'],
  ['no number', '"ms":840', '"ms":null'],
  ['nothing', '"ms":840', '"ms":'],
  ['white space', '"ms":840', '"ms": 840'],
  ['another key', '"ms":840', '"mx":840'],
  ['a second model', '"ms":840', '"ms":840,"model":"other"'],
  ['another user', '"user":"user-a"', '"user":"user-z"'],
  ['an escaped user', '"user":"user-a"', '"user":"user-\\u0061"'],
  ['an escape in the id', 'req_01', 'req\\n01'],
  ['a quote in the id', 'req_01', 'req"01'],
  ['a control in the id', 'req_01', 'req\u000101'],
  ['something behind the line', ']}', ']} '],
]

for (const [title, from, to] of LEFT_TO_JSON) {
  test(`left to the slow way: ${title}`, () => {
    const known = renderLine(streamedRecord())
    const changed = known.replace(from, to)
    assert.notEqual(changed, known)
    const { end } = scanAfter(known, changed)
    // Where the end is right, a line feed must follow it: that is what the reader looks at.
    assert.ok(end === -1 || end < Buffer.byteLength(changed), String(end))
  })
}

test('a line that is not whole before the limit is none, whatever stands behind it', () => {
  const line = renderLine(streamedRecord())
  const { scanner, starts } = over(line, line)
  const [, second = 0] = starts
  learnLine(scanner, 0, second - 1, JSON.parse(line))
  for (let limit = second + 1; limit < second + line.length; limit++) {
    assert.equal(scanLine(scanner, second, limit, 0), -1)
  }
  assert.equal(scanLine(scanner, second, second + line.length, 0), second + line.length)
})

const NOT_LEARNT: readonly (readonly [title: string, line: string])[] = [
  ['a key that stands twice', renderLine(streamedRecord()).replace('"ms":', '"ms":1,"ms":')],
  ['white space', renderLine(streamedRecord()).replace('"ms":', '"ms": ')],
  ['an escape that need not be', renderLine(streamedRecord()).replace('gpt-5', 'gpt\\u002d5')],
  [
    'a user behind the model',
    renderLine(streamedRecord())
      .replace('"user":"user-a",', '')
      .replace('"status"', '"user":"user-a","status"'),
  ],
  ['a fraction', renderLine(streamedRecord({ ms: 1.5 }))],
]

for (const [title, line] of NOT_LEARNT) {
  test(`nothing is learnt from ${title}`, () => {
    const { scanner, starts, limit } = over(line, line)
    const [, second = 0] = starts
    learnLine(scanner, 0, second - 1, JSON.parse(line))
    assert.equal(scanLine(scanner, second, limit, 0), -1)
  })
}

test('times that are none are left to the slow way', () => {
  for (const ts of [
    '2026-02-30T00:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-00-01T00:00:00.000Z',
    '2026-11-22T24:00:00.000Z',
    '2026-11-22T15:60:00.000Z',
    '2026-11-22T15:12:60.000Z',
    '2026-11-22T15:12:11.03xZ',
    '2026-11-22T15:12:11.0x4Z',
    '2026-11-22T1x:12:11.034Z',
    '20x6-11-22T15:12:11.034Z',
    'x026-11-22T15:12:11.034Z',
    // Date.UTC takes years below 100 for those of the last century.
    '0050-11-22T15:12:11.034Z',
    '2026-11-2\u00e415:12:11.034Z',
    '2026-11-22T15:12:11.034+',
    '2026-11-22 15:12:11.034Z',
  ]) {
    const { scanner } = over(`{"ts":"${ts}","user":"a"}`)
    assert.ok(Number.isNaN(readTime(scanner, 0)), ts)
    // Not from memory either.
    assert.ok(Number.isNaN(readTime(scanner, 0)), ts)
  }
})

test('every time that the ledger writes is read, in any order', () => {
  const date = fc.date({
    min: new Date('0100-01-01T00:00:00.000Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(fc.array(date, { minLength: 1, maxLength: 5 }), (dates) => {
      const { scanner, starts } = over(...dates.map((one) => `{"ts":"${one.toISOString()}"`))
      starts.forEach((start, i) => assert.equal(readTime(scanner, start), dates[i]?.getTime()))
    }),
  )
})
