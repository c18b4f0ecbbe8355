/**
 * A Responses request body → neutral (wire-formats F.1). Stateless: the whole history stands in `input`;
 * what would need a response kept at a provider is refused.
 * Reference: https://platform.openai.com/docs/api-reference/responses/create
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, readArray, readNumber, readObject, readText } from '../../wire/json.ts'
import { liftExtraBody } from '../extra-body.ts'
import {
  invalid,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  requiredString,
  untranslatable,
} from '../fields.ts'
import type {
  ChatMessage,
  ChatRequest,
  JsonObject,
  JsonValue,
  ReasoningEffort,
  ReasoningWish,
  ResponseFormat,
} from '../neutral.ts'
import { decodeInput } from './input.ts'
import { ECHOED } from './response.ts'
import { decodeToolChoice, decodeTools } from './tools.ts'

/** Top-level fields that have a place of their own in the neutral form, or are dealt with below. */
const READ: ReadonlySet<string> = new Set([
  'model',
  'input',
  'instructions',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text',
  'reasoning',
  'thinking',
  'include',
  'store',
  'top_logprobs',
  'safety_identifier',
  'user',
  'service_tier',
  'truncation',
  'background',
  // The same word means another thing to Anthropic.
  'context_management',
])

/** Needs what another provider does not have: earlier responses, stored prompts, a check of the content. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  [
    'previous_response_id',
    'Responses are not kept here: send the whole conversation in `input`, with `store: false`.',
  ],
  ['conversation', 'Conversations are kept at OpenAI: send the whole conversation in `input`.'],
  ['prompt', 'Prompts by id are kept at OpenAI: send their text in `instructions` or `input`.'],
  ['moderation', 'Another provider cannot run this check.'],
])

/**
 * What a Responses caller asked. Fields without a neutral place are kept in `extras`, and what the reply
 * repeats in `echo`.
 * Throws ProxyError `request_invalid` or `untranslatable` with the field's path.
 */
export function decodeRequest(rawBody: JsonObject): ChatRequest {
  const body = liftExtraBody(rawBody)
  const model = optionalString(body['model'], 'model')
  if (model === undefined || model === '') {
    throw new ProxyError('model_missing', 'The request names no `model`.', { param: 'model' })
  }
  refuseState(body)
  const messages = decodeInput(body['input'])
  if (messages.length === 0) {
    throw invalid('input', '`input` must be a text, or hold at least one item.')
  }
  const tools = decodeTools(body['tools'])
  return {
    model,
    messages: [...decodeInstructions(body['instructions']), ...messages],
    stream: optionalBoolean(body['stream'], 'stream') ?? false,
    includeUsage: true,
    maxTokens: decodeMaxTokens(body['max_output_tokens']),
    temperature: optionalNumber(body['temperature'], 'temperature'),
    topP: optionalNumber(body['top_p'], 'top_p'),
    topK: optionalNumber(body['top_k'], 'top_k'),
    stop: undefined,
    tools: tools.tools,
    toolChoice: decodeToolChoice(body['tool_choice'], tools),
    parallelToolCalls: optionalBoolean(body['parallel_tool_calls'], 'parallel_tool_calls'),
    responseFormat: decodeFormat(readObject(body['text'])?.['format']),
    reasoning: decodeReasoningWish(body),
    endUser:
      readText(body['safety_identifier']) ??
      readText(body['user']) ??
      readText(readObject(body['metadata'])?.['user_id']),
    serviceTier: body['service_tier'] === 'ultrafast' ? 'auto' : readText(body['service_tier']),
    legacyFunctions: false,
    extras: decodeExtras(body),
    // No other API knows `ultrafast`.
    losses: body['service_tier'] === 'ultrafast' ? [['service_tier', 'adapted']] : [],
    echo: Object.fromEntries(Object.entries(body).filter(([key]) => ECHOED.has(key))),
  }
}

