/** Neutral tools, choice and answer format → Anthropic's (wire-formats A.4 to A.6). */
import type { Notes } from '../dialect.ts'
import { invalid, untranslatable } from '../fields.ts'
import type { ChatRequest, JsonObject, JsonValue, ResponseFormat, Tool } from '../neutral.ts'
import { cacheControl } from './content.ts'
import { fitName } from './ids.ts'
import type { ClaudeModel } from '../model-rules.ts'
import { sanitizeSchema } from './schema.ts'
import type { TextBlock } from './wire.ts'

export interface EncodedTools {
  readonly tools: JsonObject[]
  readonly choice: JsonObject | undefined
  readonly customTools: string[]
  readonly toolNames: Array<readonly [string, string]>
}

/** The name of the tool that stands for a JSON schema on models without structured outputs. */
export const JSON_TOOL = 'json_output'

/**
 * Tools and choice. `manualThinking`: a thinking budget is on, which forbids forcing a tool.
 * Throws ProxyError `untranslatable` for tools that only exist elsewhere.
 */
export function encodeTools(
  request: ChatRequest,
  model: ClaudeModel,
  manualThinking: boolean,
  notes: Notes,
): EncodedTools {
  if (request.tools.length === 0 && request.toolChoice === undefined) {
    return { tools: [], choice: undefined, customTools: [], toolNames: [] }
  }
  const names = new Set<string>()
  const customTools: string[] = []
  const toolNames: Array<readonly [string, string]> = []
  const all = request.tools.map((tool, index) => {
    const path = `tools[${index}]`
    if (names.has(tool.name)) {
      throw untranslatable(path, `The tool name "${tool.name}" is used twice.`)
    }
    names.add(tool.name)
    if (tool.kind === 'native') return { tool, body: encodeNative(tool, path) }
    const name = fitName(tool.name)
    if (name !== tool.name) toolNames.push([name, tool.name])
    if (tool.kind === 'custom') customTools.push(tool.name)
    const body =
      tool.kind === 'custom'
        ? encodeCustom(tool, name, notes)
        : encodeFunction(tool, name, model, notes)
    return { tool, body }
  })
  const wish = request.toolChoice
  if (wish?.type === 'tool' && names.size > 0 && !names.has(wish.name)) {
    throw invalid(
      'tool_choice',
      `\`tool_choice\` names "${wish.name}", which is not among the tools.`,
    )
  }
  const forceable = model.forcedTools && !manualThinking
  const { only, choice } = encodeChoice(request, forceable, notes)
  const sent = only === undefined ? all : all.filter(({ tool }) => only.includes(tool.name))
  return {
    tools: sent.map(({ body }) => body),
    choice: sent.length === 0 ? undefined : choice,
    customTools,
    toolNames,
  }
}

function encodeFunction(tool: Tool, name: string, model: ClaudeModel, notes: Notes): JsonObject {
  const schema = tool.schema ?? {}
  const body: JsonObject = { name }
  if (tool.description !== undefined) body['description'] = tool.description
  body['input_schema'] = rootObject(schema)
  if (tool.strict === true) {
    // Only a schema that already is in the subset: another one would change the arguments.
    const qualifies =
      model.structuredOutputs &&
      JSON.stringify(sortKeys(sanitizeSchema(rootObject(schema)) ?? null)) ===
        JSON.stringify(sortKeys(rootObject(schema)))
    if (qualifies) body['strict'] = true
    else notes.add('tools.strict', 'dropped')
  }
  return { ...body, ...cacheControl(tool.cache) }
}

/** A schema with an object at its root, as `input_schema` must have; otherwise untouched. */
function rootObject(schema: JsonObject): JsonObject {
  const known = withoutForeignDraft(schema)
  if (Object.keys(known).length === 0) return { type: 'object', properties: {} }
  return known['type'] === undefined ? { type: 'object', ...known } : known
}

/** `$schema` is dropped where it names another draft than the one that is expected. */
function withoutForeignDraft(schema: JsonObject): JsonObject {
  const draft = schema['$schema']
  if (draft === undefined || (typeof draft === 'string' && draft.includes('2020-12'))) return schema
  const { $schema: _, ...rest } = schema
  return rest
}

function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => [key, sortKeys(member)]),
  )
}

