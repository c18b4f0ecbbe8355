import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFenceReader, extractFenced } from '../../src/cli/ask-extract.ts'
import type { ChatPiece } from '../../src/app.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import {
  asMap,
  createConfig,
  createFake,
  createGate,
  createRecord,
  createStarter,
  run,
} from './fake-world.ts'
import type { Exchange, FakeOptions, FakeRun } from './fake-world.ts'

const CLAUDE = 'claude-sonnet-4-20250514'
const STREAM = [['content-type', 'text/event-stream; charset=utf-8']] as const
const HELLO: readonly ChatPiece[] = [
  { type: 'text', text: 'Hello! How can ' },
  { type: 'text', text: 'I help you today?' },
  { type: 'finish', reason: 'stop', usage: undefined, model: CLAUDE },
]
const SERVED = createRecord({
  id: 'req_0123456789abcdef',
  served_model: CLAUDE,
  provider: 'anthropic',
  prompt_tokens: 13,
  completion_tokens: 39,
  total_tokens: 52,
  cached_tokens: 0,
  reasoning_tokens: 0,
  ms: 840,
  ttft_ms: 310,
  attempts: [
    { model: 'gpt-5', provider: 'openai', status: 401, class: 'credential', ms: 120 },
    { model: CLAUDE, provider: 'anthropic', status: 200, ms: 720 },
  ],
})

/** A script: gpt-5's key is refused, Claude answers with these pieces. */
function answers(
  pieces: readonly ChatPiece[] = HELLO,
  record: UsageRecord = SERVED,
): NonNullable<FakeOptions['exchange']> {
  return async ({ sink, say, options }) => {
    const [failed] = record.attempts ?? []
    if (failed?.class !== undefined) {
      options.hooks?.onFailover?.({
        id: record.id,
        user: 'user-a',
        failed,
        message: 'Incorrect API key provided: [redacted]',
        next: CLAUDE,
      })
    }
    sink.head(200, STREAM)
    for (const piece of pieces) say(piece)
    sink.end()
    options.hooks?.onFinished?.(record)
  }
}

/** A script: nobody answered. */
function refuses(error: ProxyError, record?: UsageRecord): NonNullable<FakeOptions['exchange']> {
  return async ({ options }) => {
    if (record !== undefined) options.hooks?.onFinished?.(record)
    throw error
  }
}

test('the answer goes raw to stdout, the failover and the footer to stderr', async () => {
  const { code, stdout, stderr } = await run(
    ['ask', '--user', 'user-a', '--model', 'gpt-5', 'Hello'],
    { exchange: answers(), costOf: () => 0.0006 },
  )
  assert.equal(code, 0)
  assert.equal(stdout, 'Hello! How can I help you today?\n')
  assert.equal(
    stderr,
    `↪ gpt-5: openai 401 (credential: OPENAI_API_KEY refused) → ${CLAUDE}\n` +
      `${CLAUDE} · anthropic · 13 in + 39 out · $0.0006 · 0.8s\n`,
  )
})

test('--json is the document of the contract and nothing else', async () => {
  const { code, stdout, stderr } = await run(['ask', '--json', '-u', 'user-a', 'Hello'], {
    exchange: answers(),
    costOf: () => 0.0006,
  })
  assert.equal(code, 0)
  assert.equal(stderr, '')
  assert.deepEqual(JSON.parse(stdout), {
    schema: 'aiproxy.ask/1',
    id: 'req_0123456789abcdef',
    user: 'user-a',
    model: { requested: 'gpt-5', served: CLAUDE, provider: 'anthropic' },
    text: 'Hello! How can I help you today?',
    finish: 'stop',
    usage: { prompt: 13, completion: 39, total: 52, cached: 0, reasoning: 0 },
    cost: { usd: 0.0006, priced: true },
    timing: { ttftMs: 310, totalMs: 840 },
    attempts: SERVED.attempts,
  })
})

