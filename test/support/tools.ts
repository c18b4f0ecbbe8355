/** Providers that call a tool `weather` for two cities at once, and speak when they have been told. */
import { dig, digText, list } from './json.ts'
import {
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  GPT_5_DATED,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicEnd,
  anthropicFrame,
  anthropicMessageOf,
  anthropicText,
  asksForStream,
  openaiChatOf,
  openaiChunk,
  playFrames,
} from './replies.ts'
import type { Script } from './upstream.ts'

/** Arguments of the tool that both scripts call. */
export const CITIES = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

/** Two calls in one turn; once the results are there, a text that repeats them. */
export const openaiUsesTools: Script = async (reply, request) => {
  const body = request.json()
  const results = list(dig(body, 'messages')).filter((message) => dig(message, 'role') === 'tool')
  if (results.length > 0) {
    const text = results.map((result) => digText(result, 'content')).join(' and ')
    if (asksForStream(body)) {
      await playFrames(reply, [
        OPENAI_ROLE,
        openaiChunk({ content: text }),
        openaiChunk({}, 'stop'),
        OPENAI_USAGE,
        OPENAI_DONE,
      ])
    } else reply.json(200, openaiChatOf({ role: 'assistant', content: text, refusal: null }))
    return
  }
  const calls = ['Oslo', 'Rome'].map((city, index) => ({
    id: `call_${index}`,
    type: 'function',
    function: { name: 'weather', arguments: JSON.stringify({ city }) },
  }))
  if (!asksForStream(body)) {
    const message = { role: 'assistant', content: null, refusal: null, tool_calls: calls }
    reply.json(200, openaiChatOf(message, GPT_5_DATED, 'tool_calls'))
    return
  }
  await playFrames(reply, [
    OPENAI_ROLE,
    ...calls.flatMap(({ id, type, function: called }, index) => [
      openaiChunk({
        tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }],
      }),
      openaiChunk({ tool_calls: [{ index, function: { arguments: called.arguments } }] }),
    ]),
    openaiChunk({}, 'tool_calls'),
    OPENAI_USAGE,
    OPENAI_DONE,
  ])
}

/** The same, as Anthropic does it. */
export const anthropicUsesTools: Script = async (reply, request) => {
  const body = request.json()
  const last = dig(list(dig(body, 'messages')).at(-1), 'content')
  const results = Array.isArray(last)
    ? last.filter((block) => dig(block, 'type') === 'tool_result')
    : []
  if (results.length > 0) {
    const text = results.map((result) => resultText(dig(result, 'content'))).join(' and ')
    if (asksForStream(body)) {
      await playFrames(reply, [
        ANTHROPIC_START,
        ANTHROPIC_TEXT_START,
        anthropicText(text),
        anthropicFrame({ type: 'content_block_stop', index: 0 }),
        ...anthropicEnd(),
      ])
    } else reply.json(200, anthropicMessageOf([{ type: 'text', text }]))
    return
  }
  const calls = ['Oslo', 'Rome'].map((city, index) => ({
    type: 'tool_use',
    id: `toolu_${index}`,
    name: 'weather',
    input: { city },
  }))
  if (!asksForStream(body)) {
    reply.json(200, anthropicMessageOf(calls, 'tool_use'))
    return
  }
  await playFrames(reply, [
    ANTHROPIC_START,
    ...calls.flatMap((called, index) => [
      anthropicFrame({
        type: 'content_block_start',
        index,
        content_block: { ...called, input: {} },
      }),
      anthropicFrame({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: JSON.stringify(called.input) },
      }),
      anthropicFrame({ type: 'content_block_stop', index }),
    ]),
    ...anthropicEnd('tool_use'),
  ])
}

/** A tool result's text, whether it came as a string or as text blocks. */
function resultText(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((block) => digText(block, 'text'))
    .join('')
}
