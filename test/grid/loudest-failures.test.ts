/**
 * The two loudest failures of the field, shown not to exist: a cut stream that looks complete, and tool
 * arguments lost or doubled. Every pair of languages, every place where a stream can be cut, every way in
 * which providers were seen to tell a call.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import { NO_HINTS } from '../../src/dialects/dialect.ts'
import type { Dialect, ReplyContext } from '../../src/dialects/dialect.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { createReplyCollector, createStreamPipe } from '../../src/dialects/reply-pipe.ts'
import { translateRequest } from '../../src/dialects/translate.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { parseJsonObject } from '../../src/wire/json.ts'
import { dataFrame } from '../support/replies.ts'
import { dig, digText, list, parseJson } from '../support/json.ts'
import { createChatCaller } from '../support/grid/chat-caller.ts'
import { createMessagesCaller } from '../support/grid/messages-caller.ts'
import { readStream } from '../support/grid/read-stream.ts'
import { createResponsesCaller } from '../support/grid/responses-caller.ts'
import { API_NAMES, sayFrames } from '../support/grid/said.ts'
import type { ApiName, Said, SaidCall } from '../support/grid/said.ts'

const DIALECTS: Readonly<Record<ApiName, Dialect>> = {
  chat: openaiChat,
  messages: anthropic,
  responses: openaiResponses,
}

const CALLS: readonly SaidCall[] = [
  { id: 'call_1a', name: 'get_weather', arguments: '{"city":"東京 🌧","deep":[{"a":"}\\""}]}' },
  { id: 'call_1b', name: 'list_units', arguments: '{}' },
  { id: 'call_1c', name: 'get_weather', arguments: '{"city":"Oslo"}' },
]
const SAID: Said = { thinking: 'Two – 2.', text: 'Grüße 🌧.', calls: CALLS }

const BODIES: Readonly<Record<ApiName, unknown>> = {
  chat: {
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
    stream_options: { include_usage: true },
  },
  messages: {
    model: 'm',
    max_tokens: 64,
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
  },
  responses: { model: 'm', input: 'x', stream: true, store: false },
}

function contextOf(caller: ApiName, target: ApiName): ReplyContext {
  const common = { nowSeconds: 1_795_305_600, requestId: 'req_grid' }
  if (caller === target) return { ...common, request: undefined, hints: NO_HINTS }
  const body = parseJsonObject(Buffer.from(JSON.stringify(BODIES[caller])))
  const traits = { model: 'm', maxTokens: undefined, strict: false }
  const notes = createNotes(false)
  const { request } = translateRequest(DIALECTS[caller], DIALECTS[target], body, traits, notes)
  return { ...common, request, hints: NO_HINTS }
}

/** What reaches the caller of these bytes; `undefined` where it is an error reply and no stream. */
function play(
  caller: ApiName,
  target: ApiName,
  context: ReplyContext,
  bytes: Buffer,
): string | undefined {
  const pipe = createStreamPipe(DIALECTS[caller], DIALECTS[target], {
    ...context,
    stripUsage: false,
  })
  let seen = ''
  try {
    seen += Buffer.from(pipe.push(bytes)).toString()
    if (pipe.failure === undefined) seen += Buffer.from(pipe.end()).toString()
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error))
    return pipe.committed ? seen + pipe.fail(error) : undefined
  }
  return seen
}

/** The frame that says that the answer is over. */
const FINISH: Readonly<Record<ApiName, RegExp>> = {
  chat: /"finish_reason":"/,
  messages: /^event: message_delta/,
  responses: /^event: response\.completed/,
}

