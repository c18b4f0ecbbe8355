/**
 * Neutral → a Chat Completions request body (wire-formats D). Written strictly: a field goes out only
 * when it was said, and in the spelling that the model behind the name takes (model-rules.ts).
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
import { askedEffort, fitEffort } from '../openai-effort.ts'
import { isStrictSchema } from '../strict-schema.ts'
import { loosenChoice } from '../tool-choice.ts'
import { encodeMessages, shorten } from './encode-messages.ts'

/** Fields of a Chat request that the neutral form has not: passed as they came. */
const PASSED: readonly string[] = ['frequency_penalty', 'logit_bias', 'presence_penalty', 'seed']

/** The same, for OpenAI's own models only: other servers may refuse what they do not know. */
const PASSED_TO_OPENAI: readonly string[] = ['metadata', 'verbosity']

/** And without which the answer is the same. */
const HINTS_TO_OPENAI: readonly string[] = [
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
]

/** The longest `safety_identifier` that is taken. */
const MAX_END_USER_CHARS = 128

/** OpenAI takes no more stop sequences than this. */
const MAX_STOPS = 4

/**
 * The request for a provider that speaks Chat Completions.
 * Throws ProxyError `untranslatable` where dropping would change the answer's meaning.
 */
export function encodeRequest(
  request: ChatRequest,
  traits: TargetTraits,
  notes: Notes,
): EncodedRequest {
  const model = findOpenAiModel(traits.model, traits.rules)
  const effort = resolveEffort(request, model, notes)
  const body: JsonObject = {
    model: traits.model,
    messages: encodeMessages(request.messages, model, notes),
  }
  const ceiling = traits.maxTokens ?? model.maxOutputTokens
  const maxTokens = clampMaxTokens(request.maxTokens, ceiling, notes)
  if (maxTokens !== undefined) body[model.maxTokensField] = maxTokens
  addSampling(body, request, model, effort, notes)
  const hints = addTools(body, request, model, notes)
  if (request.responseFormat !== undefined) {
    body['response_format'] = encodeResponseFormat(request.responseFormat)
  }
  if (effort !== undefined) body['reasoning_effort'] = effort
  if (request.endUser !== undefined) {
    body[model.openai ? 'safety_identifier' : 'user'] =
      request.endUser.length <= MAX_END_USER_CHARS ? request.endUser : sha256Hex(request.endUser)
  }
  addExtras(body, request, model, notes)
  if (request.stream) {
    body['stream'] = true
    body['stream_options'] = { include_usage: true }
  }
  return { path: '/chat/completions', body, headers: [], hints }
}

function addExtras(
  body: JsonObject,
  { extras, serviceTier }: ChatRequest,
  model: OpenAiModel,
  notes: Notes,
): void {
  const said = Object.entries(extras)
  if (serviceTier !== undefined) said.push(['service_tier', serviceTier])
  for (const [field, value] of said) {
    const isHint = HINTS_TO_OPENAI.includes(field) || field === 'service_tier'
    if (PASSED.includes(field)) body[field] = value
    else if (!isHint && !PASSED_TO_OPENAI.includes(field)) continue
    else if (model.openai) body[field] = value
    else if (isHint) notes.announce(field, 'dropped')
    else notes.add(field === 'verbosity' ? 'text.verbosity' : field, 'dropped')
  }
}

function clampMaxTokens(
  asked: number | undefined,
  ceiling: number | undefined,
  notes: Notes,
): number | undefined {
  if (asked === undefined || ceiling === undefined || asked <= ceiling) return asked
  notes.add('max_tokens', 'adapted')
  return ceiling
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
  if (request.topK !== undefined) {
    if (model.topK) body['top_k'] = request.topK
    else notes.add('top_k', 'dropped')
  }
  if (request.stop === undefined) return
  if (!model.stop) {
    notes.add('stop', 'dropped')
    return
  }
  if (request.stop.length > MAX_STOPS) notes.add('stop', 'adapted')
  body['stop'] = request.stop.slice(0, MAX_STOPS)
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
    throw untranslatable(path, `The tool "${tool.name}" only exists at its own provider.`)
  }
  const definition: JsonObject = { name }
  if (tool.description !== undefined) definition['description'] = tool.description
  if (tool.kind === 'custom') {
    if (tool.schema !== undefined) definition['format'] = tool.schema
    return { type: 'custom', custom: definition }
  }
  const schema = tool.schema ?? { type: 'object' }
  // OpenAI: “object schema missing properties”.
  definition['parameters'] =
    schema['properties'] === undefined && schema['$ref'] === undefined
      ? { ...schema, properties: {} }
      : schema
  if (tool.strict === true) {
    if (isStrictSchema(schema)) definition['strict'] = true
    else notes.add('tools.strict', 'dropped')
  }
  return { type: 'function', function: definition }
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
        allowed_tools: {
          mode: choice.required ? 'required' : 'auto',
          tools: choice.names.map((name) => reference(name, tools)),
        },
      }
    default:
      return choice satisfies never
  }
}

function reference(name: string, tools: readonly Tool[]): JsonObject {
  const kind = tools.find((tool) => tool.name === name)?.kind === 'custom' ? 'custom' : 'function'
  return { type: kind, [kind]: { name: shorten(name) } }
}

function encodeResponseFormat(format: ResponseFormat): JsonObject {
  if (format.type === 'json-object') return { type: 'json_object' }
  const described: JsonObject = { name: format.name ?? 'output' }
  if (format.description !== undefined) described['description'] = format.description
  described['schema'] = format.schema
  described['strict'] = (format.strict ?? true) && isStrictSchema(format.schema)
  return { type: 'json_schema', json_schema: described }
}

/** The effort for this model. Chat refuses function tools beside reasoning on some (wire-formats D). */
function resolveEffort(
  request: ChatRequest,
  model: OpenAiModel,
  notes: Notes,
): ReasoningEffort | undefined {
  const asked = askedEffort(request.reasoning)
  if (model.toolsWithReasoning || request.tools.length === 0) return fitEffort(asked, model, notes)
  if (model.efforts !== 'any' && !model.efforts.includes('none')) {
    throw untranslatable('tools', 'This model takes function tools only through the Responses API.')
  }
  if (asked !== 'none') notes.add('reasoning_effort', 'adapted')
  return 'none'
}
