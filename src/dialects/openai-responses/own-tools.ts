/**
 * Tools that the Responses API defines itself and the caller runs: `local_shell`, `shell` and
 * `apply_patch`. Other dialects get a function of the same name; its call becomes the API's own item again
 * (wire-formats F.2, F.3). Reference: https://platform.openai.com/docs/guides/tools
 */
import { isJsonObject, parseJson } from '../../wire/json.ts'
import type { JsonObject, JsonValue, Tool } from '../neutral.ts'
import type { ApplyPatchCallItem, ItemStatus, ShellCallItem } from './wire.ts'

export type OwnToolName = 'local_shell' | 'shell' | 'apply_patch'

interface OwnTool {
  readonly description: string
  readonly schema: JsonObject
  /** The member of the call item that holds its arguments. */
  readonly member: 'action' | 'operation'
}

const TIMEOUT: JsonObject = { type: 'integer', description: 'Time limit in milliseconds.' }

const OWN_TOOLS: ReadonlyMap<string, OwnTool> = new Map<OwnToolName, OwnTool>([
  [
    'local_shell',
    {
      description: "Runs one command on the user's machine and returns its output.",
      schema: {
        type: 'object',
        properties: {
          command: {
            type: 'array',
            items: { type: 'string' },
            description: 'The program and its arguments, one string each.',
          },
          env: {
            type: 'object',
            additionalProperties: { type: 'string' },
            description: 'Environment variables to set.',
          },
          working_directory: { type: 'string' },
          timeout_ms: TIMEOUT,
        },
        required: ['command'],
      },
      member: 'action',
    },
  ],
  [
    'shell',
    {
      description: "Runs shell commands on the user's machine and returns what each printed.",
      schema: {
        type: 'object',
        properties: {
          commands: {
            type: 'array',
            items: { type: 'string' },
            description: 'Command lines, each run on its own.',
          },
          timeout_ms: TIMEOUT,
          max_output_length: {
            type: 'integer',
            description: 'Most characters to return from each command.',
          },
        },
        required: ['commands'],
      },
      member: 'action',
    },
  ],
  [
    'apply_patch',
    {
      description: 'Creates, changes or deletes one file.',
      schema: {
        type: 'object',
        properties: {
          type: { type: 'string', enum: ['create_file', 'update_file', 'delete_file'] },
          path: { type: 'string', description: 'Path of the file.' },
          diff: {
            type: 'string',
            description:
              'What to change, as a V4A diff: lines begin with a space (kept), `-` (removed) or `+` (added), and `@@` names the place. For a new file every line begins with `+`. Not for delete_file.',
          },
        },
        required: ['type', 'path'],
      },
      member: 'operation',
    },
  ],
])

export function isOwnTool(type: string): type is OwnToolName {
  return OWN_TOOLS.has(type)
}

/** The function that stands for one of the API's own tools at another provider. */
export function ownToolAsFunction(name: OwnToolName): Tool {
  const own = OWN_TOOLS.get(name)
  return {
    kind: 'function',
    name,
    description: own?.description,
    schema: own?.schema,
    strict: undefined,
  }
}

/**
 * The call as the API's own item, as far as its arguments have that form; `undefined` where they do not,
 * and the caller gets a plain function call that it can answer with an error.
 */
export function ownCallItem(
  name: OwnToolName,
  id: string,
  callId: string,
  text: string,
  status: ItemStatus,
): ShellCallItem | ApplyPatchCallItem | undefined {
  const input = parseJson(text)
  if (!isJsonObject(input)) return undefined
  switch (name) {
    case 'local_shell': {
      if (!isStringList(input['command'])) return undefined
      const action = { ...input, type: 'exec', env: isJsonObject(input['env']) ? input['env'] : {} }
      return { id, type: 'local_shell_call', status, call_id: callId, action }
    }
    case 'shell': {
      if (!isStringList(input['commands'])) return undefined
      const action = {
        ...input,
        timeout_ms: input['timeout_ms'] ?? null,
        max_output_length: input['max_output_length'] ?? null,
      }
      return { id, type: 'shell_call', status, call_id: callId, action, environment: null }
    }
    case 'apply_patch': {
      const { type, path, diff } = input
      if (typeof path !== 'string') return undefined
      const known =
        type === 'delete_file' ||
        ((type === 'create_file' || type === 'update_file') && typeof diff === 'string')
      if (!known) return undefined
      return {
        id,
        type: 'apply_patch_call',
        status: status === 'in_progress' ? 'in_progress' : 'completed',
        call_id: callId,
        operation: input,
      }
    }
    default:
      return name satisfies never
  }
}

/** The arguments of one of the API's own call items, as the function call that stands for it. */
export function ownCallArguments(name: OwnToolName, item: JsonObject): string {
  const member = OWN_TOOLS.get(name)?.member ?? 'action'
  return JSON.stringify(item[member] ?? {})
}

function isStringList(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
