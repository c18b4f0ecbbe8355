/**
 * Neutral events → Responses events, for a caller (wire-formats F.4, J.3, J.6, J.9).
 * Reference: https://platform.openai.com/docs/api-reference/responses-streaming
 *
 * One item is open at a time, and its place is the number of items before it, so that every
 * `output_index` is used once. The end of an item is written when the next one begins or the answer ends:
 * only then is it known whether the item was cut.
 */
import { encodeJsonEvent } from '../../wire/sse.ts'
import type { ReplyContext, StreamEncoder } from '../dialect.ts'
import type { ChatEvent, JsonObject } from '../neutral.ts'
import { encodeFailure } from './error.ts'
import { itemId } from './ids.ts'
import { callItem, messageItem, ownToolOf, reasoningItem, textPart } from './output.ts'
import type { CallFacts } from './output.ts'
import { encodeResponse, endingOf, envelopeOf, wantsSealedReasoning } from './response.ts'
import type { ResponseState } from './response.ts'
import { readCallShapes } from './tools.ts'
import { encodeUsage } from './usage.ts'
import type { CallItem, ItemStatus, OutputItem, OutputPart } from './wire.ts'

interface OpenMessage {
  readonly kind: 'message'
  readonly id: string
  /** Parts that are complete. */
  readonly content: OutputPart[]
  /** The part being written. */
  part: { readonly type: OutputPart['type']; readonly place: string; text: string } | undefined
}
interface OpenReasoning {
  readonly kind: 'reasoning'
  readonly id: string
  readonly place: string
  text: string
}
interface OpenCall {
  readonly kind: 'call'
  readonly call: number
  readonly facts: CallFacts
  /** Its item has arguments as an object: it is written whole, at its end. */
  readonly whole: boolean
  readonly place: string
  input: string
}

