/** Whatever JSON comes in, only errors thrown on purpose come out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { contextOf, toAnthropic } from './support.ts'

const WORDS = [
  'id',
  'type',
  'role',
  'index',
  'delta',
  'choices',
  'message',
  'content',
  'text',
  'tool_calls',
  'function',
  'name',
  'arguments',
  'custom',
  'input',
  'usage',
  'finish_reason',
  'error',
  'code',
  'content_block',
  'partial_json',
  'thinking',
  'signature',
  'stop_reason',
  'model',
  'messages',
  'tools',
  'tool_choice',
  'image_url',
  'url',
  'file',
  'parameters',
  '__proto__',
  'constructor',
] as const
const STRINGS = [
  '',
  ' ',
  'user',
  'assistant',
  'system',
  'tool',
  'function',
  'text',
  'image_url',
  'tool_use',
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
  'text_delta',
  'input_json_delta',
  'stop',
  'error',
  '{',
  'auto',
  'data:image/png;base64,',
  'https://example.com',
  'high',
] as const

/** JSON of the shapes that occur, with the wrong things in the right places. */
const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...STRINGS),
    fc.constantFrom<JsonValue>(null, true, 0, 1, -1, 1.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...WORDS), tie('value')), { maxLength: 6 })
      .map((pairs): JsonObject => Object.fromEntries(pairs)),
  ),
})).value

const object = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), json), { minLength: 1, maxLength: 8 })
  .map((pairs): JsonObject => Object.fromEntries(pairs))

function onPurpose(action: () => unknown): void {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code !== 'internal', String(error))
  }
}

test('no request body makes a translator fail by accident', () => {
  fc.assert(
    fc.property(object, fc.constantFrom('claude-haiku-4-5', 'claude-opus-5-5'), (body, model) => {
      onPurpose(() => toAnthropic(body, { model }))
    }),
    { seed: 6, numRuns: 1500 },
  )
})

test('no message and no tool makes a translator fail by accident', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('user', 'assistant', 'system', 'tool'), object), {
        maxLength: 4,
      }),
      fc.array(object, { maxLength: 2 }),
      (messages, tools) => {
        onPurpose(() =>
          toAnthropic({ messages: messages.map(([role, rest]) => ({ ...rest, role })), tools }),
        )
      },
    ),
    { seed: 7, numRuns: 1500 },
  )
})

test('no reply body makes a reader fail by accident', () => {
  fc.assert(
    fc.property(object, (body) => {
      for (const dialect of [openaiChat, anthropic]) {
        onPurpose(() => openaiChat.encodeReply(dialect.decodeReply(body), contextOf()))
        onPurpose(() => dialect.readReply(body))
      }
    }),
    { seed: 8, numRuns: 1500 },
  )
})

test('no stream makes a pipe fail by accident', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('', ...STRINGS.slice(10, 16)), object), { maxLength: 6 }),
      (events) => {
        const bytes = Buffer.from(
          events
            .map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
            .join(''),
        )
        for (const target of [openaiChat, anthropic]) {
          const pipe = createStreamPipe(openaiChat, target, { ...contextOf(), stripUsage: false })
          onPurpose(() => {
            pipe.push(bytes)
            assert.notEqual(pipe.failure?.code, 'internal')
            pipe.end()
          })
          const decoder = target.createStreamDecoder()
          const tap = target.createStreamTap()
          for (const [event, data] of events) {
            const frame = { event, data: JSON.stringify(data), raw: Buffer.alloc(0) }
            onPurpose(() => decoder.push(frame))
            tap.read(frame)
          }
        }
      },
    ),
    { seed: 9, numRuns: 1500 },
  )
})
