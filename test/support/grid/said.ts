/**
 * What a model says in one turn, in no provider's words, and how each of the three wire languages writes
 * it: whole, or as the frames of a stream. Composed from the published grammars, apart from the
 * program's own writers.
 */
import { dataFrame } from '../replies.ts'

/** A wire language, by the name of its API. */
export type ApiName = 'chat' | 'messages' | 'responses'

export const API_NAMES: readonly ApiName[] = ['chat', 'messages', 'responses']

export interface SaidCall {
  readonly id: string
  readonly name: string
  /** JSON text, as the model wrote it; cut short where the tokens ran out. */
  readonly arguments: string
  /** What a provider makes of cut arguments where it gives an object: the members that are complete. */
  readonly kept?: string
}

/** Counts as every provider means them: `prompt` with cached and written ones, `completion` with reasoning. */
export interface SaidUsage {
  readonly prompt: number
  readonly cached: number
  readonly written: number
  readonly completion: number
  readonly reasoning: number
}

/** Why a turn is over. */
export type End = 'stop' | 'stop-sequence' | 'length' | 'tools' | 'refusal'

export interface Said {
  readonly thinking?: string
  readonly text?: string
  readonly calls?: readonly SaidCall[]
  readonly refusal?: string
  /** Default: what the content means. */
  readonly end?: End
  /** Which sequence was met; Anthropic tells. */
  readonly stopSequence?: string
  readonly usage?: SaidUsage
}

/** No two numbers alike, so that no two can change places unseen. */
export const USAGE: SaidUsage = {
  prompt: 520,
  cached: 300,
  written: 100,
  completion: 64,
  reasoning: 5,
}

/** What a provider puts beside its reasoning; only it can say what is in it. */
export const SEAL = 'c2VhbGVkIGJ5IHRoZSBwcm92aWRlcg=='
/** The id of a reasoning item. */
export const SEALED_ID = 'rs_Grid'

const CREATED = 1_795_305_600

/** The end of a turn, where it is not said outright. */
export function endOf(said: Said): End {
  if (said.end !== undefined) return said.end
  if (said.refusal !== undefined) return 'refusal'
  return (said.calls ?? []).length > 0 ? 'tools' : 'stop'
}

/** The whole reply. */
export function sayWhole(api: ApiName, said: Said, model: string): unknown {
  switch (api) {
    case 'chat':
      return chatReply(said, model)
    case 'messages':
      return message(said, model)
    case 'responses':
      return response(said, model)
  }
}

/** The frames of the stream, usage and end mark included. */
export function sayFrames(api: ApiName, said: Said, model: string): string[] {
  switch (api) {
    case 'chat':
      return chatFrames(said, model)
    case 'messages':
      return messageFrames(said, model)
    case 'responses':
      return responseFrames(said, model)
  }
}

/** The text in up to three pieces; no character is cut in two. */
export function pieces(text: string): string[] {
  const characters = Array.from(text)
  const third = Math.max(1, Math.ceil(characters.length / 3))
  return [0, 1, 2]
    .map((at) => characters.slice(at * third, (at + 1) * third).join(''))
    .filter((piece) => piece !== '')
}

// Chat Completions

const CHAT_FINISH: Readonly<Record<End, string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  tools: 'tool_calls',
  // OpenAI's own models decline with a refusal and an ordinary stop.
  refusal: 'stop',
}

function chatUsage({ prompt, cached, written, completion, reasoning }: SaidUsage): unknown {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
  }
}

function chatReply(said: Said, model: string): unknown {
  const calls = (said.calls ?? []).map((call) => ({
    id: call.id,
    type: 'function',
    function: { name: call.name, arguments: call.arguments },
  }))
  return {
    id: 'chatcmpl-Grid',
    object: 'chat.completion',
    created: CREATED,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: said.text ?? null,
          refusal: said.refusal ?? null,
          ...(said.thinking === undefined ? {} : { reasoning_content: said.thinking }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: CHAT_FINISH[endOf(said)],
      },
    ],
    usage: chatUsage(said.usage ?? USAGE),
  }
}

