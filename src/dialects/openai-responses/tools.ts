/** The `tools` and `tool_choice` of a Responses request → neutral (wire-formats F.3). */
import { readArray, readObject, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  optionalBoolean,
  optionalObject,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import { isDroppedTool } from '../fidelity/responses-left-out.ts'
import type { JsonObject, JsonValue, Tool, ToolChoice } from '../neutral.ts'
import { isOwnTool, ownToolAsFunction } from './own-tools.ts'
import type { OwnToolName } from './own-tools.ts'

export interface DecodedTools {
  readonly tools: Tool[]
  /** Types of tools that were left out. */
  readonly dropped: string[]
}

/** The name of a namespace's tool in a dialect without namespaces. */
export function flattenName(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}__${name}`
}

/** All tools. Throws `untranslatable` for those that only OpenAI can run and the answer may rest on. */
export function decodeTools(value: JsonValue | undefined): DecodedTools {
  const tools: Tool[] = []
  const dropped: string[] = []
  for (const [index, item] of optionalArray(value, 'tools').entries()) {
    const path = `tools[${index}]`
    const tool = requiredObject(item, path)
    const type = requiredString(tool['type'], `${path}.type`)
    if (type === 'namespace') tools.push(...decodeNamespace(tool, path))
    else if (isOwnTool(type)) tools.push(ownToolAsFunction(type))
    else if (isDroppedTool(type)) dropped.push(type)
    else tools.push(decodeTool(tool, type, path, undefined))
  }
  return { tools, dropped }
}

function decodeNamespace(space: JsonObject, path: string): Tool[] {
  const name = requiredString(space['name'], `${path}.name`)
  const about = readText(space['description'])
  return optionalArray(space['tools'], `${path}.tools`).map((item, index) => {
    const at = `${path}.tools[${index}]`
    const tool = requiredObject(item, at)
    const decoded = decodeTool(tool, readString(tool['type']) ?? 'function', at, name)
    // There is no other place for what the namespace says of all its tools.
    const words = [about, decoded.description].filter((text) => text !== undefined)
    return { ...decoded, description: words.length === 0 ? undefined : words.join('\n\n') }
  })
}

function decodeTool(
  tool: JsonObject,
  type: string,
  path: string,
  namespace: string | undefined,
): Tool {
  switch (type) {
    case 'function':
      return {
        kind: 'function',
        name: flattenName(namespace, requiredString(tool['name'], `${path}.name`)),
        description: readText(tool['description']),
        schema: optionalObject(tool['parameters'], `${path}.parameters`),
        strict: optionalBoolean(tool['strict'], `${path}.strict`),
      }
    case 'custom':
      return {
        kind: 'custom',
        name: flattenName(namespace, requiredString(tool['name'], `${path}.name`)),
        description: readText(tool['description']),
        schema: nestGrammar(optionalObject(tool['format'], `${path}.format`)),
        strict: undefined,
      }
    default:
      throw untranslatable(
        `${path}.type`,
        `A tool of type "${type}" only exists at OpenAI and cannot be offered to another model.`,
      )
  }
}

/** A grammar's members stand flat here, and under `grammar` in Chat and in the neutral form. */
function nestGrammar(format: JsonObject | undefined): JsonObject | undefined {
  if (format?.['type'] !== 'grammar' || readObject(format['grammar']) !== undefined) return format
  const { type, ...grammar } = format
  return { type, grammar }
}

/** The format of a custom tool as Responses writes it: the inverse of what decoding does. */
export function flattenGrammar(format: JsonObject): JsonObject {
  const grammar = format['type'] === 'grammar' ? readObject(format['grammar']) : undefined
  return grammar === undefined ? format : { type: 'grammar', ...grammar }
}

/** `tool_choice`. `decoded` tells which tools are left to choose from. */
export function decodeToolChoice(
  value: JsonValue | undefined,
  decoded: DecodedTools,
): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined
  if (value === 'auto' || value === 'none') return { type: value }
  if (value === 'required') {
    if (decoded.tools.length === 0 && decoded.dropped.length > 0) {
      throw untranslatable(
        'tool_choice',
        `A call is required, but only OpenAI can run the tool "${decoded.dropped[0]}".`,
      )
    }
    return { type: 'required' }
  }
  const choice = requiredObject(value, 'tool_choice')
  const type = requiredString(choice['type'], 'tool_choice.type')
  switch (type) {
    case 'function':
    case 'custom':
      return { type: 'tool', name: choiceName(choice, 'tool_choice') }
    case 'allowed_tools':
      return {
        type: 'allowed',
        names: readArray(choice['tools']).flatMap((item, index) => {
          const path = `tool_choice.tools[${index}]`
          const tool = requiredObject(item, path)
          const kind = readString(tool['type']) ?? 'function'
          if (kind === 'function' || kind === 'custom') return [choiceName(tool, path)]
          return isOwnTool(kind) ? [kind] : []
        }),
        required: choice['mode'] === 'required',
      }
    default:
      if (isOwnTool(type)) return { type: 'tool', name: type }
      throw untranslatable('tool_choice', `The tool "${type}" only exists at OpenAI.`)
  }
}

function choiceName(choice: JsonObject, path: string): string {
  const name = readText(choice['name'])
  if (name === undefined) throw invalid(`${path}.name`, `\`${path}.name\` is missing.`)
  return flattenName(readText(choice['namespace']), name)
}

/** How the names of a caller's tools are written in the reply. */
export interface CallShapes {
  /** Flat name → the namespace and the tool's name in it. */
  readonly namespaced: ReadonlyMap<string, { readonly namespace: string; readonly name: string }>
  /** The API's own tools that were offered as functions of the same name. */
  readonly own: ReadonlySet<OwnToolName>
}

/** What the caller's own `tools`, as they came, say about the form of calls. */
export function readCallShapes(tools: JsonValue | undefined): CallShapes {
  const namespaced = new Map<string, { namespace: string; name: string }>()
  const own = new Set<OwnToolName>()
  for (const item of readArray(tools)) {
    const tool = readObject(item)
    const type = readString(tool?.['type']) ?? ''
    if (isOwnTool(type)) own.add(type)
    if (type !== 'namespace') continue
    const namespace = readString(tool?.['name']) ?? ''
    for (const member of readArray(tool?.['tools'])) {
      const name = readString(readObject(member)?.['name']) ?? ''
      namespaced.set(flattenName(namespace, name), { namespace, name })
    }
  }
  return { namespaced, own }
}
