/** The 400s that Chat Completions raises about the conversation itself: roles, parts, calls and their answers. */
import { isGiven, isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import {
  checkName,
  checkNotEmpty,
  checkText,
  missing,
  unknownParameter,
  wrongType,
  wrongValue,
} from './openai-check.ts'
import type { GptRules } from './openai-models.ts'
import { invalid } from './refused.ts'

/** Ids of calls, in the messages that make them and in those that answer them. */
const MAX_CALL_ID_CHARS = 64

const ROLES = ['system', 'assistant', 'user', 'function', 'tool', 'developer']

const MESSAGE_FIELDS = new Set(['role', 'content', 'name'])
const ASSISTANT_FIELDS = new Set([
  ...MESSAGE_FIELDS,
  'refusal',
  'audio',
  'annotations',
  'function_call',
  'tool_calls',
])
const TOOL_MESSAGE_FIELDS = new Set([...MESSAGE_FIELDS, 'tool_call_id'])

/** Throws `Refused` where the messages break a rule of the API. */
export function checkConversation(messages: unknown, rules: GptRules | undefined): void {
  if (!isGiven(messages)) throw missing('messages')
  if (!Array.isArray(messages)) throw wrongType('messages', 'an array of objects', messages)
  checkNotEmpty('messages', messages)
  // Ids of the calls that the last assistant message made and no tool message has answered yet.
  let open = new Set<string>()
  let isAfterCalls = false
  for (const [index, message] of listOf(messages).entries()) {
    const path = `messages[${index}]`
    if (!isObject(message)) throw wrongType(path, 'an object', message)
    checkMessage(message, path, index, rules)
    if (message['role'] === 'tool') {
      const id = stringOf(message['tool_call_id'])
      if (!isAfterCalls || !open.delete(id)) {
        throw invalid(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${index}].role`,
        )
      }
      continue
    }
    checkAnswered(open, index)
    const calls = objectsOf(message['tool_calls'])
    open = new Set(calls.map((call) => stringOf(call['id'])))
    isAfterCalls = calls.length > 0
  }
  checkAnswered(open, messages.length)
}

function checkAnswered(open: ReadonlySet<string>, index: number): void {
  if (open.size === 0) return
  throw invalid(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`,
    `messages.[${index}].role`,
  )
}

function checkMessage(
  message: JsonObject,
  path: string,
  index: number,
  rules: GptRules | undefined,
): void {
  const role = message['role']
  if (!isGiven(role)) throw missing(`${path}.role`)
  if (!ROLES.includes(stringOf(role))) throw wrongValue(`${path}.role`, role, ROLES)
  const fields =
    role === 'assistant' ? ASSISTANT_FIELDS : role === 'tool' ? TOOL_MESSAGE_FIELDS : MESSAGE_FIELDS
  for (const key of Object.keys(message)) {
    // Reasoning text comes back from clients of servers that send it; OpenAI's own models never do.
    const isEcho = key === 'reasoning_content' && role === 'assistant' && rules === undefined
    if (!fields.has(key) && !isEcho) throw unknownParameter(`${path}.${key}`)
  }
  if (role === 'assistant') checkCalls(message, path)
  if (role === 'tool') {
    if (!isGiven(message['tool_call_id'])) throw missing(`${path}.tool_call_id`)
    checkText(`${path}.tool_call_id`, message['tool_call_id'], MAX_CALL_ID_CHARS)
  }
  const content = message['content']
  if (!isGiven(content)) {
    const hasInstead = ['tool_calls', 'function_call', 'refusal', 'audio'].some((key) =>
      isGiven(message[key]),
    )
    if (role === 'assistant' && hasInstead) return
    throw content === null
      ? invalid(
          "Invalid value for 'content': expected a string, got null.",
          `messages.[${index}].content`,
        )
      : missing(`${path}.content`)
  }
  if (typeof content === 'string') return
  if (!Array.isArray(content)) {
    throw wrongType(`${path}.content`, 'one of a string or array of objects', content)
  }
  checkNotEmpty(`${path}.content`, content)
  for (const [at, part] of listOf(content).entries()) {
    checkPart(part, `${path}.content[${at}]`, stringOf(role), path)
  }
}

const PARTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['user', ['text', 'image_url', 'input_audio', 'file']],
  ['assistant', ['text', 'refusal']],
])
const ALL_PARTS = ['text', 'image_url', 'input_audio', 'refusal', 'audio', 'file']
const PART_FIELDS = new Set([...ALL_PARTS, 'type', 'prompt_cache_breakpoint'])

function checkPart(part: unknown, path: string, role: string, messagePath: string): void {
  if (!isObject(part)) throw wrongType(path, 'an object', part)
  const type = stringOf(part['type'])
  if (type === '') throw missing(`${path}.type`)
  if (!ALL_PARTS.includes(type)) throw wrongValue(`${path}.type`, type, ALL_PARTS)
  if (type === 'image_url' && role !== 'user') {
    throw invalid(
      `Invalid '${messagePath}'. Image URLs are only allowed for messages with role 'user', but this message with role '${role}' contains an image URL.`,
      messagePath,
      'invalid_value',
    )
  }
  const allowed = PARTS.get(role) ?? ['text']
  if (!allowed.includes(type)) throw wrongValue(`${path}.type`, type, allowed)
  const stranger = Object.keys(part).find((key) => !PART_FIELDS.has(key))
  if (stranger !== undefined) throw unknownParameter(`${path}.${stranger}`)
  if (type === 'text' && typeof part['text'] !== 'string') {
    throw isGiven(part['text'])
      ? wrongType(`${path}.text`, 'a string', part['text'])
      : missing(`${path}.text`)
  }
  if (type === 'image_url') checkImage(part['image_url'], `${path}.image_url`)
  if (type === 'file' && !isObject(part['file'])) throw missing(`${path}.file`)
}

function checkImage(image: unknown, path: string): void {
  if (!isGiven(image)) throw missing(path)
  if (!isObject(image)) throw wrongType(path, 'an object', image)
  const url = stringOf(image['url'])
  if (url === '') throw missing(`${path}.url`)
  if (/^https?:\/\//u.test(url)) return
  if (/^data:image\/(?:png|jpe?g|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$/u.test(url)) return
  throw invalid(
    `Invalid '${path}.url'. Expected a valid URL or a base64-encoded data URL with an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got a value that is neither.`,
    `${path}.url`,
    'invalid_value',
  )
}

const CALL_FIELDS = new Set(['id', 'type', 'function', 'custom'])

function checkCalls(message: JsonObject, path: string): void {
  const calls = message['tool_calls']
  if (!isGiven(calls)) return
  if (!Array.isArray(calls)) throw wrongType(`${path}.tool_calls`, 'an array of objects', calls)
  checkNotEmpty(`${path}.tool_calls`, calls)
  for (const [index, call] of listOf(calls).entries()) {
    const at = `${path}.tool_calls[${index}]`
    if (!isObject(call)) throw wrongType(at, 'an object', call)
    const stranger = Object.keys(call).find((key) => !CALL_FIELDS.has(key))
    if (stranger !== undefined) throw unknownParameter(`${at}.${stranger}`)
    if (!isGiven(call['id'])) throw missing(`${at}.id`)
    checkText(`${at}.id`, call['id'], MAX_CALL_ID_CHARS)
    const kind = stringOf(call['type'])
    if (kind === '') throw missing(`${at}.type`)
    if (kind !== 'function' && kind !== 'custom') {
      throw wrongValue(`${at}.type`, kind, ['function', 'custom'])
    }
    const inside = call[kind]
    if (!isObject(inside)) throw missing(`${at}.${kind}`)
    checkName(`${at}.${kind}.name`, inside['name'])
    const key = kind === 'function' ? 'arguments' : 'input'
    if (!isGiven(inside[key])) throw missing(`${at}.${kind}.${key}`)
    if (typeof inside[key] !== 'string') {
      throw wrongType(`${at}.${kind}.${key}`, 'a string', inside[key])
    }
  }
}