function refuseState(body: JsonObject): void {
  for (const [field, why] of REFUSED) {
    if (body[field] !== undefined && body[field] !== null) throw untranslatable(field, why)
  }
  if (body['background'] === true) {
    throw untranslatable('background', 'A response in the background would have to be kept here.')
  }
  const wanted = readArray(body['include'])
  if (
    wanted.includes('message.output_text.logprobs') ||
    (readNumber(body['top_logprobs']) ?? 0) > 0
  ) {
    throw untranslatable(
      body['top_logprobs'] === undefined ? 'include' : 'top_logprobs',
      'Log probabilities cannot be had from another provider.',
    )
  }
}

function decodeInstructions(value: JsonValue | undefined): ChatMessage[] {
  const text = optionalString(value, 'instructions')
  return text === undefined || text === ''
    ? []
    : [{ role: 'system', parts: [{ type: 'text', text }] }]
}

function decodeMaxTokens(field: JsonValue | undefined): number | undefined {
  const value = optionalNumber(field, 'max_output_tokens')
  if (value !== undefined && (!Number.isInteger(value) || value < 1)) {
    throw invalid(
      'max_output_tokens',
      `\`max_output_tokens\` must be a whole number of at least 1, got ${value}.`,
    )
  }
  return value
}

/** `text.format`: flat, where Chat nests it under `json_schema`. */
function decodeFormat(value: JsonValue | undefined): ResponseFormat | undefined {
  const format = optionalObject(value, 'text.format')
  if (format === undefined) return undefined
  const type = requiredString(format['type'], 'text.format.type')
  switch (type) {
    case 'text':
      return undefined
    case 'json_object':
      return { type: 'json-object' }
    case 'json_schema': {
      const schema = optionalObject(format['schema'], 'text.format.schema')
      if (schema === undefined) return { type: 'json-object' }
      return {
        type: 'json-schema',
        name: readText(format['name']),
        description: readText(format['description']),
        schema,
        strict: optionalBoolean(format['strict'], 'text.format.strict'),
      }
    }
    default:
      throw untranslatable(
        'text.format.type',
        'Only the formats text, json_object and json_schema can be translated.',
      )
  }
}

const EFFORTS: ReadonlySet<string> = new Set([
  'none',
  'minimal',
  'low',
  'medium',
  'high',
  'xhigh',
  'max',
] satisfies ReasoningEffort[])

function isEffort(word: string): word is ReasoningEffort {
  return EFFORTS.has(word)
}

function decodeReasoningWish(body: JsonObject): ReasoningWish | undefined {
  const wish = optionalObject(body['reasoning'], 'reasoning')
  const thinking = optionalObject(body['thinking'], 'thinking')
  if (wish === undefined && thinking === undefined) return undefined
  const word = optionalString(wish?.['effort'], 'reasoning.effort')
  if (word !== undefined && !isEffort(word)) {
    throw invalid('reasoning.effort', `"${word}" is not a known \`reasoning.effort\`.`)
  }
  // The field had another name first.
  const summary = readText(wish?.['summary']) ?? readText(wish?.['generate_summary'])
  return { effort: word, thinking, summary: summary === undefined ? undefined : true }
}

/** Unread fields, as they came. */
function decodeExtras(body: JsonObject): JsonObject {
  const extras: JsonObject = {}
  for (const [key, value] of Object.entries(body)) {
    if (!READ.has(key) && value !== null && !isEmpty(value)) extras[key] = value
  }
  // Chat has it at the top level, under the same name.
  const verbosity = readObject(body['text'])?.['verbosity']
  if (verbosity !== undefined && verbosity !== null) extras['verbosity'] = verbosity
  return extras
}

/** `{}` and `[]` say nothing: `metadata: {}` is what many clients always send. */
function isEmpty(value: JsonValue): boolean {
  if (Array.isArray(value)) return value.length === 0
  return isJsonObject(value) && Object.keys(value).length === 0
}
