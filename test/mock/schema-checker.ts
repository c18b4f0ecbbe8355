/** An independent, tiny JSON Schema validator, so that the sampler is not judged by its own reading. */
import { isDeepStrictEqual } from 'node:util'
import { isObject } from './client.ts'
import type { Json } from './client.ts'

/** What is wrong with the value, as paths and words; empty where it satisfies the schema. */
export function problemsOf(
  schema: unknown,
  value: unknown,
  root: unknown = schema,
  path = '$',
): string[] {
  if (schema === true || !isObject(schema))
    return schema === false ? [`${path}: nothing is allowed`] : []
  const problems: string[] = []
  const expect = (holds: boolean, what: string): void => {
    if (!holds) problems.push(`${path}: ${what}`)
  }
  const ref = schema['$ref']
  if (typeof ref === 'string') problems.push(...problemsOf(pointed(root, ref), value, root, path))
  if ('const' in schema) expect(isDeepStrictEqual(schema['const'], value), 'is not the constant')
  if (Array.isArray(schema['enum'])) {
    expect(
      schema['enum'].some((one) => isDeepStrictEqual(one, value)),
      'is not in the enum',
    )
  }
  const types = (Array.isArray(schema['type']) ? schema['type'] : [schema['type']]).filter(
    (type) => typeof type === 'string',
  )
  if (types.length > 0)
    expect(
      types.some((type) => hasType(value, type)),
      `is not ${types.join('|')}`,
    )
  for (const part of listOf(schema['allOf'])) problems.push(...problemsOf(part, value, root, path))
  const fits = (branch: unknown): boolean => problemsOf(branch, value, root, path).length === 0
  if ('anyOf' in schema) expect(listOf(schema['anyOf']).some(fits), 'fits no branch')
  if ('oneOf' in schema)
    expect(listOf(schema['oneOf']).filter(fits).length === 1, 'does not fit exactly one')
  if (isObject(value)) problems.push(...objectProblems(schema, value, root, path))
  if (Array.isArray(value)) problems.push(...arrayProblems(schema, value, root, path))
  if (typeof value === 'string') {
    const { length } = value
    expect(length >= Number(schema['minLength'] ?? 0), 'is too short')
    expect(length <= Number(schema['maxLength'] ?? Infinity), 'is too long')
    if (typeof schema['pattern'] === 'string') {
      expect(new RegExp(schema['pattern'], 'u').test(value), 'does not match')
    }
    expect(hasFormat(value, schema['format']), `is no ${String(schema['format'])}`)
  }
  if (typeof value === 'number') {
    expect(value >= Number(schema['minimum'] ?? -Infinity), 'is below the minimum')
    expect(value <= Number(schema['maximum'] ?? Infinity), 'is above the maximum')
    if (typeof schema['exclusiveMinimum'] === 'number')
      expect(value > schema['exclusiveMinimum'], 'is not above')
    if (typeof schema['exclusiveMaximum'] === 'number')
      expect(value < schema['exclusiveMaximum'], 'is not below')
    if (typeof schema['multipleOf'] === 'number') {
      expect(Number.isInteger(value / schema['multipleOf']), 'is no multiple')
    }
  }
  return problems
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function objectProblems(schema: Json, value: Json, root: unknown, path: string): string[] {
  const problems: string[] = []
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  for (const name of listOf(schema['required'])) {
    if (!Object.hasOwn(value, String(name))) problems.push(`${path}: misses ${String(name)}`)
  }
  if (Object.keys(value).length < Number(schema['minProperties'] ?? 0))
    problems.push(`${path}: too few members`)
  for (const [name, member] of Object.entries(value)) {
    const own = Object.hasOwn(properties, name)
      ? properties[name]
      : (schema['additionalProperties'] ?? true)
    problems.push(...problemsOf(own, member, root, `${path}.${name}`))
  }
  return problems
}

function arrayProblems(
  schema: Json,
  value: readonly unknown[],
  root: unknown,
  path: string,
): string[] {
  const problems: string[] = []
  if (value.length < Number(schema['minItems'] ?? 0)) problems.push(`${path}: too few items`)
  if (value.length > Number(schema['maxItems'] ?? Infinity))
    problems.push(`${path}: too many items`)
  if (
    schema['uniqueItems'] === true &&
    new Set(value.map((one) => JSON.stringify(one))).size < value.length
  ) {
    problems.push(`${path}: repeats an item`)
  }
  const first = listOf(schema['prefixItems'])
  for (const [index, item] of value.entries()) {
    const own = first[index] ?? schema['items'] ?? true
    problems.push(...problemsOf(own, item, root, `${path}[${index}]`))
  }
  return problems
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'object') return isObject(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'integer') return Number.isInteger(value)
  return typeof value === type
}

const FORMATS = new Map([
  ['date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/u],
  ['date', /^\d{4}-\d\d-\d\d$/u],
  ['time', /^\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/u],
  ['email', /^[^@\s]+@[^@\s]+\.[a-z]+$/u],
  ['uuid', /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u],
  ['uri', /^[a-z]+:\/\/\S+$/u],
  ['ipv4', /^\d+(?:\.\d+){3}$/u],
])

function hasFormat(value: string, format: unknown): boolean {
  return FORMATS.get(String(format))?.test(value) ?? true
}

function pointed(root: unknown, ref: string): unknown {
  let current = root
  for (const step of ref.split('/').slice(1)) {
    current = isObject(current)
      ? current[step.replaceAll('~1', '/').replaceAll('~0', '~')]
      : undefined
  }
  return current
}
