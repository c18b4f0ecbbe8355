/** Failover, from outside: which failures move on to the next target, and what a caller sees of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  assertNoTokens,
  assertOpenAiError,
  attemptPairs,
  postChat,
  readAttempts,
  readChatStream,
} from '../support/calls.ts'
import { dig } from '../support/json.ts'
import { attemptsOf, startProxy } from '../support/proxy.ts'
import {
  ANTHROPIC_PING,
  ANTHROPIC_START,
  ANTHROPIC_TEXT_START,
  HELLO,
  OPENAI_ROLE,
  anthropicAnswers,
  anthropicError,
  anthropicFrame,
  dataFrame,
  openaiAnswers,
  openaiError,
} from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import type { Grant, Target } from '../support/targets.ts'
import { createUpstream, refusedPort } from '../support/upstream.ts'
import type { Script, Upstream } from '../support/upstream.ts'

type Mode = 'unary' | 'streamed'

interface Fault {
  readonly title: string
  readonly dialect: 'openai' | 'anthropic'
  readonly script: Script
  /** The class in the log; several where the contract leaves it open. */
  readonly class: readonly string[]
  /** Status of the attempt: `undefined` where none was received, left out where it is open. */
  readonly status?: { readonly is: number | undefined }
  readonly modes?: readonly Mode[]
  /** YAML flow members of the provider. */
  readonly provider?: string
  /** Where the provider is, in place of the upstream. */
  readonly origin?: string
}

const status =
  (code: number, body: unknown, headers?: Record<string, string>): Script =>
  (reply) => {
    reply.json(code, body, headers)
  }

/** Frames that are no content yet, then what `fail` does. */
const framesThen =
  (frames: readonly string[], fail: Script): Script =>
  async (reply, request) => {
    reply.openStream()
    for (const frame of frames) await reply.write(frame)
    await fail(reply, request)
  }

const reset: Script = (reply) => {
  reply.reset()
}
const hangUp: Script = (reply) => {
  reply.hangUp()
}
const end: Script = (reply) => {
  reply.end()
}
const stall: Script = (reply) => reply.stall()

const QUICK = 'timeouts: { first_byte: 150ms, idle: 150ms }'
const STREAMED: readonly Mode[] = ['streamed']
const UNARY: readonly Mode[] = ['unary']
const ANTHROPIC_HEAD = [ANTHROPIC_START, ANTHROPIC_PING, ANTHROPIC_TEXT_START]

