/** What holds for every pair of languages: only our own errors, purity, strictness, and round trips. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect, DialectName } from '../../src/dialects/dialect.ts'
import { FIDELITY } from '../../src/dialects/fidelity.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { isJsonObject, parseJson, readObject } from '../../src/wire/json.ts'
import { createRandom } from '../support/random.ts'
import { createConversation, readFacts, writeRequest } from './conversations.ts'
import { cross, valueAt } from './fidelity-proof.ts'
import type { Crossing, Proof } from './fidelity-proof.ts'
import { CHAT_TO_MESSAGES_PROOFS, CHAT_TO_RESPONSES_PROOFS } from './fidelity-proofs-chat.ts'
import {
  MESSAGES_TO_CHAT_PROOFS,
  MESSAGES_TO_RESPONSES_PROOFS,
} from './fidelity-proofs-messages.ts'
import {
  RESPONSES_TO_CHAT_PROOFS,
  RESPONSES_TO_MESSAGES_PROOFS,
} from './fidelity-proofs-responses.ts'

const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  'openai-chat': openaiChat,
  anthropic,
  'openai-responses': openaiResponses,
}

/** Valid values for every field of a caller's dialect: all that any proof says. */
const SAYINGS: Readonly<Record<DialectName, readonly JsonObject[]>> = {
  'openai-chat': saidBy(CHAT_TO_MESSAGES_PROOFS, CHAT_TO_RESPONSES_PROOFS),
  anthropic: saidBy(MESSAGES_TO_CHAT_PROOFS, MESSAGES_TO_RESPONSES_PROOFS),
  'openai-responses': saidBy(RESPONSES_TO_CHAT_PROOFS, RESPONSES_TO_MESSAGES_PROOFS),
}

function saidBy(...lists: ReadonlyArray<readonly Proof[]>): JsonObject[] {
  return lists.flat().map(({ say }) => say)
}

const MODELS: Readonly<Record<DialectName, readonly string[]>> = {
  'openai-chat': ['gpt-4.1', 'gpt-5', 'gpt-5.4', 'o3', 'qwen3:8b', 'deepseek-chat'],
  anthropic: ['claude-haiku-4-5', 'claude-opus-5-5', 'claude-opus-4-7', 'claude-3-haiku', 'glm-5'],
  'openai-responses': ['gpt-5.4', 'gpt-4.1', 'o3', 'gpt-6-sol', 'llama3'],
}

function onTheWire(body: JsonObject): JsonObject {
  const parsed = parseJson(JSON.stringify(body))
  assert.ok(isJsonObject(parsed))
  return parsed
}

/** A random conversation of this dialect with any number of its other fields said. */
function requestsOf(name: DialectName): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(
      fc.nat(1_000_000),
      fc.array(fc.constantFrom(...SAYINGS[name]), { maxLength: 6 }),
      fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), fc.jsonValue({ maxDepth: 2 }), {
        maxKeys: 1,
      }),
    )
    .map(([seed, sayings, unknown]) =>
      onTheWire(
        Object.assign(
          { ...unknown },
          writeRequest(name, createConversation(createRandom(seed), true)),
          ...sayings,
        ),
      ),
    )
}

for (const { from, to } of FIDELITY) {
  const pair = `${from} → ${to}`
  const send = (body: JsonObject, model: string, strict: boolean) =>
    cross(DIALECTS[from], DIALECTS[to], body, { model, strict })

  test(`${pair}: any request of valid fields crosses the same way twice, or is refused with its field`, () => {
    let crossed = 0
    fc.assert(
      fc.property(requestsOf(from), fc.constantFrom(...MODELS[to]), (body, model) => {
        const before = JSON.stringify(body)
        let first: ReturnType<typeof send>
        try {
          first = send(body, model, false)
        } catch (error) {
          assertOurs(error)
          return
        } finally {
          assert.equal(JSON.stringify(body), before, 'the caller’s body was changed')
        }
        crossed += 1
        const second = send(body, model, false)
        assert.equal(JSON.stringify(second.body), JSON.stringify(first.body))
        assert.equal(second.notes, first.notes)
        assert.match(first.notes, /^[\x20-\x7e]*$/)
        // Strict: the very same request, or a refusal that names what would have been announced.
        let strict: ReturnType<typeof send>
        try {
          strict = send(body, model, true)
        } catch (error) {
          assertOurs(error)
          assert.notEqual(first.notes, '', 'strict refuses what was never announced')
          return
        }
        assert.equal(JSON.stringify(strict.body), JSON.stringify(first.body))
        assert.equal(strict.notes, first.notes)
      }),
      { numRuns: 400, seed: 7, includeErrorInReport: true },
    )
    assert.ok(crossed > 100, `only ${crossed} crossed`)
  })

  test(`${pair} → ${from}: a conversation comes back as it was`, () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), (seed) => {
        const conversation = createConversation(createRandom(seed), from !== 'anthropic')
        const body = onTheWire(writeRequest(from, conversation))
        const there = cross(DIALECTS[from], DIALECTS[to], body, { model: MODELS[to][0] ?? '' })
        const sent = onTheWire(there.body)
        const back = cross(DIALECTS[to], DIALECTS[from], sent, { model: MODELS[from][0] ?? '' })
        const names = new Map(conversation.tools.map((name, at) => [toolNameAt(back, at), name]))
        const canonical = from === 'anthropic' || to === 'anthropic'
        const facts = readFacts(from, onTheWire(back.body), canonical)
        assert.deepEqual(
          {
            ...facts,
            turns: facts.turns.map((turn) =>
              'calls' in turn
                ? {
                    ...turn,
                    calls: turn.calls.map(([name, args]) => [names.get(name) ?? name, args]),
                  }
                : turn,
            ),
          },
          readFacts(from, body, canonical),
        )
      }),
      { numRuns: 300, seed: 11, includeErrorInReport: true },
    )
  })
}

