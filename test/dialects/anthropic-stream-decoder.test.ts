import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStreamDecoder } from '../../src/dialects/anthropic/stream-decoder.ts'
import type { ChatEvent, JsonObject } from '../../src/dialects/neutral.ts'
import { readString } from '../../src/wire/json.ts'
import { encodeSse } from '../../src/wire/sse.ts'
import { readFixture } from '../wire/cuts.ts'
import { decodeAll, thrown } from './support.ts'

const START: JsonObject = {
  type: 'message_start',
  message: { id: 'msg_1', model: 'claude-x', usage: { input_tokens: 3, output_tokens: 1 } },
}
const STOP: readonly JsonObject[] = [
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  { type: 'message_stop' },
]

function stream(...events: JsonObject[]): Uint8Array {
  return Buffer.from(
    events
      .map((event) => encodeSse(readString(event['type']) ?? '', JSON.stringify(event)))
      .join(''),
  )
}

function decode(...events: JsonObject[]): ChatEvent[] {
  return decodeAll(createStreamDecoder(), stream(...events))
}

function block(index: number, content: JsonObject): JsonObject {
  return { type: 'content_block_start', index, content_block: content }
}
function delta(index: number, content: JsonObject): JsonObject {
  return { type: 'content_block_delta', index, delta: content }
}

