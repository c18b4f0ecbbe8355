/**
 * Reading a caller's fields: absent and `null` are the same, a wrong type is the caller's mistake and
 * is named by its path.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { isJsonObject, kindOf } from '../wire/json.ts'
import type { JsonObject, JsonValue } from '../wire/json.ts'

/** The error for a field that cannot be read at all. */
export function invalid(path: string, message: string): ProxyError {
  return new ProxyError('request_invalid', message, { param: path })
}

/** The error for a field that is readable but has no counterpart that keeps its promise. */
export function untranslatable(path: string, message: string): ProxyError {
  return new ProxyError('untranslatable', message, { param: path })
}

function wrongType(value: JsonValue, path: string, expected: string): ProxyError {
  return invalid(path, `\`${path}\` must be ${expected}, got ${kindOf(value)}.`)
}

export function optionalString(value: JsonValue | undefined, path: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrongType(value, path, 'a string')
  return value
}

export function optionalNumber(value: JsonValue | undefined, path: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number') throw wrongType(value, path, 'a number')
  return value
}

export function optionalBoolean(value: JsonValue | undefined, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw wrongType(value, path, 'a boolean')
  return value
}

export function optionalObject(value: JsonValue | undefined, path: string): JsonObject | undefined {
  if (value === undefined || value === null) return undefined
  if (!isJsonObject(value)) throw wrongType(value, path, 'an object')
  return value
}

/** The items of an array; none when it is absent. */
export function optionalArray(value: JsonValue | undefined, path: string): readonly JsonValue[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrongType(value, path, 'an array')
  return value
}

export function requiredString(value: JsonValue | undefined, path: string): string {
  const text = optionalString(value, path)
  if (text === undefined) throw invalid(path, `\`${path}\` is missing.`)
  return text
}

export function requiredObject(value: JsonValue | undefined, path: string): JsonObject {
  const object = optionalObject(value, path)
  if (object === undefined) throw invalid(path, `\`${path}\` is missing.`)
  return object
}
