/** One random conversation through one random pair, there and back again: nothing of it is lost. */
import assert from 'node:assert/strict'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { translateRequest } from '../../src/dialects/translate.ts'
import { isJsonObject, parseJson, readArray, readObject, readString } from '../../src/wire/json.ts'
import { createAnswer, cutRandomly, heardFrom, readStream, writeStream } from './answers.ts'
import type { Heard } from './answers.ts'
import { createRandom } from '../support/random.ts'
import { createConversation, readFacts, writeRequest } from './conversations.ts'
import type { Facts, Said } from './conversations.ts'

const PAIRS: ReadonlyArray<readonly [caller: Dialect, target: Dialect]> = [
  [openaiChat, anthropic],
  [openaiChat, openaiResponses],
  [anthropic, openaiChat],
  [anthropic, openaiResponses],
  [openaiResponses, openaiChat],
  [openaiResponses, anthropic],
]

const MODELS = new Map<string, readonly [string, ...string[]]>([
  ['openai-chat', ['gpt-4.1', 'gpt-5', 'qwen3:8b', 'deepseek-chat', 'mistral-large-latest']],
  ['anthropic', ['claude-haiku-4-5', 'claude-opus-5-5', 'claude-opus-4-7', 'glm-5']],
  ['openai-responses', ['gpt-5.4', 'gpt-4.1', 'o3']],
])

/** Throws where text, arguments, pictures, results or their order differ on any side. */
export function checkConversation(seed: number): void {
  const random = createRandom(seed)
  const [caller, target] = PAIRS[random.below(PAIRS.length)] ?? [openaiChat, anthropic]
  const canonical = caller === anthropic || target === anthropic
  const conversation = createConversation(random, caller !== anthropic)
  // As it comes off the wire.
  const body = onTheWire(writeRequest(caller.name, conversation))
  const model = random.pick(MODELS.get(target.name) ?? ['m'])
  const notes = createNotes(false)
  const traits = { model, maxTokens: undefined, strict: false }
  const { request, encoded } = translateRequest(caller, target, body, traits, notes)
  const sent = onTheWire(encoded.body)

  // There.
  const names = new Map(encoded.hints.toolNames)
  const asked = readFacts(caller.name, body, canonical)
  assert.deepEqual(
    withNames(readFacts(target.name, sent, canonical), names),
    asked,
    `request of seed ${seed}`,
  )
  const again = translateRequest(caller, target, body, traits, createNotes(false))
  assert.equal(JSON.stringify(again.encoded.body), JSON.stringify(encoded.body), `seed ${seed}`)

  // And back again.
  const told = createConversation(random, false).turns.find(({ said }) => said !== undefined)?.said
  if (told === undefined) return
  const answer = createAnswer(random, withCanonicalArgs(told), toolNames(sent))
  const pipe = createStreamPipe(caller, target, {
    request,
    hints: encoded.hints,
    nowSeconds: 1,
    requestId: 'req_1',
    stripUsage: false,
  })
  let text = ''
  for (const chunk of cutRandomly(Buffer.from(writeStream(target.name, answer, random)), random)) {
    text += Buffer.from(pipe.push(chunk)).toString()
  }
  text += Buffer.from(pipe.end()).toString()
  const expected = heardFrom(answer)
  assert.deepEqual(
    readStream(caller.name, text),
    {
      ...expected,
      calls: expected.calls.map(([id, name, args]) => [id, names.get(name) ?? name, args]),
    } satisfies Heard,
    `answer of seed ${seed}`,
  )
}

function onTheWire(body: JsonObject): JsonObject {
  const parsed = parseJson(JSON.stringify(body))
  assert.ok(isJsonObject(parsed))
  return parsed
}

function withNames(facts: Facts, names: ReadonlyMap<string, string>): Facts {
  return {
    ...facts,
    turns: facts.turns.map((turn) =>
      'calls' in turn
        ? { ...turn, calls: turn.calls.map(([name, args]) => [names.get(name) ?? name, args]) }
        : turn,
    ),
  }
}

function withCanonicalArgs(said: Said): Said {
  return {
    ...said,
    calls: said.calls.map((call) => ({ ...call, args: JSON.stringify(parseJson(call.args)) })),
  }
}

function toolNames(body: JsonObject): string[] {
  return readArray(body['tools']).flatMap((tool) => {
    const object = readObject(tool)
    const named = readObject(object?.['function'] ?? null) ?? object
    return readString(named?.['name'] ?? null) ?? []
  })
}
