/** `ask --explain` held against what the same command does when it is sent: it must not tell another story. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { displayWidth } from '../../src/cli/table.ts'
import { loadConfigText } from '../../src/config/load.ts'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { MockProvider } from '../../src/mock/mock.ts'
import { asMap, createFake, createRecord } from './fake-world.ts'

const CLAUDE = 'claude-sonnet-4-20250514'
let directory = ''
let provider: MockProvider

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aiproxy-explain-'))
  provider = await createMockProvider()
  writeFileSync(join(directory, 'notes.md'), '# Notes\n')
})

after(async () => {
  await provider.close()
  rmSync(directory, { recursive: true })
})

function configText(more = ''): string {
  return `
log: ./usage.jsonl
providers:
  chat: { dialect: openai, api: chat, base_url: "${provider.url}/v1", api_key: "\${KEY}" }
  responses: { dialect: openai, api: responses, base_url: "${provider.url}/v1", api_key: "\${KEY}" }
  messages: { dialect: anthropic, base_url: "${provider.url}", api_key: "\${KEY}" }
  absent: { dialect: openai, base_url: "${provider.url}/v1", api_key: "\${NOT_SET}" }
models:
  chat: { provider: chat, model: gpt-4o }
  responses: { provider: responses, model: gpt-4o }
  messages: { provider: messages, model: ${CLAUDE} }
  strict: { provider: messages, model: ${CLAUDE}, strict: true }
  absent: { provider: absent, model: gpt-4o }
users:
  me:
    models:
      - chat
      - responses
      - messages
      - strict
      - { name: absent, failover: [strict, messages] }
${more}`
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(argv: readonly string[], more = '', columns?: number): Promise<Result> {
  const fake = createFake({
    cwd: directory,
    ...(columns === undefined ? {} : { tty: { stdout: true }, columns }),
  })
  const world = {
    ...fake.world,
    now: () => Date.now(),
    monotonic: () => performance.now(),
    loadApp: () => import('../../src/app.ts'),
    loadConfig: () =>
      loadConfigText(configText(more), join(directory, 'aiproxy.yaml'), {
        env: { KEY: 'sk-a-secret-0123456789abcdef' },
        cwd: directory,
        home: directory,
      }),
  }
  const code = await main(['ask', ...argv], world)
  return { code, stdout: fake.stdout(), stderr: fake.stderr() }
}

interface ToldRequest {
  readonly adapted: readonly string[]
  readonly dropped: readonly string[]
  readonly refused: string | null
}

function requestOf(target: unknown): ToldRequest {
  const { adapted, dropped, refused } = asMap(asMap(target)['request'])
  return {
    adapted: textsOf(adapted),
    dropped: textsOf(dropped),
    refused: typeof refused === 'string' ? refused : null,
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function targetsOf(document: Record<string, unknown>): unknown[] {
  const { targets } = document
  return Array.isArray(targets) ? targets : []
}

// Names of fields, as the reply's header has them, for the names that a person is told.
const FIELDS: ReadonlyArray<readonly [label: RegExp, field: string]> = [
  [/^temperature .*/, 'temperature'],
  [/^max tokens .*/, 'max_completion_tokens'],
]

function fieldOf(label: string): string {
  const found = FIELDS.find(([pattern]) => pattern.test(label))
  return found === undefined ? label : found[1]
}

const REQUESTS: ReadonlyArray<readonly string[]> = [
  [],
  ['-s', 'Be brief'],
  ['-t', '0'],
  ['-t', '1.4'],
  ['-f', 'notes.md'],
  ['-o', 'seed=7'],
  ['-o', 'logit_bias={"50256":-100}', '-o', 'presence_penalty=0.5'],
  ['-o', 'stop=["a","b","c","d"]'],
  ['-o', 'reasoning_effort=low'],
  ['-o', 'response_format={"type":"json_object"}'],
  ['-o', 'service_tier=flex', '-o', 'user=me'],
  ['-o', 'metadata={"a":"b"}', '-o', 'verbosity=low'],
  ['-o', 'an_unknown_field=1'],
  ['-o', 'logprobs=true'],
  ['-o', 'modalities=["text","audio"]'],
  ['-o', 'top_p=0.5', '-t', '0.5'],
  ['--no-stream', '-o', 'frequency_penalty=1'],
]

