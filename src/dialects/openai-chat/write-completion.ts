/** A Chat completion as JSON text, exactly as JSON.stringify writes it and at a third of its cost. */
import { writeString, writeStringOrNull } from '../../wire/json-text.ts'
import type { ChatCompletion, ChatReplyMessage, ChatUsage } from './wire.ts'

/** The completion's JSON text. */
export function writeCompletion(completion: ChatCompletion): string {
  const { id, created, model, choices, usage, service_tier: tier } = completion
  const [{ message, finish_reason: finish }] = choices
  let text =
    `{"id":${writeString(id)},"object":"chat.completion","created":${created},` +
    `"model":${writeString(model)},"choices":[{"index":0,"message":${writeMessage(message)},` +
    `"logprobs":null,"finish_reason":"${finish}"}]`
  if (usage !== undefined) text += `,"usage":${writeUsage(usage)}`
  if (tier !== undefined) text += `,"service_tier":${writeString(tier)}`
  return `${text}}`
}

function writeMessage(message: ChatReplyMessage): string {
  const { content, refusal, reasoning_content: reasoning } = message
  let text = `{"role":"assistant","content":${writeStringOrNull(content)},"refusal":${writeStringOrNull(refusal)}`
  if (reasoning !== undefined) text += `,"reasoning_content":${writeString(reasoning)}`
  if (message.annotations !== undefined) {
    text += `,"annotations":${JSON.stringify(message.annotations)}`
  }
  if (message.function_call !== undefined) {
    text += `,"function_call":${JSON.stringify(message.function_call)}`
  }
  if (message.tool_calls !== undefined)
    text += `,"tool_calls":${JSON.stringify(message.tool_calls)}`
  return `${text}}`
}

function writeUsage(usage: ChatUsage): string {
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage
  const details =
    `"prompt_tokens_details":{"cached_tokens":${prompt.cached_tokens},` +
    `"cache_write_tokens":${prompt.cache_write_tokens}}`
  const reasoning =
    completion === undefined
      ? ''
      : `,"completion_tokens_details":{"reasoning_tokens":${completion.reasoning_tokens}}`
  return (
    `{"prompt_tokens":${usage.prompt_tokens},"completion_tokens":${usage.completion_tokens},` +
    `"total_tokens":${usage.total_tokens},${details}${reasoning}}`
  )
}
