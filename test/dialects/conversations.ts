/**
 * Random conversations and answers, written in each of the three languages and read back from them by
 * hand: an outsider's view, that shares no code with the translators. Fast, and the same for a seed.
 */
import type { DialectName } from '../../src/dialects/dialect.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { isJsonObject, parseJson, readArray, readObject, readString } from '../../src/wire/json.ts'
import type { Random } from '../support/random.ts'

export interface Call {
  readonly id: string
  readonly name: string
  /** JSON text of an object, spaced as some client may write it. */
  readonly args: string
}

export interface Said {
  readonly reasoning: string
  readonly texts: readonly string[]
  readonly calls: readonly Call[]
}

export interface Turn {
  /** Answers to the calls of the turn before, in their order. */
  readonly results: readonly string[]
  readonly texts: readonly string[]
  /** PNG bytes as base64. */
  readonly images: readonly string[]
  /** What the assistant says to it; missing at the end. */
  readonly said: Said | undefined
}

export interface Conversation {
  readonly system: string
  readonly tools: readonly string[]
  readonly turns: readonly Turn[]
}

const PIECES: readonly [string, ...string[]] = [
  'a',
  ' ',
  'Grüße ',
  '東京',
  '🌧',
  '\n',
  '\n\n',
  '\r\n',
  '\t',
  '"',
  '\\',
  '\\n',
  '\\u0041',
  '\u2028',
  '\ufeff',
  '\u0001',
  '\ud800',
  'data: [DONE]\n\n',
  'event: error\ndata: {"error":1}\n\n',
  '{"a":[1,2]}',
  '</thinking>',
  'aiproxy.v1.e30',
  '[image 1 attached below]',
  'x-anthropic-billing-header',
  '__proto__',
  'e\u0301',
]

/** Text with something in it that is not white space. */
function text(random: Random): string {
  let written = ''
  const length = 1 + random.below(6)
  for (let at = 0; at < length; at += 1) written += random.pick(PIECES)
  return written.trim() === '' ? `${written}z` : written
}

function value(random: Random, depth: number): JsonValue {
  switch (random.below(depth > 2 ? 5 : 7)) {
    case 0:
      return text(random)
    case 1:
      return random.below(2_000_000) / 7 - 1000
    case 2:
      return random.below(1_000_000) - 500_000
    case 3:
      return random.once(2)
    case 4:
      return null
    case 5:
      return Array.from({ length: random.below(3) }, () => value(random, depth + 1))
    default:
      return objectOf(random, depth + 1)
  }
}

function objectOf(random: Random, depth: number): JsonObject {
  const members: Array<[string, JsonValue]> = []
  const size = random.below(4)
  for (let at = 0; at < size; at += 1) members.push([text(random), value(random, depth)])
  // As a parser makes it: `__proto__` is a member like any other.
  return Object.fromEntries(members)
}

const ID_CHARS = 'abcXYZ019_-'
const ODD_ID_CHARS = `${ID_CHARS}:.|/ é`

function word(random: Random, length: number, chars: string): string {
  let written = ''
  for (let at = 0; at < length; at += 1) written += chars[random.below(chars.length)] ?? ''
  return written
}

/** One conversation, which ends with a question. `oddIds`: ids and spacing as only OpenAI's APIs take them. */
export function createConversation(random: Random, odd: boolean): Conversation {
  const tools = Array.from(
    { length: random.below(4) },
    (_, index) => `t${index}_${word(random, random.once(5) ? 70 : 6, ID_CHARS)}`,
  )
  const length = 1 + random.below(4)
  const turns: Turn[] = []
  let open = 0
  for (let at = 0; at < length; at += 1) {
    const results = Array.from({ length: open }, () => text(random))
    const silent = open > 0 && random.once(2)
    const texts = Array.from({ length: silent ? 0 : 1 + random.below(2) }, () => text(random))
    const images = silent || !random.once(6) ? [] : [`iVBORw0KGgo${word(random, 5, 'abcd')}`]
    const said = at === length - 1 ? undefined : sayRandomly(random, tools, at, odd)
    open = said?.calls.length ?? 0
    turns.push({ results, texts, images, said })
  }
  return { system: random.once(2) ? '' : text(random), tools, turns }
}

function sayRandomly(random: Random, tools: readonly string[], at: number, odd: boolean): Said {
  const calls: Call[] = []
  for (const name of tools) {
    if (!random.once(2)) continue
    const length = random.once(6) ? 80 : 8
    const id = `${at}${calls.length}${word(random, length, odd ? ODD_ID_CHARS : ID_CHARS)}`
    const args = objectOf(random, 0)
    const spaced = odd && random.once(3)
    calls.push({ id, name, args: JSON.stringify(args, undefined, spaced ? 1 : undefined) })
  }
  const silent = calls.length > 0 && random.once(2)
  return {
    reasoning: random.once(4) ? text(random) : '',
    texts: silent ? [] : Array.from({ length: 1 + random.below(2) }, () => text(random)),
    calls,
  }
}