test('what nobody reported is null in --json, never 0', async () => {
  const { prompt_tokens: _p, completion_tokens: _c, total_tokens: _t, ...rest } = SERVED
  const { cached_tokens: _k, reasoning_tokens: _r, ttft_ms: _m, ...bare } = rest
  const { stdout } = await run(['ask', '--json', '-u', 'user-a', 'Hello'], {
    exchange: answers(HELLO, bare),
  })
  const document = asMap(JSON.parse(stdout))
  assert.deepEqual(document['usage'], {
    prompt: null,
    completion: null,
    total: null,
    cached: null,
    reasoning: null,
  })
  assert.deepEqual(document['cost'], { usd: null, priced: false })
  assert.deepEqual(document['timing'], { ttftMs: null, totalMs: 840 })
})

test('--json is JSON in success, with an empty answer, and in failure', async () => {
  const failure = new ProxyError('upstream_unreachable', 'openai cannot be reached.')
  const cases: ReadonlyArray<readonly [NonNullable<FakeOptions['exchange']>, number]> = [
    [answers(), 0],
    [answers([{ type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' }]), 0],
    [refuses(failure, createRecord({ outcome: 'failed', status: 502 })), 5],
    [answers([{ type: 'text', text: 'Par' }]), 5],
  ]
  for (const [exchange, expected] of cases) {
    const { code, stdout, stderr } = await run(['ask', '--json', '-u', 'user-a', 'Hi'], {
      exchange,
    })
    assert.equal(code, expected, stderr)
    const document = asMap(JSON.parse(stdout))
    assert.equal(document['schema'], 'aiproxy.ask/1')
    assert.equal(document['exitCode'], expected === 0 ? undefined : expected)
    if (expected !== 0) assert.equal(asMap(JSON.parse(stderr))['exitCode'], expected)
  }
})

test('--jsonl is one object a line, the whole document last', async () => {
  const { stdout } = await run(['ask', '--jsonl', '-u', 'user-a', 'Hi'], { exchange: answers() })
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => asMap(JSON.parse(line)))
  assert.deepEqual(
    lines.map((line) => line['type']),
    ['failover', 'text', 'text', 'end'],
  )
  assert.equal(lines.at(-1)?.['text'], 'Hello! How can I help you today?')
  const json = await run(['ask', '--json', '-u', 'user-a', 'Hi'], { exchange: answers() })
  assert.deepEqual(lines.at(-1), { type: 'end', ...asMap(JSON.parse(json.stdout)) })
})

test('--jsonl tells errors as JSON, too', async () => {
  const { code, stdout, stderr } = await run(['ask', '--jsonl', '-u', 'nobody', 'Hi'])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.equal(asMap(asMap(JSON.parse(stderr))['error'])['code'], 'user_unknown')
})

test('the call is the one a server would have made: Chat Completions, streamed, with usage', async () => {
  const seen: Exchange[] = []
  const exchange = async (one: Exchange): Promise<void> => {
    seen.push(one)
    await answers()(one)
  }
  const argv = ['-u', 'user-a', '-s', 'Be brief', '-t', '0', '--max-tokens', '50']
  const more = [
    '-o',
    'seed=7',
    '-o',
    'user=me',
    '-o',
    'stop=["x"]',
    '--no-failover',
    '--timeout',
    '30s',
  ]
  const { code, stderr } = await run(['ask', ...argv, ...more, 'two', 'words'], { exchange })
  assert.equal(code, 0, stderr)
  const [one] = seen
  assert.deepEqual(one?.body, {
    model: 'gpt-5',
    messages: [
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'two words' },
    ],
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    max_completion_tokens: 50,
    seed: 7,
    user: 'me',
    stop: ['x'],
  })
  assert.equal(one?.call.api, 'chat')
  assert.equal(one?.call.trustedUser, 'user-a')
  assert.equal(one?.call.noFailover, true)
  assert.equal(one?.call.deadlineMs, 30_000)
})

test('a compatible server is sent the older name of the token limit', async () => {
  const config = createConfig()
  const openai = config.providers.get('openai')
  assert.ok(openai !== undefined)
  const providers = new Map([
    ...config.providers,
    ['openai', { ...openai, baseUrl: 'http://127.0.0.1:11434/v1' }] as const,
  ])
  let body: Exchange['body'] = {}
  await run(['ask', '-u', 'user-a', '--max-tokens', '5', 'Hi'], {
    config: { ...config, providers },
    exchange: async (one) => {
      body = one.body
      await answers()(one)
    },
  })
  assert.equal(body['max_tokens'], 5)
  assert.equal('max_completion_tokens' in body, false)
})

test('--no-stream asks for one piece and prints it', async () => {
  const { code, stdout } = await run(['ask', '-u', 'user-a', '--no-stream', 'Hi'], {
    exchange: async ({ sink, body, options }) => {
      assert.equal(body['stream'], false)
      assert.equal('stream_options' in body, false)
      sink.head(200, [['content-type', 'application/json']])
      sink.end(HELLO.map((piece) => JSON.stringify(piece)).join('\n'))
      options.hooks?.onFinished?.(SERVED)
    },
  })
  assert.equal(code, 0)
  assert.equal(stdout, 'Hello! How can I help you today?\n')
})

test('where the usage log is stdout, the answer is not mixed with it', async () => {
  const config = createConfig({ log: '-' })
  const { stdout, stderr, fake } = await run(['ask', '-u', 'user-a', 'Hi'], {
    config,
    exchange: answers(),
  })
  assert.equal(fake.appOptions()?.noLog, true)
  assert.equal(stdout, 'Hello! How can I help you today?\n')
  assert.match(stderr, /^note: .*not logged\n/)
})

test('--no-log asks for an app without a log', async () => {
  const { fake } = await run(['ask', '-u', 'user-a', '--no-log', 'Hi'], { exchange: answers() })
  assert.equal(fake.appOptions()?.noLog, true)
  assert.deepEqual(fake.closes, [0], 'and the app is closed')
})

test('an answer that was cut is kept, said to be incomplete, and ends with 5', async () => {
  const cut: ReadonlyArray<readonly ChatPiece[]> = [
    [
      { type: 'text', text: 'Par' },
      { type: 'error', message: 'The server had\nan error' },
    ],
    [{ type: 'text', text: 'Par' }],
  ]
  for (const pieces of cut) {
    const { code, stdout, stderr } = await run(['ask', '-u', 'user-a', 'Hi'], {
      exchange: answers(pieces, createRecord({ outcome: 'truncated' })),
    })
    assert.equal(code, 5)
    assert.equal(stdout, 'Par\n')
    assert.match(stderr, /^error: .+: the answer above is incomplete\n$/m)
    assert.equal(stderr.trimEnd().split('\n').length, 1)
  }
})

test('a model that is not theirs is refused with what is, and exit 4', async () => {
  const { code, stdout, stderr } = await run(['ask', '-u', 'user-b', '-m', CLAUDE, 'Hi'], {
    exchange: refuses(new ProxyError('model_not_found', 'not found or not accessible')),
  })
  assert.equal(code, 4)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    `error: user-b may not use ${CLAUDE}\n  allowed: gpt-5\n  → aiproxy users allow user-b ${CLAUDE}\n`,
  )
})

test('a model that nobody knows is misuse, with the nearest name', async () => {
  const { code, stderr } = await run(['ask', '-u', 'user-b', '-m', 'gpt5', 'Hi'], {
    exchange: refuses(new ProxyError('model_not_found', 'not found or not accessible')),
  })
  assert.equal(code, 2)
  assert.match(stderr, /^error: no model 'gpt5'; did you mean gpt-5\?\n/)
})

test("a provider's error says whose it is, and names every attempt", async () => {
  const error = new ProxyError('upstream_error', 'Rate limit\nreached', {
    upstream: {
      status: 429,
      kind: 'rate-limit',
      message: 'Rate limit reached',
      type: undefined,
      code: undefined,
      param: undefined,
    },
  })
  const record = createRecord({
    outcome: 'failed',
    status: 429,
    attempts: [
      { model: 'gpt-5', provider: 'openai', status: 429, class: 'rate', ms: 10 },
      { model: CLAUDE, provider: 'anthropic', class: 'transport', ms: 10 },
    ],
  })
  const { code, stderr } = await run(['ask', '-u', 'user-a', 'Hi'], {
    exchange: refuses(error, record),
  })
  assert.equal(code, 5)
  assert.equal(
    stderr,
    'error: gpt-5 (openai 429 rate): Rate limit reached\n' +
      `  tried: gpt-5 (openai 429 rate), ${CLAUDE} (anthropic transport)\n`,
  )
})

test('a key that is not set ends with 4 and the command that sets it', async () => {
  const config = createConfig()
  const openai = config.providers.get('openai')
  assert.ok(openai !== undefined)
  const credential = { kind: 'missing', source: 'env OPENAI_API_KEY' } as const
  const { code, stderr } = await run(['ask', '-u', 'user-b', 'Hi'], {
    config: { ...config, providers: new Map([['openai', { ...openai, credential }]]) },
    exchange: refuses(
      new ProxyError('upstream_credential', 'openai has no key: OPENAI_API_KEY is not set.'),
      createRecord({
        outcome: 'failed',
        status: 502,
        attempts: [{ model: 'gpt-5', provider: 'openai', class: 'credential', ms: 0 }],
      }),
    ),
  })
  assert.equal(code, 4)
  assert.match(stderr, /OPENAI_API_KEY is not set\.\n {2}→ export OPENAI_API_KEY=…\n$/)
})

test('who asks: flag, AIPROXY_USER, default_user, the only user, else misuse with the names', async () => {
  const config = createConfig()
  const only = new Map([...config.users].slice(1))
  const cases: ReadonlyArray<readonly [readonly string[], FakeOptions, string, string]> = [
    [['-u', 'user-b'], { env: { AIPROXY_USER: 'user-a' } }, 'user-b', '--user'],
    [[], { env: { AIPROXY_USER: 'user-b' } }, 'user-b', '$AIPROXY_USER'],
    [[], { config: { ...config, defaultUser: 'user-b' } }, 'user-b', 'default_user'],
    [[], { config: { ...config, users: only } }, 'user-b', 'the only user'],
    [[], { config: createStarter() }, 'user-a', 'the first starter user'],
  ]
  for (const [argv, options, name, from] of cases) {
    const { stdout } = await run(['ask', '--explain', '--json', ...argv], options)
    assert.deepEqual(asMap(JSON.parse(stdout))['user'], { name, from })
  }
  const { code, stderr } = await run(['ask', 'Hi'])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^error: which user\?.*\n {2}users: user-a, user-b\n {2}→ aiproxy ask --user user-a/,
  )
  const unknown = await run(['ask', '-u', 'usera', 'Hi'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /did you mean user-a\?/)
})

test('a mocked answer is marked, with -q too', async () => {
  const record = createRecord({ mock: true })
  const options = { config: createStarter(), exchange: answers(HELLO, record) }
  const loud = await run(['ask', 'Hi'], options)
  assert.match(loud.stderr, /^MOCK · gpt-5 · openai · 812 in \+ 214 out · 1\.9s\n$/)
  const quiet = await run(['ask', '-q', 'Hi'], options)
  assert.equal(quiet.stderr, 'MOCK: no model was asked\n')
  const json = await run(['ask', '--json', 'Hi'], options)
  assert.equal(asMap(JSON.parse(json.stdout))['mock'], true)
})

test('no prompt on a terminal: short help and exit 2; --explain needs none', async () => {
  const { code, stdout, stderr, fake } = await run(['ask', '-u', 'user-a'])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /^Usage: aiproxy ask .*\n\nExamples/)
  assert.deepEqual(fake.loaded, [])
  const explained = await run(['ask', '-u', 'user-a', '--explain'])
  assert.equal(explained.code, 0)
})

