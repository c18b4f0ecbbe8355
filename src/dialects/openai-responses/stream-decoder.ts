/**
 * A provider's Responses stream → neutral events (wire-formats F.4, F.5). Items are given out one after the
 * other: what arrives for a later item while an earlier one is open waits, so that blocks never
 * interleave. Whatever a delta did not say is taken from the item's end, and from the response's.
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import {
  isJsonObject,
  readArray,
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
import { readFailureEvent, throwBodyError, upstreamFailure } from './error.ts'
import { madeUpCallId } from './ids.ts'
import { readReasoningTexts, sealReasoning, SUMMARY_GAP } from './reasoning.ts'
import { decodeFinish, readCallId, readCallInput, readCallName, throwFailure } from './reply.ts'
import { findUsage } from './usage.ts'

type Kind = 'message' | 'reasoning' | 'call' | 'other'

interface Item {
  readonly kind: Kind
  /** What is not yet given out because an earlier item is open. */
  events: ChatEvent[]
  done: boolean
  /** Text, reasoning or input told so far; what the item's end repeats is compared with it. */
  told: string
  refusal: string
  /** Number of the summary part that was told last. */
  part: number
  /** Calls only: their number, and whether their start was told. */
  call: number
  begun: boolean
  custom: boolean
}

const OPEN_BRACE = 0x7b

/** What differs from one delta to the next, and what stands beside it. */
const WORDS: readonly ShapePath[] = [['delta']]
const BESIDE: readonly ShapePath[] = [['sequence_number'], ['obfuscation']]

/** A decoder for one stream. */
export function createStreamDecoder(): StreamDecoder {
  const readJson = createShapeReader(WORDS, BESIDE)
  const items: Item[] = []
  const byId = new Map<string, Item>()
  const byIndex = new Map<number, Item>()
  // The item that is given out as it comes.
  let current = 0
  let calls = 0
  let started = false
  let responseId = ''

  function add(kind: Kind, id: string | undefined, index: number | undefined): Item {
    const item: Item = {
      kind,
      events: [],
      // The provider's own tools say nothing to the caller.
      done: kind === 'other',
      told: '',
      refusal: '',
      part: 0,
      call: kind === 'call' ? calls : -1,
      begun: false,
      custom: false,
    }
    if (kind === 'call') calls += 1
    items.push(item)
    if (id !== undefined) byId.set(id, item)
    if (index !== undefined) byIndex.set(index, item)
    return item
  }

  /** The item an event is about. Some servers give every item index 0, others a new id in every event. */
  function find(event: JsonObject, kind: Kind, item?: JsonObject): Item {
    const id = readText(event['item_id']) ?? readText(item?.['id'])
    const index = readCount(event['output_index'])
    const known =
      (id === undefined ? undefined : byId.get(id)) ??
      (index === undefined ? items.at(-1) : byIndex.get(index))
    return known?.kind === kind ? known : add(kind, id, index)
  }

  /** The item a delta belongs to. A message goes on in a new item; a call that was complete cannot. */
  function findOpen(event: JsonObject, kind: Kind, delta: string): Item {
    const item = find(event, kind)
    if (!item.done || delta.trim() === '') return item
    if (kind === 'call') {
      throw new ProxyError(
        'upstream_protocol',
        'The provider went on with a tool call after it was complete.',
      )
    }
    return add(kind, readText(event['item_id']), readCount(event['output_index']))
  }

  function drain(): ChatEvent[] {
    let events: ChatEvent[] = []
    for (;;) {
      const item = items[current]
      // Arguments may come before the name: they follow it.
      if (item === undefined || (item.kind === 'call' && !item.begun)) return events
      if (item.events.length > 0) {
        events = events.length === 0 ? item.events : [...events, ...item.events]
        item.events = []
      }
      if (!item.done) return events
      current += 1
    }
  }

  function beginCall(item: Item, told: JsonObject): void {
    const name = readCallName(told)
    if (item.begun || name === '') return
    item.begun = true
    item.custom = told['type'] === 'custom_tool_call'
    item.events.unshift({
      type: 'tool-start',
      call: item.call,
      id: readCallId(told) ?? madeUpCallId(responseId, item.call),
      name,
      kind: item.custom ? 'custom' : 'function',
    })
  }

  function tell(item: Item, text: string): void {
    if (item.done || text === '') return
    item.told += text
    switch (item.kind) {
      case 'message':
        item.events.push({ type: 'text', text })
        break
      case 'reasoning':
        item.events.push({ type: 'reasoning', text })
        break
      case 'call':
        item.events.push({ type: 'tool-input', call: item.call, text })
        break
      case 'other':
        break
    }
  }

  function tellRefusal(item: Item, text: string): void {
    if (item.done || text === '') return
    item.refusal += text
    item.events.push({ type: 'refusal', text })
  }

  function tellSummary(item: Item, part: number, text: string): void {
    if (text === '') return
    tell(item, item.told !== '' && part !== item.part ? SUMMARY_GAP + text : text)
    item.part = part
  }

  /** The item is complete as `told` has it; without it, as the deltas left it. */
  function endItem(item: Item, told: JsonObject): void {
    if (item.done) return
    switch (item.kind) {
      case 'message': {
        const parts = readArray(told['content']).map((part) => readObject(part) ?? {})
        const text = parts.map((part) => readString(part['text']) ?? '').join('')
        tell(item, rest(text, item.told))
        const refusal = parts.map((part) => readString(part['refusal']) ?? '').join('')
        tellRefusal(item, rest(refusal, item.refusal))
        break
      }
      case 'reasoning': {
        const texts = readReasoningTexts(told)
        tell(item, rest(texts.join(SUMMARY_GAP), item.told))
        const signature = sealReasoning(told, texts)
        if (signature !== undefined) item.events.push({ type: 'reasoning-end', signature })
        else if (item.told !== '') item.events.push({ type: 'reasoning-end' })
        break
      }
      case 'call':
        beginCall(item, told)
        tell(item, rest(readCallInput(told), item.told))
        if (!item.begun) {
          throw new ProxyError('upstream_protocol', 'The provider sent a tool call without a name.')
        }
        item.events.push({ type: 'tool-end', call: item.call })
        break
      case 'other':
        break
    }
    item.done = true
  }

  function start(response: JsonObject): ChatEvent[] {
    if (started) return []
    started = true
    responseId = readString(response['id']) ?? ''
    return [
      {
        type: 'start',
        id: responseId,
        model: readString(response['model']) ?? '',
        created: readCount(response['created_at']) || undefined,
        usage: undefined,
      },
    ]
  }

  function close(response: JsonObject): ChatEvent[] {
    const events = start(response)
    const output = readArray(response['output'])
    // A server that sends nothing but the end sends the answer in it.
    if (items.length === 0) {
      for (const [index, value] of output.entries()) {
        const item = readObject(value) ?? {}
        endItem(add(kindOf(item), readText(item['id']), index), item)
      }
    }
    for (const [index, item] of items.entries()) {
      const told = output.length === items.length ? readObject(output[index]) : undefined
      endItem(item, told !== undefined && kindOf(told) === item.kind ? told : {})
    }
    events.push(...drain())
    decoder.finished = true
    events.push({
      type: 'finish',
      finish: decodeFinish(
        response,
        items.map(({ kind, refusal }) =>
          kind === 'call' ? { type: 'tool-call' } : { type: 'refusal', text: refusal },
        ),
      ),
      usage: findUsage(response),
      serviceTier: readText(response['service_tier']),
    })
    return events
  }

  function readEvent(type: string, event: JsonObject): ChatEvent[] {
    const text = readString(event['delta']) ?? ''
    switch (type) {
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return start(readObject(event['response']) ?? {})
      case 'response.output_item.added': {
        const told = readObject(event['item']) ?? {}
        const kind = kindOf(told)
        const item = add(kind, readText(told['id']), readCount(event['output_index']))
        if (kind === 'call') beginCall(item, told)
        break
      }
      case 'response.output_text.delta':
        tell(findOpen(event, 'message', text), text)
        break
      case 'response.refusal.delta':
        tellRefusal(findOpen(event, 'message', text), text)
        break
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta':
        tellSummary(findOpen(event, 'reasoning', text), partOf(event), text)
        break
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        tell(findOpen(event, 'call', text), text)
        break
      case 'response.output_item.done': {
        const told = readObject(event['item']) ?? {}
        endItem(find(event, kindOf(told), told), told)
        break
      }
      case 'response.completed':
      case 'response.incomplete':
        return close(readTerminal(event))
      case 'response.failed':
      case 'response.cancelled':
      case 'error':
        throw upstreamFailure(readFailureEvent(event))
      default:
        // Ends of parts repeat what their item's end says; everything else is not ours to tell.
        return []
    }
    return started ? drain() : [...start({}), ...drain()]
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
      // Not part of this API's grammar; some servers end with it all the same.
      if (event.data.charCodeAt(0) !== OPEN_BRACE && event.data.trim() === '[DONE]') {
        throw truncated(started)
      }
      const value = objectOf(event, readJson(event.data))
      return readEvent(readText(value['type']) ?? event.event, value)
    },
    end() {
      if (decoder.finished) return []
      throw truncated(started)
    },
  }
  return decoder
}

