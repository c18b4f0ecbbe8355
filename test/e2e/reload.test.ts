/** A running proxy follows its config: between requests, whole or not at all, and nobody notices. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as startRequest } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  assertOpenAiError,
  attemptPairs,
  openChat,
  postChat,
  readChatStream,
} from '../support/calls.ts'
import { send } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { digText, list } from '../support/json.ts'
import type { JsonMap } from '../support/json.ts'
import { createGate, within } from '../support/owner.ts'
import type { Gate, Owner } from '../support/owner.ts'
import { readLog, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import {
  HELLO,
  OPENAI_DONE,
  OPENAI_ROLE,
  OPENAI_USAGE,
  asksForStream,
  openaiAnswers,
  openaiChat,
  openaiChunk,
  openaiError,
} from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

const ENV = { FAR_KEY: 'sk-test-0123456789abcdef' }
const UNARY = { model: 'main', messages: HELLO_MESSAGES }

interface Settings {
  /** Base URL of the provider called `far`. */
  readonly base: string
  /** Further YAML. */
  readonly provider?: string
  readonly providers?: string
  readonly models?: string
  readonly grant?: string
  readonly users?: string
  readonly more?: string
}

function configText(settings: Settings): string {
  return [
    'providers:',
    `  far: { dialect: openai, base_url: "${settings.base}", api_key: "\${FAR_KEY}"${settings.provider ?? ''} }`,
    settings.providers ?? '',
    'models:',
    '  main: { provider: far }',
    settings.models ?? '',
    'users:',
    '  caller:',
    `    models: [${settings.grant ?? 'main'}]`,
    settings.users ?? '',
    settings.more ?? '',
    '',
  ].join('\n')
}

const isReload = (event: JsonMap): boolean => event['event'] === 'reload'

