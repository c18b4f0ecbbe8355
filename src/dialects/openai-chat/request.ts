/**
 * A Chat Completions request body → neutral (wire-formats A.1, A.2).
 * Reference: https://platform.openai.com/docs/api-reference/chat/create
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, readObject, readString, readText } from '../../wire/json.ts'
import { liftExtraBody } from '../extra-body.ts'
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
  ChatMessage,
  ChatRequest,
  JsonObject,
  JsonValue,
  ReasoningEffort,
  ReasoningWish,
  ResponseFormat,
  TextPart,
  Tool,
  ToolChoice,
} from '../neutral.ts'
import { decodeCache, decodeMessages } from './messages.ts'

/** Top-level fields that have a place of their own in the neutral form; all others are `extras`. */
const READ: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'max_completion_tokens',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'stop_sequences',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'response_format',
  'reasoning_effort',
  'thinking',
  'safety_identifier',
  'user',
  'service_tier',
  'system',
])

/**
 * What a Chat caller asked. Fields without a neutral place are kept in `extras`.
 * Throws ProxyError `request_invalid` or `untranslatable` with the field's path.
 */
export function decodeRequest(rawBody: JsonObject): ChatRequest {
  const body = liftExtraBody(rawBody)
  const model = optionalString(body['model'], 'model')
  if (model === undefined || model === '') {
    throw new ProxyError('model_missing', 'The request names no `model`.', { param: 'model' })
  }
  const list = optionalArray(body['messages'], 'messages')
  if (list.length === 0) throw invalid('messages', '`messages` must hold at least one message.')
  const messages: ChatMessage[] = decodeMessages(list)
  const system = decodeSystemExtra(body['system'])
  if (system.length > 0) messages.unshift({ role: 'system', parts: system })
  const { tools, legacy } = decodeTools(body)
  return {
    model,
    messages,
    stream: optionalBoolean(body['stream'], 'stream') ?? false,
    includeUsage: readObject(body['stream_options'])?.['include_usage'] === true,
    maxTokens: decodeMaxTokens(body),
    temperature: optionalNumber(body['temperature'], 'temperature'),
    topP: optionalNumber(body['top_p'], 'top_p'),
    topK: optionalNumber(body['top_k'], 'top_k'),
    stop: decodeStop(body),
    tools,
    toolChoice: decodeToolChoice(body, legacy),
    parallelToolCalls: legacy
      ? false
      : optionalBoolean(body['parallel_tool_calls'], 'parallel_tool_calls'),
    responseFormat: decodeResponseFormat(body['response_format']),
    reasoning: decodeReasoningWish(body),
    endUser:
      readText(body['safety_identifier']) ??
      readText(body['user']) ??
      readText(readObject(body['metadata'])?.['user_id']),
    serviceTier: readText(body['service_tier']),
    legacyFunctions: legacy,
    extras: decodeExtras(body),
  }
}

function decodeExtras(body: JsonObject): JsonObject {
  const extras: Array<[string, JsonValue]> = []
  for (const key of Object.keys(body)) {
    const value = body[key]
    if (!READ.has(key) && value !== undefined && value !== null) extras.push([key, value])
  }
  // Not set one by one: `__proto__` is a name like any other.
  return extras.length === 0 ? {} : Object.fromEntries(extras)
}

/** Anthropic's `system` in a Chat body: a string or text blocks, before every other message. */
function decodeSystemExtra(value: JsonValue | undefined): TextPart[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }]
  return optionalArray(value, 'system').map((item, index) => {
    const block = requiredObject(item, `system[${index}]`)
    return {
      type: 'text',
      text: requiredString(block['text'], `system[${index}].text`),
      cache: decodeCache(block),
    }
  })
}

function decodeMaxTokens(body: JsonObject): number | undefined {
  for (const field of ['max_completion_tokens', 'max_tokens']) {
    const value = optionalNumber(body[field], field)
    if (value === undefined) continue
    if (!Number.isInteger(value) || value < 1) {
      throw invalid(field, `\`${field}\` must be a whole number of at least 1, got ${value}.`)
    }
    return value
  }
  return undefined
}

function decodeStop(body: JsonObject): string[] | undefined {
  const stop = body['stop']
  const lists: ReadonlyArray<readonly [string, readonly JsonValue[]]> = [
    ['stop', typeof stop === 'string' ? [stop] : optionalArray(stop, 'stop')],
    ['stop_sequences', optionalArray(body['stop_sequences'], 'stop_sequences')],
  ]
  const words = new Set<string>()
  for (const [field, list] of lists) {
    for (const [index, item] of list.entries()) {
      words.add(requiredString(item, `${field}[${index}]`))
    }
  }
  return words.size === 0 ? undefined : [...words]
}

function decodeTools(body: JsonObject): { tools: Tool[]; legacy: boolean } {
  const tools = optionalArray(body['tools'], 'tools').map((item, index) =>
    decodeTool(requiredObject(item, `tools[${index}]`), `tools[${index}]`),
  )
  if (tools.length > 0) return { tools, legacy: false }
  const functions = optionalArray(body['functions'], 'functions').map((item, index) =>
    decodeFunction(requiredObject(item, `functions[${index}]`), undefined, `functions[${index}]`),
  )
  return { tools: functions, legacy: functions.length > 0 }
}