/** What the whole says beyond what the deltas said. */
function rest(whole: string, told: string): string {
  return whole.slice(0, told.length) === told ? whole.slice(told.length) : ''
}

/** Which of several summaries, or raw texts, a delta belongs to. */
function partOf(event: JsonObject): number {
  return readCount(event['summary_index']) ?? readCount(event['content_index']) ?? 0
}

function truncated(started: boolean): ProxyError {
  return new ProxyError(
    'upstream_truncated',
    started
      ? 'The provider ended its stream in the middle of the reply.'
      : 'The provider sent an empty stream.',
  )
}

function kindOf(item: JsonObject): Kind {
  switch (item['type']) {
    case 'message':
    case 'reasoning':
      return item['type']
    case 'function_call':
    case 'custom_tool_call':
      return 'call'
    default:
      return 'other'
  }
}

/** The response object of a terminal event. Throws where it tells a failure after all. */
function readTerminal(event: JsonObject): JsonObject {
  const response = readObject(event['response'])
  if (response === undefined) {
    throw new ProxyError(
      'upstream_protocol',
      'The provider ended its stream without a response object.',
    )
  }
  throwFailure(response)
  return response
}

function objectOf(event: SseEvent, parsed: JsonValue | undefined): JsonObject {
  const value = Array.isArray(parsed) ? parsed[0] : parsed
  if (isJsonObject(value)) {
    // An error body in the place of an event.
    if (readText(value['type']) === undefined && event.event === '') throwBodyError(value)
    return value
  }
  if (event.event === 'error') return { type: 'error', error: event.data }
  throw new ProxyError('upstream_protocol', 'The provider sent an event that is not JSON.')
}
