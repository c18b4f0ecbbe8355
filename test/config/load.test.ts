import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Config, Provider } from '../../src/config/config.ts'
import { loadConfig, loadConfigText } from '../../src/config/load.ts'
import type { ConfigOverrides } from '../../src/config/load.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const ROOT = new URL('../../../', import.meta.url)
const FIXTURES = fileURLToPath(new URL('test/fixtures/config/', ROOT))
const NO_LIMITS = { requests: [], tokens: [], costUsd: [], concurrency: undefined }
const DIGEST_A = 'a'.repeat(64)
const DIGEST_B = 'b'.repeat(64)

type Env = Record<string, string>

function fromText(text: string, env: Env = {}, overrides: ConfigOverrides = {}): Promise<Config> {
  return loadConfigText(text, '/w/aiproxy.yaml', { env, cwd: '/w', home: '/h', overrides })
}

function starter(env: Env = {}, overrides: ConfigOverrides = {}): Promise<Config> {
  return loadConfig({ flag: 'none', env, cwd: '/w', home: '/h', overrides })
}

function provider(config: Config, name: string): Provider {
  const found = config.providers.get(name)
  assert.ok(found, `provider ${name}`)
  return found
}

function stateOf({ mock, credential }: Provider): string {
  return mock ? 'mocked' : credential.kind
}

async function mocked(text: string, overrides: ConfigOverrides = {}): Promise<string[]> {
  const { providers } = await fromText(text, {}, overrides)
  return [...providers.values()].flatMap(({ name, mock }) => (mock ? [name] : []))
}

function createDirectory(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'aiproxy-load-')))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

// The published rbac.json, twice

for (const [file, failover] of [
  ['rbac-access.json', []],
  ['rbac-failover.json', ['claude-sonnet-4-20250514']],
] as const) {
  test(`the published ${file} loads unchanged`, async () => {
    const config = await loadConfig({ flag: file, env: {}, cwd: FIXTURES, home: '/h' })
    assert.deepEqual(
      [...config.users.values()],
      [
        {
          name: 'user-a',
          models: [
            { name: 'gpt-5', failover, limits: undefined },
            { name: 'claude-sonnet-4-20250514', failover: [], limits: undefined },
          ],
          keys: [],
          limits: NO_LIMITS,
        },
        {
          name: 'user-b',
          models: [{ name: 'gpt-5', failover: [], limits: undefined }],
          keys: [],
          limits: NO_LIMITS,
        },
      ],
    )
    const models = [...config.models.values()].map((model) => [model.name, model.provider])
    assert.deepEqual(models, [
      ['gpt-5', 'openai'],
      ['claude-sonnet-4-20250514', 'anthropic'],
    ])
    assert.deepEqual(config.source, { kind: 'file', path: join(FIXTURES, file) })
    assert.deepEqual(config.warnings, [])
    assert.equal(provider(config, 'openai').mock, false)
    assert.deepEqual(provider(config, 'openai').credential, {
      kind: 'missing',
      source: 'env OPENAI_API_KEY',
    })
  })
}

