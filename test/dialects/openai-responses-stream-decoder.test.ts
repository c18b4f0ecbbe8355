import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReplyBuilder } from '../../src/dialects/collect.ts'
import { decodeMarker, encodeMarker } from '../../src/dialects/marker.ts'
import type { ChatEvent, ChatReply, JsonObject } from '../../src/dialects/neutral.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { readObject } from '../../src/wire/json.ts'
import { createSseDecoder } from '../../src/wire/sse.ts'
import { cuts, listFixtures, readFixture } from '../wire/cuts.ts'
import { decodeAll, readData, sse, thrown } from './support.ts'

function read(...events: JsonObject[]): ChatEvent[] {
  return decodeAll(openaiResponses.createStreamDecoder(), sse(...events))
}

function reply(events: readonly ChatEvent[]): ChatReply {
  const builder = createReplyBuilder()
  for (const event of events) builder.push(event)
  assert.ok(builder.reply !== undefined)
  return builder.reply
}

const created: JsonObject = {
  type: 'response.created',
  sequence_number: 0,
  response: { id: 'resp_1', model: 'gpt-5.4', created_at: 7, status: 'in_progress', output: [] },
}
const completed: JsonObject = {
  type: 'response.completed',
  response: {
    id: 'resp_1',
    model: 'gpt-5.4',
    created_at: 7,
    status: 'completed',
    output: [],
    usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 },
  },
}
const added = (index: number, item: JsonObject): JsonObject => ({
  type: 'response.output_item.added',
  output_index: index,
  item,
})
const done = (index: number, item: JsonObject): JsonObject => ({
  type: 'response.output_item.done',
  output_index: index,
  item,
})
const delta = (kind: string, index: number, item: string, text: string): JsonObject => ({
  type: `response.${kind}.delta`,
  output_index: index,
  item_id: item,
  delta: text,
})
const CALL_A: JsonObject = { id: 'fc_a', type: 'function_call', call_id: 'call_a', name: 'f' }
const CALL_B: JsonObject = { id: 'fc_b', type: 'function_call', call_id: 'call_b', name: 'g' }

function decodeChunks(chunks: readonly Uint8Array[]): ChatEvent[] {
  const frames = createSseDecoder()
  const decoder = openaiResponses.createStreamDecoder()
  const all = chunks.flatMap((chunk) => frames.push(chunk)).flatMap((frame) => decoder.push(frame))
  return [...all, ...frames.end().flatMap((frame) => decoder.push(frame)), ...decoder.end()]
}

for (const path of listFixtures('openai-responses', '.sse')) {
  const bytes = readFixture(path)
  if (path.includes('failed')) {
    test(`${path} ends in the provider’s error however it is cut`, () => {
      for (const cut of cuts(bytes)) {
        const error = thrown('upstream_error', () => decodeChunks(cut.chunks))
        assert.equal(error.message, 'Overloaded', cut.name)
        assert.equal(error.status, 500)
      }
    })
  } else {
    test(`${path} means the same however it is cut`, () => {
      const whole = decodeChunks([bytes])
      assert.equal(whole.at(-1)?.type, 'finish')
      for (const cut of cuts(bytes)) assert.deepEqual(decodeChunks(cut.chunks), whole, cut.name)
    })
    test(`${path} streamed is the reply that stands in its last event`, () => {
      const end = readData(bytes).at(-1)
      assert.ok(typeof end === 'object')
      const response = readObject(end['response']) ?? {}
      assert.deepEqual(
        reply(decodeChunks([bytes])).usage,
        openaiResponses.readReply(response).usage,
      )
      const told = openaiResponses.decodeReply(response)
      assert.deepEqual(
        reply(decodeChunks([bytes])).parts.map((part) => ({ redacted: undefined, ...part })),
        told.parts.map((part) => ({ redacted: undefined, ...part })),
      )
    })
  }
}

