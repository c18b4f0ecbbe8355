import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import { estimateInputTokens, estimateRequestTokens } from '../../src/dialects/count-tokens.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { asking } from './anthropic-caller.ts'

const said = (content: JsonValue): JsonObject => ({ messages: [{ role: 'user', content }] })
const count = (content: JsonValue): number => estimateInputTokens(said(content))

const image = (data: string): JsonObject => ({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data },
})
const result = (content: JsonValue): JsonObject => ({
  type: 'tool_result',
  tool_use_id: 'a',
  content,
})
const pdf = (bytes: number): JsonObject => ({
  type: 'document',
  source: { type: 'base64', media_type: 'application/pdf', data: 'A'.repeat((bytes * 4) / 3) },
})
const thinking = (signature: string): number =>
  estimateInputTokens({
    messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature }] }],
  })
const estimate = (body: JsonObject): number => estimateRequestTokens(decodeRequest(asking(body)))

test('a count is never below the bytes of the text by 3.5', () => {
  for (const text of [
    '',
    'Hello',
    'x'.repeat(3500),
    '東京'.repeat(500),
    'if (a) {\n\treturn "b"\n}\n'.repeat(50),
  ]) {
    assert.ok(count(text) >= Buffer.byteLength(text) / 3.5, text.slice(0, 20))
  }
  assert.ok(count('x'.repeat(3500)) < 1030)
})

test('system, tools and every message add to the count', () => {
  const bare = count('Hello')
  const tools = [{ name: 'look', description: 'Looks.', input_schema: { type: 'object' } }]
  assert.ok(estimateInputTokens({ ...said('Hello'), system: 'Be brief.' }) > bare)
  assert.ok(estimateInputTokens({ ...said('Hello'), tools }) > bare)
  const two = {
    messages: [
      { role: 'user', content: 'Hel' },
      { role: 'user', content: 'lo' },
    ],
  }
  assert.ok(estimateInputTokens(two) > bare)
})

test('an image costs the same whatever its bytes', () => {
  assert.equal(count([image('AAAA')]), count([image('A'.repeat(1_000_000))]))
  const second = count([image('AAAA'), image('AAAA')]) - count([image('AAAA')])
  assert.ok(second >= 1600 && second < 1610)
})

test('an image inside a tool result counts as an image', () => {
  const both = count([result([image('A'.repeat(90_000))])])
  assert.ok(both > 1600 && both < 1700)
})

test('a PDF costs by its size, and one behind a URL is not free', () => {
  assert.ok(count([pdf(30_000)]) >= 3000)
  assert.ok(count([pdf(300_000)]) >= 6 * 3000)
  assert.ok(
    count([{ type: 'document', source: { type: 'url', url: 'https://a.example/x.pdf' } }]) > 3000,
  )
})

test('cache marks and signatures cost nothing', () => {
  const bare = count([{ type: 'text', text: 'Hello' }])
  assert.equal(count([{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }]), bare)
  assert.equal(thinking(''), thinking('s'.repeat(4000)))
})

test('whatever stands in a body, there is a count', () => {
  const odd: readonly JsonObject[] = [
    {},
    { messages: 'Hello' },
    { messages: null, system: 5 },
    { messages: [null, 1, { content: [[], null, { type: 'image' }] }] },
    { system: { type: 'image' }, tools: { type: 'base64' } },
  ]
  for (const body of odd) assert.ok(Number.isSafeInteger(estimateInputTokens(body)))
})

test('the estimate at a stream’s head counts text by four bytes, and images and pages by number', () => {
  assert.equal(estimate(said('x'.repeat(400))), 100)
  assert.equal(estimate({ ...said('x'.repeat(400)), system: 'y'.repeat(40) }), 110)
  assert.equal(estimate(said([image('A'.repeat(4000))])), 1600)
  assert.equal(estimate(said([pdf(3)])), 3000)
  const tool = { name: 'look', description: 'Looks.', input_schema: { type: 'object' } }
  assert.equal(estimate({ ...said('xx'), tools: [tool] }), 8)
})
