/**
 * Reads a relayed Responses stream along the way. Once content was seen, deltas are counted and not
 * parsed: their event's name, or their first bytes, tell them from all others.
 */
import type { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, parseJson, readCount, readObject, readText } from '../../wire/json.ts'
import { encodeSse } from '../../wire/sse.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareFacts } from '../bare-error.ts'
import { CONTENT_ONLY, noFacts } from '../dialect.ts'
import type { FrameFacts, StreamTap, Writable } from '../dialect.ts'
import type { JsonObject } from '../neutral.ts'
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
  const tap: Writable<StreamTap> = {
    usage: undefined,
    model: undefined,
    outputChars: 0,
    finishSeen: false,
    read,
    fail,
  }
  let contentSeen = false
  // Characters of a delta event that are not content, measured on the last one that was parsed.
  let envelopeChars = 0
  let nextSequence = 0
  // The response as its provider began it; what a failure of ours is told with.
  let begun: JsonObject | undefined

  function readDelta(event: SseEvent, delta: string, facts: FrameFacts): void {
    tap.outputChars += delta.length
    if (delta === '') return
    facts.content = true
    contentSeen = true
    envelopeChars = event.data.length - delta.length
  }

  function readTerminal(response: JsonObject, facts: FrameFacts): void {
    tap.usage = findUsage(response) ?? tap.usage
    facts.usage = tap.usage !== undefined
    const status = readText(response['status'])
    const failed = status === 'failed' || status === 'cancelled'
    facts.error = decodeInBandError(response) ?? (failed ? statusFailure(status) : undefined)
    if (facts.error !== undefined) return
    facts.end = true
    tap.finishSeen = true
    // An answer that a server only tells at its end.
    if (Array.isArray(response['output']) && response['output'].length > 0) facts.content = true
  }

  function readWhole(event: SseEvent, value: JsonObject, facts: FrameFacts): void {
    const type = readText(value['type']) ?? event.event
    nextSequence = (readCount(value['sequence_number']) ?? nextSequence) + 1
    const response = readObject(value['response'])
    if (response !== undefined) {
      tap.model = readText(response['model']) ?? tap.model
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
        tap.usage = (response === undefined ? undefined : findUsage(response)) ?? tap.usage
        facts.error = readFailureEvent(value)
        break
      case '':
        facts.error = decodeInBandError(value)
        break
      default:
    }
    if (facts.content) contentSeen = true
  }

  function read(event: SseEvent): Readonly<FrameFacts> {
    const { data } = event
    if (data === '') return readBareFacts(event, decodeInBandError)
    if (contentSeen && DELTAS.has(event.event || leadingType(data))) {
      nextSequence += 1
      tap.outputChars += Math.max(0, data.length - envelopeChars)
      return CONTENT_ONLY
    }
    const facts = noFacts()
    if (data === '[DONE]') return facts
    const value = parseJson(data)
    // An event that is no JSON is passed on as it is: the caller's reader decides.
    if (isJsonObject(value)) readWhole(event, value, facts)
    else if (event.event === 'error') facts.error = decodeInBandError({ error: data })
    return facts
  }

  function fail(error: ProxyError, requestId: string): string {
    const failure = encodeFailure(error)
    const response: JsonObject =
      begun === undefined
        ? encodeResponse(
            { id: responseId('', requestId), createdAt: 0, model: tap.model ?? '', echo: {} },
            { status: 'failed', error: failure, output: [] },
          )
        : { ...begun, status: 'failed', error: failure }
    const type = 'response.failed'
    return encodeSse(type, JSON.stringify({ type, sequence_number: nextSequence, response }))
  }

  return tap
}

/** The `type` of an event whose JSON begins with it, as every server seen writes it; '' for any other. */
function leadingType(data: string): string {
  return /^\{"type": ?"([a-z_.]+)"/.exec(data)?.[1] ?? ''
}

function isCall(item: JsonObject | undefined): boolean {
  const type = readText(item?.['type']) ?? ''
  return type.endsWith('_call') && type !== 'web_search_call' && type !== 'file_search_call'
}
