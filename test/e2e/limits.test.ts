/** Limits and budgets as callers meet them: races, failover, restarts, and what is said about it. */
import assert from 'node:assert/strict'
import { renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { HELLO_MESSAGES, assertOpenAiError, openChat, postChat } from '../support/calls.ts'
import { startAndLeave } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { createGate, within } from '../support/owner.ts'
import { attemptsOf, createDirectory, readLog, runCli, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { openaiAnswers, openaiChat, openaiError } from '../support/replies.ts'
import { parseStructuredList } from '../support/structured.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import type { Target } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Upstream } from '../support/upstream.ts'

const TIMEOUT = { timeout: 60_000 }
const ENV = { TEST_KEY }
// Four characters a token: 2 tokens of prompt ("user" and "Hello" are 9 characters: 3 tokens).
const PROMPT_TOKENS = 3
// What every scripted reply reports.
const USED_TOKENS = 52

const openai = (name: string, model?: string): Target => ({
  name,
  dialect: 'openai',
  ...(model !== undefined && { model }),
})

/** Models of one upstream; `users` is YAML below `users:`, indented by two. */
function config(upstream: Upstream, targets: readonly Target[], users: string, top = ''): string {
  const [head = ''] = targetsConfig(upstream, targets, []).split('users:\n')
  return `${top}${head}users:\n${users}`
}

/** A moment of the running day that is not about to end: the tests below speak of one day. */
function ownDay(t: TestContext): boolean {
  const leftMs = 86_400_000 - (Date.now() % 86_400_000)
  if (leftMs > 60_000) return true
  t.skip('the UTC day is about to end')
  return false
}

function ask(proxy: Proxy, model: string, user = 'caller', more: object = {}): Promise<Reply> {
  return postChat(proxy, { model, messages: HELLO_MESSAGES, ...more }, { user })
}

function secondsUntilMidnight(): number {
  return Math.ceil((86_400_000 - (Date.now() % 86_400_000)) / 1000)
}

const RACES = [
  { what: 'requests', limits: 'requests: 10/day', code: 'budget_exceeded', model: '' },
  { what: 'requests per minute', limits: 'requests: 10/minute', code: 'rate_limited', model: '' },
  // 10 × (3 + 49) tokens of estimate, which is also what each reply reports.
  {
    what: 'tokens',
    limits: `tokens: ${10 * (PROMPT_TOKENS + 49)}/day`,
    code: 'budget_exceeded',
    model: '',
  },
  // 10 × (3 × $1000 + 49 × $2000) / 1M = $1.01.
  {
    what: 'dollars',
    limits: 'cost: 1.01 USD/day',
    code: 'budget_exceeded',
    model: 'price: { input: 1000, output: 2000 }',
  },
]
for (const { what, limits, code, model } of RACES) {
  test(
    `200 at once on a budget of 10 in ${what}: exactly 10 reach the provider`,
    TIMEOUT,
    async (t) => {
      if (!ownDay(t)) return
      const gate = createGate()
      const upstream = await createUpstream(t, async (reply) => {
        await gate.opened
        reply.json(200, openaiChat())
      })
      const proxy = await startProxy(t, {
        config: config(
          upstream,
          [openai('m', model === '' ? undefined : model)],
          `  caller: { models: [m], limits: { ${limits} } }\n`,
        ),
        env: ENV,
      })
      const refusals: Reply[] = []
      const refused = createGate()
      const replies = Array.from({ length: 200 }, async () => {
        const reply = await ask(proxy, 'm', 'caller', { max_tokens: 49 })
        if (reply.status === 429) refusals.push(reply)
        if (refusals.length === 190) refused.open()
        return reply
      })
      // Nobody is answered before the gate opens: these were refused while 10 were under way.
      await within(refused.opened, 'the 190 refusals')
      while (upstream.requests.length < 10) {
        // oxlint-disable-next-line no-await-in-loop -- until they are there
        await upstream.arrival()
      }
      gate.open()
      const statuses = (await Promise.all(replies)).map(({ status }) => status)
      assert.equal(statuses.filter((status) => status === 200).length, 10)
      await proxy.event('the last request', () => proxy.log().length === 200)
      assert.equal(upstream.requests.length, 10)

      for (const reply of refusals) assert.equal(assertOpenAiError(reply, 429).code, code)
      const outcomes = proxy.log().map((line) => [line['outcome'], line['error'], line['status']])
      const count = (outcome: string): number => outcomes.filter(([own]) => own === outcome).length
      assert.deepEqual([count('ok'), count('refused')], [10, 190])
      assert.ok(outcomes.every(([own, error]) => own === 'ok' || error === code))
    },
  )
}

test('a refusal says which limit, how long, and not to try again', TIMEOUT, async (t) => {
  if (!ownDay(t)) return
  const upstream = await createUpstream(t, openaiAnswers)
  const proxy = await startProxy(t, {
    config: config(
      upstream,
      [openai('m')],
      '  daily: { models: [m], limits: { requests: 1/day } }\n' +
        '  quick: { models: [m], limits: { requests: 1/minute } }\n' +
        '  small: { models: [m], limits: { tokens: 100/day } }\n' +
        '  free: { models: [m] }\n',
    ),
    env: ENV,
  })

  await t.test('a budget: until midnight in UTC, and SDKs are told to give up', async () => {
    assert.equal((await ask(proxy, 'm', 'daily')).status, 200)
    const reply = await ask(proxy, 'm', 'daily')
    const error = assertOpenAiError(reply, 429)
    assert.deepEqual([error.code, error.type], ['budget_exceeded', 'insufficient_quota'])
    assert.match(
      error.message,
      /^The limit of 1 request per day is reached\. Try again at .*T00:00:00Z\.$/,
    )
    const wait = Number(reply.headers['retry-after'])
    assert.ok(Math.abs(wait - secondsUntilMidnight()) <= 2, `${wait} s`)
    assert.equal(reply.headers['x-should-retry'], 'false')
    assert.equal(reply.headers['x-aiproxy-error'], 'gateway')
    assert.equal(reply.headers['x-ratelimit-limit-requests'], '1')
    assert.equal(reply.headers['x-ratelimit-remaining-requests'], '0')
    assert.match(reply.headers['x-ratelimit-reset-requests'] ?? '', /^(\d+h)?(\d+m)?\d+s$/)
    assert.equal(reply.headers['x-aiproxy-attempts'], undefined, 'nobody was asked')
  })

  await t.test('a rate: within the minute, and SDKs may wait for it', async () => {
    const first = await ask(proxy, 'm', 'quick')
    assert.equal(first.headers['x-ratelimit-remaining-requests'], '0')
    const reply = await ask(proxy, 'm', 'quick')
    const error = assertOpenAiError(reply, 429)
    assert.deepEqual([error.code, error.type], ['rate_limited', 'rate_limit_error'])
    const wait = Number(reply.headers['retry-after'])
    assert.ok(wait > 0 && wait <= 61, `${wait} s`)
  })

  await t.test('a request that never fits: no wait is told', async () => {
    const reply = await ask(proxy, 'm', 'small', { max_tokens: 98 })
    assert.match(
      assertOpenAiError(reply, 429).message,
      /^This request may use up to 101 tokens, which is more/,
    )
    assert.equal(reply.headers['retry-after'], undefined)
    assert.equal(reply.headers['x-should-retry'], 'false')
    const smaller = await ask(proxy, 'm', 'small', { max_tokens: 97 })
    assert.equal(smaller.status, 200)
    assert.equal(smaller.headers['x-ratelimit-remaining-tokens'], '0', 'all of it is reserved')
    // 52 of 100 were used in the end.
    const next = await ask(proxy, 'm', 'small', { max_tokens: 45 })
    assert.equal(next.status, 200)
  })

  await t.test('who is not limited hears nothing of limits, whatever others do', async () => {
    for (let i = 0; i < 5; i += 1) {
      const reply = await ask(proxy, 'm', 'free')
      assert.equal(reply.status, 200)
      const names = Object.keys(reply.headers).filter((name) => name.includes('ratelimit'))
      assert.deepEqual(names, [])
    }
  })

  await t.test('a request that is refused for another reason costs nothing', async () => {
    const body = { model: 'gpt-unknown', messages: HELLO_MESSAGES }
    assert.equal((await postChat(proxy, body, { user: 'small' })).status, 404)
    assert.equal((await postChat(proxy, 'no JSON', { user: 'small' })).status, 400)
  })
})

test(
  "a provider's own figures stand alone, ours fill in what it does not tell",
  TIMEOUT,
  async (t) => {
    const upstream = await createUpstream(t)
    const proxy = await startProxy(t, {
      config: config(
        upstream,
        [openai('m')],
        '  caller: { models: [m], limits: { requests: 100/month, tokens: 1M/month } }\n',
      ),
      env: ENV,
    })
    upstream.on('/m/', (reply) => {
      reply.json(200, openaiChat(), { 'x-ratelimit-remaining-tokens': '7' })
    })
    const told = await ask(proxy, 'm')
    assert.equal(told.headers['x-ratelimit-remaining-tokens'], '7')
    assert.equal(told.headers['x-ratelimit-limit-tokens'], undefined, 'half of another limit')
    assert.equal(told.headers['x-ratelimit-limit-requests'], '100')
    assert.equal(told.headers['x-ratelimit-remaining-requests'], '99')
    upstream.on('/m/', (reply) => {
      reply.json(500, openaiError('Oops.', 'server_error', null))
    })
    const failed = await ask(proxy, 'm')
    assert.equal(failed.status, 500)
    assert.equal(failed.headers['x-ratelimit-remaining-requests'], '98')
    assert.equal(failed.headers['x-ratelimit-limit-tokens'], '1000000')
  },
)

test('limits per model are checked for every target', TIMEOUT, async (t) => {
  if (!ownDay(t)) return
  const upstream = await createUpstream(t, openaiAnswers)
  const proxy = await startProxy(t, {
    config: config(
      upstream,
      [openai('main'), openai('backup'), openai('last')],
      `  caller:
    models:
      - { name: main, failover: [backup, last], limits: { requests: 4/day } }
      - { name: backup, limits: { requests: 1/day } }
    limits: { requests: 5/day }
`,
    ),
    env: ENV,
  })
  upstream.on('/main/', (reply) => {
    reply.json(400, openaiError('Too long.', 'invalid_request_error', 'context_length_exceeded'))
  })

  await t.test('the backup answers while it may', async () => {
    const reply = await ask(proxy, 'main')
    assert.equal(reply.headers['x-aiproxy-model'], 'backup')
    assert.equal(reply.headers['x-ratelimit-remaining-requests'], '0', 'of its own limit')
  })

  await t.test('then it is passed over, for all to see, and the next one answers', async () => {
    const reply = await ask(proxy, 'main')
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['x-aiproxy-model'], 'last')
    const attempts = parseStructuredList(reply.headers['x-aiproxy-attempts'] ?? '')
    assert.deepEqual(
      attempts.map((item) => [item.value, item.params.get('status'), item.params.get('class')]),
      [
        ['main', 400, undefined],
        ['backup', undefined, 'limit'],
        ['last', 200, undefined],
      ],
    )
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(attemptsOf(record)[1]?.['class'], 'limit')
    assert.equal(upstream.requestsTo('/backup/').length, 1)
    const told = proxy.events().filter((event) => event['event'] === 'failover')
    assert.equal(told.length, 3)
  })

  await t.test('asked for itself it refuses, and nobody stands in for it', async () => {
    const reply = await ask(proxy, 'backup')
    assert.match(
      assertOpenAiError(reply, 429).message,
      /^The limit of 1 request per day for backup /,
    )
    assert.equal(upstream.requestsTo('/backup/').length, 1)
  })

  await t.test('where no backup is left, the requested model speaks', async () => {
    upstream.on('/last/', (reply) => {
      reply.json(503, openaiError('Busy.', 'server_error', null))
    })
    const reply = await ask(proxy, 'main')
    assert.equal(assertOpenAiError(reply, 400).code, 'context_length_exceeded')
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['outcome'], 'failed')
  })

  await t.test('what failed counts as a request, too', async () => {
    const reply = await ask(proxy, 'main')
    assert.equal(reply.headers['x-ratelimit-remaining-requests'], '0')
    const sixth = await ask(proxy, 'main')
    assert.equal(sixth.status, 429)
  })
})

