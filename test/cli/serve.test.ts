import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { displayWidth } from '../../src/cli/table.ts'
import {
  asMap,
  createConfig,
  createFake,
  createGate,
  createProvider,
  createRecord,
  createStarter,
  createUser,
  run,
} from './fake-world.ts'
import type { FakeOptions, FakeRun } from './fake-world.ts'

const CLAUDE = 'claude-sonnet-4-20250514'
const TERMINAL = { stdout: true, stderr: true }
const PLAIN = { NO_COLOR: '1' }
const FAILOVER = {
  id: 'req_0123456789ab91c2',
  user: 'user-a',
  failed: { model: 'gpt-5', provider: 'openai', status: 401, class: 'credential', ms: 120 },
  message: 'Incorrect API key provided',
  next: CLAUDE,
}

interface Serving {
  readonly fake: FakeRun
  /** Sends SIGTERM and waits for the end. */
  readonly stop: () => Promise<number>
  readonly ended: Promise<number>
}

/** A running `serve`, just after it said that it listens. */
async function serve(argv: readonly string[], options: FakeOptions = {}): Promise<Serving> {
  const listening = createGate()
  const fake = createFake({
    ...options,
    listen: async () => {
      const at = (await options.listen?.()) ?? { host: '127.0.0.1', port: 4242 }
      listening.open()
      return at
    },
  })
  const ended = fake.main('serve', ...argv)
  await Promise.race([listening.opened, ended])
  // The line about it is written in the turn after.
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  return {
    fake,
    ended,
    stop() {
      fake.signal('SIGTERM')
      return ended
    },
  }
}

/** Everything that needs no event from outside has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The JSON events on a stream. */
function events(text: string): Array<Record<string, unknown>> {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => asMap(JSON.parse(line)))
}

test('off a terminal stdout is JSON events only: listening, failover, request, shutdown', async () => {
  const { fake, stop } = await serve(['--port', '0'], {
    listen: () => Promise.resolve({ host: '127.0.0.1', port: 54_321 }),
    costOf: () => 0.0032,
  })
  const { hooks } = fake.appOptions() ?? {}
  hooks?.onFailover?.(FAILOVER)
  hooks?.onFinished?.(createRecord())
  assert.equal(await stop(), 0)
  const [listening, failover, request, shutdown, ...more] = events(fake.stdout())
  assert.equal(listening?.['event'], 'listening')
  assert.equal(listening?.['url'], 'http://127.0.0.1:54321', 'the real port')
  assert.equal(failover?.['event'], 'failover')
  assert.equal(failover?.['next'], CLAUDE)
  assert.equal(request?.['event'], 'request')
  assert.equal(request?.['id'], 'req_0123456789ab7f3a')
  assert.equal(request?.['costUsd'], 0.0032)
  assert.equal(request?.['ts'], createRecord().ts, 'the time of the log line')
  assert.deepEqual(
    [shutdown?.['event'], shutdown?.['requests'], shutdown?.['promptTokens']],
    ['shutdown', 1, 812],
  )
  assert.deepEqual(more, [])
  assert.equal(fake.stderr(), '', 'no banner')
})

test('on a terminal: the banner after listening, then one line a request', async () => {
  const { fake, stop } = await serve([], {
    tty: TERMINAL,
    env: PLAIN,
    columns: 120,
    costOf: () => 0.0032,
  })
  const banner = fake.stderr()
  assert.match(banner, /^\n {2}aiproxy 0\.1\.0 {2}ready in \d+ ms\n/)
  for (const row of [
    '  ➜  OpenAI       http://127.0.0.1:4242/v1          export OPENAI_BASE_URL=http://127.0.0.1:4242/v1\n',
    '  ➜  Anthropic    http://127.0.0.1:4242             export ANTHROPIC_BASE_URL=http://127.0.0.1:4242\n',
    '  ➜  Config       ./aiproxy.yaml   2 users · 2 models\n',
    '  ➜  Providers    openai ✓ OPENAI_API_KEY   anthropic ✓ ANTHROPIC_API_KEY\n',
    '  ➜  Usage log    ~/.local/state/aiproxy/usage.jsonl\n',
    '  try   curl -N http://127.0.0.1:4242/v1/chat/completions \\\n',
    "          -H 'Content-Type: application/json' -H 'X-User: user-a' \\\n",
    '        aiproxy ask --user user-a --model gpt-5 "Hello"\n',
  ]) {
    assert.ok(banner.includes(row), `${row} in ${banner}`)
  }
  assert.equal(banner.includes('MOCK'), false)
  assert.equal(banner.includes('Audit'), false)
  assert.equal(banner.includes('secret'), false)
  fake.appOptions()?.hooks?.onFinished?.(createRecord())
  assert.match(
    fake.stdout(),
    /^\d\d:12:03 7f3a user-a gpt-5 +200 {2}1\.9s {3}ttft 0\.4s +812\+214 {3}\$0\.0032\n$/,
  )
  assert.equal(await stop(), 0)
  assert.match(fake.stderr(), /\nstopped: 1 request · 812 in \+ 214 out · \$0\.0032 · up \d+/)
})

