/**
 * OpenAI Responses on the wire, unary and streamed, without server-side state
 * (https://platform.openai.com/docs/api-reference/responses, …/responses-streaming).
 */
import { answer, piecesOf, tokensOf } from './answers.ts'
import type { Answer, AnswerCall, Ask, OfferedTool } from './answers.ts'
import { CREATED_S, seal, tokenOf } from './identity.ts'
import { isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { MockBehaviour } from './models.ts'
import type { Refused } from './refused.ts'
import { namedEvent } from './rendering.ts'
import type { Frame, NamedEvent, Rendering } from './rendering.ts'

/** The reply of `/v1/responses/input_tokens`: the same count that a reply's usage would show. */
export function countResponsesTokens(body: JsonObject): object {
  return {
    object: 'response.input_tokens',
    input_tokens: tokensOf(promptTexts(body).join('').length),
  }
}

/** The reply to a checked request. `raw` is the body as received; ids follow from it. */
export function renderResponses(
  body: JsonObject,
  raw: string,
  behaviour: MockBehaviour,
): Rendering {
  const said = answer(readAsk(body, behaviour))
  const items = itemsOf(said, body, raw)
  const isCut = said.finish === 'length'
  const begun = responseOf(body, raw)
  const done = {
    ...begun,
    status: isCut ? 'incomplete' : 'completed',
    completed_at: isCut ? null : CREATED_S,
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: items.map((item) => item.whole),
    usage: {
      input_tokens: said.usage.promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: said.usage.completionTokens,
      output_tokens_details: { reasoning_tokens: said.usage.reasoningTokens },
      total_tokens: said.usage.promptTokens + said.usage.completionTokens,
    },
  }
  return {
    isStream: body['stream'] === true,
    body: () => done,
    frames: () => framesOf(begun, done, items),
    errorFrame: (refused: Refused, framesBefore: number) =>
      framesBefore === 0
        ? namedEvent({
            type: 'error',
            sequence_number: 0,
            code: refused.code ?? refused.type,
            message: refused.message,
            param: refused.param,
          })
        : namedEvent({
            type: 'response.failed',
            sequence_number: framesBefore,
            response: {
              ...begun,
              status: 'failed',
              error: { code: refused.code ?? refused.type, message: refused.message },
            },
          }),
  }
}

function readAsk(body: JsonObject, behaviour: MockBehaviour): Ask {
  const items = objectsOf(body['input'])
  const last = items.at(-1)
  const afterToolResult = stringOf(last?.['type']).endsWith('_output')
  const text = isObject(body['text']) ? body['text'] : {}
  const reasoning = isObject(body['reasoning']) ? body['reasoning'] : {}
  const limit = body['max_output_tokens']
  return {
    model: stringOf(body['model']),
    promptChars: promptTexts(body).join('').length,
    lastText: typeof body['input'] === 'string' ? body['input'] : textsIn(last).join('\n'),
    afterToolResult,
    tools: offeredTools(body),
    choice: choiceOf(body['tool_choice']),
    isParallelAllowed: body['parallel_tool_calls'] !== false,
    format: formatOf(text['format']),
    maxTokens: typeof limit === 'number' ? limit : undefined,
    stops: [],
    reasons: behaviour === 'thinking' || typeof reasoning['summary'] === 'string',
    announcesCalls: false,
    mood: behaviour === 'empty' || behaviour === 'refusal' ? behaviour : 'well',
    variant: 0,
  }
}

function promptTexts(body: JsonObject): readonly string[] {
  const spoken = typeof body['input'] === 'string' ? [body['input']] : []
  const listed = objectsOf(body['input']).flatMap(textsIn)
  return [stringOf(body['instructions']), ...spoken, ...listed]
}

/** Text of a message or of a tool's output. */
function textsIn(item: JsonObject | undefined): readonly string[] {
  const content = item?.['content'] ?? item?.['output']
  if (typeof content === 'string') return [content]
  return objectsOf(content).map((part) => stringOf(part['text'] ?? part['refusal']))
}

function offeredTools(body: JsonObject): readonly OfferedTool[] {
  const choice = body['tool_choice']
  const allowed =
    isObject(choice) && choice['type'] === 'allowed_tools'
      ? new Set(objectsOf(choice['tools']).map((tool) => tool['name']))
      : undefined
  return objectsOf(body['tools']).flatMap((tool): OfferedTool[] => {
    const name = stringOf(tool['name'])
    if (allowed !== undefined && !allowed.has(name)) return []
    if (tool['type'] === 'custom') return [{ name, kind: 'custom', schema: {} }]
    return tool['type'] === 'function'
      ? [{ name, kind: 'function', schema: tool['parameters'] ?? {} }]
      : []
  })
}

function choiceOf(choice: unknown): Ask['choice'] {
  if (choice === 'none' || choice === 'required') return choice
  if (!isObject(choice)) return 'auto'
  if (choice['type'] === 'allowed_tools') return choice['mode'] === 'required' ? 'required' : 'auto'
  return typeof choice['name'] === 'string' ? { name: choice['name'] } : 'auto'
}

function formatOf(format: unknown): Ask['format'] {
  if (!isObject(format)) return 'text'
  if (format['type'] === 'json_object') return 'json'
  return format['type'] === 'json_schema' ? { schema: format['schema'] } : 'text'
}

/** The response object as it stands at the start; the caller's settings are echoed. */
function responseOf(body: JsonObject, raw: string): JsonObject {
  const reasoning = isObject(body['reasoning']) ? body['reasoning'] : {}
  const text = isObject(body['text']) ? body['text'] : {}
  return {
    id: `resp_${tokenOf(32, 'responses', 'response', raw)}`,
    object: 'response',
    created_at: CREATED_S,
    status: 'in_progress',
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: body['max_tool_calls'] ?? null,
    model: body['model'],
    output: [],
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: null,
    prompt_cache_key: body['prompt_cache_key'] ?? null,
    reasoning: { effort: reasoning['effort'] ?? null, summary: reasoning['summary'] ?? null },
    safety_identifier: body['safety_identifier'] ?? null,
    service_tier: 'default',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: { format: text['format'] ?? { type: 'text' }, verbosity: text['verbosity'] ?? 'medium' },
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_logprobs: body['top_logprobs'] ?? 0,
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    usage: null,
    user: body['user'] ?? null,
    metadata: body['metadata'] ?? {},
  }
}

/** One output item: whole, as it opens, and the events between. */
interface Item {
  readonly whole: JsonObject
  readonly opened: JsonObject
  readonly between: readonly NamedEvent[]
}

/** Events that carry something the model produced end in this. */
const DELTA = '.delta'

function itemsOf(said: Answer, body: JsonObject, raw: string): readonly Item[] {
  const items: Item[] = []
  const idOf = (prefix: string): string =>
    `${prefix}_${tokenOf(32, 'responses', prefix, String(items.length), raw)}`
  const status = said.finish === 'length' ? 'incomplete' : 'completed'
  if (said.reasoning !== '') {
    const isSealedWanted = listOf(body['include']).includes('reasoning.encrypted_content')
    items.push(reasoningItem(idOf('rs'), said.reasoning, isSealedWanted))
  }
  if (said.text !== '')
    items.push(textItem(idOf('msg'), said.text, said.calls.length > 0 ? 'completed' : status))
  if (said.refusal !== '') items.push(refusalItem(idOf('msg'), said.refusal))
  for (const [index, call] of said.calls.entries()) {
    const isLast = index === said.calls.length - 1
    items.push(
      callItem(
        idOf(call.kind === 'custom' ? 'ctc' : 'fc'),
        `call_${tokenOf(24, 'responses', 'call', String(index), raw)}`,
        call,
        isLast ? status : 'completed',
      ),
    )
  }
  return items
}

function reasoningItem(id: string, text: string, isSealedWanted: boolean): Item {
  const part = { type: 'summary_text', text }
  const at = { item_id: id, summary_index: 0 }
  return {
    whole: {
      id,
      type: 'reasoning',
      summary: [part],
      ...(isSealedWanted ? { encrypted_content: seal(text) } : {}),
    },
    opened: { id, type: 'reasoning', summary: [] },
    between: [
      { type: 'response.reasoning_summary_part.added', ...at, part: { ...part, text: '' } },
      ...piecesOf(text).map((delta) => ({
        type: `response.reasoning_summary_text${DELTA}`,
        ...at,
        delta,
      })),
      { type: 'response.reasoning_summary_text.done', ...at, text },
      { type: 'response.reasoning_summary_part.done', ...at, part },
    ],
  }
}

function messageItem(
  id: string,
  status: string,
  part: object,
  empty: object,
  inside: readonly NamedEvent[],
): Item {
  const whole = { id, type: 'message', status, role: 'assistant', content: [part] }
  const at = { item_id: id, content_index: 0 }
  return {
    whole,
    opened: { ...whole, status: 'in_progress', content: [] },
    between: [
      { type: 'response.content_part.added', ...at, part: empty },
      ...inside.map((event) => ({ ...event, ...at })),
      { type: 'response.content_part.done', ...at, part },
    ],
  }
}

function textItem(id: string, text: string, status: string): Item {
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  return messageItem(id, status, part, { ...part, text: '' }, [
    ...piecesOf(text).map((delta) => ({
      type: `response.output_text${DELTA}`,
      delta,
      logprobs: [],
    })),
    { type: 'response.output_text.done', text, logprobs: [] },
  ])
}

function refusalItem(id: string, refusal: string): Item {
  const part = { type: 'refusal', refusal }
  return messageItem(id, 'completed', part, { ...part, refusal: '' }, [
    ...piecesOf(refusal).map((delta) => ({ type: `response.refusal${DELTA}`, delta })),
    { type: 'response.refusal.done', refusal },
  ])
}

function callItem(id: string, callId: string, call: AnswerCall, status: string): Item {
  const isCustom = call.kind === 'custom'
  const field = isCustom ? 'input' : 'arguments'
  const event = isCustom ? 'response.custom_tool_call_input' : 'response.function_call_arguments'
  const whole = {
    id,
    type: isCustom ? 'custom_tool_call' : 'function_call',
    status,
    call_id: callId,
    name: call.name,
    [field]: call.arguments,
  }
  return {
    whole,
    opened: { ...whole, status: 'in_progress', [field]: '' },
    between: [
      ...piecesOf(call.arguments).map((delta) => ({
        type: `${event}${DELTA}`,
        item_id: id,
        delta,
      })),
      { type: `${event}.done`, item_id: id, [field]: call.arguments },
    ],
  }
}

function framesOf(begun: JsonObject, done: JsonObject, items: readonly Item[]): readonly Frame[] {
  const frames: Frame[] = []
  const add = (type: string, fields: object): void => {
    frames.push({
      text: namedEvent({ type, sequence_number: frames.length, ...fields }),
      isContent: type.endsWith(DELTA),
    })
  }
  add('response.created', { response: begun })
  add('response.in_progress', { response: begun })
  for (const [index, item] of items.entries()) {
    add('response.output_item.added', { output_index: index, item: item.opened })
    for (const { type, ...fields } of item.between) add(type, { output_index: index, ...fields })
    add('response.output_item.done', { output_index: index, item: item.whole })
  }
  add(done['status'] === 'incomplete' ? 'response.incomplete' : 'response.completed', {
    response: done,
  })
  return frames
}
