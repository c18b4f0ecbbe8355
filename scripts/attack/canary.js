/**
 * A key of its own in every place where one can stand, then every command and every way to fail; after
 * that none of them may be found in anything that came out: replies, headers, output, logs, what the
 * other provider was sent.
 *
 *   npm run check:canary -- [--seed 1] [--count 20]     count: rounds of requests
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawClient } from '../../dist/test/attack/door.js'
import { send } from '../../dist/test/support/http.js'
import { runCli, startProxy } from '../../dist/test/support/proxy.js'
import {
  OPENAI_ROLE,
  anthropicAnswers,
  openaiAnswers,
  openaiChunk,
} from '../../dist/test/support/replies.js'
import { createUpstream } from '../../dist/test/support/upstream.js'
import { createFindings, createRandom, readOptions } from './run.js'

const options = readOptions('canary', 20)
const findings = createFindings(options)
const random = createRandom(options.seed)
const letters = (length) =>
  Array.from({ length }, () => 'abcdefghijkmnpqrstuvwxyz23456789'[random.below(32)]).join('')

// Some look like keys, some like nothing: the second kind only exact knowledge can find.
const KEYS = {
  openai: `sk-proj-${letters(40)}`,
  anthropic: `sk-ant-api03-${letters(40)}`,
  literal: `zq${letters(38)}`,
  unshaped: letters(32),
  user: `aip_${letters(43)}`,
  otherUser: `aip_${letters(43)}`,
  guess: `aip_${letters(43)}`,
  bystander: `wq${letters(38)}`,
}
const digest = (key) => `sha256:${createHash('sha256').update(key).digest('hex')}`

const cleanUps = []
const owner = { after: (cleanUp) => cleanUps.push(cleanUp) }

/** Fails in every way that can carry a key back: the provider knows the one it was sent. */
const echoes = {
  '401-json': (reply, key) => reply.json(401, { error: { message: `Incorrect API key provided: ${key}.`, type: 'invalid_request_error', code: 'invalid_api_key' } }),
  '401-text': (reply, key) => reply.bytes(401, `bad key ${key}`, { 'content-type': 'text/plain' }),
  '400-echo': (reply, key) => reply.json(400, { error: { message: `You sent Authorization: Bearer ${key}`, type: 'invalid_request_error', param: key, code: key } }),
  '500-html': (reply, key) => reply.bytes(500, `<pre>x-api-key: ${key}</pre>`, { 'content-type': 'text/html' }),
  '302': (reply, key) => reply.bytes(302, '', { location: `http://127.0.0.1:1/?key=${key}` }),
  headers: (reply, key) => reply.json(429, { error: { message: 'slow down' } }, { 'retry-after': '1', 'x-echo': key, 'set-cookie': `k=${key}`, 'x-request-id': `req-${key}` }),
  'in-stream': async (reply, key) => {
    reply.openStream()
    await reply.write(`data: ${JSON.stringify({ error: { message: `key ${key} was revoked`, code: 401 } })}\n\n`)
    reply.end()
  },
  'after-content': async (reply, key) => {
    reply.openStream()
    await reply.write(OPENAI_ROLE)
    await reply.write(openaiChunk({ content: 'Hel' }))
    await reply.write(`data: ${JSON.stringify({ error: { message: `key ${key} was revoked`, code: 401 } })}\n\n`)
    reply.end()
  },
  'not-json': (reply, key) => reply.bytes(200, `oops ${key}`, { 'content-type': 'application/json' }),
  'no-sse': (reply, key) => reply.bytes(200, `data: oops ${key}\n\n`, { 'content-type': 'text/event-stream' }),
  reset: (reply) => reply.reset(),
  'hang-up': (reply) => reply.hangUp(),
} // prettier-ignore
const KINDS = [...Object.keys(echoes), 'good']
const PROVIDERS = ['openai', 'anthropic', 'literal', 'unshaped']

const upstream = await createUpstream(owner, async (reply, request) => {
  const key =
    request.headers['x-api-key'] ?? String(request.headers.authorization).replace('Bearer ', '')
  const kind = /"model":\s*"([^"]+)-at-/.exec(request.body.toString('utf8'))?.[1] ?? 'good'
  if (kind === 'good') {
    const answers = request.path.includes('/messages') ? anthropicAnswers : openaiAnswers
    await answers(reply, request)
  } else await echoes[kind](reply, key)
})

