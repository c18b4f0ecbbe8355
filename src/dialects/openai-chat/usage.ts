/** Token counts in a Chat reply or chunk ↔ neutral (wire-formats B.4, D.6, H). */
import { readCount, readObject } from '../../wire/json.ts'
import type { JsonObject, TokenUsage } from '../neutral.ts'
import type { ChatUsage } from './wire.ts'

/**
 * The usage of a reply or a chunk, wherever its server puts it: `usage`, Groq's `x_groq.usage`, or
 * Moonshot's `choices[0].usage`. `undefined` when nothing was told.
 */
export function findUsage(body: JsonObject): TokenUsage | undefined {
  const choices = body['choices']
  const choice = readObject(Array.isArray(choices) ? choices[0] : undefined)
  const usage =
    readObject(body['usage']) ??
    readObject(readObject(body['x_groq'])?.['usage']) ??
    readObject(choice?.['usage'])
  return usage === undefined ? undefined : decodeUsage(usage)
}

/** One usage object. `undefined` when none of the three main counts is a count. */
export function decodeUsage(usage: JsonObject): TokenUsage | undefined {
  const promptDetails = readObject(usage['prompt_tokens_details'])
  const completionDetails = readObject(usage['completion_tokens_details'])
  const promptTokens = readCount(usage['prompt_tokens'])
  const told = readCount(usage['completion_tokens'])
  const total = readCount(usage['total_tokens'])
  const reasoningTokens = readCount(completionDetails?.['reasoning_tokens'])
  if (promptTokens === undefined && told === undefined && total === undefined) return undefined
  let completionTokens = told
  // Some servers (xAI) leave reasoning out of completion_tokens and count it in the total only.
  if (
    promptTokens !== undefined &&
    told !== undefined &&
    reasoningTokens !== undefined &&
    total === promptTokens + told + reasoningTokens
  ) {
    completionTokens = told + reasoningTokens
  }
  return {
    promptTokens,
    completionTokens,
    totalTokens:
      total ??
      (promptTokens === undefined || completionTokens === undefined
        ? undefined
        : promptTokens + completionTokens),
    cachedTokens:
      readCount(promptDetails?.['cached_tokens']) ??
      readCount(usage['prompt_cache_hit_tokens']) ??
      readCount(usage['cached_tokens']),
    cacheWriteTokens: readCount(promptDetails?.['cache_write_tokens']),
    reasoningTokens,
  }
}

/**
 * The usage object a Chat caller gets; `undefined` where neither side of the count was told. The
 * format's counts are not nullable, so a single unknown one is written as 0.
 */
export function encodeUsage(usage: TokenUsage | undefined): ChatUsage | undefined {
  if (usage === undefined) return undefined
  if (usage.promptTokens === undefined && usage.completionTokens === undefined) return undefined
  const prompt = usage.promptTokens ?? 0
  const completion = usage.completionTokens ?? 0
  const encoded: ChatUsage = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: usage.cachedTokens ?? 0,
      cache_write_tokens: usage.cacheWriteTokens ?? 0,
    },
  }
  if (usage.reasoningTokens !== undefined) {
    encoded.completion_tokens_details = { reasoning_tokens: usage.reasoningTokens }
  }
  return encoded
}