/** Puts a file in the place of the config, as editors do. */
function replaceConfig(proxy: Proxy, text: string): void {
  const path = join(proxy.cwd, 'aiproxy.yaml')
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

/** The next `reload` event after `action`. */
async function nextReload(proxy: Proxy, action: () => void): Promise<JsonMap> {
  const before = proxy.events().filter(isReload).length
  action()
  return proxy.event(
    'the next reload',
    (event) => proxy.events().filter(isReload)[before] === event,
  )
}

/** Another config in force, at once. */
async function reload(proxy: Proxy, text: string): Promise<JsonMap> {
  const event = await nextReload(proxy, () => {
    replaceConfig(proxy, text)
    proxy.signal('SIGHUP')
  })
  assert.equal(event['ok'], true, JSON.stringify(event))
  return event
}

const asCaller = (proxy: Proxy, body: unknown = UNARY): Promise<Reply> =>
  postChat(proxy, body, { user: 'caller' })

// ── under load ──────────────────────────────────────────────────────────────────────────────────

const RELOADS = 200
const WATCHED_RELOADS = 4
const CALLERS = 6

/** Wrong in five ways, each of which names its number in the error. */
const BREAKAGES: ReadonlyArray<(good: string, at: number) => { text: string; said: RegExp }> = [
  (good, at) => ({
    text: good.replace('[main]', `[main, broken-${at}]`),
    said: new RegExp(`no model is named "broken-${at}"`),
  }),
  (good, at) => ({ text: `broken-${at}: 1\n${good}`, said: new RegExp(`broken-${at}"`) }),
  // Cut off, in a line that no other error is in.
  (good, at) => ({
    text: `${'#\n'.repeat(1000 + at)}${good.slice(0, good.indexOf('", api_key'))}`,
    said: new RegExp(`^aiproxy\\.yaml:${1000 + at + 2}:`),
  }),
  (good, at) => ({
    text: good.replace('provider: far', `provider: broken-${at}`),
    said: new RegExp(`no provider is named "broken-${at}"`),
  }),
  (_good, at) => ({
    text: `${'#\n'.repeat(2000 + at)}\t: }`,
    said: new RegExp(`^aiproxy\\.yaml:${2000 + at + 1}:`),
  }),
]

test(
  '200 reloads, half of them broken, under load: no request fails',
  { timeout: 60_000 },
  async (t) => {
    // A stream ends with the third reload after its beginning.
    let turnover: Gate = createGate()
    const nextTurn = (): void => {
      const past = turnover
      turnover = createGate()
      past.open()
    }
    let resting = false
    const upstream = await createUpstream(t, async (reply, request) => {
      if (!asksForStream(request.json())) {
        reply.json(200, openaiChat())
        return
      }
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      for (const word of ['one ', 'two ', 'three']) {
        if (!resting) await turnover.opened // oxlint-disable-line no-await-in-loop -- a script is a sequence
        await reply.write(openaiChunk({ content: word })) // oxlint-disable-line no-await-in-loop -- the same
      }
      for (const frame of [openaiChunk({}, 'stop'), OPENAI_USAGE, OPENAI_DONE]) {
        await reply.write(frame) // oxlint-disable-line no-await-in-loop -- the same
      }
      reply.end()
    })
    // Every other good config is another provider, at another path.
    const good = (at: number): string =>
      configText({
        base: `${upstream.origin}/round-${Math.floor(at / 4)}/v1`,
        users: `  user-${at}: { models: [main] }`,
      })
    const proxy = await startProxy(t, { env: ENV, config: good(0) })

    const run = { over: false }
    let unary = 0
    let streams = 0
    const callUntilOver = async (stream: boolean): Promise<void> => {
      while (!run.over) {
        const reply = await asCaller(proxy, { ...UNARY, stream }) // oxlint-disable-line no-await-in-loop -- one caller, one call
        assert.equal(reply.status, 200, reply.text)
        assert.ok(reply.complete)
        if (stream) {
          const said = readChatStream(reply.frames())
          assert.deepEqual([said.text, said.done, said.errors], ['one two three', true, []])
          streams += 1
        } else {
          assert.equal(digText(reply.json(), 'choices', 0, 'message', 'content'), HELLO)
          unary += 1
        }
      }
    }
    const callers = Array.from({ length: CALLERS }, (_, at) => callUntilOver(at % 2 === 0))
    const load = Promise.all(callers)
    load.catch(() => {
      run.over = true
    })

    const oneReload = async (at: number, bySignal: boolean): Promise<void> => {
      const isGood = at % 2 === 0
      const breakage = BREAKAGES[at % BREAKAGES.length]
      assert.ok(breakage !== undefined)
      const { text, said } = isGood
        ? { text: good(at), said: new RegExp(`"user-${at}"`) }
        : breakage(good(at), at)
      // By turns an editor that renames, and one that writes into the file: that one is only sure to be
      // done with it when the signal comes.
      if (bySignal && at % 3 === 0) writeFileSync(join(proxy.cwd, 'aiproxy.yaml'), text)
      else replaceConfig(proxy, text)
      if (bySignal) proxy.signal('SIGHUP')
      const event = await proxy.event(
        `reload ${at}`,
        (line) =>
          isReload(line) &&
          said.test(isGood ? JSON.stringify(line['changes']) : digText(line, 'error')),
      )
      assert.equal(event['ok'], isGood)
      nextTurn()
    }
    const last = RELOADS + WATCHED_RELOADS
    for (let at = 1; at <= last; at += 1) {
      if (run.over) break
      await oneReload(at, at <= RELOADS) // oxlint-disable-line no-await-in-loop -- one after the other
    }
    run.over = true
    resting = true
    nextTurn()
    await within(load, 'the last requests')

    // The caller has its answer a moment before the line is written.
    const finished = (): number => proxy.events().filter(({ event }) => event === 'request').length
    await proxy.event('the last log line', () => finished() >= unary + streams)

    const reloads = proxy.events().filter(isReload)
    // On a busy machine the watch may be faster than the signal, and both answer.
    assert.ok(reloads.length >= last, `${reloads.length} reloads`)
    assert.ok(reloads.filter(({ ok }) => ok === false).length >= last / 2)
    assert.ok(unary > RELOADS, `${unary} whole replies`)
    assert.ok(streams > CALLERS, `${streams} streams`)

    const log = proxy.log()
    assert.equal(log.length, unary + streams)
    assert.deepEqual(
      log.filter(({ outcome, status }) => outcome !== 'ok' || status !== 200),
      [],
    )
    // The last good one is in force: its user, its provider, and nobody of before.
    assert.equal((await postChat(proxy, UNARY, { user: `user-${last}` })).status, 200)
    assertOpenAiError(await postChat(proxy, UNARY, { user: `user-${last - 2}` }), 403)
    assert.equal(
      upstream.requests.at(-1)?.path,
      `/round-${Math.floor(last / 4)}/v1/chat/completions`,
    )
    assert.equal(proxy.stderr(), '')
  },
)

// ── what a request keeps ────────────────────────────────────────────────────────────────────────

test('a request under way ends with the config it began with', { timeout: 60_000 }, async (t) => {
  const gate = createGate()
  const upstream = await createUpstream(t)
  upstream.on('/far/', async (reply) => {
    await gate.opened
    reply.json(500, openaiError('Broken.', 'server_error', null))
  })
  upstream.on('/backup/', async (reply, request) => {
    await openaiAnswers(reply, request)
  })
  const proxy = await startProxy(t, {
    env: ENV,
    config: configText({
      base: `${upstream.origin}/far/v1`,
      providers: `  backup: { dialect: openai, base_url: "${upstream.origin}/backup/v1" }`,
      models: '  second: { provider: backup }',
      grant: '{ name: main, failover: second }',
      more: 'log: ./before.jsonl',
    }),
  })
  const under = asCaller(proxy)
  await upstream.firstRequestTo('/far/')

  // The user, the backup and its provider are gone, and the log is elsewhere.
  await reload(
    proxy,
    configText({
      base: `${upstream.origin}/elsewhere/v1`,
      users: '  other: { models: [main] }',
      more: 'log: ./after.jsonl',
    }).replace('  caller:\n    models: [main]\n', ''),
  )
  assertOpenAiError(await asCaller(proxy), 403)
  gate.open()

  const reply = await under
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(attemptPairs(reply.headers), [
    ['main', 500],
    ['second', 200],
  ])
  // The caller has its answer a moment before the line is written.
  await proxy.event(
    'the end of the request',
    ({ event, id }) => event === 'request' && id === reply.headers['x-request-id'],
  )
  const before = readLog(join(proxy.cwd, 'before.jsonl'))
  assert.deepEqual(
    before.map(({ user, outcome }) => [user, outcome]),
    [['caller', 'ok']],
  )
  const after = readLog(join(proxy.cwd, 'after.jsonl'))
  assert.deepEqual(
    after.map(({ outcome }) => outcome),
    ['refused'],
  )
})

test(
  'a stream under way is not cut when its provider is taken out',
  { timeout: 60_000 },
  async (t) => {
    const gate = createGate()
    const upstream = await createUpstream(t, async (reply) => {
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      await reply.write(openaiChunk({ content: HELLO }))
      await gate.opened
      for (const frame of [openaiChunk({}, 'stop'), OPENAI_USAGE, OPENAI_DONE]) {
        await reply.write(frame) // oxlint-disable-line no-await-in-loop -- a script is a sequence
      }
      reply.end()
    })
    const proxy = await startProxy(t, {
      env: ENV,
      config: configText({ base: `${upstream.origin}/v1` }),
    })
    const open = await openChat(proxy, { ...UNARY, stream: true }, { user: 'caller' })
    await open.next()
    const other = await createUpstream(t, openaiAnswers)
    await reload(proxy, configText({ base: `${other.origin}/v1` }))
    assert.equal((await asCaller(proxy)).status, 200)
    assert.equal(other.requests.length, 1)
    gate.open()
    const said = readChatStream((await open.rest()).frames())
    assert.deepEqual([said.text, said.done], [HELLO, true])
  },
)

test(
  "a request whose body comes after a reload is still its old user's",
  { timeout: 60_000 },
  async (t) => {
    const upstream = await createUpstream(t, openaiAnswers)
    const config = configText({ base: `${upstream.origin}/v1` })
    const proxy = await startProxy(t, { env: ENV, config })
    const body = JSON.stringify(UNARY)
    const request = startRequest(`${proxy.url}/v1/chat/completions`, {
      method: 'POST',
      agent: false,
      headers: {
        'x-user': 'caller',
        'content-type': 'application/json',
        'content-length': body.length,
        // Asked for the body, the proxy is at work on this request.
        expect: '100-continue',
      },
    })
    const status = new Promise<number | undefined>((resolve, reject) => {
      request.on('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      request.on('error', reject)
    })
    const asked = new Promise<void>((resolve) => {
      request.on('continue', resolve)
    })
    request.flushHeaders()
    await within(asked, 'the wish for the body')
    await reload(proxy, config.replace('caller:', 'other:'))
    assertOpenAiError(await asCaller(proxy), 403)
    request.end(body)
    assert.equal(await within(status, 'the reply'), 200)
  },
)

// ── what outlives a config ──────────────────────────────────────────────────────────────────────

test(
  'connections to an unchanged provider are kept, those to a changed one closed',
  { timeout: 60_000 },
  async (t) => {
    const { origin, sockets } = await createCountedProvider(t)
    const base = `${origin}/v1`
    const proxy = await startProxy(t, { env: ENV, config: configText({ base }) })
    assert.equal((await asCaller(proxy)).status, 200)
    await reload(proxy, configText({ base, users: '  more: { models: [main] }' }))
    assert.equal((await asCaller(proxy)).status, 200)
    assert.equal(sockets.length, 1, 'the same connection')

    const closed = new Promise<void>((resolve) => {
      sockets[0]?.on('close', resolve)
    })
    await reload(proxy, configText({ base, provider: ', timeouts: { connect: 3s }' }))
    await within(closed, 'the end of the old connection')
    assert.equal((await asCaller(proxy)).status, 200)
    assert.equal(sockets.length, 2)
  },
)

test(
  'a target that rests goes on resting, unless its provider was changed',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await createUpstream(t)
    upstream.on('/far/', (reply) => {
      reply.json(503, openaiError('Busy.', 'server_error', null), { 'retry-after': '60' })
    })
    upstream.on('/backup/', openaiAnswers)
    const settings: Settings = {
      base: `${upstream.origin}/far/v1`,
      providers: `  backup: { dialect: openai, base_url: "${upstream.origin}/backup/v1" }`,
      models: '  second: { provider: backup }',
      grant: '{ name: main, failover: second }',
    }
    const proxy = await startProxy(t, { env: ENV, config: configText(settings) })
    const asked = (): number => upstream.requestsTo('/far/').length
    assert.equal((await asCaller(proxy)).status, 200)
    assert.equal(asked(), 1)

    await reload(proxy, configText({ ...settings, users: '  more: { models: [main] }' }))
    const rested = await asCaller(proxy)
    assert.match(rested.headers['x-aiproxy-attempts'] ?? '', /main;provider=far;.*resting=/)
    assert.equal(asked(), 1)

    await reload(proxy, configText({ ...settings, provider: ', timeouts: { connect: 3s }' }))
    assert.equal((await asCaller(proxy)).status, 200)
    assert.equal(asked(), 2)
  },
)

test('a key that was replaced stays redacted', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t, (reply) => {
    reply.json(400, openaiError('first-secret-value and second-secret-value', 'x', null))
  })
  const config = (key: string): string =>
    configText({ base: `${upstream.origin}/v1` }).replace('${FAR_KEY}', key)
  const proxy = await startProxy(t, { env: ENV, config: config('first-secret-value') })
  await reload(proxy, config('second-secret-value'))
  const reply = await asCaller(proxy)
  assert.equal(reply.status, 400)
  assert.match(reply.text, /\[redacted\] and \[redacted\]/)
  assert.doesNotMatch(proxy.stdout() + proxy.stderr(), /-secret-value/)
})

