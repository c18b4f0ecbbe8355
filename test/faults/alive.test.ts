/** What a caller sees while nobody has answered yet, and what happens when it stops looking. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLimiter } from '../../src/access/limits.ts'
import type { TestContext } from 'node:test'
import { loadConfigText } from '../../src/config/load.ts'
import { createRedactor } from '../../src/errors/redact.ts'
import { runExchange } from '../../src/exchange.ts'
import type { Call, ReplySink } from '../../src/exchange/call.ts'
import { createHealth } from '../../src/routing/health.ts'
import { createRoutes } from '../../src/routing/targets.ts'
import { createUpstream } from '../../src/upstream/upstream.ts'
import type { AuditRecord } from '../../src/usage/audit.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { HELLO_MESSAGES } from '../support/calls.ts'
import { createGate, within } from '../support/owner.ts'
import { HELLO } from '../support/replies.ts'
import { answers, createRawUpstream } from './raw-upstream.ts'
import type { RawUpstream, Script, Shape } from './raw-upstream.ts'
import { createRandom } from '../support/random.ts'
import { createStand } from './run-case.ts'

const SHAPE: Shape = {
  mode: 'after',
  dialect: 'openai',
  framing: 'chunked',
  random: createRandom(1),
}
const TIMEOUTS = 'connect: 2s, first_byte: 10s, idle: 10s'

async function provider(t: TestContext, ...scripts: Script[]): Promise<RawUpstream> {
  const upstream = await createRawUpstream(SHAPE, scripts)
  t.after(() => upstream.close())
  return upstream
}

interface Watched {
  readonly record: UsageRecord
  readonly status: number | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
  /** Lines on record when the reply ended. */
  readonly loggedAtEnd: number
}

/** One streamed call with signs of life after 20 ms; `onText` sees what the caller has so far. */
async function watch(
  t: TestContext,
  places: readonly RawUpstream[],
  api: 'chat' | 'messages',
  onText: (text: string) => void,
): Promise<Watched> {
  const names = places.map((_, index) => `m${index}`)
  const yaml = [
    'providers:',
    ...places.map(
      ({ port }, index) =>
        `  p${index}: { dialect: openai, base_url: "http://127.0.0.1:${port}/v1", api_key: "\${KEY}", timeouts: { ${TIMEOUTS} } }`,
    ),
    'models:',
    ...names.map((name, index) => `  ${name}: { provider: p${index}, max_tokens: 100 }`),
    `users: { caller: { models: [{ name: m0, failover: [${names.slice(1).join(', ')}] }] } }`,
  ].join('\n')
  const config = await loadConfigText(yaml, '/aiproxy.yaml', {
    env: { KEY: 'sk-test-0123456789abcdef' },
    cwd: '/',
    home: '/',
  })
  const upstream = createUpstream({ mockUrl: undefined })
  t.after(() => upstream.close())
  const user = config.users.get('caller') ?? assert.fail('no user')
  const records: UsageRecord[] = []
  const audited: AuditRecord[] = []
  let status: number | undefined
  let headers = new Map<string, string>()
  let text = ''
  let loggedAtEnd = -1
  const sink: ReplySink = {
    head(code, pairs) {
      assert.equal(status, undefined, 'one head')
      status = code
      headers = new Map(pairs.map(([name, value]) => [name, value]))
    },
    write(chunk) {
      text += Buffer.from(chunk).toString('utf8')
      onText(text)
      return true
    },
    end(chunk) {
      assert.equal(loggedAtEnd, -1, 'one end')
      if (chunk !== undefined) text += Buffer.from(chunk).toString('utf8')
      loggedAtEnd = Math.min(records.length, audited.length)
    },
    onDrain() {},
    onGone() {},
  }
  const body = Buffer.from(
    JSON.stringify({ model: 'm0', max_tokens: 64, messages: HELLO_MESSAGES, stream: true }),
  )
  const call: Call = {
    id: 'req_alive',
    api,
    headers: {},
    readBody: async () => body,
    startedMs: performance.now(),
  }
  await within(
    runExchange(call, sink, {
      config,
      routes: createRoutes(config),
      health: createHealth(),
      upstream,
      ledger: {
        append(record) {
          records.push(record)
          return ''
        },
        available: true,
        check: () => true,
        close() {},
      },
      audit: {
        append(line) {
          audited.push(line)
          return ''
        },
        available: true,
        check: () => true,
        close() {},
      },
      redact: createRedactor([]),
      hooks: {},
      limits: createLimiter({ monotonicMs: () => performance.now(), wallMs: () => Date.now() }),
      useOf: () => ({ tokens: 0, costUsd: 0 }),
      quietMs: 20,
      identify: () => user,
    }),
    'the end of the exchange',
  )
  const [record] = records
  assert(record !== undefined && records.length === 1)
  assert.deepEqual(
    audited.map(({ status: code, reply }) => [code, reply]),
    [[record.status, text]],
    'the audit has what the caller got, signs of life and all',
  )
  return { record, status, headers, text, loggedAtEnd }
}

