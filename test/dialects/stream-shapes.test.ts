/**
 * Chunks that are read by the shape of the one before mean what they mean when each is parsed: the same
 * stream twice, once as it is, and once with every chunk spaced differently, which no shape survives.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect } from '../../src/dialects/dialect.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createReplyCollector, createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { listFixtures, readFixture, ROOT } from '../wire/cuts.ts'
import { contextOf } from './support.ts'

const DIALECTS = [openaiChat, anthropic, openaiResponses]

/** No two chunks begin alike: JSON does not mind the spaces. */
function spaced(stream: string): string {
  let chunks = 0
  return stream.replaceAll(/^data: \{/gm, () => {
    chunks += 1
    return `data: {${' '.repeat(chunks)}`
  })
}

/** What the caller reads, and how it ended. */
function play(caller: Dialect, target: Dialect, stream: string): unknown {
  const context = contextOf()
  const pipe = createStreamPipe(caller, target, { ...context, stripUsage: false })
  let seen = ''
  try {
    seen += Buffer.from(pipe.push(Buffer.from(stream))).toString()
    if (!pipe.finished) seen += Buffer.from(pipe.end()).toString()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    seen += `! ${error.code} ${error.message}`
  }
  const { committed, finished, usage, model, outputChars } = pipe
  return { seen, committed, finished, failure: pipe.failure?.message, usage, model, outputChars }
}

function collect(caller: Dialect, target: Dialect, stream: string): unknown {
  const collector = createReplyCollector(caller, target, contextOf())
  try {
    collector.push(Buffer.from(stream))
    return collector.end()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    return `${error.code} ${error.message}`
  }
}

function assertSame(target: Dialect, stream: string): void {
  const plain = spaced(stream)
  assert.notEqual(plain, stream)
  for (const caller of DIALECTS) {
    assert.deepEqual(collect(caller, target, stream), collect(caller, target, plain))
    // A relay has nothing to parse.
    if (caller === target) continue
    assert.deepEqual(play(caller, target, stream), play(caller, target, plain))
  }
}

const FOLDERS: ReadonlyArray<readonly [string, Dialect]> = [
  ['openai-chat', openaiChat],
  ['anthropic', anthropic],
  ['openai-responses', openaiResponses],
]
const ENDINGS: ReadonlyMap<string, Dialect> = new Map([
  ['-to-chat', openaiChat],
  ['-to-messages', anthropic],
  ['-to-responses', openaiResponses],
])

function recorded(): [string, Dialect][] {
  const found: [string, Dialect][] = []
  for (const [folder, dialect] of FOLDERS) {
    for (const path of listFixtures(folder, '.sse')) found.push([path, dialect])
  }
  const root = new URL('test/fixtures/transcripts/', ROOT)
  for (const pair of readdirSync(root)) {
    const dialect = ENDINGS.get(pair.slice(pair.indexOf('-to-')))
    assert.ok(dialect !== undefined, pair)
    for (const name of readdirSync(new URL(`${pair}/`, root))) {
      for (const path of listFixtures(`transcripts/${pair}/${name}`, 'upstream.sse')) {
        found.push([path, dialect])
      }
    }
  }
  return found
}

for (const [path, dialect] of recorded()) {
  test(`${path} means the same, chunk by chunk`, () => {
    assertSame(dialect, Buffer.from(readFixture(path)).toString())
  })
}

// Streams of any words, in the envelopes of several servers.

const word = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }) },
  fc.constantFrom('', ' ', '"', '\\', '\n', '{"a":', '"}', '\u0000', '\ud800', '"delta":"x"'),
)
const chunk = fc.record({
  kind: fc.constantFrom('text', 'text', 'text', 'reasoning', 'input'),
  word,
  pad: fc.nat(9),
})
interface Chunk {
  readonly kind: string
  readonly word: string
  readonly pad: number
}

const event = (body: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(body)}\n\n`

function chatStream(chunks: readonly Chunk[]): string {
  const deltas = chunks.map(({ kind, word: said }) => {
    if (kind === 'text') return { content: said }
    if (kind === 'reasoning') return { reasoning_content: said }
    return { tool_calls: [{ index: 0, function: { arguments: said } }] }
  })
  const opening = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }
  return (
    [{ role: 'assistant', content: '' }, { tool_calls: [opening] }, ...deltas]
      .map((delta, index) =>
        event({
          id: 'chatcmpl-1',
          choices: [{ index: 0, delta, finish_reason: null }],
          usage: null,
          obfuscation: 'x'.repeat(index % 7),
        }),
      )
      .join('') +
    event({ id: 'chatcmpl-1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) +
    'data: [DONE]\n\n'
  )
}

function messagesStream(chunks: readonly Chunk[]): string {
  const kinds = ['text', 'reasoning', 'input']
  const blocks = [
    { type: 'text', text: '' },
    { type: 'thinking', thinking: '', signature: '' },
    { type: 'tool_use', id: 't', name: 'f', input: {} },
  ]
  const delta = ({ kind, word: said }: Chunk): unknown => {
    if (kind === 'text') return { type: 'text_delta', text: said }
    if (kind === 'reasoning') return { type: 'thinking_delta', thinking: said }
    return { type: 'input_json_delta', partial_json: said }
  }
  const body = kinds.flatMap((kind, index) => [
    event({ type: 'content_block_start', index, content_block: blocks[index] }),
    ...chunks
      .filter((one) => one.kind === kind)
      .map((one) =>
        event({ type: 'content_block_delta', index, delta: delta(one) }, 'content_block_delta')
          // The API pads its events.
          .replace(/\}\n\n$/, `${' '.repeat(one.pad)}}\n\n`),
      ),
    event({ type: 'content_block_stop', index }),
  ])
  return (
    event({ type: 'message_start', message: { id: 'm', usage: { input_tokens: 1 } } }) +
    body.join('') +
    event({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn' },
      usage: { output_tokens: 2 },
    }) +
    event({ type: 'message_stop' })
  )
}

function responsesStream(chunks: readonly Chunk[]): string {
  let sequence = 0
  const tell = (type: string, fields: object): string => {
    sequence += 1
    return event({ type, sequence_number: sequence, ...fields }, type)
  }
  const parts = [
    {
      kind: 'reasoning',
      item: { id: 'r', type: 'reasoning', summary: [] },
      delta: 'reasoning_summary_text',
    },
    { kind: 'text', item: { id: 'i', type: 'message', content: [] }, delta: 'output_text' },
    {
      kind: 'input',
      item: { id: 'f', type: 'function_call', call_id: 'c', name: 'f' },
      delta: 'function_call_arguments',
    },
  ]
  const body = parts.flatMap(({ kind, item, delta }, index) => [
    tell('response.output_item.added', { output_index: index, item }),
    ...chunks
      .filter((one) => one.kind === kind)
      .map((one) =>
        tell(`response.${delta}.delta`, {
          item_id: item.id,
          output_index: index,
          delta: one.word,
          obfuscation: 'o'.repeat(one.pad),
        }),
      ),
  ])
  return (
    tell('response.created', { response: { id: 'resp_1', model: 'm' } }) +
    body.join('') +
    tell('response.completed', { response: { id: 'resp_1', status: 'completed', output: [] } })
  )
}

test('streams of any words mean the same, chunk by chunk', () => {
  fc.assert(
    fc.property(fc.array(chunk, { minLength: 1, maxLength: 12 }), (chunks) => {
      assertSame(openaiChat, chatStream(chunks))
      assertSame(anthropic, messagesStream(chunks))
      assertSame(openaiResponses, responsesStream(chunks))
    }),
    { seed: 5, numRuns: 300 },
  )
})