for (const model of ['chat', 'responses', 'messages', 'strict']) {
  test(`what is told of ${model} is what happens there`, async () => {
    for (const flags of REQUESTS) {
      const argv = ['-m', model, '--no-log', ...flags, 'Hi']
      // oxlint-disable-next-line no-await-in-loop -- one after the other at one provider
      const explained = await run([...argv, '--explain', '--json'])
      const [target] = targetsOf(asMap(JSON.parse(explained.stdout)))
      const told = requestOf(target)
      // oxlint-disable-next-line no-await-in-loop
      const sent = await run([...argv, '--json'])
      const line = `${argv.join(' ')}: ${sent.stderr}`
      const real = asMap(JSON.parse(sent.stdout))
      if (told.refused !== null) {
        assert.equal(asMap(real['error'])['code'], 'untranslatable', line)
        assert.equal(asMap(real['error'])['message'], told.refused, line)
        assert.equal(explained.code, sent.code, line)
        assert.deepEqual(real['attempts'] === undefined, false)
        continue
      }
      // A strict provider may still refuse what is relayed to it as it is.
      if (model === 'chat') {
        assert.deepEqual([...told.adapted, ...told.dropped], [], line)
        continue
      }
      assert.equal(sent.code, 0, line)
      const notes = textOf(real['notes'])
        .split(', ')
        .filter((note) => note !== '')
      const expected = [
        ...told.adapted.map((label) => `${fieldOf(label)};adapted`),
        ...told.dropped.map((label) => `${fieldOf(label)};dropped`),
      ]
      assert.deepEqual(expected.toSorted(), notes.toSorted(), line)
    }
  })
}

test('a chain is told as it would be gone: no key, a refusal of a strict backup, then the one that is asked', async () => {
  const argv = ['-m', 'absent', '-o', 'seed=7', '--no-log', 'Hi']
  const explained = await run([...argv, '--explain', '--json'])
  assert.equal(explained.code, 0)
  const document = asMap(JSON.parse(explained.stdout))
  assert.equal(document['first'], 'messages')
  assert.deepEqual(
    targetsOf(document).map((target) => {
      const { model, ready, speaks } = asMap(target)
      return [model, ready, speaks, requestOf(target).refused !== null]
    }),
    [
      ['absent', false, 'chat', false],
      ['strict', true, 'messages', true],
      ['messages', true, 'messages', false],
    ],
  )
  const sent = await run([...argv, '--json'])
  const { model, attempts } = asMap(JSON.parse(sent.stdout))
  assert.equal(asMap(model)['served'], 'messages', sent.stderr)
  assert.ok(Array.isArray(attempts))
  assert.deepEqual(
    attempts.map((one) => asMap(one)['model']),
    ['absent', 'strict', 'messages'],
  )
  const text = await run([...argv, '--explain'])
  assert.match(text.stdout, /\nasks +messages: absent has no key: env NOT_SET is not set\n/)
  assert.match(text.stdout, /✗ env NOT_SET not set: a credential failure\n/)
  assert.match(text.stdout, /\n +refused +`seed` would have to be dropped/)
  assert.doesNotMatch(text.stdout, /sk-a-secret/)
})

test('--no-failover leaves one target, and without its key the request would end with 4', async () => {
  const argv = ['-m', 'absent', '--no-failover', '--no-log', 'Hi']
  const explained = await run([...argv, '--explain'])
  const sent = await run(argv)
  assert.equal(explained.code, 4)
  assert.equal(sent.code, 4)
  assert.match(explained.stdout, /\nasks +nobody: absent has no key: /)
})

