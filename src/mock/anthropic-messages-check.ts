/** The 400s that Anthropic raises about the conversation itself: roles, blocks, tools and their results. */
import type { ClaudeRules } from './anthropic-models.ts'
import { isSealed } from './identity.ts'
import { isGiven, isObject, listOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { invalid } from './refused.ts'

const MESSAGE_FIELDS = new Set(['role', 'content'])

/** Content blocks by where they may stand. */
const USER_BLOCKS = new Set([
  'text',
  'image',
  'document',
  'search_result',
  'tool_result',
  'container_upload',
])
const ASSISTANT_BLOCKS = new Set([
  'text',
  'thinking',
  'redacted_thinking',
  'tool_use',
  'server_tool_use',
  'document',
])
const RESULT_BLOCKS = new Set(['text', 'image', 'document', 'search_result', 'tool_reference'])
const EXPECTED_TAGS =
  "'document', 'image', 'redacted_thinking', 'search_result', 'server_tool_use', 'text', 'thinking', 'tool_result', 'tool_use', 'web_search_tool_result'"

const MAX_BREAKPOINTS = 4

/** One turn: neighbouring messages of one role count as one, as the API itself joins them. */
interface Turn {
  readonly role: string
  readonly at: number
  readonly blocks: ReadonlyArray<{ readonly block: JsonObject; readonly path: string }>
}

/** Throws `Refused` where the messages, or the system prompt, break a rule of the API or of the model. */
export function checkMessages(body: JsonObject, rules: ClaudeRules | undefined): void {
  const messages = body['messages']
  if (!Array.isArray(messages)) throw invalid('messages: Input should be a valid list')
  if (messages.length === 0) throw invalid('messages: at least one message is required')
  checkSystem(body['system'])
  const turns: Turn[] = []
  for (const [index, message] of listOf(messages).entries()) {
    if (!isObject(message)) throw invalid(`messages.${index}: Input should be an object`)
    const role = checkRole(message, index, messages, rules)
    const blocks = checkContent(message, index, role, index === messages.length - 1)
    const last = turns.at(-1)
    if (last !== undefined && last.role === role) {
      turns[turns.length - 1] = { ...last, blocks: [...last.blocks, ...blocks] }
    } else turns.push({ role, at: index, blocks })
  }
  if (turns[0]?.role !== 'user') throw invalid('messages: first message must use the "user" role')
  checkToolTurns(turns.filter((turn) => turn.role !== 'system'))
  checkLastTurn(turns.at(-1), rules)
  checkBreakpoints(body, turns)
}

function checkSystem(system: unknown): void {
  if (!isGiven(system) || typeof system === 'string') return
  if (!Array.isArray(system)) throw invalid('system: Input should be a valid string or list')
  for (const [index, block] of listOf(system).entries()) {
    if (!isObject(block) || block['type'] !== 'text') {
      throw invalid(`system.${index}.type: Input should be 'text'`)
    }
    checkText(block, 'system', `system.${index}`)
  }
}

function checkRole(
  message: JsonObject,
  index: number,
  messages: readonly unknown[],
  rules: ClaudeRules | undefined,
): string {
  if (!isGiven(message['role'])) throw invalid(`messages.${index}.role: Field required`)
  if (!isGiven(message['content'])) throw invalid(`messages.${index}.content: Field required`)
  const role = stringOf(message['role'])
  if (role === 'system') {
    if (rules === undefined) {
      throw invalid(
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.',
      )
    }
    if (!rules.knowsMidSystem) throw invalid("role 'system' is not supported on this model")
    checkSystemPlace(index, messages)
  } else if (role !== 'user' && role !== 'assistant') {
    throw invalid(`messages: Unexpected role "${role}". Allowed roles are "user" or "assistant"`)
  }
  for (const key of Object.keys(message)) {
    if (!MESSAGE_FIELDS.has(key))
      throw invalid(`messages.${index}.${key}: Extra inputs are not permitted`)
  }
  return role
}

/** A system message stands behind a user turn, and is last or followed by an assistant turn. */
function checkSystemPlace(index: number, messages: readonly unknown[]): void {
  const roleAt = (at: number): unknown => {
    const message = messages[at]
    return isObject(message) ? message['role'] : undefined
  }
  if (index === 0) throw invalid('messages: first message must use the "user" role')
  if (roleAt(index - 1) !== 'user') {
    throw invalid(`messages.${index}: a "system" message must directly follow a "user" message`)
  }
  if (index + 1 < messages.length && roleAt(index + 1) !== 'assistant') {
    throw invalid(
      `messages.${index}: a "system" message must be last or be followed by an "assistant" message`,
    )
  }
}

function checkContent(
  message: JsonObject,
  index: number,
  role: string,
  isLast: boolean,
): Turn['blocks'] {
  const content = message['content']
  if (content === '' || (Array.isArray(content) && content.length === 0)) {
    if (isLast && role === 'assistant') return []
    throw invalid(
      `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
    )
  }
  if (typeof content === 'string') {
    const block = { type: 'text', text: content }
    checkText(block, 'messages', `messages.${index}.content`)
    return [{ block, path: `messages.${index}.content.0` }]
  }
  if (!Array.isArray(content)) {
    throw invalid(`messages.${index}.content: Input should be a valid string or list`)
  }
  return listOf(content).map((block, at) => {
    const path = `messages.${index}.content.${at}`
    if (!isObject(block)) throw invalid(`${path}: Input should be an object`)
    checkBlock(block, role, path)
    return { block, path }
  })
}

function checkBlock(block: JsonObject, role: string, path: string): void {
  const type = stringOf(block['type'])
  const isResultOfServer = type.endsWith('_tool_result') && role === 'assistant'
  const allowed =
    role === 'assistant' ? ASSISTANT_BLOCKS : role === 'user' ? USER_BLOCKS : undefined
  if (!USER_BLOCKS.has(type) && !ASSISTANT_BLOCKS.has(type) && !isResultOfServer) {
    throw invalid(
      `${path}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${EXPECTED_TAGS}`,
    )
  }
  if (allowed === undefined ? type !== 'text' : !allowed.has(type) && !isResultOfServer) {
    throw invalid(
      role === 'user'
        ? `${path}: \`${type}\` blocks can only be in \`assistant\` messages`
        : `${path}: \`${type}\` blocks can only be in \`user\` messages`,
    )
  }
  switch (type) {
    case 'text':
      checkText(block, 'messages', path)
      return
    case 'image':
      checkImage(block, path)
      return
    case 'tool_use':
      checkToolUse(block, path)
      return
    case 'tool_result':
      checkToolResult(block, path)
      return
    case 'thinking':
      checkSignature(block, path)
      return
    default:
  }
}

function checkText(block: JsonObject, where: string, path: string): void {
  const text = block['text']
  if (typeof text !== 'string') throw invalid(`${path}.text.text: Field required`)
  if (text === '' && isGiven(block['cache_control'])) {
    throw invalid(`${path}.text: cache_control cannot be set for empty text blocks`)
  }
  if (text === '') throw invalid(`${where}: text content blocks must be non-empty`)
  if (text.trim() === '') {
    throw invalid(`${where}: text content blocks must contain non-whitespace text`)
  }
}

/** First bytes of the four image types, in base64. */
const IMAGE_STARTS: ReadonlyMap<string, string> = new Map([
  ['image/jpeg', '/9j/'],
  ['image/png', 'iVBORw0KGgo'],
  ['image/gif', 'R0lGOD'],
  ['image/webp', 'UklGR'],
])

function checkImage(block: JsonObject, path: string): void {
  const source = block['source']
  if (!isObject(source)) throw invalid(`${path}.image.source: Field required`)
  if (source['type'] !== 'base64') {
    if (source['type'] === 'url' || source['type'] === 'file') return
    throw invalid(
      `${path}.image.source: Input tag '${stringOf(source['type'])}' found using 'type' does not match any of the expected tags: 'base64', 'url'`,
    )
  }
  const type = stringOf(source['media_type'])
  if (!IMAGE_STARTS.has(type)) {
    throw invalid(
      `${path}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'`,
    )
  }
  const data = stringOf(source['data'])
  if (data === '' || !/^[A-Za-z0-9+/]+={0,2}$/u.test(data)) {
    throw invalid(`${path}.image.source.base64.data: Invalid base64 data`)
  }
  for (const [real, start] of IMAGE_STARTS) {
    if (real !== type && data.startsWith(start)) {
      throw invalid(
        `${path}.image.source.base64: The image was specified using the ${type} media type, but the image appears to be a ${real} image`,
      )
    }
  }
}

const TOOL_ID = /^[a-zA-Z0-9_-]+$/u

function checkToolUse(block: JsonObject, path: string): void {
  for (const key of ['id', 'name']) {
    if (typeof block[key] !== 'string') throw invalid(`${path}.tool_use.${key}: Field required`)
  }
  if (!TOOL_ID.test(stringOf(block['id']))) {
    throw invalid(`${path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`)
  }
  if (!/^[a-zA-Z0-9_-]{1,128}$/u.test(stringOf(block['name']))) {
    throw invalid(`${path}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`)
  }
  if (!Object.hasOwn(block, 'input')) throw invalid(`${path}.tool_use.input: Field required`)
  if (!isObject(block['input'])) {
    throw invalid(`${path}.tool_use.input: Input should be a valid dictionary`)
  }
}

function checkToolResult(block: JsonObject, path: string): void {
  if (typeof block['tool_use_id'] !== 'string') {
    throw invalid(`${path}.tool_result.tool_use_id: Field required`)
  }
  if (!TOOL_ID.test(block['tool_use_id'])) {
    throw invalid(`${path}.tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'`)
  }
  const content = block['content']
  if (!isGiven(content) || typeof content === 'string') return
  if (!Array.isArray(content)) {
    throw invalid(`${path}.tool_result.content: Input should be a valid string or list`)
  }
  for (const [index, part] of listOf(content).entries()) {
    const at = `${path}.tool_result.content.${index}`
    if (!isObject(part) || !RESULT_BLOCKS.has(stringOf(part['type']))) {
      throw invalid(
        `${at}: Input tag '${isObject(part) ? stringOf(part['type']) : ''}' found using 'type' does not match any of the expected tags: 'document', 'image', 'search_result', 'text', 'tool_reference'`,
      )
    }
    if (part['type'] === 'text') checkText(part, 'messages', at)
    if (part['type'] === 'image') checkImage(part, at)
  }
}

function checkSignature(block: JsonObject, path: string): void {
  if (typeof block['thinking'] !== 'string')
    throw invalid(`${path}.thinking.thinking: Field required`)
  if (typeof block['signature'] !== 'string')
    throw invalid(`${path}.thinking.signature: Field required`)
  if (!isSealed(block['signature'], block['thinking'])) {
    throw invalid(`${path}: Invalid \`signature\` in \`thinking\` block`)
  }
}

/** Each call is answered at the very head of the next user turn, and each answer has its call right before. */
function checkToolTurns(turns: readonly Turn[]): void {
  const seen = new Set<string>()
  for (const [position, turn] of turns.entries()) {
    const next = turns[position + 1]
    const calls = turn.blocks.filter(({ block }) => block['type'] === 'tool_use')
    for (const { block, path } of calls) {
      const id = stringOf(block['id'])
      if (seen.has(id)) throw invalid(`${path}: \`tool_use\` ids must be unique`)
      seen.add(id)
    }
    checkResults(turn, position === 0 ? undefined : turns[position - 1])
    if (calls.length === 0 || next === undefined) continue
    const answered = new Set<string>()
    for (const { block } of next.blocks) {
      if (block['type'] !== 'tool_result') break
      answered.add(stringOf(block['tool_use_id']))
    }
    const open = calls.map(({ block }) => stringOf(block['id'])).filter((id) => !answered.has(id))
    if (open.length > 0) {
      throw invalid(
        `messages.${turn.at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      )
    }
  }
}

function checkResults(turn: Turn, before: Turn | undefined): void {
  const asked = new Set(
    (before?.blocks ?? [])
      .filter(({ block }) => block['type'] === 'tool_use')
      .map(({ block }) => stringOf(block['id'])),
  )
  const given = new Set<string>()
  for (const { block, path } of turn.blocks) {
    if (block['type'] !== 'tool_result') continue
    const id = stringOf(block['tool_use_id'])
    if (!asked.has(id)) {
      throw invalid(
        `${path}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      )
    }
    if (given.has(id)) {
      throw invalid(
        `${path}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      )
    }
    given.add(id)
  }
}

function checkLastTurn(last: Turn | undefined, rules: ClaudeRules | undefined): void {
  if (last?.role !== 'assistant') return
  if (rules?.canPrefill === false) {
    throw invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    )
  }
  const final = last.blocks.at(-1)?.block
  if (final?.['type'] === 'text' && /\s$/u.test(stringOf(final['text']))) {
    throw invalid('messages: final assistant content cannot end with trailing whitespace')
  }
}

function checkBreakpoints(body: JsonObject, turns: readonly Turn[]): void {
  const inResults = turns.flatMap((turn) =>
    turn.blocks.flatMap(({ block }) =>
      block['type'] === 'tool_result' ? listOf(block['content']) : [],
    ),
  )
  const places = [
    body,
    ...listOf(body['tools']),
    ...listOf(body['system']),
    ...turns.flatMap((turn) => turn.blocks.map(({ block }) => block)),
    ...inResults,
  ]
  const count = places.filter((place) => isObject(place) && isGiven(place['cache_control'])).length
  if (count > MAX_BREAKPOINTS) {
    throw invalid(
      `A maximum of ${MAX_BREAKPOINTS} blocks with cache_control may be provided. Found ${count}.`,
    )
  }
}
