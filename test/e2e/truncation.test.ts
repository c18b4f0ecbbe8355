/** A stream that dies after its first content: never spliced, never finished, always said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  attemptPairs,
  openChat,
  postChat,
  readChatStream,
} from '../support/calls.ts'
import { dig, digText, parseJson } from '../support/json.ts'
import { createGate } from '../support/owner.ts'
import { attemptsOf, runCli, startProxy } from '../support/proxy.ts'
import {
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  anthropicAnswers,
  openaiAnswers,
  openaiChunk,
} from '../support/replies.ts'
import { ANTHROPIC_PART, DEATHS, OPENAI_PART, dies } from '../support/scripts.ts'
import type { Death } from '../support/scripts.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import type { Grant, Target } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

const backupName = (death: Death): string => `${death.name}-backup`

test('a stream that dies after its first content', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const config = targetsConfig(
    upstream,
    [
      ...DEATHS.flatMap((death): Target[] => [
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
      ...DEATHS.map((death): Grant => ({ model: death.name, failover: [backupName(death)] })),
      { model: 'held' },
      { model: 'held-claude' },
      { model: 'markless' },
    ],
  )
  const proxy = await startProxy(t, { config, env: { TEST_KEY } })
  for (const death of DEATHS) {
    upstream.on(`/${death.name}/`, dies(death))
    upstream.on(
      `/${backupName(death)}/`,
      death.dialect === 'openai' ? anthropicAnswers : openaiAnswers,
    )
  }

  for (const death of DEATHS) {
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
