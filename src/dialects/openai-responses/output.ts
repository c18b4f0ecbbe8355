/** Output items, as both a whole reply and a stream write them (wire-formats F.4). */
import type { ReasoningPart, TextPart } from '../neutral.ts'
import { itemId } from './ids.ts'
import { isOwnTool, ownCallItem } from './own-tools.ts'
import type { OwnToolName } from './own-tools.ts'
import { encodeSeal } from './reasoning.ts'
import type { CallShapes } from './tools.ts'
import type {
  CallItem,
  ItemStatus,
  MessageItem,
  OutputPart,
  OutputTextPart,
  ReasoningItem,
  UrlAnnotation,
} from './wire.ts'

/** A text part; without citations where a stream writes it, which has none. */
export function textPart(text: string, citations?: TextPart['citations']): OutputTextPart {
  const annotations: UrlAnnotation[] = (citations ?? []).map(({ url, title }) => ({
    type: 'url_citation',
    url,
    title: title ?? '',
    start_index: 0,
    end_index: text.length,
  }))
  return { type: 'output_text', text, annotations, logprobs: [] }
}

export function messageItem(id: string, status: ItemStatus, content: OutputPart[]): MessageItem {
  return { id, type: 'message', status, role: 'assistant', content }
}

/** `sealed` asks for what the caller must send back in the next turn. */
export function reasoningItem(
  id: string,
  text: string,
  closing: Pick<ReasoningPart, 'signature' | 'redacted'>,
  sealed: boolean,
): ReasoningItem {
  const item: ReasoningItem = {
    id,
    type: 'reasoning',
    summary: text === '' ? [] : [{ type: 'summary_text', text }],
  }
  if (sealed) item.encrypted_content = encodeSeal(text, closing)
  return item
}

/** One tool call, before its form is chosen. */
export interface CallFacts {
  readonly callId: string
  readonly name: string
  readonly kind: 'function' | 'custom'
}

/** The API's own tool that this call is a call of, where the caller offered that tool. */
export function ownToolOf(call: CallFacts, shapes: CallShapes): OwnToolName | undefined {
  const { name, kind } = call
  return kind === 'function' && isOwnTool(name) && shapes.own.has(name) ? name : undefined
}

/** The call in the form in which the caller offered its tool. A function's empty input is `{}`. */
export function callItem(
  call: CallFacts,
  input: string,
  place: { readonly response: string; readonly outputIndex: number },
  status: ItemStatus,
  shapes: CallShapes,
): CallItem {
  const { callId } = call
  const own = ownToolOf(call, shapes)
  if (own !== undefined) {
    const prefix = own === 'local_shell' ? 'lsh' : own === 'shell' ? 'sh' : 'apc'
    const id = itemId(prefix, place.response, place.outputIndex)
    const item = ownCallItem(own, id, callId, input, status)
    if (item !== undefined) return item
  }
  const space = shapes.namespaced.get(call.name)
  const named =
    space === undefined ? { name: call.name } : { name: space.name, namespace: space.namespace }
  if (call.kind === 'custom') {
    const id = itemId('ctc', place.response, place.outputIndex)
    return { id, type: 'custom_tool_call', status, call_id: callId, ...named, input }
  }
  const id = itemId('fc', place.response, place.outputIndex)
  const written = input === '' && status !== 'in_progress' ? '{}' : input
  return { id, type: 'function_call', status, call_id: callId, ...named, arguments: written }
}
