/**
 * The smallest value that satisfies a JSON Schema (draft 2020-12, https://json-schema.org/draft/2020-12):
 * required members only, shortest lists, numbers nearest to zero. Deterministic. `not`, `if`,
 * `dependentSchemas` and the like are not looked at; `pattern` is met where one of a few plain strings does.
 */
import { emptyObject, isObject, listOf } from './json.ts'
import type { JsonObject } from './json.ts'

// A schema is outside-controlled: these keep a hostile one from taking the process with it.
const MAX_NODES = 10_000
const MAX_HOPS = 64
// Tried in turn: a schema that refers to itself is left by its shallowest way out.
const DEPTHS = [4, 8, 16, 32, 64]
const MAX_ITEMS = 1_000
const MAX_STRING = 10_000
// One letter repeated is what a hostile pattern backtracks on: this few cannot hurt.
const MAX_PADDED_TRIAL = 16

/** What is put where anything goes. */
const ANYTHING = 'mock'

const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date-time', '2026-11-22T00:00:00Z'],
  ['date', '2026-11-22'],
  ['time', '00:00:00Z'],
  ['duration', 'PT1S'],
  ['email', 'mock@example.com'],
  ['idn-email', 'mock@example.com'],
  ['hostname', 'example.com'],
  ['idn-hostname', 'example.com'],
  ['ipv4', '127.0.0.1'],
  ['ipv6', '::1'],
  ['uri', 'https://example.com/'],
  ['url', 'https://example.com/'],
  ['iri', 'https://example.com/'],
  ['uri-reference', '/mock'],
  ['iri-reference', '/mock'],
  ['uuid', '00000000-0000-4000-8000-000000000000'],
  ['json-pointer', '/mock'],
  ['regex', '.*'],
  ['byte', 'bW9jaw=='],
])

const PATTERN_CANDIDATES = [
  ANYTHING,
  '0',
  'a',
  'A',
  'Mock',
  'MOCK',
  'mock-1',
  'mock_1',
  'mock mock',
  '2026-11-22',
  '00:00',
  'https://example.com/',
  'mock@example.com',
  'en-US',
  '1.0.0',
  '#000000',
  '+10000000000',
  '00000000-0000-4000-8000-000000000000',
]

interface Walk {
  readonly root: unknown
  readonly maxDepth: number
  nodes: number
}

/** Thrown inside this file only: this branch cannot be completed (endless recursion), try the next. */
class DeadEnd extends Error {}

/** A value for the schema; for a schema that nothing satisfies, something near it. Never throws. */
export function sampleSchema(schema: unknown): unknown {
  for (const maxDepth of DEPTHS) {
    try {
      return sample(schema, { root: schema, maxDepth, nodes: 0 }, 0, 0)
    } catch (thrown) {
      if (!(thrown instanceof DeadEnd)) throw thrown
    }
  }
  return null
}

/** Arguments for a tool: as `sampleSchema`, but always an object, because both providers demand one. */
export function sampleArguments(schema: unknown): JsonObject {
  const value = sampleSchema(schema)
  return isObject(value) ? value : {}
}

function sample(schema: unknown, walk: Walk, depth: number, variant: number): unknown {
  walk.nodes += 1
  if (depth > walk.maxDepth || walk.nodes > MAX_NODES) throw new DeadEnd()
  if (!isObject(schema)) return schema === false ? null : ANYTHING
  if (Object.hasOwn(schema, 'const')) return schema['const']

  const reference = schema['$ref']
  if (typeof reference === 'string') {
    const { $ref: _taken, ...beside } = schema
    const target = resolvePointer(walk.root, reference)
    return sample(isObject(target) ? merge(target, beside) : target, walk, depth + 1, variant)
  }
  if (Array.isArray(schema['allOf'])) {
    const { allOf, ...beside } = schema
    let merged: JsonObject = beside
    for (const part of listOf(allOf)) merged = merge(merged, resolved(part, walk))
    return sample(merged, walk, depth + 1, variant)
  }
  for (const key of ['anyOf', 'oneOf']) {
    if (!Array.isArray(schema[key])) continue
    const { [key]: branches, ...beside } = schema
    return firstOf(listOf(branches), (branch) =>
      sample(merge(beside, resolved(branch, walk)), walk, depth + 1, variant),
    )
  }

  const types = typesOf(schema)
  if (Array.isArray(schema['enum'])) {
    const values = listOf(schema['enum'])
    const fitting = values.filter(
      (value) => types.length === 0 || types.some((type) => isOf(value, type)),
    )
    const choices = fitting.length > 0 ? fitting : values
    return choices.length === 0 ? null : choices[Math.min(variant, choices.length - 1)]
  }
  switch (types[0]) {
    case 'object':
      return sampleObject(schema, walk, depth)
    case 'array':
      return sampleArray(schema, walk, depth)
    case 'string':
      return sampleString(schema, variant)
    case 'integer':
      return sampleNumber(schema, true, variant)
    case 'number':
      return sampleNumber(schema, false, variant)
    case 'boolean':
      return variant > 0
    case 'null':
      return null
    default:
      return variant === 0 ? ANYTHING : `${ANYTHING}${variant}`
  }
}