test('a complete file becomes exactly this config', async () => {
  const env = { OPENAI_API_KEY: 'sk-one', ANTHROPIC_API_KEY: '' }
  const config = await loadConfig({ flag: 'complete.yaml', env, cwd: FIXTURES, home: '/h' })
  const timeouts = { connectMs: 5000, firstByteMs: 60_000, idleMs: 120_000 }
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 4242 })
  assert.equal(config.log, join(FIXTURES, 'usage.jsonl'))
  assert.deepEqual(
    [...config.providers.values()],
    [
      {
        name: 'openai',
        dialect: 'openai',
        api: 'auto',
        baseUrl: 'https://api.openai.com/v1',
        credential: { kind: 'key', value: 'sk-one', source: 'env OPENAI_API_KEY' },
        mock: false,
        timeouts,
      },
      {
        name: 'anthropic',
        dialect: 'anthropic',
        api: 'auto',
        baseUrl: 'https://api.anthropic.com',
        credential: { kind: 'missing', source: 'env ANTHROPIC_API_KEY' },
        mock: false,
        timeouts,
      },
      {
        name: 'mock',
        dialect: 'openai',
        api: 'auto',
        baseUrl: '',
        credential: { kind: 'none' },
        mock: true,
        timeouts: { connectMs: 5000, firstByteMs: 10_000, idleMs: 10_000 },
      },
      {
        name: 'ollama',
        dialect: 'openai',
        api: 'auto',
        baseUrl: 'http://127.0.0.1:11434/v1',
        credential: { kind: 'none' },
        mock: false,
        timeouts,
      },
    ],
  )
  assert.deepEqual(config.models.get('local'), {
    name: 'local',
    provider: 'ollama',
    upstreamName: 'qwen3:8b',
    maxTokens: 4096,
    strict: false,
    price: {
      input: 0,
      output: 0,
      cachedInput: undefined,
      cacheWrite: undefined,
      cacheWriteHour: undefined,
      reasoning: undefined,
    },
    rules: {},
  })
  assert.deepEqual(config.users.get('user-a'), {
    name: 'user-a',
    models: [
      { name: 'gpt-5', failover: ['claude-sonnet-4-20250514'], limits: undefined },
      { name: 'claude-sonnet-4-20250514', failover: [], limits: undefined },
    ],
    keys: [],
    limits: {
      requests: [{ amount: 60, window: 'minute' }],
      tokens: [{ amount: 200_000, window: 'day' }],
      costUsd: [{ amount: 5, window: 'day' }],
      concurrency: undefined,
    },
  })
  assert.equal(config.failover.deadlineMs, 600_000)
  assert.deepEqual(config.warnings, ['no user may call local'])
})

test('what a file does not say has its default', async () => {
  const config = await fromText('users: {}\n')
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 4242 })
  assert.equal(config.log, '/h/.local/state/aiproxy/usage.jsonl')
  assert.equal(config.bodyLimitBytes, 64 * 1024 * 1024)
  assert.equal(config.failover.deadlineMs, 600_000)
  assert.equal(config.defaultUser, undefined)
  assert.deepEqual([...config.failover.on].toSorted(), UNAVAILABLE)
  assert.deepEqual([...config.allowedHosts, ...config.allowedOrigins], [])
  assert.deepEqual(config.warnings, ['there are no users: nobody may call anything'])
})

const UNAVAILABLE = [
  'billing',
  'context',
  'credential',
  'model',
  'overload',
  'rate',
  'server',
  'timeout',
  'transport',
]

const FAILOVER_ON: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['unavailable', UNAVAILABLE],
  ['any', [...UNAVAILABLE, 'request'].toSorted()],
  ['rate', ['rate']],
  ['[rate, timeout]', ['rate', 'timeout']],
  ['[unavailable, request]', [...UNAVAILABLE, 'request'].toSorted()],
  ['[]', []],
]
for (const [written, expected] of FAILOVER_ON) {
  test(`failover on ${written} moves on for ${expected.length} classes`, async () => {
    const config = await fromText(`failover: { on: ${written} }\n`)
    assert.deepEqual([...config.failover.on].toSorted(), expected)
  })
}

test('sections with nothing in them are empty, not wrong', async () => {
  const text = 'providers:\nmodels:\nusers:\n  a:\nfailover:\n'
  const config = await fromText(text)
  assert.deepEqual([...config.users.keys()], ['a'])
  assert.deepEqual(config.warnings, ['a may call no model'])
})

test('names are taken as written, numbers and words of YAML included', async () => {
  const text =
    'models: { 4: {provider: mock}, 1.10: {provider: mock}, true: {provider: mock}, null: {provider: mock} }\nusers: { 007: { models: [4, 1.10, true] } }\n'
  const config = await fromText(text)
  assert.deepEqual([...config.models.keys()], ['4', '1.10', 'true', 'null'])
  const models = config.users.get('007')?.models.map(({ name }) => name)
  assert.deepEqual(models, ['4', '1.10', 'true'])
})

test('an anchor and its aliases say the same thing in several places', async () => {
  const text =
    'models: { m: &m {provider: mock}, n: *m }\nusers:\n  a: { models: &all [m, n] }\n  b: { models: *all }\n'
  const config = await fromText(text)
  assert.deepEqual(config.users.get('b')?.models, config.users.get('a')?.models)
  assert.equal(config.models.get('n')?.provider, 'mock')
})

test('a byte order mark, carriage returns and tabs in JSON do no harm', async () => {
  const text = '\uFEFF{\r\n\t"users": {\r\n\t\t"a": {},\r\n\t},\r\n}\r\n'
  assert.deepEqual([...(await fromText(text)).users.keys()], ['a'])
})

