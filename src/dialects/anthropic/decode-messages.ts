/**
 * The `system` and `messages` of a Messages caller → neutral (wire-formats D.2, D.3), for targets of
 * other dialects only: towards Anthropic the caller's bytes are relayed.
 */
import { isJsonObject, readArray, readObject, readString, readText } from '../../wire/json.ts'
import {
  invalid,
  optionalArray,
  optionalBoolean,
  requiredObject,
  requiredString,
  untranslatable,
} from '../fields.ts'
import { decodeMarker } from '../marker.ts'
import type {
  AssistantMessage,
  AssistantPart,
  ChatMessage,
  JsonObject,
  JsonValue,
  Loss,
  ReasoningPart,
  SystemMessage,
  TextPart,
  ToolMessage,
  UserPart,
} from '../neutral.ts'
import { cacheOf, decodeBlock, decodeContent, decodeText } from './decode-blocks.ts'

/**
 * A line that Claude Code writes at the head of its system prompt, with a value that changes from
 * request to request: it would defeat every other provider's prompt cache.
 */
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n*/m

/**
 * All messages in wire order, `system` first where there is one. Tool results become messages of their
 * own and stand before what the user says in the same turn. Throws ProxyError `request_invalid` or
 * `untranslatable` with the path of the block at fault.
 */
export function decodeConversation(body: JsonObject, losses: Loss[]): ChatMessage[] {
  const list = optionalArray(body['messages'], 'messages')
  if (list.length === 0) throw invalid('messages', '`messages` must hold at least one message.')
  const callIds = new Set<string>()
  const messages: ChatMessage[] = []
  const system = decodeSystem(body['system'], 'system')
  if (system.parts.length > 0) messages.push(system)
  for (const [index, item] of list.entries()) {
    const path = `messages[${index}]`
    const message = requiredObject(item, path)
    const role = requiredString(message['role'], `${path}.role`)
    switch (role) {
      case 'user':
        messages.push(...decodeUser(message['content'], `${path}.content`, callIds, losses))
        break
      case 'assistant': {
        const turn = decodeAssistant(message['content'], `${path}.content`, losses)
        for (const part of turn.parts) if (part.type === 'tool-call') callIds.add(part.id)
        messages.push(turn)
        // Asks Claude to go on from here; other models begin a new turn.
        if (index === list.length - 1) losses.push(['messages.prefill', 'adapted'])
        break
      }
      case 'system':
        messages.push(decodeSystem(message['content'], `${path}.content`))
        break
      default:
        throw invalid(`${path}.role`, `\`${path}.role\` is not a known role: "${role}".`)
    }
  }
  return messages
}

function decodeSystem(content: JsonValue | undefined, path: string): SystemMessage {
  const blocks: TextPart[] =
    typeof content === 'string'
      ? [{ type: 'text', text: content }]
      : optionalArray(content, path).map((item, index) => {
          const at = `${path}[${index}]`
          const block = requiredObject(item, at)
          if (block['type'] !== undefined && block['type'] !== 'text') {
            throw untranslatable(`${at}.type`, 'A system message can only hold text.')
          }
          return decodeText(block, at)
        })
  const parts = blocks.map((part) => ({ ...part, text: part.text.replace(BILLING_LINE, '') }))
  return { role: 'system', parts: parts.filter((part) => part.text !== '') }
}

function decodeUser(
  content: JsonValue | undefined,
  path: string,
  callIds: ReadonlySet<string>,
  losses: Loss[],
): ChatMessage[] {
  if (typeof content === 'string') {
    return [{ role: 'user', parts: [{ type: 'text', text: content }] }]
  }
  const results: ToolMessage[] = []
  const parts: UserPart[] = []
  for (const [index, item] of optionalArray(content, path).entries()) {
    const at = `${path}[${index}]`
    const block = readObject(item)
    if (block?.['type'] === 'tool_result') {
      results.push(decodeToolResult(block, at, callIds, losses))
    } else {
      parts.push(...decodeBlock(item, at, losses))
    }
  }
  return parts.length === 0 ? results : [...results, { role: 'user', parts }]
}