test(
  'no more at once than allowed; who leaves makes room and pays the prompt',
  TIMEOUT,
  async (t) => {
    const upstream = await createUpstream(t, (reply) => reply.stall())
    const proxy = await startProxy(t, {
      config: config(
        upstream,
        [openai('m')],
        '  caller: { models: [m], limits: { concurrency: 1, tokens: 10k/month } }\n',
      ),
      env: ENV,
    })
    const body = { model: 'm', messages: HELLO_MESSAGES, max_tokens: 1000 }
    const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
      body,
      headers: { 'x-user': 'caller' },
    })
    await upstream.firstRequestTo('/m/')
    const refused = await ask(proxy, 'm')
    assert.match(assertOpenAiError(refused, 429).message, /1 request at the same time/)
    assert.equal(refused.headers['retry-after'], '1')
    assert.equal(refused.headers['x-should-retry'], undefined, 'trying again soon is right')
    call.leave()
    await proxy.event('the end of the call', (line) => line['outcome'] === 'aborted')
    upstream.on('/m/', openaiAnswers)
    const next = await ask(proxy, 'm', 'caller', { max_tokens: 1000 })
    assert.equal(next.status, 200)
    const left = 10_000 - PROMPT_TOKENS - (PROMPT_TOKENS + 1000)
    assert.equal(next.headers['x-ratelimit-remaining-tokens'], String(left))
  },
)

