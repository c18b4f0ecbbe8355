/** Neutral messages → the `messages` of a Chat Completions request (wire-formats D.2, D.3). */
import { sha256Hex } from '../../wire/hash.ts'
import { untranslatable } from '../fields.ts'
import { decodeMarker, isMarker } from '../marker.ts'
import type { OpenAiModel } from '../model-rules.ts'
import type {
  AssistantMessage,
  ChatMessage,
  DocumentPart,
  ImagePart,
  JsonObject,
  ReasoningPart,
  ToolMessage,
  UserPart,
} from '../neutral.ts'
import type { Notes } from '../dialect.ts'

/** OpenAI's limit for tool names and call ids. */
const MAX_NAME_CHARS = 64

/** The text itself, or its beginning and a digest of all of it: the same every time, and unique. */
export function shorten(text: string): string {
  if (text.length <= MAX_NAME_CHARS) return text
  return `${text.slice(0, 55)}_${sha256Hex(text).slice(0, 8)}`
}

/** A call's id as the model's server takes it, by a pure function: call and result agree without state. */
function fitCallId(id: string, model: OpenAiModel): string {
  if (model.toolCallIds === 'any') return shorten(id)
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id
  return BigInt(`0x${sha256Hex(id)}`)
    .toString(36)
    .padStart(9, '0')
    .slice(0, 9)
}

/** All messages in order, in the words that the model's server takes. */
export function encodeMessages(
  messages: readonly ChatMessage[],
  model: OpenAiModel,
  notes: Notes,
): JsonObject[] {
  const systemRole = model.openai && model.reasoning ? 'developer' : 'system'
  const encoded: JsonObject[] = []
  // What tool results showed: tool messages take text only, so it follows all results of the turn.
  let attachments: JsonObject[] = []
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    if (message.role !== 'tool' && attachments.length > 0) {
      encoded.push({ role: 'user', content: attachments })
      attachments = []
    }
    switch (message.role) {
      case 'system':
      case 'developer': {
        const text = message.parts.map((part) => part.text).join('\n\n')
        if (text !== '') encoded.push({ role: systemRole, content: text })
        break
      }
      case 'user':
        if (message.parts.length > 0) {
          encoded.push({ role: 'user', content: encodeUserContent(message.parts, path) })
        }
        break
      case 'assistant': {
        const turn = encodeAssistant(message, model, notes)
        if (turn !== undefined) encoded.push(turn)
        break
      }
      case 'tool': {
        const result = encodeToolResult(message, path, model, notes)
        encoded.push(result.message)
        attachments.push(...result.attachments)
        break
      }
    }
  }
  if (attachments.length > 0) encoded.push({ role: 'user', content: attachments })
  return encoded
}

function encodeUserContent(parts: readonly UserPart[], path: string): string | JsonObject[] {
  const [only, ...more] = parts
  if (only?.type === 'text' && more.length === 0) return only.text
  return parts.map((part, index) => encodePart(part, `${path}.content[${index}]`))
}

function encodePart(part: UserPart, path: string): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text }
    case 'image':
      return encodeImage(part, path)
    case 'document':
      return encodeDocument(part, path)
    default:
      return part satisfies never
  }
}

function encodeImage(part: ImagePart, path: string): JsonObject {
  if (part.source.kind === 'file') {
    throw untranslatable(path, 'This image is a file at another provider.')
  }
  const url =
    part.source.kind === 'url'
      ? part.source.url
      : `data:${part.source.mediaType};base64,${part.source.data}`
  const image: JsonObject = { url }
  if (part.detail !== undefined) image['detail'] = part.detail
  return { type: 'image_url', image_url: image }
}

function encodeDocument(part: DocumentPart, path: string): JsonObject {
  const { source, title } = part
  switch (source.kind) {
    case 'text':
      return {
        type: 'text',
        text: title === undefined ? source.text : `${title}\n\n${source.text}`,
      }
    case 'base64':
      return {
        type: 'file',
        file: {
          filename: title ?? 'document.pdf',
          file_data: `data:${source.mediaType};base64,${source.data}`,
        },
      }
    case 'url':
      throw untranslatable(path, 'Chat Completions cannot read a document from a URL.')
    case 'file':
      throw untranslatable(path, 'This document is a file at another provider.')
    default:
      return source satisfies never
  }
}

function encodeAssistant(
  message: AssistantMessage,
  model: OpenAiModel,
  notes: Notes,
): JsonObject | undefined {
  let text = ''
  let reasoning = ''
  const calls: JsonObject[] = []
  for (const part of message.parts) {
    switch (part.type) {
      case 'text':
      case 'refusal':
        text += part.text
        break
      case 'reasoning':
        if (model.replayReasoning && part.text !== '' && isOfOpenModel(part)) reasoning += part.text
        else notes.announce('messages.reasoning', 'dropped')
        break
      case 'tool-call':
        calls.push(
          part.kind === 'custom'
            ? {
                id: fitCallId(part.id, model),
                type: 'custom',
                custom: { name: shorten(part.name), input: part.input },
              }
            : {
                // OpenAI itself would refuse it as unknown.
                ...(model.openai ? undefined : part.echo),
                id: fitCallId(part.id, model),
                type: 'function',
                function: {
                  name: shorten(part.name),
                  arguments: part.input === '' ? '{}' : part.input,
                },
              },
        )
        break
    }
  }
  if (text === '' && calls.length === 0) return undefined
  const encoded: JsonObject = { role: 'assistant', content: text === '' ? null : text }
  if (reasoning !== '') encoded['reasoning_content'] = reasoning
  if (calls.length > 0) encoded['tool_calls'] = calls
  return encoded
}

/** Thinking that was not signed by Anthropic or sealed by OpenAI: its own server can read it again. */
function isOfOpenModel(part: ReasoningPart): boolean {
  if (part.redacted !== undefined) return false
  if (part.signature === undefined) return true
  return (
    isMarker(part.signature) && decodeMarker(part.signature)?.['encrypted_content'] === undefined
  )
}

function encodeToolResult(
  message: ToolMessage,
  path: string,
  model: OpenAiModel,
  notes: Notes,
): { message: JsonObject; attachments: JsonObject[] } {
  const lines: string[] = []
  const attachments: JsonObject[] = []
  const id = fitCallId(message.callId, model)
  for (const [index, part] of message.parts.entries()) {
    if (part.type === 'text') {
      lines.push(part.text)
      continue
    }
    if (part.type === 'document' && part.source.kind === 'text') {
      if (part.title !== undefined) lines.push(part.title)
      lines.push(part.source.text)
      continue
    }
    if (attachments.length === 0) {
      attachments.push({ type: 'text', text: `Attached to the result of tool call ${id}:` })
    }
    lines.push(`[${part.type} ${attachments.length} attached below]`)
    attachments.push(encodePart(part, `${path}.content[${index}]`))
    notes.add('messages.tool_result', 'adapted')
  }
  let content = lines.join('\n')
  if (message.isError && !content.startsWith('Error')) {
    content = `Error: ${content}`
    notes.add('messages.is_error', 'adapted')
  }
  return { message: { role: 'tool', tool_call_id: id, content }, attachments }
}
