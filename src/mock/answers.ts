/**
 * What the mock says: a pure function of what was asked, the same for every dialect. Scripted answers and
 * replay would enter here, in place of `answer`.
 */
import { numberOf } from './identity.ts'
import { sampleArguments, sampleSchema } from './schema-sample.ts'

/** A tool the model may call. */
export interface OfferedTool {
  readonly name: string
  /** `custom` tools take free text; all others take JSON that satisfies `schema`. */
  readonly kind: 'function' | 'custom'
  readonly schema: unknown
}

/** One request, reduced to what decides the answer. */
export interface Ask {
  readonly model: string
  /** Characters of text in all messages: system, user, assistant and tool results; no base64. */
  readonly promptChars: number
  /** The text of the last message: the user's, or a tool result's. */
  readonly lastText: string
  /** The last message brings tool results: the turn ends in text, so that an agent loop ends. */
  readonly afterToolResult: boolean
  readonly tools: readonly OfferedTool[]
  readonly choice: 'auto' | 'none' | 'required' | { readonly name: string }
  readonly isParallelAllowed: boolean
  readonly format: 'text' | 'json' | { readonly schema: unknown }
  /** Tokens the answer may have, reasoning included; `undefined` for no limit. */
  readonly maxTokens: number | undefined
  readonly stops: readonly string[]
  /** Reason before answering. */
  readonly reasons: boolean
  /** Say a few words before a tool call, as Claude does when it was not forced. */
  readonly announcesCalls: boolean
  readonly mood: 'well' | 'empty' | 'refusal'
  /** Told apart where one request wants several answers (`n`); 0 for the first. */
  readonly variant: number
}

export interface AnswerCall {
  readonly name: string
  readonly kind: 'function' | 'custom'
  /** JSON text, or free text for a custom tool. Cut short where the token limit was reached in it. */
  readonly arguments: string
}

export interface Answer {
  readonly reasoning: string
  readonly text: string
  readonly refusal: string
  readonly calls: readonly AnswerCall[]
  readonly finish: 'stop' | 'stop-sequence' | 'length' | 'tool-calls' | 'refusal'
  readonly stopSequence: string | null
  readonly usage: MockUsage
}

export interface MockUsage {
  readonly promptTokens: number
  /** Reasoning included. */
  readonly completionTokens: number
  readonly reasoningTokens: number
}

const CHARS_PER_TOKEN = 4

/** Four characters are a token, in both dialects; nothing is free, so at least one. */
export function tokensOf(chars: number): number {
  return Math.max(1, Math.ceil(chars / CHARS_PER_TOKEN))
}

const REASONING =
  'No model is thinking here. The request is read, and a canned answer is picked by its hash.'
const REFUSAL =
  'This is the mock provider declining to answer, because the model is named mock-refusal.'

const REMARKS = [
  'The same request always gets exactly the same bytes, so a difference between two runs is yours.',
  'It travelled over a real loopback socket in the wire format of a real provider, at no cost.',
  'The token counts beside it are estimates: four characters are counted as one token.',
  'Set a real API key, or write a config file, and a real model answers in this place.',
  'Ask for the model mock-429, mock-529 or mock-cut to watch how a failure is dealt with.',
  'Offer a tool and mention its name, and the next answer is a call of that tool instead.',
  'Ask for a JSON schema, and the smallest object that satisfies it comes back instead of prose.',
  'It was made up on this machine: nothing you wrote has left it.',
]

/** The answer to one request: words, tool calls or JSON, cut where a limit or a stop sequence says so. */
export function answer(ask: Ask): Answer {
  const promptTokens = tokensOf(ask.promptChars)
  if (ask.mood === 'empty') return finished(ask, promptTokens, { finish: 'stop' })
  if (ask.mood === 'refusal') {
    return finished(ask, promptTokens, { refusal: REFUSAL, finish: 'refusal' })
  }

  const calls = callsFor(ask)
  const spoken = calls.length === 0 ? words(ask) : ask.announcesCalls ? announcement(calls) : ''
  const stop = firstStop(spoken, ask.stops)
  const stopped = stop === undefined ? spoken : spoken.slice(0, stop.at)
  const callsAllowed = stop === undefined ? calls : []

  let room = ask.maxTokens === undefined ? Infinity : ask.maxTokens * CHARS_PER_TOKEN
  let isCut = false
  const take = (text: string): string => {
    const taken = text.length <= room ? text : cutAt(text, room)
    if (taken.length < text.length) isCut = true
    room = isCut ? 0 : room - taken.length
    return taken
  }
  const reasoning = ask.reasons ? take(REASONING) : ''
  const text = take(stopped)
  const kept: AnswerCall[] = []
  for (const call of callsAllowed) {
    const shortened = { ...call, arguments: take(call.arguments) }
    // Without room for a single character the call was never begun.
    if (shortened.arguments !== '') kept.push(shortened)
  }
  const finish = isCut
    ? 'length'
    : stop !== undefined
      ? 'stop-sequence'
      : kept.length > 0
        ? 'tool-calls'
        : 'stop'
  return finished(ask, promptTokens, {
    reasoning,
    text,
    calls: kept,
    finish,
    stopSequence: finish === 'stop-sequence' && stop !== undefined ? stop.sequence : null,
  })
}

