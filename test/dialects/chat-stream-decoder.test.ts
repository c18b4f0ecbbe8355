import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatEvent, JsonObject } from '../../src/dialects/neutral.ts'
import { createStreamDecoder } from '../../src/dialects/openai-chat/stream-decoder.ts'
import { readFixture } from '../wire/cuts.ts'
import { decodeAll, sse, thrown } from './support.ts'

function chunk(delta: JsonObject, finish: string | null = null): JsonObject {
  return { id: 'c1', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] }
}

function calls(...fragments: JsonObject[]): JsonObject {
  return chunk({ tool_calls: fragments })
}

function call(index: number, id: string, name: string, args: string): JsonObject {
  return { index, id, type: 'function', function: { name, arguments: args } }
}

/** The events without their start and finish. */
function content(bytes: Uint8Array): ChatEvent[] {
  return decodeAll(createStreamDecoder(), bytes).filter(
    (event) => event.type !== 'start' && event.type !== 'finish',
  )
}

/** Every call as its name and its joined input, in order of number. */
function joined(bytes: Uint8Array): Array<[string, string]> {
  const found: Array<[string, string]> = []
  let open = -1
  for (const event of content(bytes)) {
    if (event.type === 'tool-start') {
      assert.equal(open, -1, 'a call began before the one before it ended')
      assert.equal(event.call, found.length)
      open = event.call
      found.push([event.name, ''])
    } else if (event.type === 'tool-input') {
      assert.equal(event.call, open)
      const last = found[open]
      if (last !== undefined) last[1] += event.text
    } else if (event.type === 'tool-end') {
      assert.equal(event.call, open)
      open = -1
    }
  }
  assert.equal(open, -1)
  return found
}

function finishOf(bytes: Uint8Array): Extract<ChatEvent, { type: 'finish' }> {
  const last = decodeAll(createStreamDecoder(), bytes).at(-1)
  assert.ok(last?.type === 'finish')
  return last
}

const ASSEMBLY: ReadonlyArray<
  readonly [title: string, chunks: readonly JsonObject[], expected: ReadonlyArray<[string, string]>]
> = [
  [
    'id and name on every fragment are not joined',
    [calls(call(0, 'a', 'f', '{"x"')), calls(call(0, 'a', 'f', ':1}'))],
    [['f', '{"x":1}']],
  ],
  [
    'arguments in the first fragment are kept',
    [calls(call(0, 'a', 'f', '{"x":1')), calls({ index: 0, function: { arguments: '}' } })],
    [['f', '{"x":1}']],
  ],
  [
    'one index for every call, told apart by their ids',
    [calls(call(0, 'a', 'f', '{}'), call(0, 'b', 'g', '{"y":2}'))],
    [
      ['f', '{}'],
      ['g', '{"y":2}'],
    ],
  ],
  [
    'whole calls without index or id',
    [
      calls({ function: { name: 'f', arguments: '{}' } }),
      calls({ function: { name: 'f', arguments: '{"y":2}' } }),
    ],
    [
      ['f', '{}'],
      ['f', '{"y":2}'],
    ],
  ],
  [
    'fragments without index continue the last call',
    [
      calls({ id: 'a', function: { name: 'f', arguments: '' } }),
      calls({ function: { arguments: '{"x":' } }),
      calls({ id: 'a', function: { name: 'f', arguments: '1}' } }),
    ],
    [['f', '{"x":1}']],
  ],
  [
    'both starts before any argument: the second waits for the first',
    [
      calls(call(0, 'a', 'f', ''), call(1, 'b', 'g', '')),
      calls({ index: 1, function: { arguments: '{"y":2}' } }),
      calls({ index: 0, function: { arguments: '{"x":1}' } }),
    ],
    [
      ['f', '{"x":1}'],
      ['g', '{"y":2}'],
    ],
  ],
  [
    'an object in place of the arguments’ text',
    [calls({ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } })],
    [['f', '{"x":1}']],
  ],
  [
    'null arguments and a missing type',
    [calls({ index: 0, id: 'a', function: { name: 'f', arguments: null } })],
    [['f', '']],
  ],
  [
    'a name in pieces before the call is open',
    [
      calls(call(0, 'a', 'f', '')),
      calls({ index: 1, id: 'b', function: { name: 'get_' } }),
      calls({ index: 1, function: { name: 'weather' } }),
      calls({ index: 0, function: { arguments: '{}' } }),
      calls({ index: 1, function: { arguments: '{}' } }),
    ],
    [
      ['f', '{}'],
      ['get_weather', '{}'],
    ],
  ],
  [
    'braces and quotes inside strings do not end a call',
    [
      calls(call(0, 'a', 'f', '{"x":"}\\"}"')),
      calls(call(1, 'b', 'g', '{}')),
      calls({ index: 0, function: { arguments: '}' } }),
    ],
    [
      ['f', '{"x":"}\\"}"}'],
      ['g', '{}'],
    ],
  ],
  [
    'white space behind a complete call is ignored',
    [
      calls(call(0, 'a', 'f', '{}')),
      calls(call(1, 'b', 'g', '{')),
      calls({ index: 0, function: { arguments: ' \n' } }),
      calls({ index: 1, function: { arguments: '}' } }),
    ],
    [
      ['f', '{}'],
      ['g', '{}'],
    ],
  ],
  [
    'a legacy function_call is a call like any other',
    [
      chunk({ function_call: { name: 'f', arguments: '' } }),
      chunk({ function_call: { arguments: '{"x":1}' } }),
    ],
    [['f', '{"x":1}']],
  ],
]

