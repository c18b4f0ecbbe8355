import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { AssistantPart, ChatReply, FinishReason } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { contextOf } from './support.ts'

const WORDS = [
  '',
  'Hello',
  'a "quoted" \\ text\n\tin two lines',
  '\u0007',
  'é → 😀',
  '\ud800',
] as const

function partOf(random: Random): AssistantPart {
  const text = random.pick([...WORDS])
  switch (random.below(6)) {
    case 0:
      return { type: 'refusal', text }
    case 1:
      return random.once(2)
        ? { type: 'reasoning', text, signature: random.once(2) ? 'sig' : undefined }
        : { type: 'reasoning', text: '', redacted: text }
    case 2:
      return {
        type: 'tool-call',
        id: random.pick(['c1', '']),
        name: 'get "it"',
        kind: random.pick(['function', 'custom']),
        input: random.pick(['', '{"a":"\\n"}', '{"cut', 'free "text"']),
        ...(random.once(3) ? { echo: { extra_content: { google: text } } } : {}),
      }
    case 3:
      return {
        type: 'text',
        text,
        citations: [{ url: 'https://a.example/?"', title: random.once(2) ? text : undefined }],
      }
    default:
      return { type: 'text', text }
  }
}

function countOf(random: Random): number | undefined {
  return random.pick([undefined, 0, 7, 123_456_789_012])
}

function replyOf(random: Random): ChatReply {
  const reasons: readonly [FinishReason, ...FinishReason[]] = [
    'stop',
    'stop-sequence',
    'length',
    'context-window',
    'tool-calls',
    'refusal',
    'content-filter',
    'pause',
    'other',
  ]
  return {
    id: random.pick(['', 'chatcmpl-1', 'msg_1', 'a"b']),
    model: random.pick(['m', 'vendor/"m"', '']),
    created: random.pick([undefined, 0, 1_795_305_600]),
    parts: Array.from({ length: random.below(4) }, () => partOf(random)),
    finish: {
      reason: random.pick(reasons),
      stopSequence: random.pick([undefined, 'END', '"\n']),
      explanation: random.pick([undefined, 'no', '"no"']),
    },
    usage: random.once(4)
      ? undefined
      : {
          promptTokens: countOf(random),
          completionTokens: countOf(random),
          totalTokens: countOf(random),
          cachedTokens: countOf(random),
          cacheWriteTokens: countOf(random),
          reasoningTokens: countOf(random),
        },
    serviceTier: random.pick([undefined, 'default', 'priority', 'odd"']),
  }
}

for (const dialect of [openaiChat, anthropic]) {
  test(`a reply in ${dialect.name} is written as JSON.stringify writes it, whatever is in it`, () => {
    const random = createRandom(21)
    for (let left = 5_000; left > 0; left -= 1) {
      const reply = replyOf(random)
      const context = contextOf()
      const expected = JSON.stringify(dialect.encodeReply(reply, context))
      assert.equal(dialect.writeReply?.(reply, context), expected)
    }
  })
}

test('a caller who knows only functions gets its call in the older form, written the same way', () => {
  const context = contextOf({ legacyFunctions: true })
  const reply: ChatReply = {
    ...replyOf(createRandom(1)),
    parts: [{ type: 'tool-call', id: 'c', name: 'f', kind: 'function', input: '{"a":1}' }],
  }
  const text = openaiChat.writeReply?.(reply, context) ?? ''
  assert.match(text, /"function_call":/)
  assert.equal(text, JSON.stringify(openaiChat.encodeReply(reply, context)))
})
