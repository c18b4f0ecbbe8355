/**
 * Requests that a provider of another dialect has no endpoint for, and that we answer ourselves without
 * calling it: an estimate in place of Anthropic's token count (marked as one), and nothing at all where
 * Anthropic would only have warmed its cache (wire-formats D.1, D.7).
 */
import { answerWarmUp } from './anthropic/warm-up.ts'
import { replyToEvents } from './collect.ts'
import { estimateInputTokens } from './count-tokens.ts'
import type { Dialect, ReplyContext } from './dialect.ts'
import type { Inbound } from './prepare.ts'

export interface LocalAnswer {
  readonly body: string
  /** For `x-aiproxy-notes`. */
  readonly notes: string
}

/** Our own answer, or `undefined` where the target must be asked. Throws `request_invalid` like decoding. */
export function answerLocally(
  inbound: Inbound,
  target: Dialect,
  context: Omit<ReplyContext, 'request'>,
): LocalAnswer | undefined {
  if (inbound.caller.name !== 'anthropic' || target.name === 'anthropic') return undefined
  if (inbound.api === 'count_tokens') {
    return {
      body: JSON.stringify({ input_tokens: estimateInputTokens(inbound.json) }),
      notes: 'input_tokens;estimate',
    }
  }
  if (inbound.json['max_tokens'] !== 0) return undefined
  const request = inbound.request()
  const reply = answerWarmUp(request)
  if (reply === undefined) return undefined
  const { caller, stream } = inbound
  if (!stream) {
    const body = JSON.stringify(caller.encodeReply(reply, { ...context, request }))
    return { body, notes: '' }
  }
  const encoder = caller.createStreamEncoder({ ...context, request })
  const body = replyToEvents(reply).map((event) => encoder.push(event))
  return { body: body.join(''), notes: '' }
}
