import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLAUDE_MODELS, findClaudeModel } from '../../src/dialects/anthropic/models.ts'
import { fitName } from '../../src/dialects/anthropic/ids.ts'
import { sanitizeSchema } from '../../src/dialects/anthropic/schema.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { findOpenAiModel } from '../../src/dialects/openai-chat/models.ts'

const NAMES: ReadonlyArray<readonly [name: string, key: string]> = [
  ['claude-opus-5-5-20261001', 'opus-5-5'],
  ['claude-opus-5-20260301', 'opus-5'],
  ['anthropic/claude-opus-4.5', 'opus-4-5'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'sonnet-4-5'],
  ['claude-opus-4@20250514', 'opus-4'],
  ['claude-opus-4-20250514', 'opus-4'],
  ['claude-sonnet-4-20250514', 'sonnet-4'],
  ['claude-opus-4-1-20250805', 'opus-4-1'],
  ['claude-3-5-sonnet-20241022', 'claude-3-5'],
  ['claude-3-haiku-20240307', 'claude-3'],
  ['claude-3-7-sonnet-latest', 'claude-3'],
  ['Claude-Haiku-4-5', 'haiku-4-5'],
]

for (const [name, key] of NAMES) {
  test(`${name} is known by ${key}`, () => {
    assert.equal(findClaudeModel(name), CLAUDE_MODELS.get(key))
  })
}

test('a Claude newer than the table is taken for the newest, not for its elder namesake', () => {
  for (const name of ['claude-opus-5-7', 'claude-sonnet-6', 'claude-opus-4-9-20260101']) {
    const model = findClaudeModel(name)
    assert.equal(model.sampling, 'none', name)
    assert.equal(model.forcedTools, false, name)
    assert.equal(model.maxOutputTokens, 128_000, name)
  }
})

test('a name that is no Claude keeps every old habit', () => {
  const model = findClaudeModel('deepseek-chat')
  assert.equal(model.claude, false)
  assert.equal(model.maxOutputTokens, 4096)
  assert.equal(model.prefill, true)
})

test('OpenAI models are known by name, with or without a prefix; others are not', () => {
  assert.equal(findOpenAiModel('gpt-4.1-mini')?.reasoning, false)
  assert.equal(findOpenAiModel('openai/gpt-5')?.reasoning, true)
  assert.equal(findOpenAiModel('o3-mini')?.stop, false)
  assert.deepEqual(findOpenAiModel('gpt-5')?.efforts, ['minimal', 'low', 'medium', 'high'])
  assert.equal(findOpenAiModel('gpt-5.4')?.refusesToolsWithReasoning, true)
  assert.equal(findOpenAiModel('gpt-6-sol')?.efforts[0], 'none')
  assert.equal(findOpenAiModel('gpt-6.1')?.efforts[0], 'low')
  assert.equal(findOpenAiModel('qwen3:8b'), undefined)
})

test('a fitting name is left alone, any other becomes fitting and stays unique', () => {
  assert.equal(fitName('toolu_01-A'), 'toolu_01-A')
  assert.equal(fitName('functions.Bash:0').slice(0, 17), 'functions_Bash_0_')
  assert.notEqual(fitName('a.b'), fitName('a:b'))
  assert.equal(fitName('x'.repeat(128)).length, 128)
  assert.match(fitName('é'.repeat(300)), /^[a-zA-Z0-9_-]{1,128}$/)
})

function object(properties: JsonObject, rest: JsonObject = {}): JsonObject {
  return { type: 'object', properties, ...rest }
}

const SANITIZED: ReadonlyArray<
  readonly [title: string, schema: JsonObject, expected: JsonObject | undefined]
> = [
  [
    'objects are closed, drafts and ids dropped',
    { $schema: 'x', $id: 'y', ...object({ a: { type: 'string', title: 'A' } }) },
    object({ a: { type: 'string', title: 'A' } }, { additionalProperties: false }),
  ],
  [
    'limits are described beside what was said',
    object({
      n: { type: 'number', minimum: 1, maximum: 9, default: 3, description: 'How many' },
    }),
    object(
      {
        n: { type: 'number', description: 'How many\n{minimum: 1, maximum: 9, default: 3}' },
      },
      { additionalProperties: false },
    ),
  ],
  [
    'minItems of 0 and 1 stay, known formats stay',
    object({
      a: { type: 'array', items: { type: 'string', format: 'date' }, minItems: 1 },
      b: { type: 'array', items: { type: 'string', format: 'phone' }, minItems: 2 },
    }),
    object(
      {
        a: { type: 'array', items: { type: 'string', format: 'date' }, minItems: 1 },
        b: {
          type: 'array',
          items: { type: 'string', description: '{format: "phone"}' },
          description: '{minItems: 2}',
        },
      },
      { additionalProperties: false },
    ),
  ],
  [
    'oneOf becomes anyOf, enum stands without type, a reference without siblings',
    object(
      {
        a: { oneOf: [{ type: 'string' }, { $ref: '#/$defs/d', description: 'x' }] },
        b: { type: 'string', enum: ['x'] },
      },
      { $defs: { d: { type: 'integer' } } },
    ),
    object(
      { a: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/d' }] }, b: { enum: ['x'] } },
      { $defs: { d: { type: 'integer' } }, additionalProperties: false },
    ),
  ],
  ['an open object cannot be said', { type: 'object' }, undefined],
  [
    'a map cannot be said',
    object({ m: { type: 'object', additionalProperties: { type: 'string' } } }),
    undefined,
  ],
  [
    'recursion cannot be said',
    object(
      { t: { $ref: '#/$defs/t' } },
      { $defs: { t: object({ child: { anyOf: [{ $ref: '#/$defs/t' }, { type: 'null' }] } }) } },
    ),
    undefined,
  ],
  ['a reference to elsewhere cannot be said', object({ a: { $ref: 'https://x' } }), undefined],
  [
    'more than 24 optional properties cannot be said',
    object(Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`p${index}`, {}]))),
    undefined,
  ],
]

for (const [title, schema, expected] of SANITIZED) {
  test(`schemas: ${title}`, () => {
    const before = JSON.stringify(schema)
    assert.deepEqual(sanitizeSchema(schema), expected)
    assert.equal(JSON.stringify(schema), before)
  })
}

test('a property called __proto__ survives as a property', () => {
  const schema: JsonObject = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"string"}}}',
  )
  assert.equal(
    JSON.stringify(sanitizeSchema(schema)),
    '{"type":"object","properties":{"__proto__":{"type":"string"}},"additionalProperties":false}',
  )
})
