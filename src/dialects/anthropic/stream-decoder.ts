/**
 * A provider's Messages stream → neutral events (wire-formats C.1, C.2).
 * Reference: https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import {
  isJsonObject,
  parseJson,
  readCount,
  readObject,
  readString,
  readText,
} from '../../wire/json.ts'
import { createShapeReader } from '../../wire/json-shape.ts'
import type { ShapePath } from '../../wire/json-shape.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareError } from '../bare-error.ts'
import type { StreamDecoder, Writable } from '../dialect.ts'
import type { ChatEvent, JsonObject, JsonValue } from '../neutral.ts'
import { throwBodyError } from './error.ts'
import { decodeFinish, decodeServiceTier } from './reply.ts'
import { emptyCounts, mergeCounts, toUsage } from './usage.ts'

/** One content block, by its index. `ignored`: done by a server; its deltas are not for the caller. */
type Block =
  | { readonly kind: 'text' }
  | { readonly kind: 'thinking'; signature: string | undefined }
  | {
      readonly kind: 'tool'
      readonly call: number
      /** Input that came with the start, for servers that stream none. */
      readonly given: JsonObject | undefined
      /** Its input so far, as JSON text. */
      json: string
    }
  | { readonly kind: 'ignored' }

/** What differs from one delta to the next. */
const WORDS: readonly ShapePath[] = [
  ['delta', 'text'],
  ['delta', 'partial_json'],
  ['delta', 'thinking'],
]

