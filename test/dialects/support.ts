import assert from 'node:assert/strict'
import type { EncodedRequest, ReplyContext } from '../../src/dialects/dialect.ts'
import { NO_HINTS } from '../../src/dialects/dialect.ts'
import type { ChatEvent, ChatRequest, JsonObject } from '../../src/dialects/neutral.ts'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { RuleOverrides } from '../../src/dialects/model-rules.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { translateRequest } from '../../src/dialects/translate.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import type { ErrorCode } from '../../src/errors/catalog.ts'
import { createSseDecoder } from '../../src/wire/sse.ts'
import type { StreamDecoder } from '../../src/dialects/dialect.ts'

export interface Translated {
  readonly request: ChatRequest
  readonly encoded: EncodedRequest
  readonly body: JsonObject
  readonly notes: string
}

export interface Setting {
  readonly model?: string
  readonly maxTokens?: number
  readonly strict?: boolean
  readonly rules?: RuleOverrides
}

/** A Chat body as it goes to Anthropic. The messages default to one short question. */
export function toAnthropic(body: JsonObject, setting: Setting = {}): Translated {
  const notes = createNotes(setting.strict ?? false)
  const { request, encoded } = translateRequest(
    openaiChat,
    anthropic,
    { model: 'asked', messages: [{ role: 'user', content: 'Hi' }], ...body },
    {
      model: setting.model ?? 'claude-sonnet-4-5',
      maxTokens: setting.maxTokens,
      strict: setting.strict ?? false,
      rules: setting.rules,
    },
    notes,
  )
  return { request, encoded, body: encoded.body, notes: renderNotes(notes) }
}

/** The error a call throws on purpose; fails the test when it throws none, or another code. */
export function thrown(code: ErrorCode, action: () => unknown): ProxyError {
  let caught: unknown
  try {
    action()
  } catch (error) {
    caught = error
  }
  assert.ok(caught instanceof ProxyError, `nothing was thrown, or no ProxyError: ${String(caught)}`)
  assert.equal(caught.code, code, caught.message)
  return caught
}

export function contextOf(request?: Partial<ChatRequest>): ReplyContext {
  return {
    request: {
      model: 'asked',
      messages: [],
      stream: true,
      includeUsage: false,
      maxTokens: undefined,
      temperature: undefined,
      topP: undefined,
      topK: undefined,
      stop: undefined,
      tools: [],
      toolChoice: undefined,
      parallelToolCalls: undefined,
      responseFormat: undefined,
      reasoning: undefined,
      endUser: undefined,
      serviceTier: undefined,
      legacyFunctions: false,
      extras: {},
      ...request,
    },
    hints: NO_HINTS,
    nowSeconds: 1_795_305_600,
    requestId: 'req_test',
  }
}

export function sse(...events: ReadonlyArray<JsonObject | string>): Uint8Array {
  return Buffer.from(
    events
      .map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
      .join(''),
  )
}

/** Every event that the bytes mean, the end included. */
export function decodeAll(decoder: StreamDecoder, bytes: Uint8Array): ChatEvent[] {
  const frames = createSseDecoder()
  const events: ChatEvent[] = []
  for (const frame of [...frames.push(bytes), ...frames.end()]) events.push(...decoder.push(frame))
  events.push(...decoder.end())
  return events
}

/** The data of each SSE event in a text, parsed where it is JSON. */
export function readData(text: string | Uint8Array): Array<JsonObject | string> {
  return createSseDecoder()
    .push(Buffer.from(text))
    .map((event) => {
      if (event.data === '[DONE]') return event.data
      const parsed: JsonObject = JSON.parse(event.data)
      return parsed
    })
}
