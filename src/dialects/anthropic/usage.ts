/** Token counts in a Message or a stream ↔ neutral (wire-formats B.4). */
import { readCount, readObject } from '../../wire/json.ts'
import type { JsonObject, JsonValue, TokenUsage } from '../neutral.ts'

/** Anthropic's counts apart, as they arrive; a stream tells them in several pieces. */
export interface UsageCounts {
  input: number | undefined
  cacheWrite: number | undefined
  /** Of `cacheWrite`. */
  cacheWriteHour: number | undefined
  cacheRead: number | undefined
  output: number | undefined
  thinking: number | undefined
}

export function emptyCounts(): UsageCounts {
  return {
    input: undefined,
    cacheWrite: undefined,
    cacheWriteHour: undefined,
    cacheRead: undefined,
    output: undefined,
    thinking: undefined,
  }
}

/**
 * Takes over what a usage object tells. Totals are cumulative: the later value replaces, never adds.
 * Absent and null never replace, and 0 does not replace a positive input or cache count: some servers
 * send zeros at the end for what they told at the start.
 */
export function mergeCounts(counts: UsageCounts, value: JsonValue | undefined): void {
  const usage = readObject(value)
  if (usage === undefined) return
  counts.input = pickPositive(usage, 'input_tokens', counts.input)
  counts.cacheWrite = pickPositive(usage, 'cache_creation_input_tokens', counts.cacheWrite)
  const written = readObject(usage['cache_creation'])
  if (written !== undefined) {
    const { cacheWriteHour } = counts
    counts.cacheWriteHour = pickPositive(written, 'ephemeral_1h_input_tokens', cacheWriteHour)
  }
  counts.cacheRead = pickPositive(usage, 'cache_read_input_tokens', counts.cacheRead)
  counts.output = readCount(usage['output_tokens']) ?? counts.output
  counts.thinking =
    readCount(readObject(usage['output_tokens_details'])?.['thinking_tokens']) ?? counts.thinking
}

function pickPositive(
  usage: JsonObject,
  field: string,
  known: number | undefined,
): number | undefined {
  const told = readCount(usage[field])
  return told === undefined || (told === 0 && known !== undefined) ? known : told
}

/** The neutral usage: Anthropic counts cached input apart, we count it in. `undefined` when nothing was told. */
export function toUsage(counts: UsageCounts): TokenUsage | undefined {
  const { input, cacheWrite, cacheWriteHour = 0, cacheRead, output, thinking } = counts
  if (input === undefined && output === undefined) return undefined
  const prompt = input === undefined ? undefined : input + (cacheWrite ?? 0) + (cacheRead ?? 0)
  return {
    promptTokens: prompt,
    completionTokens: output,
    totalTokens: prompt === undefined || output === undefined ? undefined : prompt + output,
    cachedTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    ...(cacheWriteHour > 0 && { cacheWriteHourTokens: cacheWriteHour }),
    reasoningTokens: thinking,
  }
}

/** The usage of a whole reply. */
export function decodeUsage(value: JsonValue | undefined): TokenUsage | undefined {
  const counts = emptyCounts()
  mergeCounts(counts, value)
  return toUsage(counts)
}
