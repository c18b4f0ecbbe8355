/** Bugs of other translators that clients met, each with its report. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { readArray, readObject, readString } from '../../src/wire/json.ts'
import { createSseDecoder } from '../../src/wire/sse.ts'
import { readFixture } from '../wire/cuts.ts'
import {
  contextFor,
  finish,
  START,
  stream,
  THINKING_AND_TWO_TOOLS,
} from './openai-responses-support.ts'
import { readData, thrown } from './support.ts'

function objects(text: string | Uint8Array): JsonObject[] {
  return readData(text).flatMap((event) => (typeof event === 'string' ? [] : [event]))
}

test('every call has an output_index of its own (BerriAI/litellm#21331)', () => {
  const added = objects(stream(THINKING_AND_TWO_TOOLS)).filter(
    (event) => event['type'] === 'response.output_item.added',
  )
  assert.deepEqual(
    added.map((event) => event['output_index']),
    [0, 1, 2, 3],
  )
})

test('cached tokens are counted once in input_tokens (icebear0828/codex-proxy PR#587)', () => {
  const pipe = createStreamPipe(openaiResponses, anthropic, { ...contextFor(), stripUsage: false })
  const last = objects(pipe.push(readFixture('anthropic/text.sse'))).at(-1)
  const usage = readObject(readObject(last?.['response'])?.['usage'])
  assert.equal(usage?.['input_tokens'], 12 + 2048)
  assert.equal(usage['total_tokens'], 12 + 2048 + 9)
})

test('cached tokens of a Responses provider are not added a second time (icebear0828/codex-proxy PR#587)', () => {
  const { usage } = openaiResponses.readReply({
    usage: {
      input_tokens: 2060,
      input_tokens_details: { cached_tokens: 2048 },
      output_tokens: 9,
      total_tokens: 2069,
    },
  })
  assert.equal(usage?.promptTokens, 2060)
  assert.equal(usage.totalTokens, 2069)
})

test('every event names its type in its data, and nests the response (7836246/cursor2api#113)', () => {
  const text = stream(THINKING_AND_TWO_TOOLS)
  for (const event of createSseDecoder().push(Buffer.from(text))) {
    const value = readObject(JSON.parse(event.data))
    assert.equal(value?.['type'], event.event)
    if (/created|in_progress|completed/.test(event.event)) {
      assert.equal(readObject(value?.['response'])?.['object'], 'response')
    }
  }
})

test('a failure is response.failed and never the error event (zyycn/codex-proxy-rs PR#90)', () => {
  const encoder = openaiResponses.createStreamEncoder(contextFor())
  encoder.push(START)
  encoder.push({ type: 'text', text: 'a' })
  const [event, ...more] = objects(encoder.fail(new ProxyError('upstream_timeout', 'Slow.')))
  assert.equal(event?.['type'], 'response.failed')
  assert.equal(more.length, 0)
})

test('a provider that ends early leaves the caller with a terminal event (icebear0828/codex-proxy PR#466)', () => {
  const claude = Buffer.from(readFixture('anthropic/text.sse')).toString()
  const pipe = createStreamPipe(openaiResponses, anthropic, { ...contextFor(), stripUsage: false })
  let seen = Buffer.from(
    pipe.push(Buffer.from(claude.slice(0, claude.indexOf('event: message_delta')))),
  ).toString()
  seen += pipe.fail(thrown('upstream_truncated', () => pipe.end()))
  const events = objects(seen)
  assert.equal(events.at(-1)?.['type'], 'response.failed')
  assert.equal(events.at(-1)?.['sequence_number'], events.length - 1)
})

test('the terminal event ends the stream while the socket stays open (caidaoli/ccLoad PR#81, openai/codex PR#9170)', () => {
  const bytes = readFixture('openai-responses/text.sse')
  const relay = createStreamPipe(openaiResponses, openaiResponses, {
    ...contextFor(),
    stripUsage: false,
  })
  relay.push(bytes)
  assert.equal(relay.finished, true)
  const translated = createStreamPipe(openaiChat, openaiResponses, {
    ...contextFor(),
    stripUsage: false,
  })
  translated.push(bytes)
  assert.equal(translated.finished, true)
})

test('our own stream ends with the terminal event, without [DONE] (openai/codex PR#9170)', () => {
  const text = stream([START, { type: 'text', text: 'a' }, finish('stop')])
  assert.ok(!text.includes('[DONE]'))
  assert.equal(objects(text).at(-1)?.['type'], 'response.completed')
})

test('an in-band error of a Chat server is no empty success (BerriAI/litellm#40578)', () => {
  const pipe = createStreamPipe(openaiResponses, openaiChat, { ...contextFor(), stripUsage: false })
  const error = thrown('upstream_error', () =>
    pipe.push(
      Buffer.from('data: {"error":{"message":"Out of memory","code":500}}\n\ndata: [DONE]\n\n'),
    ),
  )
  assert.equal(error.message, 'Out of memory')
})

test('a first event that is a failure is thrown before anything was sent (vercel/ai PR#10653)', () => {
  const pipe = createStreamPipe(openaiChat, openaiResponses, { ...contextFor(), stripUsage: false })
  const failed = {
    type: 'response.failed',
    response: { status: 'failed', error: { code: 'server_is_overloaded', message: 'Busy.' } },
  }
  const error = thrown('upstream_error', () =>
    pipe.push(Buffer.from(`data: ${JSON.stringify(failed)}\n\n`)),
  )
  assert.equal(error.status, 503)
  assert.equal(pipe.committed, false)
})

test('tools with reasoning go through on models that refuse them in Chat (pipecat-ai/pipecat#4043)', () => {
  const request = openaiChat.decodeRequest({
    model: 'gpt-5.4',
    messages: [{ role: 'user', content: 'Hi' }],
    reasoning_effort: 'high',
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
  })
  const { body } = openaiResponses.encodeRequest(
    request,
    { model: 'gpt-5.4', maxTokens: undefined, strict: false },
    createNotes(true),
  )
  assert.equal(readObject(body['reasoning'])?.['effort'], 'high')
  assert.equal(readArray(body['tools']).length, 1)
})

test('call ids of more than 64 characters are shortened, in call and result alike (openclaw/openclaw PR#31995)', () => {
  const id = 'toolu_'.padEnd(120, 'z')
  const request = openaiChat.decodeRequest({
    model: 'gpt-5.4',
    messages: [
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: id, content: 'ok' },
    ],
  })
  const { body } = openaiResponses.encodeRequest(
    request,
    { model: 'gpt-5.4', maxTokens: undefined, strict: false },
    createNotes(true),
  )
  const ids = readArray(body['input']).flatMap((item) => readObject(item)?.['call_id'] ?? [])
  assert.equal(ids.length, 2)
  assert.equal(ids[0], ids[1])
  assert.equal(readString(ids[0])?.length, 64)
})
