/**
 * Anthropic Messages on the wire, unary and streamed (https://docs.claude.com/en/api/messages,
 * https://docs.claude.com/en/docs/build-with-claude/streaming).
 */
import { answer, piecesOf, tokensOf } from './answers.ts'
import type { Answer, AnswerCall, Ask, OfferedTool } from './answers.ts'
import { claudeRules } from './anthropic-models.ts'
import { seal, tokenOf } from './identity.ts'
import { isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { MockBehaviour } from './models.ts'
import { renderRefused } from './refused.ts'
import type { Refused } from './refused.ts'
import { namedEvent } from './rendering.ts'
import type { Frame, NamedEvent, Rendering } from './rendering.ts'

/** The reply of `/v1/messages/count_tokens`: the same count that a reply's usage would show. */
export function countAnthropicTokens(body: JsonObject): object {
  return { input_tokens: tokensOf(promptTexts(body).join('').length) }
}

/** The reply to a checked request. `raw` is the body as received; ids follow from it. */
export function renderAnthropic(
  body: JsonObject,
  raw: string,
  behaviour: MockBehaviour,
  requestId: string,
): Rendering {
  const thinking = thinkingOf(body, behaviour)
  const said = answer(readAsk(body, behaviour, thinking !== 'none'))
  const blocks = blocksOf(said, raw, thinking)
  const message = {
    id: `msg_01${tokenOf(22, 'anthropic', 'message', raw)}`,
    type: 'message',
    role: 'assistant',
    model: stringOf(body['model']),
    content: blocks.map((block) => block.whole),
    stop_reason: STOP_REASONS[said.finish],
    stop_sequence: said.stopSequence,
    stop_details:
      said.finish === 'refusal'
        ? { type: 'refusal', category: null, explanation: said.refusal }
        : null,
    container: null,
    usage: usageOf(said, said.usage.completionTokens),
  }
  return {
    isStream: body['stream'] === true,
    body: () => message,
    frames: () => framesOf(message, said, blocks),
    errorFrame: (refused: Refused) =>
      namedEvent({ type: 'error', ...renderRefused('anthropic', refused, requestId) }),
  }
}

/** `shown` and `hidden` both think; hidden leaves the text out and sends the signature alone. */
type Thinking = 'none' | 'shown' | 'hidden'

/** Below this many tokens an adaptive model goes straight to the answer. */
const ROOM_TO_THINK_TOKENS = 256

function thinkingOf(body: JsonObject, behaviour: MockBehaviour): Thinking {
  if (behaviour === 'thinking') return 'shown'
  const rules = claudeRules(stringOf(body['model']))
  const asked = isObject(body['thinking']) ? body['thinking'] : {}
  const type = asked['type'] ?? (rules?.thinksByDefault === true ? 'adaptive' : 'disabled')
  if (type === 'disabled' || type === 'between_tools') return 'none'
  if (type === 'adaptive' && Number(body['max_tokens']) < ROOM_TO_THINK_TOKENS) return 'none'
  // The generations that only know adaptive thinking leave its text out unless told otherwise.
  const hidesByDefault = rules !== undefined && !rules.thinkingTypes.includes('enabled')
  return (asked['display'] ?? (hidesByDefault ? 'omitted' : 'summarized')) === 'omitted'
    ? 'hidden'
    : 'shown'
}

function readAsk(body: JsonObject, behaviour: MockBehaviour, reasons: boolean): Ask {
  const messages = objectsOf(body['messages'])
  const last = messages.findLast((message) => message['role'] !== 'system')
  const results = objectsOf(last?.['content']).filter((block) => block['type'] === 'tool_result')
  const afterToolResult = last?.['role'] === 'user' && results.length > 0
  const choice = isObject(body['tool_choice']) ? body['tool_choice'] : {}
  const config = isObject(body['output_config']) ? body['output_config'] : {}
  const format = config['format'] ?? body['output_format']
  return {
    model: stringOf(body['model']),
    promptChars: promptTexts(body).join('').length,
    lastText: afterToolResult
      ? results.flatMap((block) => textsIn(block['content'])).join('\n')
      : textsIn(last?.['content']).join('\n'),
    afterToolResult,
    tools: objectsOf(body['tools']).flatMap(offeredTool),
    choice: choiceOf(choice),
    isParallelAllowed: choice['disable_parallel_tool_use'] !== true,
    format: isObject(format) ? { schema: format['schema'] } : 'text',
    maxTokens: Number(body['max_tokens']),
    stops: listOf(body['stop_sequences']).map(stringOf),
    reasons,
    announcesCalls: choice['type'] !== 'any' && choice['type'] !== 'tool',
    mood: behaviour === 'empty' || behaviour === 'refusal' ? behaviour : 'well',
    variant: 0,
  }
}

function choiceOf(choice: JsonObject): Ask['choice'] {
  switch (choice['type']) {
    case 'any':
      return 'required'
    case 'none':
      return 'none'
    case 'tool':
      return { name: stringOf(choice['name']) }
    default:
      return 'auto'
  }
}

const DATED_TOOL_SCHEMAS: ReadonlyArray<readonly [string, object]> = [
  [
    'bash_',
    { type: 'object', properties: { command: { const: 'echo mock' } }, required: ['command'] },
  ],
  [
    'text_editor_',
    {
      type: 'object',
      properties: { command: { const: 'view' }, path: { const: '/tmp/mock.txt' } },
      required: ['command', 'path'],
    },
  ],
  [
    'memory_',
    {
      type: 'object',
      properties: { command: { const: 'view' }, path: { const: '/memories' } },
      required: ['command', 'path'],
    },
  ],
]

/** A tool the client runs; those Anthropic runs itself (web search and the like) are never called. */
function offeredTool(tool: JsonObject): OfferedTool[] {
  const type = stringOf(tool['type'])
  const name = stringOf(tool['name'])
  if (type === '' || type === 'custom')
    return [{ name, kind: 'function', schema: tool['input_schema'] }]
  const dated = DATED_TOOL_SCHEMAS.find(([prefix]) => type.startsWith(prefix))
  return dated === undefined ? [] : [{ name, kind: 'function', schema: dated[1] }]
}

/** All text of the request: system, messages and tool results, but no pictures or files. */
function promptTexts(body: JsonObject): readonly string[] {
  return [
    ...textsIn(body['system']),
    ...objectsOf(body['messages']).flatMap((message) => textsIn(message['content'])),
  ]
}

function textsIn(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content]
  return objectsOf(content).flatMap((block) => {
    if (block['type'] === 'text') return [stringOf(block['text'])]
    return block['type'] === 'tool_result' ? textsIn(block['content']) : []
  })
}

