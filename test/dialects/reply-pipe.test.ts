import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import {
  convertReply,
  createReplyCollector,
  createStreamPipe,
} from '../../src/dialects/reply-pipe.ts'
import type { ReplyPipe } from '../../src/dialects/pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { cuts, listFixtures, readFixture } from '../wire/cuts.ts'
import { contextOf, sse, thrown } from './support.ts'

function relay(dialect: Dialect, stripUsage = false): ReplyPipe {
  return createStreamPipe(dialect, dialect, { ...contextOf(), request: undefined, stripUsage })
}

function translate(): ReplyPipe {
  return createStreamPipe(openaiChat, anthropic, { ...contextOf(), stripUsage: false })
}

function text(bytes: string | Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function chunk(content: string, finish: string | null = null): JsonObject {
  return { id: 'c', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] }
}

const ROLE = sse({ id: 'c', choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] })
const HELLO = sse(chunk('Hello'))
const STOP = sse(chunk('', 'stop'))
const USAGE = sse({
  id: 'c',
  model: 'm',
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
})
const DONE = sse('[DONE]')
const ERROR = sse({ error: { message: 'Overloaded', code: 503 } })

const GOOD = [
  ...listFixtures('openai-chat', '.sse').map((path) => [openaiChat, path] as const),
  ...listFixtures('anthropic', '.sse').map((path) => [anthropic, path] as const),
]

for (const [dialect, path] of GOOD) {
  test(`${path} is relayed byte for byte, however it is cut`, () => {
    const bytes = readFixture(path)
    // After an error nothing more is passed on, `[DONE]` least of all.
    const whole = text(bytes)
    const errorAt = whole.search(/"error"|event: error/)
    const expected = errorAt === -1 ? whole : whole.slice(0, whole.indexOf('\n\n', errorAt) + 2)
    for (const cut of cuts(bytes)) {
      const pipe = relay(dialect)
      let seen = ''
      for (const piece of cut.chunks) seen += text(pipe.push(piece))
      if (!pipe.finished) seen += text(pipe.end())
      assert.equal(seen, expected, cut.name)
      assert.equal(pipe.committed, true)
      assert.equal(pipe.failure === undefined, errorAt === -1)
    }
  })
}

test('a chunk of whole events is passed on as the very bytes that came', () => {
  const pipe = relay(openaiChat)
  const first = sse({ choices: [{ delta: { role: 'assistant', content: '' } }] }, chunk('Hello'))
  assert.equal(pipe.push(first), first)
  const more = sse(chunk(' wor'), chunk('ld'))
  assert.equal(pipe.push(more), more)
  // The end of one event and the whole of the next: two pieces, one after the other.
  const [head, tail] = [HELLO.subarray(0, 9), HELLO.subarray(9)]
  assert.equal(text(pipe.push(head)), '')
  assert.equal(text(pipe.push(Buffer.concat([tail, HELLO]))), text(HELLO) + text(HELLO))
})

test('a relay tells usage and model, and counts content', () => {
  const pipe = relay(openaiChat)
  pipe.push(readFixture('openai-chat/text.sse'))
  assert.equal(pipe.usage?.totalTokens, 2069)
  assert.equal(pipe.usage?.cachedTokens, 2048)
  assert.equal(pipe.model, 'claude-haiku-4-5')
  assert.equal(pipe.outputChars, 'Grüße aus 東京 🌧'.length)
  const other = relay(anthropic)
  other.push(readFixture('anthropic/text.sse'))
  assert.equal(other.usage?.promptTokens, 2060)
  assert.equal(other.usage?.completionTokens, 9)
  assert.equal(other.model, 'claude-haiku-4-5')
  assert.equal(other.outputChars, 'Grüße aus 東京 🌧'.length)
})

test('usage asked for on our own account is read and kept from the caller', () => {
  const pipe = relay(openaiChat, true)
  const seen = [ROLE, HELLO, STOP, USAGE, DONE].map((bytes) => text(pipe.push(bytes))).join('')
  assert.equal(seen, [ROLE, HELLO, STOP, DONE].map(text).join(''))
  assert.equal(pipe.usage?.totalTokens, 7)
})

