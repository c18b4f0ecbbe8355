import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createReplyBuilder, replyToEvents } from '../../src/dialects/collect.ts'
import { encodeMarker } from '../../src/dialects/marker.ts'
import type {
  AssistantPart,
  ChatMessage,
  ChatReply,
  JsonObject,
  Tool,
  ToolChoice,
  UserPart,
} from '../../src/dialects/neutral.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { contextFor, encode, stream } from './openai-responses-support.ts'
import { decodeAll } from './support.ts'

const RUNS = 150

// Generated records have no prototype; `structuredClone` gives them the ordinary one.

/** Any text, with what tends to break: quotes, line ends, astral characters, our own mark. */
const text = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
  fc.constantFrom('a\r\n\u2028b', '"\\', '東京 🌧', 'aiproxy.v1.', 'data: x\n\n', ' '),
)
const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,64}$/)

/** Arguments as models write them: spaces, key order and number forms of their own, or cut short. */
const argumentsText = fc.oneof(
  fc.json(),
  fc.constantFrom('{ "b" : 1.0, "a":1e3 }', '{"z":{"y":[1,2 ,3]}}', '{"path":"a.txt","body":"lo'),
)

const userPart: fc.Arbitrary<UserPart> = fc.oneof(
  text.map((value) => ({ type: 'text' as const, text: value })),
  fc.constantFrom<UserPart>(
    {
      type: 'image',
      source: { kind: 'base64', mediaType: 'image/png', data: 'iVBORw0=' },
      detail: 'auto',
    },
    { type: 'image', source: { kind: 'url', url: 'https://a/b.png' }, detail: 'high' },
    {
      type: 'document',
      source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
      title: 'a.pdf',
    },
  ),
)

const reasoning: fc.Arbitrary<AssistantPart> = fc.record({
  type: fc.constant('reasoning' as const),
  text,
  signature: text.map((sealed) =>
    encodeMarker({ id: 'rs_1', encrypted_content: `g${sealed.replaceAll('aiproxy', '')}` }),
  ),
})

