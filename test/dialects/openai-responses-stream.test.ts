import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { decodeMarker } from '../../src/dialects/marker.ts'
import type { ChatEvent, JsonObject } from '../../src/dialects/neutral.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { readArray, readObject, readString } from '../../src/wire/json.ts'
import { readFixture } from '../wire/cuts.ts'
import {
  contextFor,
  finish,
  START,
  stream,
  THINKING_AND_TWO_TOOLS,
} from './openai-responses-support.ts'
import { contextOf, readData } from './support.ts'

const SEALED = contextFor({ include: ['reasoning.encrypted_content'] })

function golden(name: string): string {
  return Buffer.from(readFixture(`openai-responses/${name}.sse`)).toString()
}

function objects(text: string): JsonObject[] {
  return readData(text).map((event) => {
    assert.ok(typeof event !== 'string')
    return event
  })
}

function typesOf(text: string): string[] {
  return objects(text).map((event) => (readString(event['type']) ?? '').replace(/^response\./, ''))
}

function last(text: string): JsonObject {
  return objects(text).at(-1) ?? {}
}

function outputOf(text: string): JsonObject[] {
  return readArray(readObject(last(text)['response'])?.['output']).map(
    (item) => readObject(item) ?? {},
  )
}

const OVERLOADED = new ProxyError('upstream_error', 'Overloaded', {
  upstream: {
    status: 529,
    kind: 'overloaded',
    message: 'Overloaded',
    type: 'overloaded_error',
    code: undefined,
    param: undefined,
  },
})

test('a text reply is the documented sequence of events, byte for byte', () => {
  const written = stream([
    START,
    { type: 'text', text: 'Grüße aus ' },
    { type: 'text', text: '東京 🌧' },
    {
      type: 'finish',
      finish: { reason: 'stop' },
      usage: {
        promptTokens: 2060,
        completionTokens: 9,
        totalTokens: 2069,
        cachedTokens: 2048,
        cacheWriteTokens: 0,
        reasoningTokens: undefined,
      },
      serviceTier: undefined,
    },
  ])
  assert.equal(written, golden('text'))
})

test('thinking, text and two tools are four items with sealed reasoning, byte for byte', () => {
  const body = { include: ['reasoning.encrypted_content'] }
  assert.equal(stream(THINKING_AND_TWO_TOOLS, contextFor(body)), golden('thinking-and-two-tools'))
})

test('a failure after text is response.failed with the next number and no finish, byte for byte', () => {
  const encoder = openaiResponses.createStreamEncoder(contextFor())
  const written =
    encoder.push({ ...START, id: 'msg_03Err' }) +
    encoder.push({ type: 'text', text: 'Par' }) +
    encoder.fail(OVERLOADED)
  assert.equal(written, golden('failed-after-text'))
})

test('reasoning is not sealed for a caller who did not ask for it', () => {
  const written = stream(THINKING_AND_TWO_TOOLS)
  assert.ok(!written.includes('encrypted_content'))
  assert.deepEqual(outputOf(written)[0], {
    id: 'rs_02Tool_0',
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: 'Two lookups.' }],
  })
})

test('thinking that is not shown is an item with nothing but its seal, and no item at all unasked', () => {
  const events: ChatEvent[] = [
    START,
    { type: 'reasoning-end', signature: 'c2ln' },
    { type: 'reasoning-end', redacted: 'b3BhcXVl' },
    { type: 'text', text: 'Hi' },
    finish('stop'),
  ]
  const [signed, redacted, message] = outputOf(stream(events, SEALED))
  assert.deepEqual(signed?.['summary'], [])
  assert.deepEqual(decodeMarker(readString(signed?.['encrypted_content']) ?? ''), {
    thinking: '',
    signature: 'c2ln',
  })
  assert.deepEqual(decodeMarker(readString(redacted?.['encrypted_content']) ?? ''), {
    redacted: 'b3BhcXVl',
  })
  assert.equal(message?.['type'], 'message')
  assert.deepEqual(
    outputOf(stream(events)).map((item) => item['type']),
    ['message'],
  )
})

test('sequence numbers count from 0 without gaps and each output_index belongs to one item', () => {
  const events = objects(stream(THINKING_AND_TWO_TOOLS, SEALED))
  assert.deepEqual(
    events.map((event) => event['sequence_number']),
    events.map((_, index) => index),
  )
  const added = events.filter((event) => event['type'] === 'response.output_item.added')
  assert.deepEqual(
    added.map((event) => event['output_index']),
    [0, 1, 2, 3],
  )
  assert.equal(new Set(added.map((event) => readObject(event['item'])?.['id'])).size, 4)
})

