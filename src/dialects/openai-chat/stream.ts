/**
 * Neutral events → Chat Completions chunks, for a caller (wire-formats C.2, C.5, J).
 * Reference: https://platform.openai.com/docs/api-reference/chat-streaming
 */
import { renderOpenAi } from '../../errors/render.ts'
import { encodeJsonEvent, encodeSse } from '../../wire/sse.ts'
import type { ReplyContext, StreamEncoder } from '../dialect.ts'
import { mapFinishToWire } from './finish.ts'
import { completionId, REFUSED } from './reply.ts'
import { encodeUsage } from './usage.ts'
import type {
  ChatChunk,
  ChatDelta,
  ChatFinishReason,
  ChatToolCallDelta,
  ChatUsage,
} from './wire.ts'

interface OpenCall {
  readonly kind: 'function' | 'custom'
  /** Some input was written; a function call must not end without any. */
  sawInput: boolean
}

/** An encoder for one stream. All chunks share id, creation time and model. */
export function createStreamEncoder(context: ReplyContext): StreamEncoder {
  const legacy = context.request?.legacyFunctions ?? false
  const includeUsage = context.request?.includeUsage ?? false
  const calls = new Map<number, OpenCall>()
  let id = completionId('', context.requestId)
  let created = context.nowSeconds
  let model = ''
  // A reasoning block was closed: the next one begins a paragraph.
  let reasoningClosed = false
  let sawReasoning = false
  let sawRefusal = false

  // The beginning that all chunks share, as text: it is written once, not once per chunk.
  let head = renderHead(id, created, model)
  const deltaTail = `},"logprobs":null,"finish_reason":null}]${includeUsage ? ',"usage":null' : ''}}\n\n`

  function chunk(choices: string, usage: ChatUsage | null = null): string {
    const tail = includeUsage ? `,"usage":${JSON.stringify(usage)}}` : '}'
    return encodeJsonEvent('', `${head}${choices}${tail}`)
  }

  /** The same as `delta({ [name]: text })`: what most chunks are, so only the text is turned into JSON. */
  function textDelta(name: 'content' | 'reasoning_content', text: string): string {
    return `data: ${head}[{"index":0,"delta":{"${name}":${JSON.stringify(text)}${deltaTail}`
  }

  function delta(content: ChatDelta, finish: ChatFinishReason | null = null): string {
    const reason = finish === null ? 'null' : `"${finish}"`
    return chunk(
      `[{"index":0,"delta":${JSON.stringify(content)},"logprobs":null,"finish_reason":${reason}}]`,
    )
  }

  function callStart(call: number, callId: string, name: string): string {
    if (legacy) return delta({ function_call: { name, arguments: '' } })
    const opening: ChatToolCallDelta =
      calls.get(call)?.kind === 'custom'
        ? { index: call, id: callId, type: 'custom', custom: { name, input: '' } }
        : { index: call, id: callId, type: 'function', function: { name, arguments: '' } }
    return delta({ tool_calls: [opening] })
  }

  function callInput(call: number, text: string): string {
    if (legacy) return delta({ function_call: { arguments: text } })
    return delta({
      tool_calls: [
        calls.get(call)?.kind === 'custom'
          ? { index: call, custom: { input: text } }
          : { index: call, function: { arguments: text } },
      ],
    })
  }

  return {
    push(event) {
      let written = ''
      switch (event.type) {
        case 'start':
          id = completionId(event.id, context.requestId)
          created = event.created ?? context.nowSeconds
          model = event.model
          head = renderHead(id, created, model)
          written = delta({ role: 'assistant', content: '' })
          break
        case 'text':
          if (event.text !== '') written = textDelta('content', event.text)
          break
        case 'refusal':
          if (event.text === '') break
          sawRefusal = true
          written = delta({ refusal: event.text })
          break
        case 'reasoning': {
          if (event.text === '') break
          const gap = reasoningClosed && sawReasoning ? '\n\n' : ''
          reasoningClosed = false
          sawReasoning = true
          written = textDelta('reasoning_content', gap + event.text)
          break
        }
        case 'reasoning-end':
          reasoningClosed = true
          break
        case 'tool-start':
          // A legacy caller has room for one call; more were forbidden when the request was written.
          if (legacy && event.call > 0) break
          calls.set(event.call, { kind: event.kind, sawInput: false })
          written = callStart(event.call, event.id, event.name)
          break
        case 'tool-input': {
          const call = calls.get(event.call)
          if (call === undefined || event.text === '') break
          call.sawInput = true
          written = callInput(event.call, event.text)
          break
        }
        case 'tool-end': {
          const call = calls.get(event.call)
          if (call === undefined || call.sawInput || call.kind === 'custom') break
          call.sawInput = true
          written = callInput(event.call, '{}')
          break
        }
        case 'finish': {
          const { finish } = event
          if (finish.reason === 'refusal' && !sawRefusal) {
            written += delta({ refusal: finish.explanation ?? REFUSED })
          }
          written += delta({}, mapFinishToWire(finish.reason, legacy))
          if (includeUsage) written += chunk('[]', encodeUsage(event.usage) ?? null)
          written += encodeSse('', '[DONE]')
          break
        }
      }
      return written
    },
    fail(error) {
      return renderStreamError(error)
    },
  }
}

/** A chunk up to its choices; `usage` may follow them (wire.ts, ChatChunk). */
function renderHead(id: string, created: number, model: string): string {
  const chunk: Omit<ChatChunk, 'choices' | 'usage'> = {
    id,
    object: 'chat.completion.chunk',
    created,
    model,
  }
  return `${JSON.stringify(chunk).slice(0, -1)},"choices":`
}

/** The event that ends a broken stream: SDKs throw on it. No finish chunk and no `[DONE]` may follow. */
export function renderStreamError(error: Parameters<typeof renderOpenAi>[0]): string {
  return encodeSse('', JSON.stringify(renderOpenAi(error)))
}
