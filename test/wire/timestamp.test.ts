import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isoOf, msOfIso } from '../../src/wire/timestamp.ts'
import { createRandom } from '../support/random.ts'

const DAY_MS = 86_400_000

test('a moment is written and read as Date has it, on every day of eight hundred years', () => {
  const random = createRandom(1)
  const first = Date.UTC(1900, 0, 1)
  for (let day = 0; day < 800 * 365.25; day++) {
    const ms = first + day * DAY_MS + random.below(DAY_MS)
    const expected = new Date(ms).toISOString()
    assert.equal(isoOf(ms), expected)
    assert.equal(msOfIso(expected), ms)
  }
})

test('any moment that Date can hold, in fractions too, and the edges of days, years and ages', () => {
  const random = createRandom(2)
  const edges = [0, -0, 0.5, -0.5, -1, DAY_MS - 1, DAY_MS, 8.64e15, -8.64e15, 253_402_300_799_999]
  edges.push(253_402_300_800_000, 253_402_300_799_999.5, -62_167_219_200_000, -62_167_219_200_001)
  for (const year of [0, 1, 1600, 1900, 1970, 2000, 2024, 2100, 9999, 10_000]) {
    for (const month of [0, 1, 2, 11]) {
      const at = new Date(0)
      at.setUTCFullYear(year, month, 1)
      edges.push(at.getTime(), at.getTime() - 1)
    }
  }
  for (let i = 0; i < 50_000; i++) edges.push((random.next() * 2 - 1) * 8.64e15)
  for (let i = 0; i < 50_000; i++) edges.push(random.next() * 253_402_300_800_000)
  for (const ms of edges) {
    const expected = new Date(ms).toISOString()
    assert.equal(isoOf(ms), expected, String(ms))
    assert.equal(msOfIso(expected), Math.trunc(ms) + 0, expected)
  }
})

test('what is no moment is refused as Date refuses it', () => {
  for (const ms of [NaN, Infinity, -Infinity, 8.64e15 + 1]) {
    assert.throws(() => isoOf(ms), RangeError)
  }
})

test('a timestamp of any other make means what Date.parse says', () => {
  const random = createRandom(3)
  const samples = [
    '',
    'x',
    '2026-11-22',
    '2026-11-22T15:12:11Z',
    '2026-11-22T15:12:11.034',
    '+010000-01-01',
    '2026-11-22T15:12:11.034+02:00',
    '2026-11-22t15:12:11.034z',
    ' 2026-11-22T15:12:11.034Z',
    '2026-02-29T00:00:00.000Z',
    '2024-02-29T00:00:00.000Z',
    '2026-02-30T00:00:00.000Z',
    '2026-06-31T00:00:00.000Z',
    '2026-12-31T23:59:59.999Z',
    '2026-12-31T24:00:00.000Z',
    '2026-12-31T24:00:00.001Z',
    '2026-00-10T00:00:00.000Z',
    '2026-01-00T00:00:00.000Z',
    '2026-13-10T00:00:00.000Z',
    '2026-01-10T00:60:00.000Z',
    '2026-01-10T00:00:60.000Z',
    '٢٠٢٦-11-22T15:12:11.034Z',
    '2026-11-22T15:12:11.034Ź',
    '-00001-11-22T15:12:11.03Z',
  ]
  const alphabet = '0123456789-:.TZ+ x٣'
  for (let i = 0; i < 100_000; i++) {
    const usual = Array.from(new Date(random.below(2 ** 41)).toISOString())
    for (let changes = random.below(3); changes >= 0; changes--) {
      usual[random.below(usual.length)] = alphabet[random.below(alphabet.length)] ?? ''
    }
    samples.push(usual.join(''))
  }
  for (const text of samples) assert.equal(msOfIso(text), Date.parse(text), text)
})
