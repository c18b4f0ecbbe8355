/**
 * The 400s that OpenAI's two generation APIs share, in its own words: types, limits, models and tools
 * (https://platform.openai.com/docs/api-reference).
 */
import { isGiven, isObject, jsonTypeOf, listOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { gptRules } from './openai-models.ts'
import { invalid } from './refused.ts'

/** `path` must be there. */
export function missing(path: string): Error {
  return invalid(`Missing required parameter: '${path}'.`, path, 'missing_required_parameter')
}

/** `path` is not known. */
export function unknownParameter(path: string): Error {
  return invalid(`Unknown parameter: '${path}'.`, path, 'unknown_parameter')
}

/** `path` has the wrong JSON type. */
export function wrongType(path: string, expected: string, value: unknown): Error {
  return invalid(
    `Invalid type for '${path}': expected ${expected}, but got ${jsonTypeOf(value)} instead.`,
    path,
    'invalid_type',
  )
}

/** `path` holds none of the words it may hold. */
export function wrongValue(path: string, value: unknown, supported: readonly string[]): Error {
  const quoted = supported.map((word) => `'${word}'`)
  const comma = quoted.length > 2 ? ',' : ''
  const list =
    quoted.length < 2
      ? quoted.join('')
      : `${quoted.slice(0, -1).join(', ')}${comma} and ${quoted.at(-1)}`
  return invalid(
    `Invalid value: '${stringOf(value)}'. Supported values are: ${list}.`,
    path,
    'invalid_value',
  )
}

/** Model and parameter do not go together. */
export function unsupported(path: string): Error {
  return invalid(
    `Unsupported parameter: '${path}' is not supported with this model.`,
    path,
    'unsupported_parameter',
  )
}

/** A list that must have something in it. */
export function checkNotEmpty(path: string, list: readonly unknown[]): void {
  if (list.length > 0) return
  throw invalid(
    `Invalid '${path}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
    path,
    'empty_array',
  )
}

/** A list that may not have more than `most` entries. */
export function checkNotLonger(path: string, list: readonly unknown[], most: number): void {
  if (list.length <= most) return
  throw invalid(
    `Invalid '${path}': array too long. Expected an array with maximum length ${most}, but got an array with length ${list.length} instead.`,
    path,
    'array_above_max_length',
  )
}

/** A string of at most `most` characters. */
export function checkText(path: string, value: unknown, most: number): void {
  if (typeof value !== 'string') throw wrongType(path, 'a string', value)
  if (value.length <= most) return
  throw invalid(
    `Invalid '${path}': string too long. Expected a string with maximum length ${most}, but got a string with length ${value.length} instead.`,
    path,
    'string_above_max_length',
  )
}

/** An integer of at least `least`, where the field is given. */
export function checkInteger(body: JsonObject, path: string, least: number): void {
  const value = body[path]
  if (!isGiven(value)) return
  if (!Number.isInteger(value)) throw wrongType(path, 'an integer', value)
  if (Number(value) >= least) return
  throw invalid(
    `Invalid '${path}': integer below minimum value. Expected a value >= ${least}, but got ${Number(value)} instead.`,
    path,
    'integer_below_min_value',
  )
}

/** A number between `low` and `high`, where the field is given. */
function checkDecimal(body: JsonObject, path: string, low: number, high: number): void {
  const value = body[path]
  if (!isGiven(value)) return
  if (typeof value !== 'number') throw wrongType(path, 'a decimal', value)
  if (value < low || value > high) {
    const [word, side, bound, code] =
      value < low ? ['below minimum', '>=', low, 'min'] : ['above maximum', '<=', high, 'max']
    throw invalid(
      `Invalid '${path}': decimal ${word} value. Expected a value ${side} ${bound}, but got ${value} instead.`,
      path,
      `decimal_${value < low ? 'below' : 'above'}_${code}_value`,
    )
  }
}

/** Sampling ranges, and what a reasoning model refuses to be told. `effort` as the request says it. */
export function checkSampling(body: JsonObject, model: string, effort: unknown): void {
  checkDecimal(body, 'temperature', 0, 2)
  checkDecimal(body, 'top_p', 0, 1)
  checkDecimal(body, 'presence_penalty', -2, 2)
  checkDecimal(body, 'frequency_penalty', -2, 2)
  const rules = gptRules(model)
  if (rules === undefined || rules.sampling === 'free') return
  // From gpt-5.1 on, no effort said is the effort `none`.
  if (rules.sampling === 'unless-none' && (effort ?? 'none') === 'none') return
  const temperature = body['temperature']
  if (isGiven(temperature) && temperature !== 1) {
    throw invalid(
      `Unsupported value: 'temperature' does not support ${Number(temperature)} with this model. Only the default (1) value is supported.`,
      'temperature',
      'unsupported_value',
    )
  }
  if (isGiven(body['top_p']) && body['top_p'] !== 1) throw unsupported('top_p')
  for (const key of ['presence_penalty', 'frequency_penalty', 'top_logprobs']) {
    if (isGiven(body[key]) && body[key] !== 0) throw unsupported(key)
  }
  if (body['logprobs'] === true) throw unsupported('logprobs')
  if (isObject(body['logit_bias']) && Object.keys(body['logit_bias']).length > 0) {
    throw unsupported('logit_bias')
  }
}

/** The effort is one the model has. `path` is where the API keeps it. */
export function checkEffort(path: string, effort: unknown, model: string): void {
  const rules = gptRules(model)
  if (!isGiven(effort) || rules === undefined) return
  if (!rules.isReasoning) throw unsupported(path)
  if (rules.efforts.includes(stringOf(effort))) return
  const words = rules.efforts.map((word) => `'${word}'`)
  throw invalid(
    `Unsupported value: '${stringOf(effort)}' is not supported with the '${model}' model. Supported values are: ${words.slice(0, -1).join(', ')}, and ${words.at(-1)}.`,
    path,
    'unsupported_value',
  )
}

const NAME = /^[a-zA-Z0-9_-]+$/u

/** A function's name: letters, digits, `_` and `-`, at most 64. */
export function checkName(path: string, name: unknown): void {
  if (!isGiven(name)) throw missing(path)
  checkText(path, name, 64)
  if (NAME.test(stringOf(name))) return
  throw invalid(
    `Invalid '${path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
    path,
    'invalid_value',
  )
}

/** A function's parameters: an object schema, and a closed one where `strict` is asked for. */
export function checkParameters(path: string, name: string, fn: JsonObject): void {
  const schema = fn['parameters']
  if (!isGiven(schema)) return
  if (!isObject(schema)) throw wrongType(path, 'an object', schema)
  if (Object.keys(schema).length === 0) return
  const wrong = (what: string): Error =>
    invalid(`Invalid schema for function '${name}': ${what}`, path, 'invalid_function_parameters')
  if (schema['type'] !== 'object') {
    throw wrong(
      `schema must be a JSON Schema of 'type: "object"', got 'type: "${typeNameOf(schema)}"'.`,
    )
  }
  if (!isObject(schema['properties']) && fn['strict'] !== true) {
    throw wrong('In context=(), object schema missing properties.')
  }
  if (fn['strict'] === true) {
    const problem = strictProblem(schema, [])
    if (problem !== undefined) throw wrong(problem)
  }
}

function typeNameOf(schema: JsonObject): string {
  return typeof schema['type'] === 'string' ? schema['type'] : 'None'
}

/** A JSON schema asked for as the reply's format: a name, and a closed schema where `strict` is asked for. */
export function checkFormat(path: string, format: JsonObject, param: string): void {
  checkName(`${path}.name`, format['name'])
  if (!isObject(format['schema'])) throw missing(`${path}.schema`)
  const wrong = (what: string): Error =>
    invalid(`Invalid schema for response_format '${stringOf(format['name'])}': ${what}`, param)
  if (format['strict'] !== true) return
  if (format['schema']['type'] !== 'object') {
    throw wrong(
      `schema must be a JSON Schema of 'type: "object"', got 'type: "${typeNameOf(format['schema'])}"'.`,
    )
  }
  const problem = strictProblem(format['schema'], [])
  if (problem !== undefined) throw wrong(problem)
}

const MAX_SCHEMA_DEPTH = 200

/** What strict mode has against the schema: every object closed, every property required. */
function strictProblem(schema: unknown, context: readonly string[]): string | undefined {
  if (!isObject(schema) || context.length > MAX_SCHEMA_DEPTH) return undefined
  const quoted = context.map((step) => `'${step}'`).join(', ')
  const at = `In context=(${quoted}${context.length === 1 ? ',' : ''})`
  if (schema['type'] === 'object') {
    if (schema['additionalProperties'] !== false) {
      return `${at}, 'additionalProperties' is required to be supplied and to be false.`
    }
    const required = new Set(listOf(schema['required']))
    const open = Object.keys(isObject(schema['properties']) ? schema['properties'] : {}).find(
      (name) => !required.has(name),
    )
    if (open !== undefined) {
      return `${at}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${open}'.`
    }
  }
  for (const key of ['properties', '$defs', 'definitions']) {
    if (!isObject(schema[key])) continue
    for (const [name, member] of Object.entries(schema[key])) {
      const problem = strictProblem(member, [...context, key, name])
      if (problem !== undefined) return problem
    }
  }
  for (const [index, member] of listOf(schema['anyOf']).entries()) {
    const problem = strictProblem(member, [...context, 'anyOf', String(index)])
    if (problem !== undefined) return problem
  }
  return strictProblem(schema['items'], [...context, 'items'])
}
