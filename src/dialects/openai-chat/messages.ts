/** The `messages` of a Chat Completions request → neutral. */
import { sha256Hex } from '../../wire/hash.ts'
import { isJsonObject, readArray, readObject, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  optionalString,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import type {
  AssistantMessage,
  AssistantPart,
  CacheMark,
  ChatMessage,
  DocumentPart,
  ImagePart,
  JsonObject,
  JsonValue,
  ReasoningPart,
  SystemMessage,
  ToolCallPart,
  ToolMessage,
  UserMessage,
  UserPart,
} from '../neutral.ts'

/** What must be remembered from one message to the next: ids that the caller left out. */
interface Ids {
  /** Ids made up for the calls of the last assistant turn, in order, until a result takes them. */
  made: string[]
  /** Id of the nearest legacy `function_call`. */
  functionCall: string | undefined
}

/** All messages in wire order. Throws `request_invalid` or `untranslatable` with the path of the part at fault. */
export function decodeMessages(list: readonly JsonValue[]): ChatMessage[] {
  const ids: Ids = { made: [], functionCall: undefined }
  return list.map((item, index) => {
    const path = `messages[${index}]`
    const message = requiredObject(item, path)
    const role = requiredString(message['role'], `${path}.role`)
    switch (role) {
      case 'system':
      case 'developer':
        return decodeSystem(message, role, path)
      case 'user':
        return decodeUser(message, path)
      case 'assistant':
        return decodeAssistant(message, index, path, ids)
      case 'tool':
      case 'function':
        return decodeToolResult(message, role, path, ids)
      default:
        throw invalid(`${path}.role`, `\`${path}.role\` is not a known role: "${role}".`)
    }
  })
}

function decodeSystem(
  message: JsonObject,
  role: 'system' | 'developer',
  path: string,
): SystemMessage {
  const parts = decodeParts(message, path).map((part, index) => {
    if (part.type !== 'text') {
      throw untranslatable(`${path}.content[${index}]`, `A ${role} message can only hold text.`)
    }
    return part
  })
  return { role, parts }
}

function decodeUser(message: JsonObject, path: string): UserMessage {
  return { role: 'user', parts: decodeParts(message, path) }
}

function decodeToolResult(
  message: JsonObject,
  role: 'tool' | 'function',
  path: string,
  ids: Ids,
): ToolMessage {
  const given =
    role === 'tool'
      ? readText(message['tool_call_id'])
      : (ids.functionCall ?? readText(message['tool_call_id']))
  const callId = given ?? ids.made.shift()
  if (callId === undefined) {
    throw invalid(
      `${path}.tool_call_id`,
      `\`${path}\` is a tool result without the id of a call it answers.`,
    )
  }
  // Anthropic's mark goes on the result, OpenAI's on its last part, too.
  const parts = withCache(decodeContent(message, path), decodeBreakpoint(message))
  return { role: 'tool', callId, parts, isError: false, cache: decodeCache(message) }
}

/** `content` of a system, user or tool message; a mark on the message itself goes to its last part. */
function decodeParts(message: JsonObject, path: string): UserPart[] {
  return withCache(decodeContent(message, path), decodeCache(message))
}

function decodeContent(message: JsonObject, path: string): UserPart[] {
  const content = message['content']
  return typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : optionalArray(content, `${path}.content`).map((part, index) =>
        decodePart(part, `${path}.content[${index}]`),
      )
}

function withCache<Part extends { readonly cache?: CacheMark | undefined }>(
  parts: Part[],
  cache: CacheMark | undefined,
): Part[] {
  const last = parts.at(-1)
  if (cache === undefined || last === undefined || last.cache !== undefined) return parts
  return [...parts.slice(0, -1), { ...last, cache }]
}

function decodePart(value: JsonValue, path: string): UserPart {
  // Some clients send bare strings inside the list.
  if (typeof value === 'string') return { type: 'text', text: value }
  const part = requiredObject(value, path)
  const cache = decodeCache(part)
  const type = readString(part['type'])
  switch (type) {
    case 'text':
    case 'input_text':
      return { type: 'text', text: requiredString(part['text'], `${path}.text`), cache }
    case 'image_url':
      return decodeImage(part, path, cache)
    case 'file':
      return decodeFile(part, path, cache)
    case 'input_audio':
      throw untranslatable(path, 'The model that answers cannot take audio.')
    default:
      throw untranslatable(
        `${path}.type`,
        `A content part of type ${type === undefined ? 'unknown' : `"${type}"`} cannot be translated.`,
      )
  }
}

function decodeImage(part: JsonObject, path: string, cache: CacheMark | undefined): ImagePart {
  const image = part['image_url']
  // The documented form is an object; a bare string is common in the wild.
  const url =
    readString(image) ?? requiredString(readObject(image)?.['url'], `${path}.image_url.url`)
  const detail = readString(readObject(image)?.['detail'])
  if (!/^data:/i.test(url)) {
    return { type: 'image', source: { kind: 'url', url }, detail, cache }
  }
  const bytes = decodeDataUrl(url)
  if (bytes === undefined) {
    throw untranslatable(
      `${path}.image_url.url`,
      'An image in a data: URL must be base64, as `data:image/png;base64,…`.',
    )
  }
  return { type: 'image', source: { kind: 'base64', ...bytes }, detail, cache }
}

function decodeFile(part: JsonObject, path: string, cache: CacheMark | undefined): DocumentPart {
  const file = requiredObject(part['file'], `${path}.file`)
  const title = readText(file['filename'])
  const id = readText(file['file_id'])
  if (id !== undefined) {
    return { type: 'document', source: { kind: 'file', id }, title, cache }
  }
  const content = requiredString(file['file_data'], `${path}.file.file_data`)
  const bytes = /^data:/i.test(content) ? decodeDataUrl(content) : decodeBareBase64(content)
  if (bytes === undefined) {
    throw untranslatable(
      `${path}.file.file_data`,
      'A file must be base64: a data: URL with its type, or a bare PDF.',
    )
  }
  return { type: 'document', source: { kind: 'base64', ...bytes }, title, cache }
}

/** `data:<type>[;params];base64,<data>`; `undefined` for anything else (RFC 2397). */
function decodeDataUrl(url: string): { mediaType: string; data: string } | undefined {
  const comma = url.indexOf(',')
  if (comma === -1) return undefined
  const [mediaType = '', ...params] = url.slice('data:'.length, comma).split(';')
  if (params.at(-1)?.trim().toLowerCase() !== 'base64') return undefined
  return {
    mediaType: mediaType.trim().toLowerCase(),
    data: url.slice(comma + 1).replaceAll(/\s+/g, ''),
  }
}

/** A PDF says so in its first bytes (`%PDF`); no other bare file tells its type. */
function decodeBareBase64(content: string): { mediaType: string; data: string } | undefined {
  const data = content.replaceAll(/\s+/g, '')
  return data.startsWith('JVBER') ? { mediaType: 'application/pdf', data } : undefined
}

function decodeAssistant(
  message: JsonObject,
  index: number,
  path: string,
  ids: Ids,
): AssistantMessage {
  const parts: AssistantPart[] = [...decodeReasoning(message)]
  const content = message['content']
  if (typeof content === 'string') {
    if (content !== '') parts.push({ type: 'text', text: content })
  } else {
    for (const [at, item] of optionalArray(content, `${path}.content`).entries()) {
      parts.push(decodeAssistantPart(item, `${path}.content[${at}]`))
    }
  }
  const refusal = readText(message['refusal'])
  if (refusal !== undefined) parts.push({ type: 'refusal', text: refusal })
  parts.push(...decodeCalls(message, index, path, ids))
  return { role: 'assistant', parts: markLast(parts, decodeCache(message)) }
}

/** A mark on the whole message goes to its last part that can carry one. */
function markLast(parts: AssistantPart[], cache: CacheMark | undefined): AssistantPart[] {
  const last = parts.at(-1)
  if (cache === undefined || last === undefined) return parts
  if (last.type !== 'text' && last.type !== 'tool-call') return parts
  return [...parts.slice(0, -1), { ...last, cache: last.cache ?? cache }]
}

function decodeAssistantPart(value: JsonValue, path: string): AssistantPart {
  if (typeof value === 'string') return { type: 'text', text: value }
  const part = requiredObject(value, path)
  const type = readString(part['type'])
  switch (type) {
    case 'text':
    case 'output_text':
      return {
        type: 'text',
        text: requiredString(part['text'], `${path}.text`),
        cache: decodeCache(part),
      }
    case 'refusal':
      return { type: 'refusal', text: requiredString(part['refusal'], `${path}.refusal`) }
    default:
      throw untranslatable(
        `${path}.type`,
        `An assistant part of type ${type === undefined ? 'unknown' : `"${type}"`} cannot be translated.`,
      )
  }
}

/**
 * What the model thought in that turn. Signed forms first: `thinking_blocks` (Anthropic's own blocks) or
 * `reasoning_details` (OpenRouter's shape); else the plain text, which no provider accepts back as its own.
 */
function decodeReasoning(message: JsonObject): ReasoningPart[] {
  const blocks = readArray(message['thinking_blocks']).flatMap(decodeThinkingBlock)
  if (blocks.length > 0) return blocks
  const details = readArray(message['reasoning_details']).flatMap(decodeReasoningDetail)
  if (details.length > 0) return details
  const text = readText(message['reasoning_content']) ?? readText(message['reasoning'])
  return text === undefined ? [] : [{ type: 'reasoning', text }]
}

function decodeThinkingBlock(value: JsonValue): ReasoningPart[] {
  if (!isJsonObject(value)) return []
  const redacted = readText(value['data'])
  if (value['type'] === 'redacted_thinking' && redacted !== undefined) {
    return [{ type: 'reasoning', text: '', redacted }]
  }
  if (value['type'] !== 'thinking') return []
  return [
    {
      type: 'reasoning',
      text: readString(value['thinking']) ?? '',
      signature: readText(value['signature']),
    },
  ]
}

function decodeReasoningDetail(value: JsonValue): ReasoningPart[] {
  if (!isJsonObject(value)) return []
  const format = readText(value['format'])
  const foreign = format !== undefined && !format.startsWith('anthropic')
  const redacted = readText(value['data'])
  if (value['type'] === 'reasoning.encrypted') {
    return redacted === undefined || foreign ? [] : [{ type: 'reasoning', text: '', redacted }]
  }
  const text = readString(value['text']) ?? readString(value['summary'])
  const signature = foreign ? undefined : readText(value['signature'])
  if (text === undefined && signature === undefined) return []
  return [{ type: 'reasoning', text: text ?? '', signature }]
}

function decodeCalls(message: JsonObject, index: number, path: string, ids: Ids): ToolCallPart[] {
  ids.made = []
  const calls = optionalArray(message['tool_calls'], `${path}.tool_calls`).map((item, order) => {
    const at = `${path}.tool_calls[${order}]`
    const call = requiredObject(item, at)
    let id = readText(call['id'])
    if (id === undefined) {
      // Derived from the place, so that the same conversation gives the same id every time.
      id = madeUpId(`${index}:${order}`)
      ids.made.push(id)
    }
    const cache = decodeCache(call)
    if (
      call['type'] === 'custom' ||
      (call['function'] === undefined && isJsonObject(call['custom']))
    ) {
      const custom = requiredObject(call['custom'], `${at}.custom`)
      const name = requiredString(custom['name'], `${at}.custom.name`)
      const input = readString(custom['input']) ?? ''
      return { type: 'tool-call', id, name, kind: 'custom', input, cache } as const
    }
    const called = requiredObject(call['function'], `${at}.function`)
    const name = requiredString(called['name'], `${at}.function.name`)
    return {
      type: 'tool-call',
      id,
      name,
      kind: 'function',
      input: argumentsText(called['arguments']),
      cache,
    } as const
  })
  const legacy = readObject(message['function_call'])
  if (legacy === undefined) return calls
  const name = requiredString(legacy['name'], `${path}.function_call.name`)
  const id = madeUpId(`${index}:${name}`)
  ids.functionCall = id
  return [
    ...calls,
    { type: 'tool-call', id, name, kind: 'function', input: argumentsText(legacy['arguments']) },
  ]
}

/** Arguments as text; an object in its place is a known deviation of other servers. */
export function argumentsText(value: JsonValue | undefined): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** A call id that is a pure function of where the call stands. */
export function madeUpId(place: string): string {
  return `call_${sha256Hex(place).slice(0, 24)}`
}

/** A cache breakpoint in either of the two spellings: Anthropic's, or OpenAI's newer own. */
export function decodeCache(holder: JsonObject): CacheMark | undefined {
  const control = readObject(holder['cache_control'])
  if (control !== undefined) {
    const ttl = optionalString(control['ttl'] ?? null, 'cache_control.ttl')
    return { ttl: ttl === '1h' || ttl === '5m' ? ttl : undefined }
  }
  return decodeBreakpoint(holder)
}

function decodeBreakpoint(holder: JsonObject): CacheMark | undefined {
  const breakpoint = readObject(holder['prompt_cache_breakpoint'])
  if (breakpoint === undefined) return undefined
  const ttl = readString(breakpoint['ttl'])
  return { ttl: ttl === '30m' || ttl === '12h' ? '1h' : undefined }
}