test('the closing lines tell what became of the requests, and fit the terminal', async () => {
  const { fake, stop } = await serve([], {
    tty: TERMINAL,
    env: PLAIN,
    columns: 80,
    costOf: ({ served_model: served }) => (served === 'local' ? undefined : 1.25),
  })
  const finish = fake.appOptions()?.hooks?.onFinished
  const said = fake.stderr().length
  finish?.(createRecord())
  finish?.(createRecord({ served_model: CLAUDE }))
  finish?.(createRecord({ model: 'local', served_model: 'local' }))
  finish?.(createRecord({ outcome: 'failed', status: 503 }))
  finish?.(createRecord({ outcome: 'truncated' }))
  finish?.(createRecord({ outcome: 'refused', status: 404 }))
  finish?.(createRecord({ outcome: 'aborted', status: 499 }))
  await stop()
  assert.equal(
    fake.stderr().slice(said),
    'stopped: 7 requests · 1 by failover · 1 failed · 1 cut short · 1 refused\n' +
      '         1 left by the caller · 5684 in + 1498 out · ≥$7.50 · up 0ms\n' +
      'usage log: ~/.local/state/aiproxy/usage.jsonl   aiproxy usage --since today\n',
  )
})

test('mocked requests make no total a minimum', async () => {
  const { fake, stop } = await serve([], { costOf: ({ mock }) => (mock ? undefined : 1) })
  const finish = fake.appOptions()?.hooks?.onFinished
  finish?.(createRecord({ mock: true }))
  finish?.(createRecord())
  await stop()
  const shutdown = events(fake.stdout()).at(-1)
  assert.equal(shutdown?.['costUsd'], 1)
  assert.equal(shutdown?.['costIsMinimum'], false)
})

test('-v says under each line which request it was, what was tried, and what a provider said', async () => {
  const { fake, stop } = await serve(['-v'], { tty: TERMINAL, env: PLAIN, columns: 80 })
  const { hooks } = fake.appOptions() ?? {}
  hooks?.onFailover?.(FAILOVER)
  hooks?.onFinished?.(
    createRecord({
      served_model: CLAUDE,
      cached_tokens: 400,
      reasoning_tokens: 0,
      attempts: [
        { ...FAILOVER.failed, maybe_billed: true },
        { model: CLAUDE, provider: 'anthropic', status: 200, ms: 840 },
      ],
    }),
  )
  hooks?.onFinished?.(createRecord({ model: 'm\u001b[2J', attempts: [] }))
  await stop()
  const lines = fake.stdout().split('\n')
  assert.equal(lines[1], '         Incorrect API key provided')
  assert.deepEqual(lines.slice(3, 6), [
    '         req_0123456789ab7f3a · chat stream · 400 cached',
    '         1. gpt-5 openai 401 credential 0.1s may be billed',
    `         2. ${CLAUDE} anthropic 200 0.8s`,
  ])
  assert.equal(fake.stdout().includes('\u001b'), false)
  for (const line of lines) assert.ok(displayWidth(line) <= 80, line)
})

test('a reader of stdout that stands still is told of, and does not hold up the end', async () => {
  const { fake, ended } = await serve([], { slowStdout: true })
  const finish = fake.appOptions()?.hooks?.onFinished
  for (let i = 0; i < 30_000; i++) finish?.(createRecord())
  assert.equal(
    fake.stderr(),
    '! stdout is not read: request lines are left out until it is\n',
    'once, not for every line',
  )
  fake.signal('SIGTERM')
  await turn()
  assert.deepEqual(fake.exits, [], 'it may yet be read')
  fake.advance(1000)
  await ended
  assert.deepEqual(fake.exits, [0])
  fake.drainStdout()
  const told = events(fake.stdout())
  const left = told.find((event) => event['event'] === 'left_out')
  const shown = told.filter((event) => event['event'] === 'request').length
  assert.ok(shown > 1000)
  assert.equal(shown + Number(left?.['lines']), 30_000 + 1, 'the shutdown event was left out, too')
})

