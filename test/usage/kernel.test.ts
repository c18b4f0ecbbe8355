/** The kernel and the scanner, held against each other byte by byte. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKernel } from '../../src/usage/kernel.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { createLineScanner, learnLine, namesOf, readTime } from '../../src/usage/scan.ts'
import { SCAN_AHEAD_BYTES, scanLine } from '../../src/usage/scan.ts'
import type { LineScanner } from '../../src/usage/scan.ts'
import { createTables } from '../../src/usage/tables.ts'
import { createRandom } from '../support/random.ts'
import { streamedRecord } from './streamed-record.ts'

const LINE_BYTES = 16 * 1024
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** With figures of more than a few digits. */
function record(rest: Partial<UsageRecord> = {}): UsageRecord {
  return streamedRecord({
    completion_tokens: 3912,
    total_tokens: 3925,
    ms: 84_017,
    ttft_ms: 315,
    ...rest,
  })
}

/** What the line after those that were learnt from says: its end counted from its beginning, -1 for a line that is left. */
interface Reading {
  readonly end: number
  readonly said: unknown
}

interface Readers {
  learn(line: string): void
  /** What the kernel says of a line that ends so many bytes before `limit`. */
  withKernel(line: Buffer, spare?: number): Reading
  withScanner(line: Buffer): Reading
}

/** Both of them over the same tables, so that what one has learnt or moved the other one has as well. */
function createReaders(): Readers {
  const kernel = createKernel(LINE_BYTES + SCAN_AHEAD_BYTES)
  assert.ok(kernel !== undefined)
  const { lines } = kernel
  const scanner = createLineScanner(lines, createTables(kernel.memory))
  return {
    learn(line) {
      const length = lines.write(`${line}\n`)
      readTime(scanner, 0)
      learnLine(scanner, 0, length - 1, JSON.parse(line))
    },
    withKernel(line, spare = 0) {
      line.copy(lines, 7)
      const end = kernel.read(7, 7 + line.length - spare)
      return readingOf(scanner, end === -1 ? -1 : end - 7)
    },
    withScanner(line) {
      line.copy(lines, 7)
      let end = scanLine(scanner, 7, 7 + line.length, readTime(scanner, 7))
      if (end !== -1 && lines[end] === CARRIAGE_RETURN) end++
      const whole = end !== -1 && lines[end] === LINE_FEED && end < 7 + line.length
      return readingOf(scanner, whole ? end + 1 - 7 : -1)
    },
  }
}

function readingOf(scanner: LineScanner, end: number): Reading {
  if (end === -1) return { end, said: undefined }
  return { end, said: { names: namesOf(scanner), figures: [...scanner.figures.subarray(0, 9)] } }
}

function bytesOf(line: string): Buffer {
  return Buffer.from(`${line}\n`)
}

test('the kernel says of a known line what the scanner says', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  const line = bytesOf(
    renderLine(record({ ts: '2026-11-22T15:59:58.907Z', prompt_tokens: 0, ms: 1_234_567 })),
  )
  const reading = readers.withKernel(line)
  assert.equal(reading.end, line.length)
  assert.deepEqual(reading, readers.withScanner(line))
})

test('with any byte of a line changed, the kernel says what the scanner says, or leaves it', () => {
  const readers = createReaders()
  for (const user of ['user-a', 'user-b', 'a user whose name takes more than sixteen bytes']) {
    readers.learn(renderLine(record({ user })))
  }
  let read = 0
  for (const user of ['user-a', 'a user whose name takes more than sixteen bytes']) {
    const line = bytesOf(renderLine(record({ user })))
    for (let at = 0; at < line.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = Buffer.from(line)
        changed[at] = byte
        const reading = readers.withKernel(changed)
        if (reading.end === -1) continue
        read++
        assert.deepEqual(reading, readers.withScanner(changed), `byte ${at} as ${byte}`)
      }
      // Another hour, or none, was the last one seen: back to this one.
      readers.withScanner(line)
    }
  }
  // Digits of times and numbers, and nearly anything in an id.
  assert.ok(read > 10_000, String(read))
})