for (const caller of API_NAMES) {
  for (const target of API_NAMES) {
    test(`${caller} → ${target}: a stream cut at any byte says so, or is whole`, () => {
      const context = contextOf(caller, target)
      const frames = sayFrames(target, SAID, 'm')
      const bytes = Buffer.from(frames.join(''))
      const finish = frames.findIndex((frame) => FINISH[target].test(frame))
      const finishAt = Buffer.byteLength(frames.slice(0, finish).join(''))
      let whole = 0
      for (let at = 0; at <= bytes.length; at += 1) {
        const seen = play(caller, target, context, bytes.subarray(0, at))
        const where = `cut after byte ${at} of ${bytes.length}: ${bytes.subarray(Math.max(0, at - 60), at).toString()}`
        if (seen === undefined) {
          assert.ok(at <= finishAt, `no answer, ${where}`)
          continue
        }
        // A relay passes the last event as it came, which may be without its blank line.
        const asItCame = caller === target && seen === bytes.subarray(0, at).toString()
        const facts = readStream(caller, asItCame ? `${seen.trimEnd()}\n\n` : seen)
        if (facts.finished && !facts.failed) {
          assert.ok(at > finishAt, `looks complete, ${where}`)
          assertWhole(facts, where)
          whole += 1
        } else {
          assert.equal(facts.failed, true, `ends without a word, ${where}`)
          assertBegun(facts, where)
        }
      }
      assert.ok(whole > 0, 'and the uncut stream is whole')
    })

    test(`${caller} → ${target}: the SDK throws on every cut between two frames`, async () => {
      const context = contextOf(caller, target)
      const frames = sayFrames(target, SAID, 'm')
      const finish = frames.findIndex((frame) => FINISH[target].test(frame))
      for (let count = 1; count <= frames.length; count += 1) {
        const seen = play(caller, target, context, Buffer.from(frames.slice(0, count).join('')))
        if (seen === undefined) continue
        const answer = askOf(caller, seen)
        /* oxlint-disable no-await-in-loop -- one cut after the other */
        if (count > finish) {
          const heard = await answer
          assert.deepEqual(heard.calls.map(canonical), CALLS.map(canonical))
          assert.equal(heard.text, SAID.text)
        } else if (caller === 'responses') {
          // This SDK hands out a failed response and leaves it to the caller to look.
          assert.equal((await answer).finish, 'failed', `after ${count} frames`)
        } else {
          await assert.rejects(answer, `after ${count} frames`)
        }
        /* oxlint-enable no-await-in-loop */
      }
    })
  }
}

function askOf(caller: ApiName, stream: string) {
  const network = async (): Promise<Response> =>
    new Response(stream, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })
  const create = {
    chat: createChatCaller,
    messages: createMessagesCaller,
    responses: createResponsesCaller,
  }[caller]
  const client = create('http://127.0.0.1:1', 'dev', network)
  return client.ask({ turns: [{ user: 'x' }] }, { model: 'm', stream: true })
}

type Facts = ReturnType<typeof readStream>

function assertWhole(facts: Facts, where: string): void {
  assert.equal(facts.text, SAID.text, where)
  assert.equal(facts.thinking, SAID.thinking, where)
  assert.deepEqual(facts.calls.map(canonical), CALLS.map(canonical), where)
}

/** A tool without arguments is told as nothing at all, or as `{}`. */
function canonical(call: SaidCall): SaidCall {
  return call.arguments === '' ? { ...call, arguments: '{}' } : call
}

function assertBegun(facts: Facts, where: string): void {
  assert.ok(SAID.text?.startsWith(facts.text), where)
  assert.ok(SAID.thinking?.startsWith(facts.thinking), where)
  for (const [index, call] of facts.calls.entries()) {
    const said = CALLS[index]
    assert.ok(said !== undefined, `a call nobody made, ${where}`)
    assert.deepEqual([call.id, call.name], [said.id, said.name], where)
    const isLast = index === facts.calls.length - 1
    if (isLast) assert.ok(said.arguments.startsWith(call.arguments), where)
    else assert.equal(canonical(call).arguments, said.arguments, where)
  }
}

// The same calls, told in every way

interface Telling {
  readonly name: string
  readonly target: ApiName
  readonly frames: readonly string[]
}