test('thinking, text and two calls are the neutral events in order', () => {
  const bytes = readFixture('openai-responses/thinking-and-two-tools.sse')
  const events = decodeAll(openaiResponses.createStreamDecoder(), bytes)
  assert.deepEqual(events, [
    {
      type: 'start',
      id: 'resp_msg_02Tool',
      model: 'claude-opus-5',
      created: 1_795_305_600,
      usage: undefined,
    },
    { type: 'reasoning', text: 'Two lookups.' },
    {
      type: 'reasoning-end',
      // Sealed by one of us: it stays as it is.
      signature: encodeMarker({ thinking: 'Two lookups.', signature: 'c2lnLTE=' }),
    },
    { type: 'text', text: 'Checking.' },
    { type: 'tool-start', call: 0, id: 'toolu_01A', name: 'get_weather', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"city":"Os' },
    { type: 'tool-input', call: 0, text: 'lo"}' },
    { type: 'tool-end', call: 0 },
    { type: 'tool-start', call: 1, id: 'toolu_01B', name: 'list_units', kind: 'function' },
    { type: 'tool-input', call: 1, text: '{}' },
    { type: 'tool-end', call: 1 },
    {
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
    },
  ])
})

test('the seal of reasoning comes at the item’s end, with where each summary ends', () => {
  const events = read(
    created,
    added(0, { id: 'rs_1', type: 'reasoning', summary: [] }),
    { ...delta('reasoning_summary_text', 0, 'rs_1', 'One.'), summary_index: 0 },
    { ...delta('reasoning_summary_text', 0, 'rs_1', 'T'), summary_index: 1 },
    { ...delta('reasoning_summary_text', 0, 'rs_1', 'wo.'), summary_index: 1 },
    done(0, {
      id: 'rs_1',
      type: 'reasoning',
      summary: [
        { type: 'summary_text', text: 'One.' },
        { type: 'summary_text', text: 'Two.' },
      ],
      encrypted_content: 'gAAAAA',
    }),
    completed,
  )
  assert.equal(
    events.map((event) => (event.type === 'reasoning' ? event.text : '')).join(''),
    'One.\n\nTwo.',
  )
  const end = events.find((event) => event.type === 'reasoning-end')
  assert.deepEqual(decodeMarker(end?.signature ?? ''), {
    id: 'rs_1',
    encrypted_content: 'gAAAAA',
    summary_chars: [4, 4],
  })
})

test('reasoning without a summary is still a block with its signature', () => {
  const item = { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: 'g' }
  const events = read(
    created,
    added(0, { ...item, encrypted_content: null }),
    done(0, item),
    completed,
  )
  assert.deepEqual(events[1], {
    type: 'reasoning-end',
    signature: encodeMarker({ id: 'rs_1', encrypted_content: 'g' }),
  })
})

test('reasoning with neither summary nor seal is nothing', () => {
  const item = { id: 'rs_1', type: 'reasoning', summary: [] }
  const events = read(created, added(0, item), done(0, item), completed)
  assert.deepEqual(
    events.map((event) => event.type),
    ['start', 'finish'],
  )
})

test('raw reasoning of open models is reasoning', () => {
  const events = read(
    created,
    added(0, { id: 'rs_1', type: 'reasoning' }),
    { ...delta('reasoning_text', 0, 'rs_1', 'Hm.'), content_index: 0 },
    done(0, { id: 'rs_1', type: 'reasoning', content: [{ type: 'reasoning_text', text: 'Hm.' }] }),
    completed,
  )
  assert.deepEqual(events.slice(1, 3), [
    { type: 'reasoning', text: 'Hm.' },
    { type: 'reasoning-end' },
  ])
})

test('calls whose arguments interleave come one after the other, with nothing lost', () => {
  const events = read(
    created,
    added(0, CALL_A),
    added(1, CALL_B),
    delta('function_call_arguments', 1, 'fc_b', '{"b"'),
    delta('function_call_arguments', 0, 'fc_a', '{"a"'),
    delta('function_call_arguments', 1, 'fc_b', ':2}'),
    delta('function_call_arguments', 0, 'fc_a', ':1}'),
    done(1, { ...CALL_B, arguments: '{"b":2}' }),
    done(0, { ...CALL_A, arguments: '{"a":1}' }),
    completed,
  )
  const order = events.flatMap((event) => ('call' in event ? [`${event.type} ${event.call}`] : []))
  assert.deepEqual(order, [
    'tool-start 0',
    'tool-input 0',
    'tool-input 0',
    'tool-end 0',
    'tool-start 1',
    'tool-input 1',
    'tool-input 1',
    'tool-end 1',
  ])
  assert.deepEqual(
    reply(events).parts.map((part) => (part.type === 'tool-call' ? part.input : '')),
    ['{"a":1}', '{"b":2}'],
  )
})

test('a server that gives every item index 0 is understood by the items’ ids', () => {
  const events = read(
    created,
    added(0, CALL_A),
    delta('function_call_arguments', 0, 'fc_a', '{}'),
    done(0, { ...CALL_A, arguments: '{}' }),
    added(0, CALL_B),
    delta('function_call_arguments', 0, 'fc_b', '{"b":2}'),
    done(0, { ...CALL_B, arguments: '{"b":2}' }),
    completed,
  )
  assert.deepEqual(
    reply(events).parts.map((part) => (part.type === 'tool-call' ? [part.id, part.input] : [])),
    [
      ['call_a', '{}'],
      ['call_b', '{"b":2}'],
    ],
  )
})

test('a server that names the item anew in every event is understood by its index', () => {
  const events = read(
    created,
    added(0, { id: 'x1', type: 'message' }),
    delta('output_text', 0, 'x2', 'Hel'),
    delta('output_text', 0, 'x3', 'lo'),
    done(0, { id: 'x4', type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }),
    completed,
  )
  assert.deepEqual(reply(events).parts, [{ type: 'text', text: 'Hello' }])
})

test('an item that was only told at its end is told whole', () => {
  const events = read(
    created,
    done(0, { id: 'm', type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }),
    done(1, { ...CALL_A, arguments: '{"a":1}' }),
    completed,
  )
  assert.deepEqual(reply(events).parts, [
    { type: 'text', text: 'Hello' },
    { type: 'tool-call', id: 'call_a', name: 'f', kind: 'function', input: '{"a":1}' },
  ])
})

test('an answer that was only told in the last event is told whole', () => {
  const output = [
    { id: 'rs', type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] },
    { id: 'm', type: 'message', content: [{ type: 'output_text', text: 'Hello' }] },
  ]
  const events = read(created, {
    type: 'response.completed',
    response: { ...readObject(completed['response']), output },
  })
  assert.deepEqual(
    reply(events).parts.map((part) => ('text' in part ? part.text : '')),
    ['Hm.', 'Hello'],
  )
})

