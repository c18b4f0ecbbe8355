/** A whole Chat completion, written for a caller and read from a provider (wire-formats B, D.6, H). */
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
  TokenUsage,
  ToolCallPart,
} from '../neutral.ts'
import { readEcho } from './calls.ts'
import { finishError, throwBodyError } from './error.ts'
import { mapFinishFromWire, mapFinishToWire } from './finish.ts'
import { argumentsText, madeUpId } from './messages.ts'
import { encodeUsage, findUsage } from './usage.ts'
import { writeCompletion } from './write-completion.ts'
import type { ChatAnnotation, ChatCompletion, ChatReplyMessage, ChatToolCall } from './wire.ts'

/** What a model's refusal says when its provider gave no words. */
export const REFUSED = 'The model declined to answer.'

/** The id a Chat caller sees: the provider's, in OpenAI's form; ours where the provider gave none. */
export function completionId(id: string, requestId: string): string {
  const known = id === '' ? requestId : id
  return known.startsWith('chatcmpl-') ? known : `chatcmpl-${known}`
}

/** The reply as a Chat caller expects it: always exactly one choice. */
export function encodeReply(reply: ChatReply, context: ReplyContext): ChatCompletion {
  const legacy = context.request?.legacyFunctions ?? false
  const completion: ChatCompletion = {
    id: completionId(reply.id, context.requestId),
    object: 'chat.completion',
    created: reply.created ?? context.nowSeconds,
    model: reply.model,
    choices: [
      {
        index: 0,
        message: encodeMessage(reply, legacy),
        logprobs: null,
        finish_reason: mapFinishToWire(reply.finish.reason, legacy),
      },
    ],
  }
  const usage = encodeUsage(reply.usage)
  if (usage !== undefined) completion.usage = usage
  if (reply.serviceTier !== undefined) completion.service_tier = reply.serviceTier
  return completion
}

/** {@link encodeReply} as JSON text. */
export function writeReply(reply: ChatReply, context: ReplyContext): string {
  return writeCompletion(encodeReply(reply, context))
}

function encodeMessage(reply: ChatReply, legacy: boolean): ChatReplyMessage {
  let content = ''
  let refusal = ''
  const reasoning: string[] = []
  const annotations: ChatAnnotation[] = []
  const calls: ToolCallPart[] = []
  for (const part of reply.parts) {
    switch (part.type) {
      case 'text': {
        // No separator: a provider splits one sentence into several blocks where it cites.
        const start = content.length
        content += part.text
        for (const { url, title } of part.citations ?? []) {
          annotations.push({
            type: 'url_citation',
            url_citation: {
              url,
              title: title ?? '',
              start_index: start,
              end_index: content.length,
            },
          })
        }
        break
      }
      case 'refusal':
        refusal += part.text
        break
      case 'reasoning':
        if (part.text !== '') reasoning.push(part.text)
        break
      case 'tool-call':
        calls.push(part)
        break
    }
  }
  if (refusal === '' && reply.finish.reason === 'refusal') {
    refusal = reply.finish.explanation ?? REFUSED
  }
  const message: ChatReplyMessage = {
    role: 'assistant',
    content: content === '' ? null : content,
    refusal: refusal === '' ? null : refusal,
  }
  if (reasoning.length > 0) message.reasoning_content = reasoning.join('\n\n')
  if (annotations.length > 0) message.annotations = annotations
  const [first] = calls
  if (first !== undefined && legacy) {
    message.function_call = { name: first.name, arguments: first.input === '' ? '{}' : first.input }
  } else if (calls.length > 0) {
    message.tool_calls = calls.map(encodeCall)
  }
  return message
}

function encodeCall(call: ToolCallPart): ChatToolCall {
  return call.kind === 'custom'
    ? { id: call.id, type: 'custom', custom: { name: call.name, input: call.input } }
    : {
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: call.input === '' ? '{}' : call.input },
      }
}

/**
 * A provider's Chat completion. Throws ProxyError `upstream_error` for an error that came with status
 * 200, `upstream_protocol` where there is no answer in it.
 */
export function decodeReply(body: JsonObject): ChatReply {
  throwBodyError(body)
  const choice = readFirstChoice(body)
  const message = readObject(choice?.['message'])
  if (choice === undefined || message === undefined) {
    throw new ProxyError('upstream_protocol', 'The provider sent a reply without an answer in it.')
  }
  const id = readString(body['id']) ?? ''
  const parts = decodeMessage(message, id)
  return {
    id,
    model: readString(body['model']) ?? '',
    created: readCount(body['created']),
    parts,
    finish: decodeFinish(choice, parts),
    usage: findUsage(body),
    serviceTier: readText(body['service_tier']),
  }
}

/** The one choice we ever ask for; others are a server's own idea. */
export function readFirstChoice(body: JsonObject): JsonObject | undefined {
  for (const item of readArray(body['choices'])) {
    const choice = readObject(item)
    if ((readCount(choice?.['index']) ?? 0) === 0) return choice
  }
  return undefined
}

