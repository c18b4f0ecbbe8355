/**
 * Neutral → a Messages request body (wire-formats A). Reference: https://docs.anthropic.com/en/api/messages
 */
import { isJsonObject, readArray, readString, readText } from '../../wire/json.ts'
import type { EncodedRequest, Notes, TargetTraits } from '../dialect.ts'
import { isMarker } from '../marker.ts'
import type { ChatMessage, ChatRequest, JsonObject, JsonValue } from '../neutral.ts'
import { hasBreakpoint, limitBreakpoints } from './cache.ts'
import { isBlank } from './content.ts'
import { encodeConversation } from './messages.ts'
import { findClaudeModel } from '../model-rules.ts'
import type { ClaudeModel } from '../model-rules.ts'
import { planThinking } from './thinking.ts'
import type { ThinkingPlan } from './thinking.ts'
import { encodeFormat, encodeTools, JSON_TOOL } from './tools.ts'
import type { EncodedTools } from './tools.ts'

export const PATH = '/v1/messages'

/** Pinned for what we compose: the newer version refuses sampling on every model. */
export const VERSION = '2023-06-01'

/** Anthropic's own fields, passed as they came when a client of another dialect sends them. */
const PASSED: readonly string[] = [
  'cache_control',
  'container',
  'context_management',
  'inference_geo',
  'mcp_servers',
  'speed',
]

/**
 * The request for a provider that speaks Anthropic Messages. Pure: the same request gives the same
 * bytes. Throws ProxyError `untranslatable` where dropping would change the answer's meaning.
 */
export function encodeRequest(
  request: ChatRequest,
  traits: TargetTraits,
  notes: Notes,
): EncodedRequest {
  const model = findClaudeModel(traits.model, traits.rules)
  const betas = readBetas(request.extras['betas'])
  const { system, messages } = encodeConversation(
    request.messages,
    model,
    betas.some((beta) => beta.startsWith('files-api')),
    notes,
  )
  const plan = planThinking(
    request,
    model,
    traits.maxTokens ?? model.maxOutputTokens,
    lastCallIsUnsigned(request.messages),
    notes,
  )
  const tools = encodeTools(request, model, plan.manual, notes)
  const format = encodeFormat(
    request.responseFormat,
    model,
    tools.tools.length === 0 && model.forcedTools && !plan.manual,
    notes,
  )
  if (format.instruction !== undefined) system.push(format.instruction)

  const body: JsonObject = { model: traits.model, max_tokens: plan.maxTokens }
  if (system.length > 0) body['system'] = system
  body['messages'] = messages
  addTools(body, tools, format.tool)
  if (plan.thinking !== undefined) body['thinking'] = plan.thinking
  const output = outputConfig(request, plan, format.format)
  if (output !== undefined) body['output_config'] = output
  addSampling(body, request, model, plan, notes)
  addStop(body, request, notes)
  if (request.endUser !== undefined) body['metadata'] = { user_id: request.endUser }
  addServiceTier(body, request, notes)
  for (const field of PASSED) {
    const value = request.extras[field]
    if (value !== undefined) body[field] = value
  }
  addCaching(body, request, model, notes)
  if (request.stream) body['stream'] = true
  const headers: Array<readonly [string, string]> = [['anthropic-version', VERSION]]
  if (betas.length > 0) headers.push(['anthropic-beta', [...new Set(betas)].join(',')])
  return {
    path: PATH,
    body,
    headers,
    hints: {
      jsonTool: format.tool === undefined ? undefined : JSON_TOOL,
      customTools: tools.customTools,
      toolNames: tools.toolNames,
    },
  }
}

function readBetas(value: JsonValue | undefined): string[] {
  return value === undefined ? [] : readArray(value).flatMap((beta) => readText(beta) ?? [])
}

/** The last assistant turn called a tool, and no signed thinking stands before the call. */
function lastCallIsUnsigned(messages: readonly ChatMessage[]): boolean {
  const turn = messages.findLast((message) => message.role === 'assistant')
  if (turn === undefined || !turn.parts.some((part) => part.type === 'tool-call')) return false
  return !turn.parts.some(
    (part) =>
      part.type === 'reasoning' &&
      (part.redacted !== undefined || (part.signature !== undefined && !isMarker(part.signature))),
  )
}

