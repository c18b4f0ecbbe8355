/**
 * Reads a relayed Chat Completions stream along the way. Until the first content every chunk is parsed;
 * from then on only those that can matter: with usage, an error, or a finish. Text inside a JSON string
 * cannot look like a key: its quotes are escaped.
 */
import { isJsonObject, parseJson, readArray, readObject, readText } from '../../wire/json.ts'
import type { SseEvent } from '../../wire/sse.ts'
import { readBareFacts } from '../bare-error.ts'
import { CONTENT_ONLY, noFacts } from '../dialect.ts'
import type { FrameFacts, StreamTap, Writable } from '../dialect.ts'
import type { JsonObject } from '../neutral.ts'
import { decodeInBandError, finishError } from './error.ts'
import { mapFinishFromWire } from './finish.ts'
import { argumentsText } from './messages.ts'
import { readContent, readReasoningText } from './reply.ts'
import { renderStreamError } from './stream.ts'
import { findUsage } from './usage.ts'

const OPEN_BRACE = 0x7b

export function createStreamTap(): StreamTap {
  const tap: Writable<StreamTap> = {
    usage: undefined,
    model: undefined,
    outputChars: 0,
    finishSeen: false,
    read,
    fail: renderStreamError,
  }
  let contentSeen = false
  // Characters of a chunk that are not content, measured on the last chunk that was parsed.
  let envelopeChars = 0

  function readWhole(event: SseEvent, chunk: JsonObject, facts: FrameFacts): void {
    const error = decodeInBandError(errorShape(event, chunk))
    if (error !== undefined) {
      facts.error = error
      return
    }
    tap.model = readText(chunk['model']) ?? tap.model
    const told = findUsage(chunk)
    const choices = readArray(chunk['choices'])
    if (told !== undefined) {
      tap.usage = told
      facts.usage = true
      facts.usageOnly = choices.length === 0
    }
    let chars = 0
    for (const item of choices) {
      const choice = readObject(item)
      const delta = readObject(choice?.['delta']) ?? readObject(choice?.['message'])
      if (delta !== undefined) {
        const found = measureDelta(delta)
        chars += found.chars
        if (found.content) facts.content = true
      }
      const word = readText(choice?.['finish_reason'])
      if (word === undefined) continue
      if (mapFinishFromWire(word) === 'error') facts.error = finishError(word).upstream
      else tap.finishSeen = true
    }
    tap.outputChars += chars
    if (facts.content) {
      contentSeen = true
      envelopeChars = event.data.length - chars
    }
  }

  function read(event: SseEvent): Readonly<FrameFacts> {
    const { data } = event
    if (data === '') return readBareFacts(event, decodeInBandError)
    const isObject = data.charCodeAt(0) === OPEN_BRACE
    if (contentSeen && event.event === '' && isObject && !MATTERS.test(data)) {
      tap.outputChars += Math.max(0, data.length - envelopeChars)
      return CONTENT_ONLY
    }
    const facts = noFacts()
    if (!isObject && data.trim() === '[DONE]') {
      facts.end = true
      return facts
    }
    const parsed = parseJson(data)
    const chunk = Array.isArray(parsed) ? parsed[0] : parsed
    // A chunk that is no JSON is passed on as it is: the caller's reader decides.
    if (isJsonObject(chunk)) readWhole(event, chunk, facts)
    return facts
  }

  return tap
}

/** LM Studio sends `event: error` with the message at the top level. */
function errorShape(event: SseEvent, chunk: JsonObject): JsonObject {
  return event.event === 'error' && chunk['error'] === undefined ? { error: chunk } : chunk
}

/** Usage, an error or a finish with a value other than `null` behind it. */
const MATTERS = /"(?:finish_reason|usage|error)"[ :]*(?:[^n :]|$)/

function measureDelta(delta: JsonObject): { chars: number; content: boolean } {
  const { text, reasoning } = readContent(delta['content'])
  let chars = text.length + (readReasoningText(delta) || reasoning).length
  chars += readText(delta['refusal'])?.length ?? 0
  let content = chars > 0
  for (const item of [
    ...readArray(delta['tool_calls']),
    { function: delta['function_call'] ?? null },
  ]) {
    const call = readObject(item)
    const called = readObject(call?.['function']) ?? readObject(call?.['custom'])
    if (called === undefined) continue
    content = true
    chars += argumentsText(called['arguments'] ?? called['input']).length
  }
  return { chars, content }
}
