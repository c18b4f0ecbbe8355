/** Which dialect a name stands for. A new dialect is one folder and one line here. */
import { anthropic } from './anthropic/anthropic.ts'
import type { Api, Dialect } from './dialect.ts'
import type { JsonObject } from './neutral.ts'
import { findOpenAiModel } from './model-rules.ts'
import type { RuleOverrides } from './model-rules.ts'
import { openaiChat } from './openai-chat/openai-chat.ts'
import { openaiResponses } from './openai-responses/openai-responses.ts'

const CALLERS: Readonly<Record<Api, Dialect>> = {
  chat: openaiChat,
  embeddings: openaiChat,
  messages: anthropic,
  count_tokens: anthropic,
  responses: openaiResponses,
}

/** The dialect that callers of an API speak. */
export function callerDialect(api: Api): Dialect {
  return CALLERS[api]
}

/** How a provider wants to be spoken to, as the config has it. */
export interface ProviderSpeech {
  readonly dialect: 'openai' | 'anthropic'
  readonly api: 'auto' | 'chat' | 'responses'
}

/**
 * The dialect in which a provider is spoken to about this request. With `api: auto` an OpenAI provider is
 * relayed what the caller speaks, Chat otherwise; and Responses where the model would refuse the request
 * in Chat: function tools together with reasoning (wire-formats 0.4; `rules` say otherwise).
 */
export function targetDialect(
  provider: ProviderSpeech,
  model: string,
  call: { readonly api: Api; readonly caller: Dialect; readonly json: JsonObject },
  rules?: RuleOverrides,
): Dialect {
  if (provider.dialect === 'anthropic') return anthropic
  // The embeddings endpoint stands beside Chat, whatever the provider's models are asked in.
  if (call.api === 'embeddings') return openaiChat
  switch (provider.api) {
    case 'chat':
      return openaiChat
    case 'responses':
      return openaiResponses
    case 'auto':
      return call.caller.name === 'openai-responses' || needsResponses(model, call.json, rules)
        ? openaiResponses
        : openaiChat
  }
}

function needsResponses(
  model: string,
  body: JsonObject,
  rules: RuleOverrides | undefined,
): boolean {
  const tools = body['tools']
  if (!Array.isArray(tools) || tools.length === 0) return false
  if (body['reasoning_effort'] === 'none') return false
  return !findOpenAiModel(model, rules).toolsWithReasoning
}