test('--explain tells the path offline and shows no key', async () => {
  const config = createConfig()
  const anthropic = config.providers.get('anthropic')
  assert.ok(anthropic !== undefined)
  const providers = new Map([
    ...config.providers,
    [
      'anthropic',
      { ...anthropic, credential: { kind: 'missing', source: 'env ANTHROPIC_API_KEY' } },
    ] as const,
  ])
  const options = { config: { ...config, providers } }
  const { code, stdout, fake } = await run(['ask', '-u', 'user-a', '--explain'], options)
  assert.equal(code, 0)
  assert.match(
    stdout,
    / 1 +gpt-5 +openai +chat +api\.openai\.com\n +key +✓ env OPENAI_API_KEY set\n/,
  )
  assert.match(
    stdout,
    / 2 +claude\S+ +anthropic +messages +api\.anthropic\.com\n +key +✗ env ANTHROPIC_API_KEY not set/,
  )
  assert.equal(stdout.includes('secret'), false)
  assert.deepEqual(fake.loaded, ['config'], 'the app is not even loaded')
  const json = await run(['ask', '-u', 'user-a', '--explain', '--json', '--no-failover'], options)
  const document = asMap(JSON.parse(json.stdout))
  assert.equal(document['allowed'], true)
  assert.equal(JSON.stringify(document).includes('secret'), false)
  assert.deepEqual(document['targets'], [
    {
      model: 'gpt-5',
      upstreamName: 'gpt-5',
      provider: 'openai',
      dialect: 'openai',
      speaks: 'chat',
      host: 'api.openai.com',
      key: { source: 'env OPENAI_API_KEY', set: true },
      ready: true,
      mock: false,
      request: { relayed: true, kept: [], adapted: [], dropped: [], refused: null },
      overLimit: null,
    },
  ])
})