test('thinking, text and two tools come out in order, calls counted from 0', () => {
  const events = decodeAll(
    createStreamDecoder(),
    readFixture('anthropic/thinking-and-two-tools.sse'),
  )
  assert.deepEqual(events.slice(1, -1), [
    { type: 'reasoning', text: 'Two lookups.' },
    { type: 'reasoning-end', signature: 'c2lnLTE=' },
    { type: 'text', text: 'Checking.' },
    { type: 'tool-start', call: 0, id: 'toolu_01A', name: 'get_weather', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"city":"Os' },
    { type: 'tool-input', call: 0, text: 'lo"}' },
    { type: 'tool-end', call: 0 },
    { type: 'tool-start', call: 1, id: 'toolu_01B', name: 'list_units', kind: 'function' },
    { type: 'tool-end', call: 1 },
  ])
  assert.deepEqual(events.at(-1), {
    type: 'finish',
    finish: { reason: 'tool-calls' },
    usage: {
      promptTokens: 520,
      completionTokens: 64,
      totalTokens: 584,
      cachedTokens: 0,
      cacheWriteTokens: 100,
      reasoningTokens: 5,
    },
    serviceTier: undefined,
  })
})

test('what a server did itself is not the caller’s to answer', () => {
  const events = decodeAll(createStreamDecoder(), readFixture('anthropic/server-tool.sse'))
  assert.deepEqual(events.slice(1, -1), [{ type: 'text', text: 'Found.' }])
})

test('a 0 or null in the last usage does not undo what the first one told', () => {
  const finish = decodeAll(createStreamDecoder(), readFixture('anthropic/server-tool.sse')).at(-1)
  assert.ok(finish?.type === 'finish')
  assert.equal(finish.usage?.promptTokens, 50)
  assert.equal(finish.usage?.completionTokens, 7)
})

test('the output count of the start is a placeholder, and not told as a count', () => {
  const [start] = decode(START, ...STOP)
  assert.ok(start?.type === 'start')
  assert.equal(start.usage?.promptTokens, 3)
  assert.equal(start.usage?.completionTokens, undefined)
})

test('input that comes whole with the block’s start is kept', () => {
  const events = decode(
    START,
    block(0, { type: 'tool_use', id: 't', name: 'f', input: { b: 1, a: 2 } }),
    { type: 'content_block_stop', index: 0 },
    ...STOP,
  )
  assert.deepEqual(events.slice(1, 4), [
    { type: 'tool-start', call: 0, id: 't', name: 'f', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"b":1,"a":2}' },
    { type: 'tool-end', call: 0 },
  ])
})

test('text in a block’s start, unknown blocks, events and deltas are read or passed over', () => {
  const events = decode(
    START,
    { type: 'ping' },
    block(0, { type: 'text', text: 'A' }),
    delta(0, { type: 'brand_new_delta', text: 'no' }),
    block(1, { type: 'brand_new_block', text: 'no' }),
    delta(1, { type: 'text_delta', text: 'no' }),
    { type: 'brand_new_event' },
    delta(7, { type: 'text_delta', text: 'B' }),
    ...STOP,
  )
  assert.deepEqual(events.slice(1, -1), [
    { type: 'text', text: 'A' },
    { type: 'text', text: 'B' },
  ])
})

test('redacted thinking keeps its bytes', () => {
  const events = decode(START, block(0, { type: 'redacted_thinking', data: 'xyz' }), ...STOP)
  assert.deepEqual(events[1], { type: 'reasoning-end', redacted: 'xyz' })
})

test('tool input for a block that never began is unreadable', () => {
  thrown('upstream_protocol', () =>
    decode(START, delta(0, { type: 'input_json_delta', partial_json: '{' })),
  )
})

test('the name of the event counts where its data has no type', () => {
  const bytes = Buffer.from(
    [
      encodeSse('message_start', JSON.stringify({ message: START['message'] ?? null })),
      encodeSse('content_block_delta', '{"index":0,"delta":{"type":"text_delta","text":"x"}}'),
      encodeSse('message_delta', '{"delta":{"stop_reason":"max_tokens"}}'),
      encodeSse('message_stop', '{}'),
    ].join(''),
  )
  const events = decodeAll(createStreamDecoder(), bytes)
  assert.equal(events.length, 3)
  const finish = events.at(-1)
  assert.ok(finish?.type === 'finish')
  assert.equal(finish.finish.reason, 'length')
})

const STOPS: ReadonlyArray<readonly [string | null, string]> = [
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop-sequence'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'context-window'],
  ['tool_use', 'tool-calls'],
  ['refusal', 'refusal'],
  ['pause_turn', 'pause'],
  ['compaction', 'stop'],
  ['brand_new', 'other'],
  [null, 'other'],
]
for (const [word, reason] of STOPS) {
  test(`stop_reason ${word ?? 'null'} is read as ${reason}`, () => {
    const finish = decode(
      START,
      { type: 'message_delta', delta: { stop_reason: word }, usage: { output_tokens: 1 } },
      { type: 'message_stop' },
    ).at(-1)
    assert.ok(finish?.type === 'finish')
    assert.equal(finish.finish.reason, reason)
  })
}

test('an end without message_stop is complete only after a stop reason', () => {
  const [stopReason] = STOP
  assert.ok(stopReason !== undefined)
  assert.equal(decode(START, stopReason).at(-1)?.type, 'finish')
  thrown('upstream_truncated', () => decode(START, block(0, { type: 'text', text: 'half' })))
  thrown('upstream_truncated', () => decode())
})

const ERRORS: ReadonlyArray<readonly [type: string, status: number, kind: string]> = [
  ['overloaded_error', 529, 'overloaded'],
  ['rate_limit_error', 429, 'rate-limit'],
  ['api_error', 500, 'server'],
  ['timeout_error', 504, 'timeout'],
  ['invalid_request_error', 400, 'invalid-request'],
  ['brand_new_error', 502, 'server'],
]
for (const [type, status, kind] of ERRORS) {
  test(`an ${type} event stands for status ${status}`, () => {
    const error = thrown('upstream_error', () =>
      decode(START, { type: 'error', error: { type, message: 'M' } }),
    )
    assert.equal(error.status, status)
    assert.equal(error.kind, kind)
    assert.equal(error.message, 'M')
  })
}

test('an error event without a message is still an error', () => {
  thrown('upstream_error', () => decode(START, { type: 'error' }))
  thrown('upstream_error', () =>
    decodeAll(createStreamDecoder(), Buffer.from('event: error\ndata: gone\n\n')),
  )
})

test('nothing after message_stop is read', () => {
  const decoder = createStreamDecoder()
  const frame = { event: 'message_stop', data: '{"type":"message_stop"}', raw: Buffer.alloc(0) }
  decoder.push(frame)
  assert.equal(decoder.finished, true)
  assert.deepEqual(decoder.push({ event: 'error', data: 'x', raw: Buffer.alloc(0) }), [])
  assert.deepEqual(decoder.end(), [])
})
