/** A Responses caller: `openai`, `responses`, stateless as this proxy is. */
import OpenAI from 'openai'
import { makeParseableTextFormat } from 'openai/lib/parser'
import { dig, digText, list, parseJson } from '../json.ts'
import { MAX_TOKENS, watchFetch } from './callers.ts'
import type { Ask, Caller, Heard, ToolOutcome, Turn, UserPart } from './callers.ts'

type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming
type Item = OpenAI.Responses.ResponseInputItem
type Part = OpenAI.Responses.ResponseInputContent

/** A caller of the proxy at `url`, known by the name or key; `through` is its network. */
export function createResponsesCaller(
  url: string,
  apiKey: string,
  through: typeof fetch = fetch,
): Caller {
  const watched = watchFetch(through)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, fetch: watched.fetch })

  return {
    api: 'responses',
    async ask(ask, way) {
      const params = paramsOf(ask, way.model)
      if (way.stream) {
        const stream = client.responses.stream({ ...params, stream: true })
        stream.on('response.output_text.delta', ({ delta }) => way.onText?.(delta))
        return hear(await stream.finalResponse(), watched.headers())
      }
      const response =
        ask.schema === undefined
          ? await client.responses.create(params)
          : await client.responses.parse(params)
      return hear(response, watched.headers())
    },
  }
}

function paramsOf(ask: Ask, model: string): Params {
  if (ask.stop !== undefined) {
    throw new Error('a Responses caller cannot say this; the table must have a reason for the cell')
  }
  return {
    model,
    input: ask.turns.flatMap(itemsOf),
    store: false,
    max_output_tokens: ask.maxTokens ?? MAX_TOKENS,
    ...(ask.system === undefined ? {} : { instructions: ask.system }),
    ...(ask.temperature === undefined ? {} : { temperature: ask.temperature }),
    ...(ask.tools === undefined
      ? {}
      : {
          tools: ask.tools.map(({ name, description, schema }) => ({
            type: 'function' as const,
            name,
            description,
            parameters: schema,
            strict: false,
          })),
        }),
    ...(ask.choice === undefined
      ? {}
      : {
          tool_choice:
            typeof ask.choice === 'string'
              ? ask.choice
              : { type: 'function' as const, name: ask.choice.tool },
        }),
    ...(ask.parallel === undefined ? {} : { parallel_tool_calls: ask.parallel }),
    ...(ask.schema === undefined
      ? {}
      : {
          text: {
            format: makeParseableTextFormat<unknown>(
              { type: 'json_schema', name: 'answer', strict: true, schema: ask.schema },
              parseJson,
            ),
          },
        }),
    ...(ask.effort === undefined
      ? {}
      : {
          reasoning: { effort: ask.effort, summary: 'auto' as const },
          include: ['reasoning.encrypted_content' as const],
        }),
  }
}

function itemsOf(turn: Turn): Item[] {
  if ('user' in turn) {
    const content = typeof turn.user === 'string' ? turn.user : turn.user.map(partOf)
    return [{ role: 'user', content }]
  }
  if ('results' in turn) return turn.results.map(resultOf)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the SDK's own items, given back as its examples do
  if ('replay' in turn) return turn.replay.replay as Item[]
  const { text, calls } = turn.assistant
  return [
    ...(text === undefined ? [] : [{ role: 'assistant' as const, content: text }]),
    ...(calls ?? []).map((call) => ({
      type: 'function_call' as const,
      call_id: call.id,
      name: call.name,
      arguments: call.arguments,
    })),
  ]
}

function partOf(part: UserPart): Part {
  switch (part.type) {
    case 'text':
      return { type: 'input_text', text: part.text }
    case 'image':
      return imageOf(`data:image/png;base64,${part.base64}`)
    case 'image-url':
      return imageOf(part.url)
    case 'pdf': {
      const data = `data:application/pdf;base64,${part.base64}`
      return { type: 'input_file', filename: part.name, file_data: data }
    }
  }
}

function imageOf(url: string): OpenAI.Responses.ResponseInputImage {
  return { type: 'input_image', detail: 'auto', image_url: url }
}

function resultOf(result: ToolOutcome): Item {
  if (result.isError === true) {
    throw new Error('a Responses caller cannot say this; the table must have a reason for the cell')
  }
  return {
    type: 'function_call_output',
    call_id: result.id,
    output:
      result.image === undefined
        ? result.text
        : [
            { type: 'input_text', text: result.text },
            imageOf(`data:image/png;base64,${result.image}`),
          ],
  }
}

function hear(response: OpenAI.Responses.Response, headers: Headers): Heard {
  const { output } = response
  const parts = output.flatMap((item) => (item.type === 'message' ? item.content : []))
  const reason = digText(response, 'incomplete_details', 'reason')
  return {
    text: parts.map((part) => (part.type === 'output_text' ? part.text : '')).join(''),
    thinking: output
      .flatMap((item) => (item.type === 'reasoning' ? item.summary.map(({ text }) => text) : []))
      .join(''),
    refusal: parts.map((part) => (part.type === 'refusal' ? part.refusal : '')).join(''),
    calls: output.flatMap((item) =>
      item.type === 'function_call'
        ? [{ id: item.call_id, name: item.name, arguments: item.arguments }]
        : [],
    ),
    finish: reason === '' ? String(response.status) : `${String(response.status)}: ${reason}`,
    usage: response.usage,
    model: response.model,
    parsed: dig(response, 'output_parsed'),
    requestId: dig(response, '_request_id'),
    replay: list(output),
    raw: response,
    headers,
  }
}
