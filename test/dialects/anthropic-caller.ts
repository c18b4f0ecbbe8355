/** What the tests of a Messages caller share: requests and answers across to a Chat Completions target. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import { encodeReply } from '../../src/dialects/anthropic/encode-reply.ts'
import { createStreamEncoder } from '../../src/dialects/anthropic/encode-stream.ts'
import { NO_HINTS } from '../../src/dialects/dialect.ts'
import type { Dialect, ReplyContext, ReplyHints } from '../../src/dialects/dialect.ts'
import type { ChatEvent, ChatRequest, JsonObject } from '../../src/dialects/neutral.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { convertReply, createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import type { ErrorCode } from '../../src/errors/catalog.ts'
import { parseJsonObject } from '../../src/wire/json.ts'
import { createSseDecoder } from '../../src/wire/sse.ts'
import { ROOT } from '../wire/cuts.ts'

export const messagesCaller: Dialect = {
  ...anthropic,
  decodeRequest,
  encodeReply,
  createStreamEncoder,
}

export interface Crossed {
  readonly request: ChatRequest
  /** What a Chat Completions provider gets. */
  readonly body: JsonObject
  readonly messages: readonly JsonObject[]
  readonly hints: ReplyHints
  readonly notes: string
}

/** A Messages body as it goes to a Chat Completions model. The messages default to one short question. */
export function toChat(body: JsonObject, model = 'gpt-4.1', strict = false): Crossed {
  const notes = createNotes(strict)
  const request = decodeRequest(asking(body))
  for (const [field, what] of request.losses ?? []) notes.add(field, what)
  const encoded = openaiChat.encodeRequest(request, { model, maxTokens: undefined, strict }, notes)
  const messages = encoded.body['messages']
  assert.ok(Array.isArray(messages))
  return {
    request,
    body: encoded.body,
    messages: messages.map((message) => parseJsonObject(Buffer.from(JSON.stringify(message)))),
    hints: encoded.hints,
    notes: renderNotes(notes),
  }
}

/** The body with what every request needs. */
export function asking(body: JsonObject): JsonObject {
  return {
    model: 'asked',
    max_tokens: 1024,
    messages: [{ role: 'user', content: 'Hello' }],
    ...body,
  }
}

export function contextOf(request?: ChatRequest, hints: ReplyHints = NO_HINTS): ReplyContext {
  return { request, hints, nowSeconds: 1_795_305_600, requestId: 'req_golden' }
}

/** A folder of test/fixtures/anthropic-caller/. */
export function fixtureFile(name: string, file: string): URL {
  return new URL(`test/fixtures/anthropic-caller/${name}/${file}`, ROOT)
}

export function readRequest(name: string): ChatRequest {
  return decodeRequest(parseJsonObject(readFileSync(fixtureFile(name, 'request.json'))))
}

/** All that the caller sees of a Chat stream, the error event of a failed end included. */
export function play(chunks: readonly Uint8Array[], context: ReplyContext): string {
  const pipe = createStreamPipe(messagesCaller, openaiChat, { ...context, stripUsage: false })
  let seen = ''
  for (const chunk of chunks) {
    seen += Buffer.from(pipe.push(chunk)).toString()
    if (pipe.finished) return seen
  }
  try {
    return seen + Buffer.from(pipe.end()).toString()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    return seen + pipe.fail(error)
  }
}

/** Chat chunks as the bytes of a stream with its end mark. */
export function chatStream(...chunks: readonly JsonObject[]): Uint8Array {
  const frames = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
  return Buffer.from(`${frames.join('')}data: [DONE]\n\n`)
}

/** One chunk with one choice. */
export function delta(content: JsonObject, finish: string | null = null): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_795_305_600,
    model: 'upstream-model',
    choices: [{ index: 0, delta: content, finish_reason: finish }],
  }
}

/** A call's first fragment. */
export function callDelta(index: number, id: string, name: string, args: string): JsonObject {
  return delta({
    tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }],
  })
}

/** A call's later fragment. */
export function argsDelta(index: number, args: string): JsonObject {
  return delta({ tool_calls: [{ index, function: { arguments: args } }] })
}

export function usageChunk(usage: JsonObject): JsonObject {
  return { ...delta({}), choices: [], usage }
}

/** The caller's view of Chat chunks: the events' data, in order. */
export function stream(...chunks: readonly JsonObject[]): JsonObject[] {
  return readFrames(play([chatStream(...chunks)], contextOf()))
}

/** The events' data of a Messages stream; every `event:` must name its type. */
export function readFrames(text: string): JsonObject[] {
  const sse = createSseDecoder()
  return [...sse.push(Buffer.from(text)), ...sse.end()].map((event) => {
    const data = parseJsonObject(Buffer.from(event.data))
    assert.equal(event.event, data['type'])
    return data
  })
}

/** A short word for each frame: `start 0 text`, `0 text_delta Hi`, `stop 0`, `end tool_use`. */
export function outline(frames: readonly JsonObject[]): string[] {
  return frames.map((frame) => {
    const block = asObject(frame['content_block'])
    const change = asObject(frame['delta'])
    switch (frame['type']) {
      case 'content_block_start':
        return ['start', frame['index'], block['type'], block['name']]
          .filter(isSaid)
          .map(word)
          .join(' ')
      case 'content_block_delta': {
        const text = change['text'] ?? change['thinking'] ?? change['partial_json']
        return [frame['index'], change['type'], text ?? change['signature']]
          .filter(isSaid)
          .map(word)
          .join(' ')
      }
      case 'content_block_stop':
        return `stop ${word(frame['index'])}`
      case 'message_delta':
        return `end ${word(change['stop_reason'])}`
      default:
        return word(frame['type'])
    }
  })
}

/** A value of a frame as text. */
export function word(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function isSaid(value: unknown): boolean {
  return value !== undefined
}

export function asObject(value: unknown): JsonObject {
  return value === undefined ? {} : parseJsonObject(Buffer.from(JSON.stringify(value)))
}

/** A whole Chat completion as the caller gets it. */
export function reply(
  message: JsonObject,
  finish: string,
  more: JsonObject = {},
  hints: ReplyHints = NO_HINTS,
): JsonObject {
  const body: JsonObject = {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_795_305_600,
    model: 'upstream-model',
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
    usage: { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 },
    ...more,
  }
  const converted = convertReply(
    messagesCaller,
    openaiChat,
    Buffer.from(JSON.stringify(body)),
    contextOf(undefined, hints),
  )
  return parseJsonObject(Buffer.from(converted.body))
}

/** Neutral events as the caller gets them. */
export function encodeEvents(events: readonly ChatEvent[]): JsonObject[] {
  const encoder = createStreamEncoder(contextOf())
  return readFrames(events.map((event) => encoder.push(event)).join(''))
}

/** The error that a call throws on purpose, which must have this code. */
export function thrown(code: ErrorCode, action: () => unknown): ProxyError {
  let caught: unknown
  try {
    action()
  } catch (error) {
    caught = error
  }
  assert.ok(caught instanceof ProxyError, `no ProxyError was thrown: ${String(caught)}`)
  assert.equal(caught.code, code, caught.message)
  return caught
}