test('a silent stream is kept alive by comments, and failover goes on behind them', async (t) => {
  const gate = createGate()
  const slow = await provider(t, async (peer) => {
    await gate.opened
    await peer.json(503, { error: { message: 'Busy.', type: 'server_error' } })
  })
  const backup = await provider(t, answers)
  const seen = await watch(t, [slow, backup], 'chat', (text) => {
    if (text.includes(': keep-alive\n\n')) gate.open()
  })
  assert.equal(seen.status, 200)
  assert.equal(seen.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  assert.equal(seen.record.served_model, 'm1')
  assert.equal(seen.record.outcome, 'ok')
  const said = [...seen.text.matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word).join('')
  assert.equal(said, HELLO)
  assert.equal(seen.text.match(/\[DONE\]/g)?.length, 1)
})

test('an Anthropic caller is kept alive by pings, and told of the failure by an error event', async (t) => {
  const gate = createGate()
  const slow = await provider(t, async (peer) => {
    await gate.opened
    await peer.json(400, { error: { message: 'No.', type: 'invalid_request_error' } })
  })
  const seen = await watch(t, [slow], 'messages', (text) => {
    if (text.includes('event: ping\ndata: {"type":"ping"}\n\n')) gate.open()
  })
  assert.equal(seen.status, 200)
  assert.match(
    seen.text,
    /event: error\ndata: \{"type":"error","error":\{"type":"invalid_request_error"/,
  )
  assert.ok(!seen.text.includes('message_stop'))
  assert.equal(seen.record.outcome, 'failed')
  assert.equal(seen.record.status, 400)
})

test('a reply ends only after its line was written', async (t) => {
  const good = await provider(t, answers)
  const seen = await watch(t, [good], 'chat', () => {})
  assert.equal(seen.loggedAtEnd, 1)
})

test('a caller who leaves takes the provider’s connection along within 100 ms', async (t) => {
  let leftAtMs = Infinity
  const gate = createGate()
  const closed = createGate()
  const silent = await provider(t, async (peer) => {
    await peer.open()
    await peer.say(peer.begin)
    gate.open()
    await peer.left
    leftAtMs = performance.now()
    closed.open()
  })
  const stand = await createStand({
    places: [{ name: 'm', dialect: 'openai', origin: `http://127.0.0.1:${silent.port}` }],
    stream: true,
    deadlineMs: 10_000,
    timeouts: TIMEOUTS,
  })
  t.after(() => stand.close())
  const call = stand.start(true)
  await within(gate.opened, 'the first content')
  const goneAtMs = performance.now()
  call.leave()
  await within(closed.opened, 'the connection to close')
  assert.ok(leftAtMs - goneAtMs < 100, `${leftAtMs - goneAtMs} ms`)
  const ending = await call.over
  assert.equal(ending.log[0]?.['status'], 499)
  assert.equal(ending.log.length, 1)
})

test('a caller who leaves while a retry waits ends the wait', async (t) => {
  const limited = await provider(t, (peer) =>
    peer.json(429, { error: { message: 'Slow.', type: 'x' } }, 'retry-after: 9\r\n'),
  )
  const stand = await createStand({
    places: [{ name: 'm', dialect: 'openai', origin: `http://127.0.0.1:${limited.port}` }],
    stream: true,
    deadlineMs: 60_000,
    timeouts: TIMEOUTS,
  })
  t.after(() => stand.close())
  const call = stand.start(true)
  while (limited.requests === 0) await new Promise((resolve) => setImmediate(resolve))
  // Another request goes all the way meanwhile, so that the first one is in its wait.
  await new Promise((resolve) => setTimeout(resolve, 50))
  call.leave()
  const ending = await within(call.over, 'the end of the wait', 2_000)
  assert.equal(ending.log[0]?.['outcome'], 'aborted')
  assert.equal(limited.requests, 1)
})

test('a slow reader holds the provider back, and gets everything in the end', async (t) => {
  const BLOCKS = 64
  const block = `data: {"choices":[{"index":0,"delta":{"content":"${'x'.repeat(256 * 1024)}"}}]}\n\n`
  const gate = createGate()
  let sent = 0
  const fast = await provider(
    t,
    async (peer) => {
      await peer.open()
      await peer.say(peer.begin)
      gate.open()
      for (; sent < BLOCKS; sent += 1) await peer.say(block)
      await peer.say(peer.rest)
      await peer.finish()
    },
    answers,
  )
  const stand = await createStand({
    places: [{ name: 'm', dialect: 'openai', origin: `http://127.0.0.1:${fast.port}` }],
    stream: true,
    deadlineMs: 20_000,
    timeouts: TIMEOUTS,
  })
  t.after(() => stand.close())
  const slow = stand.start(true)
  slow.stall()
  await within(gate.opened, 'the first content')
  for (let other = 0; other < 5; other += 1) {
    assert.equal((await stand.run(true)).log[0]?.['outcome'], 'ok', 'others are not held back')
  }
  assert.ok(slow.bytes() < 2 * 1024 * 1024, `${slow.bytes()} bytes reached a reader that stalls`)
  assert.ok(sent < BLOCKS, 'the provider has not got rid of everything')
  slow.drain()
  const ending = await within(slow.over, 'the end')
  assert.equal(ending.log[0]?.['outcome'], 'ok')
  assert.ok(slow.bytes() > BLOCKS * 256 * 1024)
})