test('the mock is started when a config first needs it', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const base = `${upstream.origin}/v1`
  const proxy = await startProxy(t, { env: ENV, config: configText({ base }) })
  const mocked = configText({ base, models: '  mock: { provider: mock }', grant: 'main, mock' })
  await reload(proxy, mocked)
  const made = await asCaller(proxy, { ...UNARY, model: 'mock' })
  assert.equal(made.status, 200, made.text)
  assert.equal(made.headers['x-aiproxy-mock'], 'true')
  assert.equal((await asCaller(proxy)).headers['x-aiproxy-mock'], undefined)
  await reload(proxy, configText({ base }))
  assertOpenAiError(await asCaller(proxy, { ...UNARY, model: 'mock' }), 404)
  await reload(proxy, mocked)
  assert.equal((await asCaller(proxy, { ...UNARY, model: 'mock' })).status, 200)
})

// ── what is not put in force ────────────────────────────────────────────────────────────────────

test('an edit that cannot be used leaves everything as it was', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const good = configText({ base: `${upstream.origin}/v1` })
  const proxy = await startProxy(t, { env: ENV, config: good })
  const path = join(proxy.cwd, 'aiproxy.yaml')
  mkdirSync(join(proxy.cwd, 'no-file'))
  const cases: ReadonlyArray<readonly [string, string, RegExp]> = [
    ['cut off', good.slice(0, good.indexOf('", api_key')), /^aiproxy\.yaml:2:\d+: /],
    ['empty', '', /^aiproxy\.yaml:1:1: the file is empty$/],
    ['without users', good.slice(0, good.indexOf('users:')), /no users are left of 1 user/],
    ['with a log that cannot be written', `${good}log: ./no-file\n`, /^log: .*no-file/],
  ]
  for (const [what, text, said] of cases) {
    const event = await nextReload(proxy, () => {
      writeFileSync(path, text)
    })
    assert.equal(event['ok'], false, what)
    assert.match(digText(event, 'error'), said, what)
    assert.equal((await asCaller(proxy)).status, 200, what)
  }
  const gone = await nextReload(proxy, () => {
    rmSync(path)
  })
  assert.match(digText(gone, 'error'), /aiproxy\.yaml: the config file is gone/)
  assert.equal((await asCaller(proxy)).status, 200)
  const back = await nextReload(proxy, () => {
    writeFileSync(path, good)
  })
  assert.deepEqual([back['ok'], back['changes']], [true, []])
})