test('usage that stands beside a choice passes even then', () => {
  const both = sse({
    ...chunk('', 'stop'),
    usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  })
  const pipe = relay(openaiChat, true)
  const seen = [HELLO, both, DONE].map((bytes) => text(pipe.push(bytes))).join('')
  assert.equal(seen, [HELLO, both, DONE].map(text).join(''))
})

test('nothing goes out before the first content; then everything held does', () => {
  const comment = Buffer.from(': OPENROUTER PROCESSING\n\n')
  const pipe = relay(openaiChat)
  assert.equal(text(pipe.push(comment)), '')
  assert.equal(text(pipe.push(ROLE)), '')
  assert.equal(pipe.committed, false)
  assert.equal(text(pipe.push(HELLO)), [comment, ROLE, HELLO].map(text).join(''))
  assert.equal(pipe.committed, true)
  assert.equal(text(pipe.push(comment)), text(comment))
})

test('an error before content is thrown with its own status, so that another target may answer', () => {
  const pipe = relay(openaiChat)
  pipe.push(ROLE)
  assert.equal(thrown('upstream_error', () => pipe.push(ERROR)).status, 503)
  assert.equal(pipe.committed, false)
})

test('an error after content is passed on as it came, nothing after it, and is reported', () => {
  const pipe = relay(openaiChat)
  assert.equal(text(pipe.push(HELLO)), text(HELLO))
  assert.equal(text(pipe.push(Buffer.concat([ERROR, DONE]))), text(ERROR))
  assert.equal(pipe.failure?.status, 503)
  assert.equal(pipe.finished, true)
  assert.equal(text(pipe.push(DONE)), '')
  assert.equal(text(pipe.end()), '')
})

test('an empty completion is an answer', () => {
  const pipe = relay(openaiChat)
  assert.equal(text(pipe.push(Buffer.concat([ROLE, STOP]))), text(ROLE) + text(STOP))
  assert.equal(pipe.committed, true)
  const bare = relay(openaiChat)
  assert.equal(text(bare.push(DONE)), text(DONE))
  assert.equal(bare.finished, true)
})

test('the end mark ends the reply although the socket stays open', () => {
  const pipe = relay(openaiChat)
  pipe.push(HELLO)
  pipe.push(Buffer.concat([STOP, DONE, HELLO]))
  assert.equal(pipe.finished, true)
  const other = relay(anthropic)
  other.push(readFixture('anthropic/text.sse'))
  assert.equal(other.finished, true)
})

test('an end after a finish is complete, an end without one is truncated', () => {
  const complete = relay(openaiChat)
  complete.push(HELLO)
  complete.push(STOP)
  assert.equal(text(complete.end()), '')
  const truncated = relay(openaiChat)
  truncated.push(HELLO)
  thrown('upstream_truncated', () => truncated.end())
  thrown('upstream_truncated', () => relay(openaiChat).end())
})

test('[DONE] without its line end still ends the reply', () => {
  const pipe = relay(openaiChat)
  pipe.push(HELLO)
  pipe.push(Buffer.from('data: [DONE]'))
  assert.equal(text(pipe.end()), 'data: [DONE]')
})

test('a torn last event is not passed on: the error event stands on lines of its own', () => {
  const pipe = relay(openaiChat)
  let seen = text(pipe.push(Buffer.concat([HELLO, Buffer.from('data: {"id":"c","choi')])))
  const error = thrown('upstream_truncated', () => pipe.end())
  seen += pipe.fail(error)
  assert.equal(
    seen,
    `${text(HELLO)}data: {"error":{"message":"${error.message}","type":"server_error","param":null,"code":"upstream_truncated"}}\n\n`,
  )
})

test('a torn last event in a translated stream is a truncated stream too', () => {
  const bytes = readFixture('anthropic/text.sse')
  const pipe = translate()
  pipe.push(bytes.subarray(0, 700))
  thrown('upstream_truncated', () => pipe.end())
})

