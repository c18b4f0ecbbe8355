/**
 * The published example this program starts from ("Using NGINX as an AI Proxy"): its two rbac.json,
 * unchanged, and each of its requests, with what must come back, in the log, and out of `usage`.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import {
  HELLO_MESSAGES,
  assertNoTokens,
  assertOpenAiError,
  attemptPairs,
  postChat,
  readAttempts,
  readChatStream,
} from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import { dig, list, map, parseJson } from '../support/json.ts'
import type { JsonMap } from '../support/json.ts'
import { projectRoot } from '../support/owner.ts'
import { attemptsOf, runCli, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { CLAUDE, GPT_5_DATED, HELLO, anthropicAnswers, openaiAnswers } from '../support/replies.ts'
import { createUpstream, withAnthropicKey, withOpenAiKey } from '../support/upstream.ts'
import type { Upstream } from '../support/upstream.ts'

const OPENAI_KEY = 'sk-seed-openai-key'
const ANTHROPIC_KEY = 'sk-ant-seed-anthropic-key'
const TOKENS = { prompt_tokens: 13, completion_tokens: 39, total_tokens: 52 }
const LOG_TOKENS = TOKENS

const rbac = (name: string): string =>
  readFileSync(new URL(`test/fixtures/seed/${name}`, projectRoot), 'utf8')

interface Seed {
  readonly proxy: Proxy
  readonly openai: Upstream
  readonly anthropic: Upstream
}

/** The program on a rbac.json found in its working directory, between two providers that check keys. */
async function startSeed(
  t: TestContext,
  configText: string,
  openaiKey: string | undefined,
): Promise<Seed> {
  const openai = await createUpstream(t, withOpenAiKey(OPENAI_KEY, openaiAnswers))
  const anthropic = await createUpstream(t, withAnthropicKey(ANTHROPIC_KEY, anthropicAnswers))
  const proxy = await startProxy(t, {
    config: configText,
    configName: 'rbac.json',
    nameConfig: false,
    env: {
      ...(openaiKey === undefined ? {} : { OPENAI_API_KEY: openaiKey }),
      ANTHROPIC_API_KEY: ANTHROPIC_KEY,
      OPENAI_BASE_URL: `${openai.origin}/v1`,
      ANTHROPIC_BASE_URL: anthropic.origin,
    },
  })
  return { proxy, openai, anthropic }
}

/** The example's curl: one user, one model, "Hello". */
function curl(proxy: Proxy, user: string, model: string, stream: boolean): Promise<Reply> {
  const body = { model, messages: HELLO_MESSAGES, ...(stream ? { stream: true } : {}) }
  return postChat(proxy, body, { user })
}

/** A good answer in OpenAI's shape, whoever gave it. */
function assertAnswer(reply: Reply, stream: boolean, model: string): void {
  assert.equal(reply.status, 200, reply.text)
  assert.equal(reply.headers['x-aiproxy-error'], undefined)
  if (stream) {
    assert.match(reply.headers['content-type'] ?? '', /^text\/event-stream/)
    const said = readChatStream(reply.frames())
    assert.equal(said.text, HELLO)
    assert.deepEqual(said.finishReasons, ['stop'])
    assert.equal(said.done, true)
    assert.deepEqual(said.errors, [])
    for (const chunk of said.chunks) {
      assert.equal(dig(chunk, 'model'), model)
      assert.notDeepEqual(dig(chunk, 'choices'), [], 'no usage chunk: the caller did not ask')
    }
    return
  }
  assert.match(reply.headers['content-type'] ?? '', /^application\/json/)
  const body = reply.json()
  assert.equal(dig(body, 'object'), 'chat.completion')
  assert.equal(dig(body, 'model'), model)
  assert.equal(list(dig(body, 'choices')).length, 1)
  assert.equal(dig(body, 'choices', 0, 'index'), 0)
  assert.equal(dig(body, 'choices', 0, 'message', 'role'), 'assistant')
  assert.equal(dig(body, 'choices', 0, 'message', 'content'), HELLO)
  assert.equal(dig(body, 'choices', 0, 'finish_reason'), 'stop')
  for (const [name, count] of Object.entries(TOKENS)) {
    assert.equal(dig(body, 'usage', name), count, name)
  }
}