function decodeTool(tool: JsonObject, path: string): Tool {
  const type = readString(tool['type'])
  if (type === 'custom' && isJsonObject(tool['custom'])) {
    const custom = tool['custom']
    return {
      kind: 'custom',
      name: requiredString(custom['name'], `${path}.custom.name`),
      description: readText(custom['description']),
      schema: readObject(custom['format']),
      strict: undefined,
      cache: decodeCache(tool) ?? decodeCache(custom),
    }
  }
  if ((type === 'function' || type === undefined) && isJsonObject(tool['function'])) {
    return decodeFunction(tool['function'], tool, `${path}.function`)
  }
  // A tool in a provider's own form, sent by a client that knows who answers. Its encoder decides.
  const name = readText(tool['name']) ?? type
  if (name === undefined) throw invalid(path, `\`${path}\` has neither a type nor a name.`)
  return {
    kind: 'native',
    name,
    description: undefined,
    schema: tool,
    strict: undefined,
    cache: decodeCache(tool),
  }
}

function decodeFunction(definition: JsonObject, tool: JsonObject | undefined, path: string): Tool {
  return {
    kind: 'function',
    name: requiredString(definition['name'], `${path}.name`),
    description: readText(definition['description']),
    schema: optionalObject(definition['parameters'], `${path}.parameters`),
    strict: optionalBoolean(definition['strict'] ?? tool?.['strict'], `${path}.strict`),
    cache: (tool === undefined ? undefined : decodeCache(tool)) ?? decodeCache(definition),
  }
}

function decodeToolChoice(body: JsonObject, legacy: boolean): ToolChoice | undefined {
  if (legacy) {
    const choice = body['function_call']
    if (choice === undefined || choice === null) return undefined
    if (choice === 'auto' || choice === 'none') return { type: choice }
    const name = requiredString(readObject(choice)?.['name'], 'function_call.name')
    return { type: 'tool', name }
  }
  const choice = body['tool_choice']
  if (choice === undefined || choice === null) return undefined
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { type: choice }
  // Anthropic's word, which several compatible servers take too.
  if (choice === 'any') return { type: 'required' }
  const object = readObject(choice)
  switch (readString(object?.['type'])) {
    case 'auto':
      return { type: 'auto' }
    case 'none':
      return { type: 'none' }
    case 'any':
    case 'required':
      return { type: 'required' }
    case 'function':
      return {
        type: 'tool',
        name: requiredString(
          readObject(object?.['function'])?.['name'] ?? object?.['name'],
          'tool_choice.function.name',
        ),
      }
    case 'custom':
      return {
        type: 'tool',
        name: requiredString(readObject(object?.['custom'])?.['name'], 'tool_choice.custom.name'),
      }
    case 'tool':
      return { type: 'tool', name: requiredString(object?.['name'], 'tool_choice.name') }
    case 'allowed_tools':
      return decodeAllowedTools(object ?? {})
    default:
      throw untranslatable('tool_choice', 'This `tool_choice` cannot be translated.')
  }
}

function decodeAllowedTools(choice: JsonObject): ToolChoice {
  const path = 'tool_choice.allowed_tools'
  const allowed = requiredObject(choice['allowed_tools'], path)
  const names = optionalArray(allowed['tools'], `${path}.tools`).map((item, index) => {
    const tool = readObject(item)
    const inner = readObject(tool?.['function']) ?? readObject(tool?.['custom']) ?? tool
    return requiredString(inner?.['name'], `${path}.tools[${index}].name`)
  })
  return { type: 'allowed', names, required: allowed['mode'] === 'required' }
}

function decodeResponseFormat(value: JsonValue | undefined): ResponseFormat | undefined {
  const format = optionalObject(value, 'response_format')
  if (format === undefined) return undefined
  switch (readString(format['type'])) {
    case 'text':
      return undefined
    case 'json_object':
      return { type: 'json-object' }
    case 'json_schema': {
      const described = requiredObject(format['json_schema'], 'response_format.json_schema')
      const schema = optionalObject(described['schema'], 'response_format.json_schema.schema')
      // Without a schema it asks for no more than JSON.
      if (schema === undefined) return { type: 'json-object' }
      return {
        type: 'json-schema',
        name: readText(described['name']),
        description: readText(described['description']),
        schema,
        strict: optionalBoolean(described['strict'], 'response_format.json_schema.strict'),
      }
    }
    default:
      throw untranslatable(
        'response_format.type',
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
  const thinking = optionalObject(body['thinking'], 'thinking')
  const word = optionalString(body['reasoning_effort'], 'reasoning_effort')
  if (word !== undefined && !isEffort(word)) {
    throw invalid('reasoning_effort', `"${word}" is not a known \`reasoning_effort\`.`)
  }
  return thinking === undefined && word === undefined ? undefined : { effort: word, thinking }
}
