/** What crosses from one wire language to the other, and what is only passed on, seen on both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import {
  HELLO_MESSAGES,
  assertOpenAiError,
  postChat,
  postMessages,
  readChatStream,
  readMessagesStream,
  readNotes,
  toolCallsOf,
  toolInput,
} from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import { dig, digText, list, map, parseJson } from '../support/json.ts'
import { startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import {
  ANTHROPIC_START,
  CLAUDE,
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicAnswers,
  anthropicEnd,
  anthropicFrame,
  anthropicFrames,
  anthropicMessageOf,
  openaiAnswers,
  openaiChatOf,
  openaiChunk,
  openaiFrames,
  streams,
} from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Script, Upstream } from '../support/upstream.ts'

// The smallest PNG there is: one transparent pixel.
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

const CITY_FORMAT = {
  type: 'json_schema',
  json_schema: {
    name: 'city',
    strict: true,
    schema: { ...WEATHER, additionalProperties: false },
  },
}

// Thinking, text and two calls, the second without arguments: blocks 2 and 3 are tools 0 and 1.
const ANTHROPIC_TOOL_STREAM = [
  ANTHROPIC_START,
  anthropicFrame({
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'thinking', thinking: '', signature: '' },
  }),
  anthropicFrame({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'thinking_delta', thinking: 'Two lookups.' },
  }),
  anthropicFrame({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'signature_delta', signature: 'c2lnLTE=' },
  }),
  anthropicFrame({ type: 'content_block_stop', index: 0 }),
  anthropicFrame({
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'text', text: '' },
  }),
  anthropicFrame({
    type: 'content_block_delta',
    index: 1,
    delta: { type: 'text_delta', text: 'Checking.' },
  }),
  anthropicFrame({ type: 'content_block_stop', index: 1 }),
  ...toolBlock(2, 'toolu_01A', 'get_weather', ['{"city":"Os', 'lo"}']),
  ...toolBlock(3, 'toolu_01B', 'list_units', []),
  ...anthropicEnd('tool_use'),
]

// Odd on purpose: spacing, number forms, escapes, key order and fields nobody has heard of.
const oddRequest = (model: string): string =>
  `{ "vendor_x" : {"b":1,"a":[1.0,2e3, -0]} ,\n\t"messages":[{"content":"caf\\u00e9 \\ud83d\\ude00 ☃","role":"user"}],` +
  `"model":"${model}","temperature":1.0,"note":"\\"model\\": \\"gpt-5\\"","nested":{"model":"gpt-5"}, "max_tokens":16 }`
const ODD_REPLY =
  '{ "usage":{"prompt_tokens":13,"completion_tokens":39,"total_tokens":52},\n "id":"x","object":"chat.completion",' +
  '"created":1,"model":"qwen3:8b@q4","vendor":{"z":1.50,"a":"\\u2603"},' +
  '"choices":[{"index":0,"message":{"role":"assistant","content":"h\\u00e9"},"finish_reason":"stop"}] }\n'

interface Stage {
  readonly proxy: Proxy
  readonly openai: Upstream
  readonly anthropic: Upstream
}

/** One proxy between two providers; `local` is an alias, `strict-claude` refuses what would be dropped. */
async function startStage(t: TestContext): Promise<Stage> {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const proxy = await startProxy(t, {
    config: `
models:
  gpt-5: { provider: openai }
  gpt-4.1: { provider: openai }
  local: { provider: openai, model: "qwen3:8b" }
  ${CLAUDE}: { provider: anthropic }
  claude-haiku-4-5: { provider: anthropic }
  claude-alias: { provider: anthropic, model: ${CLAUDE} }
  strict-claude: { provider: anthropic, model: ${CLAUDE}, strict: true }
users:
  caller:
    models: [gpt-5, gpt-4.1, local, ${CLAUDE}, claude-haiku-4-5, claude-alias, strict-claude]
`,
    env: {
      OPENAI_API_KEY: 'sk-test-openai',
      ANTHROPIC_API_KEY: 'sk-ant-test',
      OPENAI_BASE_URL: `${openai.origin}/v1`,
      ANTHROPIC_BASE_URL: anthropic.origin,
    },
  })
  return { proxy, openai, anthropic }
}

const asCaller = { user: 'caller' }

const answersWith =
  (body: unknown): Script =>
  (reply) => {
    reply.json(200, body)
  }

