import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FIDELITY, renderFidelityTable, reviewFields } from '../../src/dialects/fidelity.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'

/** Every parameter of `ChatCompletionCreateParams` (openai 7.57.0). */
const CHAT_FIELDS =
  'model messages max_completion_tokens max_tokens temperature top_p stop stream stream_options n tools ' +
  'tool_choice parallel_tool_calls functions function_call response_format reasoning_effort ' +
  'safety_identifier user metadata service_tier prompt_cache_key prompt_cache_options ' +
  'prompt_cache_retention store seed logprobs top_logprobs logit_bias presence_penalty ' +
  'frequency_penalty modalities audio prediction web_search_options verbosity moderation'

test('every documented Chat parameter has a verdict on the way to Anthropic', () => {
  const rows = new Set(FIDELITY[0]?.rows.map((row) => row.path))
  for (const field of CHAT_FIELDS.split(' ')) assert.ok(rows.has(field), field)
})

test('no path stands in a table twice', () => {
  for (const { rows } of FIDELITY) {
    assert.equal(new Set(rows.map((row) => row.path)).size, rows.length)
  }
})

test('a refused field is refused before anything is announced', () => {
  const notes = createNotes(false)
  assert.throws(() => reviewFields({ seed: 1, n: 2 }, 'openai-chat', 'anthropic', notes))
  assert.equal(renderNotes(notes), '')
})

test('a pair without a table is left alone', () => {
  const notes = createNotes(true)
  assert.doesNotThrow(() => reviewFields({ anything: 1 }, 'openai-chat', 'openai-chat', notes))
})

test('each note is said once, in the order it came up', () => {
  const notes = createNotes(false)
  notes.add('seed', 'dropped')
  notes.add('temperature', 'adapted')
  notes.add('seed', 'dropped')
  assert.equal(renderNotes(notes), 'seed;dropped, temperature;adapted')
})

test('any number of unknown fields makes a bounded header of visible ASCII', () => {
  const notes = createNotes(false)
  const body = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`ключ\u0000${index}${'x'.repeat(200)}`, 1]),
  )
  reviewFields(body, 'openai-chat', 'anthropic', notes)
  const header = renderNotes(notes)
  assert.ok(header.length < 4000)
  assert.match(header, /^[\x21-\x7e ]+$/)
})

test('the table renders as Markdown with one line per row', () => {
  const lines = renderFidelityTable().split('\n')
  assert.ok(lines.includes('### openai-chat → anthropic'))
  assert.ok(lines.includes('| `seed` | note | best effort at OpenAI too |  |'))
  assert.ok(lines.includes('| `n` | refuse | there is one answer to a request | `1` |'))
  for (const line of lines.filter((text) => text.startsWith('|'))) {
    assert.equal(line.split('|').length, 6, line)
  }
})
