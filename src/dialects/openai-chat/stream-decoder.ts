/**
 * A provider's Chat Completions stream → neutral events. Tolerant of every deviation in wire-formats H:
 * all fields are optional, unknown ones are ignored, `null` is absent.
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, readArray, readCount, readObject, readText } from '../../wire/json.ts'
import { createShapeReader } from '../../wire/json-shape.ts'
import type { ShapePath } from '../../wire/json-shape.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareError } from '../bare-error.ts'
import type { StreamDecoder, Writable } from '../dialect.ts'
import type { ChatEvent, FinishReason, JsonObject, JsonValue, TokenUsage } from '../neutral.ts'
import { createCallAssembly } from './calls.ts'
import { finishError, throwBodyError } from './error.ts'
import { mapFinishFromWire } from './finish.ts'
import { readContent, readFirstChoice, readReasoningText, resolveFinish } from './reply.ts'
import { findUsage } from './usage.ts'

const OPEN_BRACE = 0x7b

/** What differs from one chunk to the next, and a padding of random length that OpenAI puts beside it. */
const WORDS: readonly ShapePath[] = [
  ['choices', 0, 'delta', 'content'],
  ['choices', 0, 'delta', 'reasoning_content'],
  ['choices', 0, 'delta', 'reasoning'],
  ['choices', 0, 'delta', 'tool_calls', 0, 'function', 'arguments'],
]
const BESIDE: readonly ShapePath[] = [['obfuscation']]

/** A decoder for one stream. */
export function createStreamDecoder(): StreamDecoder {
  const readJson = createShapeReader(WORDS, BESIDE)
  const calls = createCallAssembly()
  let started = false
  let id = ''
  // A reasoning block is open and must be closed before anything else begins.
  let reasoning = false
  let refusal = ''
  // Text that came while a call was incomplete: blocks must not interleave, so it follows the calls.
  let heldText = ''
  let finish: FinishReason | undefined
  let stopSequence: string | undefined
  let usage: TokenUsage | undefined
  let serviceTier: string | undefined

  function endReasoning(events: ChatEvent[]): void {
    if (!reasoning) return
    reasoning = false
    events.push({ type: 'reasoning-end' })
  }

  function readDelta(delta: JsonObject): ChatEvent[] {
    const events: ChatEvent[] = []
    const content = readContent(delta['content'])
    // Order within one chunk: reasoning, content, calls (vLLM sends them together).
    const thought = readReasoningText(delta) || content.reasoning
    if (thought !== '') {
      if (!calls.busy()) events.push(...calls.flush())
      reasoning = true
      events.push({ type: 'reasoning', text: thought })
    }
    if (content.text !== '') {
      endReasoning(events)
      if (calls.busy()) {
        heldText += content.text
      } else {
        if (calls.any()) events.push(...calls.flush())
        events.push({ type: 'text', text: content.text })
      }
    }
    const declined = readText(delta['refusal'])
    if (declined !== undefined) {
      refusal += declined
      endReasoning(events)
      events.push(...calls.flush(), { type: 'refusal', text: declined })
    }
    for (const fragment of readArray(delta['tool_calls'])) {
      endReasoning(events)
      events.push(...calls.push(fragment, id))
    }
    if (isJsonObject(delta['function_call'])) {
      endReasoning(events)
      events.push(...calls.pushLegacy(delta['function_call'], id))
    }
    return events.length < 2 ? events : joinInputs(events)
  }

  /** The first chunk of the reply itself: Azure begins with one of no choices and no id, about its filter. */
  function start(chunk: JsonObject): ChatEvent | undefined {
    const chunkId = readText(chunk['id'])
    if (chunkId === undefined && readArray(chunk['choices']).length === 0) return undefined
    started = true
    id = chunkId ?? ''
    return {
      type: 'start',
      id,
      model: readText(chunk['model']) ?? '',
      created: readCount(chunk['created']) || undefined,
      usage: undefined,
    }
  }

  function readChunk(chunk: JsonObject): ChatEvent[] {
    throwBodyError(chunk)
    const opening = started ? undefined : start(chunk)
    usage = findUsage(chunk) ?? usage
    serviceTier = readText(chunk['service_tier']) ?? serviceTier
    const choice = readFirstChoice(chunk)
    const delta = readObject(choice?.['delta']) ?? readObject(choice?.['message'])
    const told = delta === undefined ? [] : readDelta(delta)
    const word = readText(choice?.['finish_reason'])
    if (word !== undefined) {
      const reason = mapFinishFromWire(word)
      if (reason === 'error') throw finishError(word)
      finish = reason
    }
    stopSequence = readText(choice?.['stop_reason']) ?? stopSequence
    return opening === undefined ? told : [opening, ...told]
  }

  function close(): ChatEvent[] {
    decoder.finished = true
    const events: ChatEvent[] = []
    endReasoning(events)
    events.push(...calls.flush())
    if (heldText !== '') events.push({ type: 'text', text: heldText })
    events.push({
      type: 'finish',
      finish: resolveFinish({
        reason: finish ?? 'other',
        stopSequence,
        called: calls.any(),
        refusal,
      }),
      usage,
      serviceTier,
    })
    return events
  }

  const decoder: Writable<StreamDecoder> = {
    finished: false,
    push(event) {
      if (decoder.finished) return []
      if (event.data === '') {
        throwBareError(event)
        return []
      }
      if (event.data.charCodeAt(0) !== OPEN_BRACE && event.data.trim() === '[DONE]') {
        if (!started && finish === undefined) {
          throw new ProxyError(
            'upstream_protocol',
            'The provider ended its stream before any reply.',
          )
        }
        return close()
      }
      return readChunk(chunkOf(event, readJson(event.data)))
    },
    end() {
      if (decoder.finished) return []
      if (finish !== undefined) return close()
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

/** What one chunk adds to a call's input, in one piece. */
function joinInputs(events: readonly ChatEvent[]): ChatEvent[] {
  const joined: ChatEvent[] = []
  for (const event of events) {
    const last = joined.at(-1)
    if (event.type === 'tool-input' && last?.type === 'tool-input' && last.call === event.call) {
      joined[joined.length - 1] = { ...last, text: last.text + event.text }
    } else {
      joined.push(event)
    }
  }
  return joined
}

/** One chunk as an object. Gemini wraps its errors in an array. */
function chunkOf(event: SseEvent, parsed: JsonValue | undefined): JsonObject {
  const chunk = Array.isArray(parsed) ? parsed[0] : parsed
  if (isJsonObject(chunk)) {
    // LM Studio: `event: error` with the message at the top level.
    if (event.event === 'error' && chunk['error'] === undefined) return { error: chunk }
    return chunk
  }
  if (event.event === 'error') return { error: event.data }
  throw new ProxyError('upstream_protocol', 'The provider sent a chunk that is not JSON.')
}

/** A JSON error body in place of events: its lines have no field names. */
function throwBareError(event: SseEvent): void {
  const body = readBareError(event)
  if (body !== undefined) throwBodyError(body)
}
