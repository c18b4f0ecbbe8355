import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrameFacts, StreamTap } from '../../src/dialects/dialect.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createSseDecoder, encodeSse } from '../../src/wire/sse.ts'
import { readObject, readString } from '../../src/wire/json.ts'
import { cuts, readFixture } from '../wire/cuts.ts'
import { contextOf, readData, thrown } from './support.ts'

function tapAll(bytes: Uint8Array): { tap: StreamTap; facts: FrameFacts[] } {
  const tap = openaiResponses.createStreamTap()
  const decoder = createSseDecoder()
  const facts = [...decoder.push(bytes), ...decoder.end()].map((frame) => tap.read(frame))
  return { tap, facts }
}

function frames(...events: JsonObject[]): Uint8Array {
  return Buffer.from(
    events
      .map((event) => encodeSse(readString(event['type']) ?? '', JSON.stringify(event)))
      .join(''),
  )
}

const TOOLS = readFixture('openai-responses/thinking-and-two-tools.sse')
const FAILED = readFixture('openai-responses/failed-after-text.sse')

test('usage, model and the end are read along the way', () => {
  const { tap, facts } = tapAll(TOOLS)
  assert.equal(tap.model, 'claude-opus-5')
  assert.deepEqual(tap.usage, {
    promptTokens: 520,
    completionTokens: 64,
    totalTokens: 584,
    cachedTokens: 0,
    cacheWriteTokens: 100,
    reasoningTokens: 5,
  })
  assert.equal(tap.finishSeen, true)
  assert.deepEqual(
    facts.map((fact) => fact.end),
    facts.map((_, index) => index === facts.length - 1),
  )
  assert.ok(facts.every((fact) => !fact.usageOnly && fact.error === undefined))
})

test('the stream commits at the first text, not at what announces it', () => {
  const { facts } = tapAll(TOOLS)
  assert.equal(
    facts.findIndex((fact) => fact.content),
    4,
  )
})

test('a call commits with its beginning, whether or not it takes arguments', () => {
  const { facts } = tapAll(
    frames({
      type: 'response.output_item.added',
      output_index: 0,
      item: { type: 'function_call', call_id: 'a', name: 'f', arguments: '' },
    }),
  )
  assert.equal(facts[0]?.content, true)
})

test('content characters are counted without parsing every delta', () => {
  const deltas = Array.from({ length: 9 }, (_, index) => ({
    type: 'response.output_text.delta',
    sequence_number: 4 + index,
    item_id: 'm',
    output_index: 0,
    content_index: 0,
    delta: `word ${index}`,
    logprobs: [],
  }))
  // Sequence numbers of two digits and of one make the envelope differ by a character.
  assert.ok(Math.abs(tapAll(frames(...deltas)).tap.outputChars - 54) <= 9)
  const nameless = Buffer.from(deltas.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''))
  assert.equal(tapAll(nameless).tap.outputChars, tapAll(frames(...deltas)).tap.outputChars)
})

test('a failure of the provider is told with its words', () => {
  const { tap, facts } = tapAll(FAILED)
  assert.equal(facts.at(-1)?.error?.message, 'Overloaded')
  assert.equal(facts.at(-1)?.error?.status, 500)
  assert.equal(tap.finishSeen, false)
})

test('an error event and a bare error body are failures too', () => {
  const event = tapAll(frames({ type: 'error', code: 'rate_limit_exceeded', message: 'Slow.' }))
  assert.equal(event.facts[0]?.error?.status, 429)
  const bare = tapAll(Buffer.from('{"error":{"message":"No.","code":"invalid_api_key"}}\n\n'))
  assert.equal(bare.facts[0]?.error?.status, 401)
})

test('a failure of ours goes on with the provider’s response and the next number', () => {
  const all = Buffer.from(FAILED).toString().split('\n\n')
  const { tap } = tapAll(Buffer.from(`${all.slice(0, 5).join('\n\n')}\n\n`))
  const error = new ProxyError('upstream_truncated', 'Cut.')
  const [failed] = readData(tap.fail(error, 'req_1'))
  assert.ok(typeof failed === 'object')
  assert.equal(failed['type'], 'response.failed')
  assert.equal(failed['sequence_number'], 5)
  const begun = readData(Buffer.from(`${all[0]}\n\n`))[0]
  assert.ok(typeof begun === 'object')
  assert.deepEqual(failed['response'], {
    ...readObject(begun['response']),
    status: 'failed',
    error: { code: 'server_error', message: 'Cut.' },
  })
})

test('the next number counts deltas that were not parsed', () => {
  const deltas = Array.from({ length: 20 }, (_, index) => ({
    type: 'response.output_text.delta',
    sequence_number: 7 + index,
    delta: 'x',
  }))
  const { tap } = tapAll(frames(...deltas))
  const [failed] = readData(tap.fail(new ProxyError('upstream_timeout', 'Slow.'), 'req_1'))
  assert.ok(typeof failed === 'object')
  assert.equal(failed['sequence_number'], 27)
})

test('a relayed stream passes byte for byte however it is cut, and ends at its end', () => {
  for (const cut of cuts(TOOLS)) {
    const pipe = createStreamPipe(openaiResponses, openaiResponses, {
      ...contextOf(),
      request: undefined,
      stripUsage: false,
    })
    const seen = cut.chunks.map((chunk) => Buffer.from(pipe.push(chunk)))
    assert.equal(pipe.finished, true, cut.name)
    assert.equal(Buffer.concat(seen).toString(), Buffer.from(TOOLS).toString(), cut.name)
  }
})

test('a relayed failure before any content is thrown, so that another target can answer', () => {
  const pipe = createStreamPipe(openaiResponses, openaiResponses, {
    ...contextOf(),
    request: undefined,
    stripUsage: false,
  })
  const all = Buffer.from(FAILED).toString().split('\n\n')
  const withoutText = Buffer.from(`${[...all.slice(0, 4), all[5]].join('\n\n')}\n\n`)
  assert.equal(thrown('upstream_error', () => pipe.push(withoutText)).message, 'Overloaded')
})
