/** The bytes the upstream answers with, prepared once: whole replies, and streams event by event. */
import { Buffer } from 'node:buffer'
import { STAMP_DIGITS } from './settings.js'

const CREATED = 1_795_305_600
const TEXT =
  'The quick brown fox jumps over the lazy dog while the proxy between them adds next to nothing at all. '

/** The head of every streamed reply, and what ends its chunked body. */
export const SSE_HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nx-request-id: req_bench\r\n\r\n',
)
export const SSE_END = Buffer.from('0\r\n\r\n')

/** A whole reply with a JSON body. */
export function jsonReply(status, body) {
  const text = JSON.stringify(body)
  const head = `HTTP/1.1 ${status} OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nx-request-id: req_bench\r\n\r\n`
  return Buffer.from(head + text)
}

/** About 650 bytes of answer in each dialect. */
export const UNARY = {
  openai: jsonReply(200, {
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: CREATED,
    model: 'bench-model',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: TEXT.repeat(3), refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 25, completion_tokens: 60, total_tokens: 85 },
  }),
  anthropic: jsonReply(200, {
    id: 'msg_bench',
    type: 'message',
    role: 'assistant',
    model: 'bench-model',
    content: [{ type: 'text', text: TEXT.repeat(3) }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 25, output_tokens: 60 },
  }),
}

/** The refusals the failover scenarios begin with, as OpenAI words them. */
export const GONE = jsonReply(404, {
  error: {
    message: 'The model `bench-gone` does not exist.',
    type: 'invalid_request_error',
    param: null,
    code: 'model_not_found',
  },
})
export const REFUSED = jsonReply(401, {
  error: {
    message: 'Incorrect API key provided.',
    type: 'invalid_request_error',
    param: null,
    code: 'invalid_api_key',
  },
})

/**
 * A stream of `count` content chunks in one dialect: what comes before the content, the content chunk that
 * is number `index`, and what comes after it. Each SSE event is one chunk of the HTTP transfer coding, as
 * the providers write them.
 */
export function streamOf(dialect, count) {
  return dialect === 'openai' ? openaiStream(count) : anthropicStream(count)
}

/**
 * A content chunk that can say when it was sent: `stamp(microseconds)` gives its bytes, which may be
 * written to many sockets and are not touched again.
 */
export function createStampedChunk(dialect) {
  const mark = `@${'0'.repeat(STAMP_DIGITS)}@`
  const template = streamOf(dialect, 1).content(mark)
  const at = template.indexOf(mark) + 1
  return {
    stamp(microseconds) {
      const bytes = Buffer.from(template)
      bytes.latin1Write(String(microseconds).padStart(STAMP_DIGITS, '0'), at)
      return bytes
    },
  }
}

function openaiStream(count) {
  return {
    opening: [
      openaiEvent([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
    ],
    content: (text) => openaiEvent([{ index: 0, delta: { content: text }, finish_reason: null }]),
    closing: [
      openaiEvent([{ index: 0, delta: {}, finish_reason: 'stop' }]),
      openaiEvent([], { prompt_tokens: 25, completion_tokens: count, total_tokens: 25 + count }),
      httpChunk('data: [DONE]\n\n'),
    ],
  }
}

function anthropicStream(count) {
  return {
    opening: [
      anthropicEvent({
        type: 'message_start',
        message: {
          id: 'msg_bench',
          type: 'message',
          role: 'assistant',
          model: 'bench-model',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 25, output_tokens: 1 },
        },
      }),
      anthropicEvent({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
    ],
    content: (text) =>
      anthropicEvent({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', text },
      }),
    closing: [
      anthropicEvent({ type: 'content_block_stop', index: 0 }),
      anthropicEvent({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: count },
      }),
      anthropicEvent({ type: 'message_stop' }),
    ],
  }
}

function openaiEvent(choices, usage = null) {
  return httpChunk(
    `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: CREATED, model: 'bench-model', choices, usage })}\n\n`,
  )
}

function anthropicEvent(event) {
  return httpChunk(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}

function httpChunk(frame) {
  const bytes = Buffer.from(frame)
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
}