const chunk = (delta: unknown, finish: string | null = null): string =>
  dataFrame({
    id: 'chatcmpl-T',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
const fragment = (index: unknown, call: SaidCall, piece: unknown, more: object = {}): unknown => ({
  ...(index === undefined ? {} : { index }),
  ...more,
  function: { ...('id' in more ? { name: call.name } : {}), arguments: piece },
})
const named = (call: SaidCall): object => ({ id: call.id, type: 'function' })
const chat = (name: string, deltas: readonly unknown[], finish = 'tool_calls'): Telling => ({
  name,
  target: 'chat',
  frames: [
    chunk({ role: 'assistant', content: null }),
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, finish),
    'data: [DONE]\n\n',
  ],
})

const halves = (text: string): [string, string] => {
  const characters = Array.from(text)
  const half = Math.ceil(characters.length / 2)
  return [characters.slice(0, half).join(''), characters.slice(half).join('')]
}

const CHAT_TELLINGS: readonly Telling[] = [
  chat(
    'the arguments begin in the first fragment',
    CALLS.flatMap((call, index) => {
      const [first, second] = halves(call.arguments)
      return [
        { tool_calls: [fragment(index, call, first, named(call))] },
        { tool_calls: [fragment(index, call, second)] },
      ]
    }),
  ),
  chat(
    'id and name on every fragment',
    CALLS.flatMap((call, index) =>
      ['', ...halves(call.arguments)].map((piece) => ({
        tool_calls: [fragment(index, call, piece, named(call))],
      })),
    ),
  ),
  chat(
    'every call whole in one fragment, without an index (Gemini)',
    CALLS.map((call) => ({ tool_calls: [fragment(undefined, call, call.arguments, named(call))] })),
    'stop',
  ),
  chat(
    'all calls whole with index 0 (Ollama)',
    CALLS.map((call) => ({ tool_calls: [fragment(0, call, call.arguments, named(call))] })),
    'stop',
  ),
  chat('all calls in one chunk', [
    { tool_calls: CALLS.map((call, index) => fragment(index, call, call.arguments, named(call))) },
  ]),
  chat('all calls begun before any has arguments', [
    ...CALLS.map((call, index) => ({ tool_calls: [fragment(index, call, '', named(call))] })),
    ...CALLS.map((call, index) => ({ tool_calls: [fragment(index, call, call.arguments)] })),
  ]),
  chat('fragments of all calls in turn, byte by byte', [
    ...CALLS.map((call, index) => ({ tool_calls: [fragment(index, call, '', named(call))] })),
    ...Array.from({ length: 40 }, (_none, at) => ({
      tool_calls: CALLS.flatMap((call, index) => {
        const piece = Array.from(call.arguments)[at]
        return piece === undefined ? [] : [fragment(index, call, piece)]
      }),
    })),
  ]),
  chat(
    'arguments as an object',
    CALLS.map((call, index) => ({
      tool_calls: [fragment(index, call, parseJson(call.arguments), named(call))],
    })),
  ),
  chat(
    'empty and null fragments between',
    CALLS.flatMap((call, index) => [
      { tool_calls: [fragment(index, call, null, named(call))] },
      { tool_calls: [] },
      { content: '', tool_calls: null },
      ...halves(call.arguments).map((piece) => ({
        tool_calls: [fragment(index, call, piece, { id: '' })],
      })),
      { tool_calls: [fragment(index, call, '')] },
    ]),
  ),
]

const event = (type: string, members: object): string =>
  `event: ${type}\n${dataFrame({ type, ...members })}`

const messages = (name: string, blocks: ReadonlyArray<readonly string[]>): Telling => ({
  name,
  target: 'messages',
  frames: [
    ...sayFrames('messages', {}, 'm').slice(0, 1),
    ...blocks.flat(),
    event('message_delta', {
      delta: { stop_reason: 'tool_use', stop_sequence: null },
      usage: { output_tokens: 1 },
    }),
    event('message_stop', {}),
  ],
})
const begin = (index: number, call: SaidCall, input: unknown): string =>
  event('content_block_start', {
    index,
    content_block: { type: 'tool_use', id: call.id, name: call.name, input },
  })
const piece = (index: number, json: string): string =>
  event('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json: json } })
const close = (index: number): string => event('content_block_stop', { index })

const MESSAGES_TELLINGS: readonly Telling[] = [
  messages(
    'the whole input where the block begins, and no deltas',
    CALLS.map((call, index) => [begin(index, call, parseJson(call.arguments)), close(index)]),
  ),
  messages(
    'the whole input where the block begins, and deltas too',
    CALLS.map((call, index) => [
      begin(index, call, parseJson(call.arguments)),
      ...halves(call.arguments).map((json) => piece(index, json)),
      close(index),
    ]),
  ),
  messages('all blocks open at once', [
    CALLS.map((call, index) => begin(index, call, {})),
    CALLS.flatMap((call, index) => piece(index, halves(call.arguments)[0])),
    CALLS.flatMap((call, index) => piece(index, halves(call.arguments)[1])),
    CALLS.map((_call, index) => close(index)),
  ]),
]

/** The good stream without some of its events. */
const responses = (name: string, left: RegExp): Telling => ({
  name,
  target: 'responses',
  frames: sayFrames('responses', { calls: CALLS }, 'm').filter((frame) => !left.test(frame)),
})

const RESPONSES_TELLINGS: readonly Telling[] = [
  responses('pieces, a whole, the item, and all of them again', /never/),
  responses('no pieces', /^event: response\.function_call_arguments\.delta/),
  responses('no whole after the pieces', /^event: response\.function_call_arguments\.done/),
  responses('neither pieces nor whole', /^event: response\.function_call_arguments/),
  responses('no beginnings', /^event: response\.output_item\.added/),
  responses('only the items', /^event: response\.(function_call|output_item\.added)/),
  responses('only the response at the end', /^event: response\.(function_call|output_item)/),
]

for (const telling of [...CHAT_TELLINGS, ...MESSAGES_TELLINGS, ...RESPONSES_TELLINGS]) {
  const { target, name, frames } = telling
  const bytes = Buffer.from(frames.join(''))
  for (const caller of API_NAMES.filter((api) => api !== target)) {
    test(`${caller} → ${target}, ${name}: each call once, with all of its arguments`, async () => {
      const context = contextOf(caller, target)
      const seen = play(caller, target, context, bytes) ?? ''
      const facts = readStream(caller, seen)
      assert.equal(facts.finished && !facts.failed, true, seen.slice(-600))
      assert.deepEqual(facts.calls.map(canonical), CALLS)
      const heard = await askOf(caller, seen)
      assert.deepEqual(heard.calls.map(canonical), CALLS)
      assert.match(heard.finish, /^(tool_calls|tool_use|completed)$/)
    })

    test(`${caller} → ${target}, ${name}: and the same for a caller who wants it whole`, () => {
      const collector = createReplyCollector(
        DIALECTS[caller],
        DIALECTS[target],
        contextOf(caller, target),
      )
      collector.push(bytes)
      assert.deepEqual(callsOf(caller, String(collector.end().body)), CALLS)
    })
  }
}

function callsOf(caller: ApiName, text: string): SaidCall[] {
  const body = parseJson(text)
  switch (caller) {
    case 'chat':
      return list(dig(body, 'choices', 0, 'message', 'tool_calls')).map((call) => ({
        id: digText(call, 'id'),
        name: digText(call, 'function', 'name'),
        arguments: digText(call, 'function', 'arguments'),
      }))
    case 'messages':
      return list(dig(body, 'content')).map((block) => ({
        id: digText(block, 'id'),
        name: digText(block, 'name'),
        arguments: JSON.stringify(dig(block, 'input')),
      }))
    case 'responses':
      return list(dig(body, 'output')).map((item) => ({
        id: digText(item, 'call_id'),
        name: digText(item, 'name'),
        arguments: digText(item, 'arguments'),
      }))
  }
}