test('a stream is settled when it ends', TIMEOUT, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const proxy = await startProxy(t, {
    config: config(
      upstream,
      [openai('m')],
      '  caller: { models: [m], limits: { tokens: 10k/month } }\n',
    ),
    env: ENV,
  })
  const body = { model: 'm', messages: HELLO_MESSAGES, stream: true, max_completion_tokens: 9000 }
  for (let turn = 0; turn < 3; turn += 1) {
    const reply = await openChat(proxy, body, { user: 'caller' })
    assert.equal(reply.status, 200)
    const left = 10_000 - turn * USED_TOKENS - PROMPT_TOKENS - 9000
    assert.equal(reply.headers['x-ratelimit-remaining-tokens'], String(left))
    const whole = await reply.rest()
    await proxy.record(whole.headers['x-request-id'])
  }
})

test(
  'limits outlive the process: serve and ask begin with what the log remembers',
  TIMEOUT,
  async (t) => {
    if (!ownDay(t)) return
    const upstream = await createUpstream(t, openaiAnswers)
    const folder = createDirectory(t)
    const log = join(folder, 'usage.jsonl')
    const text = config(
      upstream,
      [openai('m'), openai('other')],
      `  caller: { models: [m, { name: other, limits: { requests: 1/month } }], limits: { requests: 4/day } }
  free: { models: [m] }
`,
      `log: ${JSON.stringify(log)}\n`,
    )
    const first = await startProxy(t, { config: text, env: ENV })
    const spent = await ask(first, 'm')
    assert.equal(spent.headers['x-ratelimit-remaining-requests'], '3')
    assert.equal((await ask(first, 'other')).status, 200)
    for (let i = 0; i < 9; i += 1) assert.equal((await ask(first, 'm', 'free')).status, 200)
    first.signal('SIGKILL')
    await first.exited
    // Rotated in between, as logrotate does it.
    renameSync(log, `${log}.1`)

    const second = await startProxy(t, { config: text, env: ENV })
    const third = await ask(second, 'm')
    assert.equal(third.status, 200)
    assert.equal(
      third.headers['x-ratelimit-remaining-requests'],
      '1',
      'two before, this one, one left',
    )
    assert.match(
      assertOpenAiError(await ask(second, 'other'), 429).message,
      /1 request per month for other/,
    )
    assert.equal((await ask(second, 'm', 'free')).status, 200)

    writeFileSync(join(folder, 'aiproxy.yaml'), text)
    const home = createDirectory(t)
    const run = (): ReturnType<typeof runCli> =>
      runCli(['ask', '-u', 'caller', '-m', 'm', '--no-stdin', 'Hello'], {
        cwd: folder,
        home,
        env: ENV,
      })
    const asked = await run()
    assert.equal(asked.code, 0, asked.stderr)
    const refused = await run()
    assert.equal(refused.code, 4, refused.stderr)
    assert.match(refused.stderr, /The limit of 4 requests per day is reached\. Try again at /)
    assert.equal(refused.stdout, '')
    const outcomes = readLog(log).map((line) => [line['user'], line['outcome']])
    assert.deepEqual(outcomes.at(-1), ['caller', 'refused'])
  },
)

test(
  'a log that cannot be read keeps a limited proxy from starting, and no other',
  TIMEOUT,
  async (t) => {
    const upstream = await createUpstream(t, openaiAnswers)
    const folder = createDirectory(t)
    // A link to itself: not even who may read everything can read that.
    const path = join(folder, 'usage.jsonl')
    symlinkSync(path, path)
    const log = `log: ${JSON.stringify(path)}\n`
    const limited = '  caller: { models: [m], limits: { requests: 4/day } }\n'
    const home = createDirectory(t)
    writeFileSync(join(home, 'limited.yaml'), config(upstream, [openai('m')], limited, log))
    const result = await runCli(['serve', '-p', '0', '-c', 'limited.yaml'], {
      cwd: home,
      home,
      env: ENV,
    })
    assert.equal(result.code, 1)
    assert.match(
      result.stderr,
      /usage log .* cannot be read, so nobody knows what is left of the limits/,
    )
    const free = config(upstream, [openai('m')], '  caller: { models: [m] }\n', log)
    await startProxy(t, { config: free, env: ENV })
  },
)
