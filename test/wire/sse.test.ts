import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createSseDecoder, encodeSse } from '../../src/wire/sse.ts'
import { rawOf } from '../../src/wire/sse-plain.ts'
import type { SseEvent } from '../../src/wire/sse.ts'
import { cuts, listFixtures, readFixture } from './cuts.ts'

interface Meaning {
  readonly event: string
  readonly data: string
}

function decode(chunks: readonly Uint8Array[]): SseEvent[] {
  const decoder = createSseDecoder()
  return [...chunks.flatMap((chunk) => decoder.push(chunk)), ...decoder.end()]
}

/** What a reader would act on: frames without meaning left out. */
function meanings(events: readonly SseEvent[]): Meaning[] {
  return events
    .filter((event) => event.event !== '' || event.data !== '')
    .map(({ event, data }) => ({ event, data }))
}

function text(source: string): Uint8Array {
  return Buffer.from(source, 'utf8')
}

const EXPECTED: ReadonlyArray<readonly [string, readonly Meaning[]]> = [
  [
    'wire/crlf.sse',
    [
      { event: 'message', data: '{"a":1}' },
      { event: '', data: '[DONE]' },
    ],
  ],
  [
    'wire/bare-cr.sse',
    [
      { event: 'x', data: 'one' },
      { event: '', data: 'two' },
    ],
  ],
  [
    'wire/byte-order-mark.sse',
    [
      { event: '', data: 'first' },
      { event: '', data: 'second' },
    ],
  ],
  [
    'wire/comments-and-keepalives.sse',
    [
      { event: '', data: '{"x":"Grüße 東京 🌧"}' },
      { event: '', data: '{"y":2}' },
    ],
  ],
  ['wire/several-data-lines.sse', [{ event: 'multi', data: 'one\ntwo\n three\n' }]],
  [
    'wire/no-final-blank-line.sse',
    [
      { event: '', data: '{"a":1}' },
      { event: '', data: '[DONE]' },
    ],
  ],
  ['wire/pretty-error-body.sse', []],
]

for (const [path, expected] of EXPECTED) {
  test(`${path} reads the same however it is cut`, () => {
    for (const cut of cuts(readFixture(path))) {
      assert.deepEqual(meanings(decode(cut.chunks)), expected, cut.name)
    }
  })
}

test('every fixture is relayed byte for byte by its raw events, however it is cut', () => {
  const paths = ['wire', 'openai-chat', 'anthropic'].flatMap((folder) =>
    listFixtures(folder, '.sse'),
  )
  assert.ok(paths.length > 10)
  for (const path of paths) {
    const bytes = readFixture(path)
    for (const cut of cuts(bytes)) {
      const raw = Buffer.concat(decode(cut.chunks).map((event) => event.raw))
      assert.ok(raw.equals(bytes), `${path}, ${cut.name}`)
    }
  }
})

test('a comment is delivered at once as a frame without meaning, so that keep-alives pass', () => {
  const decoder = createSseDecoder()
  const [frame, ...more] = decoder.push(text(': OPENROUTER PROCESSING\n\n'))
  assert.deepEqual(more, [])
  assert.equal(frame?.event, '')
  assert.equal(frame?.data, '')
  assert.equal(Buffer.from(frame?.raw ?? []).toString(), ': OPENROUTER PROCESSING\n\n')
})

test('an event is delivered in the push that brings its blank line', () => {
  const decoder = createSseDecoder()
  assert.deepEqual(decoder.push(text('data: {"a"')), [])
  assert.deepEqual(decoder.push(text(':1}\n')), [])
  assert.deepEqual(meanings(decoder.push(text('\n'))), [{ event: '', data: '{"a":1}' }])
  assert.deepEqual(decoder.end(), [])
})

test('a CRLF cut between its two bytes neither delays nor doubles an event', () => {
  const decoder = createSseDecoder()
  assert.deepEqual(meanings(decoder.push(text('data: a\r\n\r'))), [{ event: '', data: 'a' }])
  assert.deepEqual(meanings(decoder.push(text('\ndata: b\r'))), [])
  assert.deepEqual(meanings(decoder.push(text('\n\r\n'))), [{ event: '', data: 'b' }])
})

test('only the exact field names count', () => {
  const events = decode([text('dataset: 1\nevents: 2\nDATA: 3\n data: 4\ndata: yes\n\n')])
  assert.deepEqual(meanings(events), [{ event: '', data: 'yes' }])
})

