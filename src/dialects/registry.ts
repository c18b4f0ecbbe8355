/** Which dialect a name stands for. A new dialect is one folder and one line here. */
import { anthropic } from './anthropic/anthropic.ts'
import type { Api, Dialect } from './dialect.ts'
import { openaiChat } from './openai-chat/openai-chat.ts'

const CALLERS: Readonly<Record<Api, Dialect>> = {
  chat: openaiChat,
  embeddings: openaiChat,
  messages: anthropic,
  count_tokens: anthropic,
  responses: openaiChat,
}

const TARGETS: Readonly<Record<'openai' | 'anthropic', Dialect>> = {
  openai: openaiChat,
  anthropic,
}

/** The dialect that callers of an API speak. */
export function callerDialect(api: Api): Dialect {
  return CALLERS[api]
}

/** The dialect in which a provider is spoken to, by its `dialect` in the config. */
export function targetDialect(provider: 'openai' | 'anthropic'): Dialect {
  return TARGETS[provider]
}
