/** The official SDK's helpers, fed with what we write through a real socket. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import OpenAI from 'openai'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { ChatEvent, JsonObject } from '../../src/dialects/neutral.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { readFixture } from '../wire/cuts.ts'
import { contextFor, finish, START, stream } from './openai-responses-support.ts'

type Chunks = ReadonlyArray<string | Uint8Array>

/** A client of a server that answers every request with these bytes, one write each. */
async function clientOf(t: TestContext, type: string, chunks: Chunks): Promise<OpenAI> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': type })
      for (const chunk of chunks) response.write(chunk)
      response.end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => server.close())
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const { port } = address
  return new OpenAI({ apiKey: 'x', baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 })
}

/** What the SDK makes of a stream of ours, and the events its listeners saw. */
async function play(
  t: TestContext,
  chunks: Chunks,
): Promise<{ final: OpenAI.Responses.Response; deltas: string[] }> {
  const client = await clientOf(t, 'text/event-stream; charset=utf-8', chunks)
  const deltas: string[] = []
  const helper = client.responses
    .stream({ model: 'm', input: 'Hi' })
    .on('response.output_text.delta', (event) => deltas.push(event.delta))
  return { final: await helper.finalResponse(), deltas }
}

/** What a Claude stream becomes for a Responses caller. */
function translated(fixture: string, body: JsonObject = {}): Buffer {
  const pipe = createStreamPipe(openaiResponses, anthropic, {
    ...contextFor(body),
    stripUsage: false,
  })
  const written = Buffer.from(pipe.push(readFixture(`anthropic/${fixture}.sse`)))
  return written
}

test('the SDK reads a translated Claude stream with thinking, text and two calls', async (t) => {
  const bytes = translated('thinking-and-two-tools', { include: ['reasoning.encrypted_content'] })
  assert.equal(
    bytes.toString(),
    Buffer.from(readFixture('openai-responses/thinking-and-two-tools.sse')).toString(),
  )
  const { final } = await play(t, [bytes])
  assert.equal(final.status, 'completed')
  assert.equal(final.output_text, 'Checking.')
  assert.deepEqual(
    final.output.map((item) => item.type),
    ['reasoning', 'message', 'function_call', 'function_call'],
  )
  const [, , first, second] = final.output
  assert.ok(first?.type === 'function_call' && second?.type === 'function_call')
  assert.deepEqual([first.call_id, first.arguments], ['toolu_01A', '{"city":"Oslo"}'])
  assert.deepEqual([second.call_id, second.arguments], ['toolu_01B', '{}'])
  assert.equal(final.usage?.total_tokens, 584)
})

test('the SDK reads the same when every byte arrives alone', async (t) => {
  const bytes = translated('text')
  const { final, deltas } = await play(
    t,
    [...bytes].map((byte) => Uint8Array.of(byte)),
  )
  assert.equal(final.output_text, 'Grüße aus 東京 🌧')
  assert.deepEqual(deltas, ['Grüße aus ', '東京 🌧'])
})

test('the SDK sees a call that was cut as incomplete, with what there was of it', async (t) => {
  const { final } = await play(t, [translated('arguments-cut-by-max-tokens')])
  assert.equal(final.status, 'incomplete')
  assert.deepEqual(final.incomplete_details, { reason: 'max_output_tokens' })
  const [call] = final.output
  assert.ok(call?.type === 'function_call')
  assert.equal(call.status, 'incomplete')
  assert.equal(call.arguments, '{"path":"a.txt","body":"lo')
})

test('the SDK sees a stream that broke as failed, not as finished', async (t) => {
  const { final } = await play(t, [translated('overloaded-after-text')])
  assert.equal(final.status, 'failed')
  assert.deepEqual(final.error, { code: 'server_error', message: 'Overloaded' })
})

test('the SDK reads refusals, custom calls and the API’s own calls', async (t) => {
  const events: ChatEvent[] = [
    START,
    { type: 'text', text: 'Well. ' },
    { type: 'refusal', text: 'No.' },
    { type: 'tool-start', call: 0, id: 'a', name: 'run', kind: 'custom' },
    { type: 'tool-input', call: 0, text: 'ls ' },
    { type: 'tool-input', call: 0, text: '-l' },
    { type: 'tool-end', call: 0 },
    { type: 'tool-start', call: 1, id: 'b', name: 'shell', kind: 'function' },
    { type: 'tool-input', call: 1, text: '{"commands":["ls"]}' },
    { type: 'tool-end', call: 1 },
    finish('tool-calls'),
  ]
  const { final } = await play(t, [stream(events, contextFor({ tools: [{ type: 'shell' }] }))])
  const [message, custom, shell] = final.output
  assert.ok(message?.type === 'message')
  assert.deepEqual(
    message.content.map((part) => (part.type === 'refusal' ? part.refusal : part.text)),
    ['Well. ', 'No.'],
  )
  assert.ok(custom?.type === 'custom_tool_call')
  assert.equal(custom.input, 'ls -l')
  assert.ok(shell?.type === 'shell_call')
  assert.deepEqual(shell.action.commands, ['ls'])
})

test('the SDK reads an answer without content', async (t) => {
  const { final } = await play(t, [stream([START, finish('stop')])])
  assert.deepEqual(final.output, [])
  assert.equal(final.output_text, '')
})

test('the SDK parses structured output and tool arguments of a whole reply', async (t) => {
  const reply = openaiResponses.encodeReply(
    {
      id: 'msg_1',
      model: 'claude-opus-5',
      created: undefined,
      parts: [{ type: 'text', text: '{"city":"Oslo"}' }],
      finish: { reason: 'stop' },
      usage: undefined,
      serviceTier: undefined,
    },
    contextFor(),
  )
  const client = await clientOf(t, 'application/json', [JSON.stringify(reply)])
  const parsed = await client.responses.parse({
    model: 'm',
    input: 'Hi',
    text: { format: { type: 'json_schema', name: 'city', schema: { type: 'object' } } },
  })
  assert.equal(parsed.output_text, '{"city":"Oslo"}')
  assert.equal(parsed.status, 'completed')
})

test('the SDK ends on the failure that a relay writes behind a provider’s broken stream', async (t) => {
  const whole = Buffer.from(readFixture('openai-responses/text.sse')).toString().split('\n\n')
  const cut = Buffer.from(`${whole.slice(0, 5).join('\n\n')}\n\n`)
  const pipe = createStreamPipe(openaiResponses, openaiResponses, {
    ...contextFor(),
    stripUsage: false,
  })
  const relayed = pipe.push(cut)
  let failure = ''
  try {
    pipe.end()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    failure = pipe.fail(error)
  }
  const { final } = await play(t, [relayed, failure])
  assert.equal(final.status, 'failed')
  assert.equal(final.error?.code, 'server_error')
})