test('--explain of what is not allowed says why and ends with 4', async () => {
  const { code, stdout } = await run(['ask', '-u', 'user-b', '-m', CLAUDE, '--explain'])
  assert.equal(code, 4)
  assert.match(stdout, /allowed +no +claude\S+ is not in user-b's list: gpt-5/)
})

// ── leaving ─────────────────────────────────────────────────────────────────────────────────────

/** A script that streams a little and then waits for the reader to leave. */
function waits(): { exchange: NonNullable<FakeOptions['exchange']>; began: Promise<void> } {
  const begun = createGate()
  return {
    began: begun.opened,
    exchange: ({ sink, say, options }) =>
      new Promise((resolve) => {
        sink.onGone(() => {
          options.hooks?.onFinished?.(createRecord({ outcome: 'aborted', status: 499 }))
          resolve()
        })
        sink.head(200, STREAM)
        say({ type: 'text', text: 'Par' })
        begun.open()
      }),
  }
}

test('^C aborts the exchange, keeps what came, and ends with 130; SIGTERM with 143', async () => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const { exchange, began } = waits()
    const fake = createFake({ exchange })
    const running = fake.main('ask', '-u', 'user-a', 'Hi')
    await began
    fake.signal(signal)
    assert.equal(await running, expected)
    assert.equal(fake.stdout(), 'Par\n')
    assert.match(fake.stderr(), /^interrupted · gpt-5 · .*\n$/)
    assert.deepEqual(fake.closes, [0])
  }
})

