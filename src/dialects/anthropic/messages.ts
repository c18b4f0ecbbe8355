/**
 * Neutral messages → Anthropic's `system` and `messages` (wire-formats A.2). Turns alternate, tool
 * results stand first in theirs, no block is blank. The result is a pure function of the request, so
 * prompt caches and signed thinking survive.
 */
import { isJsonObject, parseJson } from '../../wire/json.ts'
import type { Notes } from '../dialect.ts'
import { untranslatable } from '../fields.ts'
import { isMarker } from '../marker.ts'
import type {
  AssistantMessage,
  ChatMessage,
  JsonObject,
  SystemMessage,
  ToolMessage,
  UserMessage,
  UserPart,
} from '../neutral.ts'
import { cacheControl, encodePart, encodeText, isBlank } from './content.ts'
import { fitName } from './ids.ts'
import type { ClaudeModel } from '../model-rules.ts'
import type {
  AssistantBlock,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  UserBlock,
  WireMessage,
} from './wire.ts'

export interface Conversation {
  readonly system: TextBlock[]
  readonly messages: WireMessage[]
}

/** Made only when there is something to put into it: a turn is never empty. */
interface UserTurn {
  readonly role: 'user'
  readonly results: ToolResultBlock[]
  readonly blocks: UserBlock[]
  /** System text said during this turn; placed behind it where the model takes that. */
  readonly system: TextBlock[]
}
interface AssistantTurn {
  readonly role: 'assistant'
  readonly thinking: ThinkingBlock[]
  readonly blocks: AssistantBlock[]
  readonly callIds: Set<string>
}

/** Said in the user's place where a history begins with the assistant, which is a 400. */
const OPENING = '(conversation continues)'

/**
 * The conversation in Anthropic's form. Throws ProxyError `untranslatable` for what would be a 400 or a
 * different question: no user turn, a result without its call, a prefill the model refuses.
 */
export function encodeConversation(
  messages: readonly ChatMessage[],
  model: ClaudeModel,
  filesBeta: boolean,
  notes: Notes,
): Conversation {
  const system: TextBlock[] = []
  const turns: Array<UserTurn | AssistantTurn> = []
  // Late system text that may only stand behind a user turn, and none has come yet.
  let waiting: TextBlock[] = []
  let began = false
  const hoist = (blocks: readonly TextBlock[]): void => {
    if (blocks.length === 0) return
    system.push(...blocks)
    notes.add('messages.system', 'adapted')
  }
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    if (isSystem(message)) {
      const blocks = message.parts.flatMap(encodeText)
      const last = turns.at(-1)
      if (!began) system.push(...blocks)
      else if (!model.midSystem) hoist(blocks)
      else if (last?.role === 'user') last.system.push(...blocks)
      else waiting.push(...blocks)
      continue
    }
    began = true
    if (message.role === 'assistant') {
      hoist(waiting)
      waiting = []
      addAssistant(turns, message, notes)
      continue
    }
    if (message.role === 'user') addUser(turns, message, path, filesBeta)
    else addResult(turns, message, path, filesBeta, notes)
    const turn = turns.at(-1)
    if (turn?.role === 'user') {
      turn.system.push(...waiting)
      waiting = []
    }
  }
  hoist(waiting)
  return { system, messages: writeTurns(turns, model, notes) }
}

function isSystem(message: ChatMessage): message is SystemMessage {
  return message.role === 'system' || message.role === 'developer'
}

function userTurn(turns: Array<UserTurn | AssistantTurn>): UserTurn {
  const last = turns.at(-1)
  if (last?.role === 'user') return last
  const turn: UserTurn = { role: 'user', results: [], blocks: [], system: [] }
  turns.push(turn)
  return turn
}

function addUser(
  turns: Array<UserTurn | AssistantTurn>,
  message: UserMessage,
  path: string,
  filesBeta: boolean,
): void {
  const blocks = encodeParts(message.parts, path, filesBeta)
  if (blocks.length > 0) userTurn(turns).blocks.push(...blocks)
}

function encodeParts(
  parts: readonly UserPart[],
  path: string,
  filesBeta: boolean,
): ReturnType<typeof encodePart> {
  const [only] = parts
  // The paths are for errors; text has none.
  if (only?.type === 'text' && parts.length === 1) return encodeText(only)
  return parts.flatMap((part, index) => encodePart(part, `${path}.content[${index}]`, filesBeta))
}

