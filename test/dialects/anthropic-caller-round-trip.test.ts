/** A Messages request through the neutral form and back: what caches and signatures depend on survives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import { encodeRequest } from '../../src/dialects/anthropic/request.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { isJsonObject, readArray, readString } from '../../src/wire/json.ts'

const text = fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }).map((rest) => `x${rest}`)
const key = fc.string({ maxLength: 8 }).filter((name) => name !== '__proto__')
const input = fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 })
const signature = fc.base64String({ minLength: 4, maxLength: 40 })

const thinking = fc.oneof(
  fc.record({
    type: fc.constant('thinking'),
    thinking: fc.oneof(text, fc.constant('')),
    signature,
  }),
  fc.record({ type: fc.constant('redacted_thinking'), data: signature }),
)
const said = fc.record({ type: fc.constant('text'), text })
const asked = fc.record({
  type: fc.constant('tool_use'),
  id: fc.stringMatching(/^toolu_[A-Za-z0-9]{1,20}$/),
  name: fc.stringMatching(/^[a-z_]{1,12}$/),
  input,
})
/** One assistant turn with its calls answered in the next. */
const turn = fc
  .record({
    thinking: fc.array(thinking, { maxLength: 2 }),
    said: fc.array(said, { maxLength: 2 }),
    asked: fc.uniqueArray(asked, { maxLength: 3, selector: (call) => call.id }),
    answer: text,
    failed: fc.boolean(),
  })
  .filter((one) => one.said.length + one.asked.length > 0)

/** The values under `key` in every block of one role, in order, as JSON text. */
function collect(body: JsonObject, role: string, types: readonly string[]): string[] {
  return readArray(body['messages']).flatMap((message) => {
    if (!isJsonObject(message) || message['role'] !== role) return []
    const content = message['content']
    const blocks: readonly JsonValue[] =
      typeof content === 'string' ? [{ type: 'text', text: content }] : readArray(content)
    return blocks
      .filter((block) => isJsonObject(block) && types.includes(readString(block['type']) ?? ''))
      .map((block) => JSON.stringify(block))
  })
}

test('text, thinking signatures and tool inputs come back to the byte, in order', () => {
  fc.assert(
    fc.property(
      text,
      text,
      fc.array(turn, { minLength: 1, maxLength: 3 }),
      (system, first, turns) => {
        const messages: JsonValue[] = [{ role: 'user', content: [{ type: 'text', text: first }] }]
        const used = new Set<string>()
        for (const { thinking: thoughts, said: texts, asked: calls, answer, failed } of turns) {
          const fresh = calls.filter(({ id }) => !used.has(id))
          for (const { id } of fresh) used.add(id)
          if (texts.length + fresh.length === 0) continue
          messages.push({ role: 'assistant', content: asJson([...thoughts, ...texts, ...fresh]) })
          messages.push({
            role: 'user',
            content: asJson([
              ...fresh.map(({ id }) => ({
                type: 'tool_result',
                tool_use_id: id,
                content: answer,
                ...(failed ? { is_error: true } : {}),
              })),
              { type: 'text', text: answer },
            ]),
          })
        }
        // As it comes off the wire.
        const body: JsonObject = JSON.parse(
          JSON.stringify({ model: 'm', max_tokens: 64_000, system, messages }),
        )
        const back = encodeRequest(
          decodeRequest(body),
          { model: 'claude-opus-4-5', maxTokens: undefined, strict: false },
          createNotes(false),
        ).body
        assert.equal(
          JSON.stringify(back['system']),
          JSON.stringify([{ type: 'text', text: system }]),
        )
        for (const [role, types] of [
          ['assistant', ['thinking', 'redacted_thinking']],
          ['assistant', ['tool_use']],
          ['assistant', ['text']],
          ['user', ['tool_result']],
          ['user', ['text']],
        ] as const) {
          assert.deepEqual(withoutMarks(collect(back, role, types)), collect(body, role, types))
        }
        assert.equal(
          JSON.stringify(back),
          JSON.stringify(
            encodeRequest(
              decodeRequest(body),
              { model: 'claude-opus-4-5', maxTokens: undefined, strict: false },
              createNotes(false),
            ).body,
          ),
        )
      },
    ),
    { numRuns: 150 },
  )
})

function asJson(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value))
}

/** Automatic caching may mark a block. */
function withoutMarks(blocks: readonly string[]): string[] {
  return blocks.map((block) => block.replace(/,"cache_control":\{"type":"ephemeral"\}/, ''))
}

test('our own signatures never go back to Anthropic, its own always do', () => {
  const body: JsonObject = {
    model: 'm',
    max_tokens: 64_000,
    messages: [
      { role: 'user', content: 'x' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'Elsewhere.', signature: 'aiproxy.v1.e30' },
          { type: 'thinking', thinking: 'Here.', signature: 'c2ln' },
          { type: 'text', text: 'Yes.' },
        ],
      },
      { role: 'user', content: 'y' },
    ],
  }
  const back = encodeRequest(
    decodeRequest(body),
    { model: 'claude-opus-4-5', maxTokens: undefined, strict: false },
    createNotes(false),
  ).body
  assert.deepEqual(collect(back, 'assistant', ['thinking']), [
    '{"type":"thinking","thinking":"Here.","signature":"c2ln"}',
  ])
})
