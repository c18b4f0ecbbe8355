import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import type { EncodedRequest, ReplyContext } from '../../src/dialects/dialect.ts'
import type { ChatEvent, ChatRequest, JsonObject } from '../../src/dialects/neutral.ts'
import { contextOf } from './support.ts'

/** What a caller's body means; `input` defaults to one short question. */
export function decode(body: JsonObject): ChatRequest {
  return openaiResponses.decodeRequest({ model: 'asked', input: 'Hi', ...body })
}

/** The context in which a reply to this body is written. */
export function contextFor(body: JsonObject = {}): ReplyContext {
  return { ...contextOf(), request: decode({ stream: true, ...body }) }
}

export interface Encoded {
  readonly body: JsonObject
  readonly notes: string
  readonly hints: EncodedRequest['hints']
}

/** A neutral request as it goes to a provider that speaks Responses. */
export function encode(
  request: Partial<ChatRequest>,
  setting: { readonly model?: string; readonly maxTokens?: number } = {},
): Encoded {
  const notes = createNotes(false)
  const asked = contextOf({
    stream: false,
    messages: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    ...request,
  }).request
  if (asked === undefined) throw new Error('no request')
  const encoded = openaiResponses.encodeRequest(
    asked,
    { model: setting.model ?? 'gpt-5', maxTokens: setting.maxTokens, strict: false },
    notes,
  )
  return { body: encoded.body, notes: renderNotes(notes), hints: encoded.hints }
}

/** The SSE text of a stream of these events. */
export function stream(events: readonly ChatEvent[], context: ReplyContext = contextFor()): string {
  const encoder = openaiResponses.createStreamEncoder(context)
  return events.map((event) => encoder.push(event)).join('')
}

export const START: Extract<ChatEvent, { type: 'start' }> = {
  type: 'start',
  id: 'msg_01Text',
  model: 'claude-haiku-4-5',
  created: 1_795_305_600,
  usage: undefined,
}

/** The end of an answer. */
export function finish(
  reason: Extract<ChatEvent, { type: 'finish' }>['finish']['reason'],
  explanation?: string,
): ChatEvent {
  return {
    type: 'finish',
    finish: explanation === undefined ? { reason } : { reason, explanation },
    usage: undefined,
    serviceTier: undefined,
  }
}

/** The neutral events of J.6: thinking, text and two calls, the second without arguments. */
export const THINKING_AND_TWO_TOOLS: readonly ChatEvent[] = [
  {
    type: 'start',
    id: 'msg_02Tool',
    model: 'claude-opus-5',
    created: 1_795_305_600,
    usage: undefined,
  },
  { type: 'reasoning', text: 'Two lookups.' },
  { type: 'reasoning-end', signature: 'c2lnLTE=' },
  { type: 'text', text: 'Checking.' },
  { type: 'tool-start', call: 0, id: 'toolu_01A', name: 'get_weather', kind: 'function' },
  { type: 'tool-input', call: 0, text: '{"city":"Os' },
  { type: 'tool-input', call: 0, text: 'lo"}' },
  { type: 'tool-end', call: 0 },
  { type: 'tool-start', call: 1, id: 'toolu_01B', name: 'list_units', kind: 'function' },
  { type: 'tool-end', call: 1 },
  {
    type: 'finish',
    finish: { reason: 'tool-calls' },
    usage: {
      promptTokens: 520,
      completionTokens: 64,
      totalTokens: 584,
      cachedTokens: 0,
      cacheWriteTokens: 100,
      reasoningTokens: 5,
    },
    serviceTier: undefined,
  },
]
