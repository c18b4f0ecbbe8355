/**
 * Input tokens of a request that no provider has counted: for `count_tokens` where the target has no
 * such endpoint, and for the head of a stream whose provider tells only at its end. Both are estimates
 * and must be marked as such where they leave.
 */
import { isJsonObject, readArray, readObject, readString } from '../wire/json.ts'
import type { ChatRequest, JsonObject, JsonValue } from './neutral.ts'

// Wire-formats D.7: too low a number makes a client compact its conversation too late, so the divisor is
// that of code, which has fewer characters to a token than prose.
const BYTES_PER_TOKEN_AT_MOST = 3.5
const TOKENS_PER_MESSAGE = 3
const TOKENS_PER_IMAGE = 1600
// A page is counted as its text and its picture; nothing but its size tells how many there are.
const TOKENS_PER_PAGE = 3000
const BYTES_PER_PAGE = 50_000
// A document that only its URL is known of.
const PAGES_UNSEEN = 10
// Wire-formats C.3, for what is corrected a moment later.
const BYTES_PER_TOKEN = 4

/** What is no text, and costs by number. */
interface Attachments {
  images: number
  pages: number
}

/**
 * `input_tokens` of a Messages body (`system`, `messages`, `tools`), erring upwards. Never throws,
 * whatever the body holds.
 */
export function estimateInputTokens(body: JsonObject): number {
  const attachments: Attachments = { images: 0, pages: 0 }
  let bytes = 0
  for (const field of ['system', 'messages', 'tools']) {
    const value = body[field]
    if (value !== undefined && value !== null) bytes += measureJson(value, attachments)
  }
  return (
    Math.ceil(bytes / BYTES_PER_TOKEN_AT_MOST) +
    readArray(body['messages']).length * TOKENS_PER_MESSAGE +
    costOf(attachments)
  )
}

/** Bytes of the value's JSON text without what a model does not read as text. */
function measureJson(value: JsonValue, attachments: Attachments): number {
  // In a list, so that there is always a text.
  const text = JSON.stringify([value], (key, member: JsonValue) => {
    // Neither the marks of a cache nor opaque signatures are put before the model.
    if (key === 'cache_control' || key === 'signature') return undefined
    if (!isJsonObject(member)) return member
    if (member['type'] === 'redacted_thinking') return undefined
    if (member['type'] === 'image') {
      attachments.images += 1
      return undefined
    }
    if (member['type'] === 'document') {
      const source = readObject(member['source'])
      if (source?.['type'] === 'url' || source?.['type'] === 'file') {
        attachments.pages += PAGES_UNSEEN
      }
      return member
    }
    if (member['type'] === 'base64') {
      attachments.pages += pagesOf(readString(member['data']) ?? '')
      return undefined
    }
    return member
  })
  return Buffer.byteLength(text, 'utf8')
}

function pagesOf(base64: string): number {
  return Math.max(1, Math.ceil((base64.length * 3) / 4 / BYTES_PER_PAGE))
}

function costOf({ images, pages }: Attachments): number {
  return images * TOKENS_PER_IMAGE + pages * TOKENS_PER_PAGE
}

/** Prompt tokens of a decoded request, near the middle: the exact number follows with the reply's end. */
export function estimateRequestTokens(request: ChatRequest): number {
  const attachments: Attachments = { images: 0, pages: 0 }
  let bytes = 0
  const add = (text: string | undefined): void => {
    if (text !== undefined) bytes += Buffer.byteLength(text, 'utf8')
  }
  for (const message of request.messages) {
    for (const part of message.parts) {
      switch (part.type) {
        case 'text':
        case 'refusal':
          add(part.text)
          break
        case 'tool-call':
          add(part.name)
          add(part.input)
          break
        case 'image':
          attachments.images += 1
          break
        case 'document':
          add(part.title)
          if (part.source.kind === 'text') add(part.source.text)
          else {
            attachments.pages +=
              part.source.kind === 'base64' ? pagesOf(part.source.data) : PAGES_UNSEEN
          }
          break
        case 'reasoning':
          // Thinking of earlier turns is not put before the model again, with few exceptions.
          break
      }
    }
  }
  for (const tool of request.tools) {
    add(tool.name)
    add(tool.description)
    if (tool.schema !== undefined) add(JSON.stringify(tool.schema))
  }
  return Math.ceil(bytes / BYTES_PER_TOKEN) + costOf(attachments)
}