test('^C leaves a JSON document that says so', async () => {
  for (const format of ['--json', '--jsonl']) {
    const { exchange, began } = waits()
    const fake = createFake({ exchange })
    const running = fake.main('ask', '-u', 'user-a', format, 'Hi')
    // oxlint-disable-next-line no-await-in-loop -- one run after the other
    await began
    fake.signal('SIGINT')
    // oxlint-disable-next-line no-await-in-loop
    assert.equal(await running, 130)
    const last = asMap(JSON.parse(fake.stdout().trimEnd().split('\n').at(-1) ?? ''))
    assert.equal(last['interrupted'], 'SIGINT')
    assert.equal(last['exitCode'], 130)
    assert.equal(last['text'], 'Par')
    assert.equal(fake.stderr(), '')
  }
})

test('a second ^C ends the program even where the exchange hangs', async () => {
  const begun = createGate()
  const fake = createFake({
    exchange: () => {
      begun.open()
      return new Promise(() => {})
    },
  })
  const running = fake.main('ask', '-u', 'user-a', 'Hi')
  await begun.opened
  fake.signal('SIGINT')
  assert.deepEqual(fake.exits, [])
  fake.signal('SIGINT')
  assert.deepEqual(fake.exits, [130])
  fake.advance(2000)
  assert.equal(await running, 130, 'and without it the wait has an end')
})

test('a closed pipe aborts the exchange and ends with 0, in silence', async () => {
  const { exchange, began } = waits()
  const fake = createFake({ exchange })
  const running = fake.main('ask', '-u', 'user-a', 'Hi')
  await began
  fake.closeStdout()
  assert.equal(await running, 0)
  assert.equal(fake.stderr(), '')
})

