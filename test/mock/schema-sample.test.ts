import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleArguments, sampleSchema } from '../../src/mock/schema-sample.ts'
import { problemsOf } from './schema-checker.ts'

const SCHEMAS: ReadonlyArray<readonly [string, unknown]> = [
  [
    'an object with required members',
    {
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'integer' } },
      required: ['a'],
    },
  ],
  [
    'a closed object',
    {
      type: 'object',
      properties: { a: { type: 'boolean' } },
      required: ['a'],
      additionalProperties: false,
    },
  ],
  ['required members that are not described', { type: 'object', required: ['x', 'y'] }],
  [
    'required members described by additionalProperties',
    { type: 'object', required: ['x'], additionalProperties: { type: 'number', minimum: 3 } },
  ],
  [
    'members named like the prototype',
    {
      type: 'object',
      properties: { constructor: { type: 'string' } },
      required: ['constructor', '__proto__', 'toString'],
    },
  ],
  [
    'minProperties',
    { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' } }, minProperties: 2 },
  ],
  ['minProperties beyond the described ones', { type: 'object', minProperties: 3 }],
  ['an enum', { enum: ['celsius', 'fahrenheit'] }],
  ['an enum that its type narrows', { type: 'integer', enum: ['one', 1] }],
  ['a constant', { const: { deep: [1, 2] } }],
  ['a constant of null', { const: null }],
  ['a long string', { type: 'string', minLength: 30 }],
  ['a short string', { type: 'string', maxLength: 2 }],
  ['a string of one exact length', { type: 'string', minLength: 7, maxLength: 7 }],
  ['a date and time', { type: 'string', format: 'date-time' }],
  ['a date', { type: 'string', format: 'date' }],
  ['a time', { type: 'string', format: 'time' }],
  ['an email', { type: 'string', format: 'email' }],
  ['a uuid', { type: 'string', format: 'uuid' }],
  ['a uri', { type: 'string', format: 'uri' }],
  ['an IPv4 address', { type: 'string', format: 'ipv4' }],
  ['an unknown format', { type: 'string', format: 'colour' }],
  ['a simple pattern', { type: 'string', pattern: '^[A-Z]+$' }],
  ['a digit pattern with a length', { type: 'string', pattern: '^\\d+$', minLength: 4 }],
  ['an integer with a minimum', { type: 'integer', minimum: 5 }],
  ['an integer with a fractional minimum', { type: 'integer', minimum: 2.5, maximum: 3 }],
  ['a negative range', { type: 'integer', minimum: -9, maximum: -4 }],
  ['exclusive bounds on an integer', { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 2 }],
  ['exclusive bounds on a number', { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.5 }],
  ['an open lower bound', { type: 'number', exclusiveMinimum: 7 }],
  ['a multiple', { type: 'integer', minimum: 11, multipleOf: 5 }],
  ['a boolean', { type: 'boolean' }],
  ['null', { type: 'null' }],
  ['a list of types', { type: ['string', 'null'] }],
  ['an array with a least length', { type: 'array', items: { type: 'integer' }, minItems: 3 }],
  [
    'an array of different items',
    { type: 'array', items: { type: 'string' }, minItems: 3, uniqueItems: true },
  ],
  [
    'different items from an enum',
    { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3, uniqueItems: true },
  ],
  [
    'a tuple',
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false },
  ],
  ['anyOf', { anyOf: [{ type: 'string', minLength: 6 }, { type: 'null' }] }],
  ['oneOf', { oneOf: [{ type: 'integer' }, { type: 'string' }] }],
  [
    'anyOf beside members',
    {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      anyOf: [{ required: ['b'] }, { required: ['c'] }],
    },
  ],
  [
    'allOf',
    {
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'integer', minimum: 1 } }, required: ['b'] },
      ],
    },
  ],
  ['allOf with two bounds', { allOf: [{ type: 'integer', minimum: 3 }, { minimum: 8 }] }],
  [
    'a local reference',
    {
      type: 'object',
      properties: { at: { $ref: '#/$defs/place' } },
      required: ['at'],
      $defs: {
        place: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
      },
    },
  ],
  [
    'a reference with an escaped name',
    { $ref: '#/$defs/a~1b', $defs: { 'a/b': { type: 'integer', minimum: 4 } } },
  ],
  [
    'a list that refers to itself',
    {
      type: 'object',
      properties: {
        value: { type: 'integer' },
        next: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
      },
      required: ['value', 'next'],
    },
  ],
  [
    'a tree with optional children',
    {
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#' } } },
      required: ['name', 'children'],
    },
  ],
  [
    'types told from other words',
    {
      properties: { a: { minimum: 2 }, b: { items: { minLength: 5 }, minItems: 1 } },
      required: ['a', 'b'],
    },
  ],
  ['anything', {}],
  ['true', true],
]

for (const [what, schema] of SCHEMAS) {
  test(`the sample satisfies ${what}`, () => {
    const value: unknown = JSON.parse(JSON.stringify(sampleSchema(schema)))
    assert.deepEqual(problemsOf(schema, value), [])
  })
}

test('the sample is the smallest: optional members and items are left out', () => {
  const schema = {
    type: 'object',
    properties: { must: { type: 'array', items: { type: 'string' } }, may: { type: 'string' } },
    required: ['must'],
  }
  assert.equal(JSON.stringify(sampleSchema(schema)), '{"must":[]}')
})

test('a member called __proto__ arrives as a member and changes no prototype', () => {
  const schema = { type: 'object', required: ['__proto__'] }
  assert.equal(JSON.stringify(sampleSchema(schema)), '{"__proto__":"mock"}')
})

test('a schema that can never end, or asks for too much, still gives a value', () => {
  const endless = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] }
  assert.equal(sampleSchema(endless), null)
  assert.deepEqual(sampleArguments(endless), {})
  assert.equal(sampleSchema({ $ref: '#' }), null)
  assert.equal(sampleSchema(false), null)
  const huge = sampleSchema({
    type: 'array',
    items: { type: 'string', minLength: 1e9 },
    minItems: 1e9,
  })
  assert.ok(Array.isArray(huge) && huge.length === 1000)
})

test('a pattern that backtracks without end does not hang the mock', () => {
  const value = sampleSchema({ type: 'string', pattern: '^(a+)+b$', minLength: 5000 })
  assert.equal(typeof value, 'string')
})

test('arguments are an object even where the schema is not', () => {
  assert.deepEqual(sampleArguments({ type: 'string' }), {})
  assert.deepEqual(sampleArguments(undefined), {})
})