for (const [title, chunks, expected] of ASSEMBLY) {
  test(`tool calls: ${title}`, () => {
    assert.deepEqual(joined(sse(...chunks, chunk({}, 'tool_calls'), '[DONE]')), expected)
  })
}

test('more arguments for a call that is complete are an error, never another call’s input', () => {
  thrown('upstream_protocol', () =>
    joined(
      sse(
        calls(call(0, 'a', 'f', '{}')),
        calls(call(1, 'b', 'g', '{')),
        calls({ index: 0, function: { arguments: ',"z":1}' } }),
      ),
    ),
  )
})

test('text between fragments of an incomplete call follows the calls and is not lost', () => {
  const events = content(
    sse(
      calls(call(0, 'a', 'f', '{"x"')),
      chunk({ content: 'aside' }),
      calls({ index: 0, function: { arguments: ':1}' } }),
      chunk({}, 'tool_calls'),
      '[DONE]',
    ),
  )
  assert.deepEqual(
    events.map((event) => event.type),
    ['tool-start', 'tool-input', 'tool-input', 'tool-end', 'text'],
  )
})

test('interleaved calls of a fixture come out one after the other', () => {
  assert.deepEqual(joined(readFixture('openai-chat/interleaved-calls.sse')), [
    ['get_weather', '{"city":"Oslo"}'],
    ['get_weather', '{"city":"Bergen"}'],
  ])
})

test('Azure’s filter chunk does not start the reply; its empty ids do not rename it', () => {
  const events = decodeAll(createStreamDecoder(), readFixture('openai-chat/azure-filter-first.sse'))
  assert.deepEqual(events, [
    {
      type: 'start',
      id: 'chatcmpl-az',
      model: 'gpt-4.1',
      created: 1_795_305_600,
      usage: undefined,
    },
    { type: 'text', text: 'Hi' },
    { type: 'finish', finish: { reason: 'stop' }, usage: undefined, serviceTier: undefined },
  ])
})

test('Ollama’s `stop` after tool calls is read as a tool turn', () => {
  const bytes = readFixture('openai-chat/ollama-tool-with-stop.sse')
  assert.equal(finishOf(bytes).finish.reason, 'tool-calls')
  assert.equal(finishOf(bytes).usage?.totalTokens, 120)
  assert.equal(joined(bytes).length, 2)
  assert.deepEqual(content(bytes)[0], { type: 'reasoning', text: 'Look up.' })
})

test('Gemini’s calls without index or id get ids that stay the same', () => {
  const bytes = readFixture('openai-chat/gemini-calls-without-index.sse')
  const ids = () =>
    content(bytes).flatMap((event) => (event.type === 'tool-start' ? [event.id] : []))
  assert.equal(new Set(ids()).size, 2)
  assert.deepEqual(ids(), ids())
  assert.equal(finishOf(bytes).finish.reason, 'tool-calls')
  assert.equal(finishOf(bytes).usage?.completionTokens, 12)
})