// Names with a meaning in JavaScript

test('names that every object has are names like any other', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
  const models = names.map((name) => `  ${name}: { provider: ${name} }\n`).join('')
  const users = names.map((name) => `  ${name}: { models: [${name}] }\n`).join('')
  const providers = names
    .map((name) => `  ${name}: { dialect: openai, base_url: "http://localhost:1/v1" }\n`)
    .join('')
  const config = await fromText(`providers:\n${providers}models:\n${models}users:\n${users}`)
  assert.deepEqual([...config.users.keys()], names)
  assert.deepEqual([...config.models.keys()], names)
  assert.equal(config.models.get('__proto__')?.provider, '__proto__')
  assert.equal(config.users.get('valueOf'), undefined)
  assert.equal(Object.hasOwn(Object.prototype, 'provider'), false)
})

// Interpolation

test('a value from the environment stays one value', async () => {
  const env = { LOG: 'x.jsonl\nmock: true', PORT: '8080', TOKENS: '512', STRICT: 'true' }
  const text =
    'listen: "127.0.0.1:${PORT}"\nmodels: { m: { provider: mock, max_tokens: "${TOKENS}", strict: "${STRICT}" } }\nfailover: { deadline: "${DEADLINE:-90s}" }\n'
  const config = await fromText(text, env)
  assert.equal(config.listen.port, 8080)
  assert.equal(config.models.get('m')?.maxTokens, 512)
  assert.equal(config.models.get('m')?.strict, true)
  assert.equal(config.failover.deadlineMs, 90_000)
  await assert.rejects(
    fromText('log: "${LOG}"\n', env),
    /holds a control character \(set by LOG\)$/,
  )
})

test('$${ is a literal ${', async () => {
  assert.equal((await fromText('log: "$${A}.jsonl"\n')).log, '/w/${A}.jsonl')
})

const KEYS: ReadonlyArray<readonly [string, Env, Provider['credential']]> = [
  ['"${K}"', { K: 'sk-1' }, { kind: 'key', value: 'sk-1', source: 'env K' }],
  ['"${K}"', { K: ' sk-1\r\n' }, { kind: 'key', value: 'sk-1', source: 'env K' }],
  ['"${K}"', {}, { kind: 'missing', source: 'env K' }],
  ['"${K}"', { K: '' }, { kind: 'missing', source: 'env K' }],
  ['"${K}"', { K: '  ' }, { kind: 'missing', source: 'env K' }],
  ['"${K:-}"', {}, { kind: 'missing', source: 'env K' }],
  ['"${K:-sk-2}"', {}, { kind: 'key', value: 'sk-2', source: 'config file' }],
  ['"${K:-sk-2}"', { K: 'sk-1' }, { kind: 'key', value: 'sk-1', source: 'env K' }],
  ['"pre-${K}"', {}, { kind: 'missing', source: 'env K' }],
  ['"${J}${K}"', { J: 'a', K: 'b' }, { kind: 'key', value: 'ab', source: 'env J, K' }],
  ['sk-3', {}, { kind: 'key', value: 'sk-3', source: 'config file' }],
  ['""', {}, { kind: 'none' }],
]
for (const [written, env, credential] of KEYS) {
  test(`api_key: ${written} with ${JSON.stringify(env)} is ${credential.kind}`, async () => {
    const config = await fromText(`providers: { openai: { api_key: ${written} } }\n`, env)
    assert.deepEqual(provider(config, 'openai').credential, credential)
  })
}

test('a literal key is warned about, without showing it', async () => {
  const config = await fromText('providers: { openai: { api_key: sk-secret } }\nusers: {a: {}}\n')
  assert.deepEqual(config.warnings, [
    'providers.openai.api_key stands in the file itself: put it in the environment and write "${OPENAI_API_KEY}"',
    'a may call no model',
  ])
})

test('a literal key in a file others can read is told how to be closed', async (t) => {
  const cwd = createDirectory(t)
  const path = join(cwd, 'aiproxy.yaml')
  writeFileSync(path, 'providers: { openai: { api_key: sk-secret } }\n')
  const warnings: string[] = []
  for (const mode of [0o600, 0o640, 0o604]) {
    chmodSync(path, mode)
    const config = await loadConfig({ env: {}, cwd, home: '/h' })
    warnings.push(config.warnings[0]?.split('; ')[1] ?? '')
  }
  assert.deepEqual(warnings, ['', `until then: chmod 600 ${path}`, `until then: chmod 600 ${path}`])
})

