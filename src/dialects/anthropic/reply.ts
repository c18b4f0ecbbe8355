/** A whole Anthropic Message → neutral (wire-formats B). */
import { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, readArray, readObject, readString, readText } from '../../wire/json.ts'
import type {
  AssistantPart,
  ChatReply,
  Finish,
  JsonObject,
  JsonValue,
  TokenUsage,
  UrlCitation,
} from '../neutral.ts'
import { throwBodyError } from './error.ts'
import { decodeUsage } from './usage.ts'

/**
 * A provider's Message. Throws ProxyError `upstream_error` for an error that came with status 200,
 * `upstream_protocol` where there is no answer in it.
 */
export function decodeReply(body: JsonObject): ChatReply {
  throwBodyError(body)
  const content = body['content']
  if (!Array.isArray(content)) {
    throw new ProxyError('upstream_protocol', 'The provider sent a reply without an answer in it.')
  }
  const parts = content.flatMap(decodeBlock)
  return {
    id: readString(body['id']) ?? '',
    model: readString(body['model']) ?? '',
    created: undefined,
    parts,
    finish: decodeFinish(
      body['stop_reason'],
      body['stop_sequence'],
      body['stop_details'],
      parts.some((part) => part.type === 'tool-call'),
    ),
    usage: decodeUsage(body['usage']),
    serviceTier: decodeServiceTier(body['usage']),
  }
}

/** One content block. What a server did for the model, and types nobody knows, is left out. */
function decodeBlock(value: JsonValue): AssistantPart[] {
  const block = readObject(value)
  switch (readString(block?.['type'])) {
    case 'text': {
      const text = readString(block?.['text']) ?? ''
      const citations = readArray(block?.['citations']).flatMap(decodeCitation)
      if (text === '') return []
      return [citations.length === 0 ? { type: 'text', text } : { type: 'text', text, citations }]
    }
    case 'thinking':
      return [
        {
          type: 'reasoning',
          text: readString(block?.['thinking']) ?? '',
          signature: readText(block?.['signature']),
        },
      ]
    case 'redacted_thinking':
      return [{ type: 'reasoning', text: '', redacted: readString(block?.['data']) ?? '' }]
    case 'tool_use':
      return [
        {
          type: 'tool-call',
          id: readString(block?.['id']) ?? '',
          name: readString(block?.['name']) ?? '',
          kind: 'function',
          input: JSON.stringify(block?.['input'] ?? {}),
        },
      ]
    default:
      return []
  }
}

function decodeCitation(value: JsonValue): UrlCitation[] {
  if (!isJsonObject(value) || value['type'] !== 'web_search_result_location') return []
  const url = readText(value['url'])
  return url === undefined ? [] : [{ url, title: readText(value['title']) }]
}

/** Why it ended. The stop reason decides, not the mere presence of a call (wire-formats B.3). */
export function decodeFinish(
  stopReason: JsonValue | undefined,
  stopSequence: JsonValue | undefined,
  stopDetails: JsonValue | undefined,
  called: boolean,
): Finish {
  switch (stopReason) {
    case 'end_turn':
    case 'compaction':
      return { reason: 'stop' }
    case 'stop_sequence':
      return { reason: 'stop-sequence', stopSequence: readText(stopSequence) }
    case 'max_tokens':
      return { reason: 'length' }
    case 'model_context_window_exceeded':
      return { reason: 'context-window' }
    case 'tool_use':
      return { reason: 'tool-calls' }
    case 'refusal':
      return { reason: 'refusal', explanation: readText(readObject(stopDetails)?.['explanation']) }
    case 'pause_turn':
      return { reason: 'pause' }
    default:
      return { reason: called ? 'tool-calls' : 'other' }
  }
}

/** `usage.service_tier` in OpenAI's words. */
export function decodeServiceTier(usage: JsonValue | undefined): string | undefined {
  switch (readObject(usage)?.['service_tier']) {
    case 'standard':
      return 'default'
    case 'priority':
      return 'priority'
    default:
      return undefined
  }
}

/** Usage and served model of a relayed reply. Throws `upstream_error` for an error that came with status 200. */
export function readReply(body: JsonObject): {
  usage: TokenUsage | undefined
  model: string | undefined
} {
  throwBodyError(body)
  return { usage: decodeUsage(body['usage']), model: readText(body['model']) }
}
