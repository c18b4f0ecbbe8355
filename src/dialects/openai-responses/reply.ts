/** A whole Response object, written for a caller and read from a provider (wire-formats F.4, F.5). */
import { ProxyError } from '../../errors/proxy-error.ts'
import {
  isJsonObject,
  readArray,
  readCount,
  readObject,
  readString,
  readText,
} from '../../wire/json.ts'
import type { ReplyContext } from '../dialect.ts'
import type {
  AssistantPart,
  ChatReply,
  Finish,
  JsonObject,
  JsonValue,
  ReasoningPart,
  TextPart,
  TokenUsage,
  ToolCallPart,
  UrlCitation,
} from '../neutral.ts'
import { statusFailure, throwBodyError, upstreamFailure } from './error.ts'
import { itemId, madeUpCallId } from './ids.ts'
import { callItem, messageItem, reasoningItem, textPart } from './output.ts'
import { readReasoningTexts, sealReasoning, SUMMARY_GAP } from './reasoning.ts'
import { encodeResponse, endingOf, envelopeOf, wantsSealedReasoning } from './response.ts'
import { flattenName, readCallShapes } from './tools.ts'
import { encodeUsage, findUsage } from './usage.ts'
import type { OutputItem, OutputPart } from './wire.ts'

/** The reply as a Responses caller expects it. */
export function encodeReply(reply: ChatReply, context: ReplyContext): JsonObject {
  const envelope = envelopeOf(reply, context)
  const said = reply.parts.some((part) => part.type === 'text' || part.type === 'tool-call')
  const refused = reply.parts.some((part) => part.type === 'refusal')
  const ending = endingOf(reply.finish, said, refused)
  const parts: AssistantPart[] =
    ending.refusal === ''
      ? [...reply.parts]
      : [...reply.parts, { type: 'refusal', text: ending.refusal }]
  return encodeResponse(envelope, {
    status: ending.status,
    incomplete: ending.incomplete,
    output: encodeOutput(parts, envelope.id, ending.status, context.request?.echo ?? {}),
    usage: encodeUsage(reply.usage),
    serviceTier: reply.serviceTier,
  })
}

/** Items in order of production; `status` is that of the last one, which is where a reply is cut. */
function encodeOutput(
  parts: readonly AssistantPart[],
  response: string,
  status: 'completed' | 'incomplete',
  echo: JsonObject,
): OutputItem[] {
  const shapes = readCallShapes(echo['tools'])
  const sealed = wantsSealedReasoning(echo)
  const output: OutputItem[] = []
  let content: OutputPart[] | undefined
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1
    switch (part.type) {
      case 'text':
      case 'refusal': {
        if (part.text === '') break
        if (content === undefined) {
          content = []
          output.push(messageItem(itemId('msg', response, output.length), 'completed', content))
        }
        addContent(content, part)
        break
      }
      case 'reasoning': {
        const item = reasoningItem(itemId('rs', response, output.length), part.text, part, sealed)
        if (part.text === '' && item.encrypted_content === undefined) break
        content = undefined
        output.push(item)
        break
      }
      case 'tool-call': {
        content = undefined
        const facts = { callId: part.id, name: part.name, kind: part.kind }
        const place = { response, outputIndex: output.length }
        output.push(callItem(facts, part.input, place, last ? status : 'completed', shapes))
        break
      }
    }
  }
  const end = output.at(-1)
  if (end?.type === 'message') end.status = status
  return output
}

/** Neighbouring texts are one part without a separator: a provider splits a sentence where it cites. */
function addContent(
  content: OutputPart[],
  part: Extract<AssistantPart, { type: 'text' | 'refusal' }>,
): void {
  const before = content.at(-1)
  if (part.type === 'refusal') {
    if (before?.type === 'refusal') before.refusal += part.text
    else content.push({ type: 'refusal', refusal: part.text })
    return
  }
  const written = textPart(part.text, part.citations)
  if (before?.type !== 'output_text') {
    content.push(written)
    return
  }
  const offset = before.text.length
  before.text += written.text
  for (const annotation of written.annotations) {
    before.annotations.push({
      ...annotation,
      start_index: annotation.start_index + offset,
      end_index: annotation.end_index + offset,
    })
  }
}

/**
 * A provider's Response object. Throws ProxyError `upstream_error` for a reply that failed,
 * `upstream_protocol` where there is no answer in it.
 */