// Built-in providers, changed in part

test('a file changes a part of a built-in provider and keeps the rest', async () => {
  const text =
    'providers:\n  openai: { api: chat, timeouts: { idle: 1s } }\n  anthropic:\n  mock: { dialect: anthropic }\n'
  const config = await fromText(text, { OPENAI_BASE_URL: 'https://eu.example.org/v1/' })
  const openai = provider(config, 'openai')
  assert.equal(openai.baseUrl, 'https://eu.example.org/v1')
  assert.equal(openai.api, 'chat')
  assert.deepEqual(openai.timeouts, { connectMs: 5000, firstByteMs: 60_000, idleMs: 1000 })
  assert.equal(provider(config, 'anthropic').baseUrl, 'https://api.anthropic.com')
  assert.deepEqual(
    [provider(config, 'mock').dialect, provider(config, 'mock').mock],
    ['anthropic', true],
  )
})

test('an anthropic base_url is taken with or without /v1', async () => {
  for (const url of ['https://x.example.org/a', 'https://x.example.org/a/v1/']) {
    const config = await fromText(`providers: { anthropic: { base_url: "${url}" } }\n`)
    assert.equal(provider(config, 'anthropic').baseUrl, 'https://x.example.org/a')
  }
})

test('a variable that points back at this proxy is passed over, with a warning', async () => {
  const env = {
    OPENAI_BASE_URL: 'http://127.0.0.1:4242/v1',
    ANTHROPIC_BASE_URL: 'http://localhost:4242',
    OPENAI_API_KEY: 'sk-1',
  }
  const config = await starter(env)
  assert.equal(provider(config, 'openai').baseUrl, 'https://api.openai.com/v1')
  assert.equal(provider(config, 'anthropic').baseUrl, 'https://api.anthropic.com')
  assert.deepEqual(config.warnings, [
    "OPENAI_BASE_URL is this proxy's own address: passed over, openai is at https://api.openai.com/v1",
    "ANTHROPIC_BASE_URL is this proxy's own address: passed over, anthropic is at https://api.anthropic.com",
  ])
  const elsewhere = await starter(env, { port: 4243 })
  assert.equal(provider(elsewhere, 'openai').baseUrl, 'http://127.0.0.1:4242/v1')
})

test('a bad base URL in the environment is an error without a file, too', async () => {
  await assert.rejects(starter({ OPENAI_BASE_URL: 'nonsense' }), {
    code: 'config_invalid',
    message:
      'providers.openai.base_url: "nonsense" is not a URL; write https://host/path (set by OPENAI_BASE_URL)',
  })
})

test('things that are no errors are warned about', async () => {
  const text = `
providers:
  lan: { dialect: openai, base_url: "http://192.168.1.5:8000/v1" }
  bare: { dialect: openai, base_url: "http://127.0.0.1:11434" }
  openai: { mock: true }
models: { m: { provider: lan }, spare: { provider: lan } }
users: { a: { models: [m], limits: { cost: [1 USD/day, 9 USD/month] } } }
`
  assert.deepEqual((await fromText(text)).warnings, [
    'openai is mocked: its answers are made up',
    'providers.lan.base_url: http to 192.168.1.5:8000 is not encrypted',
    'providers.bare.base_url: http://127.0.0.1:11434 has no path; most servers want http://127.0.0.1:11434/v1',
    'no user may call spare',
  ])
})

// Limits

test('a user is limited as a whole and for one model', async () => {
  const { users, warnings } = await fromText(`
users:
  a:
    models: [{ name: mock, limits: { requests: [5/minute, 100/day], concurrency: 1 } }, mock-slow]
    limits: { tokens: 10k/hour, cost: $2/month, concurrency: 8 }
models: { mock: { provider: mock }, mock-slow: { provider: mock } }
`)
  assert.deepEqual(users.get('a')?.limits, {
    requests: [],
    tokens: [{ amount: 10_000, window: 'hour' }],
    costUsd: [{ amount: 2, window: 'month' }],
    concurrency: 8,
  })
  assert.deepEqual(
    users.get('a')?.models.map(({ limits }) => limits),
    [
      {
        requests: [
          { amount: 5, window: 'minute' },
          { amount: 100, window: 'day' },
        ],
        tokens: [],
        costUsd: [],
        concurrency: 1,
      },
      undefined,
    ],
  )
  assert.deepEqual(warnings, [])
})

