import assert from 'node:assert/strict'
import test from 'node:test'
import { compareConfigs, compareFixed } from '../../src/config/difference.ts'
import type { Config } from '../../src/config/config.ts'
import type { Change } from '../../src/config/difference.ts'
import { loadConfigText } from '../../src/config/load.ts'

const ENV = { OPENAI_API_KEY: 'sk-one-0123456789', OTHER_KEY: 'sk-two-0123456789' }
const DIGEST_A = `sha256:${'a'.repeat(64)}`
const DIGEST_B = `sha256:${'b'.repeat(64)}`

const BASE = `
models:
  gpt-5: { provider: openai }
  claude: { provider: anthropic }
  local: { provider: ollama, model: "qwen3:8b", price: { input: 0, output: 0 } }
providers:
  ollama: { dialect: openai, base_url: "http://127.0.0.1:11434/v1" }
users:
  ann: { models: [{ name: gpt-5, failover: claude }, claude], limits: { tokens: 200k/day } }
  bob: { models: [gpt-5], key: "${DIGEST_A}" }
`

function load(text: string, env: Record<string, string> = ENV): Promise<Config> {
  return loadConfigText(text, '/desk/aiproxy.yaml', { env, cwd: '/desk', home: '/home/ann' })
}

/** Each change on one line: `~ user ann: granted local`. */
function lines(changes: readonly Change[]): string[] {
  const marks = { added: '+', removed: '-', changed: '~' }
  return changes.map(({ kind, name, mark, details }) =>
    [`${marks[mark]} ${kind} ${name}`, ...(details.length > 0 ? [details.join(' · ')] : [])].join(
      ': ',
    ),
  )
}

const EDITS: ReadonlyArray<{
  readonly edit: string
  readonly from: string
  readonly to: string
  readonly says: readonly string[]
}> = [
  { edit: 'a comment', from: 'models:', to: '# hello\nmodels:', says: [] },
  {
    edit: 'a new user',
    from: 'users:',
    to: 'users:\n  cyd: { models: [local, { name: gpt-5, failover: [claude, local] }], limits: { cost: 5 USD/day } }',
    says: ['+ user cyd: may use local, gpt-5 → claude → local · cost limit: 5 USD/day · name only'],
  },
  {
    edit: 'a user taken out',
    from: /  bob.*\n/.exec(BASE)?.[0] ?? '',
    to: '',
    says: ['- user bob'],
  },
  {
    edit: 'a model granted, with a backup',
    from: 'failover: claude }, claude]',
    to: 'failover: claude }, claude, { name: local, failover: gpt-5 }]',
    says: ['~ user ann: granted local → gpt-5'],
  },
  {
    edit: 'a model revoked',
    from: 'failover: claude }, claude]',
    to: 'failover: claude }]',
    says: ['~ user ann: revoked claude'],
  },
  {
    edit: 'another backup',
    from: 'failover: claude',
    to: 'failover: [local, claude]',
    says: ['~ user ann: failover of gpt-5: claude → local, claude'],
  },
  {
    edit: 'no backup',
    from: '{ name: gpt-5, failover: claude }',
    to: 'gpt-5',
    says: ['~ user ann: failover of gpt-5: claude → off'],
  },
  {
    edit: 'models in another order',
    from: '[{ name: gpt-5, failover: claude }, claude]',
    to: '[claude, { name: gpt-5, failover: claude }]',
    says: ['~ user ann: default model: gpt-5 → claude'],
  },
  {
    edit: 'a limit changed, one added',
    from: 'tokens: 200k/day',
    to: 'tokens: 1500k/day, requests: 60/minute',
    says: ['~ user ann: requests limit: 60/minute · tokens limit: 200k/day → 1.5M/day'],
  },
  {
    edit: 'limits taken away',
    from: ', limits: { tokens: 200k/day }',
    to: '',
    says: ['~ user ann: tokens limit: 200k/day → none'],
  },
  {
    edit: 'a key replaced',
    from: DIGEST_A,
    to: DIGEST_B,
    says: ['~ user bob: key replaced'],
  },
  {
    edit: 'a second key',
    from: `key: "${DIGEST_A}"`,
    to: `keys: ["${DIGEST_A}", "${DIGEST_B}"]`,
    says: ['~ user bob: keys: 1 → 2'],
  },
  {
    edit: 'a model added and one changed',
    from: 'local: { provider: ollama, model: "qwen3:8b", price: { input: 0, output: 0 } }',
    to: 'local: { provider: openai, max_tokens: 9, strict: true, price: { input: 1, output: 2.5 } }\n  new: { provider: ollama, model: x }',
    says: [
      '~ model local: provider: ollama → openai · model: qwen3:8b → local · max_tokens: none → 9 · strict: false → true · price: 0 in + 0 out → 1 in + 2.5 out',
      '+ model new: ollama calls it x',
    ],
  },
  {
    edit: 'a provider added, one changed',
    from: 'ollama: { dialect: openai, base_url: "http://127.0.0.1:11434/v1" }',
    to: 'ollama: { dialect: openai, base_url: "http://127.0.0.1:11435/v1", api: chat, timeouts: { connect: 1s, first_byte: 2m } }\n  far: { dialect: anthropic, base_url: "https://far.example", api_key: "${OTHER_KEY}" }',
    says: [
      '~ provider ollama: api: auto → chat · base_url: http://127.0.0.1:11434/v1 → http://127.0.0.1:11435/v1 · timeouts.connect: 5s → 1s · timeouts.first_byte: 1m → 2m',
      '+ provider far: anthropic · https://far.example · key from env OTHER_KEY',
    ],
  },
  {
    edit: 'a provider mocked',
    from: 'http://127.0.0.1:11434/v1"',
    to: 'http://127.0.0.1:11434/v1", mock: true',
    says: ['~ provider ollama: mock: false → true'],
  },
  {
    edit: 'another source of a key',
    from: 'providers:',
    to: 'providers:\n  openai: { api_key: "${OTHER_KEY}" }',
    says: ['~ provider openai: api_key: key from env OPENAI_API_KEY → key from env OTHER_KEY'],
  },
  {
    edit: 'everything else',
    from: 'models:',
    to: 'log: ./u.jsonl\naudit: ./a.jsonl\nlisten: 127.0.0.1:4243\ndefault_user: ann\nbody_limit: 1MiB\nallowed_hosts: [box.lan]\nallowed_origins: ["http://localhost:3000"]\nfailover: { on: [rate, overload], deadline: 90s }\nmodels:',
    says: [
      '~ setting listen: 127.0.0.1:4242 → 127.0.0.1:4243',
      '~ setting log: /home/ann/.local/state/aiproxy/usage.jsonl → /desk/u.jsonl',
      '~ setting audit: off → /desk/a.jsonl',
      '~ setting default_user: none → ann',
      '~ setting failover.on: unavailable → overload, rate',
      '~ setting failover.deadline: 10m → 90s',
      '~ setting body_limit: 64MiB → 1MiB',
      '~ setting allowed_hosts: + box.lan',
      '~ setting allowed_origins: + http://localhost:3000',
    ],
  },
]