function sampleObject(schema: JsonObject, walk: Walk, depth: number): JsonObject {
  const properties = isObject(schema['properties']) ? schema['properties'] : {}
  const rest = schema['additionalProperties']
  const value = emptyObject()
  const fill = (name: string): void => {
    const own = Object.hasOwn(properties, name) ? properties[name] : isObject(rest) ? rest : true
    value[name] = sample(own, walk, depth + 1, 0)
  }
  for (const name of listOf(schema['required'])) {
    if (typeof name === 'string' && !Object.hasOwn(value, name)) fill(name)
  }
  const wanted = Math.min(sizeOf(schema['minProperties']), MAX_ITEMS)
  for (const name of Object.keys(properties)) {
    if (Object.keys(value).length >= wanted) break
    if (!Object.hasOwn(value, name)) fill(name)
  }
  if (rest === false) return value
  for (let extra = 1; Object.keys(value).length < wanted; extra += 1) fill(`mock${extra}`)
  return value
}

function sampleArray(schema: JsonObject, walk: Walk, depth: number): unknown[] {
  const value: unknown[] = listOf(schema['prefixItems'])
    .slice(0, MAX_ITEMS)
    .map((item) => sample(item, walk, depth + 1, 0))
  // Draft 7 and older wrote tuples as a list in `items`.
  for (const item of listOf(schema['items'])) value.push(sample(item, walk, depth + 1, 0))
  const item = isObject(schema['items']) ? schema['items'] : schema['contains']
  if (schema['contains'] !== undefined && value.length === 0) {
    value.push(sample(schema['contains'], walk, depth + 1, 0))
  }
  const wanted = Math.min(sizeOf(schema['minItems']), MAX_ITEMS)
  while (value.length < wanted) {
    value.push(
      sample(item ?? true, walk, depth + 1, schema['uniqueItems'] === true ? value.length : 0),
    )
  }
  return value
}

function sampleString(schema: JsonObject, variant: number): string {
  const format = typeof schema['format'] === 'string' ? FORMATS.get(schema['format']) : undefined
  if (format !== undefined) return format
  const least = Math.min(sizeOf(schema['minLength']), MAX_STRING)
  const most = schema['maxLength'] === undefined ? MAX_STRING : sizeOf(schema['maxLength'])
  const fit = (text: string): string =>
    text.padEnd(least, text === '' ? 'x' : text.at(-1)).slice(0, most)
  if (typeof schema['pattern'] === 'string') {
    const pattern = compile(schema['pattern'])
    const met = PATTERN_CANDIDATES.map(fit).find(
      (text, index) =>
        text.length <= Math.max(MAX_PADDED_TRIAL, PATTERN_CANDIDATES[index]?.length ?? 0) &&
        pattern?.test(text) === true,
    )
    if (met !== undefined) return met
  }
  return fit(variant === 0 ? ANYTHING : `${variant}${ANYTHING}`)
}

function sampleNumber(schema: JsonObject, whole: boolean, variant: number): number {
  const step = Math.abs(finite(schema['multipleOf']) ?? 0)
  const grain = step > 0 ? (whole && !Number.isInteger(step) ? step * 10 : step) : whole ? 1 : 0
  let low = finite(schema['minimum']) ?? -Infinity
  let high = finite(schema['maximum']) ?? Infinity
  // Draft 4 wrote a boolean here that makes the inclusive bound exclusive.
  const openLow =
    finite(schema['exclusiveMinimum']) ?? (schema['exclusiveMinimum'] === true ? low : undefined)
  const openHigh =
    finite(schema['exclusiveMaximum']) ?? (schema['exclusiveMaximum'] === true ? high : undefined)
  const nudge =
    grain > 0
      ? grain
      : openLow !== undefined && openHigh !== undefined
        ? (openHigh - openLow) / 2
        : 1
  if (openLow !== undefined)
    low = Math.max(low, grain > 0 ? above(openLow, grain) : openLow + nudge)
  if (openHigh !== undefined)
    high = Math.min(high, grain > 0 ? below(openHigh, grain) : openHigh - nudge)
  if (openLow !== undefined && high < low) low = high = (openLow + high) / 2
  let value = Math.min(Math.max(0, low), high)
  if (grain > 0) {
    const up = Math.ceil(value / grain) * grain
    value = up <= high ? up : Math.floor(value / grain) * grain
  }
  const next = value + variant * (grain > 0 ? grain : 1)
  value = next <= high ? next : value
  return value === 0 ? 0 : value
}