test('limits that cannot be remembered are warned about', async () => {
  const limited = 'users: { a: { models: [m], limits: { requests: 5/day } }, b: { models: [m] } }\n'
  const models = 'models: { m: { provider: mock } }\n'
  assert.deepEqual((await fromText(`log: "-"\n${models}${limited}`)).warnings, [
    'limits of a begin anew at each start: the usage log is stdout and cannot be read',
  ])
  const crowd = 'users: { a: { models: [m], limits: { concurrency: 5 } } }\n'
  assert.deepEqual((await fromText(`log: "-"\n${models}${crowd}`)).warnings, [])
})

test('a cost limit says which models it does not count', async () => {
  const text = `
models:
  known: { provider: openai }
  priced: { provider: openai, price: { input: 1, output: 2 } }
  unknown: { provider: openai }
  backup: { provider: openai }
  made-up: { provider: mock }
users:
  all: { models: [known, priced, { name: unknown, failover: backup }, made-up], limits: { cost: 5 USD/day } }
  one: { models: [unknown, { name: priced, failover: backup, limits: { cost: 1 USD/day } }] }
  free: { models: [unknown], limits: { tokens: 1k/day } }
`
  const priced = new Set(['known', 'priced'])
  const options = { env: {}, cwd: '/w', home: '/h' }
  const loadPrices = async () => (name: string) => priced.has(name)
  const config = await loadConfigText(text, '/w/aiproxy.yaml', { ...options, loadPrices })
  assert.deepEqual(config.warnings, [
    'the cost limit of all does not count unknown, backup: no price is known; set models.<name>.price',
  ])
  const uncosted = text.replaceAll('cost:', 'requests:').replaceAll(' USD', '')
  let asked = false
  await loadConfigText(uncosted, '/w/aiproxy.yaml', {
    ...options,
    async loadPrices() {
      asked = true
      return () => true
    },
  })
  assert.equal(asked, false, 'where nobody limits cost, nobody needs to know prices')
})

// Users and their keys

test('keys lead to their users', async () => {
  const text = `users:\n  a: { key: "sha256:${DIGEST_A.toUpperCase()}" }\n  b: { keys: ["sha256:${DIGEST_B}"] }\n  c: {}\n`
  const config = await fromText(text)
  assert.deepEqual(
    [...config.keys],
    [
      [DIGEST_A, 'a'],
      [DIGEST_B, 'b'],
    ],
  )
  assert.deepEqual(config.users.get('a')?.keys, [DIGEST_A])
  assert.deepEqual(config.users.get('c')?.keys, [])
})

test('beyond loopback everyone needs a key, whatever opened the door', async () => {
  const open = { code: 'config_invalid', hint: 'aiproxy users key user-a' }
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'proxy.example.org']) {
    await assert.rejects(starter({}, { host }), open)
  }
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    assert.equal((await starter({}, { host })).listen.host, host)
  }
  await assert.rejects(fromText('users:\n  b: {}\n', {}, { host: '0.0.0.0' }), {
    message: 'aiproxy.yaml:2:3: --host 0.0.0.0:4242 is open to other machines, but b has no key',
    hint: 'aiproxy users key b',
  })
  const keyed = `listen: 0.0.0.0:4242\nusers: { a: { key: "sha256:${DIGEST_A}" } }\n`
  assert.equal((await fromText(keyed)).listen.host, '0.0.0.0')
  const back = await fromText('listen: 0.0.0.0:4242\nusers: {b: {}}\n', {}, { host: '127.0.0.1' })
  assert.equal(back.listen.host, '127.0.0.1')
})

// The usage log

test('the log is where it was said to be', async () => {
  const cases: ReadonlyArray<readonly [string, Env, ConfigOverrides, string]> = [
    ['log: a/b.jsonl', {}, {}, '/etc/aiproxy/a/b.jsonl'],
    ['log: /var/log/u.jsonl', {}, {}, '/var/log/u.jsonl'],
    ['log: ~/u.jsonl', {}, {}, '/h/u.jsonl'],
    ['log: "-"', {}, {}, '-'],
    ['log: a.jsonl', {}, { log: 'b.jsonl' }, '/w/b.jsonl'],
    ['log: a.jsonl', {}, { log: '-' }, '-'],
    ['mock: false', {}, {}, '/h/.local/state/aiproxy/usage.jsonl'],
    ['mock: false', { XDG_STATE_HOME: '/s' }, {}, '/s/aiproxy/usage.jsonl'],
    ['mock: false', { XDG_STATE_HOME: 's' }, {}, '/h/.local/state/aiproxy/usage.jsonl'],
  ]
  for (const [text, env, overrides, expected] of cases) {
    const options = { env, overrides, cwd: '/w', home: '/h' }
    const config = await loadConfigText(text, '/etc/aiproxy/config.yaml', options)
    assert.equal(config.log, expected, text)
  }
})

