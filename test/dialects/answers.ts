/** Random answers of a model as each of the three languages streams them, and as callers read them. */
import type { DialectName } from '../../src/dialects/dialect.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { isJsonObject, parseJson, readArray, readObject, readString } from '../../src/wire/json.ts'
import type { Random } from '../support/random.ts'
import type { Call, Said } from './conversations.ts'

/** An answer as its reader must see it. */
export interface Heard {
  readonly text: string
  readonly reasoning: string
  /** Id, name, arguments. */
  readonly calls: ReadonlyArray<readonly [string, string, string]>
}

export function heardFrom(said: Said): Heard {
  return {
    text: said.texts.join(''),
    reasoning: said.reasoning,
    calls: said.calls.map(({ id, name, args }) => [id, name, args]),
  }
}

/** The text in pieces, cut anywhere, surrogate pairs included. */
function pieces(random: Random, whole: string): string[] {
  const cut: string[] = []
  for (let at = 0; at < whole.length;) {
    const length = 1 + random.below(24)
    cut.push(whole.slice(at, at + length))
    at += length
  }
  return cut
}

function frame(body: JsonObject, named: boolean): string {
  const event = named ? `event: ${readString(body['type']) ?? ''}\n` : ''
  return `${event}data: ${JSON.stringify(body)}\n\n`
}

/** The answer as a provider of this dialect streams it. */
export function writeStream(dialect: DialectName, said: Said, random: Random): string {
  switch (dialect) {
    case 'openai-chat':
      return writeChat(said, random)
    case 'anthropic':
      return writeMessages(said, random)
    case 'openai-responses':
      return writeResponses(said, random)
    default:
      return dialect satisfies never
  }
}

function chunk(delta: JsonObject, finish: string | null = null): string {
  return frame(
    {
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta, finish_reason: finish }],
    },
    false,
  )
}

function writeChat({ reasoning, texts, calls }: Said, random: Random): string {
  const out = [chunk({ role: 'assistant', content: '' })]
  for (const piece of pieces(random, reasoning)) out.push(chunk({ reasoning_content: piece }))
  for (const piece of pieces(random, texts.join(''))) out.push(chunk({ content: piece }))
  // Calls may begin, and go on, while others are incomplete.
  const waiting = calls.map(({ id, name, args }, index) => {
    const first = chunk({
      tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
    })
    const rest = pieces(random, args).map((piece) =>
      chunk({ tool_calls: [{ index, function: { arguments: piece } }] }),
    )
    return [first, ...rest]
  })
  const interleaved = random.once(3)
  // Servers begin their calls in order.
  let begun = 0
  while (waiting.some((list) => list.length > 0)) {
    const at = interleaved
      ? random.below(Math.min(begun + 1, waiting.length))
      : waiting.findIndex((candidate) => candidate.length > 0)
    begun = Math.max(begun, at + 1)
    const list = waiting[at]
    const next = list?.shift()
    if (next !== undefined) out.push(next)
  }
  out.push(chunk({}, calls.length > 0 ? 'tool_calls' : 'stop'), 'data: [DONE]\n\n')
  return out.join('')
}

function writeMessages({ reasoning, texts, calls }: Said, random: Random): string {
  const out: JsonObject[] = [
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 3, output_tokens: 1 },
      },
    },
  ]
  let index = 0
  const block = (start: JsonObject, deltas: readonly JsonObject[]): void => {
    out.push({ type: 'content_block_start', index, content_block: start })
    for (const delta of deltas) out.push({ type: 'content_block_delta', index, delta })
    out.push({ type: 'content_block_stop', index })
    index += 1
  }
  if (reasoning !== '') {
    block({ type: 'thinking', thinking: '', signature: '' }, [
      ...pieces(random, reasoning).map((piece) => ({ type: 'thinking_delta', thinking: piece })),
      { type: 'signature_delta', signature: 'c2ln' },
    ])
  }
  for (const text of texts) {
    block(
      { type: 'text', text: '' },
      pieces(random, text).map((piece) => ({ type: 'text_delta', text: piece })),
    )
    if (random.once(4)) out.push({ type: 'ping' })
  }
  for (const { id, name, args } of calls) {
    block({ type: 'tool_use', id, name, input: {} }, [
      { type: 'input_json_delta', partial_json: '' },
      ...pieces(random, args).map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
    ])
  }
  out.push(
    {
      type: 'message_delta',
      delta: { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: 9 },
    },
    { type: 'message_stop' },
  )
  return out.map((event) => frame(event, true)).join('')
}