/** The text in pieces as they are streamed: words with the space before them, long words split. */
export function piecesOf(text: string): readonly string[] {
  return text.match(/\s*\S{1,12}|\s+$/gu) ?? []
}

function finished(
  ask: Ask,
  promptTokens: number,
  said: Partial<Answer> & Pick<Answer, 'finish'>,
): Answer {
  const { reasoning = '', text = '', refusal = '', calls = [] } = said
  const chars = calls.reduce(
    (sum, call) => sum + call.arguments.length,
    text.length + refusal.length,
  )
  const reasoningTokens = reasoning === '' ? 0 : tokensOf(reasoning.length)
  const completionTokens =
    ask.maxTokens === 0 ? 0 : Math.max(1, Math.ceil((chars + reasoning.length) / CHARS_PER_TOKEN))
  return {
    reasoning,
    text,
    refusal,
    calls,
    finish: said.finish,
    stopSequence: said.stopSequence ?? null,
    usage: { promptTokens, completionTokens, reasoningTokens },
  }
}

/**
 * Which tools are called: the named one; under `required` those the last text mentions, else the first;
 * under `auto` those the last text mentions, in the order it does, each once.
 */
function callsFor(ask: Ask): readonly AnswerCall[] {
  const { choice, tools } = ask
  if (ask.afterToolResult || choice === 'none' || tools.length === 0) return []
  if (typeof choice === 'object') {
    return tools
      .filter((tool) => tool.name === choice.name)
      .slice(0, 1)
      .map(callOf)
  }
  const mentioned = tools
    .map((tool) => ({ tool, at: mentionOf(tool.name, ask.lastText) }))
    .filter((found) => found.at >= 0)
    .toSorted((one, other) => one.at - other.at)
    .map((found) => found.tool)
  const chosen = mentioned.length > 0 || choice === 'auto' ? mentioned : tools.slice(0, 1)
  return (ask.isParallelAllowed ? chosen : chosen.slice(0, 1)).map(callOf)
}

function callOf(tool: OfferedTool): AnswerCall {
  const input = tool.kind === 'custom' ? 'mock input' : JSON.stringify(sampleArguments(tool.schema))
  return { name: tool.name, kind: tool.kind, arguments: input }
}

function isNamePart(char: string | undefined): boolean {
  return char !== undefined && /[\w-]/u.test(char)
}

/** Where the name stands on its own in the text, not as part of a longer name; -1 where it does not. */
function mentionOf(name: string, text: string): number {
  if (name === '') return -1
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!isNamePart(text[at - 1]) && !isNamePart(text[at + name.length])) return at
  }
  return -1
}

function announcement(calls: readonly AnswerCall[]): string {
  return `The mock is calling ${calls.map((call) => call.name).join(' and ')}.`
}

function words(ask: Ask): string {
  if (ask.format === 'json') {
    return JSON.stringify({ mock: true, model: ask.model, prompt: excerptOf(ask.lastText) })
  }
  if (ask.format !== 'text') return JSON.stringify(sampleSchema(ask.format.schema))
  const read = ask.afterToolResult ? 'The tool gave back' : 'You wrote'
  const first = numberOf(REMARKS.length, ask.model, ask.lastText, String(ask.variant))
  const remarks = [REMARKS[first], REMARKS[(first + 3) % REMARKS.length]].join(' ')
  return (
    `This is a mock answer: no model was asked, and ${ask.model} is only a name here. ` +
    `${read}: “${excerptOf(ask.lastText)}”. ${remarks}`
  )
}

const EXCERPT_CHARS = 80

function excerptOf(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim()
  return line.length <= EXCERPT_CHARS ? line : `${cutAt(line, EXCERPT_CHARS)}…`
}

/** The first `length` UTF-16 units, one less where that would split a character in two. */
function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd8_00 && last <= 0xdb_ff ? length - 1 : length)
}

function firstStop(
  text: string,
  stops: readonly string[],
): { readonly at: number; readonly sequence: string } | undefined {
  let found: { at: number; sequence: string } | undefined
  for (const sequence of stops) {
    const at = sequence === '' ? -1 : text.indexOf(sequence)
    if (at >= 0 && (found === undefined || at < found.at)) found = { at, sequence }
  }
  return found
}