test('the audit is off, or beside the config file, or where it was said to be', async () => {
  const cases: ReadonlyArray<readonly [string, string | undefined]> = [
    ['mock: false', undefined],
    ['audit: ./a.jsonl', '/etc/aiproxy/a.jsonl'],
    ['audit: /var/log/a.jsonl', '/var/log/a.jsonl'],
    ['audit: ~/a.jsonl', '/h/a.jsonl'],
  ]
  for (const [text, expected] of cases) {
    const options = { env: {}, cwd: '/w', home: '/h' }
    const config = await loadConfigText(text, '/etc/aiproxy/config.yaml', options)
    assert.equal(config.audit, expected, text)
  }
  await assert.rejects(
    loadConfigText('audit: config.yaml', '/etc/aiproxy/config.yaml', {
      env: {},
      cwd: '/w',
      home: '/h',
    }),
    /is this config file/,
  )
})

// The starter config

test('without a file there are the published users and models, and the mock', async () => {
  const config = await starter()
  assert.deepEqual(config.source, { kind: 'starter' })
  assert.deepEqual([...config.users.keys()], ['user-a', 'user-b'])
  const chains = new Map(
    [...config.users].map(([name, user]) => [
      name,
      user.models.map((model) => [model.name, ...model.failover].join(' → ')),
    ]),
  )
  const mocks = [
    'mock',
    'mock-slow',
    'mock-flaky',
    'mock-429 → mock',
    'mock-529 → mock',
    'mock-500',
    'mock-401 → mock',
    'mock-timeout → mock',
    'mock-error-first → mock',
    'mock-error-in-stream',
    'mock-half-frame',
    'mock-cut',
    'mock-eof',
    'mock-stall',
  ]
  assert.deepEqual(chains.get('user-a'), [
    'gpt-5 → claude-sonnet-4-20250514',
    'claude-sonnet-4-20250514',
    ...mocks,
  ])
  assert.deepEqual(chains.get('user-b'), ['gpt-5', ...mocks])
  assert.deepEqual(config.warnings, [])
})

const STARTER: ReadonlyArray<readonly [Env, string, string]> = [
  [{}, 'mocked', 'mocked'],
  [{ OPENAI_API_KEY: '' }, 'mocked', 'mocked'],
  [{ OPENAI_API_KEY: ' ', ANTHROPIC_API_KEY: '' }, 'mocked', 'mocked'],
  [{ OPENAI_API_KEY: 'sk' }, 'key', 'missing'],
  [{ ANTHROPIC_API_KEY: 'sk' }, 'missing', 'key'],
  [{ OPENAI_API_KEY: '', ANTHROPIC_API_KEY: 'sk' }, 'missing', 'key'],
  [{ OPENAI_API_KEY: 'bad', ANTHROPIC_API_KEY: 'sk' }, 'key', 'key'],
]
for (const [env, openai, anthropic] of STARTER) {
  test(`the starter with ${JSON.stringify(env)}: openai ${openai}, anthropic ${anthropic}`, async () => {
    const config = await starter(env)
    assert.equal(stateOf(provider(config, 'openai')), openai)
    assert.equal(stateOf(provider(config, 'anthropic')), anthropic)
    assert.equal(provider(config, 'mock').mock, true)
  })
}

test('with a file nothing is mocked unless it or the command line says so', async () => {
  assert.deepEqual(await mocked('users: {}\n'), ['mock'])
  assert.deepEqual(await mocked('providers: { openai: { mock: true } }\n'), ['openai', 'mock'])
  assert.deepEqual(await mocked('mock: true\n'), ['openai', 'anthropic', 'mock'])
  assert.deepEqual(await mocked('users: {}\n', { mock: true }), ['openai', 'anthropic', 'mock'])
})