test(
  'another address is said to need a restart, the rest is in force',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await createUpstream(t, openaiAnswers)
    const base = `${upstream.origin}/v1`
    const proxy = await startProxy(t, {
      env: ENV,
      config: configText({ base }),
      args: ['--log', 'usage.jsonl'],
    })
    const event = await reload(
      proxy,
      configText({
        base,
        users: '  more: { models: [main] }',
        more: 'listen: "[::1]:1"\nlog: ./x.jsonl',
      }),
    )
    // --port and --log of the command line still hold, the host is the file's.
    assert.deepEqual(list(event['needsRestart']), [
      {
        kind: 'setting',
        name: 'listen',
        mark: 'changed',
        details: ['127.0.0.1:0 → [::1]:0'],
      },
    ])
    assert.equal((await postChat(proxy, UNARY, { user: 'more' })).status, 200)
    assert.equal(existsSync(join(proxy.cwd, 'x.jsonl')), false)
  },
)

test('with --no-watch an edit waits for SIGHUP', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const base = `${upstream.origin}/v1`
  const proxy = await startProxy(t, {
    env: ENV,
    config: configText({ base }),
    args: ['--no-watch'],
  })
  const event = await reload(proxy, configText({ base, users: '  more: { models: [main] }' }))
  assert.equal(digText(event['changes'], 0, 'name'), 'more')
  assert.equal((await postChat(proxy, UNARY, { user: 'more' })).status, 200)
})

