/**
 * Neutral events → a Messages stream, for a caller (wire-formats C.1, C.3, C.5, J.7, J.8).
 * Reference: https://docs.anthropic.com/en/docs/build-with-claude/streaming
 *
 * Blocks are numbered from 0 without gaps, at most one is open, every start has its stop, and none is
 * opened for nothing: an empty text block would be sent back by the client and refused.
 */
import { ProxyError } from '../../errors/proxy-error.ts'
import { renderAnthropic } from '../../errors/render.ts'
import { encodeJsonEvent } from '../../wire/sse.ts'
import { anthropicOverflow } from '../anthropic-overflow.ts'
import { estimateRequestTokens } from '../count-tokens.ts'
import type { ReplyContext, StreamEncoder } from '../dialect.ts'
import { estimateTokens } from '../estimate.ts'
import { MARKER } from '../marker.ts'
import type { ChatEvent, TokenUsage } from '../neutral.ts'
import { echoBlock, encodeCounts, mapStopReason, messageId, stopDetails } from './encode-reply.ts'
import type { BlockDelta, MessageCounts, ReplyBlock, StreamFrame } from './reply-wire.ts'

type OpenBlock =
  | { readonly kind: 'text' }
  | { readonly kind: 'thinking' }
  | {
      readonly kind: 'tool'
      readonly call: number
      /** Free text has to become a JSON object on the way. */
      readonly custom: boolean
      sawInput: boolean
    }

