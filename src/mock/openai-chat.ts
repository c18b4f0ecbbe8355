/**
 * OpenAI Chat Completions on the wire, unary and streamed
 * (https://platform.openai.com/docs/api-reference/chat).
 */
import { answer, piecesOf } from './answers.ts'
import type { Answer, AnswerCall, Ask, MockUsage, OfferedTool } from './answers.ts'
import { CREATED_S, tokenOf } from './identity.ts'
import { isGiven, isObject, listOf, objectsOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import type { MockBehaviour } from './models.ts'
import { renderRefused } from './refused.ts'
import type { Refused } from './refused.ts'
import { plainEvent } from './rendering.ts'
import type { Frame, Rendering } from './rendering.ts'

/** The reply to a checked request. `raw` is the body as received; ids follow from it. */
export function renderChat(
  body: JsonObject,
  raw: string,
  behaviour: MockBehaviour,
  requestId: string,
): Rendering {
  const isLegacy = isGiven(body['functions'])
  const count = Number(body['n'] ?? 1)
  const answers = Array.from({ length: count }, (_, index) =>
    answer(readAsk(body, behaviour, index)),
  )
  const usage = usageOf(answers.map((said) => said.usage))
  const id = `chatcmpl-${tokenOf(29, 'chat', 'completion', raw)}`
  const common = { created: CREATED_S, model: stringOf(body['model']) }
  const origin = { service_tier: 'default', system_fingerprint: 'fp_mock' }
  const idOf = (choice: number, call: number): string =>
    `call_${tokenOf(24, 'chat', 'call', String(choice), String(call), raw)}`
  return {
    isStream: body['stream'] === true,
    body: () => ({
      id,
      object: 'chat.completion',
      ...common,
      choices: answers.map((said, index) => ({
        index,
        message: messageOf(said, isLegacy, (call) => idOf(index, call)),
        logprobs: null,
        finish_reason: finishOf(said, isLegacy),
      })),
      usage,
      ...origin,
    }),
    frames: () => {
      const options = isObject(body['stream_options']) ? body['stream_options'] : {}
      const includesUsage = options['include_usage'] === true
      const chunk = (choices: readonly object[]): object => ({
        id,
        object: 'chat.completion.chunk',
        ...common,
        ...origin,
        choices,
        ...(includesUsage ? { usage: null } : {}),
      })
      const frames = answers.flatMap((said, index) =>
        deltasOf(said, isLegacy, (call) => idOf(index, call)).map(
          ({ delta, finish, isContent }): Frame => ({
            text: plainEvent(chunk([{ index, delta, logprobs: null, finish_reason: finish }])),
            isContent,
          }),
        ),
      )
      if (includesUsage) {
        frames.push({ text: plainEvent({ ...chunk([]), usage }), isContent: false })
      }
      frames.push({ text: plainEvent('[DONE]'), isContent: false })
      return frames
    },
    errorFrame: (refused: Refused) => plainEvent(renderRefused('openai', refused, requestId)),
  }
}

function readAsk(body: JsonObject, behaviour: MockBehaviour, variant: number): Ask {
  const messages = objectsOf(body['messages'])
  const last = messages.at(-1)
  const stop = body['stop']
  const limit = body['max_completion_tokens'] ?? body['max_tokens']
  return {
    model: stringOf(body['model']),
    promptChars: messages.flatMap((message) => textsIn(message['content'])).join('').length,
    lastText: textsIn(last?.['content']).join('\n'),
    afterToolResult: last?.['role'] === 'tool' || last?.['role'] === 'function',
    tools: offeredTools(body),
    choice: choiceOf(body['tool_choice'] ?? body['function_call']),
    // The legacy reply has room for one call only.
    isParallelAllowed: body['parallel_tool_calls'] !== false && !isGiven(body['functions']),
    format: formatOf(body['response_format']),
    maxTokens: typeof limit === 'number' ? limit : undefined,
    stops: typeof stop === 'string' ? [stop] : listOf(stop).map(stringOf),
    reasons: behaviour === 'thinking',
    announcesCalls: false,
    mood: behaviour === 'empty' || behaviour === 'refusal' ? behaviour : 'well',
    variant,
  }
}

function textsIn(content: unknown): readonly string[] {
  if (typeof content === 'string') return [content]
  return objectsOf(content).flatMap((part) => {
    if (part['type'] === 'text') return [stringOf(part['text'])]
    return part['type'] === 'refusal' ? [stringOf(part['refusal'])] : []
  })
}

function offeredTools(body: JsonObject): readonly OfferedTool[] {
  const tools = objectsOf(body['tools']).flatMap((tool): OfferedTool[] => {
    const kind = tool['type'] === 'custom' ? 'custom' : 'function'
    const inside = tool[kind]
    if (!isObject(inside)) return []
    return [{ name: stringOf(inside['name']), kind, schema: inside['parameters'] ?? {} }]
  })
  const functions = objectsOf(body['functions']).map((fn): OfferedTool => {
    return { name: stringOf(fn['name']), kind: 'function', schema: fn['parameters'] ?? {} }
  })
  const all = [...tools, ...functions]
  const allowed = allowedNames(body['tool_choice'])
  return allowed === undefined ? all : all.filter((tool) => allowed.has(tool.name))
}

function allowedNames(choice: unknown): ReadonlySet<string> | undefined {
  const list = isObject(choice) ? choice['allowed_tools'] : undefined
  if (!isObject(list)) return undefined
  return new Set(
    objectsOf(list['tools']).map((tool) => {
      const inside = tool[tool['type'] === 'custom' ? 'custom' : 'function']
      return isObject(inside) ? stringOf(inside['name']) : ''
    }),
  )
}

function choiceOf(choice: unknown): Ask['choice'] {
  if (choice === 'none' || choice === 'required') return choice
  if (!isObject(choice)) return 'auto'
  if (isObject(choice['allowed_tools'])) {
    return choice['allowed_tools']['mode'] === 'required' ? 'required' : 'auto'
  }
  // `function_call: { name }` is the legacy form.
  const inside = choice['function'] ?? choice['custom'] ?? choice
  return isObject(inside) ? { name: stringOf(inside['name']) } : 'auto'
}

function formatOf(format: unknown): Ask['format'] {
  if (!isObject(format)) return 'text'
  if (format['type'] === 'json_object') return 'json'
  return isObject(format['json_schema']) ? { schema: format['json_schema']['schema'] } : 'text'
}

const FINISH_REASONS: Readonly<Record<Answer['finish'], string>> = {
  stop: 'stop',
  'stop-sequence': 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  refusal: 'stop',
}

function finishOf(said: Answer, isLegacy: boolean): string {
  return isLegacy && said.finish === 'tool-calls' ? 'function_call' : FINISH_REASONS[said.finish]
}

/** The usage object of one request: the prompt counts once, the choices add up. */
export function usageOf(usages: readonly MockUsage[]): object {
  const prompt = usages[0]?.promptTokens ?? 0
  const completion = usages.reduce((sum, usage) => sum + usage.completionTokens, 0)
  const reasoning = usages.reduce((sum, usage) => sum + usage.reasoningTokens, 0)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

function callOnWire(call: AnswerCall, id: string, input: string): JsonObject {
  return call.kind === 'custom'
    ? { id, type: 'custom', custom: { name: call.name, input } }
    : { id, type: 'function', function: { name: call.name, arguments: input } }
}

function messageOf(said: Answer, isLegacy: boolean, idOf: (call: number) => string): object {
  const first = said.calls[0]
  const hasText = said.text !== '' || (said.calls.length === 0 && said.refusal === '')
  return {
    role: 'assistant',
    content: hasText ? said.text : null,
    ...(said.reasoning === '' ? {} : { reasoning_content: said.reasoning }),
    refusal: said.refusal === '' ? null : said.refusal,
    annotations: [],
    ...(isLegacy && first !== undefined
      ? { function_call: { name: first.name, arguments: first.arguments } }
      : {}),
    ...(!isLegacy && first !== undefined
      ? {
          tool_calls: said.calls.map((call, index) =>
            callOnWire(call, idOf(index), call.arguments),
          ),
        }
      : {}),
  }
}

interface Delta {
  readonly delta: object
  readonly finish: string | null
  readonly isContent: boolean
}

/** One choice as deltas: the role, then reasoning, text, refusal and calls, then the finish reason. */
function deltasOf(
  said: Answer,
  isLegacy: boolean,
  idOf: (call: number) => string,
): readonly Delta[] {
  const deltas: Delta[] = []
  const add = (delta: object, isContent = true, finish: string | null = null): void => {
    deltas.push({ delta, finish, isContent })
  }
  const startsWithCall = said.text === '' && said.calls.length > 0
  add({ role: 'assistant', content: startsWithCall ? null : '', refusal: null }, false)
  for (const piece of piecesOf(said.reasoning)) add({ reasoning_content: piece })
  for (const piece of piecesOf(said.text)) add({ content: piece })
  for (const piece of piecesOf(said.refusal)) add({ refusal: piece })
  for (const [index, call] of said.calls.entries()) {
    if (isLegacy) {
      add({ function_call: { name: call.name, arguments: '' } })
      for (const piece of piecesOf(call.arguments)) add({ function_call: { arguments: piece } })
      continue
    }
    add({ tool_calls: [{ index, ...callOnWire(call, idOf(index), '') }] })
    const key = call.kind === 'custom' ? 'custom' : 'function'
    const field = call.kind === 'custom' ? 'input' : 'arguments'
    for (const piece of piecesOf(call.arguments)) {
      add({ tool_calls: [{ index, [key]: { [field]: piece } }] })
    }
  }
  add({}, false, finishOf(said, isLegacy))
  return deltas
}