/** An encoder for one stream. */
export function createStreamEncoder(context: ReplyContext): StreamEncoder {
  const echo = context.request?.echo ?? {}
  const shapes = readCallShapes(echo['tools'])
  const sealed = wantsSealedReasoning(echo)
  let envelope = envelopeOf({ id: '', created: undefined, model: '' }, context)
  let sequence = 0
  let started = false
  let refused = false
  // Complete items, in order.
  const output: OutputItem[] = []
  let open: OpenMessage | OpenReasoning | OpenCall | undefined

  function frame(type: string, fields: JsonObject): string {
    const text = JSON.stringify({ type, sequence_number: sequence, ...fields })
    sequence += 1
    return encodeJsonEvent(type, text)
  }

  /** A delta's event: all of it but number and text is the same for a whole part, and written once. */
  function deltaFrame(type: string, place: string, delta: string, tail = ''): string {
    const text = `{"type":"${type}","sequence_number":${sequence},${place},"delta":${JSON.stringify(delta)}${tail}}`
    sequence += 1
    return encodeJsonEvent(type, text)
  }

  function responseFrame(type: string, state: ResponseState): string {
    return frame(type, { response: encodeResponse(envelope, state) })
  }

  function start(): string {
    if (started) return ''
    started = true
    const state: ResponseState = { status: 'in_progress', output: [] }
    return responseFrame('response.created', state) + responseFrame('response.in_progress', state)
  }

  function itemAdded(item: OutputItem): string {
    return frame('response.output_item.added', { output_index: output.length, item })
  }

  function itemDone(item: OutputItem): string {
    const written = frame('response.output_item.done', { output_index: output.length, item })
    output.push(item)
    open = undefined
    return written
  }

  function openMessage(): { message: OpenMessage; written: string } {
    if (open?.kind === 'message') return { message: open, written: '' }
    let written = start() + close('completed')
    const id = itemId('msg', envelope.id, output.length)
    const message: OpenMessage = { kind: 'message', id, content: [], part: undefined }
    written += itemAdded(messageItem(id, 'in_progress', []))
    open = message
    return { message, written }
  }

  function messageText(type: OutputPart['type'], text: string): string {
    const opened = openMessage()
    const { message } = opened
    let { written } = opened
    let { part } = message
    if (part?.type !== type) {
      written += closePart(message)
      const place = placeOf(message)
      part = { type, place: members(place), text: '' }
      message.part = part
      written += frame('response.content_part.added', { ...place, part: encodePart(part) })
    }
    part.text += text
    return type === 'refusal'
      ? written + deltaFrame('response.refusal.delta', part.place, text)
      : written + deltaFrame('response.output_text.delta', part.place, text, ',"logprobs":[]')
  }

  function placeOf(message: OpenMessage): JsonObject {
    return {
      item_id: message.id,
      output_index: output.length,
      content_index: message.content.length,
    }
  }

  function closePart(message: OpenMessage): string {
    if (message.part === undefined) return ''
    const part = encodePart(message.part)
    const place = placeOf(message)
    const done =
      part.type === 'refusal'
        ? frame('response.refusal.done', { ...place, refusal: part.refusal })
        : frame('response.output_text.done', { ...place, text: part.text, logprobs: [] })
    const written = done + frame('response.content_part.done', { ...place, part })
    message.content.push(part)
    message.part = undefined
    return written
  }

  function openReasoning(): { reasoning: OpenReasoning; written: string } {
    if (open?.kind === 'reasoning') return { reasoning: open, written: '' }
    let written = start() + close('completed')
    const id = itemId('rs', envelope.id, output.length)
    const place = members({ item_id: id, output_index: output.length, summary_index: 0 })
    const reasoning: OpenReasoning = { kind: 'reasoning', id, place, text: '' }
    written += itemAdded(reasoningItem(id, '', {}, false))
    open = reasoning
    return { reasoning, written }
  }

  function reasoningText(text: string): string {
    const opened = openReasoning()
    const { reasoning } = opened
    let { written } = opened
    if (reasoning.text === '') {
      const place = { item_id: reasoning.id, output_index: output.length, summary_index: 0 }
      const part = { type: 'summary_text', text: '' }
      written += frame('response.reasoning_summary_part.added', { ...place, part })
    }
    reasoning.text += text
    return written + deltaFrame('response.reasoning_summary_text.delta', reasoning.place, text)
  }

  function closeReasoning(
    reasoning: OpenReasoning,
    closing: { readonly signature?: string | undefined; readonly redacted?: string | undefined },
  ): string {
    const { id, text } = reasoning
    const place = { item_id: id, output_index: output.length, summary_index: 0 }
    let written = ''
    if (text !== '') {
      const part = { type: 'summary_text', text }
      written += frame('response.reasoning_summary_text.done', { ...place, text })
      written += frame('response.reasoning_summary_part.done', { ...place, part })
    }
    return written + itemDone(reasoningItem(id, text, closing, sealed))
  }

  function endReasoning(event: Extract<ChatEvent, { type: 'reasoning-end' }>): string {
    if (open?.kind === 'reasoning') return closeReasoning(open, event)
    // Thinking that is not shown still has to come back, where the caller is able to bring it.
    const keeps = event.signature !== undefined || event.redacted !== undefined
    if (!sealed || !keeps) return ''
    const { reasoning, written } = openReasoning()
    return written + closeReasoning(reasoning, event)
  }

  function encodeCall(call: Pick<OpenCall, 'facts' | 'input'>, status: ItemStatus): CallItem {
    const place = { response: envelope.id, outputIndex: output.length }
    return callItem(call.facts, call.input, place, status, shapes)
  }

  function startCall(event: Extract<ChatEvent, { type: 'tool-start' }>): string {
    const before = start() + close('completed')
    const facts: CallFacts = { callId: event.id, name: event.name, kind: event.kind }
    const whole = ownToolOf(facts, shapes) !== undefined
    const item = encodeCall({ facts, input: '' }, 'in_progress')
    const place = members({ item_id: item.id, output_index: output.length })
    open = { kind: 'call', call: event.call, facts, whole, place, input: '' }
    return whole ? before : before + itemAdded(item)
  }

  function callDelta(call: OpenCall, delta: string): string {
    call.input += delta
    return call.facts.kind === 'custom'
      ? deltaFrame('response.custom_tool_call_input.delta', call.place, delta)
      : deltaFrame('response.function_call_arguments.delta', call.place, delta)
  }

  function closeCall(call: OpenCall, status: ItemStatus): string {
    let written = ''
    if (call.whole) {
      const begun = encodeCall(call, 'in_progress')
      if (begun.type === 'function_call') {
        // The arguments did not have the form of the API's own item.
        written += itemAdded({ ...begun, arguments: '' })
        call.input = ''
        written += callDelta(call, begun.arguments === '' ? '{}' : begun.arguments)
      } else {
        written += itemAdded(begun)
      }
    } else if (call.input === '' && call.facts.kind === 'function') {
      written += callDelta(call, '{}')
    }
    const item = encodeCall(call, status)
    const place = { item_id: item.id, output_index: output.length }
    if (item.type === 'function_call') {
      const done = { ...place, arguments: item.arguments }
      written += frame('response.function_call_arguments.done', done)
    } else if (item.type === 'custom_tool_call') {
      written += frame('response.custom_tool_call_input.done', { ...place, input: item.input })
    }
    return written + itemDone(item)
  }

  /** Ends the open item; `status` is what became of it. */
  function close(status: ItemStatus): string {
    switch (open?.kind) {
      case undefined:
        return ''
      case 'message': {
        const message = open
        const written = closePart(message)
        return written + itemDone(messageItem(message.id, status, message.content))
      }
      case 'reasoning':
        return closeReasoning(open, {})
      case 'call':
        return closeCall(open, status)
      default:
        return open satisfies never
    }
  }

  function finish(event: Extract<ChatEvent, { type: 'finish' }>): string {
    const said =
      output.some((item) => item.type !== 'reasoning') ||
      (open !== undefined && open.kind !== 'reasoning')
    const ending = endingOf(event.finish, said, refused)
    let written = start()
    if (ending.refusal !== '') written += messageText('refusal', ending.refusal)
    written += close(ending.status)
    return (
      written +
      responseFrame(`response.${ending.status}`, {
        status: ending.status,
        incomplete: ending.incomplete,
        output,
        usage: encodeUsage(event.usage),
        serviceTier: event.serviceTier,
      })
    )
  }

  return {
    push(event) {
      switch (event.type) {
        case 'start':
          envelope = envelopeOf(event, context)
          return start()
        case 'text':
          return event.text === '' ? '' : messageText('output_text', event.text)
        case 'refusal':
          if (event.text === '') return ''
          refused = true
          return messageText('refusal', event.text)
        case 'reasoning':
          return event.text === '' ? '' : reasoningText(event.text)
        case 'reasoning-end':
          return endReasoning(event)
        case 'tool-start':
          return startCall(event)
        case 'tool-input': {
          if (event.text === '' || open?.kind !== 'call' || open.call !== event.call) return ''
          if (!open.whole) return callDelta(open, event.text)
          open.input += event.text
          return ''
        }
        case 'tool-end':
          return ''
        case 'finish':
          return finish(event)
        default:
          return event satisfies never
      }
    },
    fail(error) {
      // Open items stay open: a call that is never done is never run.
      const failed: ResponseState = { status: 'failed', error: encodeFailure(error), output }
      return start() + responseFrame('response.failed', failed)
    },
  }
}

function encodePart(part: {
  readonly type: OutputPart['type']
  readonly text: string
}): OutputPart {
  return part.type === 'refusal' ? { type: 'refusal', refusal: part.text } : textPart(part.text)
}

/** The members of an object as JSON, without its braces. */
function members(object: JsonObject): string {
  return JSON.stringify(object).slice(1, -1)
}