test('the banner says that payloads are kept, where they are', async () => {
  const config = createConfig({ audit: '/home/me/audit.jsonl' })
  const { fake, stop } = await serve([], { tty: TERMINAL, env: PLAIN, config })
  assert.match(fake.stderr(), / {2}➜ {2}Audit +\S*audit\.jsonl {3}requests and replies are kept\n/)
  assert.equal(await stop(), 0)
})

test('the banner says who else may knock, where it is not this machine alone', async () => {
  for (const [host, said] of [
    ['0.0.0.0', / {2}➜ {2}Open to +every network of this machine, with a key\n/],
    ['192.168.1.5', / {2}➜ {2}Open to +whoever reaches 192\.168\.1\.5, with a key\n/],
  ] as const) {
    const config = createConfig({ listen: { host, port: 4242 } })
    const { fake, stop } = await serve([], { tty: TERMINAL, env: PLAIN, config })
    assert.match(fake.stderr(), said)
    await stop()
  }
})

test('the curl of the banner is the one body that the proxy reads', async () => {
  const { fake, stop } = await serve([], { tty: TERMINAL, env: PLAIN })
  const json = /-d '([^']+)'/.exec(fake.stderr())?.[1]
  assert.deepEqual(JSON.parse(json ?? ''), {
    model: 'gpt-5',
    stream: true,
    messages: [{ role: 'user', content: 'Hello' }],
  })
  await stop()
})

test('the banner fits 80 columns, and says the mock plainly', async () => {
  const config = createStarter()
  const { fake, stop } = await serve([], { tty: TERMINAL, env: PLAIN, columns: 80, config })
  const banner = fake.stderr()
  for (const line of banner.split('\n')) assert.ok(displayWidth(line) <= 80, line)
  assert.match(banner, /no config file: starter users user-a, user-b\n/)
  assert.match(banner, /openai MOCK {3}anthropic MOCK {3}mock made up\n/)
  assert.match(
    banner.replace(/\n +/g, ' '),
    /MOCK: no API key is set: every answer is made up by the embedded mock provider; set OPENAI_API_KEY or ANTHROPIC_API_KEY to talk to models/,
  )
  assert.match(banner, /aiproxy ask --user user-a --model mock-529 "Hello" {3}# fails over\n/)
  await stop()
})

test('what is mocked by the file, or by --mock, is said as such', async () => {
  const config = createConfig()
  const openai = createProvider('openai', { mock: true, credential: { kind: 'none' } })
  const some = { ...config, providers: new Map([...config.providers, ['openai', openai] as const]) }
  const one = await serve([], { tty: TERMINAL, env: PLAIN, config: some })
  assert.match(one.fake.stderr(), /MOCK: answers of openai are made up/)
  await one.stop()
  const all = { ...createStarter(), source: config.source }
  const two = await serve(['--mock'], { tty: TERMINAL, env: PLAIN, config: all })
  assert.match(
    two.fake.stderr(),
    /MOCK: every answer is made up by the embedded mock provider \(--mock\)/,
  )
  await two.stop()
})

test('a user with a key is not told to show a name', async () => {
  const user = createUser('keyed', [{ name: 'gpt-5', failover: [] }], { keys: ['ab'.repeat(32)] })
  const config = createConfig({ users: new Map([['keyed', user]]) })
  const { fake, stop } = await serve(['-c', 'my config.yaml'], {
    tty: TERMINAL,
    env: PLAIN,
    config,
  })
  assert.match(fake.stderr(), /-H "Authorization: Bearer \$AIPROXY_KEY"/)
  assert.match(fake.stderr(), /aiproxy ask -c "my config\.yaml" --user keyed --model gpt-5 "Hello"/)
  assert.equal(fake.stderr().includes('abab'), false)
  await stop()
})

test('-q silences banner and request lines, not the warnings', async () => {
  const { fake, stop } = await serve(['-q'], { tty: TERMINAL, env: PLAIN })
  const options = fake.appOptions()
  options?.hooks?.onFailover?.(FAILOVER)
  options?.hooks?.onFinished?.(createRecord())
  assert.equal(fake.stdout() + fake.stderr(), '')
  options?.onLogFailure?.(new Error('ENOSPC: no space left on device'))
  assert.match(
    fake.stderr(),
    /^! ENOSPC: no space left on device; requests are refused until it can be\n$/,
  )
  await stop()
})

test('a broken key is told of once, loudly, until it works again', async () => {
  const { fake, stop } = await serve(['--log-format', 'json'])
  const attempts = [FAILOVER.failed, { model: CLAUDE, provider: 'anthropic', status: 200, ms: 1 }]
  const finish = fake.appOptions()?.hooks?.onFinished
  finish?.(createRecord({ attempts }))
  finish?.(createRecord({ attempts }))
  assert.equal(fake.stderr(), '! openai refused its key (OPENAI_API_KEY) with 401\n')
  finish?.(createRecord())
  finish?.(createRecord({ attempts }))
  assert.equal(fake.stderr().split('\n').length, 3)
  await stop()
})

test('a failing usage log is loud, but not once for every request', async () => {
  const { fake, stop } = await serve([])
  const fail = fake.appOptions()?.onLogFailure
  for (let i = 0; i < 100; i++) fail?.(new Error('EIO'))
  fake.advance(10_000)
  fail?.(new Error('EIO'))
  assert.equal(fake.stderr(), '! EIO; requests are refused until it can be\n'.repeat(2))
  await stop()
})

test('where the usage log is stdout, everything else is stderr, without request events', async () => {
  const { fake, stop } = await serve([], { config: createConfig({ log: '-' }) })
  const { hooks } = fake.appOptions() ?? {}
  hooks?.onFailover?.(FAILOVER)
  hooks?.onFinished?.(createRecord())
  await stop()
  assert.equal(fake.stdout(), '')
  assert.deepEqual(
    events(fake.stderr().replace(/^!.*\n/gm, '')).map((event) => event['event']),
    ['listening', 'failover', 'shutdown'],
  )
})

test('JSON events carry no raw control character, whatever a caller called its model', async () => {
  const { fake, stop } = await serve([])
  fake.appOptions()?.hooks?.onFinished?.(createRecord({ model: 'a\u009b31m\u202e\u007f\u2028b' }))
  await stop()
  assert.doesNotMatch(fake.stdout().replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028]/u)
  assert.equal(events(fake.stdout())[1]?.['model'], 'a\u009b31m\u202e\u007f\u2028b')
})