function chatFrames(said: Said, model: string): string[] {
  const head = { id: 'chatcmpl-Grid', object: 'chat.completion.chunk', created: CREATED, model }
  const chunk = (delta: unknown, finish: string | null = null): string =>
    dataFrame({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
      usage: null,
    })
  return [
    chunk({ role: 'assistant', content: '', refusal: null }),
    ...pieces(said.thinking ?? '').map((piece) => chunk({ reasoning_content: piece })),
    ...pieces(said.text ?? '').map((content) => chunk({ content })),
    ...pieces(said.refusal ?? '').map((refusal) => chunk({ refusal })),
    ...(said.calls ?? []).flatMap((call, index) => [
      chunk({
        tool_calls: [
          { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } },
        ],
      }),
      ...pieces(call.arguments).map((piece) =>
        chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
      ),
    ]),
    chunk({}, CHAT_FINISH[endOf(said)]),
    dataFrame({ ...head, choices: [], usage: chatUsage(said.usage ?? USAGE) }),
    'data: [DONE]\n\n',
  ]
}

// Messages

const STOP_REASON: Readonly<Record<End, string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  tools: 'tool_use',
  refusal: 'refusal',
}

function messageUsage({ prompt, cached, written, completion, reasoning }: SaidUsage): unknown {
  return {
    input_tokens: prompt - cached - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    output_tokens: completion,
    output_tokens_details: { thinking_tokens: reasoning },
  }
}

function ending(said: Said): Record<string, unknown> {
  return {
    stop_reason: STOP_REASON[endOf(said)],
    stop_sequence: said.stopSequence ?? null,
    ...(said.refusal === undefined
      ? {}
      : { stop_details: { type: 'refusal', category: null, explanation: said.refusal } }),
  }
}

function message(said: Said, model: string): unknown {
  const content: unknown[] = []
  if (said.thinking !== undefined) {
    content.push({ type: 'thinking', thinking: said.thinking, signature: SEAL })
  }
  if (said.text !== undefined) content.push({ type: 'text', text: said.text })
  for (const call of said.calls ?? []) {
    const input: unknown = JSON.parse(call.kept ?? call.arguments)
    content.push({ type: 'tool_use', id: call.id, name: call.name, input })
  }
  return {
    id: 'msg_Grid',
    type: 'message',
    role: 'assistant',
    model,
    content,
    ...ending(said),
    usage: messageUsage(said.usage ?? USAGE),
  }
}

function messageFrames(said: Said, model: string): string[] {
  const usage = said.usage ?? USAGE
  const frames: string[] = []
  const event = (type: string, members: Record<string, unknown>): void => {
    frames.push(`event: ${type}\n${dataFrame({ type, ...members })}`)
  }
  let index = 0
  const block = (start: unknown, deltas: readonly unknown[]): void => {
    event('content_block_start', { index, content_block: start })
    if (index === 0) event('ping', {})
    for (const delta of deltas) event('content_block_delta', { index, delta })
    event('content_block_stop', { index })
    index += 1
  }
  event('message_start', {
    message: {
      id: 'msg_Grid',
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: usage.prompt - usage.cached - usage.written,
        cache_creation_input_tokens: usage.written,
        cache_read_input_tokens: usage.cached,
        output_tokens: 1,
      },
    },
  })
  if (said.thinking !== undefined) {
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(said.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: SEAL },
    ])
  }
  if (said.text !== undefined) {
    const deltas = pieces(said.text).map((text) => ({ type: 'text_delta', text }))
    block({ type: 'text', text: '' }, deltas)
  }
  for (const call of said.calls ?? []) {
    block({ type: 'tool_use', id: call.id, name: call.name, input: {} }, [
      { type: 'input_json_delta', partial_json: '' },
      ...(call.arguments === '{}' ? [] : pieces(call.arguments)).map((piece) => ({
        type: 'input_json_delta',
        partial_json: piece,
      })),
    ])
  }
  event('message_delta', { delta: ending(said), usage: messageUsage(usage) })
  event('message_stop', {})
  return frames
}

// Responses

function responseUsage({ prompt, cached, written, completion, reasoning }: SaidUsage): unknown {
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: prompt + completion,
  }
}

interface OutputItem {
  readonly item: Record<string, unknown>
  /** Events between the item's beginning and its end, without the members that place them. */
  readonly events: ReadonlyArray<readonly [type: string, members: Record<string, unknown>]>
  /** The item as it stands at its beginning. */
  readonly begun: Record<string, unknown>
}

