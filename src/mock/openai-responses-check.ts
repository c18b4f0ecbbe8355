/** The 400s of `POST /v1/responses` (https://platform.openai.com/docs/api-reference/responses/create). */
import { isSealed } from './identity.ts'
import { isGiven, isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import {
  checkEffort,
  checkFormat,
  checkInteger,
  checkName,
  checkParameters,
  checkSampling,
  checkText,
  missing,
  unknownParameter,
  unsupported,
  wrongType,
  wrongValue,
} from './openai-check.ts'
import { gptRules } from './openai-models.ts'
import { invalid } from './refused.ts'

const FIELDS = new Set([
  'background',
  'context_management',
  'conversation',
  'include',
  'input',
  'instructions',
  'max_output_tokens',
  'max_tool_calls',
  'metadata',
  'model',
  'moderation',
  'parallel_tool_calls',
  'previous_response_id',
  'prompt',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'reasoning',
  'safety_identifier',
  'service_tier',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'text',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'truncation',
  'user',
])

/** Fields of Chat Completions that have a new name here. */
const MOVED: ReadonlyMap<string, string> = new Map([
  ['max_tokens', 'max_output_tokens'],
  ['max_completion_tokens', 'max_output_tokens'],
  ['messages', 'input'],
  ['response_format', 'text.format'],
  ['reasoning_effort', 'reasoning.effort'],
  ['verbosity', 'text.verbosity'],
])

const MIN_OUTPUT_TOKENS = 16
const MAX_CALL_ID_CHARS = 64

/** Throws `Refused` where the real API would answer 400. */
export function checkResponses(body: JsonObject): void {
  for (const key of Object.keys(body)) {
    const moved = MOVED.get(key)
    if (moved !== undefined) {
      throw invalid(
        `Unsupported parameter: '${key}'. In the Responses API, this parameter has moved to '${moved}'. Try again with the new parameter.`,
        key,
        'unsupported_parameter',
      )
    }
    if (!FIELDS.has(key)) throw unknownParameter(key)
  }
  if (!isGiven(body['model'])) throw missing('model')
  if (typeof body['model'] !== 'string') throw wrongType('model', 'a string', body['model'])
  const model = body['model']
  if (isGiven(body['previous_response_id'])) {
    throw invalid(
      `Previous response with id '${stringOf(body['previous_response_id'])}' not found.`,
      'previous_response_id',
      'previous_response_not_found',
    )
  }
  checkInput(body['input'])
  checkInteger(body, 'max_output_tokens', MIN_OUTPUT_TOKENS)
  const reasoning = isObject(body['reasoning']) ? body['reasoning'] : {}
  if (isGiven(body['reasoning']) && gptRules(model)?.isReasoning === false) {
    throw unsupported('reasoning.effort')
  }
  checkEffort('reasoning.effort', reasoning['effort'], model)
  checkSampling(body, model, reasoning['effort'])
  if (isGiven(body['stream_options']) && body['stream'] !== true) {
    throw invalid(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    )
  }
  checkTools(body)
  checkTextConfig(body['text'])
}

function checkTextConfig(text: unknown): void {
  const format = isObject(text) ? text['format'] : undefined
  if (!isGiven(format)) return
  if (!isObject(format)) throw wrongType('text.format', 'an object', format)
  switch (format['type']) {
    case 'text':
    case 'json_object':
      return
    case 'json_schema':
      checkFormat('text.format', format, 'text.format.schema')
      return
    default:
      throw wrongValue('text.format.type', format['type'], ['json_object', 'json_schema', 'text'])
  }
}

const TOOL_FIELDS = new Set([
  'type',
  'name',
  'description',
  'parameters',
  'strict',
  'defer_loading',
])

/** Tools the caller runs; those OpenAI runs itself are taken and never called. */
function checkTools(body: JsonObject): void {
  const tools = body['tools']
  if (isGiven(tools) && !Array.isArray(tools))
    throw wrongType('tools', 'an array of objects', tools)
  const names = new Set<string>()
  for (const [index, tool] of listOf(tools).entries()) {
    const path = `tools[${index}]`
    if (!isObject(tool)) throw wrongType(path, 'an object', tool)
    if (!isGiven(tool['type'])) throw missing(`${path}.type`)
    if (tool['type'] !== 'function') {
      names.add(stringOf(tool['name']))
      continue
    }
    checkName(`${path}.name`, tool['name'])
    const stranger = Object.keys(tool).find((key) => !TOOL_FIELDS.has(key))
    if (stranger !== undefined) throw unknownParameter(`${path}.${stranger}`)
    checkParameters(`${path}.parameters`, stringOf(tool['name']), tool)
    names.add(stringOf(tool['name']))
  }
  const choice = body['tool_choice']
  if (typeof choice === 'string' && !['none', 'auto', 'required'].includes(choice)) {
    throw wrongValue('tool_choice', choice, ['none', 'auto', 'required'])
  }
  if (!isObject(choice) || (choice['type'] !== 'function' && choice['type'] !== 'custom')) return
  if (!isGiven(choice['name'])) throw missing('tool_choice.name')
  if (!names.has(stringOf(choice['name']))) {
    throw invalid("Tool choice 'function' not found in 'tools' parameter.", 'tool_choice')
  }
}

const ITEMS = [
  'message',
  'reasoning',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'local_shell_call',
  'local_shell_call_output',
  'shell_call',
  'shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'computer_call',
  'computer_call_output',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'mcp_approval_response',
  'item_reference',
  'compaction',
]

function checkInput(input: unknown): void {
  if (!isGiven(input)) {
    throw invalid(
      "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.",
      undefined,
      'missing_required_parameter',
    )
  }
  if (typeof input === 'string') return
  if (!Array.isArray(input)) {
    throw wrongType('input', 'one of a string or array of input items', input)
  }
  const asked = new Map<string, boolean>()
  for (const [index, item] of listOf(input).entries()) {
    const path = `input[${index}]`
    if (!isObject(item)) throw wrongType(path, 'an object', item)
    checkItem(item, path, asked)
  }
  const open = [...asked].find(([, isAnswered]) => !isAnswered)
  if (open !== undefined)
    throw invalid(`No tool output found for function call ${open[0]}.`, 'input')
}

function checkItem(item: JsonObject, path: string, asked: Map<string, boolean>): void {
  const type = isGiven(item['type']) ? stringOf(item['type']) : 'message'
  if (!ITEMS.includes(type)) throw wrongValue(path, type, ITEMS)
  switch (type) {
    case 'message':
      checkMessage(item, path)
      return
    case 'function_call':
    case 'custom_tool_call': {
      const field = type === 'function_call' ? 'arguments' : 'input'
      for (const key of ['call_id', 'name', field]) {
        if (!isGiven(item[key])) throw missing(`${path}.${key}`)
        if (typeof item[key] !== 'string') throw wrongType(`${path}.${key}`, 'a string', item[key])
      }
      checkText(`${path}.call_id`, item['call_id'], MAX_CALL_ID_CHARS)
      if (isGiven(item['id'])) checkItemId(item, path, type === 'function_call' ? 'fc' : 'ctc')
      asked.set(stringOf(item['call_id']), false)
      return
    }
    case 'function_call_output':
    case 'custom_tool_call_output': {
      if (!isGiven(item['call_id'])) throw missing(`${path}.call_id`)
      if (!isGiven(item['output'])) throw missing(`${path}.output`)
      const id = stringOf(item['call_id'])
      if (!asked.has(id)) {
        throw invalid(`No tool call found for function call output with call_id ${id}.`, 'input')
      }
      asked.set(id, true)
      return
    }
    case 'reasoning':
      checkReasoning(item, path)
      return
    default:
  }
}

function checkItemId(item: JsonObject, path: string, prefix: string): void {
  checkText(`${path}.id`, item['id'], MAX_CALL_ID_CHARS)
  if (stringOf(item['id']).startsWith(prefix)) return
  throw invalid(
    `Invalid '${path}.id': '${stringOf(item['id'])}'. Expected an ID that begins with '${prefix}'.`,
    `${path}.id`,
    'invalid_value',
  )
}

/** Reasoning comes back as it was, sealed; the summary beside it is not part of the seal. */
function checkReasoning(item: JsonObject, path: string): void {
  if (!isGiven(item['id'])) throw missing(`${path}.id`)
  checkItemId(item, path, 'rs')
  if (!Array.isArray(item['summary'])) throw missing(`${path}.summary`)
  const sealed = item['encrypted_content']
  if (isGiven(sealed) && !isSealed(stringOf(sealed), '')) {
    throw invalid(
      `The encrypted content for item ${stringOf(item['id'])} could not be verified.`,
      undefined,
      'invalid_encrypted_content',
    )
  }
}

const ROLES = ['assistant', 'system', 'developer', 'user']
const INPUT_PARTS = ['input_text', 'input_image', 'input_file', 'input_audio']
const OUTPUT_PARTS = ['output_text', 'refusal']

function checkMessage(item: JsonObject, path: string): void {
  const role = item['role']
  if (!isGiven(role)) throw missing(`${path}.role`)
  if (!ROLES.includes(stringOf(role))) throw wrongValue(`${path}.role`, role, ROLES)
  const content = item['content']
  if (!isGiven(content)) throw missing(`${path}.content`)
  if (typeof content === 'string') return
  if (!Array.isArray(content)) {
    throw wrongType(`${path}.content`, 'one of a string or array of objects', content)
  }
  const allowed = role === 'assistant' ? OUTPUT_PARTS : INPUT_PARTS
  for (const [index, part] of objectsOf(content).entries()) {
    const at = `${path}.content[${index}]`
    if (!allowed.includes(stringOf(part['type']))) throw wrongValue(at, part['type'], allowed)
    const isPicture = part['type'] === 'input_image'
    if (isPicture && isGiven(part['image_url']) && typeof part['image_url'] !== 'string') {
      throw wrongType(`${at}.image_url`, 'an image URL', part['image_url'])
    }
  }
}
