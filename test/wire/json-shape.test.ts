import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseJson } from '../../src/wire/json.ts'
import { createShapeReader } from '../../src/wire/json-shape.ts'
import type { ShapePath } from '../../src/wire/json-shape.ts'

const WORDS: readonly ShapePath[] = [
  ['choices', 0, 'delta', 'content'],
  ['delta', 'text'],
  ['delta'],
]
const BESIDE: readonly ShapePath[] = [['number'], ['padding']]

const reader = (): ReturnType<typeof createShapeReader> => createShapeReader(WORDS, BESIDE)

test('a text like the last one is read into the same value, with its own word in it', () => {
  const read = reader()
  const first = read('{"id":"a","choices":[{"delta":{"content":"one"}}],"usage":null}')
  const second = read('{"id":"a","choices":[{"delta":{"content":"two, three"}}],"usage":null}')
  assert.equal(second, first)
  assert.deepEqual(second, {
    id: 'a',
    choices: [{ delta: { content: 'two, three' } }],
    usage: null,
  })
})

test('numbers and padding beside the word may differ, and so may space before the last brace', () => {
  const read = reader()
  const first = read('{"number":9,"delta":"a","padding":"xyz"}')
  assert.equal(read('{"number":10,"delta":"b","padding":""   }'), first)
  assert.notEqual(read('{"number":10,"delta":"b","padding":1}'), first)

  const padded = reader()
  const plain = padded('{"type":"d","delta":{"text":"a"}}')
  assert.equal(padded('{"type":"d","delta":{"text":"b"}      }'), plain)
  assert.deepEqual(plain, { type: 'd', delta: { text: 'b' } })
})

test('a word keeps its escapes, its characters and its length', () => {
  const read = reader()
  const first = read('{"delta":"a"}')
  for (const token of [
    '\\n',
    '\\"',
    '\\\\',
    '\\u00e9',
    '東京 🌧',
    '\\ud83c\\udf27',
    '\\ud800',
    '',
    'x'.repeat(5000),
  ]) {
    const text = `{"delta":"${token}"}`
    assert.equal(read(text), first, token)
    assert.deepEqual(first, JSON.parse(text), token)
  }
})

test('what JSON does not allow in a word is not read', () => {
  const read = reader()
  read('{"delta":"a"}')
  for (const text of [
    '{"delta":"a\tb"}',
    '{"delta":"\\x"}',
    '{"delta":"a}',
    '{"delta":"a"}}',
    '{"delta":"\\u12"}',
    '{"delta":"a\\"}',
  ]) {
    assert.equal(read(text), undefined, text)
  }
})

test('a name that stands twice, or inside of a word, leads nobody astray', () => {
  for (const text of [
    '{"delta":"a","delta":"b"}',
    '{"note":"\\"delta\\":\\"a\\"","delta":"b"}',
    '{"note":{"delta":"a"},"delta":"b"}',
    '{"delta":"73901846520","number":739018465200}',
    '{"delta":"\\u00373901846520"}',
  ]) {
    const read = reader()
    assert.deepEqual(read(text), JSON.parse(text), text)
    const other = text.replace('"b"', '"c"')
    assert.deepEqual(read(other), JSON.parse(other), other)
  }
})

test('after three shapes in vain no more are learned, after a shape that held there are', () => {
  const shapes = Array.from({ length: 6 }, (_, index) => `{"id":"${index}","delta":"a"}`)
  const vain = reader()
  const values = shapes.map((text) => vain(text))
  assert.notEqual(vain(shapes[5] ?? ''), values[5])
  const held = reader()
  for (const text of shapes) {
    const value = held(text)
    assert.equal(held(text.replace('"a"', '"b"')), value)
  }
})

// Texts as one stream has them, some of them spoiled: one reader for all, and JSON.parse beside it.

const raw = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text).slice(1, -1)),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
  fc.constantFrom('\\', '"', '\\"', '\\u12', '\t', '\\ud800', '"delta":"', '"},"number":1', '\\\\'),
)
const count = fc.oneof(
  fc.nat(3000).map(String),
  fc.constantFrom(
    '0',
    '00',
    '-1',
    '1.0',
    '1e2',
    '0e0',
    '5.',
    '12345678901234567890',
    '73901846520',
  ),
)
const space = fc.constantFrom('', '', '', ' ', '   ')
const envelope = fc.constantFrom<(word: string, number: string, padding: string) => string>(
  (word) =>
    `{"choices":[{"index":0,"delta":{"content":"${word}"},"finish_reason":null}],"usage":null}`,
  (word, number) => `{"choices": [{"delta": {"content": "${word}"}}], "number": ${number}}`,
  (word, number, padding) => `{"number":${number},"delta":"${word}","padding":"${padding}"}`,
  (word, number, padding) =>
    `{"padding":"${padding}","delta":{"type":"t","text":"${word}"},"number":${number}}`,
  (word, number) => `{"delta":"${word}","number":${number},"delta":"${number}"}`,
  (word) => `[{"delta":"${word}"}]`,
)

test('it never reads anything else than JSON.parse does', () => {
  let same = 0
  fc.assert(
    fc.property(
      fc.array(envelope, { minLength: 1, maxLength: 2 }),
      fc.array(
        fc.record({
          shape: fc.nat(7),
          word: raw,
          number: count,
          padding: raw,
          end: space,
          cut: fc.option(
            fc.tuple(fc.nat(120), fc.nat(2), fc.constantFrom('', '"', '}', ' ', 'x', '\\')),
          ),
        }),
        { minLength: 2, maxLength: 12 },
      ),
      (shapes, texts) => {
        const read = reader()
        let last: unknown
        for (const { shape, word, number, padding, end, cut } of texts) {
          let text = (shapes[shape % shapes.length]?.(word, number, padding) ?? '') + end
          // Mostly as it is; now and then with something put in or taken out.
          if (cut !== null && shape === 7) {
            const [at, out, put] = cut
            text = text.slice(0, at) + put + text.slice(at + out)
          }
          const value = read(text)
          assert.deepEqual(value, parseJson(text), text)
          if (value !== undefined && value === last) same += 1
          last = value
        }
      },
    ),
    { seed: 7, numRuns: 3000 },
  )
  // Or there was nothing to compare.
  assert.ok(same > 1000, `${same} texts were read by their shape`)
})
