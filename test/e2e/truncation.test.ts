/** A stream that dies after its first content: never spliced, never finished, always said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  attemptPairs,
  openChat,
  postChat,
  postMessages,
  readChatStream,
  readMessagesStream,
} from '../support/calls.ts'
import { dig, digText, parseJson } from '../support/json.ts'
import { createGate } from '../support/owner.ts'
import { attemptsOf, runCli, startProxy } from '../support/proxy.ts'
import {
  ANTHROPIC_PING,
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicAnswers,
  anthropicFrame,
  anthropicText,
  dataFrame,
  openaiAnswers,
  openaiChunk,
} from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import type { Grant, Target } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Script } from '../support/upstream.ts'

const IDLE = 'timeouts: { idle: 150ms }'
const OPENAI_PART = [OPENAI_ROLE, openaiChunk({ content: 'Par' })]
const ANTHROPIC_PART = [ANTHROPIC_START, ANTHROPIC_TEXT_START, ANTHROPIC_PING, anthropicText('Par')]

interface Death {
  readonly name: string
  readonly title: string
  readonly dialect: 'openai' | 'anthropic'
  readonly frames: readonly string[]
  readonly last: Script
  readonly provider?: string
  /** What the caller can still read of the text. */
  readonly text: string
  /** The provider's words where it had any. */
  readonly words?: RegExp
}

const reset: Script = (reply) => {
  reply.reset()
}
const end: Script = (reply) => {
  reply.end()
}

