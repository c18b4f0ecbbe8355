/** A Message as JSON text, exactly as JSON.stringify writes it and at a third of its cost. */
import { writeString, writeStringOrNull } from '../../wire/json-text.ts'
import type { MessageUsage, ReplyBlock, ReplyMessage } from './reply-wire.ts'

/** The message's JSON text. */
export function writeMessage(message: ReplyMessage): string {
  const { id, model, content, stop_sequence: sequence, stop_details: details } = message
  return (
    `{"id":${writeString(id)},"type":"message","role":"assistant","model":${writeString(model)},` +
    `"content":[${content.map(writeBlock).join(',')}],"stop_reason":"${message.stop_reason}",` +
    `"stop_sequence":${writeStringOrNull(sequence)},"stop_details":${details === null ? 'null' : JSON.stringify(details)},` +
    `"container":null,"diagnostics":null,"usage":${writeUsage(message.usage)}}`
  )
}

function writeBlock(block: ReplyBlock): string {
  return block.type === 'text'
    ? `{"type":"text","text":${writeString(block.text)}}`
    : JSON.stringify(block)
}

function writeUsage(usage: MessageUsage): string {
  const { output_tokens_details: details, service_tier: tier } = usage
  const thinking = details === null ? 'null' : `{"thinking_tokens":${details.thinking_tokens}}`
  return (
    `{"input_tokens":${usage.input_tokens},` +
    `"cache_creation_input_tokens":${usage.cache_creation_input_tokens},` +
    `"cache_read_input_tokens":${usage.cache_read_input_tokens},` +
    `"output_tokens":${usage.output_tokens},"output_tokens_details":${thinking},` +
    `"service_tier":${writeStringOrNull(tier)}}`
  )
}