// Written by hand.

const SCHEMA: JsonObject = { type: 'object', properties: {} }

/** A request body as a caller of this dialect writes it. */
export function writeRequest(
  dialect: DialectName,
  { system, tools, turns }: Conversation,
): JsonObject {
  switch (dialect) {
    case 'openai-chat': {
      const messages: JsonObject[] = system === '' ? [] : [{ role: 'system', content: system }]
      let ids: readonly string[] = []
      for (const { results, texts, images, said } of turns) {
        for (const [at, content] of results.entries()) {
          messages.push({ role: 'tool', tool_call_id: ids[at] ?? '', content })
        }
        const parts = [
          ...texts.map((part): JsonObject => ({ type: 'text', text: part })),
          ...images.map((data): JsonObject => ({
            type: 'image_url',
            image_url: { url: `data:image/png;base64,${data}` },
          })),
        ]
        if (parts.length === 1 && texts[0] !== undefined) {
          messages.push({ role: 'user', content: texts[0] })
        } else if (parts.length > 0) {
          messages.push({ role: 'user', content: parts })
        }
        if (said === undefined) continue
        ids = said.calls.map(({ id }) => id)
        messages.push({
          role: 'assistant',
          content: said.texts.length === 0 ? null : said.texts.join(''),
          ...(said.reasoning === '' ? {} : { reasoning_content: said.reasoning }),
          ...(said.calls.length === 0
            ? {}
            : {
                tool_calls: said.calls.map(({ id, name, args }) => ({
                  id,
                  type: 'function',
                  function: { name, arguments: args },
                })),
              }),
        })
      }
      return {
        model: 'asked',
        messages,
        ...(tools.length === 0
          ? {}
          : {
              tools: tools.map((name) => ({
                type: 'function',
                function: { name, parameters: SCHEMA },
              })),
            }),
      }
    }
    case 'anthropic': {
      const messages: JsonObject[] = []
      let ids: readonly string[] = []
      for (const { results, texts, images, said } of turns) {
        messages.push({
          role: 'user',
          content: [
            ...results.map((content, at) => ({
              type: 'tool_result',
              tool_use_id: ids[at] ?? '',
              content,
            })),
            ...texts.map((part) => ({ type: 'text', text: part })),
            ...images.map((data) => ({
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data },
            })),
          ],
        })
        if (said === undefined) continue
        ids = said.calls.map(({ id }) => id)
        messages.push({
          role: 'assistant',
          content: [
            ...(said.reasoning === ''
              ? []
              : [{ type: 'thinking', thinking: said.reasoning, signature: 'aiproxy.v1.' }]),
            ...said.texts.map((part) => ({ type: 'text', text: part })),
            ...said.calls.map(({ id, name, args }) => ({
              type: 'tool_use',
              id,
              name,
              input: parseJson(args) ?? {},
            })),
          ],
        })
      }
      return {
        model: 'asked',
        max_tokens: 4096,
        ...(system === '' ? {} : { system }),
        messages,
        ...(tools.length === 0
          ? {}
          : { tools: tools.map((name) => ({ name, input_schema: SCHEMA })) }),
      }
    }
    case 'openai-responses': {
      const input: JsonObject[] = []
      let ids: readonly string[] = []
      for (const { results, texts, images, said } of turns) {
        for (const [at, output] of results.entries()) {
          input.push({ type: 'function_call_output', call_id: ids[at] ?? '', output })
        }
        const parts = [
          ...texts.map((part): JsonObject => ({ type: 'input_text', text: part })),
          ...images.map((data): JsonObject => ({
            type: 'input_image',
            image_url: `data:image/png;base64,${data}`,
          })),
        ]
        if (parts.length > 0) input.push({ type: 'message', role: 'user', content: parts })
        if (said === undefined) continue
        ids = said.calls.map(({ id }) => id)
        if (said.reasoning !== '') {
          input.push({
            type: 'reasoning',
            id: 'rs_1',
            summary: [{ type: 'summary_text', text: said.reasoning }],
          })
        }
        if (said.texts.length > 0) {
          input.push({
            type: 'message',
            role: 'assistant',
            content: said.texts.map((part) => ({ type: 'output_text', text: part })),
          })
        }
        for (const { id, name, args } of said.calls) {
          input.push({ type: 'function_call', call_id: id, name, arguments: args })
        }
      }
      return {
        model: 'asked',
        ...(system === '' ? {} : { instructions: system }),
        input,
        ...(tools.length === 0
          ? {}
          : { tools: tools.map((name) => ({ type: 'function', name, parameters: SCHEMA })) }),
      }
    }
    default:
      return dialect satisfies never
  }
}

