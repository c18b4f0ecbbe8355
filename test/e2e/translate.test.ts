/** What crosses from one wire language to the other, and what is only passed on, seen on both sides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  assertOpenAiError,
  postChat,
  readChatStream,
  readNotes,
  toolCallsOf,
} from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import { dig, digText, list, map, parseJson } from '../support/json.ts'
import {
  ANTHROPIC_START,
  CLAUDE,
  HELLO,
  OPENAI_USAGE,
  anthropicAnswers,
  anthropicEnd,
  anthropicFrame,
  anthropicFrames,
  anthropicMessageOf,
  openaiAnswers,
  openaiFrames,
  streams,
} from '../support/replies.ts'
import {
  PNG,
  WEATHER,
  anthropicTool,
  answersWith,
  oddRequest,
  openaiTool,
} from '../support/samples.ts'
import { startStage } from '../support/stage.ts'

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

// `local` has another name at its provider; `strict-claude` refuses what would be dropped.
const CONFIG = `
models:
  gpt-5: { provider: openai }
  local: { provider: openai, model: "qwen3:8b" }
  ${CLAUDE}: { provider: anthropic }
  claude-haiku-4-5: { provider: anthropic }
  strict-claude: { provider: anthropic, model: ${CLAUDE}, strict: true }
users:
  caller:
    models: [gpt-5, local, ${CLAUDE}, claude-haiku-4-5, strict-claude]
`

const ODD_REPLY =
  '{ "usage":{"prompt_tokens":13,"completion_tokens":39,"total_tokens":52},\n "id":"x","object":"chat.completion",' +
  '"created":1,"model":"qwen3:8b@q4","vendor":{"z":1.50,"a":"\\u2603"},' +
  '"choices":[{"index":0,"message":{"role":"assistant","content":"h\\u00e9"},"finish_reason":"stop"}] }\n'

const asCaller = { user: 'caller' }

test('a Chat caller and a Claude model', { timeout: 60_000 }, async (t) => {
  const { proxy, anthropic } = await startStage(t, CONFIG)
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

test(
  'where both sides speak the same language, bytes are passed on',
  { timeout: 60_000 },
  async (t) => {
    const { proxy, openai } = await startStage(t, CONFIG)

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
