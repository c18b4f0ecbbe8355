/**
 * JSON schemas as Anthropic's structured outputs take them (wire-formats A.6): a closed subset of
 * draft 2020-12. What is only a limit on a value is moved into the description, where the model still
 * reads it; what changes the shape of the answer cannot be expressed at all.
 */
import { isJsonObject, readArray, readObject, readText } from '../../wire/json.ts'
import type { JsonObject, JsonValue } from '../neutral.ts'

/** Limits that the subset lacks, in the order they are described. */
const DESCRIBED: readonly string[] = [
  'minLength',
  'maxLength',
  'pattern',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'not',
  'default',
]

const FORMATS: ReadonlySet<string> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
])

/** Anthropic's hard limit over the whole schema. */
const MAX_OPTIONAL_PROPERTIES = 24

/**
 * The schema in the subset, or `undefined` where the subset cannot say it: recursive or remote
 * references, open objects, too many optional properties. Pure; the original is not changed.
 */
export function sanitizeSchema(schema: JsonObject): JsonObject | undefined {
  if (hasRecursion(schema) || !isExpressible(schema)) return undefined
  if (countOptional(schema) > MAX_OPTIONAL_PROPERTIES) return undefined
  return sanitizeNode(schema)
}

/** Every subschema of a node, whatever keyword holds it. */
function children(node: JsonObject): JsonValue[] {
  return [
    ...Object.values(readObject(node['properties']) ?? {}),
    ...Object.values(readObject(node['$defs']) ?? {}),
    ...Object.values(readObject(node['definitions']) ?? {}),
    ...readArray(node['anyOf']),
    ...readArray(node['oneOf']),
    ...readArray(node['allOf']),
    ...readArray(node['prefixItems']),
    ...(Array.isArray(node['items']) ? node['items'] : [node['items'] ?? null]),
  ]
}

function isObjectNode(node: JsonObject): boolean {
  const type = node['type']
  return type === 'object' || readArray(type).includes('object') || isJsonObject(node['properties'])
}

function isExpressible(value: JsonValue): boolean {
  if (typeof value === 'boolean') return false
  if (!isJsonObject(value)) return true
  const ref = value['$ref']
  if (ref !== undefined) return typeof ref === 'string' && /^#\/(\$defs|definitions)\//.test(ref)
  if (value['patternProperties'] !== undefined) return false
  if (isObjectNode(value)) {
    const open = value['additionalProperties']
    if (open === true || isJsonObject(open)) return false
    if (!isJsonObject(value['properties'])) return false
  }
  return children(value).every(isExpressible)
}

function countOptional(value: JsonValue): number {
  if (!isJsonObject(value)) return 0
  const required = readArray(value['required'])
  const own = Object.keys(readObject(value['properties']) ?? {}).filter(
    (key) => !required.includes(key),
  ).length
  return children(value).reduce<number>((sum, child) => sum + countOptional(child), own)
}

/** Some definition reaches itself through references. */
function hasRecursion(schema: JsonObject): boolean {
  const definitions = new Map<string, JsonValue>()
  for (const holder of ['$defs', 'definitions']) {
    for (const [name, value] of Object.entries(readObject(schema[holder]) ?? {})) {
      definitions.set(`#/${holder}/${name}`, value)
    }
  }
  // References on the way down; meeting one of them again is a cycle.
  const open = new Set<string>()
  const closed = new Set<string>()
  function reachesItself(value: JsonValue): boolean {
    if (!isJsonObject(value)) return false
    const ref = readText(value['$ref'])
    if (ref === undefined) return children(value).some(reachesItself)
    if (open.has(ref) || ref === '#') return true
    const target = definitions.get(ref)
    if (target === undefined || closed.has(ref)) return false
    open.add(ref)
    const found = reachesItself(target)
    open.delete(ref)
    closed.add(ref)
    return found
  }
  return reachesItself(schema)
}

function sanitizeValue(value: JsonValue): JsonValue {
  return isJsonObject(value) ? sanitizeNode(value) : value
}

function sanitizeNode(node: JsonObject): JsonObject {
  const ref = readText(node['$ref'])
  if (ref !== undefined) return keep(node, ['$ref', '$defs', 'definitions'])
  const members: Array<[string, JsonValue]> = []
  const described: string[] = []
  const hasChoice = node['enum'] !== undefined || node['const'] !== undefined
  for (const [key, value] of Object.entries(node)) {
    switch (key) {
      case 'description':
      case '$schema':
      case '$id':
      case 'additionalProperties':
      case 'prefixItems':
        break
      // Beside `enum` or `const` the type says nothing more.
      case 'type':
        if (!hasChoice) members.push([key, value])
        break
      case 'oneOf':
      case 'anyOf':
        members.push(['anyOf', readArray(value).map(sanitizeValue)])
        break
      case 'allOf':
        members.push([key, readArray(value).map(sanitizeValue)])
        break
      case 'items':
        members.push([key, sanitizeValue(value)])
        break
      case 'properties':
      case '$defs':
      case 'definitions':
        members.push([key, sanitizeMembers(value)])
        break
      case 'minItems':
        if (value === 0 || value === 1) members.push([key, value])
        else described.push(`minItems: ${JSON.stringify(value)}`)
        break
      case 'format':
        if (typeof value === 'string' && FORMATS.has(value)) members.push([key, value])
        else described.push(`format: ${JSON.stringify(value)}`)
        break
      case 'enum':
      case 'const':
      case 'title':
      case 'required':
        members.push([key, value])
        break
      default:
        if (DESCRIBED.includes(key)) described.push(`${key}: ${JSON.stringify(value)}`)
    }
  }
  if (isObjectNode(node)) members.push(['additionalProperties', false])
  const words = [readText(node['description']), describe(described)].filter(
    (text) => text !== undefined,
  )
  if (words.length > 0) members.push(['description', words.join('\n')])
  return Object.fromEntries(members)
}

function describe(limits: readonly string[]): string | undefined {
  return limits.length === 0 ? undefined : `{${limits.join(', ')}}`
}

function sanitizeMembers(value: JsonValue): JsonObject {
  return Object.fromEntries(
    Object.entries(readObject(value) ?? {}).map(([name, member]) => [name, sanitizeValue(member)]),
  )
}

/** A reference keeps only itself and the definitions it may be the root of. */
function keep(node: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => keys.includes(key))
      .map(([key, value]) => [key, key === '$ref' ? value : sanitizeMembers(value)]),
  )
}