const openaiTool = (name: string, parameters: unknown = WEATHER): unknown => ({
  type: 'function',
  function: { name, description: `Calls ${name}.`, parameters },
})

const anthropicTool = (name: string, schema: unknown = WEATHER): unknown => ({
  name,
  description: `Calls ${name}.`,
  input_schema: schema,
})

test('a Chat caller and a Claude model', { timeout: 60_000 }, async (t) => {
  const { proxy, anthropic } = await startStage(t)
  const chat = (body: Record<string, unknown>): Promise<Reply> =>
    postChat(proxy, { model: CLAUDE, messages: HELLO_MESSAGES, ...body }, asCaller)
  const sent = (): unknown => anthropic.requests.at(-1)?.json()

  await t.test('temperature 0 arrives as 0', async () => {
    const reply = await chat({ temperature: 0 })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(dig(sent(), 'temperature'), 0)
  })

  await t.test('temperature over 1 arrives as 1, and that is announced', async () => {
    const reply = await chat({ temperature: 1.6 })
    assert.equal(dig(sent(), 'temperature'), 1)
    assert.ok(readNotes(reply.headers).includes('temperature;adapted'), 'temperature is noted')
  })

  await t.test(
    'an unset temperature stays unset, and max_tokens is no small constant',
    async () => {
      const reply = await chat({})
      assert.equal(dig(sent(), 'temperature'), undefined)
      assert.ok(Number(dig(sent(), 'max_tokens')) > 4096)
      assert.equal(reply.headers['x-aiproxy-notes'], undefined)
    },
  )

  await t.test('max_completion_tokens and stop arrive under their own names', async () => {
    await chat({ max_completion_tokens: 77, stop: ['END', 'STOP'] })
    assert.equal(dig(sent(), 'max_tokens'), 77)
    assert.deepEqual(dig(sent(), 'stop_sequences'), ['END', 'STOP'])
  })

  await t.test('system messages leave the list of messages', async () => {
    await chat({
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'developer', content: 'In English.' },
        ...HELLO_MESSAGES,
      ],
    })
    const system = list(dig(sent(), 'system')).map((block) => dig(block, 'text'))
    assert.deepEqual(system, ['Be short.', 'In English.'])
    const roles = list(dig(sent(), 'messages')).map((message) => dig(message, 'role'))
    assert.deepEqual(roles, ['user'])
  })

  await t.test('several text blocks are one choice, joined without a seam', async () => {
    anthropic.on(
      '/v1/messages',
      answersWith(
        anthropicMessageOf([
          { type: 'text', text: 'One sentence, ' },
          { type: 'text', text: 'two blocks.' },
        ]),
      ),
    )
    const reply = await chat({})
    anthropic.on('/v1/messages', anthropicAnswers)
    assert.equal(list(dig(reply.json(), 'choices')).length, 1)
    assert.equal(dig(reply.json(), 'choices', 0, 'message', 'content'), 'One sentence, two blocks.')
    assert.equal(dig(reply.json(), 'choices', 0, 'finish_reason'), 'stop')
  })

  for (const [reason, finish] of [
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['refusal', 'content_filter'],
  ] as const) {
    await t.test(`${reason} is read as ${finish}`, async () => {
      anthropic.on(
        '/v1/messages',
        answersWith(anthropicMessageOf([{ type: 'text', text: HELLO }], reason)),
      )
      const reply = await chat({})
      anthropic.on(
        '/v1/messages',
        streams([...anthropicFrames().slice(0, -2), ...anthropicEnd(reason)]),
      )
      const streamed = await chat({ stream: true })
      anthropic.on('/v1/messages', anthropicAnswers)
      assert.equal(dig(reply.json(), 'choices', 0, 'finish_reason'), finish)
      assert.deepEqual(readChatStream(streamed.frames()).finishReasons, [finish])
    })
  }

  await t.test('cached tokens are counted into the prompt', async () => {
    const message = map(anthropicMessageOf([{ type: 'text', text: HELLO }]))
    anthropic.on(
      '/v1/messages',
      answersWith({
        ...message,
        usage: {
          input_tokens: 13,
          cache_creation_input_tokens: 100,
          cache_read_input_tokens: 2000,
          output_tokens: 39,
        },
      }),
    )
    const reply = await chat({})
    anthropic.on('/v1/messages', anthropicAnswers)
    assert.equal(dig(reply.json(), 'usage', 'prompt_tokens'), 2113)
    assert.equal(dig(reply.json(), 'usage', 'total_tokens'), 2152)
    assert.equal(dig(reply.json(), 'usage', 'prompt_tokens_details', 'cached_tokens'), 2000)
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['prompt_tokens'], 2113)
    assert.equal(record['cached_tokens'], 2000)
    assert.equal(record['cache_write_tokens'], 100)
    assert.equal(record['total_tokens'], 2152)
  })

  await t.test('an image arrives as an image block', async () => {
    await chat({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
            { type: 'image_url', image_url: { url: 'https://example.com/cat.jpg' } },
          ],
        },
      ],
    })
    assert.deepEqual(dig(sent(), 'messages', 0, 'content'), [
      { type: 'text', text: 'What is this?' },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
      { type: 'image', source: { type: 'url', url: 'https://example.com/cat.jpg' } },
    ])
  })

  await t.test('tools, parallel calls and their results cross, unary', async () => {
    anthropic.on(
      '/v1/messages',
      answersWith(
        anthropicMessageOf(
          [
            { type: 'text', text: 'Checking.' },
            { type: 'tool_use', id: 'toolu_01A', name: 'get_weather', input: { city: 'Oslo' } },
            { type: 'tool_use', id: 'toolu_01B', name: 'list_units', input: {} },
          ],
          'tool_use',
        ),
      ),
    )
    const tools = [
      openaiTool('get_weather'),
      openaiTool('list_units', { type: 'object', properties: {} }),
    ]
    const reply = await chat({ tools, tool_choice: 'required' })
    assert.deepEqual(dig(sent(), 'tools'), [
      anthropicTool('get_weather'),
      anthropicTool('list_units', { type: 'object', properties: {} }),
    ])
    assert.deepEqual(dig(sent(), 'tool_choice'), { type: 'any' })
    assert.equal(dig(reply.json(), 'choices', 0, 'finish_reason'), 'tool_calls')
    assert.equal(dig(reply.json(), 'choices', 0, 'message', 'content'), 'Checking.')
    const calls = toolCallsOf(reply.json())
    assert.deepEqual(calls, [
      {
        id: 'toolu_01A',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Oslo"}' },
      },
      { id: 'toolu_01B', type: 'function', function: { name: 'list_units', arguments: '{}' } },
    ])

    anthropic.on('/v1/messages', anthropicAnswers)
    await chat({
      tools,
      messages: [
        ...HELLO_MESSAGES,
        { role: 'assistant', content: null, tool_calls: calls },
        { role: 'tool', tool_call_id: 'toolu_01A', content: '7 degrees' },
        { role: 'tool', tool_call_id: 'toolu_01B', content: 'metric' },
        { role: 'user', content: 'And now?' },
      ],
    })
    const messages = list(dig(sent(), 'messages'))
    assert.deepEqual(dig(messages[1], 'content'), [
      { type: 'tool_use', id: 'toolu_01A', name: 'get_weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: 'toolu_01B', name: 'list_units', input: {} },
    ])
    assert.equal(messages.length, 3, 'results and the text after them are one user turn')
    const results = list(dig(messages[2], 'content'))
    assert.deepEqual(
      results.map((block) => [dig(block, 'type'), dig(block, 'tool_use_id') ?? dig(block, 'text')]),
      [
        ['tool_result', 'toolu_01A'],
        ['tool_result', 'toolu_01B'],
        ['text', 'And now?'],
      ],
    )
  })

  await t.test('parallel calls cross a stream, numbered from 0', async () => {
    anthropic.on('/v1/messages', streams(ANTHROPIC_TOOL_STREAM))
    const tools = [openaiTool('get_weather'), openaiTool('list_units')]
    const reply = await chat({ tools, stream: true, stream_options: { include_usage: true } })
    anthropic.on('/v1/messages', anthropicAnswers)

    const said = readChatStream(reply.frames())
    assert.equal(said.text, 'Checking.')
    assert.deepEqual(said.finishReasons, ['tool_calls'])
    assert.equal(said.done, true)
    const calls = gatherCalls(said.chunks)
    assert.deepEqual(calls, [
      { index: 0, id: 'toolu_01A', name: 'get_weather', arguments: '{"city":"Oslo"}' },
      { index: 1, id: 'toolu_01B', name: 'list_units', arguments: '{}' },
    ])
    assert.equal(dig(said.usage, 'total_tokens'), 52)
    assert.deepEqual(dig(said.chunks.at(-1), 'choices'), [], 'usage comes alone, at the end')
    for (const chunk of said.chunks.slice(0, -1)) assert.equal(dig(chunk, 'usage'), null)
  })

  await t.test('what has no counterpart and changes nothing is dropped and announced', async () => {
    const reply = await chat({ seed: 7, presence_penalty: 0.5, store: true })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(dig(sent(), 'seed'), undefined)
    const notes = readNotes(reply.headers)
    for (const field of ['seed', 'presence_penalty']) {
      assert.ok(notes.includes(`${field};dropped`), `${field} is noted in ${notes.join(', ')}`)
    }
  })

  await t.test('what would change the answer is refused, and names its field', async () => {
    const before = anthropic.requests.length
    for (const [field, value] of [
      ['n', 2],
      ['logprobs', true],
    ] as const) {
      const error = assertOpenAiError(await chat({ [field]: value }), 400)
      assert.equal(error.code, 'untranslatable')
      assert.equal(error.param, field)
    }
    assert.equal(anthropic.requests.length, before)
  })

  await t.test('a strict model refuses what would only be announced elsewhere', async () => {
    const reply = await chat({ model: 'strict-claude', seed: 7 })
    const error = assertOpenAiError(reply, 400)
    assert.equal(error.code, 'untranslatable')
    assert.equal((await chat({ model: 'strict-claude' })).status, 200)
  })

  await t.test('a JSON schema goes into output_config where the model has it', async () => {
    anthropic.on(
      '/v1/messages',
      answersWith(anthropicMessageOf([{ type: 'text', text: '{"city":"Oslo"}' }])),
    )
    const reply = await chat({ model: 'claude-haiku-4-5', response_format: CITY_FORMAT })
    anthropic.on('/v1/messages', anthropicAnswers)
    const format = dig(sent(), 'output_config', 'format')
    assert.equal(dig(format, 'type'), 'json_schema')
    assert.deepEqual(dig(format, 'schema', 'required'), ['city'])
    assert.equal(dig(format, 'schema', 'additionalProperties'), false)
    assert.equal(dig(reply.json(), 'choices', 0, 'message', 'content'), '{"city":"Oslo"}')
  })

  for (const stream of [false, true]) {
    const how = stream ? 'streamed' : 'unary'
    await t.test(
      `on an older model a JSON schema is a forced tool nobody sees, ${how}`,
      async () => {
        let forced: unknown
        anthropic.on('/v1/messages', async (reply, request) => {
          forced = dig(request.json(), 'tool_choice', 'name')
          assert.deepEqual(
            list(dig(request.json(), 'tools')).map((tool) => dig(tool, 'name')),
            [forced],
          )
          const block = { type: 'tool_use', id: 'toolu_01', name: forced, input: { city: 'Oslo' } }
          if (stream) {
            await streams(
              toolFrames(0, 'toolu_01', digText({ forced }, 'forced'), ['{"city":', '"Oslo"}']),
            )(reply, request)
          } else reply.json(200, anthropicMessageOf([block], 'tool_use'))
        })
        const reply = await chat({ response_format: CITY_FORMAT, stream })
        anthropic.on('/v1/messages', anthropicAnswers)
        assert.equal(typeof forced, 'string')
        if (stream) {
          const said = readChatStream(reply.frames())
          assert.deepEqual(parseJson(said.text), { city: 'Oslo' })
          assert.deepEqual(said.finishReasons, ['stop'])
          assert.deepEqual(gatherCalls(said.chunks), [])
        } else {
          const message = dig(reply.json(), 'choices', 0, 'message')
          assert.deepEqual(parseJson(digText(message, 'content')), { city: 'Oslo' })
          assert.equal(dig(message, 'tool_calls'), undefined)
          assert.equal(dig(reply.json(), 'choices', 0, 'finish_reason'), 'stop')
        }
      },
    )
  }
})

