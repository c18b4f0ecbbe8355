/** Looking at a request body without trusting it. Only fixed keys are ever read by name. */

/** A JSON object as it came in. */
export type JsonObject = Record<string, unknown>

/** True for a JSON object; false for arrays and null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value itself where it is a list, else an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** The list's objects; whatever else stands in it is left out. */
export function objectsOf(value: unknown): JsonObject[] {
  return listOf(value).filter(isObject)
}

/** The value itself where it is a string, else ''. */
export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** True where the field is there and not null: both providers read null as "not said". */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** The JSON type of a value in a provider's words, with its article: `a string`, `an object`. */
export function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  switch (typeof value) {
    case 'string':
      return 'a string'
    case 'number':
      return Number.isInteger(value) ? 'an integer' : 'a decimal'
    case 'boolean':
      return 'a boolean'
    default:
      return 'an object'
  }
}

/** An object without a prototype: names from outside, `__proto__` among them, are names like any other. */
export function emptyObject<Value = unknown>(): Record<string, Value> {
  const empty: Record<string, Value> = Object.create(null)
  return empty
}