function above(bound: number, grain: number): number {
  return (Math.floor(bound / grain) + 1) * grain
}

function below(bound: number, grain: number): number {
  return (Math.ceil(bound / grain) - 1) * grain
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function sizeOf(value: unknown): number {
  return Math.max(0, Math.floor(finite(value) ?? 0))
}

function compile(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'u')
  } catch {
    return undefined
  }
}

/** The types a value may have, in the schema's order; told from its other keywords where `type` is absent. */
function typesOf(schema: JsonObject): readonly string[] {
  const type = schema['type']
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return listOf(type).filter((one) => typeof one === 'string')
  for (const [word, meant] of IMPLIED) if (Object.hasOwn(schema, word)) return [meant]
  return []
}

const IMPLIED: ReadonlyArray<readonly [string, string]> = [
  ['properties', 'object'],
  ['required', 'object'],
  ['minProperties', 'object'],
  ['items', 'array'],
  ['prefixItems', 'array'],
  ['minItems', 'array'],
  ['minLength', 'string'],
  ['maxLength', 'string'],
  ['pattern', 'string'],
  ['format', 'string'],
  ['minimum', 'number'],
  ['maximum', 'number'],
  ['exclusiveMinimum', 'number'],
  ['exclusiveMaximum', 'number'],
  ['multipleOf', 'number'],
]

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case 'object':
      return isObject(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

function resolved(schema: unknown, walk: Walk): JsonObject {
  let current = schema
  for (
    let hop = 0;
    hop < MAX_HOPS && isObject(current) && typeof current['$ref'] === 'string';
    hop += 1
  ) {
    const { $ref: reference, ...beside } = current
    const target = resolvePointer(walk.root, reference)
    current = isObject(target) ? merge(target, beside) : {}
  }
  return isObject(current) ? current : {}
}

/** A local JSON Pointer (`#`, `#/$defs/a`); anything else means "anything goes". */
function resolvePointer(root: unknown, reference: string): unknown {
  if (!reference.startsWith('#')) return true
  let at: unknown = root
  for (const raw of reference.slice(1).split('/').slice(1)) {
    const key = decoded(raw).replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) at = (at as unknown[])[Number(key)]
    else if (isObject(at) && Object.hasOwn(at, key)) at = at[key]
    else return true
  }
  return at
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Both schemas at once: members and requirements add up, the tighter bound wins, else the later word. */
function merge(one: JsonObject, other: JsonObject): JsonObject {
  const merged: JsonObject = { ...one, ...other }
  if (isObject(one['properties']) && isObject(other['properties'])) {
    const properties = emptyObject()
    for (const [name, own] of [
      ...Object.entries(one['properties']),
      ...Object.entries(other['properties']),
    ]) {
      const before = Object.hasOwn(properties, name) ? properties[name] : undefined
      properties[name] = isObject(before) && isObject(own) ? merge(before, own) : own
    }
    merged['properties'] = properties
  }
  if (Array.isArray(one['required']) && Array.isArray(other['required'])) {
    merged['required'] = [...listOf(one['required']), ...listOf(other['required'])]
  }
  for (const [key, tighter] of TIGHTER) {
    const [left, right] = [finite(one[key]), finite(other[key])]
    if (left !== undefined && right !== undefined) merged[key] = tighter(left, right)
  }
  return merged
}

const TIGHTER: ReadonlyArray<readonly [string, (one: number, other: number) => number]> = [
  ['minimum', Math.max],
  ['exclusiveMinimum', Math.max],
  ['minLength', Math.max],
  ['minItems', Math.max],
  ['minProperties', Math.max],
  ['maximum', Math.min],
  ['exclusiveMaximum', Math.min],
  ['maxLength', Math.min],
]

function firstOf(branches: readonly unknown[], attempt: (branch: unknown) => unknown): unknown {
  for (const branch of branches) {
    if (branch === false) continue
    try {
      return attempt(branch)
    } catch (thrown) {
      if (!(thrown instanceof DeadEnd)) throw thrown
    }
  }
  throw new DeadEnd()
}
