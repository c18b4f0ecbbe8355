/**
 * The `input` of a Responses request → neutral messages (wire-formats F.2). Items of one assistant turn
 * (reasoning, text, calls) stand side by side on the wire and are one message here.
 */
import type { TopLevelEdit } from '../../wire/json-edit.ts'
import { readArray, readObject, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import { DROPPED_ITEMS } from '../fidelity/responses-left-out.ts'
import { isMarker } from '../marker.ts'
import type {
  AssistantPart,
  ChatMessage,
  DocumentPart,
  ImagePart,
  JsonObject,
  JsonValue,
  TextPart,
  ToolMessage,
  UserPart,
} from '../neutral.ts'
import { ownCallArguments } from './own-tools.ts'
import type { OwnToolName } from './own-tools.ts'
import { decodeReasoningItem } from './reasoning.ts'
import { flattenName } from './tools.ts'

const OWN_CALLS: ReadonlyMap<string, OwnToolName> = new Map<string, OwnToolName>([
  ['local_shell_call', 'local_shell'],
  ['shell_call', 'shell'],
  ['apply_patch_call', 'apply_patch'],
])

/** What one item becomes: a part of the assistant's turn, a message of its own, or nothing. */
type Piece =
  | { readonly assistant: readonly AssistantPart[] }
  | { readonly message: ChatMessage }
  | undefined

/** The whole history. Throws `request_invalid` or `untranslatable` with the path of the item at fault. */
export function decodeInput(value: JsonValue | undefined): ChatMessage[] {
  if (typeof value === 'string') {
    return [{ role: 'user', parts: [{ type: 'text', text: value }] }]
  }
  const messages: ChatMessage[] = []
  // Item id → call id: the output of a `local_shell_call` names the item.
  const callIds = new Map<string, string>()
  let turn: AssistantPart[] | undefined
  for (const [index, element] of optionalArray(value, 'input').entries()) {
    const path = `input[${index}]`
    const piece = decodeItem(requiredObject(element, path), path, callIds)
    if (piece === undefined) continue
    if ('assistant' in piece) {
      if (turn === undefined) {
        turn = []
        messages.push({ role: 'assistant', parts: turn })
      }
      turn.push(...piece.assistant)
    } else {
      turn = undefined
      messages.push(piece.message)
    }
  }
  return messages
}

function decodeItem(item: JsonObject, path: string, callIds: Map<string, string>): Piece {
  const type = readText(item['type']) ?? (item['role'] === undefined ? undefined : 'message')
  switch (type) {
    case 'message':
      return decodeMessage(item, path)
    case 'reasoning':
      return { assistant: decodeReasoningItem(item) }
    case 'function_call':
    case 'custom_tool_call':
      return { assistant: [decodeCall(item, type, path)] }
    case 'function_call_output':
    case 'custom_tool_call_output':
      return decodeOutput(requiredString(item['call_id'], `${path}.call_id`), item, path)
    case 'local_shell_call':
    case 'shell_call':
    case 'apply_patch_call': {
      const id = requiredString(item['call_id'], `${path}.call_id`)
      const own = OWN_CALLS.get(type) ?? 'local_shell'
      const itemId = readText(item['id'])
      if (itemId !== undefined) callIds.set(itemId, id)
      const input = ownCallArguments(own, item)
      return { assistant: [{ type: 'tool-call', id, name: own, kind: 'function', input }] }
    }
    case 'local_shell_call_output':
    case 'shell_call_output':
    case 'apply_patch_call_output': {
      const given = readText(item['call_id']) ?? requiredString(item['id'], `${path}.call_id`)
      return decodeOutput(callIds.get(given) ?? given, item, path)
    }
    case undefined:
      throw invalid(`${path}.type`, `\`${path}\` has neither a type nor a role.`)
    default:
      if (DROPPED_ITEMS.has(type)) return undefined
      throw untranslatable(
        `${path}.type`,
        `An input item of type "${type}" only means something at the provider it came from.`,
      )
  }
}

function decodeMessage(item: JsonObject, path: string): Piece {
  const role = requiredString(item['role'], `${path}.role`)
  switch (role) {
    case 'assistant':
      return { assistant: decodeAssistantContent(item['content'], `${path}.content`) }
    case 'user':
      return { message: { role, parts: decodeContent(item['content'], `${path}.content`) } }
    case 'system':
    case 'developer': {
      const parts: TextPart[] = decodeContent(item['content'], `${path}.content`).map(
        (part, index) => {
          if (part.type === 'text') return part
          throw untranslatable(`${path}.content[${index}]`, `A ${role} message can only hold text.`)
        },
      )
      return { message: { role, parts } }
    }
    default:
      throw invalid(`${path}.role`, `\`${path}.role\` is not a known role: "${role}".`)
  }
}

function decodeAssistantContent(value: JsonValue | undefined, path: string): AssistantPart[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }]
  return optionalArray(value, path).map((element, index) => {
    const at = `${path}[${index}]`
    const part = requiredObject(element, at)
    const type = readString(part['type'])
    switch (type) {
      case 'output_text':
      case 'input_text':
      case 'text':
        return { type: 'text', text: requiredString(part['text'], `${at}.text`) }
      case 'refusal':
        return { type: 'refusal', text: requiredString(part['refusal'], `${at}.refusal`) }
      default:
        throw unknownPart('An assistant part', type, at)
    }
  })
}

function unknownPart(what: string, type: string | undefined, path: string): Error {
  const named = type === undefined ? 'without a type' : `of type "${type}"`
  return untranslatable(`${path}.type`, `${what} ${named} cannot be translated.`)
}