test('an Anthropic caller and an OpenAI model', { timeout: 60_000 }, async (t) => {
  const { proxy, openai } = await startStage(t)
  const messages = (body: Record<string, unknown>): Promise<Reply> =>
    postMessages(
      proxy,
      { model: 'gpt-4.1', max_tokens: 256, messages: HELLO_MESSAGES, ...body },
      asCaller,
    )
  const sent = (): unknown => openai.requests.at(-1)?.json()

  await t.test('a text answer, unary', async () => {
    const reply = await messages({ system: 'Be short.', temperature: 0, stop_sequences: ['END'] })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(dig(sent(), 'temperature'), 0)
    assert.equal(dig(sent(), 'max_completion_tokens'), 256)
    assert.deepEqual(dig(sent(), 'stop'), ['END'])
    assert.deepEqual(
      list(dig(sent(), 'messages')).map((message) => dig(message, 'role')),
      ['system', 'user'],
    )
    const body = reply.json()
    assert.equal(dig(body, 'type'), 'message')
    assert.equal(dig(body, 'role'), 'assistant')
    assert.match(digText(body, 'id'), /^msg_/)
    assert.deepEqual(dig(body, 'content'), [{ type: 'text', text: HELLO }])
    assert.equal(dig(body, 'stop_reason'), 'end_turn')
    assert.equal(dig(body, 'usage', 'input_tokens'), 13)
    assert.equal(dig(body, 'usage', 'output_tokens'), 39)
  })

  await t.test('a text answer, streamed', async () => {
    const reply = await messages({ stream: true })
    assert.equal(dig(sent(), 'stream_options', 'include_usage'), true)
    const said = readMessagesStream(reply.frames())
    assert.equal(said.text, HELLO)
    assert.equal(said.stopped, true)
    assert.equal(dig(said.delta, 'delta', 'stop_reason'), 'end_turn')
    assert.equal(dig(said.delta, 'usage', 'input_tokens'), 13)
    assert.equal(dig(said.delta, 'usage', 'output_tokens'), 39)
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['api'], 'messages')
    assert.equal(record['total_tokens'], 52)
  })

  await t.test('an image arrives as an image_url', async () => {
    await messages({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
          ],
        },
      ],
    })
    const parts = list(dig(sent(), 'messages', 0, 'content'))
    assert.deepEqual(parts[0], { type: 'text', text: 'What is this?' })
    assert.equal(dig(parts[1], 'type'), 'image_url')
    assert.equal(dig(parts[1], 'image_url', 'url'), `data:image/png;base64,${PNG}`)
  })

  await t.test('tools, parallel calls and their results cross, unary', async () => {
    const calls = [
      {
        id: 'call_A',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Oslo"}' },
      },
      { id: 'call_B', type: 'function', function: { name: 'list_units', arguments: '{}' } },
    ]
    openai.on(
      '/v1/chat/completions',
      answersWith(
        openaiChatOf(
          { role: 'assistant', content: 'Checking.', refusal: null, tool_calls: calls },
          'gpt-4.1',
          'tool_calls',
        ),
      ),
    )
    const tools = [anthropicTool('get_weather'), anthropicTool('list_units')]
    const reply = await messages({ tools, tool_choice: { type: 'any' } })
    openai.on('/v1/chat/completions', openaiAnswers)
    assert.deepEqual(
      list(dig(sent(), 'tools')).map((tool) => dig(tool, 'function', 'name')),
      ['get_weather', 'list_units'],
    )
    assert.deepEqual(dig(sent(), 'tools', 0, 'function', 'parameters'), WEATHER)
    assert.equal(dig(sent(), 'tool_choice'), 'required')
    const content = dig(reply.json(), 'content')
    assert.deepEqual(content, [
      { type: 'text', text: 'Checking.' },
      { type: 'tool_use', id: 'call_A', name: 'get_weather', input: { city: 'Oslo' } },
      { type: 'tool_use', id: 'call_B', name: 'list_units', input: {} },
    ])
    assert.equal(dig(reply.json(), 'stop_reason'), 'tool_use')

    await messages({
      tools,
      messages: [
        ...HELLO_MESSAGES,
        { role: 'assistant', content },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_A', content: '7 degrees' },
            { type: 'tool_result', tool_use_id: 'call_B', content: 'metric' },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
    })
    const turns = list(dig(sent(), 'messages'))
    assert.deepEqual(
      turns.map((turn) => [dig(turn, 'role'), dig(turn, 'tool_call_id')]),
      [
        ['user', undefined],
        ['assistant', undefined],
        ['tool', 'call_A'],
        ['tool', 'call_B'],
        ['user', undefined],
      ],
    )
    assert.deepEqual(dig(turns[1], 'tool_calls'), calls)
  })

  await t.test('parallel calls cross a stream, one block after the other', async () => {
    openai.on(
      '/v1/chat/completions',
      streams([
        OPENAI_ROLE,
        openaiChunk({ content: 'Checking.' }),
        callChunk(0, {
          id: 'call_A',
          type: 'function',
          function: { name: 'get_weather', arguments: '' },
        }),
        callChunk(0, { function: { arguments: '{"city":' } }),
        // The second call begins before the first one is whole: nothing may be lost or mixed.
        callChunk(1, {
          id: 'call_B',
          type: 'function',
          function: { name: 'list_units', arguments: '' },
        }),
        callChunk(1, { function: { arguments: '{"si":true}' } }),
        callChunk(0, { function: { arguments: '"Oslo"}' } }),
        openaiChunk({}, 'tool_calls'),
        OPENAI_USAGE,
        OPENAI_DONE,
      ]),
    )
    const reply = await messages({
      tools: [anthropicTool('get_weather'), anthropicTool('list_units')],
      stream: true,
    })
    openai.on('/v1/chat/completions', openaiAnswers)
    const said = readMessagesStream(reply.frames())
    assert.equal(said.stopped, true)
    assert.equal(dig(said.delta, 'delta', 'stop_reason'), 'tool_use')
    const tools = said.blocks.filter(({ block }) => dig(block, 'type') === 'tool_use')
    assert.deepEqual(
      tools.map(({ block, deltas }) => [
        dig(block, 'id'),
        dig(block, 'name'),
        parseJson(toolInput(deltas)),
      ]),
      [
        ['call_A', 'get_weather', { city: 'Oslo' }],
        ['call_B', 'list_units', { si: true }],
      ],
    )
    assert.equal(said.text, 'Checking.')
  })

  await t.test(
    'an overflowing prompt is told in the words Anthropic clients look for',
    async () => {
      openai.on('/v1/chat/completions', (reply) => {
        reply.json(400, {
          error: {
            message:
              "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            type: 'invalid_request_error',
            param: 'messages',
            code: 'context_length_exceeded',
          },
        })
      })
      const reply = await messages({})
      openai.on('/v1/chat/completions', openaiAnswers)
      assert.equal(reply.status, 400)
      assert.equal(dig(reply.json(), 'error', 'type'), 'invalid_request_error')
      assert.match(
        digText(reply.json(), 'error', 'message'),
        /prompt is too long: 9001 tokens > 8192/,
      )
    },
  )
})

