import type { ChatReply, ChatRequest } from '../neutral.ts'

/**
 * The answer to `max_tokens: 0`, by which a Messages caller has Anthropic cache a prompt without writing
 * anything (wire-formats D.1). Other providers refuse the value and cache by themselves, so they are not
 * asked: no content, no tokens. `undefined` for every other request.
 */
export function answerWarmUp(request: ChatRequest): ChatReply | undefined {
  if (request.maxTokens !== 0) return undefined
  return {
    id: '',
    model: request.model,
    created: undefined,
    parts: [],
    finish: { reason: 'length' },
    usage: {
      promptTokens: 0,
      completionTokens: 0,
      totalTokens: 0,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: undefined,
    },
    serviceTier: undefined,
  }
}