function addTools(body: JsonObject, encoded: EncodedTools, jsonTool: JsonObject | undefined): void {
  if (jsonTool !== undefined) {
    body['tools'] = [jsonTool]
    body['tool_choice'] = { type: 'tool', name: JSON_TOOL, disable_parallel_tool_use: true }
    return
  }
  if (encoded.tools.length === 0) return
  body['tools'] = encoded.tools
  if (encoded.choice !== undefined) body['tool_choice'] = encoded.choice
}

function outputConfig(
  request: ChatRequest,
  plan: ThinkingPlan,
  format: JsonObject | undefined,
): JsonObject | undefined {
  const given = request.extras['output_config']
  if (given === undefined && plan.effort === undefined && format === undefined) return undefined
  const output: JsonObject = {}
  if (plan.effort !== undefined) output['effort'] = plan.effort
  if (format !== undefined) output['format'] = format
  // What the client says in Anthropic's own words wins.
  const merged = isJsonObject(given) ? { ...output, ...given } : output
  return Object.keys(merged).length === 0 ? undefined : merged
}

function addSampling(
  body: JsonObject,
  request: ChatRequest,
  model: ClaudeModel,
  plan: ThinkingPlan,
  notes: Notes,
): void {
  const { temperature, topP, topK } = request
  const allowed = model.sampling !== 'none' && !plan.on
  if (temperature !== undefined) {
    if (!allowed) {
      notes.add('temperature', 'dropped')
    } else {
      // 0 is a value like any other. Above 1 the scales differ; Anthropic's own layer cuts too.
      body['temperature'] = Math.min(temperature, 1)
      if (temperature > 1) notes.add('temperature', 'adapted')
    }
  }
  if (topP !== undefined) {
    const both = model.sampling === 'one' && temperature !== undefined
    if (!allowed || both) notes.add('top_p', 'dropped')
    else body['top_p'] = topP
  }
  if (topK !== undefined) {
    if (allowed) body['top_k'] = topK
    else notes.add('top_k', 'dropped')
  }
}

function addStop(body: JsonObject, request: ChatRequest, notes: Notes): void {
  if (request.stop === undefined) return
  // An empty or blank one is a 400.
  const words = request.stop.filter((word) => !isBlank(word))
  if (words.length < request.stop.length) notes.add('stop', 'adapted')
  if (words.length > 0) body['stop_sequences'] = words
}

function addServiceTier(body: JsonObject, request: ChatRequest, notes: Notes): void {
  switch (request.serviceTier) {
    case undefined:
      return
    case 'fast':
      notes.add('service_tier', 'adapted')
      body['service_tier'] = 'auto'
      return
    case 'auto':
    case 'priority':
      body['service_tier'] = 'auto'
      return
    case 'flex':
    case 'scale':
      notes.add('service_tier', 'adapted')
      body['service_tier'] = 'standard_only'
      return
    case 'default':
    case 'standard_only':
      body['service_tier'] = 'standard_only'
      return
    default:
      notes.add('service_tier', 'dropped')
  }
}

/**
 * OpenAI's clients expect caching without asking. Where nothing is marked, and the prefix is likely to
 * come again (tools, or a conversation under way), the whole request becomes one breakpoint. A single
 * question is left alone: a cache write costs more than plain input.
 */
function addCaching(
  body: JsonObject,
  request: ChatRequest,
  model: ClaudeModel,
  notes: Notes,
): void {
  const options = request.extras['prompt_cache_options']
  if (isJsonObject(options)) {
    notes.announce('prompt_cache_options', 'adapted')
    if (options['mode'] === 'implicit' && body['cache_control'] === undefined) {
      const ttl = readString(options['ttl'])
      body['cache_control'] =
        ttl === '30m' || ttl === '12h' ? { type: 'ephemeral', ttl: '1h' } : { type: 'ephemeral' }
    }
  }
  const returning =
    request.tools.length > 0 || request.messages.some((message) => message.role === 'assistant')
  if (model.claude && returning && !hasBreakpoint(body)) {
    body['cache_control'] = { type: 'ephemeral' }
  }
  limitBreakpoints(body, notes)
}