test('an event above the cap is refused before it is held in memory', () => {
  const decoder = createSseDecoder(1000)
  assert.deepEqual(decoder.push(text(`data: ${'x'.repeat(900)}`)), [])
  assert.throws(
    () => decoder.push(text('x'.repeat(200))),
    (error) => error instanceof ProxyError && error.code === 'upstream_protocol',
  )
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          event: fc.stringMatching(/^[a-z._]{0,12}$/),
          data: fc.string({ unit: 'binary', minLength: 1 }).filter((data) => !data.includes('\r')),
        }),
        { maxLength: 8 },
      ),
      fc.array(fc.nat(40), { minLength: 1, maxLength: 30 }),
      (events, lengths) => {
        const bytes = text(events.map(({ event, data }) => encodeSse(event, data)).join(''))
        const chunks: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = 1 + (lengths[turn % lengths.length] ?? 0)
          chunks.push(bytes.subarray(at, at + length))
          at += length
        }
        assert.deepEqual(
          decode(chunks).map(({ event, data }) => ({ event, data })),
          events.map(({ event, data }) => ({ event, data })),
        )
      },
    ),
    { seed: 1, numRuns: 300 },
  )
})

test('any bytes at all come out again in order and never throw', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.uint8Array({ maxLength: 30 }).map((bytes) =>
          // Mostly line ends and field letters, where the decisions are.
          bytes.map((byte) => [10, 13, 58, 32, 100, 97, 116, 0xef, 0xbb, 0xbf][byte % 13] ?? byte),
        ),
        { maxLength: 12 },
      ),
      (chunks) => {
        const raw = Buffer.concat(decode(chunks).map((event) => event.raw))
        assert.ok(raw.equals(Buffer.concat(chunks)))
      },
    ),
    { seed: 2, numRuns: 500 },
  )
})

test('events in the usual form and any others among them read the same however they are cut', () => {
  const line = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => `data: ${value}`),
    },
    fc.constantFrom(
      'data',
      'data:x',
      'data:  x',
      'event: a',
      'event:b',
      'event',
      'id: 1',
      ': hm',
      'retry: 1',
    ),
  )
  const plain = fc
    .tuple(
      fc.constantFrom('', '', 'event: message\n', 'event: \n'),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
    )
    .map(([name, value]) => `${name}data: ${value.replaceAll(/[\r\n]/g, '')}\n\n`)
  const odd = fc
    .tuple(fc.array(line, { maxLength: 3 }), fc.constantFrom('\n', '\n', '\r\n', '\r'))
    .map(([lines, end]) => [...lines, ''].map((said) => said + end).join(''))
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: plain }, odd), { maxLength: 12 }),
      fc.array(fc.nat(60), { minLength: 1, maxLength: 12 }),
      fc.boolean(),
      (frames, lengths, broken) => {
        const bytes = Buffer.from(frames.join(''))
        // Not all that is sent is UTF-8.
        if (broken) for (let at = 3; at < bytes.length; at += 17) bytes[at] = 0xc3
        const chunks: Uint8Array[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const length = 1 + (lengths[turn % lengths.length] ?? 0)
          chunks.push(bytes.subarray(at, at + length))
          at += length
        }
        // Byte by byte nothing has the usual form.
        const slow = meanings(decode([...bytes].map((byte) => Uint8Array.of(byte))))
        for (const cut of [[bytes], chunks]) {
          const events = decode(cut)
          assert.deepEqual(meanings(events), slow)
          assert.ok(Buffer.concat(events.map((event) => event.raw)).equals(bytes))
          for (const event of events) {
            const [again] = decode([event.raw])
            assert.deepEqual([again?.event, again?.data], [event.event, event.data])
          }
        }
      },
    ),
    { seed: 3, numRuns: 1500 },
  )
})

test('the bytes of any choice of events are theirs, one piece for those side by side in a chunk', () => {
  const frames = ['data: {"a":1}\n\n', 'event: x\ndata: 2\n\n', ': hm\n\n', 'data: 東\n\n']
  const decoder = createSseDecoder()
  const first = decoder.push(text(frames.join('')))
  const second = decoder.push(text(`${frames[0]}${frames[1]}`))
  const events = [...first, ...second]
  for (let choice = 0; choice < 2 ** events.length; choice += 1) {
    const chosen = events.filter((_, index) => (choice >> index) % 2 === 1)
    assert.deepEqual(
      Buffer.concat(rawOf(chosen)),
      Buffer.concat(chosen.map(({ raw }) => raw)),
      String(choice),
    )
  }
  assert.equal(rawOf(second).length, 1)
  assert.equal(rawOf([second[0]!, first[0]!]).length, 2)
  assert.deepEqual(rawOf([]), [])
})