test('what an item’s end repeats is not told twice, and what it adds is', () => {
  const events = read(
    created,
    added(0, CALL_A),
    delta('function_call_arguments', 0, 'fc_a', '{"a"'),
    done(0, { ...CALL_A, arguments: '{"a":1}' }),
    completed,
  )
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'tool-input' ? [event.text] : [])),
    ['{"a"', ':1}'],
  )
})

test('arguments that come before the call’s name wait for it', () => {
  const events = read(
    created,
    delta('function_call_arguments', 0, 'fc_a', '{"a":1}'),
    done(0, { ...CALL_A, arguments: '{"a":1}' }),
    completed,
  )
  assert.deepEqual(
    events.slice(1, -1).map((event) => event.type),
    ['tool-start', 'tool-input', 'tool-end'],
  )
})

test('a call that never has a name is no reply', () => {
  thrown('upstream_protocol', () =>
    read(created, delta('function_call_arguments', 0, 'fc_a', '{}'), completed),
  )
})

test('a call that goes on after its end is an error, white space is not', () => {
  const begun = [created, added(0, CALL_A), done(0, { ...CALL_A, arguments: '{}' })]
  assert.equal(
    reply(read(...begun, delta('function_call_arguments', 0, 'fc_a', ' \n'), completed)).parts
      .length,
    1,
  )
  thrown('upstream_protocol', () =>
    read(...begun, delta('function_call_arguments', 0, 'fc_a', '{}'), completed),
  )
})

test('OpenAI’s own tools are passed over without holding up what follows', () => {
  const events = read(
    created,
    added(0, { id: 'ws', type: 'web_search_call' }),
    { type: 'response.web_search_call.searching', output_index: 0, item_id: 'ws' },
    added(1, { id: 'm', type: 'message' }),
    delta('output_text', 1, 'm', 'Hello'),
    done(1, { id: 'm', type: 'message' }),
    completed,
  )
  assert.deepEqual(events[1], { type: 'text', text: 'Hello' })
})

