/** What we write, read by Anthropic's own client from a real socket. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import Anthropic, { APIError } from '@anthropic-ai/sdk'
import { contextOf, fixtureFile, play, readRequest, reply } from './anthropic-caller.ts'

/** A client of a server that answers everything with these bytes. */
async function clientOf(t: TestContext, type: string, body: string): Promise<Anthropic> {
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': type })
    // In pieces, so that events are cut as a network cuts them.
    for (let at = 0; at < body.length; at += 97) response.write(body.slice(at, at + 97))
    response.end()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has no other address
  const { port } = server.address() as AddressInfo
  return new Anthropic({ apiKey: 'x', baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 })
}

const QUESTION = {
  model: 'asked',
  max_tokens: 256,
  messages: [{ role: 'user' as const, content: 'Hello' }],
}

async function readStream(t: TestContext, name: string): Promise<Anthropic.Message> {
  const upstream = readFileSync(fixtureFile(name, 'upstream.sse'))
  const body = play([upstream], contextOf(readRequest(name)))
  const client = await clientOf(t, 'text/event-stream', body)
  return client.messages.stream(QUESTION).finalMessage()
}

const THINKING = { type: 'thinking', thinking: 'Two lookups.', signature: 'aiproxy.v1.' }
const call = (id: string, city: string): object => ({
  type: 'tool_use',
  id,
  name: 'get_weather',
  input: { city },
})

const streams: ReadonlyArray<readonly [string, readonly object[], string]> = [
  ['text', [{ type: 'text', text: 'Grüße aus 東京 🌧' }], 'end_turn'],
  [
    'reasoning-and-interleaved-calls',
    [THINKING, call('call_a', 'Oslo'), call('call_b', 'Bergen')],
    'tool_use',
  ],
  [
    'call-without-arguments',
    [{ type: 'tool_use', id: 'call_n', name: 'list_units', input: {} }],
    'tool_use',
  ],
  ['arguments-cut-by-length', [{ ...call('call_l', 'Oslo') }], 'max_tokens'],
  ['empty-answer', [], 'end_turn'],
  ['no-usage', [{ type: 'text', text: 'Hello there, reader.' }], 'end_turn'],
  ['refusal', [{ type: 'text', text: 'I cannot help with that.' }], 'refusal'],
]
for (const [name, content, stopReason] of streams) {
  test(`the official client reads the stream ${name}`, async (t) => {
    const message = await readStream(t, name)
    assert.deepEqual(
      // The client adds members of its own to blocks that it parses.
      message.content.map((block, index) =>
        Object.fromEntries(
          Object.keys(content[index] ?? {}).map((key) => [key, Object(block)[key]]),
        ),
      ),
      content,
    )
    assert.equal(message.stop_reason, stopReason)
    assert.equal(typeof message.usage.output_tokens, 'number')
  })
}

test('the official client takes the exact counts over the estimate', async (t) => {
  const { usage } = await readStream(t, 'text')
  assert.equal(usage.input_tokens, 12)
  assert.equal(usage.cache_read_input_tokens, 2048)
  assert.equal(usage.output_tokens, 9)
})

for (const name of ['error-after-text', 'cut-in-the-middle']) {
  test(`the official client throws on the stream ${name}`, async (t) => {
    await assert.rejects(readStream(t, name), APIError)
  })
}

test('the official client reads a whole reply', async (t) => {
  const body = reply(
    {
      content: 'Checking.',
      reasoning_content: 'Hm.',
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{"x":1}' } }],
    },
    'tool_calls',
  )
  const client = await clientOf(t, 'application/json', JSON.stringify(body))
  const message = await client.messages.create(QUESTION)
  assert.deepEqual(
    message.content.map((block) => block.type),
    ['thinking', 'text', 'tool_use'],
  )
  assert.equal(message.stop_reason, 'tool_use')
  assert.equal(message.usage.input_tokens, 20)
})
