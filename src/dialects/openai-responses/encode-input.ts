/** Neutral messages → `instructions` and `input` of a Responses request (wire-formats F.5). */
import type { Notes } from '../dialect.ts'
import { untranslatable } from '../fields.ts'
import type {
  AssistantMessage,
  ChatMessage,
  DocumentPart,
  ImagePart,
  JsonObject,
  TextPart,
  ToolMessage,
  UserPart,
} from '../neutral.ts'
import { shorten } from './ids.ts'
import { unsealReasoning } from './reasoning.ts'

export interface EncodedInput {
  /** Everything the system said before the conversation began; '' for nothing. */
  readonly instructions: string
  readonly input: JsonObject[]
}

// A line that changes with every request would defeat the provider's prompt cache.
const BILLING_LINE = /^x-anthropic-billing-header:/i

/** The conversation. Throws `untranslatable` for a file that is kept at another provider. */
export function encodeInput(messages: readonly ChatMessage[], notes: Notes): EncodedInput {
  const instructions: string[] = []
  const input: JsonObject[] = []
  // Which calls were of custom tools: their results are items of another type.
  const customCalls = new Set<string>()
  let began = false
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    switch (message.role) {
      case 'system':
      case 'developer': {
        const texts = message.parts.map((part) => part.text).filter(isInstruction)
        if (!began) instructions.push(...texts)
        else if (texts.length > 0) input.push(messageOf(message.role, texts.map(inputText)))
        break
      }
      case 'user':
        began = true
        if (message.parts.length > 0) {
          input.push(messageOf('user', encodeParts(message.parts, path)))
        }
        break
      case 'assistant':
        began = true
        input.push(...encodeTurn(message, customCalls, notes))
        break
      case 'tool':
        began = true
        input.push(encodeResult(message, customCalls, path, notes))
        break
    }
  }
  // Instructions alone are no question: the API wants an item.
  if (input.length === 0 && instructions.length > 0) {
    return { instructions: '', input: [messageOf('developer', instructions.map(inputText))] }
  }
  return { instructions: instructions.join('\n\n'), input: dropLooseReasoning(input, notes) }
}

function isInstruction(text: string): boolean {
  return text !== '' && !BILLING_LINE.test(text)
}

function messageOf(
  role: 'system' | 'developer' | 'user' | 'assistant',
  content: JsonObject[],
): JsonObject {
  return { type: 'message', role, content }
}

function inputText(text: string): JsonObject {
  return { type: 'input_text', text }
}

function encodeParts(parts: readonly UserPart[], path: string): JsonObject[] {
  return parts.map((part, index) => {
    switch (part.type) {
      case 'text':
        return inputText(part.text)
      case 'image':
        return encodeImage(part, `${path}.content[${index}]`)
      case 'document':
        return encodeDocument(part, `${path}.content[${index}]`)
      default:
        return part satisfies never
    }
  })
}

function encodeImage(part: ImagePart, path: string): JsonObject {
  const { source } = part
  if (source.kind === 'file')
    throw untranslatable(path, 'This image is a file at another provider.')
  const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`
  return { type: 'input_image', image_url: url, detail: part.detail ?? 'auto' }
}

function encodeDocument(part: DocumentPart, path: string): JsonObject {
  const { source, title } = part
  switch (source.kind) {
    case 'text':
      return inputText(title === undefined ? source.text : `${title}\n\n${source.text}`)
    case 'base64':
      return {
        type: 'input_file',
        filename: title ?? 'document.pdf',
        file_data: `data:${source.mediaType};base64,${source.data}`,
      }
    case 'url':
      return title === undefined
        ? { type: 'input_file', file_url: source.url }
        : { type: 'input_file', filename: title, file_url: source.url }
    case 'file':
      throw untranslatable(path, 'This document is a file at another provider.')
    default:
      return source satisfies never
  }
}

/** One assistant turn as items, in the order in which the model produced them. */
function encodeTurn(
  message: AssistantMessage,
  customCalls: Set<string>,
  notes: Notes,
): JsonObject[] {
  const items: JsonObject[] = []
  let content: JsonObject[] | undefined
  for (const part of message.parts) {
    switch (part.type) {
      case 'text':
      case 'refusal': {
        if (part.text === '') break
        if (content === undefined) {
          content = []
          items.push(messageOf('assistant', content))
        }
        content.push(encodeSaid(part))
        break
      }
      case 'reasoning': {
        const item = unsealReasoning(part)
        if (item === undefined) {
          notes.announce('messages.reasoning', 'dropped')
          break
        }
        content = undefined
        items.push(item)
        break
      }
      case 'tool-call': {
        content = undefined
        const call = { call_id: shorten(part.id), name: shorten(part.name) }
        if (part.kind === 'custom') {
          customCalls.add(part.id)
          items.push({ type: 'custom_tool_call', ...call, input: part.input })
        } else {
          customCalls.delete(part.id)
          const written = part.input === '' ? '{}' : part.input
          items.push({ type: 'function_call', ...call, arguments: written })
        }
        break
      }
    }
  }
  return items
}

function encodeSaid(
  part: TextPart | { readonly type: 'refusal'; readonly text: string },
): JsonObject {
  return part.type === 'refusal'
    ? { type: 'refusal', refusal: part.text }
    : { type: 'output_text', text: part.text }
}

function encodeResult(
  message: ToolMessage,
  customCalls: ReadonlySet<string>,
  path: string,
  notes: Notes,
): JsonObject {
  let { parts } = message
  const [first] = parts
  const saysSo = first?.type === 'text' && first.text.startsWith('Error')
  if (message.isError && !saysSo) {
    // There is no field for it.
    notes.add('messages.is_error', 'adapted')
    parts =
      first?.type === 'text'
        ? [{ ...first, text: `Error: ${first.text}` }, ...parts.slice(1)]
        : [{ type: 'text', text: 'Error:' }, ...parts]
  }
  const [only, ...more] = parts
  const plain =
    only === undefined ? '' : only.type === 'text' && more.length === 0 ? only.text : undefined
  return {
    type: customCalls.has(message.callId) ? 'custom_tool_call_output' : 'function_call_output',
    call_id: shorten(message.callId),
    output: plain ?? encodeParts(parts, path),
  }
}

const LED_TO: ReadonlySet<unknown> = new Set(['message', 'function_call', 'custom_tool_call'])

/**
 * A reasoning item must stand before the item it led to; one that led to nothing, because its turn was cut
 * short, is a 400.
 */
function dropLooseReasoning(items: readonly JsonObject[], notes: Notes): JsonObject[] {
  const kept: JsonObject[] = []
  let followed = false
  for (const item of items.toReversed()) {
    if (item['type'] === 'reasoning') {
      if (!followed) {
        notes.announce('messages.reasoning', 'dropped')
        continue
      }
    } else {
      followed =
        LED_TO.has(item['type']) && (item['type'] !== 'message' || item['role'] === 'assistant')
    }
    kept.push(item)
  }
  return kept.toReversed()
}
