/** A Messages caller: `@anthropic-ai/sdk`, `messages`. */
import Anthropic from '@anthropic-ai/sdk'
import { dig, digText, parseJson } from '../json.ts'
import { MAX_TOKENS, watchFetch } from './callers.ts'
import type { Ask, Caller, Heard, ToolOutcome, Turn, UserPart } from './callers.ts'

type Message = Anthropic.MessageParam
type Block = Anthropic.ContentBlockParam

/** A caller of the proxy at `url`, known by the name or key; `through` is its network. */
export function createMessagesCaller(
  url: string,
  apiKey: string,
  through: typeof fetch = fetch,
): Caller {
  const watched = watchFetch(through)
  const client = new Anthropic({ baseURL: url, apiKey, maxRetries: 0, fetch: watched.fetch })

  return {
    api: 'messages',
    async ask(ask, way) {
      const params = paramsOf(ask, way.model)
      if (way.stream) {
        const stream = client.messages.stream(params)
        stream.on('text', (piece) => way.onText?.(piece))
        return hear(await stream.finalMessage(), watched.headers())
      }
      const message =
        ask.schema === undefined
          ? await client.messages.create(params)
          : await client.messages.parse(params)
      return hear(message, watched.headers())
    },
  }
}

function paramsOf(ask: Ask, model: string): Anthropic.MessageCreateParamsNonStreaming {
  const choice = choiceOf(ask)
  const format =
    ask.schema === undefined
      ? undefined
      : // With its `parse`, as the SDK's own helper makes it.
        { type: 'json_schema' as const, schema: ask.schema, parse: parseJson }
  return {
    model,
    max_tokens: ask.maxTokens ?? MAX_TOKENS,
    messages: ask.turns.flatMap(messagesOf),
    ...(ask.system === undefined ? {} : { system: ask.system }),
    ...(ask.temperature === undefined ? {} : { temperature: ask.temperature }),
    ...(ask.stop === undefined ? {} : { stop_sequences: [...ask.stop] }),
    ...(ask.tools === undefined
      ? {}
      : {
          tools: ask.tools.map(({ name, description, schema }) => ({
            name,
            description,
            input_schema: schema,
          })),
        }),
    ...(choice === undefined ? {} : { tool_choice: choice }),
    ...(format === undefined && ask.effort === undefined
      ? {}
      : {
          output_config: {
            ...(format === undefined ? {} : { format }),
            ...(ask.effort === undefined ? {} : { effort: ask.effort }),
          },
        }),
    ...(ask.effort === undefined
      ? {}
      : { thinking: { type: 'adaptive' as const, display: 'summarized' as const } }),
  }
}

function choiceOf({ choice, parallel }: Ask): Anthropic.ToolChoice | undefined {
  if (choice === undefined && parallel === undefined) return undefined
  if (choice === 'none') return { type: 'none' }
  const more = parallel === undefined ? {} : { disable_parallel_tool_use: !parallel }
  if (typeof choice === 'object') return { type: 'tool', name: choice.tool, ...more }
  return { type: choice === 'required' ? 'any' : 'auto', ...more }
}

function messagesOf(turn: Turn): Message[] {
  if ('user' in turn) {
    const content = typeof turn.user === 'string' ? turn.user : turn.user.map(partOf)
    return [{ role: 'user', content }]
  }
  if ('results' in turn) return [{ role: 'user', content: turn.results.map(resultOf) }]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's own blocks, given back as its examples do
  if ('replay' in turn) return [{ role: 'assistant', content: turn.replay.replay as Block[] }]
  const { text, calls } = turn.assistant
  const content: Block[] = []
  if (text !== undefined) content.push({ type: 'text', text })
  for (const call of calls ?? []) {
    content.push({
      type: 'tool_use',
      id: call.id,
      name: call.name,
      input: parseJson(call.arguments),
    })
  }
  return [{ role: 'assistant', content }]
}

function partOf(part: UserPart): Block {
  switch (part.type) {
    case 'text':
      return part
    case 'image':
      return imageOf(part.base64)
    case 'image-url':
      return { type: 'image', source: { type: 'url', url: part.url } }
    case 'pdf':
      return {
        type: 'document',
        title: part.name,
        source: { type: 'base64', media_type: 'application/pdf', data: part.base64 },
      }
  }
}

function imageOf(data: string): Anthropic.ImageBlockParam {
  return { type: 'image', source: { type: 'base64', media_type: 'image/png', data } }
}

function resultOf(result: ToolOutcome): Anthropic.ToolResultBlockParam {
  return {
    type: 'tool_result',
    tool_use_id: result.id,
    content:
      result.image === undefined
        ? result.text
        : [{ type: 'text', text: result.text }, imageOf(result.image)],
    ...(result.isError === true ? { is_error: true } : {}),
  }
}

function hear(message: Anthropic.Message, headers: Headers): Heard {
  const { content } = message
  return {
    text: content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(''),
    thinking: content
      .flatMap((block) => (block.type === 'thinking' ? [block.thinking] : []))
      .join(''),
    refusal: digText(message, 'stop_details', 'explanation'),
    calls: content.flatMap((block) =>
      block.type === 'tool_use'
        ? [{ id: block.id, name: block.name, arguments: JSON.stringify(block.input) }]
        : [],
    ),
    finish: String(message.stop_reason),
    usage: message.usage,
    model: message.model,
    parsed: dig(message, 'parsed_output'),
    requestId: dig(message, '_request_id'),
    replay: content,
    raw: message,
    headers,
  }
}