const models = PROVIDERS.flatMap((provider) =>
  KINDS.map((kind) => ({ name: `${kind}-at-${provider}`, provider })),
)
const config = [
  'log: ./usage.jsonl',
  'providers:',
  `  openai: { dialect: openai, base_url: "${upstream.origin}/v1", api_key: "\${OPENAI_API_KEY}" }`,
  `  anthropic: { dialect: anthropic, base_url: "${upstream.origin}", api_key: "\${ANTHROPIC_API_KEY}" }`,
  `  literal: { dialect: openai, base_url: "${upstream.origin}/v1", api_key: "${KEYS.literal}" }`,
  `  unshaped: { dialect: anthropic, base_url: "${upstream.origin}", api_key: "\${FROM_ENV_FILE}" }`,
  'models:',
  ...models.map(({ name, provider }) => `  ${name}: { provider: ${provider} }`),
  'users:',
  '  u:',
  `    keys: ["${digest(KEYS.user)}"]`,
  '    models:',
  ...models.map(
    ({ name }, n) =>
      `      - { name: ${name}, failover: [${models[(n + 13) % models.length].name}] }`,
  ),
  '  v:',
  `    keys: ["${digest(KEYS.otherUser)}"]`,
  '    models: [good-at-openai]',
  '',
].join('\n')

const outputs = []
const keep = (from, text) => outputs.push([from, text])

const proxy = await startProxy(owner, {
  config,
  env: {
    OPENAI_API_KEY: KEYS.openai,
    ANTHROPIC_API_KEY: KEYS.anthropic,
    FROM_ENV_FILE: KEYS.unshaped,
    AWS_SECRET_ACCESS_KEY: KEYS.bystander,
  },
})
const port = Number(new URL(proxy.url).port)
const replyOf = async (name, path, outgoing) => {
  try {
    const reply = await send(`${proxy.url}${path}`, outgoing)
    keep(name, `${JSON.stringify(reply.headers)}\n${reply.text}`)
    return reply.status
  } catch (error) {
    // A cut connection is an answer too.
    keep(name, String(error))
    return 0
  }
}

const statuses = new Map()
const API = {
  '/v1/chat/completions': (model, stream) => ({ model, stream, messages: [{ role: 'user', content: 'Hi' }] }),
  '/v1/messages': (model, stream) => ({ model, stream, max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }),
  '/v1/responses': (model, stream) => ({ model, stream, input: 'Hi' }),
} // prettier-ignore
const CREDENTIALS = [
  ['right', { authorization: `Bearer ${KEYS.user}` }],
  ['right', { 'x-api-key': KEYS.user }],
  ['wrong', { authorization: `Bearer ${KEYS.guess}` }],
  ['wrong', { 'x-api-key': KEYS.guess }],
  ['wrong', { 'x-user': KEYS.guess }],
  ['wrong', { 'x-user': 'v', authorization: `Bearer ${KEYS.user}` }],
  ['wrong', { authorization: `Basic ${KEYS.guess}` }],
]
let requests = 0
for (let round = 0; round < options.count; round += 1) {
  for (const { name: model } of models) {
    const path = random.pick(Object.keys(API))
    const [, headers] = random.below(4) === 0 ? random.pick(CREDENTIALS) : CREDENTIALS[0]
    const status = await replyOf(`${path} ${model}`, path, {
      headers,
      body: API[path](model, random.below(2) === 0),
    })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    requests += 1
  }
}

