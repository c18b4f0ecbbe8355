/**
 * The 400s of the Messages API (https://docs.claude.com/en/api/messages), in its own words where they are
 * known. The order is roughly its own: fields, then messages, then what the model does not take.
 */
import { checkMessages } from './anthropic-messages-check.ts'
import { claudeRules } from './anthropic-models.ts'
import type { ClaudeRules } from './anthropic-models.ts'
import { isGiven, isObject, jsonTypeOf, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { invalid } from './refused.ts'

export interface AnthropicHeaders {
  readonly version: string | undefined
  readonly beta: string | undefined
}

const VERSIONS = new Set(['2023-06-01', '2026-10-21'])

const FIELDS = new Set([
  'model',
  'messages',
  'max_tokens',
  'cache_control',
  'container',
  'diagnostics',
  'inference_geo',
  'metadata',
  'output_config',
  'service_tier',
  'speed',
  'stop_sequences',
  'stream',
  'system',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
  'top_k',
  'top_p',
  'user_profile_id',
  'workspace_id',
])

/** Known only together with an `anthropic-beta` header. */
const BETA_FIELDS = new Set([
  'billing_policy',
  'compaction',
  'context_management',
  'fallback_credit_token',
  'fallbacks',
  'mcp_servers',
  'output_format',
  'thread',
])

const NOT_FOR_COUNTING = new Set(['max_tokens', 'stream', 'temperature', 'top_k', 'top_p'])

/**
 * Throws `Refused` where the real API would answer 400.
 * `counting` is true for `/v1/messages/count_tokens`, which takes fewer fields.
 */
export function checkAnthropic(
  body: JsonObject,
  headers: AnthropicHeaders,
  counting: boolean,
): void {
  if (headers.version === undefined) throw invalid('anthropic-version: header is required')
  if (!VERSIONS.has(headers.version)) {
    throw invalid(`anthropic-version: "${headers.version}" is not a valid version`)
  }
  checkFields(body, headers, counting)
  const model = stringOf(body['model'])
  const rules = claudeRules(model)
  checkTools(body)
  checkMessages(body, rules)
  checkSampling(body, rules, headers.version)
  checkThinking(body, rules)
  checkOutput(body, rules, model)
  if (!counting && rules !== undefined && Number(body['max_tokens']) > rules.maxOutputTokens) {
    throw invalid(
      `max_tokens: ${Number(body['max_tokens'])} > ${rules.maxOutputTokens}, which is the maximum allowed number of output tokens for ${model}`,
    )
  }
}

function checkFields(body: JsonObject, headers: AnthropicHeaders, counting: boolean): void {
  for (const key of Object.keys(body)) {
    const isKnown = FIELDS.has(key) || (BETA_FIELDS.has(key) && (headers.beta ?? '') !== '')
    if (!isKnown || (counting && NOT_FOR_COUNTING.has(key))) {
      throw invalid(`${key}: Extra inputs are not permitted`)
    }
  }
  for (const key of counting ? ['messages', 'model'] : ['max_tokens', 'messages', 'model']) {
    if (!isGiven(body[key])) throw invalid(`${key}: Field required`)
  }
  if (typeof body['model'] !== 'string') throw invalid('model: Input should be a valid string')
  if (body['model'] === '') throw invalid('model: String should have at least 1 character')
  if (!counting) {
    if (!Number.isInteger(body['max_tokens']))
      throw invalid('max_tokens: Input should be a valid integer')
    // 0 is valid: it warms a prompt cache and answers with nothing.
    if (Number(body['max_tokens']) < 0) {
      throw invalid('max_tokens: Input should be greater than or equal to 0')
    }
  }
  if (isGiven(body['stream']) && typeof body['stream'] !== 'boolean') {
    throw invalid('stream: Input should be a valid boolean')
  }
  const stops = body['stop_sequences']
  if (isGiven(stops)) {
    if (!Array.isArray(stops)) throw invalid('stop_sequences: Input should be a valid list')
    for (const [index, stop] of listOf(stops).entries()) {
      if (typeof stop !== 'string')
        throw invalid(`stop_sequences.${index}: Input should be a valid string`)
      if (stop.trim() === '')
        throw invalid('stop_sequences: each stop sequence must contain non-whitespace')
    }
  }
  const metadata = body['metadata']
  if (isGiven(metadata)) {
    if (!isObject(metadata)) throw invalid('metadata: Input should be an object')
    for (const key of Object.keys(metadata)) {
      if (key !== 'user_id') throw invalid(`metadata.${key}: Extra inputs are not permitted`)
    }
  }
  const tier = body['service_tier']
  if (isGiven(tier) && tier !== 'auto' && tier !== 'standard_only') {
    throw invalid("service_tier: Input should be 'auto' or 'standard_only'")
  }
}

const TOOL_FIELDS = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'strict',
  'cache_control',
  'defer_loading',
  'eager_input_streaming',
  'input_examples',
  'allowed_callers',
])