test('vLLM’s reasoning and content in one chunk both come through, in that order', () => {
  const bytes = readFixture('openai-chat/vllm-reasoning-and-content.sse')
  assert.deepEqual(content(bytes), [
    { type: 'reasoning', text: 'done.' },
    { type: 'reasoning-end' },
    { type: 'text', text: 'Yes' },
  ])
  assert.deepEqual(finishOf(bytes).finish, { reason: 'stop-sequence', stopSequence: 'END' })
})

const FINISHES: ReadonlyArray<readonly [string, string]> = [
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['end_turn', 'stop'],
  ['length', 'length'],
  ['model_length', 'length'],
  ['SAFETY', 'content-filter'],
  ['content_filter', 'content-filter'],
  ['something_new', 'other'],
]
for (const [word, reason] of FINISHES) {
  test(`finish_reason ${word} is read as ${reason}`, () => {
    assert.equal(
      finishOf(sse(chunk({ content: 'x' }), chunk({}, word), '[DONE]')).finish.reason,
      reason,
    )
  })
}

test('a refusal makes the finish a refusal', () => {
  const bytes = sse(chunk({ refusal: 'I can’t.' }), chunk({}, 'stop'), '[DONE]')
  assert.deepEqual(finishOf(bytes).finish, { reason: 'refusal', explanation: 'I can’t.' })
  assert.deepEqual(content(bytes), [{ type: 'refusal', text: 'I can’t.' }])
})

test('usage is found wherever a server puts it, and the last one wins', () => {
  const counts = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }
  for (const extra of [
    { usage: counts },
    { x_groq: { usage: counts } },
    { usage: { ...counts, completion_tokens: 1 } },
  ]) {
    const last = { id: 'c1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], ...extra }
    assert.equal(
      finishOf(sse(chunk({ content: 'x' }), last, { choices: [], usage: counts }, '[DONE]')).usage
        ?.completionTokens,
      2,
    )
  }
  const moonshot = {
    id: 'c',
    choices: [{ index: 0, delta: {}, finish_reason: 'stop', usage: counts }],
  }
  assert.equal(finishOf(sse(moonshot, '[DONE]')).usage?.totalTokens, 3)
})

test('a finish without [DONE] is complete; neither of them is a truncated stream', () => {
  assert.equal(finishOf(sse(chunk({ content: 'x' }), chunk({}, 'stop'))).finish.reason, 'stop')
  thrown('upstream_truncated', () => decodeAll(createStreamDecoder(), sse(chunk({ content: 'x' }))))
  thrown('upstream_truncated', () => decodeAll(createStreamDecoder(), sse()))
})

const IN_BAND: ReadonlyArray<readonly [title: string, bytes: Uint8Array, status: number]> = [
  ['an error object', sse({ error: { message: 'Overloaded', code: 503 } }, '[DONE]'), 503],
  ['an error text', sse({ error: 'broken' }), 502],
  ['vLLM’s bare form', sse({ object: 'error', message: 'bad', code: 400 }), 400],
  ['OpenAI’s words', sse({ error: { message: 'slow', code: 'rate_limit_exceeded' } }), 429],
  ['finish_reason error', sse(chunk({}, 'error')), 502],
  ['an event named error', Buffer.from('event: error\ndata: {"message":"no"}\n\n'), 502],
  ['Gemini’s array', sse('[{"error":{"code":429,"message":"quota"}}]'), 429],
  ['a JSON body without data lines', readFixture('wire/pretty-error-body.sse'), 503],
]
for (const [title, bytes, status] of IN_BAND) {
  test(`an error inside a 200 stream is thrown: ${title}`, () => {
    const error = thrown('upstream_error', () => decodeAll(createStreamDecoder(), bytes))
    assert.equal(error.status, status)
    assert.notEqual(error.message, '')
  })
}

test('a chunk that is no JSON is unreadable', () => {
  thrown('upstream_protocol', () => decodeAll(createStreamDecoder(), sse('{"id":')))
})