function faults(refused: number, plainHttp: number): Fault[] {
  return [
    // transport
    {
      title: 'a refused connection',
      dialect: 'openai',
      script: stall,
      origin: `http://127.0.0.1:${refused}`,
      class: ['transport'],
      status: { is: undefined },
    },
    {
      title: 'a server that speaks no TLS',
      dialect: 'openai',
      script: stall,
      origin: `https://127.0.0.1:${plainHttp}`,
      class: ['transport'],
      status: { is: undefined },
    },
    {
      title: 'a reset before the head',
      dialect: 'openai',
      script: reset,
      class: ['transport'],
      status: { is: undefined },
    },
    {
      title: 'an orderly close before the head',
      dialect: 'anthropic',
      script: hangUp,
      class: ['transport'],
      status: { is: undefined },
    },
    {
      title: 'a reset inside a unary body',
      dialect: 'openai',
      script: async (reply) => {
        reply.openBody(200, 1000)
        await reply.write('{"id":"chatcmpl-1","choices":[')
        reply.reset()
      },
      class: ['transport'],
      modes: UNARY,
    },
    {
      title: 'a reset after the role chunk',
      dialect: 'openai',
      script: framesThen([OPENAI_ROLE], reset),
      class: ['transport'],
      modes: STREAMED,
    },
    {
      title: 'a reset after message_start, ping and an empty text block',
      dialect: 'anthropic',
      script: framesThen(ANTHROPIC_HEAD, reset),
      class: ['transport'],
      modes: STREAMED,
    },
    // timeout
    {
      title: 'no head in time',
      dialect: 'openai',
      script: stall,
      provider: QUICK,
      class: ['timeout'],
      status: { is: undefined },
      modes: STREAMED,
    },
    {
      title: 'silence after the role chunk',
      dialect: 'openai',
      script: framesThen([OPENAI_ROLE], stall),
      provider: QUICK,
      class: ['timeout'],
      modes: STREAMED,
    },
    {
      title: 'silence after message_start',
      dialect: 'anthropic',
      script: framesThen([ANTHROPIC_START, ANTHROPIC_PING], stall),
      provider: QUICK,
      class: ['timeout'],
      modes: STREAMED,
    },
    {
      title: 'silence inside a unary body',
      dialect: 'openai',
      script: async (reply) => {
        reply.openBody(200, 1000)
        await reply.write('{"id":')
        await reply.stall()
      },
      provider: QUICK,
      class: ['timeout'],
      modes: UNARY,
    },
    // rate
    {
      title: '429',
      dialect: 'openai',
      script: status(429, openaiError('Slow down.', 'rate_limit_error', 'rate_limit_exceeded'), {
        'retry-after': '30',
      }),
      class: ['rate'],
      status: { is: 429 },
    },
    {
      title: '429 of Anthropic',
      dialect: 'anthropic',
      script: status(429, anthropicError('rate_limit_error', 'Slow down.')),
      class: ['rate'],
      status: { is: 429 },
    },
    // overload
    {
      title: '503',
      dialect: 'openai',
      script: status(
        503,
        openaiError('Busy.', 'service_unavailable_error', 'server_is_overloaded'),
      ),
      class: ['overload'],
      status: { is: 503 },
    },
    {
      title: '529',
      dialect: 'anthropic',
      script: status(529, anthropicError('overloaded_error', 'Overloaded')),
      class: ['overload'],
      status: { is: 529 },
    },
    {
      title: 'an overloaded_error event as the first event',
      dialect: 'anthropic',
      script: framesThen(
        [anthropicFrame({ type: 'error', error: { type: 'overloaded_error', message: 'Full' } })],
        end,
      ),
      class: ['overload'],
      modes: STREAMED,
    },
    {
      title: 'an overloaded_error event after message_start and ping',
      dialect: 'anthropic',
      script: framesThen(
        [
          ...ANTHROPIC_HEAD,
          anthropicFrame({ type: 'error', error: { type: 'overloaded_error', message: 'Full' } }),
        ],
        end,
      ),
      class: ['overload'],
      modes: STREAMED,
    },
    // server
    ...[500, 502, 504].map((code): Fault => ({
      title: String(code),
      dialect: 'openai',
      script: status(code, openaiError('Something broke.', 'server_error', null)),
      class: ['server'],
      status: { is: code },
    })),
    {
      title: 'an HTML error page',
      dialect: 'anthropic',
      script: (reply) => {
        reply.bytes(500, '<html><title>Bad Gateway</title></html>', { 'content-type': 'text/html' })
      },
      class: ['server'],
      status: { is: 500 },
    },
    {
      title: 'a reply that is no JSON',
      dialect: 'openai',
      script: (reply) => {
        reply.bytes(200, '{"id": oops', { 'content-type': 'application/json' })
      },
      class: ['server'],
    },
    {
      title: 'a reply of Anthropic that is no JSON',
      dialect: 'anthropic',
      script: (reply) => {
        reply.bytes(200, '{"id": oops', { 'content-type': 'application/json' })
      },
      class: ['server'],
    },
    {
      title: 'an empty reply',
      dialect: 'openai',
      script: (reply) => {
        reply.bytes(200, '', { 'content-type': 'application/json' })
      },
      class: ['server'],
    },
    {
      title: 'an error chunk before content',
      dialect: 'openai',
      script: framesThen(
        [OPENAI_ROLE, dataFrame({ error: { message: 'Oops', type: 'server_error' } })],
        end,
      ),
      class: ['server'],
      modes: STREAMED,
    },
    {
      title: 'a stream that ends after its role chunk',
      dialect: 'openai',
      script: framesThen([OPENAI_ROLE], end),
      class: ['server', 'transport'],
      modes: STREAMED,
    },
    {
      title: 'a stream that ends after message_start',
      dialect: 'anthropic',
      script: framesThen([ANTHROPIC_START], end),
      class: ['server', 'transport'],
      modes: STREAMED,
    },
    {
      title: 'a stream without a byte',
      dialect: 'anthropic',
      script: framesThen([], end),
      class: ['server', 'transport'],
      modes: STREAMED,
    },
    {
      title: 'a redirect',
      dialect: 'openai',
      script: (reply, request) => {
        reply.bytes(307, '', { location: `http://${String(request.headers.host)}/stolen` })
      },
      class: ['server'],
    },
    // credential
    ...[401, 403].map((code): Fault => ({
      title: String(code),
      dialect: 'openai',
      script: status(code, openaiError('No.', 'invalid_request_error', 'invalid_api_key')),
      class: ['credential'],
      status: { is: code },
    })),
    {
      title: '401 of Anthropic',
      dialect: 'anthropic',
      script: status(401, anthropicError('authentication_error', 'invalid x-api-key')),
      class: ['credential'],
      status: { is: 401 },
    },
    // billing
    {
      title: '402',
      dialect: 'openai',
      script: status(402, openaiError('Pay first.', 'insufficient_quota', 'insufficient_quota')),
      class: ['billing'],
      status: { is: 402 },
    },
    {
      title: '429 insufficient_quota',
      dialect: 'openai',
      script: status(
        429,
        openaiError('You exceeded your quota.', 'insufficient_quota', 'insufficient_quota'),
      ),
      class: ['billing'],
      status: { is: 429 },
    },
    // model
    {
      title: '404 for the model',
      dialect: 'openai',
      script: status(
        404,
        openaiError('The model does not exist.', 'invalid_request_error', 'model_not_found'),
      ),
      class: ['model'],
      status: { is: 404 },
    },
    {
      title: '404 of Anthropic for the model',
      dialect: 'anthropic',
      script: status(404, anthropicError('not_found_error', 'model: claude-gone')),
      class: ['model'],
      status: { is: 404 },
    },
    {
      title: '410',
      dialect: 'openai',
      script: status(410, openaiError('Retired.', 'invalid_request_error', null)),
      class: ['model'],
      status: { is: 410 },
    },
    // context
    {
      title: '400 context_length_exceeded',
      dialect: 'openai',
      script: status(
        400,
        openaiError(
          "This model's maximum context length is 8192 tokens.",
          'invalid_request_error',
          'context_length_exceeded',
        ),
      ),
      class: ['context'],
      status: { is: 400 },
    },
    {
      title: '400 prompt is too long',
      dialect: 'anthropic',
      script: status(
        400,
        anthropicError(
          'invalid_request_error',
          'prompt is too long: 210000 tokens > 200000 maximum',
        ),
      ),
      class: ['context'],
      status: { is: 400 },
    },
  ]
}