// Read back by hand.

/** One turn as everybody must see it; results by the number of the call they answer. */
export type Fact =
  | {
      readonly user: string
      readonly images: readonly string[]
      readonly results: ReadonlyArray<readonly [call: number, text: string]>
    }
  | { readonly assistant: string; readonly calls: ReadonlyArray<readonly [string, string]> }

export interface Facts {
  readonly system: string
  readonly turns: readonly Fact[]
}

/** What a body says. `canonical`: arguments as JSON.stringify has them, for a language that parses them. */
export function readFacts(dialect: DialectName, body: JsonObject, canonical: boolean): Facts {
  const turns: Fact[] = []
  const system: string[] = []
  let user = {
    text: '',
    images: [] as string[],
    results: [] as Array<[number, string]>,
    any: false,
  }
  let said = { text: '', calls: [] as Array<[string, string]>, any: false }
  let ids: string[] = []

  const flushUser = (): void => {
    if (user.any) turns.push({ user: user.text, images: user.images, results: user.results })
    user = { text: '', images: [], results: [], any: false }
  }
  const flushSaid = (): void => {
    if (said.any) turns.push({ assistant: said.text, calls: said.calls })
    said = { text: '', calls: [], any: false }
  }
  const onUser = (): typeof user => {
    flushSaid()
    user.any = true
    return user
  }
  const onAssistant = (): typeof said => {
    if (!said.any) ids = []
    flushUser()
    said.any = true
    return said
  }
  const addCall = (id: string, name: string, args: string): void => {
    const turn = onAssistant()
    ids.push(id)
    turn.calls.push([name, canonical ? JSON.stringify(parseJson(args)) : args])
  }
  const addResult = (id: string, result: string): void => {
    onUser().results.push([ids.indexOf(id), result])
  }
  const addImage = (url: string): void => {
    onUser().images.push(url.replace(/^data:image\/png;base64,/, ''))
  }

  switch (dialect) {
    case 'openai-chat':
      for (const message of objects(body['messages'])) {
        const content = message['content']
        const parts =
          typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content ?? null)
        if (message['role'] === 'system' || message['role'] === 'developer') {
          system.push(str(content))
        } else if (message['role'] === 'tool') {
          addResult(str(message['tool_call_id']), parts.map((part) => str(part['text'])).join(''))
        } else if (message['role'] === 'user') {
          for (const part of parts) {
            if (part['type'] === 'text') onUser().text += str(part['text'])
            else addImage(str(readObject(part['image_url'] ?? null)?.['url']))
          }
        } else {
          onAssistant().text += parts.map((part) => str(part['text'])).join('')
          for (const call of objects(message['tool_calls'])) {
            const called = readObject(call['function'] ?? null)
            addCall(str(call['id']), str(called?.['name']), str(called?.['arguments']))
          }
        }
      }
      break
    case 'anthropic':
      if (typeof body['system'] === 'string') system.push(body['system'])
      for (const block of objects(body['system'])) system.push(str(block['text']))
      for (const message of objects(body['messages'])) {
        for (const block of objects(message['content'])) {
          switch (block['type']) {
            case 'text':
              if (message['role'] === 'user') onUser().text += str(block['text'])
              else onAssistant().text += str(block['text'])
              break
            case 'image':
              addImage(str(readObject(block['source'] ?? null)?.['data']))
              break
            case 'tool_result':
              addResult(str(block['tool_use_id']), str(block['content']))
              break
            case 'tool_use':
              addCall(str(block['id']), str(block['name']), JSON.stringify(block['input']))
              break
            default:
          }
        }
      }
      break
    case 'openai-responses':
      system.push(str(body['instructions']))
      for (const item of objects(body['input'])) {
        if (item['type'] === 'function_call') {
          addCall(str(item['call_id']), str(item['name']), str(item['arguments']))
        } else if (item['type'] === 'function_call_output') {
          addResult(str(item['call_id']), str(item['output']))
        } else if (item['type'] === 'message') {
          for (const part of objects(item['content'])) {
            if (item['role'] === 'assistant') onAssistant().text += str(part['text'])
            else if (part['type'] === 'input_image') addImage(str(part['image_url']))
            else onUser().text += str(part['text'])
          }
        }
      }
      break
    default:
      dialect satisfies never
  }
  flushUser()
  flushSaid()
  return { system: system.join('\n\n'), turns }
}

function objects(list: JsonValue | undefined): JsonObject[] {
  return readArray(list).filter(isJsonObject)
}

function str(given: JsonValue | undefined): string {
  return readString(given) ?? ''
}