function writeResponses({ reasoning, texts, calls }: Said, random: Random): string {
  const output: JsonObject[] = []
  const out: JsonObject[] = []
  const response = (status: string): JsonObject => ({
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    model: 'm',
    status,
    error: null,
    incomplete_details: null,
    output: status === 'completed' ? output : [],
  })
  out.push({ type: 'response.created', response: response('in_progress') })
  const item = (id: string, started: JsonObject, done: JsonObject, deltas: JsonObject[]): void => {
    const output_index = output.length
    out.push({ type: 'response.output_item.added', output_index, item: { id, ...started } })
    for (const delta of deltas) out.push({ ...delta, item_id: id, output_index })
    const whole = { id, ...done }
    out.push({ type: 'response.output_item.done', output_index, item: whole })
    output.push(whole)
  }
  if (reasoning !== '') {
    item(
      'rs_1',
      { type: 'reasoning', summary: [] },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: reasoning }] },
      pieces(random, reasoning).map((delta) => ({
        type: 'response.reasoning_summary_text.delta',
        summary_index: 0,
        delta,
      })),
    )
  }
  if (texts.length > 0) {
    item(
      'msg_1',
      { type: 'message', role: 'assistant', status: 'in_progress', content: [] },
      {
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: texts.map((text) => ({ type: 'output_text', text, annotations: [] })),
      },
      texts.flatMap((text, content_index) =>
        pieces(random, text).map((delta) => ({
          type: 'response.output_text.delta',
          content_index,
          delta,
        })),
      ),
    )
  }
  for (const [at, { id, name, args }] of calls.entries()) {
    const call = { type: 'function_call', call_id: id, name }
    item(
      `fc_${at}`,
      { ...call, arguments: '' },
      { ...call, arguments: args },
      pieces(random, args).map((delta) => ({
        type: 'response.function_call_arguments.delta',
        delta,
      })),
    )
  }
  out.push({ type: 'response.completed', response: response('completed') })
  return out.map((event, sequence_number) => frame({ ...event, sequence_number }, true)).join('')
}

/** The bytes cut at random places, inside characters too. */
export function cutRandomly(bytes: Uint8Array, random: Random): Uint8Array[] {
  const cut: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(random.once(4) ? 9 : 700)
    cut.push(bytes.subarray(at, at + length))
    at += length
  }
  return cut
}

/** What a caller of this dialect reads from the text of a stream. */
export function readStream(dialect: DialectName, text: string): Heard {
  const events = text.split('\n\n').flatMap((block) => {
    const line = block.split('\n').find((candidate) => candidate.startsWith('data: '))
    const parsed = line === undefined ? undefined : parseJson(line.slice('data: '.length))
    return isJsonObject(parsed) ? [parsed] : []
  })
  let said = ''
  let reasoning = ''
  const calls: Array<[string, string, string]> = []
  const extend = (at: number, more: string): void => {
    const call = calls[at]
    if (call !== undefined) call[2] += more
  }
  switch (dialect) {
    case 'openai-chat':
      for (const event of events) {
        const delta = readObject(readObject(readArray(event['choices'])[0])?.['delta'] ?? null)
        said += str(delta?.['content'])
        reasoning += str(delta?.['reasoning_content'])
        for (const call of readArray(delta?.['tool_calls']).filter(isJsonObject)) {
          const called = readObject(call['function'] ?? null)
          const at = Number(call['index'])
          if (call['id'] !== undefined) calls[at] = [str(call['id']), str(called?.['name']), '']
          extend(at, str(called?.['arguments']))
        }
      }
      break
    case 'anthropic': {
      const callOf = new Map<JsonValue | undefined, number>()
      for (const event of events) {
        const block = readObject(event['content_block'] ?? null)
        const delta = readObject(event['delta'] ?? null)
        if (block?.['type'] === 'tool_use') {
          callOf.set(event['index'], calls.length)
          calls.push([str(block['id']), str(block['name']), ''])
        }
        said += str(delta?.['text'])
        reasoning += str(delta?.['thinking'])
        extend(callOf.get(event['index']) ?? -1, str(delta?.['partial_json']))
      }
      break
    }
    case 'openai-responses': {
      const callOf = new Map<JsonValue | undefined, number>()
      for (const event of events) {
        const item = readObject(event['item'] ?? null)
        const type = str(event['type'])
        if (type === 'response.output_item.added' && item?.['type'] === 'function_call') {
          callOf.set(event['output_index'], calls.length)
          calls.push([str(item['call_id']), str(item['name']), ''])
        }
        if (type === 'response.output_text.delta') said += str(event['delta'])
        if (type === 'response.reasoning_summary_text.delta') reasoning += str(event['delta'])
        if (type === 'response.function_call_arguments.delta') {
          extend(callOf.get(event['output_index']) ?? -1, str(event['delta']))
        }
      }
      break
    }
    default:
      dialect satisfies never
  }
  return { text: said, reasoning, calls: calls.map(([id, name, args]) => [id, name, args || '{}']) }
}

function str(given: JsonValue | undefined): string {
  return readString(given) ?? ''
}

/** The answer that a model gives to a request with these tools, under the provider's own names for them. */
export function createAnswer(random: Random, conversation: Said, names: readonly string[]): Said {
  const calls: Call[] = conversation.calls.flatMap((call, at) => {
    const name = names[at % Math.max(1, names.length)]
    return name === undefined ? [] : [{ ...call, id: `call_${at}_${random.below(1000)}`, name }]
  })
  return { ...conversation, calls }
}
