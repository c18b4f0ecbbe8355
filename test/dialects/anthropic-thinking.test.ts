import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { toAnthropic } from './support.ts'

const ADAPTIVE = { type: 'adaptive', display: 'summarized' }

type Row = readonly [
  model: string,
  effort: string | undefined,
  thinking: JsonValue | undefined,
  output: JsonValue | undefined,
  notes: string,
]

/** The table of wire-formats A.7, for streamed requests without a limit of their own. */
const EFFORTS: readonly Row[] = [
  ['claude-haiku-4-5', undefined, undefined, undefined, ''],
  ['claude-haiku-4-5', 'none', { type: 'disabled' }, undefined, ''],
  ['claude-haiku-4-5', 'minimal', { type: 'enabled', budget_tokens: 1024 }, undefined, ''],
  ['claude-haiku-4-5', 'low', { type: 'enabled', budget_tokens: 2048 }, undefined, ''],
  ['claude-opus-4-5', 'medium', { type: 'enabled', budget_tokens: 8192 }, undefined, ''],
  ['claude-sonnet-4-5', 'high', { type: 'enabled', budget_tokens: 16_384 }, undefined, ''],
  ['claude-sonnet-4-5', 'xhigh', { type: 'enabled', budget_tokens: 32_768 }, undefined, ''],
  ['claude-sonnet-4-5', 'max', { type: 'enabled', budget_tokens: 63_999 }, undefined, ''],
  ['claude-opus-4-6', undefined, undefined, undefined, ''],
  ['claude-opus-4-6', 'none', { type: 'disabled' }, undefined, ''],
  ['claude-opus-4-6', 'minimal', ADAPTIVE, { effort: 'low' }, ''],
  ['claude-opus-4-6', 'xhigh', ADAPTIVE, { effort: 'high' }, 'reasoning_effort;adapted'],
  ['claude-opus-4-6', 'max', ADAPTIVE, { effort: 'max' }, ''],
  ['claude-opus-4-8', undefined, undefined, undefined, ''],
  ['claude-opus-4-8', 'xhigh', ADAPTIVE, { effort: 'xhigh' }, ''],
  ['claude-opus-5', undefined, ADAPTIVE, undefined, ''],
  ['claude-opus-5', 'none', { type: 'disabled' }, undefined, ''],
  ['claude-haiku-5-5', 'none', { type: 'disabled' }, undefined, ''],
  ['claude-sonnet-5-5', 'none', { type: 'between_tools' }, undefined, 'reasoning_effort;adapted'],
  ['claude-sonnet-5-5', 'low', ADAPTIVE, { effort: 'low' }, ''],
  ['claude-opus-5-5', undefined, ADAPTIVE, undefined, ''],
  ['claude-opus-5-5', 'none', undefined, { effort: 'low' }, 'reasoning_effort;adapted'],
  ['claude-fable-5-1', 'medium', ADAPTIVE, { effort: 'medium' }, ''],
  ['claude-3-haiku-20240307', 'high', undefined, undefined, 'reasoning_effort;dropped'],
  ['claude-3-haiku-20240307', 'none', undefined, undefined, ''],
  ['glm-5', 'high', undefined, undefined, 'reasoning_effort;dropped'],
]

for (const [model, effort, thinking, output, expectedNotes] of EFFORTS) {
  test(`reasoning_effort ${effort ?? 'absent'} on ${model}`, () => {
    const { body, notes } = toAnthropic(
      { stream: true, reasoning_effort: effort ?? null },
      { model },
    )
    assert.deepEqual(body['thinking'], thinking)
    assert.deepEqual(body['output_config'], output)
    assert.equal(notes, expectedNotes)
  })
}

test('a defaulted limit is raised above the budget, within what the model has', () => {
  const { body } = toAnthropic({ reasoning_effort: 'xhigh' }, { model: 'claude-sonnet-4-5' })
  assert.equal(body['max_tokens'], 32_768 + 8192)
  const most = toAnthropic({ reasoning_effort: 'max' }, { model: 'claude-sonnet-4-5' })
  assert.equal(most.body['max_tokens'], 64_000)
  assert.deepEqual(most.body['thinking'], { type: 'enabled', budget_tokens: 63_999 })
})

test('a caller’s own limit cuts the budget and leaves room for the answer', () => {
  const { body, notes } = toAnthropic({ reasoning_effort: 'high', max_tokens: 4000 })
  assert.equal(body['max_tokens'], 4000)
  assert.deepEqual(body['thinking'], { type: 'enabled', budget_tokens: 3200 })
  assert.equal(notes, 'reasoning_effort;adapted')
})

test('thinking stays off where the caller’s limit leaves no room for the smallest budget', () => {
  const { body, notes } = toAnthropic({ reasoning_effort: 'low', max_tokens: 1000 })
  assert.equal(body['thinking'], undefined)
  assert.equal(notes, 'reasoning_effort;adapted, reasoning_effort;dropped')
})

test('thinking drops sampling, and a budget drops a forced tool', () => {
  const { body, notes } = toAnthropic({
    reasoning_effort: 'low',
    temperature: 0.2,
    top_p: 0.9,
    tools: [{ type: 'function', function: { name: 'f' } }],
    tool_choice: 'required',
  })
  assert.equal(body['temperature'], undefined)
  assert.deepEqual(body['tool_choice'], { type: 'auto' })
  assert.equal(notes, 'tool_choice;adapted, temperature;dropped, top_p;dropped')
})

const CALLED: JsonObject[] = [
  { role: 'user', content: 'Hi' },
  {
    role: 'assistant',
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
  },
  { role: 'tool', tool_call_id: 'c', content: '1' },
]

test('a budget is not asked for in a tool loop whose thinking is gone, and the change is announced', () => {
  const { body, notes } = toAnthropic({ messages: CALLED, reasoning_effort: 'low' })
  assert.equal(body['thinking'], undefined)
  assert.equal(notes, 'reasoning_effort;adapted')
})

test('Anthropic’s own thinking object wins over reasoning_effort', () => {
  const { body } = toAnthropic(
    {
      thinking: { type: 'enabled', budget_tokens: 2000 },
      reasoning_effort: 'max',
      max_tokens: 9000,
    },
    { model: 'claude-sonnet-4-5' },
  )
  assert.deepEqual(body['thinking'], { type: 'enabled', budget_tokens: 2000 })
})

test('a thinking object for another generation is put into this one’s words', () => {
  const adaptive = toAnthropic({ thinking: { type: 'adaptive' } }, { model: 'claude-haiku-4-5' })
  assert.deepEqual(adaptive.body['thinking'], { type: 'enabled', budget_tokens: 8192 })
  assert.equal(adaptive.notes, 'thinking;adapted')
  const off = toAnthropic({ thinking: { type: 'disabled' } }, { model: 'claude-opus-5-5' })
  assert.equal(off.body['thinking'], undefined)
  assert.deepEqual(off.body['output_config'], { effort: 'low' })
  const foreign = toAnthropic({ thinking: { type: 'enabled' } }, { model: 'glm-5' })
  assert.deepEqual(foreign.body['thinking'], { type: 'enabled' })
})
