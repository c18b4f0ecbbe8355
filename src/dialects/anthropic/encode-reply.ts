/** A whole reply of another dialect → the Message its caller expects (wire-formats D.6). */
import { estimateRequestTokens } from '../count-tokens.ts'
import type { ReplyContext } from '../dialect.ts'
import { estimateTokens } from '../estimate.ts'
import { encodeMarker, MARKER } from '../marker.ts'
import type {
  ChatReply,
  Finish,
  FinishReason,
  JsonObject,
  ReasoningPart,
  TokenUsage,
  ToolCallPart,
} from '../neutral.ts'
import type {
  MessageCounts,
  ReplyBlock,
  ReplyMessage,
  StopDetails,
  StopReason,
} from './reply-wire.ts'
import { readToolInput } from './tool-input.ts'
import { writeMessage } from './write-message.ts'

/** The id a Messages caller sees: the provider's, in Anthropic's form; ours where it gave none. */
export function messageId(id: string, requestId: string): string {
  const known = id === '' ? requestId : id
  return known.startsWith('msg_') ? known : `msg_${known}`
}

/**
 * The reply as a Messages caller expects it. Nothing is invented: an answer without content has no
 * block, because a client would send an empty one back and be refused. `usage` is always there, since
 * clients read it unasked; counts that nobody told are estimates.
 */
export function encodeReply(reply: ChatReply, context: ReplyContext): ReplyMessage {
  const content = encodeContent(reply)
  const usage = encodeCounts(
    reply.usage,
    () => (context.request === undefined ? 0 : estimateRequestTokens(context.request)),
    () => estimateTokens(outputChars(reply)),
  )
  const thinkingTokens = reply.usage?.reasoningTokens
  return {
    id: messageId(reply.id, context.requestId),
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content,
    stop_reason: mapStopReason(
      reply.finish.reason,
      content.some((block) => block.type === 'tool_use'),
    ),
    stop_sequence: reply.finish.stopSequence ?? null,
    stop_details: stopDetails(reply.finish) ?? null,
    container: null,
    diagnostics: null,
    usage: {
      input_tokens: usage.input_tokens,
      cache_creation_input_tokens: usage.cache_creation_input_tokens,
      cache_read_input_tokens: usage.cache_read_input_tokens,
      output_tokens: usage.output_tokens,
      output_tokens_details:
        thinkingTokens === undefined ? null : { thinking_tokens: thinkingTokens },
      service_tier: mapServiceTier(reply.serviceTier),
    },
  }
}

/** {@link encodeReply} as JSON text. */
export function writeReply(reply: ChatReply, context: ReplyContext): string {
  return writeMessage(encodeReply(reply, context))
}

function encodeContent(reply: ChatReply): ReplyBlock[] {
  const cut = reply.finish.reason === 'length' || reply.finish.reason === 'context-window'
  const blocks: ReplyBlock[] = []
  for (const part of reply.parts) {
    switch (part.type) {
      case 'text':
      case 'refusal': {
        // A refusal is shown as text too, for clients that do not know `stop_details`.
        if (part.text === '') break
        const last = blocks.at(-1)
        if (last?.type === 'text') last.text += part.text
        else blocks.push({ type: 'text', text: part.text })
        break
      }
      case 'reasoning':
        blocks.push(...encodeReasoning(part))
        break
      case 'tool-call':
        if (part.echo !== undefined) blocks.push(echoBlock(part.id, part.echo))
        blocks.push({
          type: 'tool_use',
          id: part.id,
          name: part.name,
          input: part.kind === 'custom' ? { input: part.input } : readToolInput(part.input, cut),
        })
        break
    }
  }
  return blocks
}

function encodeReasoning(part: ReasoningPart): ReplyBlock[] {
  if (part.redacted !== undefined) return [{ type: 'redacted_thinking', data: part.redacted }]
  if (part.text === '' && part.signature === undefined) return []
  // An empty signature makes some clients drop the block, or fail.
  return [{ type: 'thinking', thinking: part.text, signature: part.signature ?? MARKER }]
}

/**
 * What a call's provider wants back with the next turn, in the one place of this language that a client
 * stores and returns unread: the signature of a thinking block before the call (wire-formats H).
 */
export function echoBlock(callId: string, echo: JsonObject): ReplyBlock {
  return {
    type: 'thinking',
    thinking: '',
    signature: encodeMarker({ calls: Object.fromEntries([[callId, echo]]) }),
  }
}

/**
 * Why it ended, in Anthropic's words. `called`: the reply holds a `tool_use` block. A client that is told
 * `end_turn` does not run its tools; one that is told `tool_use` without a call waits for none.
 */
export function mapStopReason(reason: FinishReason, called: boolean): StopReason {
  switch (reason) {
    case 'stop':
    case 'other':
    case 'tool-calls':
      return called ? 'tool_use' : 'end_turn'
    case 'stop-sequence':
      return 'stop_sequence'
    case 'length':
      return 'max_tokens'
    case 'context-window':
      return 'model_context_window_exceeded'
    case 'refusal':
    case 'content-filter':
      return 'refusal'
    case 'pause':
      return 'pause_turn'
    default:
      return reason satisfies never
  }
}

/** What a refusal said; `undefined` for every other end. */
export function stopDetails(finish: Finish): StopDetails | undefined {
  if (finish.reason !== 'refusal' && finish.reason !== 'content-filter') return undefined
  return { type: 'refusal', category: null, explanation: finish.explanation ?? null }
}

/**
 * Anthropic's counts, which name cached input apart and count no token twice. What was not told is
 * asked of the two estimates.
 */
export function encodeCounts(
  usage: TokenUsage | undefined,
  estimateInput: () => number,
  estimateOutput: () => number,
): MessageCounts {
  const cached = usage?.cachedTokens ?? 0
  const written = usage?.cacheWriteTokens ?? 0
  const prompt = usage?.promptTokens
  return {
    input_tokens: prompt === undefined ? estimateInput() : Math.max(0, prompt - cached - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: usage?.completionTokens ?? estimateOutput(),
  }
}

function outputChars(reply: ChatReply): number {
  return reply.parts.reduce((sum, part) => sum + partText(part).length, 0)
}

function partText(part: ChatReply['parts'][number]): string {
  return part.type === 'tool-call' ? inputOf(part) : part.text
}

function inputOf(call: ToolCallPart): string {
  return call.name + call.input
}

/** OpenAI's word for the tier that served it, in Anthropic's. */
function mapServiceTier(tier: string | undefined): 'standard' | 'priority' | null {
  switch (tier) {
    case 'default':
      return 'standard'
    case 'priority':
      return 'priority'
    default:
      return null
  }
}