function toolNameAt(where: Crossing, at: number): string {
  const name = valueAt(where, `tools.${at}.name`) ?? valueAt(where, `tools.${at}.function.name`)
  return typeof name === 'string' ? name : ''
}

function assertOurs(error: unknown): void {
  assert.ok(error instanceof ProxyError, String(error))
  assert.ok(error.code === 'untranslatable' || error.code === 'request_invalid', error.code)
  assert.ok(error.param !== undefined, error.message)
}

/** Comes back under another name, because one of the two languages has only one for both. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['openai-chat user', 'safety_identifier'],
  ['openai-responses user', 'safety_identifier'],
  ['anthropic output_format', 'output_config.format'],
])

/** Mapped, but nothing of the body on the way back; or looked at by the conversations above. */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'input',
  'system',
  'instructions',
  'stream_options',
  // A legacy request comes back as what replaced it.
  'functions',
  'function_call',
  'reasoning.summary',
])

const PROOFS: ReadonlyArray<readonly Proof[]> = [
  CHAT_TO_MESSAGES_PROOFS,
  CHAT_TO_RESPONSES_PROOFS,
  MESSAGES_TO_CHAT_PROOFS,
  MESSAGES_TO_RESPONSES_PROOFS,
  RESPONSES_TO_CHAT_PROOFS,
  RESPONSES_TO_MESSAGES_PROOFS,
]

const SMALLEST: Readonly<Record<DialectName, JsonObject>> = {
  'openai-chat': { model: 'asked', messages: [{ role: 'user', content: 'Hi' }] },
  anthropic: { model: 'asked', max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] },
  'openai-responses': { model: 'asked', input: 'Hi' },
}

for (const [at, { from, to, rows }] of FIDELITY.entries()) {
  for (const { path, verdict } of rows) {
    if (verdict !== 'map' || NOT_COMPARED.has(path) || /[[]/.test(path)) continue
    for (const proof of (PROOFS[at] ?? []).filter((one) => one.path === path)) {
      test(`${from} → ${to} → ${from}: ${path} is mapped, so it comes back: ${JSON.stringify(proof.say)}`, () => {
        const body = { ...SMALLEST[from], ...proof.say }
        const there = cross(DIALECTS[from], DIALECTS[to], body, {
          model: proof.model ?? MODELS[to][0] ?? '',
        })
        const sent = onTheWire(there.body)
        const back = cross(DIALECTS[to], DIALECTS[from], sent, { model: MODELS[from][0] ?? '' })
        const said = valueAt({ ...back, body }, path)
        const home = OTHER_NAMES.get(`${from} ${path}`) ?? path
        assert.ok(said !== undefined)
        assert.deepEqual(valueAt(back, home), expected(from, path, said))
      })
    }
  }
}

/** Where the way back is written more fully than the caller wrote it, and means the same. */
function expected(from: DialectName, path: string, said: JsonValue): JsonValue {
  if (path === 'text.format' && isJsonObject(said)) return { ...said, strict: true }
  if (path === 'response_format' && isJsonObject(said) && isJsonObject(said['json_schema'])) {
    return { ...said, json_schema: { ...readObject(said['json_schema']), strict: true } }
  }
  if (path === 'tools' && from === 'openai-responses' && Array.isArray(said)) {
    return said.map((tool) => (isJsonObject(tool) ? { ...tool, strict: false } : tool))
  }
  return said
}
