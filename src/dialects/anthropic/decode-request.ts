/**
 * A Messages request body → neutral (wire-formats D). Read only for targets of other dialects; towards
 * Anthropic the caller's bytes are relayed. Reference: https://docs.anthropic.com/en/api/messages
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { readObject, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import type {
  ChatRequest,
  JsonObject,
  JsonValue,
  Loss,
  ReasoningEffort,
  ReasoningWish,
  ResponseFormat,
} from '../neutral.ts'
import { decodeConversation } from './decode-messages.ts'
import { decodeToolChoice, decodeTools } from './decode-tools.ts'

/**
 * Top-level fields without a neutral place that belong to this language. Other names are not kept: in
 * another language the same word may mean another thing (`metadata`, `user`).
 */
const EXTRAS: ReadonlySet<string> = new Set([
  'betas',
  'billing_policy',
  'cache_control',
  'compaction',
  'container',
  'context_management',
  'diagnostics',
  'fallback_credit_token',
  'fallbacks',
  'inference_geo',
  'mcp_servers',
  'output_config',
  'speed',
  'thread',
  'user_profile_id',
  'workspace_id',
])

/**
 * What a Messages caller asked. `max_tokens: 0`, a request that only warms Anthropic's cache, is kept as
 * 0 (answerWarmUp). Throws ProxyError `request_invalid` or `untranslatable` with the field's path.
 */
export function decodeRequest(body: JsonObject): ChatRequest {
  const model = optionalString(body['model'], 'model')
  if (model === undefined || model === '') {
    throw new ProxyError('model_missing', 'The request names no `model`.', { param: 'model' })
  }
  refuseHeldConversation(body)
  const losses: Loss[] = []
  const messages = decodeConversation(body, losses)
  const tools = decodeTools(body['tools'], losses)
  const { choice, parallel } = decodeToolChoice(body['tool_choice'])
  const output = optionalObject(body['output_config'], 'output_config')
  for (const [key, value] of output === undefined ? [] : Object.entries(output)) {
    if (key !== 'effort' && key !== 'format' && value !== null) {
      losses.push([
        key === 'task_budget' ? 'output_config.task_budget' : 'output_config',
        'dropped',
      ])
    }
  }
  return {
    model,
    messages,
    stream: optionalBoolean(body['stream'], 'stream') ?? false,
    includeUsage: true,
    maxTokens: decodeMaxTokens(body['max_tokens']),
    temperature: optionalNumber(body['temperature'], 'temperature'),
    topP: optionalNumber(body['top_p'], 'top_p'),
    topK: optionalNumber(body['top_k'], 'top_k'),
    stop: decodeStop(body['stop_sequences']),
    tools,
    toolChoice: choice,
    parallelToolCalls: parallel,
    responseFormat: decodeFormat(output?.['format'] ?? body['output_format']),
    reasoning: decodeReasoning(body['thinking'], output),
    endUser: readText(readObject(body['metadata'])?.['user_id']),
    serviceTier: decodeServiceTier(body['service_tier'], losses),
    legacyFunctions: false,
    extras: decodeExtras(body),
    losses: distinct(losses),
  }
}

/**
 * A turn that continues a thread brings its own messages only; the rest is held at Anthropic, and another
 * model would answer without having seen it. By the error's code the SDKs know to send the whole.
 */
function refuseHeldConversation(body: JsonObject): void {
  if (readObject(body['thread'])?.['type'] !== 'continue') return
  throw new ProxyError(
    'untranslatable',
    'This conversation is held at Anthropic, and another provider’s model answers: send all of its messages.',
    { param: 'thread', detailCode: 'thread_not_found' },
  )
}

/** In the order of the list, whatever the caller's. */
function decodeExtras(body: JsonObject): JsonObject {
  const extras: JsonObject = {}
  // Most requests have none, and a few fields are looked up sooner than all those that could be there.
  if (!Object.keys(body).some((field) => EXTRAS.has(field))) return extras
  for (const name of EXTRAS) {
    const value = body[name]
    if (value !== undefined && value !== null) extras[name] = value
  }
  return extras
}

function distinct(losses: readonly Loss[]): readonly Loss[] {
  if (losses.length < 2) return losses
  return [...new Map(losses.map((loss) => [loss.join(';'), loss])).values()]
}

function decodeMaxTokens(value: JsonValue | undefined): number | undefined {
  const limit = optionalNumber(value, 'max_tokens')
  if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 0)) return limit
  throw invalid('max_tokens', `\`max_tokens\` must be a whole number of at least 0, got ${limit}.`)
}

function decodeStop(value: JsonValue | undefined): string[] | undefined {
  const words = optionalArray(value, 'stop_sequences').map((item, index) =>
    requiredString(item, `stop_sequences[${index}]`),
  )
  return words.length === 0 ? undefined : words
}

/** `output_config.format`, or `output_format` as the beta had it. */
function decodeFormat(value: JsonValue | undefined): ResponseFormat | undefined {
  const format = optionalObject(value, 'output_config.format')
  if (format === undefined) return undefined
  if (format['type'] !== 'json_schema') {
    throw untranslatable(
      'output_config.format.type',
      'Only an answer format of type json_schema can be translated.',
    )
  }
  return {
    type: 'json-schema',
    name: undefined,
    description: undefined,
    schema: requiredObject(format['schema'], 'output_config.format.schema'),
    // Always kept strictly by Anthropic; the target's encoder says what it can promise.
    strict: undefined,
  }
}

const EFFORTS: ReadonlySet<string> = new Set([
  'low',
  'medium',
  'high',
  'xhigh',
  'max',
] satisfies ReasoningEffort[])

function isEffort(word: string): word is ReasoningEffort {
  return EFFORTS.has(word)
}

function decodeReasoning(
  value: JsonValue | undefined,
  output: JsonObject | undefined,
): ReasoningWish | undefined {
  const thinking = optionalObject(value, 'thinking')
  const word = optionalString(output?.['effort'], 'output_config.effort')
  if (word !== undefined && !isEffort(word)) {
    throw invalid('output_config.effort', `"${word}" is not a known effort.`)
  }
  if (thinking === undefined && word === undefined) return undefined
  const display = readString(thinking?.['display'])
  return {
    // Claude spends its effort on the answer where thinking is off; elsewhere effort is thinking.
    effort: thinking?.['type'] === 'disabled' ? 'none' : word,
    thinking,
    summary: display === undefined ? undefined : display === 'summarized',
  }
}

/** In OpenAI's words. */
function decodeServiceTier(value: JsonValue | undefined, losses: Loss[]): string | undefined {
  const word = optionalString(value, 'service_tier')
  switch (word) {
    case undefined:
      return undefined
    case 'auto':
      return 'auto'
    case 'standard_only':
      return 'default'
    default:
      losses.push(['service_tier', 'dropped'])
      return undefined
  }
}