interface Case extends Fault {
  readonly mode: Mode
  readonly model: string
  readonly backup: string
}

function casesOf(some: readonly Fault[]): Case[] {
  return some.flatMap((fault, index) =>
    (fault.modes ?? ['unary', 'streamed']).map((mode) => ({
      ...fault,
      mode,
      model: `f${index}-${mode}`,
      backup: `b${index}-${mode}`,
    })),
  )
}

function primaryOf(one: Case): Target {
  return {
    name: one.model,
    dialect: one.dialect,
    ...(one.provider === undefined ? {} : { provider: one.provider }),
    ...(one.origin === undefined ? {} : { origin: one.origin }),
  }
}

/** The backup speaks the other dialect, so that a taken-over reply was translated or relayed by turns. */
function backupOf(one: Case): Target {
  return { name: one.backup, dialect: one.dialect === 'openai' ? 'anthropic' : 'openai' }
}

const answers = (target: Target): Script =>
  target.dialect === 'openai' ? openaiAnswers : anthropicAnswers

const chatBody = (model: string, mode: Mode): unknown => ({
  model,
  messages: HELLO_MESSAGES,
  ...(mode === 'streamed' ? { stream: true } : {}),
})

test('a target that is unavailable hands over to its backup', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const cases = casesOf(faults(await refusedPort(), upstream.port))
  const targets = cases.flatMap((one) => [primaryOf(one), backupOf(one)])
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      targets,
      cases.map((one) => ({ model: one.model, failover: [one.backup] })),
    ),
    env: { TEST_KEY },
  })
  for (const one of cases) {
    upstream.on(`/${one.model}/`, one.script)
    upstream.on(`/${one.backup}/`, answers(backupOf(one)))
  }

  for (const one of cases) {
    await t.test(`${one.title} (${one.class.join(' or ')}), ${one.mode}`, async () => {
      const reply = await postChat(proxy, chatBody(one.model, one.mode), { user: 'caller' })

      assert.equal(reply.status, 200, reply.text)
      if (one.mode === 'streamed') {
        const said = readChatStream(reply.frames())
        assert.equal(said.text, HELLO)
        assert.deepEqual(said.finishReasons, ['stop'])
        assert.equal(said.done, true)
        assert.deepEqual(said.errors, [])
        const ids = new Set(said.chunks.map((chunk) => dig(chunk, 'id')))
        assert.equal(ids.size, 1, 'one reply from its first chunk to its last')
        const roles = said.chunks.filter(
          (chunk) => dig(chunk, 'choices', 0, 'delta', 'role') !== undefined,
        )
        assert.equal(roles.length, 1, 'nothing of the failed target was let through')
      } else {
        assert.equal(dig(reply.json(), 'choices', 0, 'message', 'content'), HELLO)
        assert.equal(dig(reply.json(), 'choices', 0, 'finish_reason'), 'stop')
      }
      assert.equal(reply.headers['x-aiproxy-model'], one.backup)
      assert.equal(reply.headers['x-aiproxy-provider'], `p-${one.backup}`)

      const attempts = readAttempts(reply.headers)
      assert.deepEqual(
        attempts.map((attempt) => attempt.model),
        [one.model, one.backup],
      )
      assert.equal(attempts[1]?.status, 200)

      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['outcome'], 'ok')
      assert.equal(record['model'], one.model)
      assert.equal(record['served_model'], one.backup)
      assert.equal(record['total_tokens'], 52, 'only what the answering target reported')
      const [failed, served] = attemptsOf(record)
      assert.ok(
        one.class.includes(String(failed?.['class'])),
        `class ${String(failed?.['class'])}, expected ${one.class.join(' or ')}`,
      )
      assert.equal(served?.['class'], undefined)
      if (one.status !== undefined) {
        assert.equal(failed?.['status'], one.status.is)
        assert.equal(attempts[0]?.status, one.status.is)
      }
      if (one.origin === undefined) {
        assert.equal(
          upstream.requestsTo(`/${one.model}/`).length,
          1,
          'no second try while a backup is left',
        )
      }
      assert.equal(upstream.requestsTo(`/${one.backup}/`).length, 1)
    })
  }

  await t.test('a redirect was never followed', () => {
    assert.equal(upstream.requestsTo('/stolen').length, 0)
  })
})