for (const { edit, from, to, says } of EDITS) {
  test(`the difference that ${edit} makes`, async () => {
    assert.ok(BASE.includes(from), 'the edit finds its place')
    const before = await load(BASE)
    const changes = compareConfigs(before, await load(BASE.replace(from, to)))
    assert.deepEqual(lines(changes), says)
    assert.deepEqual(compareConfigs(before, before), [])
  })
}

test('another key from the same place is told, and no key ever stands in a difference', async () => {
  const before = await load(BASE)
  const after = await load(BASE, { OPENAI_API_KEY: 'sk-three-0123456789' })
  assert.deepEqual(lines(compareConfigs(before, after)), [
    '~ provider openai: api_key: another key from env OPENAI_API_KEY',
  ])
  const none = await load(BASE, {})
  assert.deepEqual(lines(compareConfigs(after, none)), [
    '~ provider openai: api_key: key from env OPENAI_API_KEY → env OPENAI_API_KEY is not set',
  ])
  const literal = await load(
    BASE.replace('providers:', 'providers:\n  openai: { api_key: sk-literal-0123456789 }'),
  )
  const everything = [
    compareConfigs(before, after),
    compareConfigs(before, literal),
    compareConfigs(none, literal),
  ]
  assert.doesNotMatch(JSON.stringify(everything), /sk-|aaaa/)
})

test('a user, password or query of a base_url is not shown, and its change is told all the same', async () => {
  const config = await load(BASE)
  const openai = config.providers.get('openai')
  assert.ok(openai !== undefined)
  const withUrl = (baseUrl: string): Config => ({
    ...config,
    providers: new Map([['openai', { ...openai, baseUrl }]]),
  })
  const changes = compareConfigs(
    withUrl('https://me:secret-a@x.example/v1?k=secret-a'),
    withUrl('https://me:secret-b@x.example/v1?k=secret-b'),
  )
  assert.deepEqual(lines(changes), ['~ provider openai: base_url: changed'])
})

test('no field of a config can change in silence', async () => {
  const config = await load(BASE)
  const other: { readonly [Field in keyof Config]: Config[Field] } = {
    source: { kind: 'starter' },
    listen: { host: '127.0.0.1', port: 1 },
    log: '-',
    audit: '/a.jsonl',
    providers: new Map(),
    models: new Map(),
    users: new Map(),
    // Told with the users, who have them.
    keys: new Map(),
    keyHints: new Map(),
    defaultUser: 'ann',
    failover: { on: new Set(), deadlineMs: 1 },
    onLogFailure: 'continue',
    bodyLimitBytes: 1,
    allowedHosts: new Set(['x']),
    allowedOrigins: new Set(['x']),
    // Told by themselves.
    warnings: ['x'],
  }
  for (const [field, value] of Object.entries(other)) {
    const changes = compareConfigs(config, { ...config, [field]: value })
    const isToldElsewhere = ['keys', 'keyHints', 'warnings'].includes(field)
    assert.equal(changes.length > 0, !isToldElsewhere, field)
  }
})

test('only the address and a log on stdout cannot change while running', async () => {
  const before = await load(BASE)
  assert.deepEqual(compareFixed(before, { ...before, log: '/elsewhere.jsonl' }), [])
  assert.deepEqual(lines(compareFixed(before, { ...before, log: '-' })), [
    '~ setting log: /home/ann/.local/state/aiproxy/usage.jsonl → -',
  ])
  const moved = { ...before, listen: { host: '::1', port: 80 } }
  assert.deepEqual(lines(compareFixed(before, moved)), [
    '~ setting listen: 127.0.0.1:4242 → [::1]:80',
  ])
})
