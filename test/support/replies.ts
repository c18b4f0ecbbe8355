/**
 * Good replies and plain refusals as the two providers write them. The numbers are those of the
 * published example that this program starts from: 13 tokens in, 39 out, 52 in all.
 */
import type { ScriptedReply, Script } from './upstream.ts'

export const HELLO = 'Hello! How can I help you today?'
/** How the provider names the model that answered for `gpt-5`. */
export const GPT_5_DATED = 'gpt-5-2025-08-07'
export const CLAUDE = 'claude-sonnet-4-20250514'

const CREATED = 1_795_305_600

/** A whole Chat Completions reply. */
export function openaiChat(text: string = HELLO, model: string = GPT_5_DATED): unknown {
  return openaiChatOf({ role: 'assistant', content: text, refusal: null, annotations: [] }, model)
}

/** A whole Chat Completions reply around any message. */
export function openaiChatOf(
  message: unknown,
  model: string = GPT_5_DATED,
  finishReason: string = 'stop',
): unknown {
  return {
    id: 'chatcmpl-Test01',
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReason }],
    usage: openaiUsage(),
    service_tier: 'default',
    system_fingerprint: null,
  }
}

export function openaiUsage(): unknown {
  return {
    prompt_tokens: 13,
    completion_tokens: 39,
    total_tokens: 52,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
}

/** One `data:` frame of a Chat stream around a delta. */
export function openaiChunk(delta: unknown, finishReason: string | null = null): string {
  return dataFrame({
    id: 'chatcmpl-Test01',
    object: 'chat.completion.chunk',
    created: CREATED,
    model: GPT_5_DATED,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    usage: null,
  })
}

/** The role chunk every Chat stream begins with; no content yet. */
export const OPENAI_ROLE = openaiChunk({ role: 'assistant', content: '', refusal: null })
/** The last chunk but one of a stream whose caller asked for usage. */
export const OPENAI_USAGE = dataFrame({
  id: 'chatcmpl-Test01',
  object: 'chat.completion.chunk',
  created: CREATED,
  model: GPT_5_DATED,
  choices: [],
  usage: openaiUsage(),
})
export const OPENAI_DONE = 'data: [DONE]\n\n'

/** Frames of a good Chat stream, usage chunk and end mark included. */
export function openaiFrames(text: string = HELLO): string[] {
  return [
    OPENAI_ROLE,
    ...pieces(text).map((content) => openaiChunk({ content })),
    openaiChunk({}, 'stop'),
    OPENAI_USAGE,
    OPENAI_DONE,
  ]
}

export function openaiError(message: string, type: string, code: string | null): unknown {
  return { error: { message, type, param: null, code } }
}

/** A whole Messages reply around a text. */
export function anthropicMessage(text: string = HELLO, model: string = CLAUDE): unknown {
  return anthropicMessageOf([{ type: 'text', text }], 'end_turn', model)
}

/** A whole Messages reply around any content blocks. */
export function anthropicMessageOf(
  content: readonly unknown[],
  stopReason: string = 'end_turn',
  model: string = CLAUDE,
): unknown {
  return {
    id: 'msg_Test01',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: {
      input_tokens: 13,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 39,
      service_tier: 'standard',
    },
  }
}

/** One `event:`/`data:` frame of a Messages stream. */
export function anthropicFrame(event: {
  readonly type: string
  readonly [key: string]: unknown
}): string {
  return `event: ${event.type}\n${dataFrame(event)}`
}

/** What every Messages stream begins with; no content yet. */
export const ANTHROPIC_START = anthropicFrame({
  type: 'message_start',
  message: {
    id: 'msg_Test01',
    type: 'message',
    role: 'assistant',
    model: CLAUDE,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 13,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 1,
      service_tier: 'standard',
    },
  },
})
export const ANTHROPIC_PING = anthropicFrame({ type: 'ping' })
export const ANTHROPIC_TEXT_START = anthropicFrame({
  type: 'content_block_start',
  index: 0,
  content_block: { type: 'text', text: '' },
})

export function anthropicText(text: string): string {
  return anthropicFrame({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text },
  })
}

/** The closing events of a Messages stream. */
export function anthropicEnd(stopReason: string = 'end_turn'): string[] {
  return [
    anthropicFrame({
      type: 'message_delta',
      delta: { stop_reason: stopReason, stop_sequence: null },
      usage: {
        input_tokens: 13,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 39,
      },
    }),
    anthropicFrame({ type: 'message_stop' }),
  ]
}

/** Frames of a good Messages stream. */
export function anthropicFrames(text: string = HELLO): string[] {
  return [
    ANTHROPIC_START,
    ANTHROPIC_TEXT_START,
    ANTHROPIC_PING,
    ...pieces(text).map(anthropicText),
    anthropicFrame({ type: 'content_block_stop', index: 0 }),
    ...anthropicEnd(),
  ]
}

export function anthropicError(type: string, message: string): unknown {
  return { type: 'error', error: { type, message }, request_id: 'req_Upstream01' }
}

/** Any JSON value as one `data:` frame. */
export function dataFrame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

/** Answers a Chat request well: a stream where one was asked for, else one JSON reply. */
export const openaiAnswers: Script = async (reply, request) => {
  if (!asksForStream(request.json())) {
    reply.json(200, openaiChat(), { 'x-request-id': 'req_openai_01' })
    return
  }
  await playFrames(
    reply,
    asksForUsage(request.json())
      ? openaiFrames()
      : openaiFrames().filter((f) => f !== OPENAI_USAGE),
    { 'x-request-id': 'req_openai_01' },
  )
}

/** Answers a Messages request well: a stream where one was asked for, else one JSON reply. */
export const anthropicAnswers: Script = async (reply, request) => {
  const body = request.json()
  if (typeof body !== 'object' || body === null || !('max_tokens' in body)) {
    reply.json(400, anthropicError('invalid_request_error', 'max_tokens: Field required'))
    return
  }
  if (!asksForStream(body)) {
    reply.json(200, anthropicMessage(), { 'request-id': 'req_anthropic_01' })
    return
  }
  await playFrames(reply, anthropicFrames(), { 'request-id': 'req_anthropic_01' })
}

/** A whole event stream: head, frames one write each, end. */
export async function playFrames(
  reply: ScriptedReply,
  frames: readonly string[],
  headers?: Readonly<Record<string, string>>,
): Promise<void> {
  reply.openStream(headers)
  for (const frame of frames) await reply.write(frame)
  reply.end()
}

/** Answers every request with these frames. */
export function streams(frames: readonly string[]): Script {
  return (reply) => playFrames(reply, frames)
}

export function asksForStream(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'stream' in body && body.stream === true
}

function asksForUsage(body: unknown): boolean {
  return JSON.stringify(body).includes('"include_usage":true')
}

/** The text in three pieces, cut where a word ends. */
function pieces(text: string): string[] {
  const words = text.split(/(?<= )/)
  const third = Math.ceil(words.length / 3)
  return [words.slice(0, third), words.slice(third, 2 * third), words.slice(2 * third)]
    .map((some) => some.join(''))
    .filter((piece) => piece !== '')
}
