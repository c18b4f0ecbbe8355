/**
 * Neutral → a Responses request body (wire-formats F.5). Stateless: nothing is stored, and the model's
 * reasoning comes back sealed, to be sent again with the next turn.
 * Reference: https://platform.openai.com/docs/api-reference/responses/create
 */
import { sha256Hex } from '../../wire/hash.ts'
import { NO_HINTS } from '../dialect.ts'
import type { EncodedRequest, Notes, ReplyHints, TargetTraits } from '../dialect.ts'
import { untranslatable } from '../fields.ts'
import { findOpenAiModel } from '../model-rules.ts'
import type { OpenAiModel } from '../model-rules.ts'
import type {
  ChatRequest,
  JsonObject,
  JsonValue,
  ReasoningEffort,
  ResponseFormat,
  Tool,
  ToolChoice,
} from '../neutral.ts'
import { SEALED_REASONING } from '../fidelity/responses-left-out.ts'
import { askedEffort, fitEffort } from '../openai-effort.ts'
import { isStrictSchema } from '../strict-schema.ts'
import { loosenChoice } from '../tool-choice.ts'
import { encodeInput } from './encode-input.ts'
import { shorten } from './ids.ts'
import { flattenGrammar } from './tools.ts'

/** Vendor fields that a Responses request has and the neutral form does not: passed as they came. */
const PASSED: readonly string[] = [
  'max_tool_calls',
  'metadata',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'truncation',
]

/** Fewer are a 400. */
const MIN_OUTPUT_TOKENS = 16

/** The longest `safety_identifier` and `prompt_cache_key`. */
const MAX_END_USER_CHARS = 64

/** OpenAI's own tools, as a caller who knows who answers may name them. */
const HOSTED = /^(web_search(_preview)?(_\d{4}_\d{2}_\d{2})?|file_search|code_interpreter)$/

/**
 * The request for a provider that speaks Responses.
 * Throws ProxyError `untranslatable` where dropping would change the answer's meaning.
 */
export function encodeRequest(
  request: ChatRequest,
  traits: TargetTraits,
  notes: Notes,
): EncodedRequest {
  const model = findOpenAiModel(traits.model, traits.rules)
  const { instructions, input } = encodeInput(request.messages, notes)
  const body: JsonObject = { model: traits.model }
  if (instructions !== '') body['instructions'] = instructions
  body['input'] = input
  // The API begins a new turn; it does not go on with a message of the assistant's.
  const told = request.losses?.some(([field]) => field === 'messages.prefill') === true
  if (request.messages.at(-1)?.role === 'assistant' && !told) notes.add('messages', 'adapted')
  const hints = addTools(body, request, model, notes)
  const effort = fitEffort(askedEffort(request.reasoning), model, notes)
  addReasoning(body, request, model, effort)
  addText(body, request)
  addLimits(body, request, traits.maxTokens ?? model.maxOutputTokens, notes)
  addSampling(body, request, model, effort, notes)
  if (request.endUser !== undefined) {
    const user =
      request.endUser.length <= MAX_END_USER_CHARS ? request.endUser : sha256Hex(request.endUser)
    body['safety_identifier'] = user
    body['prompt_cache_key'] = user
  }
  if (request.serviceTier !== undefined) body['service_tier'] = request.serviceTier
  for (const field of PASSED) {
    const value = request.extras[field]
    if (value !== undefined) body[field] = value
  }
  body['store'] = false
  if (request.stream) body['stream'] = true
  return { path: '/responses', body, headers: [], hints }
}

/** Adds tools and choice; returns what the reply must undo. */
function addTools(
  body: JsonObject,
  request: ChatRequest,
  model: OpenAiModel,
  notes: Notes,
): ReplyHints {
  if (request.tools.length === 0) return NO_HINTS
  const toolNames: Array<readonly [string, string]> = []
  body['tools'] = request.tools.map((tool, index) => {
    const name = shorten(tool.name)
    if (name !== tool.name) toolNames.push([name, tool.name])
    return encodeTool(tool, name, `tools[${index}]`, notes)
  })
  if (request.toolChoice !== undefined) {
    body['tool_choice'] = encodeToolChoice(
      loosenChoice(request.toolChoice, model, notes),
      request.tools,
    )
  }
  if (request.parallelToolCalls !== undefined) {
    if (model.parallelTools) body['parallel_tool_calls'] = request.parallelToolCalls
    else if (!request.parallelToolCalls) notes.add('parallel_tool_calls', 'dropped')
  }
  return { ...NO_HINTS, toolNames }
}

