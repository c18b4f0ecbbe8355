/** A Chat Completions caller: `openai`, `chat.completions`. */
import OpenAI from 'openai'
import { makeParseableResponseFormat } from 'openai/lib/parser'
import { dig, digText, list, map, parseJson } from '../json.ts'
import { MAX_TOKENS, watchFetch } from './callers.ts'
import type { Ask, Caller, Heard, ToolOutcome, Turn, UserPart } from './callers.ts'

type Params = OpenAI.ChatCompletionCreateParamsNonStreaming
type Message = OpenAI.ChatCompletionMessageParam

/** A caller of the proxy at `url`, known by the name or key; `through` is its network. */
export function createChatCaller(
  url: string,
  apiKey: string,
  through: typeof fetch = fetch,
): Caller {
  const watched = watchFetch(through)
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey,
    maxRetries: 0,
    fetch: watched.fetch,
  })
  const { completions } = client.chat

  return {
    api: 'chat',
    async ask(ask, way) {
      const params = paramsOf(ask, way.model)
      if (way.stream) {
        let thinking = ''
        const stream = completions.stream({
          ...params,
          stream: true,
          stream_options: { include_usage: true },
        })
        stream.on('chunk', (chunk) => {
          thinking += digText(chunk, 'choices', 0, 'delta', 'reasoning_content')
        })
        stream.on('content', (piece) => way.onText?.(piece))
        return hear(await stream.finalChatCompletion(), thinking, watched.headers())
      }
      const completion =
        ask.schema === undefined
          ? await completions.create(params)
          : await completions.parse(params)
      const thinking = digText(completion, 'choices', 0, 'message', 'reasoning_content')
      return hear(completion, thinking, watched.headers())
    },
  }
}

function paramsOf(ask: Ask, model: string): Params {
  return {
    model,
    messages: [
      ...(ask.system === undefined ? [] : [{ role: 'system' as const, content: ask.system }]),
      ...ask.turns.flatMap(messagesOf),
    ],
    max_completion_tokens: ask.maxTokens ?? MAX_TOKENS,
    ...(ask.temperature === undefined ? {} : { temperature: ask.temperature }),
    ...(ask.stop === undefined ? {} : { stop: [...ask.stop] }),
    ...(ask.tools === undefined
      ? {}
      : {
          tools: ask.tools.map(({ name, description, schema }) => ({
            type: 'function' as const,
            function: { name, description, parameters: schema },
          })),
        }),
    ...(ask.choice === undefined
      ? {}
      : {
          tool_choice:
            typeof ask.choice === 'string'
              ? ask.choice
              : { type: 'function' as const, function: { name: ask.choice.tool } },
        }),
    ...(ask.parallel === undefined ? {} : { parallel_tool_calls: ask.parallel }),
    ...(ask.schema === undefined
      ? {}
      : {
          response_format: makeParseableResponseFormat<unknown>(
            {
              type: 'json_schema',
              json_schema: { name: 'answer', strict: true, schema: ask.schema },
            },
            parseJson,
          ),
        }),
    ...(ask.effort === undefined ? {} : { reasoning_effort: ask.effort }),
  }
}

function messagesOf(turn: Turn): Message[] {
  if ('user' in turn) {
    const content = typeof turn.user === 'string' ? turn.user : turn.user.map(partOf)
    return [{ role: 'user', content }]
  }
  if ('results' in turn) return turn.results.map(resultOf)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's own message, given back as its examples do
  if ('replay' in turn) return [turn.replay.replay as Message]
  const { text, calls } = turn.assistant
  return [
    {
      role: 'assistant',
      content: text ?? null,
      ...(calls === undefined
        ? {}
        : {
            tool_calls: calls.map((call) => ({
              id: call.id,
              type: 'function' as const,
              function: { name: call.name, arguments: call.arguments },
            })),
          }),
    },
  ]
}

function partOf(part: UserPart): OpenAI.ChatCompletionContentPart {
  switch (part.type) {
    case 'text':
      return part
    case 'image':
      return { type: 'image_url', image_url: { url: `data:image/png;base64,${part.base64}` } }
    case 'image-url':
      return { type: 'image_url', image_url: { url: part.url } }
    case 'pdf': {
      const data = `data:application/pdf;base64,${part.base64}`
      return { type: 'file', file: { filename: part.name, file_data: data } }
    }
  }
}

function resultOf(result: ToolOutcome): Message {
  if (result.image !== undefined || result.isError === true) {
    throw new Error('a Chat caller cannot say this; the table must have a reason for the cell')
  }
  return { role: 'tool', tool_call_id: result.id, content: result.text }
}

function hear(completion: OpenAI.ChatCompletion, thinking: string, headers: Headers): Heard {
  if (completion.choices.length !== 1) throw new Error('one reply is one choice')
  const [choice] = completion.choices
  const message = choice?.message
  return {
    text: message?.content ?? '',
    thinking,
    refusal: message?.refusal ?? '',
    calls: list(message?.tool_calls ?? []).map((call) => ({
      id: digText(call, 'id'),
      name: digText(call, 'function', 'name'),
      arguments: digText(call, 'function', 'arguments'),
    })),
    finish: String(choice?.finish_reason),
    usage: completion.usage,
    model: completion.model,
    parsed: dig(message, 'parsed'),
    requestId: dig(completion, '_request_id'),
    replay: withoutParsed(message),
    raw: completion,
    headers,
  }
}

/** The message without what the SDK's parser put into it, which the API would not know. */
function withoutParsed(message: unknown): unknown {
  const { parsed: _parsed, ...rest } = map(message)
  if (!Array.isArray(rest['tool_calls'])) return rest
  const calls = rest['tool_calls'].map((call) => {
    const { parsed_arguments: _arguments, ...called } = map(dig(call, 'function'))
    return { ...map(call), function: called }
  })
  return { ...rest, tool_calls: calls }
}
