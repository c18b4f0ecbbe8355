/** A reply as a whole ↔ the same reply as events. */
import type { AssistantPart, ChatEvent, ChatReply, ToolCallPart } from './neutral.ts'

/** The events a stream of this reply would have had. */
export function replyToEvents(reply: ChatReply): ChatEvent[] {
  const events: ChatEvent[] = [
    {
      type: 'start',
      id: reply.id,
      model: reply.model,
      created: reply.created,
      usage: undefined,
    },
  ]
  let calls = 0
  for (const part of reply.parts) {
    switch (part.type) {
      case 'text':
      case 'refusal':
        events.push({ type: part.type, text: part.text })
        break
      case 'reasoning':
        if (part.text !== '') events.push({ type: 'reasoning', text: part.text })
        events.push({
          type: 'reasoning-end',
          signature: part.signature,
          redacted: part.redacted,
        })
        break
      case 'tool-call': {
        const { id, name, kind, input, echo } = part
        const call = calls
        calls += 1
        const kept = echo === undefined ? {} : { echo }
        events.push({ type: 'tool-start', call, id, name, kind, ...kept })
        if (input !== '') events.push({ type: 'tool-input', call, text: input })
        events.push({ type: 'tool-end', call })
        break
      }
    }
  }
  events.push({
    type: 'finish',
    finish: reply.finish,
    usage: reply.usage,
    serviceTier: reply.serviceTier,
  })
  return events
}

export interface ReplyBuilder {
  push(event: ChatEvent): void
  /** The reply, once its `finish` was pushed; `undefined` before. */
  readonly reply: ChatReply | undefined
}

/** Puts a reply together from its events. */
export function createReplyBuilder(): ReplyBuilder {
  const parts: AssistantPart[] = []
  // Places of the calls in `parts`, by number.
  const callPlaces = new Map<number, number>()
  let id = ''
  let model = ''
  let created: number | undefined
  // The last part is a reasoning block that has not ended.
  let reasoningOpen = false
  let reply: ChatReply | undefined

  function append(type: 'text' | 'refusal' | 'reasoning', text: string): void {
    const last = parts.at(-1)
    if (last?.type === type && (type !== 'reasoning' || reasoningOpen)) {
      parts[parts.length - 1] = { ...last, text: last.text + text }
    } else {
      parts.push({ type, text })
    }
    reasoningOpen = type === 'reasoning'
  }

  function appendInput(call: number, text: string): void {
    const place = callPlaces.get(call)
    const part = place === undefined ? undefined : parts[place]
    if (place === undefined || part?.type !== 'tool-call') return
    parts[place] = { ...part, input: part.input + text }
  }

  return {
    push(event) {
      switch (event.type) {
        case 'start':
          id = event.id
          model = event.model
          created = event.created
          break
        case 'text':
        case 'refusal':
        case 'reasoning':
          append(event.type, event.text)
          break
        case 'reasoning-end': {
          const { signature, redacted } = event
          const last = parts.at(-1)
          if (reasoningOpen && last?.type === 'reasoning') {
            parts[parts.length - 1] = { ...last, signature, redacted }
          } else if (signature !== undefined || redacted !== undefined) {
            parts.push({ type: 'reasoning', text: '', signature, redacted })
          }
          reasoningOpen = false
          break
        }
        case 'tool-start': {
          const { id: callId, name, kind, echo } = event
          const kept = echo === undefined ? {} : { echo }
          const part: ToolCallPart = {
            type: 'tool-call',
            id: callId,
            name,
            kind,
            input: '',
            ...kept,
          }
          callPlaces.set(event.call, parts.length)
          parts.push(part)
          break
        }
        case 'tool-input':
          appendInput(event.call, event.text)
          break
        case 'tool-end':
          break
        case 'finish': {
          const { finish, usage, serviceTier } = event
          reply = { id, model, created, parts, finish, usage, serviceTier }
          break
        }
      }
    },
    get reply() {
      return reply
    },
  }
}