test('a slow reader of stdout holds the provider back, every time it catches up again', async () => {
  let resumed = 0
  const fake = createFake({
    slowStdout: true,
    exchange: async (one) => {
      one.sink.onDrain(() => {
        resumed++
      })
      one.sink.head(200, STREAM)
      for (let round = 1; round <= 3; round++) {
        assert.equal(one.say({ type: 'text', text: 'x' }), false)
        fake.drainStdout()
        assert.equal(resumed, round)
      }
      one.say({ type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' })
      one.sink.end()
    },
  })
  assert.equal(await fake.main('ask', '-u', 'user-a', 'Hi'), 0)
})

// ── what a terminal is shown ────────────────────────────────────────────────────────────────────

test('on a terminal an answer cannot move the cursor; into a pipe its bytes are left alone', async () => {
  const nasty = 'a\u001b[2J\r\u202eb\tc\n👩‍👩‍👧 ok'
  const pieces: readonly ChatPiece[] = [
    { type: 'text', text: nasty },
    { type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' },
  ]
  const terminal = await run(['ask', '-u', 'user-a', 'Hi'], {
    tty: { stdout: true },
    exchange: answers(pieces),
  })
  assert.equal(terminal.stdout, 'a\ufffd[2J\ufffd\ufffdb\tc\n👩‍👩‍👧 ok\n')
  const pipe = await run(['ask', '-u', 'user-a', 'Hi'], { exchange: answers(pieces) })
  assert.equal(pipe.stdout, `${nasty}\n`)
})

test('a character that a provider cut in two comes out whole', async () => {
  const { stdout } = await run(['ask', '-u', 'user-a', 'Hi'], {
    exchange: answers([
      { type: 'text', text: 'fox \ud83e' },
      { type: 'text', text: '\udd8a!' },
      { type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' },
    ]),
  })
  assert.equal(stdout, 'fox 🦊!\n')
})

/** A script that takes its time before and after the answer. */
function spun(fake: () => FakeRun): NonNullable<FakeOptions['exchange']> {
  return async (one) => {
    fake().advance(400)
    await answers(HELLO, createRecord())(one)
    fake().advance(400)
  }
}

test('the spinner is on stderr, on a terminal only, and gone at the first word', async () => {
  const terminal = createFake({ tty: { stderr: true }, exchange: spun(() => terminal) })
  await terminal.main('ask', '-u', 'user-a', '--color', 'never', 'Hi')
  // oxlint-disable-next-line no-control-regex -- erasing the line takes an escape sequence
  assert.match(terminal.stderr(), /^\r⠋ gpt-5\r⠙ gpt-5[^]*\r\u001b\[Kgpt-5 · openai/)
  assert.equal(terminal.stdout(), 'Hello! How can I help you today?\n')
  for (const options of [{}, { tty: { stderr: true }, env: { TERM: 'dumb' } }]) {
    const plain = createFake({ ...options, exchange: spun(() => plain) })
    await plain.main('ask', '-u', 'user-a', 'Hi')
    assert.doesNotMatch(plain.stderr(), /[⠋\r]/)
  }
})

test('what could not cross as it was is said', async () => {
  const { stderr } = await run(['ask', '-u', 'user-a', 'Hi'], {
    exchange: async ({ sink, say, options }) => {
      sink.head(200, [...STREAM, ['x-aiproxy-notes', 'seed;dropped']])
      say(...HELLO)
      sink.end()
      options.hooks?.onFinished?.(createRecord())
    },
  })
  assert.match(stderr, /^note: could not cross as it was: seed;dropped\n/)
})

// ── --extract ───────────────────────────────────────────────────────────────────────────────────

test('-x prints the first fenced block alone', async () => {
  const pieces: readonly ChatPiece[] = [
    { type: 'text', text: 'Here:\n\n```sh\necho 1\n' },
    { type: 'text', text: 'echo 2\n```\nand\n```\nnot this\n```\n' },
    { type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' },
  ]
  const { stdout } = await run(['ask', '-u', 'user-a', '-x', 'Hi'], { exchange: answers(pieces) })
  assert.equal(stdout, 'echo 1\necho 2\n')
})

test('-x without a block gives stdout nothing, shows the answer on stderr, and ends with 1', async () => {
  const none = await run(['ask', '-u', 'user-a', '-x', 'Hi'], { exchange: answers() })
  assert.equal(none.code, 1)
  assert.equal(none.stdout, '')
  assert.match(
    none.stderr,
    /\nHello! How can I help you today\?\n.* · anthropic · .*\nerror: there is no fenced block in the answer\n$/,
  )
  const quiet = await run(['ask', '-u', 'user-a', '-x', '-q', 'Hi'], { exchange: answers() })
  assert.equal(quiet.code, 1)
  assert.equal(quiet.stderr, 'error: there is no fenced block in the answer\n')
  for (const format of ['--json', '--jsonl']) {
    const { code, stdout, stderr } = await run(['ask', '-u', 'user-a', '-x', format, 'Hi'], {
      exchange: answers(),
    })
    assert.equal(code, 1)
    const last = asMap(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''))
    assert.equal(last['extracted'], null)
    assert.equal(last['exitCode'], 1)
    assert.equal(asMap(asMap(JSON.parse(stderr))['error'])['code'], 'block_missing')
  }
})

test('-x prints whole lines of the block as they come, and none of what follows', async () => {
  const fake = createFake({
    exchange: async ({ sink, say, options }) => {
      sink.head(200, STREAM)
      say({ type: 'text', text: 'Here:\n~~~py\npri' })
      assert.equal(fake.stdout(), '')
      say({ type: 'text', text: 'nt(1)\nprint(2)' })
      assert.equal(fake.stdout(), 'print(1)\n')
      say({ type: 'text', text: '\n\n~~' })
      assert.equal(fake.stdout(), 'print(1)\nprint(2)\n\n')
      say({ type: 'text', text: '~\nnot this\n~~~\nnor this\n~~~\n' })
      say({ type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' })
      sink.end()
      options.hooks?.onFinished?.(SERVED)
    },
  })
  assert.equal(await fake.main('ask', '-u', 'user-a', '-x', 'Hi'), 0)
  assert.equal(fake.stdout(), 'print(1)\nprint(2)\n\n')
})

test('-x of an answer that was cut keeps what came of the block, and ends with 5', async () => {
  const record = createRecord({ outcome: 'truncated' })
  const inside = await run(['ask', '-u', 'user-a', '-x', 'Hi'], {
    exchange: answers([{ type: 'text', text: '```\nls\nrm' }], record),
  })
  assert.equal(inside.code, 5)
  assert.equal(inside.stdout, 'ls\nrm\n')
  assert.match(inside.stderr, /the answer above is incomplete\n$/)
  const before = await run(['ask', '-u', 'user-a', '-x', 'Hi'], {
    exchange: answers([{ type: 'text', text: 'Here is' }], record),
  })
  assert.equal(before.code, 5)
  assert.equal(before.stdout, '')
  assert.match(before.stderr, /: it was cut before any block came\n$/)
})

test('fences are read as CommonMark has them', () => {
  const cases: ReadonlyArray<readonly [string, string | undefined]> = [
    ['no block', undefined],
    ['```\na\n```', 'a'],
    ['~~~py\na\n```\nb\n~~~', 'a\n```\nb'],
    ['````md\n```\ninner\n```\n````', '```\ninner\n```'],
    ['```a`b\nx', undefined],
    ['```\nnever closed', 'never closed'],
    ['  ```\n  a\n   b\n  ```', 'a\n b'],
    ['    ```\nindented code', undefined],
    ['```\n\n```', ''],
    ['```\r\na\r\n```\r\n', 'a\r'],
  ]
  for (const [text, block] of cases) {
    assert.equal(extractFenced(text), block, text)
    const reader = createFenceReader()
    const pieces = Array.from(text, (character) => reader.push(character))
    const whole = pieces.join('') + reader.end()
    assert.equal(reader.found ? whole.replace(/\n$/, '') : undefined, block, `${text}, one by one`)
  }
})