// ── the end ─────────────────────────────────────────────────────────────────────────────────────

test('the first ^C drains with 25 s and ends with 0', async () => {
  const closing = createGate()
  const { fake, ended } = await serve([], {
    tty: TERMINAL,
    env: PLAIN,
    inFlight: 2,
    close: () => closing.opened,
  })
  fake.signal('SIGINT')
  assert.match(fake.stderr(), /\n\ndraining 2 requests, \^C again to stop now\n$/)
  assert.deepEqual(fake.closes, [25_000])
  closing.open()
  assert.equal(await ended, 0)
  assert.deepEqual(fake.exits, [])
})

test('the second ^C stops at once with 130', async () => {
  const { fake } = await serve([], { inFlight: 1, close: () => new Promise(() => {}) })
  fake.signal('SIGINT')
  assert.deepEqual(fake.exits, [])
  fake.signal('SIGINT')
  assert.deepEqual(fake.closes, [25_000, 0])
  fake.advance(500)
  assert.deepEqual(fake.exits, [130])
})

test('the second ^C, too, says what it came to, and how many requests it cut', async () => {
  const options = { tty: TERMINAL, env: PLAIN, inFlight: 1, costOf: () => 0.5 }
  const draining = createGate()
  const { fake } = await serve([], {
    ...options,
    close: (graceMs) => (graceMs === 0 ? Promise.resolve() : draining.opened),
  })
  fake.appOptions()?.hooks?.onFinished?.(createRecord())
  fake.signal('SIGINT')
  fake.signal('SIGINT')
  fake.signal('SIGINT')
  draining.open()
  await turn()
  assert.match(
    fake.stderr(),
    /now\n\n! 1 request did not end in time and was cut\nstopped: 1 request · [^\n]*\nusage log: [^\n]*\n$/,
  )
  assert.equal(fake.stderr().split('stopped:').length, 2, 'once')
  assert.deepEqual(fake.exits, [130])
})