/** The members of a log line that a good answer must have; times are only checked for being there. */
function assertLogged(
  record: JsonMap,
  expected: { user: string; model: string; served: string; provider: string; stream: boolean },
): void {
  assert.match(String(record['ts']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(Object.keys(record)[0], 'ts', 'every line begins with its time')
  assert.equal(record['user'], expected.user)
  assert.equal(record['api'], 'chat')
  assert.equal(record['stream'] ?? false, expected.stream)
  assert.equal(record['model'], expected.model)
  assert.equal(record['served_model'], expected.served)
  assert.equal(record['provider'], expected.provider)
  assert.equal(record['status'], 200)
  assert.equal(record['outcome'], 'ok')
  for (const [name, count] of Object.entries(LOG_TOKENS)) assert.equal(record[name], count, name)
  assert.equal(record['estimated'], undefined, 'the provider told its numbers')
  assert.equal(record['mock'], undefined)
  assert.ok(Number.isInteger(record['ms']))
  assert.equal(Number.isInteger(record['ttft_ms']), expected.stream)
}

for (const name of ['rbac.json', 'rbac-failover.json']) {
  test(`the seed's ${name}: who may call what`, { timeout: 60_000 }, async (t) => {
    const { proxy, openai, anthropic } = await startSeed(t, rbac(name), OPENAI_KEY)

    for (const stream of [false, true]) {
      const how = stream ? 'streamed' : 'unary'

      await t.test(`user-a's gpt-5 is answered by OpenAI, ${how}`, async () => {
        const reply = await curl(proxy, 'user-a', 'gpt-5', stream)
        assertAnswer(reply, stream, GPT_5_DATED)
        assert.equal(reply.headers['x-aiproxy-model'], 'gpt-5')
        assert.equal(reply.headers['x-aiproxy-provider'], 'openai')
        assert.deepEqual(attemptPairs(reply.headers), [['gpt-5', 200]])
        assertLogged(await proxy.record(reply.headers['x-request-id']), {
          user: 'user-a',
          model: 'gpt-5',
          served: 'gpt-5',
          provider: 'openai',
          stream,
        })
        assert.equal(openai.requests.at(-1)?.path, '/v1/chat/completions')
      })

      await t.test(
        `user-a's Claude is answered by Anthropic in OpenAI's shape, ${how}`,
        async () => {
          const reply = await curl(proxy, 'user-a', CLAUDE, stream)
          assertAnswer(reply, stream, CLAUDE)
          assert.equal(reply.headers['x-aiproxy-model'], CLAUDE)
          assert.equal(reply.headers['x-aiproxy-provider'], 'anthropic')
          assert.deepEqual(attemptPairs(reply.headers), [[CLAUDE, 200]])
          assertLogged(await proxy.record(reply.headers['x-request-id']), {
            user: 'user-a',
            model: CLAUDE,
            served: CLAUDE,
            provider: 'anthropic',
            stream,
          })
          const sent = anthropic.requests.at(-1)
          assert.equal(sent?.path, '/v1/messages')
          assert.equal(sent?.headers['anthropic-version'], '2023-06-01')
          assert.equal(sent?.headers.authorization, undefined, 'one credential, in its own header')
        },
      )

      await t.test(`user-b's gpt-5 is answered, ${how}`, async () => {
        const reply = await curl(proxy, 'user-b', 'gpt-5', stream)
        assertAnswer(reply, stream, GPT_5_DATED)
      })

      await t.test(`user-b's Claude is refused in the seed's words, ${how}`, async () => {
        const before = anthropic.requests.length
        const reply = await curl(proxy, 'user-b', CLAUDE, stream)
        const error = assertOpenAiError(reply, 404)
        assert.equal(
          error.message,
          `The model '${CLAUDE}' was not found or is not accessible to this user`,
        )
        assert.equal(error.code, 'model_not_found')
        assert.equal(reply.headers['x-aiproxy-error'], 'gateway')
        assert.equal(anthropic.requests.length, before, 'nobody upstream heard of it')
      })

      await t.test(`a model nobody knows is refused in the very same words, ${how}`, async () => {
        const reply = await curl(proxy, 'user-b', 'gpt-nope', stream)
        const error = assertOpenAiError(reply, 404)
        assert.equal(
          error.message,
          "The model 'gpt-nope' was not found or is not accessible to this user",
        )
        assert.equal(error.code, 'model_not_found')
      })
    }

    const refusals: ReadonlyArray<{
      title: string
      user?: string
      body: unknown
      status: number
      code: string
      message: string
    }> = [
      {
        title: 'no X-User',
        body: { model: 'gpt-5', messages: HELLO_MESSAGES },
        status: 401,
        code: 'user_missing',
        message: 'User not specified',
      },
      {
        title: 'an unknown user',
        user: 'user-c',
        body: { model: 'gpt-5', messages: HELLO_MESSAGES },
        status: 403,
        code: 'user_unknown',
        message: 'User not authorized',
      },
      {
        title: 'a user named like a property of every object',
        user: 'constructor',
        body: { model: 'gpt-5', messages: HELLO_MESSAGES },
        status: 403,
        code: 'user_unknown',
        message: 'User not authorized',
      },
      {
        title: 'broken JSON',
        user: 'user-a',
        body: '{"model":"gpt-5","messages":[',
        status: 400,
        code: 'json_invalid',
        message: 'Invalid JSON in request body',
      },
      {
        title: 'no model',
        user: 'user-a',
        body: { messages: HELLO_MESSAGES },
        status: 400,
        code: 'model_missing',
        message: 'Model not specified in request',
      },
      {
        title: 'an empty model',
        user: 'user-a',
        body: { model: '', messages: HELLO_MESSAGES },
        status: 400,
        code: 'model_missing',
        message: 'Model not specified in request',
      },
      {
        title: 'a model named like a property of every object',
        user: 'user-a',
        body: { model: '__proto__', messages: HELLO_MESSAGES },
        status: 404,
        code: 'model_not_found',
        message: "The model '__proto__' was not found or is not accessible to this user",
      },
    ]
    for (const refusal of refusals) {
      await t.test(`${refusal.title}: ${refusal.status}, "${refusal.message}"`, async () => {
        const reply = await postChat(
          proxy,
          refusal.body,
          refusal.user === undefined ? {} : { user: refusal.user },
        )
        const error = assertOpenAiError(reply, refusal.status)
        assert.equal(error.message, refusal.message)
        assert.equal(error.code, refusal.code)
        assert.equal(reply.headers['x-aiproxy-error'], 'gateway')
        const record = await proxy.record(reply.headers['x-request-id'])
        assert.equal(record['status'], refusal.status)
        assert.equal(record['outcome'], 'refused')
        assert.equal(record['error'], refusal.code)
        assertNoTokens(record)
      })
    }

    await t.test('a body that is JSON but no object is broken JSON too', async () => {
      const error = assertOpenAiError(await postChat(proxy, '[1]', { user: 'user-a' }), 400)
      assert.equal(error.code, 'json_invalid')
    })

    await t.test('nothing ever reached a provider with a wrong key', () => {
      for (const request of openai.requests) {
        assert.equal(request.headers.authorization, `Bearer ${OPENAI_KEY}`)
      }
      for (const request of anthropic.requests) {
        assert.equal(request.headers['x-api-key'], ANTHROPIC_KEY)
      }
    })

    await t.test('the config that was found is said by its path', () => {
      assert.match(proxy.stdout() + proxy.stderr(), /rbac\.json/)
    })
  })
}

const brokenKeys: ReadonlyArray<{ title: string; key: string | undefined; status: unknown }> = [
  { title: 'refused by OpenAI', key: 'bad', status: 401 },
  { title: 'not set', key: undefined, status: undefined },
]

// A program of its own for each way of asking: a refused key may let its provider rest for a while.
for (const { title, key, status, stream } of brokenKeys.flatMap((broken) => [
  { ...broken, stream: false },
  { ...broken, stream: true },
])) {
  const how = stream ? 'streamed' : 'unary'
  test(`the seed's failover, OpenAI key ${title}, ${how}`, { timeout: 60_000 }, async (t) => {
    const { proxy, openai, anthropic } = await startSeed(t, rbac('rbac-failover.json'), key)
    const statuses: number[] = []

    await t.test(`user-a's gpt-5 is answered by Claude`, async () => {
      const reply = await curl(proxy, 'user-a', 'gpt-5', stream)
      statuses.push(reply.status)
      assertAnswer(reply, stream, CLAUDE)
      assert.equal(reply.headers['x-aiproxy-model'], CLAUDE)
      assert.equal(reply.headers['x-aiproxy-provider'], 'anthropic')

      const attempts = readAttempts(reply.headers)
      assert.deepEqual(
        attempts.map(({ model, provider, status: got }) => [model, provider, got]),
        [
          ['gpt-5', 'openai', status],
          [CLAUDE, 'anthropic', 200],
        ],
      )
      for (const attempt of attempts) assert.ok(Number.isInteger(attempt.ms), 'ms is a number')

      const record = await proxy.record(reply.headers['x-request-id'])
      assertLogged(record, {
        user: 'user-a',
        model: 'gpt-5',
        served: CLAUDE,
        provider: 'anthropic',
        stream,
      })
      const logged = attemptsOf(record)
      assert.deepEqual(
        logged.map((attempt) => ({ ...attempt, ms: 0 })),
        [
          {
            model: 'gpt-5',
            provider: 'openai',
            ...(status === undefined ? {} : { status }),
            class: 'credential',
            ms: 0,
          },
          { model: CLAUDE, provider: 'anthropic', status: 200, ms: 0 },
        ],
      )
    })

    await t.test(`user-b's gpt-5 fails clearly`, async () => {
      const before = anthropic.requests.length
      const reply = await curl(proxy, 'user-b', 'gpt-5', stream)
      statuses.push(reply.status)
      const error = assertOpenAiError(reply, 502)
      assert.equal(error.code, 'upstream_credential')
      if (key === undefined) {
        assert.equal(reply.headers['x-aiproxy-error'], 'gateway', 'no provider was asked')
        assert.match(error.message, /OPENAI_API_KEY/, 'it says which key is missing')
      } else {
        assert.equal(reply.headers['x-aiproxy-error'], 'upstream')
        assert.match(error.message, /Incorrect API key provided/, "the provider's own words")
      }
      assert.deepEqual(attemptPairs(reply.headers), [['gpt-5', status]])
      assert.equal(anthropic.requests.length, before, 'user-b has no backup')

      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['status'], 502)
      assert.equal(record['outcome'], 'failed')
      assert.equal(record['error'], 'upstream_credential')
      assert.equal(record['served_model'], undefined)
      assertNoTokens(record)
      assert.deepEqual(
        attemptsOf(record).map((attempt) => attempt['class']),
        ['credential'],
      )
    })

    await t.test('a broken key does not hide: the failover is said on the console', () => {
      const said = proxy.events().filter((event) => event['event'] === 'failover')
      assert.ok(said.length >= 1, 'at least one failover line')
      assert.match(JSON.stringify(said[0]), /credential/)
    })

    if (key === undefined) {
      await t.test('without a key OpenAI is never asked', () => {
        assert.equal(openai.requests.length, 0)
      })
    }

    await t.test('the log has one line per request and no key in it', () => {
      const log = proxy.log()
      assert.deepEqual(
        log.map((record) => record['status']),
        statuses,
      )
      assert.equal(new Set(log.map((record) => record['id'])).size, log.length)
      const everything = JSON.stringify(log) + proxy.stdout() + proxy.stderr()
      assert.ok(!everything.includes(ANTHROPIC_KEY), 'no provider key is written anywhere')
    })
  })
}

test("aiproxy usage agrees with the seed's log to the token", { timeout: 60_000 }, async (t) => {
  const { proxy } = await startSeed(t, rbac('rbac-failover.json'), OPENAI_KEY)
  const calls: ReadonlyArray<readonly [string, string]> = [
    ['user-a', 'gpt-5'],
    ['user-a', CLAUDE],
    ['user-b', 'gpt-5'],
    ['user-b', CLAUDE],
    ['user-a', 'gpt-5'],
  ]
  for (const [user, model] of calls) {
    const reply = await curl(proxy, user, model, user === 'user-b')
    await proxy.record(reply.headers['x-request-id'])
  }
  // `today` is a calendar day; lines from before a midnight that fell into this test do not count.
  const options = { cwd: proxy.cwd, home: proxy.home, env: { TZ: 'UTC' } }
  const json = await runCli(['usage', '--since', 'today', '--json'], options)
  const table = await runCli(['usage', '--since', 'today'], options)
  assert.equal(json.code, 0, json.stderr)
  assert.equal(table.code, 0, table.stderr)

  const report = parseJson(json.stdout)
  const since = Date.parse(String(dig(report, 'window', 'since')))
  const today = proxy.log().filter((record) => Date.parse(String(record['ts'])) >= since)
  const rows = list(dig(report, 'rows')).map((row) => map(row))

  const pairs = new Set(
    today.map((record) => `${String(record['user'])} ${String(record['model'])}`),
  )
  assert.equal(rows.length, pairs.size, 'one row per user and model of the log')
  for (const row of rows) {
    const lines = today.filter(
      (record) => record['user'] === row['user'] && record['model'] === row['model'],
    )
    const sum = (name: string): number =>
      lines.reduce((total, record) => total + Number(record[name] ?? 0), 0)
    assert.equal(row['requests'], lines.length)
    assert.equal(dig(row, 'tokens', 'prompt'), sum('prompt_tokens'))
    assert.equal(dig(row, 'tokens', 'completion'), sum('completion_tokens'))
    assert.equal(dig(row, 'tokens', 'total'), sum('total_tokens'))

    // The same numbers stand in the table; they are small enough to stand there unshortened.
    const line = table.stdout
      .split('\n')
      .find((text) => new RegExp(`^ ?${String(row['user'])} +${String(row['model'])} `).test(text))
    assert.ok(line !== undefined, `a row for ${String(row['user'])} in\n${table.stdout}`)
    const cells = line.trim().split(/ {2,}/)
    assert.deepEqual(cells.slice(0, 5), [
      row['user'],
      row['model'],
      String(lines.length),
      String(sum('prompt_tokens')),
      String(sum('completion_tokens')),
    ])
  }
  assert.equal(dig(report, 'totals', 'requests'), today.length)
  assert.equal(dig(report, 'source', 'lines'), proxy.log().length)
  assert.equal(dig(report, 'source', 'skipped'), 0)
})