export function decodeReply(body: JsonObject): ChatReply {
  throwFailure(body)
  const id = readString(body['id']) ?? ''
  if (!Array.isArray(body['output'])) {
    throw new ProxyError('upstream_protocol', 'The provider sent a reply without an answer in it.')
  }
  const parts = body['output'].flatMap((item, index) => decodeOutputItem(item, id, index))
  return {
    id,
    model: readString(body['model']) ?? '',
    created: readCount(body['created_at']),
    parts,
    finish: decodeFinish(body, parts),
    usage: findUsage(body),
    serviceTier: readText(body['service_tier']),
  }
}

/** Throws what a Response object that is no answer says: an error, or a status that is not an end. */
export function throwFailure(response: JsonObject): void {
  throwBodyError(response)
  const status = readText(response['status'])
  if (status === 'failed' || status === 'cancelled') throw upstreamFailure(statusFailure(status))
  if (status === 'queued' || status === 'in_progress') {
    throw new ProxyError(
      'upstream_protocol',
      `The provider sent a reply that is still "${status}".`,
    )
  }
}

/** The parts of one output item; none for what the provider's own tools did. */
export function decodeOutputItem(
  value: JsonValue,
  response: string,
  index: number,
): AssistantPart[] {
  if (!isJsonObject(value)) return []
  switch (value['type']) {
    case 'message':
      return readArray(value['content']).flatMap(decodeContentPart)
    case 'reasoning':
      return decodeReasoning(value)
    case 'function_call':
    case 'custom_tool_call':
      return [decodeCall(value, response, index)]
    default:
      return []
  }
}

function decodeContentPart(value: JsonValue): AssistantPart[] {
  const part = readObject(value)
  const refusal = readText(part?.['refusal'])
  if (part?.['type'] === 'refusal')
    return refusal === undefined ? [] : [{ type: 'refusal', text: refusal }]
  const text = readText(part?.['text'])
  if (text === undefined) return []
  const citations = readArray(part?.['annotations']).flatMap(decodeAnnotation)
  const decoded: TextPart = { type: 'text', text }
  return [citations.length === 0 ? decoded : { ...decoded, citations }]
}

function decodeAnnotation(value: JsonValue): UrlCitation[] {
  const annotation = readObject(value)
  const url = readText(annotation?.['url'])
  if (annotation?.['type'] !== 'url_citation' || url === undefined) return []
  return [{ url, title: readText(annotation['title']) }]
}

function decodeReasoning(item: JsonObject): ReasoningPart[] {
  const texts = readReasoningTexts(item)
  const text = texts.join(SUMMARY_GAP)
  const signature = sealReasoning(item, texts)
  if (text === '' && signature === undefined) return []
  return [
    signature === undefined ? { type: 'reasoning', text } : { type: 'reasoning', text, signature },
  ]
}

function decodeCall(item: JsonObject, response: string, index: number): ToolCallPart {
  const custom = item['type'] === 'custom_tool_call'
  return {
    type: 'tool-call',
    id: readCallId(item) ?? madeUpCallId(response, index),
    name: readCallName(item),
    kind: custom ? 'custom' : 'function',
    input: readCallInput(item),
  }
}

/** The id that a result must name; some servers only send the item's own. */
export function readCallId(item: JsonObject): string | undefined {
  return readText(item['call_id']) ?? readText(item['id'])
}

export function readCallName(item: JsonObject): string {
  return flattenName(readText(item['namespace']), readString(item['name']) ?? '')
}

/** Arguments or free input as text; an object in its place is a known deviation of other servers. */
export function readCallInput(item: JsonObject): string {
  const told = item['type'] === 'custom_tool_call' ? item['input'] : item['arguments']
  if (typeof told === 'string') return told
  return told === undefined || told === null ? '' : JSON.stringify(told)
}

/** Why a finished response ended: told only where it is incomplete, else seen from its content. */
export function decodeFinish(
  response: JsonObject,
  parts: ReadonlyArray<{ readonly type: string; readonly text?: string }>,
): Finish {
  if (response['status'] === 'incomplete') {
    return readText(readObject(response['incomplete_details'])?.['reason']) === 'content_filter'
      ? { reason: 'content-filter' }
      : { reason: 'length' }
  }
  if (parts.some((part) => part.type === 'tool-call')) return { reason: 'tool-calls' }
  const refusal = parts.map((part) => (part.type === 'refusal' ? (part.text ?? '') : '')).join('')
  return refusal === '' ? { reason: 'stop' } : { reason: 'refusal', explanation: refusal }
}

/** Usage and served model of a relayed reply. Throws `upstream_error` for one that failed with status 200. */
export function readReply(body: JsonObject): {
  usage: TokenUsage | undefined
  model: string | undefined
} {
  throwBodyError(body)
  const status = readText(body['status'])
  if (status === 'failed' || status === 'cancelled') throw upstreamFailure(statusFailure(status))
  return { usage: findUsage(body), model: readText(body['model']) }
}