function decodeMessage(message: JsonObject, id: string): AssistantPart[] {
  const parts: AssistantPart[] = []
  const reasoning = readReasoningText(message)
  if (reasoning !== '') parts.push({ type: 'reasoning', text: reasoning })
  const content = message['content']
  if (typeof content === 'string') {
    if (content !== '') parts.push({ type: 'text', text: content })
  } else {
    for (const part of readArray(content)) parts.push(...decodeContentPart(part))
  }
  const refusal = readText(message['refusal'])
  if (refusal !== undefined) parts.push({ type: 'refusal', text: refusal })
  for (const [order, item] of readArray(message['tool_calls']).entries()) {
    if (isJsonObject(item)) parts.push(decodeCall(item, id, order))
  }
  const legacy = readObject(message['function_call'])
  if (legacy !== undefined) parts.push(decodeCall({ function: legacy }, id, 0))
  return parts
}

/** One part of a `content` list, as Mistral sends it: text, or thinking with a list of its own. */
function decodeContentPart(value: JsonValue): AssistantPart[] {
  if (typeof value === 'string') return value === '' ? [] : [{ type: 'text', text: value }]
  if (!isJsonObject(value)) return []
  if (value['type'] === 'thinking') {
    const inner = value['thinking']
    const text =
      readString(inner) ??
      readArray(inner)
        .map((part) => readString(readObject(part)?.['text']) ?? '')
        .join('')
    return text === '' ? [] : [{ type: 'reasoning', text }]
  }
  const text = readText(value['text'])
  return text === undefined ? [] : [{ type: 'text', text }]
}

/** Text of a list or string `content` delta, for streams. */
export function readContent(value: JsonValue | undefined): { text: string; reasoning: string } {
  if (typeof value === 'string') return { text: value, reasoning: '' }
  const told = { text: '', reasoning: '' }
  for (const part of readArray(value).flatMap(decodeContentPart)) {
    if (part.type === 'text') told.text += part.text
    else if (part.type === 'reasoning') told.reasoning += part.text
  }
  return told
}

/** Reasoning under its several names; the first that says something, never two of the same. */
export function readReasoningText(message: JsonObject): string {
  const named = readText(message['reasoning_content']) ?? readText(message['reasoning'])
  if (named !== undefined) return named
  const details = message['reasoning_details']
  if (!Array.isArray(details)) return ''
  return details
    .map((detail) => {
      const object = readObject(detail)
      return readText(object?.['text']) ?? readText(object?.['summary']) ?? ''
    })
    .join('')
}

function decodeCall(call: JsonObject, replyId: string, order: number): ToolCallPart {
  const custom = readObject(call['custom'])
  const called = readObject(call['function'])
  const echo = readEcho(call)
  return {
    type: 'tool-call',
    id: readText(call['id']) ?? madeUpId(`${replyId}:${order}`),
    name: readString(custom?.['name']) ?? readString(called?.['name']) ?? '',
    kind: custom === undefined ? 'function' : 'custom',
    input:
      custom === undefined
        ? argumentsText(called?.['arguments'])
        : (readString(custom['input']) ?? ''),
    ...(echo === undefined ? {} : { echo }),
  }
}

function decodeFinish(choice: JsonObject, parts: readonly AssistantPart[]): Finish {
  const word = readText(choice['finish_reason'])
  const reason = word === undefined ? 'other' : mapFinishFromWire(word)
  if (reason === 'error') throw finishError(word ?? '')
  return resolveFinish({
    reason,
    stopSequence: readText(choice['stop_reason']),
    called: parts.some((part) => part.type === 'tool-call'),
    refusal: parts.map((part) => (part.type === 'refusal' ? part.text : '')).join(''),
  })
}

/**
 * What the finish means once the content is known: Ollama, Gemini and OpenAI itself (after a forced
 * tool) say `stop` although a tool was called; a refusal text makes it a refusal.
 */
export function resolveFinish(told: {
  readonly reason: Finish['reason']
  /** vLLM names the stop sequence that matched in `stop_reason`. */
  readonly stopSequence: string | undefined
  readonly called: boolean
  readonly refusal: string
}): Finish {
  const { reason, stopSequence, called, refusal } = told
  if (called && (reason === 'stop' || reason === 'other')) return { reason: 'tool-calls' }
  if (refusal !== '' && reason !== 'length') return { reason: 'refusal', explanation: refusal }
  if (reason === 'stop' && stopSequence !== undefined) {
    return { reason: 'stop-sequence', stopSequence }
  }
  return { reason }
}

/** Usage and served model of a relayed reply. Throws `upstream_error` for an error that came with status 200. */
export function readReply(body: JsonObject): {
  usage: TokenUsage | undefined
  model: string | undefined
} {
  throwBodyError(body)
  return { usage: findUsage(body), model: readText(body['model']) }
}