function encodeTool(tool: Tool, name: string, path: string, notes: Notes): JsonObject {
  if (tool.kind === 'native') {
    const type = tool.schema?.['type']
    if (tool.schema !== undefined && typeof type === 'string' && HOSTED.test(type)) {
      return tool.schema
    }
    throw untranslatable(path, `The tool "${tool.name}" only exists at its own provider.`)
  }
  const definition: JsonObject = { type: tool.kind, name }
  if (tool.description !== undefined) definition['description'] = tool.description
  if (tool.kind === 'custom') {
    if (tool.schema !== undefined) definition['format'] = flattenGrammar(tool.schema)
    return definition
  }
  const schema = tool.schema ?? { type: 'object' }
  // OpenAI: “object schema missing properties”.
  definition['parameters'] =
    schema['properties'] === undefined && schema['$ref'] === undefined
      ? { ...schema, properties: {} }
      : schema
  // Said in any case: left out, this API makes a tool strict wherever its schema allows.
  const strict = tool.strict === true && isStrictSchema(schema)
  if (tool.strict === true && !strict) notes.add('tools.strict', 'dropped')
  definition['strict'] = strict
  return definition
}

function encodeToolChoice(choice: ToolChoice, tools: readonly Tool[]): JsonValue {
  switch (choice.type) {
    case 'auto':
    case 'none':
    case 'required':
      return choice.type
    case 'tool':
      return reference(choice.name, tools)
    case 'allowed':
      return {
        type: 'allowed_tools',
        mode: choice.required ? 'required' : 'auto',
        tools: choice.names.map((name) => reference(name, tools)),
      }
    default:
      return choice satisfies never
  }
}

function reference(name: string, tools: readonly Tool[]): JsonObject {
  const tool = tools.find((candidate) => candidate.name === name)
  if (tool?.kind === 'native') return { type: tool.schema?.['type'] ?? name }
  return { type: tool?.kind === 'custom' ? 'custom' : 'function', name: shorten(name) }
}

function addReasoning(
  body: JsonObject,
  request: ChatRequest,
  model: OpenAiModel,
  effort: ReasoningEffort | undefined,
): void {
  // A model that does not reason refuses both fields.
  if (!model.reasoning && model.efforts !== 'any') return
  const reasoning: JsonObject = {}
  if (effort !== undefined) reasoning['effort'] = effort
  if (effort !== 'none' && request.reasoning?.summary !== false) reasoning['summary'] = 'auto'
  if (Object.keys(reasoning).length > 0) body['reasoning'] = reasoning
  body['include'] = [SEALED_REASONING]
}

function addText(body: JsonObject, request: ChatRequest): void {
  const text: JsonObject = {}
  if (request.responseFormat !== undefined) text['format'] = encodeFormat(request.responseFormat)
  const { verbosity } = request.extras
  if (verbosity !== undefined) text['verbosity'] = verbosity
  if (Object.keys(text).length > 0) body['text'] = text
}

function encodeFormat(format: ResponseFormat): JsonObject {
  if (format.type === 'json-object') return { type: 'json_object' }
  const described: JsonObject = { type: 'json_schema', name: format.name ?? 'output' }
  if (format.description !== undefined) described['description'] = format.description
  described['schema'] = format.schema
  described['strict'] = (format.strict ?? true) && isStrictSchema(format.schema)
  return described
}

function addLimits(
  body: JsonObject,
  request: ChatRequest,
  ceiling: number | undefined,
  notes: Notes,
): void {
  if (request.maxTokens === undefined) return
  const tokens = Math.max(
    MIN_OUTPUT_TOKENS,
    Math.min(request.maxTokens, ceiling ?? request.maxTokens),
  )
  if (tokens !== request.maxTokens) notes.add('max_tokens', 'adapted')
  body['max_output_tokens'] = tokens
}

function addSampling(
  body: JsonObject,
  request: ChatRequest,
  model: OpenAiModel,
  effort: ReasoningEffort | undefined,
  notes: Notes,
): void {
  const allowed =
    model.sampling === 'always' || (model.sampling === 'without-reasoning' && effort === 'none')
  for (const [field, value] of [
    ['temperature', request.temperature],
    ['top_p', request.topP],
  ] as const) {
    if (value === undefined) continue
    if (allowed) body[field] = value
    else notes.add(field, 'dropped')
  }
  if (request.topK !== undefined) notes.add('top_k', 'dropped')
  if (request.stop !== undefined) notes.add('stop', 'dropped')
}
