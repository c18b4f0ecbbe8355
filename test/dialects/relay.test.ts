/** A relay: the caller's bytes, but for what must differ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Api } from '../../src/dialects/dialect.ts'
import type { RuleOverrides } from '../../src/dialects/model-rules.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { prepareCall } from '../../src/dialects/prepare.ts'
import type { PreparedCall } from '../../src/dialects/prepare.ts'
import { callerDialect } from '../../src/dialects/registry.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { parseJsonObject } from '../../src/wire/json.ts'
import type { JsonValue } from '../../src/wire/json.ts'

function relay(
  api: Api,
  text: string,
  model: string,
  setting: { readonly headers?: Record<string, string>; readonly rules?: RuleOverrides } = {},
): PreparedCall {
  const caller = callerDialect(api)
  const body = Buffer.from(text)
  const json = parseJsonObject(body)
  const notes = createNotes(true)
  const prepared = prepareCall(
    {
      api,
      caller,
      headers: setting.headers ?? {},
      body,
      json,
      stream: json['stream'] === true,
      request: () => caller.decodeRequest(json),
      decoded: () => undefined,
    },
    caller,
    { model, maxTokens: undefined, strict: true, rules: setting.rules },
    notes,
  )
  assert.equal(renderNotes(notes), '')
  return prepared
}

const sent = (call: PreparedCall): string => Buffer.from(call.body).toString()

// Random bodies as clients of any language write them: odd spacing, key order, escapes, spellings of
// numbers that no other writer would give back.

const space = fc.constantFrom('', '', '', ' ', '  ', '\n', '\t', '\r\n')
const character = fc.oneof(
  fc.constantFrom('a', ' ', '東', '🌧', '\\n', '\\"', '\\\\', '\\/', '\\u0041', '\\ud83c\\udf27'),
  fc.string({ maxLength: 1, unit: 'grapheme-ascii' }).filter((text) => !/["\\]/.test(text)),
)
const string = fc.array(character, { maxLength: 12 }).map((parts) => `"${parts.join('')}"`)
const number = fc.constantFrom(
  '0',
  '-0',
  '1.0',
  '1E5',
  '1e-7',
  '12345678901234567890',
  '0.10',
  '-3',
)
const scalar = fc.oneof(string, number, fc.constantFrom('true', 'false', 'null'))

const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalar,
    fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 3 })
      .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
    fc
      .array(fc.tuple(space, string, space, space, tie('value'), space), { maxLength: 3 })
      .map(
        (members) =>
          `{${members.map(([a, key, b, c, item, d]) => `${a}${key}${b}:${c}${item}${d}`).join(',')}}`,
      ),
  ),
}))

/** `model` in some of the spellings that mean it. */
const modelKey = fc.constantFrom('"model"', '"mod\\u0065l"', '"\\u006dodel"')

const bodies = fc
  .record({
    before: fc.array(fc.tuple(fc.nat(), value), { maxLength: 4 }),
    after: fc.array(fc.tuple(fc.nat(), value), { maxLength: 4 }),
    key: modelKey,
    spaces: fc.array(space, { minLength: 8, maxLength: 8 }),
  })
  .map(({ before, after, key, spaces }) => {
    const [a, b, c, d, e, f, g, h] = spaces
    const members = (list: ReadonlyArray<readonly [number, string]>, prefix: string): string[] =>
      list.map(([, item], index) => `${a}"${prefix}${index}"${b}:${c}${item}${d}`)
    return (model: string): string =>
      `${e}{${[
        ...members(before, 'x'),
        `${f}${key}${g}:${h}${JSON.stringify(model)}${a}`,
        ...members(after, 'y'),
      ].join(',')}}${b}`
  })

for (const api of ['chat', 'messages', 'responses', 'embeddings', 'count_tokens'] as const) {
  test(`a relayed ${api} body is the caller’s own, byte for byte, but for the model’s name`, () => {
    fc.assert(
      fc.property(bodies, fc.constantFrom('m', 'real/name:1', 'ü"\\'), (write, model) => {
        assert.equal(sent(relay(api, write('m'), model)), write(model))
      }),
      { numRuns: 200, seed: 3, includeErrorInReport: true },
    )
  })
}

test('a stream that did not ask for usage gets stream_options and nothing else', () => {
  fc.assert(
    fc.property(bodies, (write) => {
      const text = write('m').trim()
      const open = `${text.slice(0, -1)},"stream":true`
      const call = relay('chat', `${open}}`, 'm')
      assert.equal(call.stripUsage, true)
      assert.equal(sent(call), `${open},"stream_options":{"include_usage":true}}`)
      const asked = `${open}, "stream_options" : {"include_usage" :true , "x":1.0}}`
      assert.equal(sent(relay('chat', asked, 'm')), asked)
    }),
    { numRuns: 200, seed: 3, includeErrorInReport: true },
  )
})

test('a key that two parsers may read differently is refused, not relayed', () => {
  assert.throws(
    () => relay('chat', '{"model":"a","mod\\u0065l":"b"}', 'c'),
    (error) => error instanceof ProxyError && error.code === 'json_invalid',
  )
})

test('a beta that a model refuses is taken out of the list, by its name or its beginning (router-for-me/CLIProxyAPI#2866)', () => {
  const headers = { 'anthropic-beta': 'context-1m-2025-08-07, fine-1,context-2' }
  const betas = (...dropBetas: string[]): string | undefined =>
    new Map(relay('messages', '{"model":"m"}', 'm', { headers, rules: { dropBetas } }).headers).get(
      'anthropic-beta',
    )
  assert.equal(betas(), 'context-1m-2025-08-07,fine-1,context-2')
  assert.equal(betas('context-1m-2025-08-07'), 'fine-1,context-2')
  assert.equal(betas('context-*'), 'fine-1')
  assert.equal(betas('context-1m'), 'context-1m-2025-08-07,fine-1,context-2')
  assert.equal(betas('*'), undefined)
})

function conversation(id: string): string {
  const messages: JsonValue = [
    { role: 'assistant', content: [{ type: 'tool_use', id, name: 'Bash', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'ok' }] },
  ]
  return JSON.stringify({ model: 'm', max_tokens: 5, messages })
}

test('a call id of another provider that Anthropic refuses is made to fit before a relay', () => {
  const text = sent(relay('messages', conversation('functions.Bash:0'), 'm'))
  assert.equal(text.includes('functions.Bash:0'), false)
  const ids = [...text.matchAll(/"(?:id|tool_use_id)":"([^"]*)"/g)].map((match) => match[1])
  assert.equal(ids.length, 2)
  assert.equal(ids[0], ids[1])
  assert.match(ids[0] ?? '', /^[a-zA-Z0-9_-]{1,128}$/)
  assert.equal(sent(relay('messages', conversation('toolu_1'), 'm')), conversation('toolu_1'))
})