/** The tools Anthropic defines carry a dated type; of those only the name is looked at. */
const DATED_TOOL = /^[a-z_]+_20\d{6}$|^mcp_toolset$/u

function checkTools(body: JsonObject): void {
  const tools = body['tools']
  if (isGiven(tools) && !Array.isArray(tools)) throw invalid('tools: Input should be a valid list')
  const names = new Set<string>()
  for (const [index, tool] of listOf(tools).entries()) {
    if (!isObject(tool)) throw invalid(`tools.${index}: Input should be an object`)
    const type = tool['type']
    if (isGiven(type) && type !== 'custom') {
      if (DATED_TOOL.test(stringOf(type))) continue
      throw invalid(
        `tools.${index}: Input tag '${stringOf(type)}' found using 'type' does not match any of the expected tags: 'bash_20250124', 'custom', 'text_editor_20250728', 'web_search_20250305'`,
      )
    }
    const at = `tools.${index}.custom`
    if (typeof tool['name'] !== 'string') throw invalid(`${at}.name: Field required`)
    if (!/^[a-zA-Z0-9_-]{1,128}$/u.test(tool['name'])) {
      throw invalid(`${at}.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`)
    }
    if (names.has(tool['name'])) throw invalid('tools: Tool names must be unique.')
    names.add(tool['name'])
    for (const key of Object.keys(tool)) {
      if (!TOOL_FIELDS.has(key)) throw invalid(`${at}.${key}: Extra inputs are not permitted`)
    }
    const schema = tool['input_schema']
    if (!isObject(schema)) throw invalid(`${at}.input_schema: Field required`)
    if (!isGiven(schema['type'])) throw invalid(`${at}.input_schema.type: Field required`)
    if (schema['type'] !== 'object')
      throw invalid(`${at}.input_schema.type: Input should be 'object'`)
  }
  checkToolChoice(body, listOf(tools))
}

function checkToolChoice(body: JsonObject, tools: readonly unknown[]): void {
  const choice = body['tool_choice']
  if (!isGiven(choice)) return
  if (!isObject(choice)) {
    throw invalid(
      'tool_choice: Input should be a valid dictionary or object to extract fields from',
    )
  }
  if (tools.length === 0) throw invalid('tool_choice may only be specified while providing tools.')
  switch (choice['type']) {
    case 'auto':
    case 'any':
      return
    case 'none':
      if (Object.hasOwn(choice, 'disable_parallel_tool_use')) {
        throw invalid('tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted')
      }
      return
    case 'tool': {
      const name = stringOf(choice['name'])
      if (name === '') throw invalid('tool_choice.tool.name: Field required')
      if (!objectsOf(tools).some((tool) => tool['name'] === name)) {
        throw invalid(`tool_choice: Tool '${name}' not found in provided tools`)
      }
      return
    }
    default:
      throw invalid(
        `tool_choice: Input tag '${stringOf(choice['type'])}' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'`,
      )
  }
}

function checkSampling(body: JsonObject, rules: ClaudeRules | undefined, version: string): void {
  for (const key of ['temperature', 'top_p', 'top_k']) {
    const value = body[key]
    if (!isGiven(value)) continue
    if (typeof value !== 'number') throw invalid(`${key}: Input should be a valid number`)
    if (key !== 'top_k' && (value < 0 || value > 1)) throw invalid(`${key}: range: 0..1`)
    const isDefault = value === 1 && key !== 'top_k'
    if (version === '2026-10-21' || (rules?.sampling === 'none' && !isDefault)) {
      throw invalid(`\`${key}\` is deprecated for this model.`)
    }
  }
  if (rules?.sampling === 'either' && isGiven(body['temperature']) && isGiven(body['top_p'])) {
    throw invalid(
      '`temperature` and `top_p` cannot both be specified for this model. Please use only one.',
    )
  }
}

const MIN_THINKING_TOKENS = 1024

