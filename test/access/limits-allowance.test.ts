/** How one exchange estimates, settles, and words what its limits refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimiter } from '../../src/access/limits.ts'
import type { Limiter } from '../../src/access/limits.ts'
import { Allowance } from '../../src/exchange/allowance.ts'
import type { Limits, User } from '../../src/config/config.ts'
import type { Api } from '../../src/dialects/dialect.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import type { Inbound } from '../../src/dialects/prepare.ts'
import { callerDialect } from '../../src/dialects/registry.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import type { Target } from '../../src/routing/targets.ts'
import { createUseOf } from '../../src/usage/past-use.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { createTestClock, limitedUser } from './limits-clock.ts'

const NOON = '2026-11-22T12:00:00Z'
// A dollar a token in, two a token out.
const useOf = createUseOf(() => ({ input: 1e6, output: 2e6 }))

function target(name: string, maxTokens?: number, mock = false): Target {
  return {
    model: {
      name,
      provider: 'p',
      upstreamName: name,
      maxTokens,
      strict: false,
      price: undefined,
      rules: {},
    },
    key: `p ${name}`,
    provider: {
      name: 'p',
      dialect: 'openai',
      api: 'auto',
      baseUrl: '',
      credential: { kind: 'none' },
      mock,
      timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1 },
    },
  }
}

function inbound(json: JsonObject): Inbound {
  return {
    api: 'chat',
    caller: callerDialect('chat'),
    headers: {},
    body: new Uint8Array(),
    json,
    stream: false,
    request: () => assert.fail('a relay decodes nothing'),
    decoded: () => undefined,
  }
}

function record(changes: Partial<UsageRecord> = {}): UsageRecord {
  return { ts: NOON, id: 'r', api: 'chat', status: 200, outcome: 'ok', ms: 1, ...changes }
}

interface Scene {
  readonly limiter: Limiter
  readonly user: User
  readonly allowance: Allowance
  readonly left: () => number | undefined
}

function scene(limits: Partial<Limits>, api: Api = 'chat'): Scene {
  const limiter = createLimiter(createTestClock(NOON))
  const user = limitedUser(limits)
  return {
    limiter,
    user,
    allowance: new Allowance(api, { limits: limiter, useOf }),
    left: () => limiter.standings(user, ['m']).tokens?.remaining,
  }
}

// "user" and 36 more characters: 10 tokens.
const PROMPT = { messages: [{ role: 'user', content: 'x'.repeat(36) }] }
const TOKENS = [{ amount: 10_000, window: 'day' }] as const

const ESTIMATES: ReadonlyArray<readonly [string, Api, JsonObject, Target, number]> = [
  ['the most it asks for', 'chat', { ...PROMPT, max_tokens: 500 }, target('m'), 510],
  ['the most of all its choices', 'chat', { ...PROMPT, max_tokens: 500, n: 4 }, target('m'), 2010],
  ['a usual answer where it does not say', 'chat', PROMPT, target('m'), 10 + 1024],
  ["at most the model's own ceiling", 'chat', PROMPT, target('m', 200), 210],
  ['not more for a model that can do more', 'chat', PROMPT, target('m', 64_000), 10 + 1024],
  ['no answer for embeddings', 'embeddings', { input: 'x'.repeat(40) }, target('m'), 10],
  ['nothing for counting tokens', 'count_tokens', PROMPT, target('m'), 0],
]
for (const [what, api, json, asked, expected] of ESTIMATES) {
  test(`a request reserves its prompt and ${what}`, () => {
    const { allowance, user, left } = scene({ tokens: TOKENS }, api)
    allowance.open(user, asked, inbound(json))
    assert.equal(left(), 10_000 - expected)
  })
}

test('cost is reserved by the price of the target, and a mocked answer costs nothing', () => {
  const limits = { costUsd: [{ amount: 2000, window: 'day' }] } as const
  const { allowance, user } = scene(limits)
  allowance.open(user, target('m'), inbound({ ...PROMPT, max_tokens: 995 }))
  const again = scene(limits)
  const dear = inbound({ ...PROMPT, max_tokens: 996 })
  assert.throws(() => again.allowance.open(again.user, target('m'), dear), {
    code: 'budget_exceeded',
  })
  again.allowance.open(again.user, target('m', undefined, true), dear)
})

test('a refused request is taken back whole, any other counts', () => {
  const limits = { requests: [{ amount: 5, window: 'day' }], tokens: TOKENS } as const
  const { limiter, user } = scene(limits)
  const run = (line: UsageRecord): unknown => {
    const allowance = new Allowance('chat', { limits: limiter, useOf })
    allowance.open(user, target('m'), inbound(PROMPT))
    allowance.settle(line)
    const { requests, tokens } = limiter.standings(user, ['m'])
    return [requests?.remaining, tokens?.remaining]
  }
  const refused = { outcome: 'refused', status: 503, error: 'usage_log_unavailable' } as const
  assert.deepEqual(run(record(refused)), [5, 10_000])
  assert.deepEqual(run(record({ outcome: 'failed', status: 502 })), [4, 10_000])
  const used = { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 }
  assert.deepEqual(run(record({ ...used, served_model: 'm' })), [3, 9970])
  assert.deepEqual(run(record({ ...used, outcome: 'aborted', status: 499 })), [2, 9940])
})

const WAITS = [
  { what: 'seconds', window: 'minute', code: 'rate_limited', retry: undefined },
  { what: 'most of an hour', window: 'hour', code: 'rate_limited', retry: 'false' },
  { what: 'half a day', window: 'day', code: 'budget_exceeded', retry: 'false' },
] as const
for (const { what, window, code, retry } of WAITS) {
  test(`whoever would have to wait ${what} is told ${retry === undefined ? 'how long' : 'to give up'}`, () => {
    const { limiter, user } = scene({ requests: [{ amount: 1, window }] })
    const open = (): void => {
      new Allowance('chat', { limits: limiter, useOf }).open(user, target('m'), inbound(PROMPT))
    }
    open()
    assert.throws(open, (thrown) => {
      assert.ok(thrown instanceof ProxyError)
      assert.equal(thrown.code, code)
      assert.equal(new Map(thrown.headers).get('x-should-retry'), retry)
      assert.ok(thrown.retryAfterSeconds !== undefined && thrown.retryAfterSeconds > 0)
      return true
    })
  })
}

test('before anybody is known there is nothing to tell and nothing to settle', () => {
  const { allowance } = scene({ tokens: TOKENS })
  assert.deepEqual(allowance.headers([]), [])
  assert.equal(allowance.moveTo(target('m')), undefined)
  allowance.settle(record({ outcome: 'refused', status: 401 }))
})
