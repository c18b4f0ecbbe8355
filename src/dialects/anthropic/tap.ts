/**
 * Reads a relayed Messages stream along the way. The event's name says which events can matter; deltas
 * are measured without being parsed once the first content was seen.
 */
import { renderAnthropic } from '../../errors/render.ts'
import type { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, parseJson, readObject, readString, readText } from '../../wire/json.ts'
import { encodeSse } from '../../wire/sse.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareFacts } from '../bare-error.ts'
import { CONTENT_ONLY, noFacts } from '../dialect.ts'
import type { FrameFacts, StreamTap, Writable } from '../dialect.ts'
import type { JsonObject } from '../neutral.ts'
import { decodeInBandError } from './error.ts'
import { emptyCounts, mergeCounts, toUsage } from './usage.ts'

const END_MARK = encodeSse('message_stop', '{"type":"message_stop"}')

export function createStreamTap(): StreamTap {
  const tap: Writable<StreamTap> = {
    usage: undefined,
    model: undefined,
    outputChars: 0,
    finishSeen: false,
    endMark: END_MARK,
    read,
    fail: renderStreamError,
  }
  const counts = emptyCounts()
  let told = false
  // The output count is a placeholder until the message's own delta.
  let outputTold = false
  let contentSeen = false
  let envelopeChars = 0

  function tellUsage(): void {
    const known = outputTold ? counts : { ...counts, output: undefined }
    tap.usage = told ? toUsage(known) : undefined
  }

  function readBody(event: SseEvent, body: JsonObject, facts: FrameFacts): void {
    switch (readString(body['type']) ?? event.event) {
      case 'message_start': {
        const message = readObject(body['message'])
        tap.model = readText(message?.['model']) ?? tap.model
        mergeCounts(counts, message?.['usage'])
        told = facts.usage = isJsonObject(message?.['usage'])
        tellUsage()
        break
      }
      case 'content_block_start': {
        const block = readObject(body['content_block'])
        const chars = (readText(block?.['text']) ?? readText(block?.['thinking']) ?? '').length
        const type = readString(block?.['type'])
        // An empty text or thinking block says nothing yet; every other kind is an act of the model.
        facts.content = chars > 0 || (type !== 'text' && type !== 'thinking')
        tap.outputChars += chars
        break
      }
      case 'content_block_delta': {
        const delta = readObject(body['delta'])
        const text =
          readText(delta?.['text']) ??
          readText(delta?.['thinking']) ??
          readText(delta?.['partial_json']) ??
          ''
        facts.content = text !== '' || readText(delta?.['signature']) !== undefined
        tap.outputChars += text.length
        if (text !== '') envelopeChars = event.data.length - text.length
        break
      }
      case 'message_delta':
        mergeCounts(counts, body['usage'])
        if (isJsonObject(body['usage'])) told = facts.usage = outputTold = true
        tellUsage()
        if (readText(readObject(body['delta'])?.['stop_reason']) !== undefined)
          tap.finishSeen = true
        break
      case 'message_stop':
        facts.end = true
        break
      case 'error':
        facts.error = decodeInBandError({
          ...body,
          error: body['error'] ?? 'The provider reported an error without a message.',
        })
        break
      default:
        facts.error = decodeInBandError(body)
    }
    if (facts.content) contentSeen = true
  }

  function read(event: SseEvent): Readonly<FrameFacts> {
    const { data } = event
    if (data === '') return readBareFacts(event, decodeInBandError)
    if (contentSeen && event.event === 'content_block_delta') {
      tap.outputChars += Math.max(0, data.length - envelopeChars)
      return CONTENT_ONLY
    }
    const facts = noFacts()
    if (event.event === 'ping') return facts
    const body = parseJson(data)
    // Data that is no JSON is passed on as it is: the caller's reader decides.
    if (isJsonObject(body)) readBody(event, body, facts)
    return facts
  }

  return tap
}

/** The event that ends a broken stream: no `message_delta` or `message_stop` may follow. */
export function renderStreamError(error: ProxyError, requestId: string): string {
  return encodeSse('error', JSON.stringify(renderAnthropic(error, requestId)))
}