test('an answer without content has no item, and still a complete end', () => {
  const written = stream([START, finish('stop')])
  assert.deepEqual(typesOf(written), ['created', 'in_progress', 'completed'])
  assert.deepEqual(outputOf(written), [])
})

test('empty deltas open no item', () => {
  const written = stream([
    START,
    { type: 'text', text: '' },
    { type: 'reasoning', text: '' },
    { type: 'refusal', text: '' },
    finish('stop'),
  ])
  assert.deepEqual(typesOf(written), ['created', 'in_progress', 'completed'])
})

test('an answer cut by its length is incomplete, and so is the item it was cut in', () => {
  const written = stream([
    START,
    { type: 'text', text: 'So' },
    { type: 'tool-start', call: 0, id: 'toolu_01C', name: 'write_file', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"path":"a.txt","body":"lo' },
    { type: 'tool-end', call: 0 },
    finish('length'),
  ])
  const [message, cut] = outputOf(written)
  assert.equal(last(written)['type'], 'response.incomplete')
  const response = readObject(last(written)['response'])
  assert.equal(response?.['status'], 'incomplete')
  assert.deepEqual(response['incomplete_details'], { reason: 'max_output_tokens' })
  assert.equal(message?.['status'], 'completed')
  assert.equal(cut?.['status'], 'incomplete')
  assert.equal(cut['arguments'], '{"path":"a.txt","body":"lo')
})

const ENDS: ReadonlyArray<readonly [ChatEvent, readonly ChatEvent[], JsonObject]> = [
  [finish('stop'), [], { status: 'completed', incomplete_details: null }],
  [finish('stop-sequence'), [], { status: 'completed', incomplete_details: null }],
  [finish('tool-calls'), [], { status: 'completed', incomplete_details: null }],
  [finish('pause'), [], { status: 'completed', incomplete_details: null }],
  [finish('other'), [], { status: 'completed', incomplete_details: null }],
  [
    finish('context-window'),
    [],
    { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
  ],
  [
    finish('content-filter'),
    [{ type: 'text', text: 'So' }],
    { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
  ],
  [
    finish('refusal'),
    [{ type: 'text', text: 'So' }],
    { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
  ],
  [
    finish('refusal', 'No.'),
    [{ type: 'refusal', text: 'No.' }],
    { status: 'completed', incomplete_details: null },
  ],
]
for (const [end, before, expected] of ENDS) {
  const words = end.type === 'finish' ? end.finish.reason : ''
  const status = readString(expected['status']) ?? ''
  test(`an answer that ends with ${words} after ${before.length} deltas is ${status}`, () => {
    const written = stream([START, ...before, end])
    const response = readObject(last(written)['response']) ?? {}
    assert.equal(last(written)['type'], `response.${status}`)
    assert.equal(response['status'], status)
    assert.deepEqual(response['incomplete_details'], expected['incomplete_details'])
  })
}

test('a refusal with nothing said is a refusal part with the explanation, or with our words', () => {
  assert.deepEqual(outputOf(stream([START, finish('refusal', 'Not this.')]))[0]?.['content'], [
    { type: 'refusal', refusal: 'Not this.' },
  ])
  assert.deepEqual(outputOf(stream([START, finish('refusal')]))[0]?.['content'], [
    { type: 'refusal', refusal: 'The model declined to answer.' },
  ])
})

test('a refusal after nothing but thinking is whole, for nothing was cut', () => {
  const written = stream([
    START,
    { type: 'reasoning', text: 'Hm.' },
    finish('refusal', 'Not this.'),
  ])
  assert.equal(last(written)['type'], 'response.completed')
  assert.deepEqual(
    outputOf(written).map((item) => item['type']),
    ['reasoning', 'message'],
  )
})

test('text that a refusal cut stays, followed by the reason', () => {
  const written = stream([START, { type: 'text', text: 'So' }, finish('refusal', 'Not this.')])
  assert.deepEqual(typesOf(written), [
    'created',
    'in_progress',
    'output_item.added',
    'content_part.added',
    'output_text.delta',
    'output_text.done',
    'content_part.done',
    'content_part.added',
    'refusal.delta',
    'refusal.done',
    'content_part.done',
    'output_item.done',
    'incomplete',
  ])
  const parts = objects(written).filter((event) => event['type'] === 'response.content_part.added')
  assert.deepEqual(
    parts.map((event) => event['content_index']),
    [0, 1],
  )
})

test('a streamed refusal is not said a second time at the end', () => {
  const written = stream([START, { type: 'refusal', text: 'No.' }, finish('refusal', 'No.')])
  assert.deepEqual(outputOf(written)[0]?.['content'], [{ type: 'refusal', refusal: 'No.' }])
})

test('a call of a custom tool is a custom_tool_call with free input', () => {
  const written = stream([
    START,
    { type: 'tool-start', call: 0, id: 'call_1', name: 'apply', kind: 'custom' },
    { type: 'tool-input', call: 0, text: '*** Begin' },
    { type: 'tool-input', call: 0, text: ' Patch' },
    { type: 'tool-end', call: 0 },
    finish('tool-calls'),
  ])
  assert.deepEqual(typesOf(written).slice(2, -1), [
    'output_item.added',
    'custom_tool_call_input.delta',
    'custom_tool_call_input.delta',
    'custom_tool_call_input.done',
    'output_item.done',
  ])
  assert.deepEqual(outputOf(written)[0], {
    id: 'ctc_01Text_0',
    type: 'custom_tool_call',
    status: 'completed',
    call_id: 'call_1',
    name: 'apply',
    input: '*** Begin Patch',
  })
})

const OWN_TOOLS = contextFor({
  tools: [{ type: 'local_shell' }, { type: 'shell' }, { type: 'apply_patch' }],
})

function call(number: number, id: string, name: string, input: string): ChatEvent[] {
  return [
    { type: 'tool-start', call: number, id, name, kind: 'function' },
    { type: 'tool-input', call: number, text: input.slice(0, 5) },
    { type: 'tool-input', call: number, text: input.slice(5) },
    { type: 'tool-end', call: number },
  ]
}

test('calls of the API’s own tools become the API’s own items, whole', () => {
  const written = stream(
    [
      START,
      ...call(0, 'a', 'local_shell', '{"command":["ls","-l"],"timeout_ms":1000}'),
      ...call(1, 'b', 'shell', '{"commands":["ls"]}'),
      ...call(2, 'c', 'apply_patch', '{"type":"create_file","path":"a","diff":"+x"}'),
      finish('tool-calls'),
    ],
    OWN_TOOLS,
  )
  assert.deepEqual(typesOf(written).slice(2, -1), [
    'output_item.added',
    'output_item.done',
    'output_item.added',
    'output_item.done',
    'output_item.added',
    'output_item.done',
  ])
  assert.deepEqual(outputOf(written), [
    {
      id: 'lsh_01Text_0',
      type: 'local_shell_call',
      status: 'completed',
      call_id: 'a',
      action: { command: ['ls', '-l'], timeout_ms: 1000, type: 'exec', env: {} },
    },
    {
      id: 'sh_01Text_1',
      type: 'shell_call',
      status: 'completed',
      call_id: 'b',
      action: { commands: ['ls'], timeout_ms: null, max_output_length: null },
      environment: null,
    },
    {
      id: 'apc_01Text_2',
      type: 'apply_patch_call',
      status: 'completed',
      call_id: 'c',
      operation: { type: 'create_file', path: 'a', diff: '+x' },
    },
  ])
})

test('arguments that do not fit one of the API’s own items are a plain function call', () => {
  const written = stream(
    [START, ...call(0, 'a', 'shell', '{"command":"ls"}'), finish('tool-calls')],
    OWN_TOOLS,
  )
  assert.deepEqual(typesOf(written).slice(2, -1), [
    'output_item.added',
    'function_call_arguments.delta',
    'function_call_arguments.done',
    'output_item.done',
  ])
  const added = readObject(objects(written)[2]?.['item'])
  assert.equal(added?.['arguments'], '')
  assert.equal(outputOf(written)[0]?.['arguments'], '{"command":"ls"}')
})

test('a tool of a namespace is called by its own name with the namespace beside it', () => {
  const context = contextFor({
    tools: [
      {
        type: 'namespace',
        name: 'crm',
        description: 'Customers.',
        tools: [{ type: 'function', name: 'find', parameters: {} }],
      },
    ],
  })
  const written = stream(
    [START, ...call(0, 'a', 'crm__find', '{"id":1}'), finish('tool-calls')],
    context,
  )
  const [item] = outputOf(written)
  assert.equal(item?.['name'], 'find')
  assert.equal(item['namespace'], 'crm')
})

test('the response repeats what the caller asked for, on every event that carries it', () => {
  const said: JsonObject = {
    instructions: 'Be brief.',
    metadata: { run: '7' },
    parallel_tool_calls: false,
    temperature: 0,
    tool_choice: 'none',
    tools: [{ type: 'function', name: 'f', parameters: null, strict: null }],
    top_p: 0.5,
    max_output_tokens: 99,
    reasoning: { effort: 'low', summary: null },
    text: { format: { type: 'text' } },
    user: 'someone',
  }
  const events = objects(stream([START, finish('stop')], contextFor(said)))
  assert.equal(events.length, 3)
  for (const event of events) {
    const response = readObject(event['response']) ?? {}
    for (const [field, value] of Object.entries(said))
      assert.deepEqual(response[field], value, field)
  }
})

test('ids come from the provider’s, are never longer than 64 characters, and are the same every time', () => {
  const start: ChatEvent = { ...START, id: `msg_${'x'.repeat(200)}` }
  const events: ChatEvent[] = [start, { type: 'text', text: 'a' }, finish('stop')]
  const id = readString(outputOf(stream(events))[0]?.['id']) ?? ''
  assert.ok(id.length > 0 && id.length <= 64 && id.startsWith('msg_'), id)
  assert.equal(stream(events), stream(events))
})

test('a provider without an id gets ours', () => {
  const written = stream([{ ...START, id: '' }, { type: 'text', text: 'a' }, finish('stop')])
  assert.equal(readObject(last(written)['response'])?.['id'], 'resp_req_test')
  assert.equal(outputOf(written)[0]?.['id'], 'msg_req_test_0')
})

test('a provider without a creation time gets the time of the answer', () => {
  const written = stream([{ ...START, created: undefined }, finish('stop')])
  assert.equal(readObject(last(written)['response'])?.['created_at'], 1_795_305_600)
})

test('usage that nobody told is null, and a single untold side is 0', () => {
  const silent = stream([START, finish('stop')])
  assert.equal(readObject(last(silent)['response'])?.['usage'], null)
  const half = stream([
    START,
    {
      type: 'finish',
      finish: { reason: 'stop' },
      usage: {
        promptTokens: 7,
        completionTokens: undefined,
        totalTokens: undefined,
        cachedTokens: undefined,
        cacheWriteTokens: undefined,
        reasoningTokens: undefined,
      },
      serviceTier: 'default',
    },
  ])
  const response = readObject(last(half)['response'])
  assert.deepEqual(response?.['usage'], {
    input_tokens: 7,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 7,
  })
  assert.equal(response['service_tier'], 'default')
})

test('a failure carries the items that were complete, and never ends the one that was not', () => {
  const encoder = openaiResponses.createStreamEncoder(contextOf())
  encoder.push(START)
  encoder.push({ type: 'reasoning', text: 'Hm.' })
  encoder.push({ type: 'reasoning-end' })
  encoder.push({ type: 'tool-start', call: 0, id: 'a', name: 'rm', kind: 'function' })
  encoder.push({ type: 'tool-input', call: 0, text: '{}' })
  encoder.push({ type: 'tool-end', call: 0 })
  const [failed, ...more] = objects(encoder.fail(OVERLOADED))
  assert.equal(more.length, 0)
  const response = readObject(failed?.['response'])
  assert.equal(failed?.['sequence_number'], 10)
  assert.deepEqual(
    readArray(response?.['output']).map((item) => readObject(item)?.['type']),
    ['reasoning'],
  )
})

const CODES: ReadonlyArray<readonly [ProxyError, string]> = [
  [OVERLOADED, 'server_error'],
  [new ProxyError('upstream_truncated', 'cut'), 'server_error'],
  [new ProxyError('upstream_timeout', 'slow'), 'server_error'],
  [new ProxyError('rate_limited', 'much'), 'rate_limit_exceeded'],
  [new ProxyError('budget_exceeded', 'spent'), 'insufficient_quota'],
  [new ProxyError('request_invalid', 'odd'), 'invalid_prompt'],
  [
    new ProxyError('upstream_error', 'long', {
      upstream: {
        status: 400,
        kind: 'context',
        message: 'long',
        type: undefined,
        code: undefined,
        param: undefined,
      },
    }),
    'context_length_exceeded',
  ],
]
for (const [error, code] of CODES) {
  test(`a ${error.kind} failure inside a stream has the code ${code}`, () => {
    const encoder = openaiResponses.createStreamEncoder(contextFor())
    encoder.push(START)
    const response = readObject(objects(encoder.fail(error))[0]?.['response'])
    assert.deepEqual(response?.['error'], { code, message: error.message })
    assert.equal(response?.['status'], 'failed')
  })
}

test('a failure before anything was said still begins with response.created', () => {
  const encoder = openaiResponses.createStreamEncoder(contextFor())
  assert.deepEqual(typesOf(encoder.fail(OVERLOADED)), ['created', 'in_progress', 'failed'])
})