test("a caller's own mistake is relayed, not failed over", { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const mistakes: Fault[] = [400, 413, 422].flatMap((code): Fault[] => [
    {
      title: `${code} of OpenAI`,
      dialect: 'openai',
      script: status(code, {
        error: {
          message: `Your mistake no. ${code}.`,
          type: 'invalid_request_error',
          param: 'messages[0]',
          code: null,
        },
      }),
      class: ['request'],
      status: { is: code },
    },
    {
      title: `${code} of Anthropic`,
      dialect: 'anthropic',
      script: status(code, anthropicError('invalid_request_error', `Your mistake no. ${code}.`)),
      class: ['request'],
      status: { is: code },
    },
  ])
  const cases = casesOf(mistakes)
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      cases.flatMap((one) => [primaryOf(one), backupOf(one)]),
      cases.map((one) => ({ model: one.model, failover: [one.backup] })),
    ),
    env: { TEST_KEY },
  })
  for (const one of cases) {
    upstream.on(`/${one.model}/`, one.script)
    upstream.on(`/${one.backup}/`, answers(backupOf(one)))
  }

  for (const one of cases) {
    const code = one.status?.is ?? 0
    await t.test(`${one.title}, ${one.mode}`, async () => {
      const reply = await postChat(proxy, chatBody(one.model, one.mode), { user: 'caller' })
      const error = assertOpenAiError(reply, code)
      assert.match(error.message, new RegExp(`Your mistake no\\. ${code}\\.`))
      if (one.dialect === 'openai') assert.equal(error.param, 'messages[0]')
      assert.equal(reply.headers['x-aiproxy-error'], 'upstream')
      assert.deepEqual(attemptPairs(reply.headers), [[one.model, code]])
      assert.equal(upstream.requestsTo(`/${one.backup}/`).length, 0, 'the backup is not asked')
      assert.equal(upstream.requestsTo(`/${one.model}/`).length, 1, 'and nothing is retried')

      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['status'], code)
      assert.equal(record['outcome'], 'failed')
      assertNoTokens(record)
      assert.deepEqual(
        attemptsOf(record).map((attempt) => attempt['class']),
        ['request'],
      )
    })
  }
})

