/** What holds for every conversation: Anthropic's own rules (wire-formats A.9), and purity. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { isJsonObject, readArray, readObject, readString } from '../../src/wire/json.ts'
import { toAnthropic } from './support.ts'

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('', ' ', '\n', 'hello'))
const mark = fc.option(fc.constant({ type: 'ephemeral' }), { nil: null })

const turns = fc.array(
  fc.oneof(
    fc.record({
      role: fc.constantFrom('system', 'developer', 'user', 'assistant'),
      content: text,
      cache_control: mark,
    }),
    fc.record({
      role: fc.constant('user'),
      content: fc.array(
        fc.oneof(
          fc.record({ type: fc.constant('text'), text, cache_control: mark }),
          fc.constant({
            type: 'image_url',
            image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' },
          }),
        ),
        { maxLength: 3 },
      ),
    }),
    fc.record({
      calls: fc.array(fc.constantFrom('a', 'b:1', 'c', ''), { minLength: 1, maxLength: 3 }),
      content: fc.oneof(text, fc.constant(null)),
      thinking: fc.boolean(),
      between: fc.option(text, { nil: undefined }),
    }),
  ),
  { maxLength: 10 },
)

type Turn = typeof turns extends fc.Arbitrary<Array<infer Item>> ? Item : never

/** Each call is answered in the turn that follows, as real clients do. */
function messagesOf(list: readonly Turn[]): JsonObject[] {
  const messages: JsonObject[] = []
  for (const [index, turn] of list.entries()) {
    if (!('calls' in turn)) {
      messages.push(turn)
      continue
    }
    const ids = [...new Set(turn.calls)].map((id) => (id === '' ? '' : `${id}${index}`))
    messages.push({
      role: 'assistant',
      content: turn.content,
      ...(turn.thinking
        ? { thinking_blocks: [{ type: 'thinking', thinking: 'T', signature: 's' }] }
        : {}),
      tool_calls: ids.map((id) => ({
        id,
        type: 'function',
        function: { name: 'f', arguments: '{}' },
      })),
    })
    if (turn.between !== undefined) messages.push({ role: 'user', content: turn.between })
    for (const id of ids) messages.push({ role: 'tool', tool_call_id: id, content: 'r' })
  }
  return messages
}

/** Every rule of A.9 that the body breaks. */
function violations(body: JsonObject): string[] {
  const found: string[] = []
  const messages = readArray(body['messages']).filter(isJsonObject)
  if (messages[0]?.['role'] !== 'user') found.push('the first message is not the user’s')
  let marks = body['cache_control'] === undefined ? 0 : 1
  for (const block of readArray(body['system'])) {
    if (readObject(block)?.['cache_control'] !== undefined) marks += 1
  }
  let previous = ''
  let asked: string[] = []
  for (const message of messages) {
    const role = readString(message['role']) ?? ''
    const blocks = readArray(message['content']).filter(isJsonObject)
    if (role === previous) found.push('two messages of one role')
    if (role === 'system' && previous !== 'user')
      found.push('a system message not behind a user turn')
    if (blocks.length === 0) found.push('an empty message')
    const answered = blocks
      .slice(0, asked.length)
      .map((block) => readString(block['tool_use_id']) ?? '')
    if (role === 'user' && asked.toSorted().join() !== answered.toSorted().join()) {
      found.push('a call is not answered at the head of the next message')
    }
    for (const block of blocks) {
      if (block['type'] === 'text' && (readString(block['text']) ?? '').trim() === '') {
        found.push('a blank text block')
      }
      if (block['cache_control'] !== undefined) {
        marks += 1
        if (block['type'] === 'thinking') found.push('a mark on thinking')
      }
    }
    if (role === 'assistant') {
      asked = blocks.flatMap((block) =>
        block['type'] === 'tool_use' ? [readString(block['id']) ?? ''] : [],
      )
    } else if (role === 'user') {
      asked = []
    }
    if (role !== 'system') previous = role
    else previous = 'user'
  }
  if (marks > 4) found.push('more than four cache marks')
  const thinking = readObject(body['thinking'])
  if (thinking?.['type'] === 'enabled') {
    if (Number(thinking['budget_tokens']) >= Number(body['max_tokens'])) found.push('no room')
    if (body['temperature'] !== undefined) found.push('sampling with thinking')
  }
  return found
}

const requests = fc.record({
  turns,
  model: fc.constantFrom('claude-haiku-4-5', 'claude-opus-4-8', 'claude-3-haiku', 'glm-5'),
  effort: fc.constantFrom(null, 'none', 'low', 'max'),
  maxTokens: fc.constantFrom(null, 100, 5000),
  temperature: fc.constantFrom(null, 0, 0.5),
})

test('any conversation either becomes a body that keeps Anthropic’s rules or is refused with its field', () => {
  let translated = 0
  fc.assert(
    fc.property(requests, ({ turns: list, model, effort, maxTokens, temperature }) => {
      const body: JsonObject = {
        messages: messagesOf(list),
        reasoning_effort: effort,
        max_tokens: maxTokens,
        temperature,
      }
      const before = JSON.stringify(body)
      let first: string
      try {
        const result = toAnthropic(body, { model })
        assert.deepEqual(violations(result.body), [], JSON.stringify(result.body))
        first = JSON.stringify(result.body)
        translated += 1
      } catch (error) {
        assert.ok(error instanceof ProxyError, String(error))
        assert.ok(error.code === 'untranslatable' || error.code === 'request_invalid')
        assert.ok(error.param !== undefined)
        return
      } finally {
        assert.equal(JSON.stringify(body), before, 'the caller’s body was changed')
      }
      assert.equal(JSON.stringify(toAnthropic(body, { model }).body), first)
    }),
    { seed: 5, numRuns: 800 },
  )
  assert.ok(translated > 300, `only ${translated} were translated`)
})