function addResult(
  turns: Array<UserTurn | AssistantTurn>,
  message: ToolMessage,
  path: string,
  filesBeta: boolean,
  notes: Notes,
): void {
  const id = fitName(message.callId)
  const asked = turns.findLast((turn) => turn.role === 'assistant')
  if (asked === undefined || !asked.callIds.has(id)) {
    throw untranslatable(
      `${path}.tool_call_id`,
      `The tool result "${message.callId}" answers no call of the assistant message before it.`,
    )
  }
  const { results } = userTurn(turns)
  const result: ToolResultBlock = {
    type: 'tool_result',
    tool_use_id: id,
    content: encodeResult(message, path, filesBeta),
    ...(message.isError ? { is_error: true } : {}),
    ...cacheControl(message.cache),
  }
  const earlier = results.findIndex((candidate) => candidate.tool_use_id === id)
  if (earlier === -1) {
    results.push(result)
  } else {
    results[earlier] = result
    notes.add('messages.tool', 'dropped')
  }
}

function encodeResult(
  message: ToolMessage,
  path: string,
  filesBeta: boolean,
): ToolResultBlock['content'] {
  const [only, ...more] = message.parts
  if (only === undefined) return ''
  if (only.type === 'text' && only.cache === undefined && more.length === 0) return only.text
  return encodeParts(message.parts, path, filesBeta)
}

function addAssistant(
  turns: Array<UserTurn | AssistantTurn>,
  message: AssistantMessage,
  notes: Notes,
): void {
  const thinking: ThinkingBlock[] = []
  const blocks: AssistantBlock[] = []
  const callIds: string[] = []
  for (const part of message.parts) {
    switch (part.type) {
      case 'reasoning':
        if (part.redacted !== undefined) {
          thinking.push({ type: 'redacted_thinking', data: part.redacted })
        } else if (part.signature !== undefined && !isMarker(part.signature)) {
          thinking.push({ type: 'thinking', thinking: part.text, signature: part.signature })
        } else {
          // It cannot be signed in the model's name: a forged signature is a 400.
          notes.announce('messages.reasoning', 'dropped')
        }
        break
      case 'text':
        blocks.push(...encodeText(part))
        break
      case 'refusal':
        if (isBlank(part.text)) break
        blocks.push({ type: 'text', text: part.text })
        notes.add('messages.refusal', 'adapted')
        break
      case 'tool-call': {
        const id = fitName(part.id)
        callIds.push(id)
        blocks.push({
          type: 'tool_use',
          id,
          name: fitName(part.name),
          input: part.kind === 'custom' ? { input: part.input } : readArguments(part.input),
          ...cacheControl(part.cache),
        })
        break
      }
    }
  }
  if (thinking.length === 0 && blocks.length === 0) return
  const last = turns.at(-1)
  if (last?.role === 'assistant') {
    last.thinking.push(...thinking)
    last.blocks.push(...blocks)
    for (const id of callIds) last.callIds.add(id)
  } else {
    turns.push({ role: 'assistant', thinking, blocks, callIds: new Set(callIds) })
  }
}

/** Arguments as the object Anthropic demands; a text cut by a length limit is kept as it is. */
function readArguments(text: string): JsonObject {
  if (text.trim() === '') return {}
  const parsed = parseJson(text)
  if (isJsonObject(parsed)) return parsed
  return parsed === undefined ? { _raw_arguments: text } : { value: parsed }
}

function writeTurns(
  turns: ReadonlyArray<UserTurn | AssistantTurn>,
  model: ClaudeModel,
  notes: Notes,
): WireMessage[] {
  const messages: WireMessage[] = []
  for (const turn of turns) {
    if (turn.role === 'assistant') {
      if (messages.length === 0) {
        messages.push({ role: 'user', content: [{ type: 'text', text: OPENING }] })
        notes.add('messages', 'adapted')
      }
      messages.push({ role: 'assistant', content: [...turn.thinking, ...turn.blocks] })
      continue
    }
    // Results must stand at the head: text before them is a 400.
    const content = turn.results.length === 0 ? turn.blocks : [...turn.results, ...turn.blocks]
    messages.push({ role: 'user', content })
    if (turn.system.length > 0) messages.push({ role: 'system', content: turn.system })
  }
  if (!turns.some((turn) => turn.role === 'user')) {
    throw untranslatable('messages', '`messages` must contain a user message that is not empty.')
  }
  return finishPrefill(messages, model)
}

/**
 * A trailing assistant message asks the model to go on from there. Models from 4.6 on refuse that;
 * older ones demand that it does not end in white space.
 */
function finishPrefill(messages: WireMessage[], model: ClaudeModel): WireMessage[] {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') return messages
  if (last.content.some((block) => block.type === 'tool_use')) return messages
  if (!model.prefill) {
    throw untranslatable(
      'messages',
      'This model cannot continue an assistant message: the last message must come from the user.',
    )
  }
  const content = [...last.content]
  const tail = content.at(-1)
  if (tail?.type === 'text') content[content.length - 1] = { ...tail, text: tail.text.trimEnd() }
  return [...messages.slice(0, -1), { role: 'assistant', content }]
}