test('SIGTERM drains too; where requests had to be cut the exit code is 143', async () => {
  const clean = await serve([])
  assert.equal(await clean.stop(), 0)
  const cut: Serving = await serve([], {
    close: async (graceMs) => {
      cut.fake.advance(graceMs)
    },
  })
  assert.equal(await cut.stop(), 143)
})

test('a reader of stdout that leaves ends the run in order, with 0', async () => {
  const { fake, ended } = await serve([])
  fake.closeStdout()
  assert.equal(await ended, 0)
  assert.deepEqual(fake.closes, [25_000])
})

// ── not starting ────────────────────────────────────────────────────────────────────────────────

test('a busy port says who holds it and offers another; exit 3', async () => {
  const taken = new ProxyError('port_in_use', 'taken')
  const holders: ReadonlyArray<readonly [NonNullable<FakeOptions['probe']>, RegExp]> = [
    [() => Promise.resolve(undefined), /another program listens there/],
    [
      () => Promise.resolve({ status: 404, headers: new Map(), body: '<html>' }),
      /another web server answers there/,
    ],
    [
      (url) => {
        assert.equal(url, 'http://127.0.0.1:4242/healthz')
        return Promise.resolve({ status: 200, headers: new Map(), body: '{"name":"aiproxy"}' })
      },
      /an aiproxy already answers there/,
    ],
  ]
  for (const [probe, said] of holders) {
    const { code, stdout, stderr, fake } = await run(['serve'], {
      probe,
      listen: () => Promise.reject(taken),
    })
    assert.equal(code, 3)
    assert.equal(stdout, '', 'it never says that it is ready')
    assert.match(stderr, /^error: port 4242 is taken on 127\.0\.0\.1: /)
    assert.match(stderr, said)
    assert.match(stderr, / {2}→ aiproxy serve --port 4243\n$/)
    assert.deepEqual(fake.closes, [0])
  }
})

test('who holds a busy port is named where the system tells', async () => {
  const { stderr } = await run(['serve', '--host', '::1'], {
    listen: () => Promise.reject(new ProxyError('port_in_use', 'taken')),
    config: createConfig({ listen: { host: '::1', port: 4242 } }),
    findPortHolder: (taken) => {
      assert.deepEqual(taken, { host: '::1', port: 4242 })
      return Promise.resolve({ pid: 77, name: 'python3 \u001b[2Jserver.py' })
    },
  })
  assert.match(
    stderr,
    /another program listens there \(python3 \ufffd\[2Jserver\.py, process 77\)\n/,
  )
})

test('an address that is not ours, and a port that is not allowed, are said as what they are', async () => {
  for (const [code, said] of [
    ['EADDRNOTAVAIL', /127\.0\.0\.1 is no address of this machine/],
    [
      'EACCES',
      /may not listen on 127\.0\.0\.1:4242: permission denied\n {2}→ aiproxy serve --port 8142\n/,
    ],
  ] as const) {
    const thrown = Object.assign(new Error('listen'), { code })
    const result = await run(['serve'], { listen: () => Promise.reject(thrown) })
    assert.equal(result.code, 3)
    assert.match(result.stderr, said)
  }
})

test('--check prints a summary and starts nothing', async () => {
  const config = createConfig({ warnings: ['openai.api_key stands in the file\u001b[31m'] })
  const { code, stdout, stderr, fake } = await run(['serve', '--check'], { config })
  assert.equal(code, 0)
  assert.equal(
    stdout,
    'ok  ./aiproxy.yaml   2 users · 2 models · 2 providers\n' +
      '    openai ✓ OPENAI_API_KEY\n    anthropic ✓ ANTHROPIC_API_KEY\n' +
      '    listens on 127.0.0.1:4242   usage log ~/.local/state/aiproxy/usage.jsonl\n',
  )
  assert.equal(stderr, 'warning: openai.api_key stands in the file\ufffd[31m\n')
  assert.deepEqual(fake.loaded, ['config'])
  const json = await run(['serve', '--check', '--json'], { config })
  const document = asMap(JSON.parse(json.stdout))
  assert.equal(document['ok'], true)
  assert.equal(JSON.stringify(document).includes('secret'), false)
})

test('port, host, log and mock of the command line go over the config', async () => {
  let seen: unknown
  await run(['serve', '--check', '-p', '0', '--host', '::1', '--log', '-', '--mock'], {
    loadConfig: ({ overrides }) => {
      seen = overrides
      return Promise.resolve(createConfig())
    },
  })
  assert.deepEqual(seen, { port: 0, host: '::1', log: '-', mock: true })
})