const STOP_REASONS: Readonly<Record<Answer['finish'], string>> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  refusal: 'refusal',
}

function usageOf(said: Answer, outputTokens: number): object {
  const { promptTokens, reasoningTokens } = said.usage
  return {
    input_tokens: promptTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: reasoningTokens === 0 ? null : { thinking_tokens: reasoningTokens },
    server_tool_use: null,
    service_tier: 'standard',
  }
}

/** One content block: whole, as it opens, and the deltas between. */
interface Block {
  readonly whole: object
  readonly opened: object
  readonly deltas: readonly NamedEvent[]
}

function blocksOf(said: Answer, raw: string, thinking: Thinking): readonly Block[] {
  const blocks: Block[] = []
  if (said.reasoning !== '') blocks.push(thinkingBlock(said.reasoning, thinking === 'shown'))
  if (said.text !== '') blocks.push(textBlock(said.text))
  for (const [index, call] of said.calls.entries()) blocks.push(callBlock(call, index, raw))
  return blocks
}

function thinkingBlock(reasoning: string, isShown: boolean): Block {
  const signature = seal(reasoning)
  const shown = isShown ? reasoning : ''
  return {
    whole: { type: 'thinking', thinking: shown, signature },
    opened: { type: 'thinking', thinking: '', signature: '' },
    deltas: [
      ...piecesOf(shown).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature },
    ],
  }
}

function textBlock(text: string): Block {
  return {
    whole: { type: 'text', text },
    opened: { type: 'text', text: '' },
    deltas: piecesOf(text).map((piece) => ({ type: 'text_delta', text: piece })),
  }
}

function callBlock(call: AnswerCall, index: number, raw: string): Block {
  const id = `toolu_01${tokenOf(22, 'anthropic', 'call', String(index), raw)}`
  // A call without arguments streams nothing but the empty first fragment.
  const fragments = call.arguments === '{}' ? [] : piecesOf(call.arguments)
  return {
    whole: { type: 'tool_use', id, name: call.name, input: inputOf(call.arguments) },
    opened: { type: 'tool_use', id, name: call.name, input: {} },
    deltas: ['', ...fragments].map((json) => ({ type: 'input_json_delta', partial_json: json })),
  }
}

/** Arguments that the token limit cut short are no JSON; the unary reply then shows none of them. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return {}
  }
}

function framesOf(message: JsonObject, said: Answer, blocks: readonly Block[]): readonly Frame[] {
  const frames: Frame[] = []
  const add = (event: NamedEvent, isContent: boolean): void => {
    frames.push({ text: namedEvent(event), isContent })
  }
  const started = {
    ...message,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: {
      ...usageOf(said, Math.min(1, said.usage.completionTokens)),
      output_tokens_details: null,
    },
  }
  add({ type: 'message_start', message: started }, false)
  for (const [index, block] of blocks.entries()) {
    add({ type: 'content_block_start', index, content_block: block.opened }, false)
    if (index === 0) add({ type: 'ping' }, false)
    for (const delta of block.deltas) {
      add({ type: 'content_block_delta', index, delta }, true)
    }
    add({ type: 'content_block_stop', index }, false)
  }
  const { promptTokens, completionTokens, reasoningTokens } = said.usage
  const { stop_reason, stop_sequence, stop_details, container } = message
  add(
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence, stop_details, container },
      usage: {
        input_tokens: promptTokens,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: completionTokens,
        output_tokens_details: reasoningTokens === 0 ? null : { thinking_tokens: reasoningTokens },
        server_tool_use: null,
      },
    },
    false,
  )
  add({ type: 'message_stop' }, false)
  return frames
}