test('what the scanner leaves to JSON.parse the kernel leaves too, wherever a byte is missing or more', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  const line = bytesOf(renderLine(record()))
  let left = 0
  for (let at = 0; at < line.length; at++) {
    for (const more of ['', '0', '7', ' ', '"', '\\', ',', '.', '\n', '\r', 'e']) {
      const from = more === '' ? at + 1 : at
      const changed = Buffer.concat([line.subarray(0, at), Buffer.from(more), line.subarray(from)])
      const reading = readers.withKernel(changed)
      if (reading.end === -1) left++
      else assert.deepEqual(reading, readers.withScanner(changed), `${at}: ${more}`)
      readers.withScanner(line)
    }
  }
  assert.ok(left > line.length * 5, String(left))
})

test('a line that is not whole before the limit is left, whatever stands behind it', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  const line = bytesOf(renderLine(record()))
  for (let spare = 1; spare < line.length; spare++) {
    assert.equal(readers.withKernel(line, spare).end, -1, String(spare))
  }
  assert.equal(readers.withKernel(line).end, line.length)
})

test('CRLF is tolerated', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  const line = Buffer.from(`${renderLine(record())}\r\n`)
  assert.equal(readers.withKernel(line).end, line.length)
  assert.equal(readers.withKernel(line, 1).end, -1)
})

test('numbers of up to seven digits are read, longer ones are left', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  for (const number of [
    0, 1, 9, 10, 99, 100, 12_345, 909_090, 9_999_999, 10_000_000, 999_999_999,
  ]) {
    const line = bytesOf(renderLine(record({ total_tokens: number })))
    const reading = readers.withKernel(line)
    const scanned = readers.withScanner(line)
    assert.notEqual(scanned.end, -1)
    if (number < 10_000_000) assert.deepEqual(reading, scanned, String(number))
    else assert.equal(reading.end, -1, String(number))
  }
})

test('ids, users and models of every length are read', () => {
  for (let length = 0; length <= 70; length++) {
    const readers = createReaders()
    const text = 'é'.repeat(length % 3) + 'x'.repeat(length)
    const made = record({ id: text, user: text, model: `m${text}`, served_model: text })
    readers.learn(renderLine(made))
    const line = bytesOf(renderLine({ ...made, ms: 5 }))
    const reading = readers.withKernel(line)
    assert.equal(reading.end, line.length, String(length))
    assert.deepEqual(reading, readers.withScanner(line))
  }
})

test('of many users, and many shapes that begin the same, each one is found again', () => {
  const readers = createReaders()
  const random = createRandom(7)
  // So many that places of their hashes are taken, and shapes with siblings at every depth.
  const users = Array.from({ length: 3000 }, (_, i) => `user-${i}`)
  for (const user of users) readers.learn(renderLine(record({ user })))
  const records = Array.from({ length: 200 }, (_, i) =>
    record({
      served_model: `model-${i % 20}`,
      ...(i % 3 === 0 && { reasoning_tokens: 5 }),
      ...(i % 5 === 0 && { estimated: true as const }),
      attempts: [{ model: `model-${i % 7}`, provider: 'openai', status: 200 + (i % 2), ms: 8 }],
    }),
  )
  for (const one of records) readers.learn(renderLine(one))
  for (let i = 0; i < 5000; i++) {
    const made = records[random.below(records.length)] ?? record()
    const user = users[random.below(users.length)] ?? ''
    const line = bytesOf(renderLine({ ...made, user, ms: random.below(100_000) }))
    const reading = readers.withKernel(line)
    assert.equal(reading.end, line.length)
    // Twice: whatever moves among the siblings moves for both.
    assert.deepEqual(reading, readers.withScanner(line))
  }
})

test('what is no hour is not taken for one, though it was the last one seen', () => {
  for (const ts of [
    '2026-02-30T00:00:00.000Z',
    '2026-11-22T24:00:00.000Z',
    '20x6-11-22T15:12:11.034Z',
  ]) {
    const readers = createReaders()
    readers.learn(renderLine(record()))
    const line = bytesOf(renderLine(record({ ts })))
    readers.withScanner(line)
    assert.equal(readers.withKernel(line).end, -1, ts)
  }
})

test('a line without user is read as one of nobody', () => {
  const readers = createReaders()
  readers.learn(renderLine(record()))
  const line = bytesOf(renderLine(record()).replace('"user":"user-a",', ''))
  const reading = readers.withKernel(line)
  assert.equal(reading.end, line.length)
  assert.deepEqual(reading, readers.withScanner(line))
})