/** An encoder for one stream. */
export function createStreamEncoder(context: ReplyContext): StreamEncoder {
  // Index of the next block.
  let nextIndex = 0
  // The block that deltas now belong to.
  let open: OpenBlock | undefined
  // A tool_use block was written.
  let called = false
  // Reasoning that came in the middle of a call: blocks must not interleave, so it follows the call.
  let heldReasoning = ''
  // Characters of content so far, for an estimate where nobody tells.
  let outputChars = 0

  function startBlock(kind: OpenBlock, block: ReplyBlock): string {
    const closed = closeBlock()
    open = kind
    const index = nextIndex
    nextIndex += 1
    return closed + frame({ type: 'content_block_start', index, content_block: block })
  }

  function writeDelta(delta: BlockDelta): string {
    return frame({ type: 'content_block_delta', index: nextIndex - 1, delta })
  }

  /** The same as `writeDelta`: what most events are, so only the text is turned into JSON. */
  function textDelta(
    type: Exclude<BlockDelta['type'], 'signature_delta'>,
    name: 'text' | 'thinking' | 'partial_json',
    text: string,
  ): string {
    const index = nextIndex - 1
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"${type}","${name}":${JSON.stringify(text)}}}\n\n`
  }

  function stopBlock(): string {
    open = undefined
    return frame({ type: 'content_block_stop', index: nextIndex - 1 })
  }

  /** Ends the open block, if there is one. `signature` is the thinking block's own. */
  function closeBlock(signature: string = MARKER): string {
    switch (open?.kind) {
      case undefined:
        return ''
      case 'text':
        return stopBlock()
      case 'thinking':
        // Without a signature some clients drop the block, or fail; it comes last.
        return writeDelta({ type: 'signature_delta', signature }) + stopBlock()
      case 'tool': {
        const closed = endInput(open) + stopBlock()
        const held = heldReasoning
        heldReasoning = ''
        return held === '' ? closed : closed + writeReasoning(held) + closeBlock()
      }
      default:
        return open satisfies never
    }
  }

  /** What a call's input still lacks. Readers take a single empty delta for `{}`. */
  function endInput(tool: Extract<OpenBlock, { kind: 'tool' }>): string {
    if (tool.custom) return inputDelta(tool.sawInput ? '"}' : '{"input":""}')
    return tool.sawInput ? '' : inputDelta('')
  }

  function inputDelta(json: string): string {
    return textDelta('input_json_delta', 'partial_json', json)
  }

  function writeText(text: string): string {
    if (text === '') return ''
    outputChars += text.length
    const start =
      open?.kind === 'text' ? '' : startBlock({ kind: 'text' }, { type: 'text', text: '' })
    return start + textDelta('text_delta', 'text', text)
  }

  function writeReasoning(text: string): string {
    const start = open?.kind === 'thinking' ? '' : startThinking()
    return start + textDelta('thinking_delta', 'thinking', text)
  }

  function startThinking(): string {
    return startBlock({ kind: 'thinking' }, { type: 'thinking', thinking: '', signature: '' })
  }

  function endReasoning(event: Extract<ChatEvent, { type: 'reasoning-end' }>): string {
    if (event.redacted !== undefined) {
      // Complete from its start: it has no deltas.
      const block: ReplyBlock = { type: 'redacted_thinking', data: event.redacted }
      return startBlock({ kind: 'thinking' }, block) + stopBlock()
    }
    if (open?.kind === 'thinking') return closeBlock(event.signature)
    // A signature alone is what is left of thinking that was not to be shown; the next turn needs it.
    if (event.signature === undefined || open?.kind === 'tool') return ''
    return startThinking() + closeBlock(event.signature)
  }

  function startCall(event: Extract<ChatEvent, { type: 'tool-start' }>): string {
    called = true
    outputChars += event.name.length
    let written = closeBlock()
    const echo = event.echo === undefined ? undefined : echoBlock(event.id, event.echo)
    if (echo?.type === 'thinking') written += startThinking() + closeBlock(echo.signature)
    const { call, id, name, kind } = event
    return (
      written +
      startBlock(
        { kind: 'tool', call, custom: kind === 'custom', sawInput: false },
        { type: 'tool_use', id, name, input: {} },
      )
    )
  }

  function writeInput(call: number, text: string): string {
    if (text === '') return ''
    if (open?.kind !== 'tool' || open.call !== call) {
      throw new ProxyError('internal', `Input for tool call ${call} came after its end.`)
    }
    outputChars += text.length
    const head = open.custom && !open.sawInput ? '{"input":"' : ''
    open.sawInput = true
    const json = open.custom ? JSON.stringify(text).slice(1, -1) : text
    return inputDelta(head + json)
  }

  function counts(usage: TokenUsage | undefined): MessageCounts {
    return encodeCounts(
      usage,
      () => (context.request === undefined ? 0 : estimateRequestTokens(context.request)),
      () => estimateTokens(outputChars),
    )
  }

  function finish(event: Extract<ChatEvent, { type: 'finish' }>): string {
    const closed = closeBlock()
    const details = stopDetails(event.finish)
    const thinkingTokens = event.usage?.reasoningTokens
    return (
      closed +
      frame({
        type: 'message_delta',
        delta: {
          stop_reason: mapStopReason(event.finish.reason, called),
          stop_sequence: event.finish.stopSequence ?? null,
          ...(details === undefined ? {} : { stop_details: details }),
        },
        usage: {
          ...counts(event.usage),
          ...(thinkingTokens === undefined || thinkingTokens === 0
            ? {}
            : { output_tokens_details: { thinking_tokens: thinkingTokens } }),
        },
      }) +
      frame({ type: 'message_stop' })
    )
  }

  return {
    push(event) {
      switch (event.type) {
        case 'start':
          return frame({
            type: 'message_start',
            message: {
              id: messageId(event.id, context.requestId),
              type: 'message',
              role: 'assistant',
              model: event.model,
              content: [],
              stop_reason: null,
              stop_sequence: null,
              // Other providers tell at the end; a context meter that reads 0 here is wrong until then.
              usage: counts(event.usage),
            },
          })
        case 'text':
        case 'refusal':
          return writeText(event.text)
        case 'reasoning':
          if (event.text === '') return ''
          outputChars += event.text.length
          if (open?.kind !== 'tool') return writeReasoning(event.text)
          heldReasoning += event.text
          return ''
        case 'reasoning-end':
          return endReasoning(event)
        case 'tool-start':
          return startCall(event)
        case 'tool-input':
          return writeInput(event.call, event.text)
        case 'tool-end':
          return open?.kind === 'tool' && open.call === event.call ? closeBlock() : ''
        case 'finish':
          return finish(event)
        default:
          return event satisfies never
      }
    },
    fail(error) {
      return renderStreamError(error, context.requestId)
    },
  }
}

function frame(body: StreamFrame): string {
  return encodeJsonEvent(body.type, JSON.stringify(body))
}

/**
 * The event that ends a broken stream: SDKs throw on it. No `message_delta` and no `message_stop` may
 * follow, and an open block stays open. A prompt that was too long is said in the words clients act on.
 */
function renderStreamError(error: ProxyError, requestId: string): string {
  return encodeJsonEvent(
    'error',
    JSON.stringify(renderAnthropic(anthropicOverflow(error), requestId)),
  )
}