test('limits are told with what is left, and a request over one with the words of its refusal', async () => {
  const now = new Date().toISOString()
  const line = { ...createRecord(), ts: now, user: 'me', model: 'chat', served_model: 'chat' }
  writeFileSync(join(directory, 'usage.jsonl'), `${JSON.stringify(line)}\n`)
  const limited = '    limits: { requests: [10/hour, 100/day], tokens: 1500/day, concurrency: 2 }\n'
  const roomy = await run(['-m', 'chat', '--max-tokens', '10', '--explain', 'Hi'], limited)
  assert.equal(roomy.code, 0, roomy.stdout)
  assert.match(roomy.stdout, /\nlimits +10 req\/hour +9 left, all back in /)
  assert.match(roomy.stdout, /\n +100 req\/day +99 left, all back in /)
  assert.match(roomy.stdout, /\n +1\.5k tok\/day +474 left, all back in /)
  assert.match(roomy.stdout, /\n +2 at once +counted while they run\n/)

  const over = ['-m', 'chat', '--max-tokens', '1000', '--no-log', 'Hi']
  const told = await run([...over, '--explain', '--json'], limited)
  assert.equal(told.code, 4)
  const { code, message } = asMap(asMap(JSON.parse(told.stdout))['overLimit'])
  assert.equal(code, 'budget_exceeded')
  const sent = await run([...over, '--json'], limited)
  assert.equal(sent.code, 4)
  const error = asMap(asMap(JSON.parse(sent.stdout))['error'])
  // The time at which to try again may differ by the second between the two.
  assert.equal(withoutTime(error['message']), withoutTime(message))
  const text = await run([...over, '--explain'], limited)
  assert.match(text.stdout, /The limit of 1500 tokens per day has 474 tokens left, and this/)
  assert.doesNotMatch(text.stdout, /\nasks /)
  rmSync(join(directory, 'usage.jsonl'))
})

function withoutTime(text: unknown): string {
  return String(text).replace(/Try again .*$/, '')
}

test('where the log cannot be read the request would be refused, and that is told', async () => {
  // A link to itself: every Node fails at it in the same way.
  symlinkSync('loop.jsonl', join(directory, 'loop.jsonl'))
  const more = '    limits: { requests: 10/hour }\n'
  const text = configText(more).replace('./usage.jsonl', './loop.jsonl')
  const fake = createFake({
    cwd: directory,
    loadConfig: () =>
      loadConfigText(text, join(directory, 'aiproxy.yaml'), {
        env: { KEY: 'sk' },
        cwd: directory,
        home: directory,
      }),
  })
  assert.equal(await fake.main('ask', '--explain', 'Hi'), 1)
  assert.match(fake.stdout(), /\nlimits +The usage log .* cannot be read/)
})

test('a name that is nearly one is told, and unknown ends with 2 as the request would', async () => {
  const near = await run(['-m', 'mesages', '--explain'])
  assert.equal(near.code, 2)
  assert.match(near.stdout, /allowed +no {2}no model is called mesages; did you mean messages\?\n/)
  const json = await run(['-m', 'mesages', '--explain', '--json'])
  const document = asMap(JSON.parse(json.stdout))
  assert.deepEqual([document['allowed'], document['targets'], document['first']], [false, [], null])
})

function words(text: string): string {
  // oxlint-disable-next-line no-control-regex -- colours
  return text.replace(/\u001b\[[\d;]*m/g, '').replace(/\s+/g, ' ')
}

test('no line is wider than the terminal, and no word is lost on the way', async () => {
  const argv = [
    '-m',
    'absent',
    '-t',
    '1.4',
    '-s',
    'x',
    '-f',
    'notes.md',
    '-o',
    'seed=1',
    '--explain',
    'Hi',
  ]
  const natural = words((await run(argv)).stdout)
  for (const columns of [60, 80, 120]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { stdout } = await run([...argv, '--color', 'never'], '', columns)
    for (const line of stdout.split('\n')) assert.ok(displayWidth(line) <= columns, line)
    if (columns >= 80) assert.equal(words(stdout), natural)
  }
})

test('the JSON of an explanation has one shape, allowed or not', async () => {
  const shapes = new Set<string>()
  for (const argv of [
    ['-m', 'chat'],
    ['-m', 'nothing'],
    ['-m', 'absent', '--no-failover'],
  ]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const { stdout } = await run([...argv, '--explain', '--json'])
    shapes.add(Object.keys(asMap(JSON.parse(stdout))).join())
  }
  assert.equal(shapes.size, 1)
})