const deaths: readonly Death[] = [
  {
    name: 'o-reset',
    title: 'OpenAI resets the connection',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: reset,
    text: 'Par',
  },
  {
    name: 'o-end',
    title: 'OpenAI ends cleanly without an end mark',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: end,
    text: 'Par',
  },
  {
    name: 'o-half',
    title: 'OpenAI is cut inside a frame',
    dialect: 'openai',
    frames: [...OPENAI_PART, openaiChunk({ content: 'is' }).slice(0, 60)],
    last: end,
    text: 'Par',
  },
  {
    name: 'o-idle',
    title: 'OpenAI falls silent',
    dialect: 'openai',
    frames: OPENAI_PART,
    last: (reply) => reply.stall(),
    provider: IDLE,
    text: 'Par',
  },
  {
    name: 'o-error',
    title: 'OpenAI sends an error chunk',
    dialect: 'openai',
    frames: [
      ...OPENAI_PART,
      dataFrame({
        error: {
          message: 'The server had an error.',
          type: 'server_error',
          param: null,
          code: null,
        },
      }),
    ],
    last: end,
    text: 'Par',
    words: /The server had an error\./,
  },
  {
    name: 'o-tool',
    title: 'OpenAI is reset after a tool call began',
    dialect: 'openai',
    frames: [
      OPENAI_ROLE,
      openaiChunk({
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } },
        ],
      }),
    ],
    last: reset,
    text: '',
  },
  {
    name: 'o-reasoning',
    title: 'OpenAI-compatible reasoning is reset',
    dialect: 'openai',
    frames: [OPENAI_ROLE, openaiChunk({ reasoning_content: 'Let me see.' })],
    last: reset,
    text: '',
  },
  {
    name: 'a-reset',
    title: 'Anthropic resets the connection',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: reset,
    text: 'Par',
  },
  {
    name: 'a-end',
    title: 'Anthropic ends cleanly without message_stop',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: end,
    text: 'Par',
  },
  {
    name: 'a-idle',
    title: 'Anthropic falls silent',
    dialect: 'anthropic',
    frames: ANTHROPIC_PART,
    last: (reply) => reply.stall(),
    provider: IDLE,
    text: 'Par',
  },
  {
    name: 'a-error',
    title: 'Anthropic sends an error event',
    dialect: 'anthropic',
    frames: [
      ...ANTHROPIC_PART,
      anthropicFrame({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    ],
    last: end,
    text: 'Par',
    words: /Overloaded/,
  },
]

const scriptOf =
  (death: Death): Script =>
  async (reply, request) => {
    reply.openStream()
    for (const frame of death.frames) await reply.write(frame)
    await death.last(reply, request)
  }

const backupName = (death: Death): string => `${death.name}-backup`

test('a stream that dies after its first content', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const config = targetsConfig(
    upstream,
    [
      ...deaths.flatMap((death): Target[] => [
        {
          name: death.name,
          dialect: death.dialect,
          ...(death.provider === undefined ? {} : { provider: death.provider }),
        },
        { name: backupName(death), dialect: death.dialect === 'openai' ? 'anthropic' : 'openai' },
      ]),
      { name: 'held', dialect: 'openai' },
      { name: 'held-claude', dialect: 'anthropic' },
      { name: 'markless', dialect: 'openai' },
    ],
    [
      ...deaths.map((death): Grant => ({ model: death.name, failover: [backupName(death)] })),
      { model: 'held' },
      { model: 'held-claude' },
      { model: 'markless' },
    ],
  )
  const proxy = await startProxy(t, { config, env: { TEST_KEY } })
  for (const death of deaths) {
    upstream.on(`/${death.name}/`, scriptOf(death))
    upstream.on(
      `/${backupName(death)}/`,
      death.dialect === 'openai' ? anthropicAnswers : openaiAnswers,
    )
  }

  for (const death of deaths) {
    await t.test(`${death.title}: an OpenAI caller reads an error chunk, no [DONE]`, async () => {
      const body = { model: death.name, messages: HELLO_MESSAGES, stream: true }
      const reply = await postChat(proxy, body, { user: 'caller' })

      assert.equal(reply.status, 200)
      const said = readChatStream(reply.frames())
      assert.equal(said.text, death.text)
      assert.equal(said.done, false, 'no [DONE]')
      assert.deepEqual(said.finishReasons, [], 'no invented finish')
      assert.equal(said.errors.length, 1, reply.text)
      for (const key of ['message', 'type', 'param', 'code']) {
        assert.notEqual(dig(said.errors[0], key), undefined, `error.${key} is there`)
      }
      if (death.words !== undefined) {
        assert.match(String(dig(said.errors[0], 'message')), death.words)
      }
      assert.equal(upstream.requestsTo(`/${backupName(death)}/`).length, 0, 'never spliced')
      assert.deepEqual(attemptPairs(reply.headers), [[death.name, 200]])

      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['outcome'], 'truncated')
      assert.equal(record['status'], 200)
      assert.equal(typeof record['error'], 'string', 'the line says why')
      assert.equal(record['served_model'], death.name)
      assert.equal(attemptsOf(record).length, 1)
      if (record['completion_tokens'] !== undefined) {
        assert.equal(record['estimated'], true, 'the provider had not told the total')
      }
    })

    await t.test(`${death.title}: an Anthropic caller reads an error event`, async () => {
      const body = {
        model: death.name,
        max_tokens: 64,
        messages: HELLO_MESSAGES,
        stream: true,
      }
      const reply = await postMessages(proxy, body, { user: 'caller' })

      assert.equal(reply.status, 200, reply.text)
      const said = readMessagesStream(reply.frames())
      assert.equal(said.text, death.text)
      assert.equal(said.stopped, false, 'no message_stop')
      assert.equal(said.delta, undefined, 'no invented stop reason')
      assert.equal(said.errors.length, 1, reply.text)
      assert.equal(said.types.at(-1), 'error')
      assert.equal(upstream.requestsTo(`/${backupName(death)}/`).length, 0, 'never spliced')
    })
  }

  await t.test('aiproxy ask keeps what came, says so, and exits 5', async () => {
    const result = await runCli(
      ['ask', '-c', 'aiproxy.yaml', '--user', 'caller', '--model', 'o-reset', 'Hello'],
      { cwd: proxy.cwd, home: proxy.home, env: { TEST_KEY } },
    )
    assert.equal(result.code, 5, result.stderr)
    assert.match(result.stdout, /^Par/)
    assert.match(result.stderr, /error: /)
    assert.match(result.stderr, /the answer above is incomplete/)
  })

  await t.test(
    'content is handed on in the turn it arrives, not when the stream ends',
    async () => {
      for (const [model, part, rest] of [
        ['held', OPENAI_PART, [openaiChunk({}, 'stop'), OPENAI_USAGE, OPENAI_DONE]],
        ['held-claude', ANTHROPIC_PART, undefined],
      ] as const) {
        const gate = createGate()
        upstream.on(`/${model}/`, async (reply) => {
          reply.openStream()
          for (const frame of part) await reply.write(frame)
          await gate.opened
          for (const frame of rest ?? []) await reply.write(frame)
          reply.end()
        })
        const body = { model, messages: HELLO_MESSAGES, stream: true }
        const reply = await openChat(proxy, body, { user: 'caller' })
        let text = ''
        while (text === '') {
          const frame = await reply.next()
          assert.ok(frame !== undefined, 'the stream is still open')
          text += digText(parseJson(frame.data), 'choices', 0, 'delta', 'content')
        }
        assert.equal(text, 'Par')
        gate.open()
        const whole = await reply.rest()
        assert.equal(readChatStream(whole.frames()).done, rest !== undefined)
      }
    },
  )

  await t.test('a stream with a finish reason and no [DONE] is complete', async () => {
    upstream.on('/markless/', async (reply) => {
      reply.openStream()
      for (const frame of [
        OPENAI_ROLE,
        openaiChunk({ content: HELLO }),
        openaiChunk({}, 'stop'),
        OPENAI_USAGE,
      ]) {
        await reply.write(frame)
      }
      reply.end()
    })
    const body = { model: 'markless', messages: HELLO_MESSAGES, stream: true }
    const reply = await postChat(proxy, body, { user: 'caller' })
    const said = readChatStream(reply.frames())
    assert.equal(said.text, HELLO)
    assert.deepEqual(said.errors, [])
    assert.deepEqual(said.finishReasons, ['stop'])
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['outcome'], 'ok')
    assert.equal(record['total_tokens'], 52)
  })
})