test(
  'where both sides speak the same language, bytes are passed on',
  { timeout: 60_000 },
  async (t) => {
    const { proxy, openai, anthropic } = await startStage(t)

    await t.test('a Chat request and its reply, byte for byte', async () => {
      openai.on('/v1/chat/completions', (reply) => {
        reply.bytes(200, ODD_REPLY, { 'content-type': 'application/json' })
      })
      const reply = await postChat(proxy, oddRequest('gpt-5'), asCaller)
      assert.equal(openai.requests.at(-1)?.body.toString('utf8'), oddRequest('gpt-5'))
      assert.equal(reply.text, ODD_REPLY)
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['total_tokens'], 52)
    })

    await t.test('an alias changes the model name in place, and nothing else', async () => {
      const reply = await postChat(proxy, oddRequest('local'), asCaller)
      assert.equal(openai.requests.at(-1)?.body.toString('utf8'), oddRequest('qwen3:8b'))
      assert.equal(reply.text, ODD_REPLY, 'the reply keeps the name of the model that answered')
      assert.equal(reply.headers['x-aiproxy-model'], 'local')
    })

    await t.test('a Messages request and its reply, byte for byte', async () => {
      const oddMessage =
        '{"type":"message", "id":"msg_1","role":"assistant","model":"claude-x","content":[{"type":"text","text":"h\\u00e9"}],' +
        '"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":13,"output_tokens":39},"extra":[1.0] }'
      anthropic.on('/v1/messages', (reply) => {
        reply.bytes(200, oddMessage, { 'content-type': 'application/json' })
      })
      const reply = await postMessages(proxy, oddRequest('claude-alias'), {
        user: 'caller',
        headers: { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'some-beta-2026-01-01' },
      })
      const sent = anthropic.requests.at(-1)
      assert.equal(sent?.body.toString('utf8'), oddRequest(CLAUDE))
      assert.equal(sent?.headers['anthropic-version'], '2026-10-21', "the caller's own version")
      assert.equal(sent?.headers['anthropic-beta'], 'some-beta-2026-01-01')
      assert.equal(reply.text, oddMessage)
    })

    await t.test('a Messages stream, byte for byte', async () => {
      const frames = [': a comment\n\n', ...anthropicFrames()]
      anthropic.on('/v1/messages', streams(frames))
      const body = { model: CLAUDE, max_tokens: 64, messages: HELLO_MESSAGES, stream: true }
      const reply = await postMessages(proxy, body, asCaller)
      assert.equal(reply.text, frames.join(''))
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['prompt_tokens'], 13)
      assert.equal(record['completion_tokens'], 39)
    })

    await t.test(
      'usage is asked for in a Chat stream, and kept from a caller who did not',
      async () => {
        openai.on('/v1/chat/completions', openaiAnswers)
        const body = { model: 'gpt-5', messages: HELLO_MESSAGES, stream: true }
        const reply = await postChat(proxy, body, asCaller)
        const { stream_options: options, ...others } = map(openai.requests.at(-1)?.json())
        assert.equal(dig(options, 'include_usage'), true)
        assert.deepEqual(others, body)
        assert.equal(
          reply.text,
          openaiFrames()
            .filter((frame) => frame !== OPENAI_USAGE)
            .join(''),
        )
        const record = await proxy.record(reply.headers['x-request-id'])
        assert.equal(record['total_tokens'], 52)
      },
    )

    await t.test(
      'a caller who did ask gets its usage chunk, and its bytes go out unchanged',
      async () => {
        const body = `{"model":"gpt-5", "stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hello"}]}`
        const reply = await postChat(proxy, body, asCaller)
        assert.equal(openai.requests.at(-1)?.body.toString('utf8'), body)
        assert.equal(reply.text, openaiFrames().join(''))
      },
    )

    await t.test('a stream cut at any byte reads the same', async () => {
      const whole = openaiFrames('Grüße aus 東京 🌧 und zurück').join('')
      openai.on('/v1/chat/completions', async (reply) => {
        reply.openStream()
        // Latin-1 pieces of the UTF-8 bytes cannot be written as text, so the cuts fall between
        // characters here; cuts inside one are the business of the pure reader's own tests.
        for (const character of whole) await reply.write(character)
        reply.end()
      })
      const body = {
        model: 'gpt-5',
        messages: HELLO_MESSAGES,
        stream: true,
        stream_options: { include_usage: true },
      }
      const reply = await postChat(proxy, body, asCaller)
      openai.on('/v1/chat/completions', openaiAnswers)
      assert.equal(reply.text, whole)
    })
  },
)