test('when all fail, the requested model speaks', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const refused = await refusedPort()
  const overloaded: Script = status(529, anthropicError('overloaded_error', 'The backup is full.'))
  const rows: ReadonlyArray<{
    readonly name: string
    readonly title: string
    readonly script: Script
    readonly target?: Partial<Target>
    readonly expected: number
    readonly code?: string
    readonly words?: RegExp
    readonly speaker: string
    readonly modes?: readonly Mode[]
  }> = [
    {
      name: 'busy',
      title: 'its own 503 and words',
      script: status(503, openaiError('The first is busy.', 'server_error', null)),
      expected: 503,
      words: /The first is busy\./,
      speaker: 'upstream',
    },
    {
      name: 'broken',
      title: 'its own 500 and words',
      script: status(500, openaiError('The first broke.', 'server_error', null)),
      expected: 500,
      words: /The first broke\./,
      speaker: 'upstream',
    },
    {
      name: 'slow',
      title: 'its own 429, retry-after included',
      script: status(429, openaiError('Slower.', 'rate_limit_error', 'rate_limit_exceeded'), {
        'retry-after': '30',
      }),
      expected: 429,
      words: /Slower\./,
      speaker: 'upstream',
    },
    {
      name: 'locked',
      title: '502 upstream_credential where its provider refused our key',
      script: status(
        401,
        openaiError(
          `Incorrect API key provided: ${TEST_KEY}.`,
          'invalid_request_error',
          'invalid_api_key',
        ),
      ),
      expected: 502,
      code: 'upstream_credential',
      words: /Incorrect API key provided/,
      speaker: 'upstream',
    },
    {
      name: 'gone',
      title: '502 where nobody listened',
      script: stall,
      target: { origin: `http://127.0.0.1:${refused}` },
      expected: 502,
      code: 'upstream_unreachable',
      speaker: 'gateway',
    },
    {
      name: 'late',
      title: '504 where nothing came in time',
      script: stall,
      target: { provider: QUICK },
      expected: 504,
      code: 'upstream_timeout',
      speaker: 'gateway',
      modes: STREAMED,
    },
  ]
  const cases = rows.flatMap((row) =>
    (row.modes ?? ['unary', 'streamed']).map((mode) => ({
      ...row,
      mode,
      model: `${row.name}-${mode}`,
      backup: `${row.name}-backup-${mode}`,
    })),
  )
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      cases.flatMap((one): Target[] => [
        { name: one.model, dialect: 'openai', ...one.target },
        { name: one.backup, dialect: 'anthropic' },
      ]),
      cases.map((one): Grant => ({ model: one.model, failover: [one.backup] })),
    ),
    env: { TEST_KEY },
  })
  for (const one of cases) {
    upstream.on(`/${one.model}/`, one.script)
    upstream.on(`/${one.backup}/`, overloaded)
  }

  for (const one of cases) {
    await t.test(`${one.title}, ${one.mode}`, async () => {
      const reply = await postChat(proxy, chatBody(one.model, one.mode), { user: 'caller' })
      const error = assertOpenAiError(reply, one.expected)
      if (one.code !== undefined) assert.equal(error.code, one.code)
      if (one.words !== undefined) assert.match(error.message, one.words)
      assert.doesNotMatch(error.message, /The backup is full/)
      const told = reply.text + JSON.stringify(reply.headers)
      assert.ok(!told.includes(TEST_KEY), 'a key repeated by its provider is redacted')
      assert.equal(reply.headers['x-aiproxy-error'], one.speaker)
      if (one.name === 'slow') assert.equal(reply.headers['retry-after'], '30')
      const models = readAttempts(reply.headers).map((attempt) => attempt.model)
      assert.deepEqual(models.slice(0, 2), [one.model, one.backup])
      assert.ok(upstream.requestsTo(`/${one.backup}/`).length >= 1, 'the backup was asked')
      assert.ok(models.length <= 3, 'at most three attempts a request')

      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(record['status'], one.expected)
      assert.equal(record['outcome'], 'failed')
      assert.equal(record['served_model'], undefined)
      assertNoTokens(record)
      assert.deepEqual(
        attemptsOf(record).map((attempt) => attempt['model']),
        models,
      )
    })
  }

  await t.test('that key is in no log line and on no console either', () => {
    const written = JSON.stringify(proxy.log()) + proxy.stdout() + proxy.stderr()
    assert.ok(!written.includes(TEST_KEY))
  })
})

