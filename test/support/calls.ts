/** The calls the tests make most, and what they read from the answers. */
import assert from 'node:assert/strict'
import { dig, list, map, parseJson } from './json.ts'
import { openReply, send } from './http.ts'
import type { OpenReply, Reply } from './http.ts'
import type { Proxy } from './proxy.ts'
import type { Frame } from './sse.ts'
import { parseStructuredList } from './structured.ts'

/** The one message of the published example. */
export const HELLO_MESSAGES = [{ role: 'user', content: 'Hello' }]

export interface CallOptions {
  readonly user?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** `POST /v1/chat/completions`. A string goes out as it is. */
export function postChat(proxy: Proxy, body: unknown, options: CallOptions = {}): Promise<Reply> {
  return send(`${proxy.url}/v1/chat/completions`, { body, headers: callHeaders(options) })
}

/** The same, read as it comes. */
export function openChat(
  proxy: Proxy,
  body: unknown,
  options: CallOptions = {},
): Promise<OpenReply> {
  return openReply(`${proxy.url}/v1/chat/completions`, { body, headers: callHeaders(options) })
}

/** `POST /v1/messages`, with the version header every Anthropic client sends. */
export function postMessages(
  proxy: Proxy,
  body: unknown,
  options: CallOptions = {},
): Promise<Reply> {
  return send(`${proxy.url}/v1/messages`, {
    body,
    headers: { 'anthropic-version': '2023-06-01', ...callHeaders(options) },
  })
}

/** The same, read as it comes. */
export function openMessages(
  proxy: Proxy,
  body: unknown,
  options: CallOptions = {},
): Promise<OpenReply> {
  return openReply(`${proxy.url}/v1/messages`, {
    body,
    headers: { 'anthropic-version': '2023-06-01', ...callHeaders(options) },
  })
}

function callHeaders(options: CallOptions): Record<string, string> {
  return {
    ...(options.user === undefined ? {} : { 'x-user': options.user }),
    ...options.headers,
  }
}

/** What a Chat stream said, chunk by chunk. Throws where a chunk is no chunk. */
export interface ChatStream {
  readonly chunks: readonly unknown[]
  readonly text: string
  readonly finishReasons: readonly unknown[]
  readonly usage: unknown
  /** Bodies of error chunks. */
  readonly errors: readonly unknown[]
  readonly done: boolean
}

export function readChatStream(frames: readonly Frame[]): ChatStream {
  const chunks: unknown[] = []
  const errors: unknown[] = []
  const finishReasons: unknown[] = []
  let text = ''
  let usage: unknown
  let done = false
  for (const frame of frames) {
    assert.equal(frame.event, '', 'a Chat stream has no event names')
    assert.equal(done, false, 'nothing follows [DONE]')
    if (frame.data === '[DONE]') {
      done = true
      continue
    }
    const chunk = parseJson(frame.data)
    const error = dig(chunk, 'error')
    if (error !== undefined) {
      errors.push(error)
      continue
    }
    assert.equal(dig(chunk, 'object'), 'chat.completion.chunk')
    chunks.push(chunk)
    const piece = dig(chunk, 'choices', 0, 'delta', 'content')
    if (typeof piece === 'string') text += piece
    const finish = dig(chunk, 'choices', 0, 'finish_reason')
    if (finish !== undefined && finish !== null) finishReasons.push(finish)
    usage = dig(chunk, 'usage') ?? usage
  }
  return { chunks, text, finishReasons, usage, errors, done }
}

/** What a Messages stream said. Throws where the grammar of blocks is broken (wire order, indices). */
export interface MessagesStream {
  readonly types: readonly string[]
  readonly start: unknown
  readonly blocks: ReadonlyArray<{ readonly block: unknown; readonly deltas: readonly unknown[] }>
  readonly text: string
  readonly delta: unknown
  readonly errors: readonly unknown[]
  readonly stopped: boolean
}

export function readMessagesStream(frames: readonly Frame[]): MessagesStream {
  const types: string[] = []
  const blocks: Array<{ block: unknown; deltas: unknown[] }> = []
  const errors: unknown[] = []
  let start: unknown
  let delta: unknown
  let text = ''
  let openIndex: number | undefined
  let stopped = false
  for (const frame of frames) {
    const event = map(parseJson(frame.data))
    assert.equal(event['type'], frame.event, 'the event name is the type')
    assert.equal(stopped, false, 'nothing follows message_stop')
    types.push(frame.event)
    switch (frame.event) {
      case 'message_start':
        assert.equal(start, undefined, 'one message_start')
        start = event['message']
        break
      case 'content_block_start':
        assert.notEqual(start, undefined, 'message_start comes first')
        assert.equal(openIndex, undefined, 'one block is open at a time')
        assert.equal(event['index'], blocks.length, 'block indices are contiguous from 0')
        openIndex = blocks.length
        blocks.push({ block: event['content_block'], deltas: [] })
        break
      case 'content_block_delta': {
        assert.equal(event['index'], openIndex, 'a delta belongs to the open block')
        blocks.at(-1)?.deltas.push(event['delta'])
        const piece = dig(event, 'delta', 'text')
        if (typeof piece === 'string') text += piece
        break
      }
      case 'content_block_stop':
        assert.equal(event['index'], openIndex, 'the open block is closed')
        openIndex = undefined
        break
      case 'message_delta':
        assert.equal(openIndex, undefined, 'every block is closed before message_delta')
        delta = event
        break
      case 'message_stop':
        stopped = true
        break
      case 'error':
        errors.push(event['error'])
        break
      case 'ping':
        break
      default:
        assert.fail(`unknown event ${frame.event}`)
    }
  }
  return { types, start, blocks, text, delta, errors, stopped }
}

/** The JSON a tool block's `input_json_delta`s spell. */
export function toolInput(deltas: readonly unknown[]): string {
  return deltas.map((delta) => String(dig(delta, 'partial_json'))).join('')
}

export interface Attempt {
  readonly model: string
  readonly provider: unknown
  readonly status: unknown
  readonly class: unknown
  readonly ms: unknown
}

/** The list in `x-aiproxy-attempts`. Throws where it is missing or is no RFC 8941 list. */
export function readAttempts(headers: Readonly<Record<string, string>>): Attempt[] {
  const text = headers['x-aiproxy-attempts']
  assert.ok(text !== undefined, 'x-aiproxy-attempts is there')
  return parseStructuredList(text).map((item) => ({
    model: String(item.value),
    provider: item.params.get('provider'),
    status: item.params.get('status'),
    class: item.params.get('class'),
    ms: item.params.get('ms'),
  }))
}

/** `[model, status]` of each attempt, in order. */
export function attemptPairs(headers: Readonly<Record<string, string>>): unknown[][] {
  return readAttempts(headers).map((attempt) => [attempt.model, attempt.status])
}

/** The notes in `x-aiproxy-notes` as `field;what`. */
export function readNotes(headers: Readonly<Record<string, string>>): string[] {
  return parseStructuredList(headers['x-aiproxy-notes'] ?? '').map(
    (item) => `${String(item.value)};${[...item.params.keys()].join(';')}`,
  )
}

/** Asserts OpenAI's error shape, whole; returns its members. */
export function assertOpenAiError(
  reply: Reply,
  status: number,
): { message: string; type: unknown; param: unknown; code: unknown } {
  assert.equal(reply.status, status, reply.text)
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
  const body = map(reply.json())
  assert.deepEqual(Object.keys(body), ['error'])
  const error = map(body['error'])
  for (const key of ['message', 'type', 'param', 'code']) {
    assert.ok(Object.hasOwn(error, key), `error.${key} is there: ${reply.text}`)
  }
  assert.equal(typeof error['message'], 'string')
  return {
    message: String(error['message']),
    type: error['type'],
    param: error['param'],
    code: error['code'],
  }
}

/** Asserts Anthropic's error shape, whole; returns its members. */
export function assertAnthropicError(
  reply: Reply,
  status: number,
): { message: string; type: unknown } {
  assert.equal(reply.status, status, reply.text)
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
  const body = map(reply.json())
  assert.equal(body['type'], 'error')
  const error = map(body['error'])
  assert.equal(typeof error['message'], 'string')
  return { message: String(error['message']), type: error['type'] }
}

/** Asserts that a log line carries no count of tokens at all. */
export function assertNoTokens(record: Readonly<Record<string, unknown>>): void {
  const counts = Object.keys(record).filter((key) => key.endsWith('_tokens'))
  assert.deepEqual(counts, [], 'nobody reported tokens, so none are logged')
}

/** The `tool_calls` of a unary Chat reply's only choice. */
export function toolCallsOf(body: unknown): unknown[] {
  assert.equal(list(dig(body, 'choices')).length, 1)
  return list(dig(body, 'choices', 0, 'message', 'tool_calls'))
}
