/** What the official client makes of the streams we write; the bytes are handed to it without a network. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import OpenAI from 'openai'
import { ROOT } from '../wire/cuts.ts'

function clientFor(transcript: string): OpenAI {
  const body = readFileSync(
    new URL(`test/fixtures/transcripts/chat-to-messages/${transcript}/expected.sse`, ROOT),
  )
  return new OpenAI({
    apiKey: 'none',
    maxRetries: 0,
    fetch: async () =>
      new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } }),
  })
}

function ask(transcript: string) {
  return clientFor(transcript).chat.completions.stream({
    model: 'm',
    messages: [{ role: 'user', content: 'Hello' }],
    stream_options: { include_usage: true },
  })
}

test('the OpenAI client puts a translated text stream together', async () => {
  const completion = await ask('text').finalChatCompletion()
  assert.equal(completion.choices[0]?.message.content, 'Grüße aus 東京 🌧')
  assert.equal(completion.choices[0]?.finish_reason, 'stop')
  assert.equal(completion.usage?.prompt_tokens, 2060)
})

test('the OpenAI client puts two parallel translated calls together', async () => {
  const completion = await ask('thinking-and-two-tools').finalChatCompletion()
  const calls = completion.choices[0]?.message.tool_calls ?? []
  assert.deepEqual(
    calls.map((call) => (call.type === 'function' ? { ...call.function } : undefined)),
    [
      { name: 'get_weather', arguments: '{"city":"Oslo"}' },
      { name: 'list_units', arguments: '{}' },
    ],
  )
  assert.equal(completion.usage?.total_tokens, 584)
})

test('the OpenAI client throws on a stream that failed', async () => {
  await assert.rejects(ask('overloaded-after-text').finalChatCompletion(), /Overloaded/)
})
