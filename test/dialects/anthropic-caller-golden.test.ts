/**
 * Golden streams: each folder of test/fixtures/anthropic-caller/ is one exchange of a Messages caller
 * with a Chat Completions provider. `text` and `reasoning-and-interleaved-calls` are wire-formats J.7
 * and J.8. UPDATE_GOLDEN=1 rewrites the expected files for review.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { createStreamEncoder } from '../../src/dialects/anthropic/encode-stream.ts'
import type { ChatEvent, JsonObject } from '../../src/dialects/neutral.ts'
import { cuts, ROOT } from '../wire/cuts.ts'
import {
  asObject,
  contextOf,
  fixtureFile,
  play,
  readFrames,
  readRequest,
  word,
} from './anthropic-caller.ts'
import { checkGrammar } from './anthropic-caller-grammar.ts'

const UPDATE = process.env['UPDATE_GOLDEN'] === '1'

for (const name of readdirSync(new URL('test/fixtures/anthropic-caller/', ROOT))) {
  test(`stream ${name}: the caller sees the same events however the upstream's are cut`, () => {
    const upstream = readFileSync(fixtureFile(name, 'upstream.sse'))
    const context = contextOf(readRequest(name))
    if (UPDATE) writeFileSync(fixtureFile(name, 'expected.sse'), play([upstream], context))
    const expected = readFileSync(fixtureFile(name, 'expected.sse'), 'utf8')
    checkGrammar(readFrames(expected))
    for (const cut of cuts(upstream)) {
      assert.deepEqual(lines(play(cut.chunks, context)), lines(expected), cut.name)
    }
  })
}

/**
 * The frames as lines. Whether fragments of a call's input that arrive together leave as one delta or as
 * two means nothing, so neighbours are joined; all else counts to the byte.
 */
function lines(text: string): string[] {
  const joined: JsonObject[] = []
  for (const frame of readFrames(text)) {
    const last = joined.at(-1)
    const more = asObject(frame['delta'])
    if (last?.['index'] === frame['index'] && more['type'] === 'input_json_delta') {
      const before = asObject(last?.['delta'])
      if (before['type'] === 'input_json_delta') {
        const json = `${word(before['partial_json'])}${word(more['partial_json'])}`
        joined[joined.length - 1] = { ...frame, delta: { ...more, partial_json: json } }
        continue
      }
    }
    joined.push(frame)
  }
  return joined.map((frame) => JSON.stringify(frame))
}

test('the worked stream with reasoning and two calls (J.8) is written to the byte', () => {
  const encoder = createStreamEncoder(contextOf(readRequest('reasoning-and-interleaved-calls')))
  const events: ChatEvent[] = [
    { type: 'start', id: 'chatcmpl-9p', model: 'qwen3-coder', created: 1, usage: undefined },
    { type: 'reasoning', text: 'Two lookups.' },
    { type: 'reasoning-end' },
    { type: 'tool-start', call: 0, id: 'call_a', name: 'get_weather', kind: 'function' },
    { type: 'tool-input', call: 0, text: '{"city":' },
    { type: 'tool-input', call: 0, text: '"Oslo"}' },
    { type: 'tool-end', call: 0 },
    { type: 'tool-start', call: 1, id: 'call_b', name: 'get_weather', kind: 'function' },
    { type: 'tool-input', call: 1, text: '{"city":"Bergen"}' },
    { type: 'tool-end', call: 1 },
    {
      type: 'finish',
      finish: { reason: 'tool-calls' },
      usage: {
        promptTokens: 300,
        completionTokens: 40,
        totalTokens: 340,
        cachedTokens: undefined,
        cacheWriteTokens: undefined,
        reasoningTokens: undefined,
      },
      serviceTier: undefined,
    },
  ]
  assert.equal(
    events.map((event) => encoder.push(event)).join(''),
    readFileSync(fixtureFile('reasoning-and-interleaved-calls', 'expected.sse'), 'utf8'),
  )
})
