/**
 * Reads a relayed Messages stream along the way. The event's name says which events can matter; deltas
 * are measured without being parsed once the first content was seen.
 */
import { renderAnthropic } from '../../errors/render.ts'
import type { ProxyError } from '../../errors/proxy-error.ts'
import { isJsonObject, parseJson, readObject, readString, readText } from '../../wire/json.ts'
import { encodeSse } from '../../wire/sse.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareError } from '../bare-error.ts'
import type { FrameFacts, StreamTap } from '../dialect.ts'
import type { JsonObject } from '../neutral.ts'
import { decodeInBandError } from './error.ts'
import { emptyCounts, mergeCounts, toUsage } from './usage.ts'

export function createStreamTap(): StreamTap {
  const counts = emptyCounts()
  let told = false
  let model: string | undefined
  let outputChars = 0
  let finishSeen = false
  let contentSeen = false
  // The output count is a placeholder until the message's own delta.
  let outputTold = false
  let envelopeChars = 0

  function readBody(event: SseEvent, body: JsonObject, facts: FrameFacts): void {
    switch (readString(body['type']) ?? event.event) {
      case 'message_start': {
        const message = readObject(body['message'])
        model = readText(message?.['model']) ?? model
        mergeCounts(counts, message?.['usage'])
        told = facts.usage = isJsonObject(message?.['usage'])
        break
      }
      case 'content_block_start': {
        const block = readObject(body['content_block'])
        const chars = (readText(block?.['text']) ?? readText(block?.['thinking']) ?? '').length
        const type = readString(block?.['type'])
        // An empty text or thinking block says nothing yet; every other kind is an act of the model.
        facts.content = chars > 0 || (type !== 'text' && type !== 'thinking')
        outputChars += chars
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
        outputChars += text.length
        if (text !== '') envelopeChars = event.data.length - text.length
        break
      }
      case 'message_delta':
        mergeCounts(counts, body['usage'])
        if (isJsonObject(body['usage'])) told = facts.usage = outputTold = true
        if (readText(readObject(body['delta'])?.['stop_reason']) !== undefined) finishSeen = true
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

  return {
    read(event) {
      const facts: FrameFacts = {
        content: false,
        end: false,
        usage: false,
        usageOnly: false,
        error: undefined,
      }
      if (event.data === '') {
        const bare = readBareError(event)
        if (bare !== undefined) facts.error = decodeInBandError(bare)
        return facts
      }
      if (contentSeen && event.event === 'content_block_delta') {
        facts.content = true
        outputChars += Math.max(0, event.data.length - envelopeChars)
        return facts
      }
      if (event.event === 'ping') return facts
      const body = parseJson(event.data)
      // Data that is no JSON is passed on as it is: the caller's reader decides.
      if (isJsonObject(body)) readBody(event, body, facts)
      return facts
    },
    get usage() {
      if (!told) return undefined
      return toUsage(outputTold ? counts : { ...counts, output: undefined })
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
    endMark: encodeSse('message_stop', '{"type":"message_stop"}'),
    fail(error, requestId) {
      return renderStreamError(error, requestId)
    },
  }
}

/** The event that ends a broken stream: no `message_delta` or `message_stop` may follow. */
export function renderStreamError(error: ProxyError, requestId: string): string {
  return encodeSse('error', JSON.stringify(renderAnthropic(error, requestId)))
}
