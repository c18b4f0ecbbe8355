/** The 400s of `POST /v1/chat/completions` (https://platform.openai.com/docs/api-reference/chat/create). */
import { isGiven, isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import {
  checkEffort,
  checkFormat,
  checkInteger,
  checkName,
  checkNotEmpty,
  checkNotLonger,
  checkParameters,
  checkSampling,
  missing,
  unknownParameter,
  unsupported,
  wrongType,
  wrongValue,
} from './openai-check.ts'
import { checkConversation } from './openai-chat-messages-check.ts'
import { gptRules } from './openai-models.ts'
import type { GptRules } from './openai-models.ts'
import { invalid } from './refused.ts'

const FIELDS = new Set([
  'messages',
  'model',
  'audio',
  'frequency_penalty',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'max_completion_tokens',
  'max_tokens',
  'metadata',
  'modalities',
  'moderation',
  'n',
  'parallel_tool_calls',
  'prediction',
  'presence_penalty',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'seed',
  'service_tier',
  'stop',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'user',
  'verbosity',
  'web_search_options',
])

const MAX_TOOLS = 128
const MAX_STOPS = 4
const MAX_CHOICES = 128

/** Throws `Refused` where the real API would answer 400. */
export function checkChat(body: JsonObject): void {
  const strangers = Object.keys(body).filter((key) => !FIELDS.has(key))
  if (strangers.length > 0) {
    const plural = strangers.length > 1 ? 's' : ''
    throw invalid(`Unrecognized request argument${plural} supplied: ${strangers.join(', ')}`)
  }
  if (!isGiven(body['model']) || body['model'] === '') {
    throw invalid('you must provide a model parameter')
  }
  if (typeof body['model'] !== 'string') throw wrongType('model', 'a string', body['model'])
  const model = body['model']
  const rules = gptRules(model)
  checkConversation(body['messages'], rules)
  checkLimits(body, rules)
  checkEffort('reasoning_effort', body['reasoning_effort'], model)
  checkSampling(body, model, body['reasoning_effort'])
  checkTools(body)
  checkToolsAgainstModel(body, model, rules)
  checkResponseFormat(body)
}

function checkLimits(body: JsonObject, rules: GptRules | undefined): void {
  if (isGiven(body['max_tokens']) && rules?.isReasoning === true) {
    throw invalid(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      'max_tokens',
      'unsupported_parameter',
    )
  }
  if (isGiven(body['max_tokens']) && isGiven(body['max_completion_tokens'])) {
    throw invalid(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      'max_tokens',
      'invalid_parameter_combination',
    )
  }
  checkInteger(body, 'max_tokens', 1)
  checkInteger(body, 'max_completion_tokens', 1)
  checkInteger(body, 'n', 1)
  if (Number(body['n'] ?? 1) > MAX_CHOICES) {
    throw invalid(
      `Invalid 'n': integer above maximum value. Expected a value <= ${MAX_CHOICES}, but got ${Number(body['n'])} instead.`,
      'n',
      'integer_above_max_value',
    )
  }
  if (isGiven(body['stream']) && typeof body['stream'] !== 'boolean') {
    throw wrongType('stream', 'a boolean', body['stream'])
  }
  if (isGiven(body['stream_options']) && body['stream'] !== true) {
    throw invalid(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    )
  }
  const stop = body['stop']
  if (!isGiven(stop)) return
  if (rules?.hasStop === false) throw unsupported('stop')
  if (typeof stop === 'string') return
  if (!Array.isArray(stop)) throw wrongType('stop', 'one of an array of strings or string', stop)
  checkNotLonger('stop', stop, MAX_STOPS)
}

function checkTools(body: JsonObject): void {
  const tools = body['tools']
  if (isGiven(tools)) {
    if (!Array.isArray(tools)) throw wrongType('tools', 'an array of objects', tools)
    checkNotEmpty('tools', tools)
    checkNotLonger('tools', tools, MAX_TOOLS)
  }
  for (const [index, tool] of listOf(tools).entries()) checkTool(tool, `tools[${index}]`)
  for (const key of ['tool_choice', 'parallel_tool_calls']) {
    if (isGiven(body[key]) && !isGiven(tools)) {
      throw invalid(
        `Invalid value for '${key}': '${key}' is only allowed when 'tools' are specified.`,
        key,
      )
    }
  }
  const choice = body['tool_choice']
  if (typeof choice === 'string' && !['none', 'auto', 'required'].includes(choice)) {
    throw wrongValue('tool_choice', choice, ['none', 'auto', 'required'])
  }
  if (isObject(choice)) checkNamedChoice(choice, objectsOf(tools))
  for (const [index, fn] of listOf(body['functions']).entries()) {
    const path = `functions[${index}]`
    if (!isObject(fn)) throw wrongType(path, 'an object', fn)
    checkName(`${path}.name`, fn['name'])
    checkParameters(`${path}.parameters`, stringOf(fn['name']), fn)
  }
}

const TOOL_FIELDS = new Set(['type', 'function', 'custom'])
const FUNCTION_FIELDS = new Set(['name', 'description', 'parameters', 'strict'])

function checkTool(tool: unknown, path: string): void {
  if (!isObject(tool)) throw wrongType(path, 'an object', tool)
  if (!isGiven(tool['type'])) throw missing(`${path}.type`)
  if (tool['type'] !== 'function' && tool['type'] !== 'custom') {
    throw wrongValue(`${path}.type`, tool['type'], ['function', 'custom'])
  }
  const stranger = Object.keys(tool).find((key) => !TOOL_FIELDS.has(key))
  if (stranger !== undefined) throw unknownParameter(`${path}.${stranger}`)
  const kind = stringOf(tool['type'])
  const inside = tool[kind]
  if (!isObject(inside)) throw missing(`${path}.${kind}`)
  checkName(`${path}.${kind}.name`, inside['name'])
  if (kind === 'custom') return
  const extra = Object.keys(inside).find((key) => !FUNCTION_FIELDS.has(key))
  if (extra !== undefined) throw unknownParameter(`${path}.function.${extra}`)
  checkParameters(`${path}.function.parameters`, stringOf(inside['name']), inside)
}

function checkNamedChoice(choice: JsonObject, tools: readonly JsonObject[]): void {
  const type = stringOf(choice['type'])
  if (type === 'allowed_tools') {
    if (!isObject(choice['allowed_tools'])) throw missing('tool_choice.allowed_tools')
    return
  }
  if (type !== 'function' && type !== 'custom') {
    throw wrongValue('tool_choice.type', choice['type'], ['function', 'custom', 'allowed_tools'])
  }
  const inside = choice[type]
  if (!isObject(inside) || !isGiven(inside['name'])) throw missing(`tool_choice.${type}`)
  const isOffered = tools.some((tool) => {
    const offered = tool[type]
    return isObject(offered) && offered['name'] === inside['name']
  })
  if (!isOffered) {
    throw invalid("Tool choice 'function' not found in 'tools' parameter.", 'tool_choice')
  }
}

function checkToolsAgainstModel(
  body: JsonObject,
  model: string,
  rules: GptRules | undefined,
): void {
  if (rules === undefined || rules.chatTools === 'free') return
  const hasFunctions = objectsOf(body['tools']).some((tool) => tool['type'] === 'function')
  const effort = body['reasoning_effort']
  if (!hasFunctions || effort === 'none') return
  if (rules.chatTools === 'not-with-effort' && !isGiven(effort)) return
  throw invalid(
    `Function tools with reasoning_effort are not supported for ${model} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.`,
    'reasoning_effort',
  )
}

function checkResponseFormat(body: JsonObject): void {
  const format = body['response_format']
  if (!isGiven(format)) return
  if (!isObject(format)) throw wrongType('response_format', 'an object', format)
  switch (format['type']) {
    case 'text':
      return
    case 'json_object':
      if (!JSON.stringify(body['messages']).toLowerCase().includes('json')) {
        throw invalid(
          "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
          'messages',
        )
      }
      return
    case 'json_schema':
      if (!isObject(format['json_schema'])) throw missing('response_format.json_schema')
      checkFormat('response_format.json_schema', format['json_schema'], 'response_format')
      return
    default:
      throw wrongValue('response_format.type', format['type'], [
        'json_object',
        'json_schema',
        'text',
      ])
  }
}