/** A decoder for one stream. */
export function createStreamDecoder(): StreamDecoder {
  const readJson = createShapeReader(WORDS)
  const blocks = new Map<number, Block>()
  const counts = emptyCounts()
  let started = false
  // Calls are counted apart from blocks: thinking and text before them have indices too.
  let calls = 0
  let stopSeen = false
  let stopReason: JsonValue | undefined
  let stopSequence: JsonValue | undefined
  let stopDetails: JsonValue | undefined
  let serviceTier: string | undefined
  // The call that is being told. Official servers tell one block at a time; what others say of the next
  // block before the call is over waits for it, because our events keep each call together.
  let telling: number | undefined
  const waiting = new Map<number, { readonly events: ChatEvent[]; over: boolean }>()

  /** The events of one block in their turn: now, or with those of an earlier call's end. */
  function inTurn(index: number, events: ChatEvent[], over: boolean): ChatEvent[] {
    const held = waiting.size === 0 ? undefined : waiting.get(index)
    if (held !== undefined) {
      held.events.push(...events)
      held.over ||= over
      return []
    }
    if (telling !== undefined && telling !== index) {
      const told = blocks.get(telling)
      if (told?.kind === 'tool' && !isWhole(told.json)) {
        waiting.set(index, { events, over })
        return []
      }
      // Its input is whole: some servers never say that a block is over.
      telling = undefined
    }
    if (over) telling = undefined
    else if (blocks.get(index)?.kind === 'tool') telling = index
    if (telling === undefined && waiting.size > 0) events.push(...release())
    return events
  }

  /** What waits, up to the next call that is not over. */
  function release(): ChatEvent[] {
    const events: ChatEvent[] = []
    for (const [index, held] of waiting) {
      waiting.delete(index)
      events.push(...held.events)
      if (!held.over && blocks.get(index)?.kind === 'tool') {
        telling = index
        break
      }
    }
    return events
  }

  function start(message: JsonObject | undefined): ChatEvent[] {
    if (started) return []
    started = true
    mergeCounts(counts, message?.['usage'])
    serviceTier = decodeServiceTier(message?.['usage'])
    const usage = toUsage(counts)
    return [
      {
        type: 'start',
        id: readString(message?.['id']) ?? '',
        model: readString(message?.['model']) ?? '',
        created: undefined,
        // The output count of the start is a placeholder, not a count.
        usage:
          usage === undefined
            ? undefined
            : { ...usage, completionTokens: undefined, totalTokens: undefined },
      },
    ]
  }

  /** A server may leave out the start. */
  function begun(events: ChatEvent[]): ChatEvent[] {
    return started ? events : [...start(undefined), ...events]
  }

  function openBlock(index: number, content: JsonObject | undefined): ChatEvent[] {
    switch (readString(content?.['type'])) {
      case 'text': {
        blocks.set(index, { kind: 'text' })
        const text = readText(content?.['text'])
        return text === undefined ? [] : [{ type: 'text', text }]
      }
      case 'thinking': {
        blocks.set(index, { kind: 'thinking', signature: readText(content?.['signature']) })
        const text = readText(content?.['thinking'])
        return text === undefined ? [] : [{ type: 'reasoning', text }]
      }
      case 'redacted_thinking':
        blocks.set(index, { kind: 'ignored' })
        return [{ type: 'reasoning-end', redacted: readString(content?.['data']) ?? '' }]
      case 'tool_use': {
        const call = calls
        calls += 1
        const given = readObject(content?.['input'])
        blocks.set(index, { kind: 'tool', call, given, json: '' })
        return [
          {
            type: 'tool-start',
            call,
            id: readString(content?.['id']) ?? '',
            name: readString(content?.['name']) ?? '',
            kind: 'function',
          },
        ]
      }
      default:
        blocks.set(index, { kind: 'ignored' })
        return []
    }
  }

  function readDelta(index: number, delta: JsonObject | undefined): ChatEvent[] {
    const type = readString(delta?.['type'])
    let block = blocks.get(index)
    if (block === undefined) {
      // Official servers never do this; text and thinking can be understood all the same.
      if (type === 'text_delta') block = { kind: 'text' }
      else if (type === 'thinking_delta') block = { kind: 'thinking', signature: undefined }
      else if (type === 'input_json_delta') {
        throw new ProxyError(
          'upstream_protocol',
          'The provider sent tool input before its tool call.',
        )
      } else return []
      blocks.set(index, block)
    }
    switch (block.kind) {
      case 'text': {
        const text = type === 'text_delta' ? readText(delta?.['text']) : undefined
        return text === undefined ? [] : [{ type: 'text', text }]
      }
      case 'thinking': {
        if (type === 'signature_delta') {
          block.signature = (block.signature ?? '') + (readString(delta?.['signature']) ?? '')
          return []
        }
        const text = type === 'thinking_delta' ? readText(delta?.['thinking']) : undefined
        return text === undefined ? [] : [{ type: 'reasoning', text }]
      }
      case 'tool': {
        const text = type === 'input_json_delta' ? readText(delta?.['partial_json']) : undefined
        if (text === undefined) return []
        block.json += text
        return [{ type: 'tool-input', call: block.call, text }]
      }
      case 'ignored':
        return []
      default:
        return block satisfies never
    }
  }

  function closeBlock(index: number): ChatEvent[] {
    const block = blocks.get(index)
    if (block === undefined) return []
    blocks.delete(index)
    if (block.kind === 'thinking') {
      return [{ type: 'reasoning-end', signature: block.signature || undefined }]
    }
    if (block.kind !== 'tool') return []
    const events: ChatEvent[] = []
    if (block.json === '' && block.given !== undefined && Object.keys(block.given).length > 0) {
      events.push({ type: 'tool-input', call: block.call, text: JSON.stringify(block.given) })
    }
    events.push({ type: 'tool-end', call: block.call })
    return events
  }

  function readMessageDelta(event: JsonObject): ChatEvent[] {
    mergeCounts(counts, event['usage'])
    const delta = readObject(event['delta'])
    if (readText(delta?.['stop_reason']) !== undefined) {
      stopSeen = true
      stopReason = delta?.['stop_reason']
      stopSequence = delta?.['stop_sequence']
      stopDetails = delta?.['stop_details'] ?? stopDetails
    }
    return []
  }

  function finish(): ChatEvent[] {
    decoder.finished = true
    const open = [...blocks.keys()].flatMap((index) => inTurn(index, closeBlock(index), true))
    return [
      ...open,
      ...release(),
      {
        type: 'finish',
        finish: decodeFinish(stopReason, stopSequence, stopDetails, calls > 0),
        usage: toUsage(counts),
        serviceTier,
      },
    ]
  }

  const decoder: Writable<StreamDecoder> = {
    finished: false,
    push(event) {
      if (decoder.finished) return []
      if (event.data === '') {
        const bare = readBareError(event)
        if (bare !== undefined) throwBodyError(bare)
        return []
      }
      const body = readEvent(event, readJson(event.data))
      const index = readCount(body['index']) ?? 0
      // The type in the data counts; the event's name stands in where it is missing.
      switch (readString(body['type']) ?? event.event) {
        case 'message_start':
          return start(readObject(body['message']))
        case 'content_block_start':
          return begun(inTurn(index, openBlock(index, readObject(body['content_block'])), false))
        case 'content_block_delta':
          return begun(inTurn(index, readDelta(index, readObject(body['delta'])), false))
        case 'content_block_stop':
          return inTurn(index, closeBlock(index), true)
        case 'message_delta':
          return readMessageDelta(body)
        case 'message_stop':
          return begun(finish())
        case 'error':
          throwBodyError({
            ...body,
            error: body['error'] ?? 'The provider reported an error without a message.',
          })
          return []
        default:
          throwBodyError(body)
          return []
      }
    },
    end() {
      if (decoder.finished) return []
      // A stop reason was told: nothing but the closing event is missing.
      if (stopSeen) return begun(finish())
      throw new ProxyError(
        'upstream_truncated',
        started
          ? 'The provider ended its stream in the middle of the reply.'
          : 'The provider sent an empty stream.',
      )
    },
  }
  return decoder
}

/** The input of a call needs no more of it. The last character is looked at before all of it is read. */
function isWhole(json: string): boolean {
  return json.endsWith('}') && parseJson(json) !== undefined
}

/** One event's data as an object. */
function readEvent(event: SseEvent, body: JsonValue | undefined): JsonObject {
  if (isJsonObject(body)) return body
  if (event.event === 'error') return { type: 'error', error: event.data }
  throw new ProxyError('upstream_protocol', 'The provider sent an event that is not JSON.')
}
