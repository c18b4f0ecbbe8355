/** A Chat Completions answer in the pieces a person or a script reads: what `ask` prints. */
import { toProxyError } from '../errors/proxy-error.ts'
import { parseJsonObject } from '../wire/json.ts'
import { createSseDecoder } from '../wire/sse.ts'
import type { SseEvent } from '../wire/sse.ts'
import type { ChatEvent, TokenUsage } from './neutral.ts'
import { openaiChat } from './openai-chat/openai-chat.ts'

/** One thing the answer says. */
export type ChatPiece =
  | { readonly type: 'text' | 'reasoning' | 'refusal'; readonly text: string }
  | {
      readonly type: 'tool-call'
      readonly id: string
      readonly name: string
      readonly input: string
    }
  | {
      readonly type: 'finish'
      readonly reason: string
      readonly usage: TokenUsage | undefined
      readonly model: string
    }
  | { readonly type: 'error'; readonly message: string }

/** Reads a streamed answer as its bytes come. */
export interface ChatReader {
  push(chunk: string | Uint8Array): ChatPiece[]
  end(): ChatPiece[]
}

/** A reader of one Chat Completions stream. Never throws: what cannot be read is an `error` piece, and the last. */
export function readChatStream(): ChatReader {
  const frames = createSseDecoder()
  const decoder = openaiChat.createStreamDecoder()
  const calls = new Map<number, { id: string; name: string; input: string }>()
  let model = ''
  let over = false

  function pieceOf(event: ChatEvent): ChatPiece[] {
    switch (event.type) {
      case 'start':
        model = event.model
        return []
      case 'text':
      case 'reasoning':
      case 'refusal':
        return [{ type: event.type, text: event.text }]
      case 'tool-start':
        calls.set(event.call, { id: event.id, name: event.name, input: '' })
        return []
      case 'tool-input': {
        const call = calls.get(event.call)
        if (call !== undefined) call.input += event.text
        return []
      }
      case 'tool-end': {
        const call = calls.get(event.call)
        return call === undefined ? [] : [{ type: 'tool-call', ...call }]
      }
      case 'finish':
        return [{ type: 'finish', reason: event.finish.reason, usage: event.usage, model }]
      case 'reasoning-end':
        return []
    }
  }

  function guarded(events: () => SseEvent[], last: boolean): ChatPiece[] {
    if (over) return []
    const pieces: ChatPiece[] = []
    try {
      for (const frame of events()) {
        for (const event of decoder.push(frame)) pieces.push(...pieceOf(event))
      }
      if (last) for (const event of decoder.end()) pieces.push(...pieceOf(event))
    } catch (thrown) {
      over = true
      pieces.push({ type: 'error', message: toProxyError(thrown).message })
    }
    return pieces
  }

  return {
    push: (chunk) => guarded(() => frames.push(Buffer.from(chunk)), false),
    end: () => guarded(() => frames.end(), true),
  }
}

/** The pieces of a unary Chat Completions reply, `finish` last. Throws ProxyError where it cannot be read. */
export function readChatReply(body: string): ChatPiece[] {
  const reply = openaiChat.decodeReply(parseJsonObject(Buffer.from(body)))
  const pieces: ChatPiece[] = reply.parts.map((part) =>
    part.type === 'tool-call'
      ? { type: 'tool-call', id: part.id, name: part.name, input: part.input }
      : { type: part.type, text: part.text },
  )
  return [
    ...pieces,
    { type: 'finish', reason: reply.finish.reason, usage: reply.usage, model: reply.model },
  ]
}
