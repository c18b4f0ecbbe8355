/** Gemini's thought signatures, through a Messages client that knows nothing of them (wire-formats H). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { asObject, delta, reply, stream, toChat } from './anthropic-caller.ts'

const EXTRA = { google: { thought_signature: 'c2ln+/==' } }
const CALL: JsonObject = {
  id: 'a',
  type: 'function',
  function: { name: 'look', arguments: '{}' },
  extra_content: EXTRA,
}

/** The next turn's body: the answer sent back, and the result of its call. */
function next(content: JsonObject[], model: string): JsonObject {
  const { messages } = toChat(
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'y' }] },
      ],
    },
    model,
  )
  const calls = messages[1]?.['tool_calls']
  return asObject(Array.isArray(calls) ? calls[0] : undefined)
}

test('a thought signature is not dropped between two turns (open-webui/computer#224, earendil-works/pi#9444)', () => {
  const { content } = reply({ tool_calls: [CALL] }, 'stop')
  assert.ok(Array.isArray(content))
  const blocks = content.map(asObject)
  assert.deepEqual(next(blocks, 'gemini-3-pro'), CALL)
  assert.equal('extra_content' in next(blocks, 'gpt-4.1'), false)
})

test('a thought signature survives a stream too', () => {
  const frames = stream(delta({ tool_calls: [CALL] }), delta({}, 'stop'))
  const [thinking, call] = frames
    .filter((frame) => frame['type'] === 'content_block_start')
    .map((frame) => asObject(frame['content_block']))
  const signed = frames.map((frame) => asObject(frame['delta'])['signature']).find(Boolean)
  assert.ok(thinking !== undefined && call !== undefined && signed !== undefined)
  assert.deepEqual(next([{ ...thinking, signature: signed }, call], 'gemini-3-pro'), CALL)
})
