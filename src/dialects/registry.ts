/** Which dialect a name stands for. A new dialect is one folder and one line here. */
import { anthropic } from './anthropic/anthropic.ts'
import type { Dialect } from './dialect.ts'
import { openaiChat } from './openai-chat/openai-chat.ts'

/** By the name of the route that was called (`Api` in usage/record.ts). */
const CALLERS: ReadonlyMap<string, Dialect> = new Map([
  ['chat', openaiChat],
  ['embeddings', openaiChat],
  ['messages', anthropic],
  ['count_tokens', anthropic],
])

/** By a provider's `dialect` in the config. */
const TARGETS: ReadonlyMap<string, Dialect> = new Map([
  ['openai', openaiChat],
  ['anthropic', anthropic],
])

/** The dialect that callers of a route speak; `undefined` for a route without one. */
export function callerDialect(api: string): Dialect | undefined {
  return CALLERS.get(api)
}

/** The dialect that a provider is spoken to in; `undefined` for a name that is none. */
export function targetDialect(providerDialect: string): Dialect | undefined {
  return TARGETS.get(providerDialect)
}
