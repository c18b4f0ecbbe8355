/** Token counts of a Response object ↔ neutral (wire-formats F.4). */
import { readCount, readObject } from '../../wire/json.ts'
import type { JsonObject, TokenUsage } from '../neutral.ts'
import type { ResponseUsage } from './wire.ts'

/** The `usage` of a Response object; `undefined` when none of its main counts is a count. */
export function findUsage(response: JsonObject): TokenUsage | undefined {
  const usage = readObject(response['usage'])
  if (usage === undefined) return undefined
  const promptTokens = readCount(usage['input_tokens'])
  const completionTokens = readCount(usage['output_tokens'])
  const total = readCount(usage['total_tokens'])
  if (promptTokens === undefined && completionTokens === undefined && total === undefined) {
    return undefined
  }
  const input = readObject(usage['input_tokens_details'])
  const output = readObject(usage['output_tokens_details'])
  return {
    promptTokens,
    completionTokens,
    totalTokens:
      total ??
      (promptTokens === undefined || completionTokens === undefined
        ? undefined
        : promptTokens + completionTokens),
    cachedTokens: readCount(input?.['cached_tokens']),
    cacheWriteTokens: readCount(input?.['cache_write_tokens']),
    reasoningTokens: readCount(output?.['reasoning_tokens']),
  }
}

/**
 * The usage object a Responses caller gets; `null` where neither side of the count was told. Its counts
 * and details are not nullable, so a single unknown one is written as 0.
 */
export function encodeUsage(usage: TokenUsage | undefined): ResponseUsage | null {
  if (usage === undefined) return null
  if (usage.promptTokens === undefined && usage.completionTokens === undefined) return null
  const prompt = usage.promptTokens ?? 0
  const completion = usage.completionTokens ?? 0
  return {
    input_tokens: prompt,
    input_tokens_details: {
      cached_tokens: usage.cachedTokens ?? 0,
      cache_write_tokens: usage.cacheWriteTokens ?? 0,
    },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
    total_tokens: prompt + completion,
  }
}
