/** Whatever JSON comes in, only errors thrown on purpose come out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { readObject } from '../../src/wire/json.ts'
import { contextFor } from './openai-responses-support.ts'
import { readData } from './support.ts'

const ITEM_TYPES = [
  'message',
  'reasoning',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'local_shell_call',
  'local_shell_call_output',
  'shell_call',
  'apply_patch_call',
  'apply_patch_call_output',
  'web_search_call',
  'namespace',
  'function',
  'custom',
  'shell',
  'output_text',
  'input_text',
  'input_image',
  'input_file',
  'refusal',
  'summary_text',
  'allowed_tools',
  'json_schema',
] as const

const EVENT_TYPES = [
  'response.created',
  'response.output_item.added',
  'response.output_text.delta',
  'response.refusal.delta',
  'response.reasoning_summary_text.delta',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
  'response.output_item.done',
  'response.completed',
  'response.incomplete',
  'response.failed',
  'error',
  '',
] as const

const WORDS = [
  'type',
  'role',
  'id',
  'call_id',
  'item_id',
  'output_index',
  'summary_index',
  'sequence_number',
  'item',
  'delta',
  'response',
  'status',
  'error',
  'code',
  'message',
  'incomplete_details',
  'reason',
  'usage',
  'input_tokens',
  'output',
  'content',
  'text',
  'refusal',
  'summary',
  'encrypted_content',
  'name',
  'namespace',
  'arguments',
  'input',
  'action',
  'operation',
  'model',
  'instructions',
  'tools',
  'tool_choice',
  'parameters',
  'format',
  'schema',
  'reasoning',
  'effort',
  'include',
  'image_url',
  'file_data',
  'stream',
  '__proto__',
  'constructor',
] as const

const STRINGS = [
  '',
  'user',
  'assistant',
  'system',
  'completed',
  'failed',
  'incomplete',
  'aiproxy.v1.',
  'aiproxy.v1.e30',
  'aiproxy.v1.eyJpZCI6MSwiZW5jcnlwdGVkX2NvbnRlbnQiOiJ4Iiwic3VtbWFyeV9jaGFycyI6WzEsbnVsbF19',
  'data:image/png;base64,AA',
  '{}',
  'auto',
  'high',
  ...ITEM_TYPES,
] as const

/** JSON of the shapes that occur, with the wrong things in the right places. */
const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...STRINGS),
    fc.constantFrom<JsonValue>(null, true, 0, 1, -1, 1.5),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...WORDS), tie('value')), { maxLength: 6 })
      .map((pairs): JsonObject => Object.fromEntries(pairs)),
  ),
})).value

const object = fc
  .array(fc.tuple(fc.constantFrom(...WORDS), json), { minLength: 1, maxLength: 8 })
  .map((pairs): JsonObject => Object.fromEntries(pairs))

/** An object of one of the known types, the rest of it as it comes. */
const item = fc
  .tuple(fc.constantFrom(...ITEM_TYPES), object)
  .map(([type, rest]): JsonObject => ({ call_id: 'a', name: 'f', role: 'user', ...rest, type }))

/** What the action returns; `undefined` where it threw on purpose. */
function onPurpose<Value>(action: () => Value): Value | undefined {
  try {
    return action()
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code !== 'internal', String(error))
    return undefined
  }
}

test('no request body makes a translator fail by accident', () => {
  fc.assert(
    fc.property(
      object,
      fc.array(item, { maxLength: 4 }),
      fc.array(item, { maxLength: 3 }),
      (rest, input, tools) => {
        const body: JsonObject = { model: 'gpt-5', ...rest, input, tools }
        onPurpose(() => openaiResponses.relayEdits?.(body))
        const request = onPurpose(() => openaiResponses.decodeRequest(body))
        if (request === undefined) return
        for (const target of [openaiChat, anthropic, openaiResponses]) {
          const traits = { model: 'gpt-5.4', maxTokens: undefined, strict: false }
          onPurpose(() => target.encodeRequest(request, traits, createNotes(false)))
        }
      },
    ),
    { seed: 11, numRuns: 1200 },
  )
})