function checkThinking(body: JsonObject, rules: ClaudeRules | undefined): void {
  const thinking = body['thinking']
  const choice = isObject(body['tool_choice']) ? body['tool_choice']['type'] : undefined
  const isForced = choice === 'any' || choice === 'tool'
  if (isForced && rules?.canForceTools === false) {
    throw invalid('tool_choice: type "tool" and "any" are not supported for this model.')
  }
  if (!isGiven(thinking)) return
  if (!isObject(thinking)) throw invalid('thinking: Input should be an object')
  const type = stringOf(thinking['type'])
  if (!['enabled', 'adaptive', 'disabled', 'between_tools'].includes(type)) {
    throw invalid(
      `thinking: Input tag '${type}' found using 'type' does not match any of the expected tags: 'adaptive', 'between_tools', 'disabled', 'enabled'`,
    )
  }
  if (rules !== undefined && !rules.thinkingTypes.includes(type) && type !== 'disabled') {
    throw invalid(
      type === 'adaptive'
        ? 'adaptive thinking is not supported on this model'
        : `"thinking.type.${type}" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.`,
    )
  }
  if (
    type === 'disabled' &&
    rules?.thinksByDefault === true &&
    !rules.thinkingTypes.includes(type)
  ) {
    throw invalid(
      '"thinking.type.disabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
    )
  }
  if (type !== 'enabled') return
  const budget = thinking['budget_tokens']
  if (!Number.isInteger(budget)) throw invalid('thinking.enabled.budget_tokens: Field required')
  if (Number(budget) < MIN_THINKING_TOKENS) {
    throw invalid(
      `thinking.enabled.budget_tokens: Input should be greater than or equal to ${MIN_THINKING_TOKENS}`,
    )
  }
  if (isGiven(body['max_tokens']) && Number(budget) >= Number(body['max_tokens'])) {
    throw invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
  }
  if (isGiven(body['temperature']) && body['temperature'] !== 1) {
    throw invalid('`temperature` may only be set to 1 when thinking is enabled.')
  }
  if (isGiven(body['top_k'])) throw invalid('`top_k` must be unset when thinking is enabled.')
  if (isForced) throw invalid('Thinking may not be enabled when tool_choice forces tool use.')
}

function checkOutput(body: JsonObject, rules: ClaudeRules | undefined, model: string): void {
  const config = body['output_config']
  if (isGiven(config) && !isObject(config))
    throw invalid('output_config: Input should be an object')
  const effort = isObject(config) ? config['effort'] : undefined
  if (isGiven(effort)) {
    if (!['low', 'medium', 'high', 'xhigh', 'max'].includes(stringOf(effort))) {
      throw invalid(
        "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
      )
    }
    if (rules?.efforts.length === 0)
      throw invalid('This model does not support the effort parameter.')
    if (rules !== undefined && !rules.efforts.includes(stringOf(effort))) {
      throw invalid(
        `output_config.effort: '${stringOf(effort)}' is not supported by ${model}. Supported values: ${rules.efforts.join(', ')}`,
      )
    }
  }
  const format = (isObject(config) ? config['format'] : undefined) ?? body['output_format']
  if (!isGiven(format)) return
  if (!isObject(format) || format['type'] !== 'json_schema') {
    throw invalid("output_config.format.type: Input should be 'json_schema'")
  }
  if (!isObject(format['schema'])) throw invalid('output_config.format.schema: Field required')
  for (const key of Object.keys(format)) {
    if (key !== 'type' && key !== 'schema') {
      throw invalid(`output_config.format.${key}: Extra inputs are not permitted`)
    }
  }
  if (rules?.hasStructuredOutputs === false) {
    throw invalid(`output_config.format: structured outputs are not supported by ${model}.`)
  }
  checkOutputSchema(format['schema'], 0)
}

const UNSUPPORTED_WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['string', ['minLength', 'maxLength', 'pattern']],
  ['integer', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
  ['array', ['maxItems', 'uniqueItems']],
  ['object', ['minProperties', 'maxProperties']],
])

const MAX_SCHEMA_DEPTH = 200

/** Structured outputs take a subset of JSON Schema, with closed objects only (wire-formats A.6). */
function checkOutputSchema(schema: unknown, depth: number): void {
  if (!isObject(schema) || depth > MAX_SCHEMA_DEPTH) return
  const type = stringOf(schema['type'])
  const at = 'output_config.format.schema'
  if (type === 'object' && schema['additionalProperties'] !== false) {
    throw invalid(
      `${at}: For 'object' type, 'additionalProperties' must be explicitly set to false`,
    )
  }
  const words = (UNSUPPORTED_WORDS.get(type) ?? []).filter((word) => Object.hasOwn(schema, word))
  if (words.length > 0) {
    throw invalid(`${at}: For '${type}' type, properties ${words.join(', ')} are not supported`)
  }
  const least = schema['minItems']
  if (type === 'array' && isGiven(least) && least !== 0 && least !== 1) {
    throw invalid(`${at}: For 'array' type, 'minItems' values other than 0 or 1 are not supported`)
  }
  if (Object.hasOwn(schema, 'oneOf')) throw invalid(`${at}: 'oneOf' is not supported`)
  for (const key of ['properties', '$defs', 'definitions']) {
    if (!isObject(schema[key])) continue
    for (const member of Object.values(schema[key])) checkOutputSchema(member, depth + 1)
  }
  for (const key of ['anyOf', 'allOf']) {
    for (const member of listOf(schema[key])) checkOutputSchema(member, depth + 1)
  }
  checkOutputSchema(schema['items'], depth + 1)
}

/** The refusal for a body that is JSON but no object. */
export function notAnObject(body: unknown): Error {
  return invalid(
    `Input should be a valid dictionary or object to extract fields from, not ${jsonTypeOf(body)}`,
  )
}