function decodeToolResult(
  block: JsonObject,
  path: string,
  callIds: ReadonlySet<string>,
  losses: Loss[],
): ToolMessage {
  const callId = requiredString(block['tool_use_id'], `${path}.tool_use_id`)
  if (!callIds.has(callId)) {
    throw untranslatable(
      `${path}.tool_use_id`,
      `The tool result "${callId}" answers no \`tool_use\` of an assistant message before it.`,
    )
  }
  return {
    role: 'tool',
    callId,
    parts: decodeContent(block['content'], `${path}.content`, losses),
    isError: optionalBoolean(block['is_error'], `${path}.is_error`) ?? false,
    cache: cacheOf(block).cache,
  }
}

function decodeAssistant(
  content: JsonValue | undefined,
  path: string,
  losses: Loss[],
): AssistantMessage {
  if (typeof content === 'string') {
    return { role: 'assistant', parts: content === '' ? [] : [{ type: 'text', text: content }] }
  }
  const echoes = new Map<string, JsonObject>()
  const parts = optionalArray(content, path).flatMap((item, index) =>
    decodeAssistantBlock(
      requiredObject(item, `${path}[${index}]`),
      `${path}[${index}]`,
      echoes,
      losses,
    ),
  )
  if (echoes.size === 0) return { role: 'assistant', parts }
  return {
    role: 'assistant',
    parts: parts.map((part) => {
      const echo = part.type === 'tool-call' ? echoes.get(part.id) : undefined
      return echo === undefined ? part : { ...part, echo }
    }),
  }
}

function decodeAssistantBlock(
  block: JsonObject,
  path: string,
  echoes: Map<string, JsonObject>,
  losses: Loss[],
): AssistantPart[] {
  const type = requiredString(block['type'], `${path}.type`)
  switch (type) {
    case 'text':
      if (readArray(block['citations']).length > 0) losses.push(['messages.citations', 'dropped'])
      return [decodeText(block, path)]
    case 'thinking':
      return decodeThinking(block, echoes)
    case 'redacted_thinking':
      return [
        { type: 'reasoning', text: '', redacted: requiredString(block['data'], `${path}.data`) },
      ]
    case 'tool_use':
      return [
        {
          type: 'tool-call',
          id: requiredString(block['id'], `${path}.id`),
          name: requiredString(block['name'], `${path}.name`),
          kind: 'function',
          // The keys keep their order: a rewritten history would miss every cache.
          input: JSON.stringify(block['input'] ?? {}),
          ...cacheOf(block),
        },
      ]
    case 'compaction': {
      // Stands for the turns before it, which the client may have left out.
      losses.push(['messages.compaction', 'adapted'])
      const text = readText(block['content'])
      return text === undefined ? [] : [{ type: 'text', text, ...cacheOf(block) }]
    }
    case 'image':
    case 'document':
      throw untranslatable(
        path,
        `An assistant message cannot hold a block of type "${type}" there.`,
      )
    default:
      // What Anthropic's servers did for the model, and types nobody knows: nothing the model that
      // answers could have said, and never a call the caller is to answer.
      losses.push(['messages.server_tools', 'dropped'])
      return []
  }
}

/**
 * A thinking block with its signature, byte for byte. A block of ours that only carried what a call
 * must be sent back with is taken apart: its content goes to the calls it names.
 */
function decodeThinking(block: JsonObject, echoes: Map<string, JsonObject>): ReasoningPart[] {
  const text = readString(block['thinking']) ?? ''
  const signature = readText(block['signature'])
  const calls = signature === undefined ? undefined : readObject(decodeMarker(signature)?.['calls'])
  if (calls !== undefined) {
    for (const [id, echo] of Object.entries(calls)) {
      if (isJsonObject(echo)) echoes.set(id, echo)
    }
    if (text === '') return []
  }
  return [{ type: 'reasoning', text, signature }]
}