test('a proxy without a config takes the one that is written', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const proxy = await startProxy(t, { env: { FAR_KEY: ENV.FAR_KEY } })
  const starter = await postChat(proxy, { ...UNARY, model: 'gpt-5' }, { user: 'user-a' })
  assert.equal(starter.headers['x-aiproxy-mock'], 'true')
  const event = await nextReload(proxy, () => {
    writeFileSync(
      join(proxy.cwd, 'aiproxy.yaml'),
      configText({ base: `${upstream.origin}/v1`, more: 'log: ./usage.jsonl' }),
    )
  })
  assert.equal(event['config'], join(proxy.cwd, 'aiproxy.yaml'))
  const reply = await asCaller(proxy)
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['x-aiproxy-mock'], undefined)
  assertOpenAiError(await postChat(proxy, UNARY, { user: 'user-a' }), 403)
  const models = await send(`${proxy.url}/v1/models`, { headers: { 'x-user': 'caller' } })
  assert.match(models.text, /"main"/)
})

/** A provider that answers everything well and counts its connections. */
async function createCountedProvider(
  owner: Owner,
): Promise<{ readonly origin: string; readonly sockets: readonly Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(openaiChat()))
    })
  })
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket) => sockets.push(socket))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  owner.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { origin: `http://127.0.0.1:${address.port}`, sockets }
}