test('no reply body makes a reader fail by accident', () => {
  fc.assert(
    fc.property(object, fc.array(item, { maxLength: 4 }), (rest, output) => {
      onPurpose(() => openaiResponses.readReply(rest))
      for (const body of [rest, { ...rest, error: null, status: 'completed', output }]) {
        onPurpose(() =>
          openaiResponses.encodeReply(openaiResponses.decodeReply(body), contextFor()),
        )
      }
    }),
    { seed: 12, numRuns: 1200 },
  )
})

const events = fc.array(
  fc.tuple(fc.constantFrom(...EVENT_TYPES), object, fc.option(item, { nil: undefined })),
  { maxLength: 8 },
)

test('no stream makes a reader fail by accident', () => {
  fc.assert(
    fc.property(events, (list) => {
      const frames = list.map(([type, rest, inner]) => ({
        event: type,
        data: JSON.stringify({ ...rest, ...(inner === undefined ? {} : { item: inner }), type }),
        raw: Buffer.alloc(0),
      }))
      const decoder = openaiResponses.createStreamDecoder()
      const tap = openaiResponses.createStreamTap()
      for (const frame of frames) {
        tap.read(frame)
        onPurpose(() => decoder.push(frame))
      }
      tap.fail(new ProxyError('upstream_truncated', 'Cut.'), 'req_1')
    }),
    { seed: 13, numRuns: 1200 },
  )
})

test('whatever a provider streams, what the caller sees is numbered without gaps and ends once', () => {
  fc.assert(
    fc.property(events, (list) => {
      const text = list
        .map(([type, rest, inner]) =>
          JSON.stringify({ ...rest, ...(inner === undefined ? {} : { item: inner }), type }),
        )
        .map((data) => `data: ${data}\n\n`)
        .join('')
      const decoder = openaiResponses.createStreamDecoder()
      const encoder = openaiResponses.createStreamEncoder(contextFor())
      let seen = ''
      try {
        for (const data of text.split('\n\n').filter((line) => line !== '')) {
          const frame = { event: '', data: data.slice('data: '.length), raw: Buffer.alloc(0) }
          for (const event of decoder.push(frame)) seen += encoder.push(event)
        }
        for (const event of decoder.end()) seen += encoder.push(event)
      } catch (error) {
        assert.ok(error instanceof ProxyError, String(error))
        seen += encoder.fail(error)
      }
      const written = readData(seen).map((event) => readObject(event) ?? {})
      assert.deepEqual(
        written.map((event) => event['sequence_number']),
        written.map((_, index) => index),
      )
      const ends = written.filter((event) =>
        /^response\.(completed|incomplete|failed)$/.test(
          JSON.stringify(event['type']).slice(1, -1),
        ),
      )
      assert.equal(ends.length, 1)
      assert.equal(written.at(-1), ends[0])
      const added = written.filter((event) => event['type'] === 'response.output_item.added')
      assert.deepEqual(
        added.map((event) => event['output_index']),
        added.map((_, index) => index),
      )
    }),
    { seed: 14, numRuns: 800 },
  )
})

test('a translating pipe and a relay never fail by accident on Responses bytes', () => {
  fc.assert(
    fc.property(events, (list) => {
      const bytes = Buffer.from(
        list.map(([type, rest]) => `event: ${type}\ndata: ${JSON.stringify(rest)}\n\n`).join(''),
      )
      for (const caller of [openaiChat, openaiResponses]) {
        const pipe = createStreamPipe(caller, openaiResponses, {
          ...contextFor(),
          stripUsage: false,
        })
        onPurpose(() => pipe.push(bytes))
        assert.notEqual(pipe.failure?.code, 'internal')
        onPurpose(() => pipe.end())
      }
    }),
    { seed: 15, numRuns: 800 },
  )
})