/** The frames of one streamed tool call, with what must stand before and after it. */
function toolFrames(index: number, id: string, name: string, json: readonly string[]): string[] {
  return [ANTHROPIC_START, ...toolBlock(index, id, name, json), ...anthropicEnd('tool_use')]
}

function toolBlock(index: number, id: string, name: string, json: readonly string[]): string[] {
  return [
    anthropicFrame({
      type: 'content_block_start',
      index,
      content_block: { type: 'tool_use', id, name, input: {} },
    }),
    ...['', ...json].map((piece) =>
      anthropicFrame({
        type: 'content_block_delta',
        index,
        delta: { type: 'input_json_delta', partial_json: piece },
      }),
    ),
    anthropicFrame({ type: 'content_block_stop', index }),
  ]
}

/** One fragment of a streamed Chat tool call. */
function callChunk(index: number, more: Record<string, unknown>): string {
  return openaiChunk({ tool_calls: [{ index, ...more }] })
}

/** The calls a Chat stream's fragments spell, by index. */
function gatherCalls(chunks: readonly unknown[]): unknown[] {
  const calls = new Map<number, { index: number; id: string; name: string; arguments: string }>()
  for (const chunk of chunks) {
    const fragments = dig(chunk, 'choices', 0, 'delta', 'tool_calls')
    if (fragments === undefined) continue
    for (const fragment of list(fragments)) {
      const index = Number(dig(fragment, 'index'))
      const call = calls.get(index) ?? { index, id: '', name: '', arguments: '' }
      call.id += digText(fragment, 'id')
      call.name += digText(fragment, 'function', 'name')
      call.arguments += digText(fragment, 'function', 'arguments')
      calls.set(index, call)
    }
  }
  return [...calls.values()]
}