/** One turn: maybe thinking, maybe text, then calls with all their results. */
const turn: fc.Arbitrary<ChatMessage[]> = fc
  .record({
    thought: fc.option(reasoning, { nil: undefined }),
    said: text,
    calls: fc.array(
      fc.record({
        name,
        input: argumentsText,
        custom: fc.boolean(),
        result: fc.array(userPart, { minLength: 1, maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
    asked: fc.array(userPart, { minLength: 1, maxLength: 3 }),
    later: fc.option(text, { nil: undefined }),
  })
  .map(({ thought, said, calls, asked, later }) => {
    const parts: AssistantPart[] = thought === undefined ? [] : [thought]
    parts.push({ type: 'text', text: said })
    const results: ChatMessage[] = []
    for (const [order, call] of calls.entries()) {
      const id = `call_${order}_${call.name}`.slice(0, 64)
      const kind = call.custom ? ('custom' as const) : ('function' as const)
      parts.push({ type: 'tool-call', id, name: call.name, kind, input: call.input })
      results.push({
        role: 'tool',
        callId: id,
        parts: call.result,
        isError: false,
        cache: undefined,
      })
    }
    const system: ChatMessage[] =
      later === undefined ? [] : [{ role: 'developer', parts: [{ type: 'text', text: later }] }]
    return [{ role: 'user', parts: asked }, { role: 'assistant', parts }, ...results, ...system]
  })

const conversation = fc
  .record({
    instructions: fc.option(text, { nil: undefined }),
    turns: fc.array(turn, { maxLength: 4 }),
    last: userPart,
  })
  .map(({ instructions, turns, last }): ChatMessage[] => [
    ...(instructions === undefined
      ? []
      : [{ role: 'system' as const, parts: [{ type: 'text' as const, text: instructions }] }]),
    ...turns.flat(),
    { role: 'user', parts: [last] },
  ])

const tool: fc.Arbitrary<Tool> = fc.oneof(
  fc.record({
    kind: fc.constant('function' as const),
    name,
    description: fc.option(text, { nil: undefined }),
    schema: fc.constantFrom<JsonObject>(
      { type: 'object', properties: {} },
      { type: 'object', properties: { z: { type: 'string' }, a: { enum: ['x', null] } } },
    ),
    strict: fc.constant(false),
  }),
  fc.record({
    kind: fc.constant('custom' as const),
    name,
    description: fc.option(text, { nil: undefined }),
    schema: fc.constantFrom<JsonObject | undefined>(
      undefined,
      { type: 'text' },
      {
        type: 'grammar',
        grammar: { syntax: 'lark', definition: 'start: "a"' },
      },
    ),
    strict: fc.constant(undefined),
  }),
)

test('a conversation keeps every message, call and argument to the byte on the way there and back', () => {
  fc.assert(
    fc.property(conversation, (messages) => {
      const { body } = encode({ messages }, { model: 'gpt-5.4' })
      // Over the wire and back, as a provider would parse it.
      const decoded = openaiResponses.decodeRequest(JSON.parse(JSON.stringify(body)))
      assert.deepEqual(decoded.messages, structuredClone(messages))
    }),
    { numRuns: RUNS },
  )
})

test('tools and their choice are the same on the way there and back', () => {
  const tools = fc.uniqueArray(tool, { minLength: 1, maxLength: 5, selector: (item) => item.name })
  fc.assert(
    fc.property(tools, fc.nat(), (offered, pick) => {
      const chosen = offered[pick % offered.length]?.name ?? ''
      const choices: ToolChoice[] = [
        { type: 'auto' },
        { type: 'required' },
        { type: 'tool', name: chosen },
        { type: 'allowed', names: [chosen], required: pick % 2 === 0 },
      ]
      const toolChoice = choices[pick % choices.length]
      const { body } = encode({ tools: offered, toolChoice }, { model: 'gpt-5.4' })
      const decoded = openaiResponses.decodeRequest(JSON.parse(JSON.stringify(body)))
      assert.deepEqual(decoded.tools, structuredClone(offered))
      assert.deepEqual(decoded.toolChoice, toolChoice)
    }),
    { numRuns: RUNS },
  )
})

const SEALED = contextFor({ include: ['reasoning.encrypted_content'] })

const answer: fc.Arbitrary<ChatReply> = fc
  .record({
    thought: fc.option(reasoning, { nil: undefined }),
    said: fc.option(text, { nil: undefined }),
    calls: fc.array(fc.record({ name, input: argumentsText, custom: fc.boolean() }), {
      maxLength: 3,
    }),
    counts: fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat()),
  })
  .map(({ thought, said, calls, counts }): ChatReply => {
    const parts: AssistantPart[] = thought === undefined ? [] : [thought]
    if (said !== undefined) parts.push({ type: 'text', text: said })
    for (const [order, call] of calls.entries()) {
      const kind = call.custom ? ('custom' as const) : ('function' as const)
      parts.push({
        type: 'tool-call',
        id: `call_${order}`,
        name: call.name,
        kind,
        input: call.input,
      })
    }
    const [promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens] = counts
    return {
      id: 'resp_1',
      model: 'gpt-5.4',
      created: 1_795_305_600,
      parts,
      finish: { reason: calls.length > 0 ? 'tool-calls' : 'stop' },
      usage: {
        promptTokens,
        completionTokens,
        totalTokens: promptTokens + completionTokens,
        cachedTokens,
        cacheWriteTokens,
        reasoningTokens,
      },
      serviceTier: 'default',
    }
  })

test('a reply is the same after it was written whole and read again', () => {
  fc.assert(
    fc.property(answer, (reply) => {
      const written = openaiResponses.encodeReply(reply, SEALED)
      assert.deepEqual(
        openaiResponses.decodeReply(JSON.parse(JSON.stringify(written))),
        structuredClone(reply),
      )
    }),
    { numRuns: RUNS },
  )
})

test('a reply is the same after it was streamed and read again', () => {
  fc.assert(
    fc.property(answer, (reply) => {
      const written = Buffer.from(stream(replyToEvents(reply), SEALED))
      const builder = createReplyBuilder()
      for (const event of decodeAll(openaiResponses.createStreamDecoder(), written)) {
        builder.push(event)
      }
      assert.deepEqual(JSON.parse(JSON.stringify(builder.reply)), JSON.parse(JSON.stringify(reply)))
    }),
    { numRuns: RUNS },
  )
})