test('a mocked provider never carries a real key', async () => {
  const config = await starter({ OPENAI_API_KEY: 'sk-real' }, { mock: true })
  assert.deepEqual(provider(config, 'openai').credential, { kind: 'none' })
  assert.ok(!JSON.stringify([...config.providers]).includes('sk-real'))
})

test('--port and --host win over the file', async () => {
  const config = await fromText('listen: 127.0.0.1:1\n', {}, { port: 0, host: '::1' })
  assert.deepEqual(config.listen, { host: '::1', port: 0 })
})

test('a --port or --host that is none is misuse, not a bad config', async () => {
  await assert.rejects(starter({}, { port: 65_536 }), {
    code: 'usage_wrong',
    message: '--port "65536" is not a port; ports go from 0 to 65535',
  })
  await assert.rejects(starter({}, { port: NaN }), { code: 'usage_wrong' })
  await assert.rejects(starter({}, { host: 'http://x' }), { code: 'usage_wrong' })
  assert.equal((await starter({}, { host: '[::1]' })).listen.host, '::1')
})

// Frozen

test('nothing in a config can be changed', async () => {
  const config = await loadConfig({ flag: 'complete.yaml', env: {}, cwd: FIXTURES, home: '/h' })
  const seen = new Set<unknown>()
  const assertFrozen = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    assert.ok(Object.isFrozen(value))
    const inside = value instanceof Map || value instanceof Set ? value.values() : []
    for (const item of [...Object.values(value), ...inside]) assertFrozen(item)
  }
  assertFrozen(config)
  assert.ok(seen.size > 40)
  const { users, allowedHosts } = config
  assert.ok(users instanceof Map && allowedHosts instanceof Set)
  assert.throws(() => users.set('intruder', {}), TypeError)
  assert.throws(() => users.delete('user-a'), TypeError)
  assert.throws(() => users.clear(), TypeError)
  assert.throws(() => allowedHosts.add('evil.example'), TypeError)
  assert.equal(users.size, 2)
})

// Files that cannot be read

test('a file that is none says why', async (t) => {
  const cwd = createDirectory(t)
  mkdirSync(join(cwd, 'directory.yaml'))
  writeFileSync(join(cwd, 'latin1.yaml'), Buffer.from([0x6c, 0x6f, 0x67, 0x3a, 0x20, 0xe9]))
  writeFileSync(join(cwd, 'huge.yaml'), `#${'x'.repeat(4 * 1024 * 1024)}`)
  const cases = [
    ['directory.yaml', 'directory.yaml: is a directory, not a file'],
    ['latin1.yaml', 'latin1.yaml: is not UTF-8 text'],
    ['huge.yaml', 'huge.yaml: larger than 4 MiB; that is no config'],
  ] as const
  for (const [flag, message] of cases) {
    await assert.rejects(loadConfig({ flag, env: {}, cwd, home: '/h' }), {
      code: 'config_invalid',
      message,
    })
  }
})

test('a file we may not read is an error, not passed over', async (t) => {
  if (process.getuid?.() === 0) return t.skip('root may read everything')
  const cwd = createDirectory(t)
  writeFileSync(join(cwd, 'aiproxy.yaml'), 'users: {}\n', { mode: 0o000 })
  await assert.rejects(loadConfig({ env: {}, cwd, home: homedir() }), {
    code: 'config_invalid',
    message: 'aiproxy.yaml: may not be read (permission denied)',
  })
})

test('the problem is thrown as ProxyError with the path from where one stands', async (t) => {
  const cwd = createDirectory(t)
  mkdirSync(join(cwd, 'sub'))
  writeFileSync(join(cwd, 'sub', 'c.yaml'), 'lgo: x\n')
  const path = join(cwd, 'sub', 'c.yaml')
  assert.equal(await placeOfProblem(cwd, 'sub/c.yaml'), `${join('sub', 'c.yaml')}:1:1`)
  assert.equal(await placeOfProblem(join(cwd, 'sub'), 'c.yaml'), 'c.yaml:1:1')
  assert.equal(await placeOfProblem(join(cwd, 'elsewhere'), path), `${path}:1:1`)
})

async function placeOfProblem(cwd: string, flag: string): Promise<string | undefined> {
  try {
    await loadConfig({ flag, env: {}, cwd, home: '/h' })
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    return error.message.split(': ')[0]
  }
  throw new Error('it was accepted')
}
