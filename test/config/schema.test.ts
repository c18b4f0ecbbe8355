import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { parse } from 'yaml'
import { FILE, renderJsonSchema } from '../../src/config/file.ts'
import type { JsonSchema } from '../../src/config/shapes.ts'

const FIXTURES = new URL('../../../test/fixtures/config/', import.meta.url)

/** As much of a JSON Schema validator as the schema needs. */
function isValid(value: unknown, schema: JsonSchema): boolean {
  if (schema.anyOf !== undefined) return schema.anyOf.some((one) => isValid(value, one))
  if (schema.enum !== undefined) return schema.enum.some((one) => one === value)
  const { type, pattern = '', minimum = -Infinity, maximum = Infinity, items = {} } = schema
  if (type === undefined) return true
  if (type === 'string') return typeof value === 'string' && new RegExp(pattern).test(value)
  if (type === 'array') return Array.isArray(value) && value.every((item) => isValid(item, items))
  if (type === 'object') return isValidObject(value, schema)
  if (type === 'boolean') return typeof value === 'boolean'
  if (typeof value !== 'number' || value < minimum || value > maximum) return false
  return type === 'number' || Number.isInteger(value)
}

function isValidObject(value: unknown, schema: JsonSchema): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const properties = new Map(Object.entries(schema.properties ?? {}))
  const isComplete = (schema.required ?? []).every((key) => Object.hasOwn(value, key))
  const others = schema.additionalProperties
  return (
    isComplete &&
    Object.entries(value).every(([key, item]) => {
      const known = properties.get(key)
      if (known !== undefined) return isValid(item, known)
      return others !== false && isValid(item, others ?? {})
    })
  )
}

test('the JSON Schema is draft 2020-12, describes every key, and is the one we read by', () => {
  const schema: unknown = JSON.parse(renderJsonSchema())
  assert.deepEqual(schema, {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'aiproxy config',
    ...JSON.parse(JSON.stringify(FILE.schema)),
  })
  for (const property of Object.values(FILE.schema.properties ?? {})) {
    assert.ok((property.description ?? '').length > 5)
  }
})

test('the schema accepts what we accept', () => {
  for (const file of ['rbac-access.json', 'rbac-failover.json', 'complete.yaml']) {
    const value: unknown = parse(readFileSync(new URL(file, FIXTURES), 'utf8'))
    assert.ok(isValid(value, FILE.schema), file)
  }
  const accepted = [
    { $schema: './aiproxy.schema.json', listen: 8080, body_limit: 1024, mock: '${MOCK:-true}' },
    { failover: { on: ['rate', 'timeout'], deadline: '1.5m' } },
    { users: { a: { limits: { cost: ['1 USD/day', '9 USD/month'] } } } },
  ]
  for (const value of accepted) assert.ok(isValid(value, FILE.schema), JSON.stringify(value))
})

test('the schema refuses what we refuse', () => {
  const refused = [
    { lgo: 'x' },
    { users: [] },
    { models: { a: {} } },
    { models: { a: { provider: 'mock', max_tokens: '4096' } } },
    { models: { a: { provider: 'mock', price: { input: 1 } } } },
    { providers: { a: { dialect: 'opnai' } } },
    { failover: { deadline: 'soon' } },
    { users: { a: { key: 'aip_clear' } } },
    { users: { a: { models: [{ failover: 'b' }] } } },
    { mock: 'yes' },
  ]
  for (const value of refused) assert.ok(!isValid(value, FILE.schema), JSON.stringify(value))
})
