/**
 * A provider's Chat Completions stream → neutral events. Tolerant of every deviation in wire-formats H:
 * all fields are optional, unknown ones are ignored, `null` is absent.
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import {
  isJsonObject,
  parseJson,
  readArray,
  readCount,
  readObject,
  readText,
} from '../../wire/json.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareError } from '../bare-error.ts'
import type { StreamDecoder } from '../dialect.ts'
import type { ChatEvent, FinishReason, JsonObject, TokenUsage } from '../neutral.ts'
import { createCallAssembly } from './calls.ts'
import { finishError, throwBodyError } from './error.ts'
import { mapFinishFromWire } from './finish.ts'
import { readContent, readReasoningText, resolveFinish } from './reply.ts'
import { findUsage } from './usage.ts'

/** A decoder for one stream. */
export function createStreamDecoder(): StreamDecoder {
  const calls = createCallAssembly()
  let started = false
  let finished = false
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

  function endReasoning(): ChatEvent[] {
    if (!reasoning) return []
    reasoning = false
    return [{ type: 'reasoning-end' }]
  }

  function readDelta(delta: JsonObject): ChatEvent[] {
    const events: ChatEvent[] = []
    const content = readContent(delta['content'])
    // Order within one chunk: reasoning, content, calls (vLLM sends them together).
    const thought = readReasoningText(delta) || content.reasoning
    if (thought !== '') {
      if (!calls.busy) events.push(...calls.flush())
      reasoning = true
      events.push({ type: 'reasoning', text: thought })
    }
    if (content.text !== '') {
      events.push(...endReasoning())
      if (calls.busy) {
        heldText += content.text
      } else {
        events.push(...calls.flush(), { type: 'text', text: content.text })
      }
    }
    const declined = readText(delta['refusal'])
    if (declined !== undefined) {
      refusal += declined
      events.push(...endReasoning(), ...calls.flush(), { type: 'refusal', text: declined })
    }
    for (const fragment of readArray(delta['tool_calls'])) {
      events.push(...endReasoning(), ...calls.push(fragment, id))
    }
    if (isJsonObject(delta['function_call'])) {
      events.push(...endReasoning(), ...calls.pushLegacy(delta['function_call'], id))
    }
    return joinInputs(events)
  }

  function readChunk(chunk: JsonObject): ChatEvent[] {
    throwBodyError(chunk)
    const events: ChatEvent[] = []
    const choices = readArray(chunk['choices'])
    const chunkId = readText(chunk['id'])
    // Azure begins with a chunk of no choices and no id, about its content filter.
    if (!started && (chunkId !== undefined || choices.length > 0)) {
      started = true
      id = chunkId ?? ''
      events.push({
        type: 'start',
        id,
        model: readText(chunk['model']) ?? '',
        created: readCount(chunk['created']) || undefined,
        usage: undefined,
      })
    }
    usage = findUsage(chunk) ?? usage
    serviceTier = readText(chunk['service_tier']) ?? serviceTier
    const choice = choices
      .map(readObject)
      .find((candidate) => (readCount(candidate?.['index']) ?? 0) === 0)
    if (choice === undefined) return events
    const delta = readObject(choice['delta']) ?? readObject(choice['message'])
    if (delta !== undefined) events.push(...readDelta(delta))
    const word = readText(choice['finish_reason'])
    if (word !== undefined) {
      const reason = mapFinishFromWire(word)
      if (reason === 'error') throw finishError(word)
      finish = reason
    }
    stopSequence = readText(choice['stop_reason']) ?? stopSequence
    return events
  }

  function close(): ChatEvent[] {
    finished = true
    const events: ChatEvent[] = [...endReasoning(), ...calls.flush()]
    if (heldText !== '') events.push({ type: 'text', text: heldText })
    events.push({
      type: 'finish',
      finish: resolveFinish({
        reason: finish ?? 'other',
        stopSequence,
        called: calls.any,
        refusal,
      }),
      usage,
      serviceTier,
    })
    return events
  }

  return {
    push(event) {
      if (finished) return []
      if (event.data === '') {
        throwBareError(event)
        return []
      }
      if (event.data.trim() === '[DONE]') {
        if (!started && finish === undefined) {
          throw new ProxyError(
            'upstream_protocol',
            'The provider ended its stream before any reply.',
          )
        }
        return close()
      }
      return readChunk(parseChunk(event))
    },
    end() {
      if (finished) return []
      if (finish !== undefined) return close()
      throw new ProxyError(
        'upstream_truncated',
        started
          ? 'The provider ended its stream in the middle of the reply.'
          : 'The provider sent an empty stream.',
      )
    },
    get finished() {
      return finished
    },
  }
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
function parseChunk(event: SseEvent): JsonObject {
  const parsed = parseJson(event.data)
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