test('the failover list is a chain', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const down = status(503, openaiError('Down.', 'server_error', null))
  const names = ['first', 'second', 'third'] as const
  const chain = (prefix: string): Target[] =>
    names.map((name) => ({ name: `${prefix}-${name}`, dialect: 'openai' }))
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      [...chain('a'), ...chain('b'), ...chain('c')],
      [
        { model: 'a-first', failover: ['a-second', 'a-third'] },
        { model: 'b-first', failover: ['b-second'] },
        { model: 'c-first', failover: ['c-second'] },
      ],
    ),
    env: { TEST_KEY },
  })

  await t.test('targets are tried in its order, and naming one there is the grant', async () => {
    upstream.on('/a-first/', down)
    upstream.on('/a-second/', down)
    upstream.on('/a-third/', openaiAnswers)
    const reply = await postChat(proxy, chatBody('a-first', 'unary'), { user: 'caller' })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(attemptPairs(reply.headers), [
      ['a-first', 503],
      ['a-second', 503],
      ['a-third', 200],
    ])
    const direct = await postChat(proxy, chatBody('a-third', 'unary'), { user: 'caller' })
    assertOpenAiError(direct, 404)
  })

  await t.test('each target is asked under its own name', () => {
    assert.equal(dig(upstream.requestsTo('/a-first/')[0]?.json(), 'model'), 'a-first')
    assert.equal(dig(upstream.requestsTo('/a-third/')[0]?.json(), 'model'), 'a-third')
  })

  await t.test('a target rests for its Retry-After and is skipped meanwhile', async () => {
    upstream.on(
      '/b-first/',
      status(429, openaiError('Later.', 'rate_limit_error', null), {
        'retry-after': '60',
      }),
    )
    upstream.on('/b-second/', openaiAnswers)
    for (let call = 0; call < 3; call += 1) {
      const reply = await postChat(proxy, chatBody('b-first', 'unary'), { user: 'caller' })
      assert.equal(reply.status, 200, reply.text)
    }
    assert.equal(upstream.requestsTo('/b-first/').length, 1)
    assert.equal(upstream.requestsTo('/b-second/').length, 3)
  })

  await t.test('a target that keeps failing rests', async () => {
    upstream.on('/c-first/', down)
    upstream.on('/c-second/', openaiAnswers)
    for (let call = 0; call < 20; call += 1) {
      const reply = await postChat(proxy, chatBody('c-first', 'unary'), { user: 'caller' })
      assert.equal(reply.status, 200, reply.text)
    }
    const asked = upstream.requestsTo('/c-first/').length
    assert.ok(asked < 20, `asked ${asked} times of 20`)
    assert.equal(upstream.requestsTo('/c-second/').length, 20)
  })
})

test('`failover.on` narrows or widens what moves on', { timeout: 60_000 }, async (t) => {
  const upstream: Upstream = await createUpstream(t)
  const targets: Target[] = [
    { name: 'first', dialect: 'openai' },
    { name: 'second', dialect: 'openai' },
  ]
  const grants = [{ model: 'first', failover: ['second'] }]
  upstream.on('/second/', openaiAnswers)

  await t.test('`any` is the literal rule: a 400 moves on too', async (t2) => {
    upstream.on('/first/', status(400, openaiError('Odd.', 'invalid_request_error', null)))
    const proxy = await startProxy(t2, {
      config: targetsConfig(upstream, targets, grants, 'failover: { on: any }\n'),
      env: { TEST_KEY },
    })
    const reply = await postChat(proxy, chatBody('first', 'unary'), { user: 'caller' })
    assert.equal(reply.status, 200, reply.text)
    assert.deepEqual(attemptPairs(reply.headers), [
      ['first', 400],
      ['second', 200],
    ])
  })

  await t.test('a list of classes: what is not on it stays', async (t2) => {
    upstream.on('/first/', status(500, openaiError('Broke.', 'server_error', null)))
    const before = upstream.requestsTo('/second/').length
    const proxy = await startProxy(t2, {
      config: targetsConfig(upstream, targets, grants, 'failover: { on: [rate, overload] }\n'),
      env: { TEST_KEY },
    })
    const reply = await postChat(proxy, chatBody('first', 'unary'), { user: 'caller' })
    assertOpenAiError(reply, 500)
    assert.equal(upstream.requestsTo('/second/').length, before)
  })

  await t.test('one deadline spans all attempts', async (t2) => {
    upstream.on('/first/', stall)
    const proxy = await startProxy(t2, {
      config: targetsConfig(upstream, targets, grants, 'failover: { deadline: 300ms }\n'),
      env: { TEST_KEY },
    })
    const reply = await postChat(proxy, chatBody('first', 'unary'), { user: 'caller' })
    const error = assertOpenAiError(reply, 504)
    assert.equal(error.code, 'upstream_timeout')
    const first = upstream.requestsTo('/first/').at(-1)
    assert.equal((await first?.over)?.how, 'cut', 'the attempt was aborted, not left hanging')
  })
})