function outputItems(said: Said): OutputItem[] {
  const items: OutputItem[] = []
  // The last item of a response that ran out of tokens is as unfinished as the response.
  const status = endOf(said) === 'length' ? 'incomplete' : 'completed'
  if (said.thinking !== undefined) items.push(reasoningItem(said.thinking))
  if (said.text !== undefined)
    items.push(textItem(said.text, said.calls === undefined ? status : 'completed'))
  if (said.refusal !== undefined) items.push(refusalItem(said.refusal))
  for (const [index, call] of (said.calls ?? []).entries())
    items.push(callItem(call, index, status))
  return items
}

function reasoningItem(text: string): OutputItem {
  const part = { type: 'summary_text', text }
  const begun = { id: SEALED_ID, type: 'reasoning', summary: [] }
  // Sealed, and not shown.
  if (text === '') return { begun, item: { ...begun, encrypted_content: SEAL }, events: [] }
  return {
    begun,
    item: { ...begun, summary: [part], encrypted_content: SEAL },
    events: [
      ['reasoning_summary_part.added', { summary_index: 0, part: { ...part, text: '' } }],
      ...pieces(text).map(
        (delta) => ['reasoning_summary_text.delta', { summary_index: 0, delta }] as const,
      ),
      ['reasoning_summary_text.done', { summary_index: 0, text }],
      ['reasoning_summary_part.done', { summary_index: 0, part }],
    ],
  }
}

function textItem(text: string, status: string): OutputItem {
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  const begun = { id: 'msg_Grid', type: 'message', role: 'assistant', content: [] }
  return {
    begun: { ...begun, status: 'in_progress' },
    item: { ...begun, status, content: [part] },
    events: [
      ['content_part.added', { content_index: 0, part: { ...part, text: '' } }],
      ...pieces(text).map(
        (delta) => ['output_text.delta', { content_index: 0, delta, logprobs: [] }] as const,
      ),
      ['output_text.done', { content_index: 0, text, logprobs: [] }],
      ['content_part.done', { content_index: 0, part }],
    ],
  }
}

function refusalItem(refusal: string): OutputItem {
  const begun = { id: 'msg_Grid', type: 'message', role: 'assistant', content: [] }
  return {
    begun: { ...begun, status: 'in_progress' },
    item: { ...begun, status: 'completed', content: [{ type: 'refusal', refusal }] },
    events: [
      ['content_part.added', { content_index: 0, part: { type: 'refusal', refusal: '' } }],
      ...pieces(refusal).map((delta) => ['refusal.delta', { content_index: 0, delta }] as const),
      ['refusal.done', { content_index: 0, refusal }],
      ['content_part.done', { content_index: 0, part: { type: 'refusal', refusal } }],
    ],
  }
}

function callItem(call: SaidCall, index: number, status: string): OutputItem {
  const begun = { id: `fc_Grid${index}`, type: 'function_call', call_id: call.id, name: call.name }
  return {
    begun: { ...begun, status: 'in_progress', arguments: '' },
    item: { ...begun, status, arguments: call.arguments },
    events: [
      ...pieces(call.arguments).map(
        (delta) => ['function_call_arguments.delta', { delta }] as const,
      ),
      ['function_call_arguments.done', { arguments: call.arguments }],
    ],
  }
}

function responseOf(model: string, members: Record<string, unknown>): Record<string, unknown> {
  return {
    id: 'resp_Grid',
    object: 'response',
    created_at: CREATED,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model,
    output: [],
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    usage: null,
    ...members,
  }
}

function response(said: Said, model: string): Record<string, unknown> {
  const isCut = endOf(said) === 'length'
  return responseOf(model, {
    status: isCut ? 'incomplete' : 'completed',
    incomplete_details: isCut ? { reason: 'max_output_tokens' } : null,
    output: outputItems(said).map(({ item }) => item),
    usage: responseUsage(said.usage ?? USAGE),
  })
}

function responseFrames(said: Said, model: string): string[] {
  const frames: string[] = []
  const event = (name: string, members: Record<string, unknown>): void => {
    const type = `response.${name}`
    const frame = dataFrame({ type, sequence_number: frames.length, ...members })
    frames.push(`event: ${type}\n${frame}`)
  }
  event('created', { response: responseOf(model, {}) })
  event('in_progress', { response: responseOf(model, {}) })
  for (const [index, { begun, item, events }] of outputItems(said).entries()) {
    event('output_item.added', { output_index: index, item: begun })
    for (const [name, members] of events) {
      event(name, { item_id: item['id'], output_index: index, ...members })
    }
    event('output_item.done', { output_index: index, item })
  }
  const whole = response(said, model)
  event(String(whole['status']), { response: whole })
  return frames
}
