/** What a caller's stream says, read frame by frame without an SDK: strict, fast, and blind to nothing. */
import assert from 'node:assert/strict'
import { dig, digText, list, parseJson } from '../json.ts'
import { readFrames } from '../sse.ts'
import type { ApiName, SaidCall } from './said.ts'

export interface StreamFacts {
  readonly text: string
  readonly thinking: string
  readonly calls: readonly SaidCall[]
  /** It says that the answer is whole: a finish, or an end mark. */
  readonly finished: boolean
  /** It says that the answer broke off. */
  readonly failed: boolean
}

interface Growing {
  text: string
  thinking: string
  readonly calls: Array<{ id: string; name: string; arguments: string }>
  finished: boolean
  failed: boolean
  /** Responses: the call that an item id stands for. */
  readonly items: Map<string, number>
}

/** Reads a whole stream as it went to a caller of this API. Throws where a frame is torn or follows the end. */
export function readStream(api: ApiName, stream: string): StreamFacts {
  const facts: Growing = {
    text: '',
    thinking: '',
    calls: [],
    finished: false,
    failed: false,
    items: new Map(),
  }
  for (const frame of readFrames(stream)) {
    assert.equal(facts.failed, false, 'nothing follows an error')
    if (frame.data === '[DONE]') {
      assert.equal(facts.finished, true, 'an end mark has a finish before it')
      continue
    }
    const event = parseJson(frame.data)
    switch (api) {
      case 'chat':
        readChunk(event, facts)
        break
      case 'messages':
        readMessagesEvent(event, facts)
        break
      case 'responses':
        readResponsesEvent(event, facts)
        break
    }
  }
  return facts
}

function readChunk(chunk: unknown, facts: Growing): void {
  if (dig(chunk, 'error') !== undefined) facts.failed = true
  const choice = dig(chunk, 'choices', 0)
  facts.text += digText(choice, 'delta', 'content')
  facts.thinking += digText(choice, 'delta', 'reasoning_content')
  for (const fragment of list(dig(choice, 'delta', 'tool_calls') ?? [])) {
    const index = Number(dig(fragment, 'index'))
    assert.ok(index <= facts.calls.length, 'calls are numbered without gaps')
    const call = (facts.calls[index] ??= { id: '', name: '', arguments: '' })
    call.id += digText(fragment, 'id')
    call.name += digText(fragment, 'function', 'name')
    call.arguments += digText(fragment, 'function', 'arguments')
  }
  if (typeof dig(choice, 'finish_reason') === 'string') facts.finished = true
}

function readMessagesEvent(event: unknown, facts: Growing): void {
  const delta = dig(event, 'delta')
  switch (dig(event, 'type')) {
    case 'content_block_start': {
      const block = dig(event, 'content_block')
      if (dig(block, 'type') === 'tool_use') {
        facts.calls.push({ id: digText(block, 'id'), name: digText(block, 'name'), arguments: '' })
      }
      return
    }
    case 'content_block_delta': {
      facts.text += digText(delta, 'text')
      facts.thinking += digText(delta, 'thinking')
      if (dig(delta, 'type') !== 'input_json_delta') return
      const call = facts.calls.at(-1)
      assert.ok(call !== undefined)
      call.arguments += digText(delta, 'partial_json')
      return
    }
    case 'message_delta':
      facts.finished = true
      return
    case 'error':
      facts.failed = true
      return
    default:
  }
}

function readResponsesEvent(event: unknown, facts: Growing): void {
  const item = dig(event, 'item')
  const isCall = dig(item, 'type') === 'function_call'
  const itemId = isCall ? digText(item, 'id') : digText(event, 'item_id')
  const found = facts.items.get(itemId)
  const last = found === undefined ? undefined : facts.calls[found]
  switch (dig(event, 'type')) {
    case 'response.output_item.added':
      if (!isCall) return
      facts.items.set(itemId, facts.calls.length)
      facts.calls.push({
        id: digText(item, 'call_id'),
        name: digText(item, 'name'),
        arguments: digText(item, 'arguments'),
      })
      return
    case 'response.output_text.delta':
      facts.text += digText(event, 'delta')
      return
    case 'response.reasoning_summary_text.delta':
      facts.thinking += digText(event, 'delta')
      return
    case 'response.function_call_arguments.delta':
      assert.ok(last !== undefined)
      last.arguments += digText(event, 'delta')
      return
    // Said twice more: it must be the same.
    case 'response.function_call_arguments.done':
      assert.equal(digText(event, 'arguments'), last?.arguments)
      return
    case 'response.output_item.done':
      if (isCall) assert.equal(digText(item, 'arguments'), last?.arguments)
      return
    case 'response.completed':
    case 'response.incomplete': {
      const output = list(dig(event, 'response', 'output'))
      const calls = output.filter((one) => dig(one, 'type') === 'function_call')
      assert.deepEqual(
        calls.map((call) => digText(call, 'arguments')),
        facts.calls.map((call) => call.arguments),
        'the whole says what its pieces said',
      )
      facts.finished = true
      return
    }
    case 'response.failed':
      facts.failed = true
      return
    default:
  }
}