/** Free text as one string argument; the reply's side unwraps it again (restore.ts). */
function encodeCustom(tool: Tool, name: string, notes: Notes): JsonObject {
  const grammar = tool.schema?.['type'] === 'grammar' ? tool.schema['grammar'] : undefined
  const words = [tool.description]
  if (grammar !== undefined) {
    words.push(`The input must follow this grammar:\n${JSON.stringify(grammar)}`)
    notes.add('tools.custom.format', 'adapted')
  }
  const description = words.filter((text) => text !== undefined).join('\n\n')
  return {
    name,
    ...(description === '' ? {} : { description }),
    input_schema: {
      type: 'object',
      properties: { input: { type: 'string' } },
      required: ['input'],
      additionalProperties: false,
    },
    ...cacheControl(tool.cache),
  }
}

/** A tool in Anthropic's own form passes unchanged: one with a schema, or a dated or MCP type. */
function encodeNative(tool: Tool, path: string): JsonObject {
  const body = tool.schema ?? {}
  const type = body['type']
  const known =
    body['input_schema'] !== undefined ||
    (typeof type === 'string' && (/_\d{8}$/.test(type) || type === 'mcp_toolset'))
  // A copy: what follows may take its cache mark away.
  if (known) return { ...body }
  throw untranslatable(path, `The tool "${tool.name}" does not exist at this provider.`)
}

/** The choice object, and the names of the tools to send where not all are. */
function encodeChoice(
  request: ChatRequest,
  forceable: boolean,
  notes: Notes,
): { only: readonly string[] | undefined; choice: JsonObject | undefined } {
  const wish = request.toolChoice
  const single: JsonObject =
    request.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {}
  const forced = (choice: JsonObject): JsonObject => {
    if (forceable) return choice
    notes.add('tool_choice', 'adapted')
    return { type: 'auto' }
  }
  if (wish === undefined) {
    return {
      only: undefined,
      choice: request.parallelToolCalls === false ? { type: 'auto', ...single } : undefined,
    }
  }
  switch (wish.type) {
    case 'none':
      // The tools stay: history may hold calls, and the cached prefix includes them.
      return { only: undefined, choice: { type: 'none' } }
    case 'auto':
      return { only: undefined, choice: { type: 'auto', ...single } }
    case 'required':
      return { only: undefined, choice: { ...forced({ type: 'any' }), ...single } }
    case 'tool':
      return {
        only: forceable ? undefined : [wish.name],
        choice: { ...forced({ type: 'tool', name: fitName(wish.name) }), ...single },
      }
    case 'allowed':
      return {
        only: wish.names,
        choice: { ...(wish.required ? forced({ type: 'any' }) : { type: 'auto' }), ...single },
      }
    default:
      return wish satisfies never
  }
}

export interface EncodedFormat {
  /** For `output_config.format`. */
  readonly format: JsonObject | undefined
  /** Said in the system prompt where the API cannot enforce it. */
  readonly instruction: TextBlock | undefined
  /** The tool that stands for the format, to be forced. */
  readonly tool: JsonObject | undefined
}

const NO_FORMAT: EncodedFormat = { format: undefined, instruction: undefined, tool: undefined }

const JSON_ONLY =
  'Reply with one JSON object and nothing else: no text before or after it, and no code fence.'

/** `response_format` in whichever of three ways the model can keep it. */
export function encodeFormat(
  wish: ResponseFormat | undefined,
  model: ClaudeModel,
  canForceTool: boolean,
  notes: Notes,
): EncodedFormat {
  if (wish === undefined) return NO_FORMAT
  if (wish.type === 'json-object') {
    notes.add('response_format', 'adapted')
    return { ...NO_FORMAT, instruction: { type: 'text', text: JSON_ONLY } }
  }
  const described: JsonObject =
    wish.description === undefined || wish.schema['description'] !== undefined
      ? wish.schema
      : { ...wish.schema, description: wish.description }
  const schema = model.structuredOutputs ? sanitizeSchema(described) : undefined
  if (schema !== undefined) return { ...NO_FORMAT, format: { type: 'json_schema', schema } }
  // Never with tools of the caller's own: a forced one would swallow their calls.
  if (!model.structuredOutputs && canForceTool && wish.schema['type'] === 'object') {
    return {
      ...NO_FORMAT,
      tool: {
        name: JSON_TOOL,
        description: wish.description ?? 'The answer, in the form that was asked for.',
        input_schema: wish.schema,
      },
    }
  }
  notes.add('response_format', 'adapted')
  const text = `${JSON_ONLY} It must match this JSON schema:\n${JSON.stringify(described)}`
  return { ...NO_FORMAT, instruction: { type: 'text', text } }
}
