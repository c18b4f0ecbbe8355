import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitName } from '../../src/dialects/anthropic/ids.ts'
import { sanitizeSchema } from '../../src/dialects/anthropic/schema.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'

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
