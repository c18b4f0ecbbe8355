/**
 * A Messages caller's tools and choice → neutral (wire-formats D.5). Tools that the client runs itself
 * become functions, those with a schema of Anthropic's own included; tools that Anthropic's servers run
 * have nobody to run them elsewhere.
 */
import { isJsonObject, readArray, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  optionalBoolean,
  optionalObject,
  optionalString,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import type { JsonObject, JsonValue, Loss, Tool, ToolChoice } from '../neutral.ts'
import { cacheOf } from './decode-blocks.ts'

interface BuiltIn {
  readonly name: string
  readonly description: string
  readonly schema: JsonObject
}

const BASH: BuiltIn = {
  name: 'bash',
  description:
    'Runs a command in a bash shell that stays open between calls. Give `command`, or `restart` to begin with a new shell.',
  schema: {
    type: 'object',
    properties: {
      command: { type: 'string', description: 'The command to run.' },
      restart: { type: 'boolean', description: 'Start the shell anew in place of a command.' },
    },
  },
}

const FILE_FIELDS: JsonObject = {
  file_text: { type: 'string', description: '`create`: the whole content of the new file.' },
  old_str: { type: 'string', description: '`str_replace`: text that occurs exactly once.' },
  new_str: { type: 'string', description: '`str_replace`: what stands there afterwards.' },
  insert_line: {
    type: 'integer',
    description: '`insert`: the line to insert after; 0 is the top.',
  },
  insert_text: { type: 'string', description: '`insert`: the text to insert.' },
  view_range: {
    type: 'array',
    items: { type: 'integer' },
    description: '`view`: first and last line, counted from 1; -1 is the end.',
  },
}

const TEXT_EDITOR: BuiltIn = {
  name: 'str_replace_based_edit_tool',
  description: 'Looks at, creates and edits text files; `view` of a directory lists it.',
  schema: {
    type: 'object',
    properties: {
      command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
      path: { type: 'string', description: 'Absolute path of the file or directory.' },
      ...FILE_FIELDS,
    },
    required: ['command', 'path'],
  },
}

const MEMORY: BuiltIn = {
  name: 'memory',
  description:
    'Keeps notes in files below /memories that outlive this conversation: look there before you begin, and write down what will matter later.',
  schema: {
    type: 'object',
    properties: {
      command: {
        type: 'string',
        enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'],
      },
      path: { type: 'string', description: 'Path below /memories; not for `rename`.' },
      ...FILE_FIELDS,
      old_path: { type: 'string', description: '`rename`: the path now.' },
      new_path: { type: 'string', description: '`rename`: the path afterwards.' },
    },
    required: ['command'],
  },
}

/** By the type without its date. */
const BUILT_INS: ReadonlyMap<string, BuiltIn> = new Map([
  ['bash', BASH],
  ['text_editor', TEXT_EDITOR],
  ['memory', MEMORY],
])

/** Throws ProxyError `untranslatable` for a tool that only Anthropic can run, `request_invalid` for an unreadable one. */
export function decodeTools(value: JsonValue | undefined, losses: Loss[]): Tool[] {
  const list = optionalArray(value, 'tools').map((item, index) =>
    requiredObject(item, `tools[${index}]`),
  )
  const others = list.some((tool) => !isToolSearch(tool))
  return list.flatMap((tool, index) => {
    // All tools are sent anyway, so there is nothing left to search for.
    if (isToolSearch(tool) && others) {
      losses.push(['tools.tool_search', 'dropped'])
      return []
    }
    return [decodeTool(tool, `tools[${index}]`, losses)]
  })
}

function isToolSearch(tool: JsonObject): boolean {
  return readString(tool['type'])?.startsWith('tool_search_') === true
}

function decodeTool(tool: JsonObject, path: string, losses: Loss[]): Tool {
  noteOptions(tool, losses)
  const type = optionalString(tool['type'], `${path}.type`)
  const strict = optionalBoolean(tool['strict'], `${path}.strict`)
  if (type === undefined || type === 'custom') {
    return {
      kind: 'function',
      name: requiredString(tool['name'], `${path}.name`),
      description: readText(tool['description']),
      schema: optionalObject(tool['input_schema'], `${path}.input_schema`),
      strict,
      ...cacheOf(tool),
    }
  }
  const family = type.replace(/_\d{8}$/, '')
  const builtIn = BUILT_INS.get(family)
  if (builtIn === undefined) {
    throw untranslatable(
      path,
      `The tool type "${type}" only works with Anthropic's own models: the model that answers cannot use it.`,
    )
  }
  losses.push([`tools.${family}`, 'adapted'])
  // The name in the request wins: the client looks its calls up by it.
  const name = readText(tool['name']) ?? builtIn.name
  return {
    kind: 'function',
    name,
    description: builtIn.description,
    schema: builtIn.schema,
    strict,
    ...cacheOf(tool),
  }
}

/** Options without a counterpart that the model's answer may depend on. */
function noteOptions(tool: JsonObject, losses: Loss[]): void {
  if (readArray(tool['input_examples']).length > 0) losses.push(['tools.input_examples', 'dropped'])
  const callers = readArray(tool['allowed_callers'])
  if (callers.some((caller) => caller !== 'direct'))
    losses.push(['tools.allowed_callers', 'dropped'])
}

/** The choice, and whether more than one call a turn is forbidden (`false`) or nothing was said. */
export function decodeToolChoice(value: JsonValue | undefined): {
  readonly choice: ToolChoice | undefined
  readonly parallel: false | undefined
} {
  const choice = optionalObject(value, 'tool_choice')
  if (!isJsonObject(choice)) return { choice: undefined, parallel: undefined }
  const single = optionalBoolean(
    choice['disable_parallel_tool_use'],
    'tool_choice.disable_parallel_tool_use',
  )
  return { choice: readChoice(choice), parallel: single === true ? false : undefined }
}

function readChoice(choice: JsonObject): ToolChoice {
  const type = requiredString(choice['type'], 'tool_choice.type')
  switch (type) {
    case 'auto':
    case 'none':
      return { type }
    case 'any':
      return { type: 'required' }
    case 'tool':
      return { type: 'tool', name: requiredString(choice['name'], 'tool_choice.name') }
    default:
      throw invalid('tool_choice.type', `"${type}" is not a known \`tool_choice\`.`)
  }
}
