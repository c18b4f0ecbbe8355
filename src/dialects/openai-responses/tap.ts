/**
 * Reads a relayed Responses stream along the way. Once content was seen, deltas are counted and not
 * parsed: their event's name, or their first bytes, tell them from all others.
 */
import { isJsonObject, parseJson, readCount, readObject, readText } from '../../wire/json.ts'
import { encodeSse } from '../../wire/sse.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareError } from '../bare-error.ts'
import type { FrameFacts, StreamTap } from '../dialect.ts'
import type { JsonObject, TokenUsage } from '../neutral.ts'
import { decodeInBandError, encodeFailure, readFailureEvent, statusFailure } from './error.ts'
import { responseId } from './ids.ts'
import { encodeResponse } from './response.ts'
import { findUsage } from './usage.ts'

/** Events whose delta is something the model said or did. */
const DELTAS: ReadonlySet<string> = new Set([
  'response.output_text.delta',
  'response.refusal.delta',
  'response.reasoning_summary_text.delta',
  'response.reasoning_text.delta',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
  'response.code_interpreter_call_code.delta',
  'response.mcp_call_arguments.delta',
])

export function createStreamTap(): StreamTap {
  let usage: TokenUsage | undefined
  let model: string | undefined
  let outputChars = 0
  let finishSeen = false
  let contentSeen = false
  // Characters of a delta event that are not content, measured on the last one that was parsed.
  let envelopeChars = 0
  let nextSequence = 0
  // The response as its provider began it; what a failure of ours is told with.
  let begun: JsonObject | undefined

  function readDelta(event: SseEvent, delta: string, facts: FrameFacts): void {
    outputChars += delta.length
    if (delta === '') return
    facts.content = true
    contentSeen = true
    envelopeChars = event.data.length - delta.length
  }

  function readTerminal(response: JsonObject, facts: FrameFacts): void {
    usage = findUsage(response) ?? usage
    facts.usage = usage !== undefined
    const status = readText(response['status'])
    const failed = status === 'failed' || status === 'cancelled'
    facts.error = decodeInBandError(response) ?? (failed ? statusFailure(status) : undefined)
    if (facts.error !== undefined) return
    facts.end = true
    finishSeen = true
    // An answer that a server only tells at its end.
    if (Array.isArray(response['output']) && response['output'].length > 0) facts.content = true
  }

  function readWhole(event: SseEvent, value: JsonObject, facts: FrameFacts): void {
    const type = readText(value['type']) ?? event.event
    nextSequence = (readCount(value['sequence_number']) ?? nextSequence) + 1
    const response = readObject(value['response'])
    if (response !== undefined) {
      model = readText(response['model']) ?? model
      begun ??= response
    }
    if (DELTAS.has(type)) {
      readDelta(event, readText(value['delta']) ?? '', facts)
      return
    }
    switch (type) {
      case 'response.output_item.added':
        // A call has begun, whether or not it takes arguments.
        if (isCall(readObject(value['item']))) facts.content = true
        break
      case 'response.completed':
      case 'response.incomplete':
        readTerminal(response ?? {}, facts)
        break
      case 'response.failed':
      case 'response.cancelled':
      case 'error':
        usage = (response === undefined ? undefined : findUsage(response)) ?? usage
        facts.error = readFailureEvent(value)
        break
      case '':
        facts.error = decodeInBandError(value)
        break
      default:
    }
    if (facts.content) contentSeen = true
  }

  return {
    read(event) {
      const facts: FrameFacts = {
        content: false,
        end: false,
        usage: false,
        usageOnly: false,
        error: undefined,
      }
      const { data } = event
      if (data === '') {
        const bare = readBareError(event)
        if (bare !== undefined) facts.error = decodeInBandError(bare)
        return facts
      }
      if (data === '[DONE]') return facts
      if (contentSeen && DELTAS.has(event.event === '' ? leadingType(data) : event.event)) {
        nextSequence += 1
        facts.content = true
        outputChars += Math.max(0, data.length - envelopeChars)
        return facts
      }
      const value = parseJson(data)
      // An event that is no JSON is passed on as it is: the caller's reader decides.
      if (isJsonObject(value)) readWhole(event, value, facts)
      else if (event.event === 'error') facts.error = decodeInBandError({ error: data })
      return facts
    },
    get usage() {
      return usage
    },
    get model() {
      return model
    },
    get outputChars() {
      return outputChars
    },
    get finishSeen() {
      return finishSeen
    },
    fail(error, requestId) {
      const failure = encodeFailure(error)
      const response: JsonObject =
        begun === undefined
          ? encodeResponse(
              { id: responseId('', requestId), createdAt: 0, model: model ?? '', echo: {} },
              { status: 'failed', error: failure, output: [] },
            )
          : { ...begun, status: 'failed', error: failure }
      const type = 'response.failed'
      return encodeSse(type, JSON.stringify({ type, sequence_number: nextSequence, response }))
    },
  }
}

/** The `type` of an event whose JSON begins with it, as every server seen writes it; '' for any other. */
function leadingType(data: string): string {
  return /^\{"type": ?"([a-z_.]+)"/.exec(data)?.[1] ?? ''
}

function isCall(item: JsonObject | undefined): boolean {
  const type = readText(item?.['type']) ?? ''
  return type.endsWith('_call') && type !== 'web_search_call' && type !== 'file_search_call'
}