function decodeCall(
  item: JsonObject,
  type: 'function_call' | 'custom_tool_call',
  path: string,
): AssistantPart {
  // The item's own `id` names the item; results refer to `call_id`.
  const id = requiredString(item['call_id'], `${path}.call_id`)
  const name = flattenName(
    readText(item['namespace']),
    requiredString(item['name'], `${path}.name`),
  )
  if (type === 'custom_tool_call') {
    return { type: 'tool-call', id, name, kind: 'custom', input: readString(item['input']) ?? '' }
  }
  const told = item['arguments']
  const input =
    readString(told) ?? (told === undefined || told === null ? '' : JSON.stringify(told))
  return { type: 'tool-call', id, name, kind: 'function', input }
}

function decodeOutput(callId: string, item: JsonObject, path: string): Piece {
  const output = item['output']
  const message: ToolMessage = {
    role: 'tool',
    callId,
    parts: isPartList(output)
      ? decodeContent(output, `${path}.output`)
      : decodePlainOutput(output, item),
    isError: item['type'] === 'apply_patch_call_output' && item['status'] === 'failed',
    cache: undefined,
  }
  return { message }
}

/** A list of content parts, as against the list of results that `shell_call_output` has. */
function isPartList(value: JsonValue | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.every((part) => readString(readObject(part)?.['type']) !== undefined)
  )
}

function decodePlainOutput(output: JsonValue | undefined, item: JsonObject): UserPart[] {
  if (output === undefined || output === null) {
    // A patch may be answered by its status alone.
    const status = readText(item['status'])
    return [{ type: 'text', text: status ?? '' }]
  }
  return [{ type: 'text', text: typeof output === 'string' ? output : JSON.stringify(output) }]
}

/** Content of a user or system message, or of a tool's output: a text, or parts. */
function decodeContent(value: JsonValue | undefined, path: string): UserPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }]
  return optionalArray(value, path).map((element, index) => {
    const at = `${path}[${index}]`
    if (typeof element === 'string') return { type: 'text', text: element }
    const part = requiredObject(element, at)
    const type = readString(part['type'])
    switch (type) {
      case 'input_text':
      case 'output_text':
      case 'text':
        return { type: 'text', text: requiredString(part['text'], `${at}.text`) }
      case 'input_image':
        return decodeImage(part, at)
      case 'input_file':
        return decodeFile(part, at)
      case 'input_audio':
        throw untranslatable(at, 'The model that answers cannot take audio.')
      default:
        throw unknownPart('A content part', type, at)
    }
  })
}

function decodeImage(part: JsonObject, path: string): ImagePart {
  if (readText(part['file_id']) !== undefined) throw keptElsewhere(`${path}.file_id`)
  const detail = readString(part['detail'])
  // Here the URL is a plain string; Chat's object form is met all the same.
  const url =
    readString(part['image_url']) ??
    requiredString(readObject(part['image_url'])?.['url'], `${path}.image_url`)
  if (!/^data:/i.test(url)) return { type: 'image', source: { kind: 'url', url }, detail }
  const bytes = decodeDataUrl(url)
  if (bytes === undefined) {
    throw untranslatable(
      `${path}.image_url`,
      'An image in a data: URL must be base64, as `data:image/png;base64,…`.',
    )
  }
  return { type: 'image', source: { kind: 'base64', ...bytes }, detail }
}

function decodeFile(part: JsonObject, path: string): DocumentPart {
  if (readText(part['file_id']) !== undefined) throw keptElsewhere(`${path}.file_id`)
  const title = readText(part['filename'])
  const url = readText(part['file_url'])
  if (url !== undefined) return { type: 'document', source: { kind: 'url', url }, title }
  const content = requiredString(part['file_data'], `${path}.file_data`)
  const bytes = /^data:/i.test(content) ? decodeDataUrl(content) : decodeBarePdf(content)
  if (bytes === undefined) {
    throw untranslatable(
      `${path}.file_data`,
      'A file must be base64: a data: URL with its type, or a bare PDF.',
    )
  }
  return { type: 'document', source: { kind: 'base64', ...bytes }, title }
}

function keptElsewhere(path: string): Error {
  return untranslatable(path, 'This file is kept at OpenAI; send its bytes or its URL.')
}

/** `data:<type>[;params];base64,<data>`; `undefined` for anything else (RFC 2397). */
function decodeDataUrl(url: string): { mediaType: string; data: string } | undefined {
  const comma = url.indexOf(',')
  const [mediaType = '', ...params] = url.slice('data:'.length, Math.max(comma, 0)).split(';')
  if (params.at(-1)?.trim().toLowerCase() !== 'base64') return undefined
  return {
    mediaType: mediaType.trim().toLowerCase(),
    data: url.slice(comma + 1).replaceAll(/\s+/g, ''),
  }
}

/** A PDF says so in its first bytes (`%PDF`); no other bare file tells its type. */
function decodeBarePdf(content: string): { mediaType: string; data: string } | undefined {
  const data = content.replaceAll(/\s+/g, '')
  return data.startsWith('JVBER') ? { mediaType: 'application/pdf', data } : undefined
}

/**
 * Before a relay: the history without the reasoning that we sealed for another provider's model, as a
 * replacement of the body's `input`. OpenAI answers 400 to a seal that is not its own.
 */
export function relayEdits(body: JsonObject): TopLevelEdit[] {
  const items = readArray(body['input'])
  const kept = items.filter((item) => {
    const sealed = readText(readObject(item)?.['encrypted_content'])
    return sealed === undefined || !isMarker(sealed)
  })
  return kept.length === items.length ? [] : [['input', JSON.stringify(kept)]]
}
