import { isJsonObject, readArray, readObject } from '../wire/json.ts'
import type { JsonValue } from './neutral.ts'

/**
 * OpenAI's rule for `strict`: every object lists all its properties in `required` and is closed.
 * https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
 */
export function isStrictSchema(schema: JsonValue): boolean {
  if (Array.isArray(schema)) return schema.every(isStrictSchema)
  if (!isJsonObject(schema)) return true
  const properties = readObject(schema['properties'])
  if (schema['type'] === 'object' || properties !== undefined) {
    if (schema['additionalProperties'] !== false) return false
    const required = readArray(schema['required'])
    if (Object.keys(properties ?? {}).some((key) => !required.includes(key))) return false
  }
  const children = [
    ...Object.values(properties ?? {}),
    ...Object.values(readObject(schema['$defs']) ?? {}),
    ...readArray(schema['anyOf']),
    schema['items'] ?? null,
  ]
  return children.every(isStrictSchema)
}