// Keys where no key belongs, and bytes that are no request.
for (const [, headers] of CREDENTIALS) {
  for (const path of [
    '/v1/models',
    '/nope',
    '/healthz',
    '/metrics',
    `/v1/models/${KEYS.guess.slice(4)}`,
  ]) {
    if (!path.includes(KEYS.guess.slice(4))) await replyOf(path, path, { headers })
  }
}
for (const bytes of [
  `GET / HTTP/1.1\r\nX A: ${KEYS.user}\r\nAuthorization: Bearer ${KEYS.user}\r\n\r\n`,
  `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${KEYS.user}\r\nAuthorization: Bearer ${KEYS.guess}\r\n\r\n`,
  `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${KEYS.user}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  `CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic ${KEYS.guess}\r\n\r\n`,
]) {
  const client = rawClient(port)
  client.write(bytes)
  client.socket.end()
  keep('raw', (await client.over).text)
}

// Every command, well and badly, in text and in JSON.
const env = {
  OPENAI_API_KEY: KEYS.openai,
  ANTHROPIC_API_KEY: KEYS.anthropic,
  AWS_SECRET_ACCESS_KEY: KEYS.bystander,
}
const cwd = proxy.cwd
writeFileSync(join(cwd, '.env'), `FROM_ENV_FILE=${KEYS.unshaped}\n`)
const bad = (name, text) => {
  writeFileSync(join(cwd, name), text)
  return name
}
const broken = [
  bad('b1.yaml', config.replace('users:', `users: "\${OPENAI_API_KEY}"\nx:`)),
  bad('b2.yaml', config.replace('log: ./usage.jsonl', `"\${ANTHROPIC_API_KEY}": 1`)),
  bad('b3.yaml', config.replaceAll('provider: literal', 'provider: "${FROM_ENV_FILE}"')),
  bad('b4.yaml', config.replace(upstream.origin, '${OPENAI_API_KEY}')),
  bad('b5.yaml', config.replace('dialect: openai', `dialect: "\${OPENAI_API_KEY}"`)),
  bad('b6.yaml', `listen: "\${ANTHROPIC_API_KEY}"\n${config}`),
]
const commands = [
  ['serve', '--check'],
  ['users'],
  ['users', 'show', 'u'],
  ['users', 'can', 'v', 'good-at-openai'],
  ['users', 'can', 'v', 'good-at-literal'],
  ['usage'],
  ['usage', '--by', 'user,model,outcome', '--wide'],
  ['usage', '--csv'],
  ...KINDS.map((kind) => [
    'ask',
    '--user',
    'u',
    '--model',
    `${kind}-at-${random.pick(PROVIDERS)}`,
    'Hi',
  ]),
  ['ask', '--user', 'u', '--model', 'good-at-literal', '--explain', 'Hi'],
  ['ask', '--user', 'nobody', 'Hi'],
  ['ask', '--user', 'u', '--model', 'nope', 'Hi'],
  ['ask', '--user', 'u', '--model', '401-json-at-unshaped', '--no-failover', 'Hi'],
  ['ask', '--user', 'u', '--model', '401-json-at-literal', '--no-failover', '--no-stream', 'Hi'],
]
let ran = 0
for (const command of commands) {
  for (const flags of [[], ['--json'], ['-vv']]) {
    const result = await runCli([...command, '-c', 'aiproxy.yaml', ...flags], {
      cwd,
      home: proxy.home,
      env,
    })
    keep(`aiproxy ${command.join(' ')} ${flags.join(' ')}`, result.stdout + result.stderr)
    ran += 1
  }
}
for (const name of broken) {
  for (const flags of [[], ['--json'], ['-vv']]) {
    const result = await runCli(['serve', '--check', '-c', name, ...flags], {
      cwd,
      home: proxy.home,
      env,
    })
    if (result.code === 0) findings.add('a broken config was taken', name)
    keep(`serve --check -c ${name}`, result.stdout + result.stderr)
    ran += 1
  }
}

proxy.signal('SIGTERM')
await proxy.exited
keep('stdout', proxy.stdout())
keep('stderr', proxy.stderr())

/** Everything the program left on disk, but for what we wrote there ourselves. */
function keepFiles(directory) {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (statSync(path).isDirectory()) keepFiles(path)
    else if (!/^(?:aiproxy\.yaml|b\d\.yaml|\.env)$/.test(name))
      keep(path, readFileSync(path, 'utf8'))
  }
}
mkdirSync(proxy.home, { recursive: true })
keepFiles(proxy.home)
keepFiles(cwd)

// A key that was cut short is still a part of one.
const TELLING_LETTERS = 20
for (const [name, key] of Object.entries(KEYS)) {
  const part = key.slice(-TELLING_LETTERS)
  const start = key.slice(0, TELLING_LETTERS)
  for (const [from, text] of outputs) {
    if (text.includes(part) || text.includes(start)) {
      const at = Math.max(text.indexOf(part), text.indexOf(start))
      findings.add(`key ${name}`, `in ${from}: …${text.slice(Math.max(0, at - 150), at + 80)}…`)
    }
  }
}
// A provider sees its own key, and nobody else's.
const OF_CALLERS = [KEYS.user, KEYS.otherUser, KEYS.guess, KEYS.bystander]
for (const request of upstream.requests) {
  const whole = `${JSON.stringify(request.headers)} ${request.path} ${request.body}`
  const ours = PROVIDERS.filter((name) => whole.includes(KEYS[name]))
  if (ours.length !== 1) findings.add('not exactly one provider key', whole.slice(0, 400))
  if (OF_CALLERS.some((key) => whole.includes(key)))
    findings.add("a caller's key went out", whole.slice(0, 400))
}
for (const cleanUp of cleanUps.toReversed()) await cleanUp()
findings.end({
  requests,
  commands: ran,
  outputs: outputs.length,
  characters: outputs.reduce((sum, [, text]) => sum + text.length, 0),
  providerRequests: upstream.requests.length,
  statuses: Object.fromEntries([...statuses].toSorted(([a], [b]) => a - b)),
})