test('an Anthropic relay fails with an error event that carries our request id', () => {
  const pipe = relay(anthropic)
  const event = pipe.fail(new ProxyError('upstream_timeout', 'Too slow.'))
  assert.equal(
    event,
    'event: error\ndata: {"type":"error","error":{"type":"timeout_error","message":"Too slow."},"request_id":"req_test"}\n\n',
  )
})

test('a translated error before content is thrown, after content it becomes the caller’s event', () => {
  const start = readFixture('anthropic/overloaded-after-text.sse')
  const withoutText = Buffer.from(
    text(start).replace(/event: content_block_start[\s\S]*?(?=event: error)/, ''),
  )
  const early = translate()
  assert.equal(thrown('upstream_error', () => early.push(withoutText)).status, 529)
  const late = translate()
  const seen = text(late.push(start))
  assert.ok(seen.endsWith('"code":"server_is_overloaded"}}\n\n'))
  assert.ok(!seen.includes('[DONE]'))
  assert.equal(late.failure?.status, 529)
  assert.equal(late.finished, true)
})

test('an event beyond the cap after content ends the stream with an error event', () => {
  const pipe = relay(openaiChat)
  pipe.push(HELLO)
  const seen = text(pipe.push(Buffer.alloc(17 * 1024 * 1024, 'x')))
  assert.ok(seen.startsWith('data: {"error"'))
  assert.equal(pipe.failure?.code, 'upstream_protocol')
})

test('a chunk that is no JSON passes a relay as it is', () => {
  const odd = Buffer.from('data: {"half":\n\n')
  const pipe = relay(openaiChat)
  pipe.push(HELLO)
  assert.equal(text(pipe.push(odd)), text(odd))
})

test('keys that look like facts inside the text of an answer mean nothing', () => {
  const tricky = sse(
    JSON.stringify(chunk('{"error":{"message":"x"},"usage":{"total_tokens":9}} [DONE]')),
  )
  const pipe = relay(openaiChat)
  pipe.push(HELLO)
  assert.equal(text(pipe.push(tricky)), text(tricky))
  assert.equal(pipe.failure, undefined)
  assert.equal(pipe.usage, undefined)
  assert.equal(pipe.finished, false)
})

test('a unary relay returns the very same bytes and reads usage from them', () => {
  const body = Buffer.from(
    '{ "id":"x", "model":"m", "n":1.0, "choices":[], "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3} }',
  )
  const reply = convertReply(openaiChat, openaiChat, body, { ...contextOf(), request: undefined })
  assert.equal(reply.body, body)
  assert.equal(reply.usage?.totalTokens, 3)
  assert.equal(reply.model, 'm')
})

test('output is counted for a relayed reply that tells no usage', () => {
  const body = Buffer.from(
    JSON.stringify({ choices: [{ message: { content: 'Hello' }, finish_reason: 'stop' }] }),
  )
  assert.equal(convertReply(openaiChat, openaiChat, body, contextOf()).outputChars, 5)
  const embeddings = Buffer.from('{"object":"list","data":[]}')
  assert.equal(convertReply(openaiChat, openaiChat, embeddings, contextOf()).outputChars, 0)
})

test('a reply that cannot be read, or is an error with status 200, is no reply', () => {
  for (const target of [openaiChat, anthropic]) {
    for (const body of ['', '<html>', '[]', '"x"']) {
      thrown('upstream_protocol', () =>
        convertReply(openaiChat, target, Buffer.from(body), contextOf()),
      )
    }
    const error = Buffer.from('{"error":{"type":"overloaded_error","message":"busy"}}')
    const status = thrown('upstream_error', () =>
      convertReply(openaiChat, target, error, contextOf()),
    ).status
    assert.ok(status === 529 || status === 503)
  }
})

test('a collected stream that is not whole is no reply', () => {
  const collector = createReplyCollector(openaiChat, anthropic, contextOf())
  collector.push(readFixture('anthropic/text.sse').subarray(0, 700))
  thrown('upstream_truncated', () => collector.end())
})