test('a refusal is told as one, and is how the answer ended', () => {
  const events = read(
    created,
    added(0, { id: 'm', type: 'message' }),
    delta('refusal', 0, 'm', 'No.'),
    done(0, { id: 'm', type: 'message', content: [{ type: 'refusal', refusal: 'No.' }] }),
    completed,
  )
  assert.deepEqual(events[1], { type: 'refusal', text: 'No.' })
  assert.deepEqual(reply(events).finish, { reason: 'refusal', explanation: 'No.' })
})

for (const [reason, expected] of [
  ['max_output_tokens', 'length'],
  ['content_filter', 'content-filter'],
] as const) {
  test(`a stream that is incomplete by ${reason} finishes as ${expected}, its call ended`, () => {
    const events = read(
      created,
      added(0, CALL_A),
      delta('function_call_arguments', 0, 'fc_a', '{"a":"lo'),
      {
        type: 'response.incomplete',
        response: {
          id: 'resp_1',
          status: 'incomplete',
          incomplete_details: { reason },
          output: [],
        },
      },
    )
    assert.equal(reply(events).finish.reason, expected)
    assert.deepEqual(events.at(-2), { type: 'tool-end', call: 0 })
  })
}

const FAILURES: ReadonlyArray<readonly [string, JsonObject, number, string]> = [
  [
    'response.failed',
    {
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Slow.' } },
    },
    429,
    'Slow.',
  ],
  [
    'response.failed without a reason',
    { type: 'response.failed', response: { status: 'failed', error: null } },
    502,
    'The provider ended its reply as "failed" without saying why.',
  ],
  [
    'an error event with its members at the top',
    { type: 'error', code: 'server_is_overloaded', message: 'Busy.', param: null },
    503,
    'Busy.',
  ],
  [
    'an error event with its members inside',
    { type: 'error', error: { type: 'invalid_request_error', code: null, message: 'Bad.' } },
    400,
    'Bad.',
  ],
  ['an error in place of an event', { error: { message: 'Gone.', code: 404 } }, 404, 'Gone.'],
  [
    'a completed event that says failed',
    { type: 'response.completed', response: { status: 'failed', error: { message: 'Odd.' } } },
    502,
    'Odd.',
  ],
]
for (const [words, event, status, message] of FAILURES) {
  test(`${words} is the provider’s error`, () => {
    const error = thrown('upstream_error', () => read(created, event))
    assert.equal(error.status, status)
    assert.equal(error.message, message)
  })
}

test('a JSON error body where events were due is the provider’s error', () => {
  const body = Buffer.from('{"error":{"message":"No.","code":"invalid_api_key"}}\n')
  const error = thrown('upstream_error', () =>
    decodeAll(openaiResponses.createStreamDecoder(), body),
  )
  assert.equal(error.status, 401)
})

test('[DONE] after the end is ignored', () => {
  const bytes = sse(created, completed, '[DONE]')
  const events = decodeAll(openaiResponses.createStreamDecoder(), bytes)
  assert.equal(events.at(-1)?.type, 'finish')
})

for (const [words, bytes] of [
  ['[DONE] in place of the end', sse(created, '[DONE]')],
  ['no end at all', sse(created)],
  ['nothing', Buffer.alloc(0)],
] as const) {
  test(`a stream with ${words} is truncated`, () => {
    thrown('upstream_truncated', () => decodeAll(openaiResponses.createStreamDecoder(), bytes))
  })
}

test('an event that is no JSON, and an end without a response, are broken', () => {
  thrown('upstream_protocol', () =>
    decodeAll(openaiResponses.createStreamDecoder(), sse(created, 'nonsense')),
  )
  thrown('upstream_protocol', () => read(created, { type: 'response.completed' }))
})

test('the type in the data is trusted, and the event’s name where it is missing', () => {
  const { type: _, ...nameless } = created
  const bytes = Buffer.from(
    `event: response.created\ndata: ${JSON.stringify(nameless)}\n\nevent: wrong\ndata: ${JSON.stringify(completed)}\n\n`,
  )
  const events = decodeAll(openaiResponses.createStreamDecoder(), bytes)
  assert.deepEqual(
    events.map((event) => event.type),
    ['start', 'finish'],
  )
})
