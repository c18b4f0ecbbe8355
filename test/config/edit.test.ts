import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { editConfigText } from '../../src/config/edit.ts'
import type { Edit } from '../../src/config/edit-roster.ts'
import type { EditResult } from '../../src/config/edit.ts'
import { NO_LIMITS } from '../../src/config/no-limits.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const ROOT = new URL('../../../', import.meta.url)
const CLAUDE = 'claude-sonnet-4-20250514'
const DIGEST = 'ab'.repeat(32)
const MODELS = `models:
  a: { provider: openai }
  b: { provider: openai }
  c: { provider: openai }
`

function edit(text: string, ...edits: Edit[]): Promise<EditResult> {
  const options = { env: { MAIN: 'a' }, cwd: '/w', home: '/h' }
  return editConfigText({ text, path: '/w/aiproxy.yaml', edits, options })
}

/** The edited text without the models that every text here begins with. */
async function edited(users: string, ...edits: Edit[]): Promise<string> {
  const { text } = await edit(MODELS + users, ...edits)
  assert.ok(text.startsWith(MODELS), text)
  return text.slice(MODELS.length)
}

async function refusal(promise: Promise<unknown>): Promise<ProxyError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof ProxyError, String(error))
  return error
}

const allow = (user: string, ...models: string[]): Edit => ({ kind: 'allow', user, models })
const deny = (user: string, ...models: string[]): Edit => ({ kind: 'deny', user, models })
const failover = (user: string, model: string, ...chain: string[]): Edit => ({
  kind: 'failover',
  user,
  model,
  chain,
})
const perDay = (user: string, of: 'requests' | 'tokens' | 'cost', ...amounts: number[]): Edit => ({
  kind: 'limit',
  user,
  of,
  limits: amounts.map((amount) => ({ amount, window: 'day' })),
})
const addKey = (user: string, digest = DIGEST): Edit => ({
  kind: 'add-key',
  user,
  key: { digest, hint: 'k3Qd' },
})
const addUser = (user: string, ...models: string[]): Edit => ({
  kind: 'add-user',
  user,
  models: models.map((name) => ({ name, failover: [], limits: undefined })),
  limits: NO_LIMITS,
  keys: [],
})

const TABLE: ReadonlyArray<
  readonly [behaviour: string, before: string, edits: readonly Edit[], after: string]
> = [
  [
    'a grant goes behind the last one, in the form of its neighbours',
    'users:\n  x:\n    models:   # of x\n      - a   # one\n      # two, soon\n  y: { models: [ a ] }  # y\n',
    [allow('x', 'b', 'c'), allow('y', 'b')],
    'users:\n  x:\n    models:   # of x\n      - a   # one\n      - b\n      - c\n      # two, soon\n  y: { models: [ a, b ] }  # y\n',
  ],
  [
    'a comment deeper than an entry stays with it',
    'users:\n  x:\n    models: [a]\n    # limits: { tokens: 1k/day }\n# end\n',
    [addUser('z', 'a')],
    'users:\n  x:\n    models: [a]\n    # limits: { tokens: 1k/day }\n  z:\n    models: [a]\n# end\n',
  ],
  [
    'a new user is set apart by a blank line where the others are',
    'users:\n  x:\n    models: [a]\n\n  y:\n    models: [a]\n\nlog: "-"\n',
    [addUser('z', 'b')],
    'users:\n  x:\n    models: [a]\n\n  y:\n    models: [a]\n\n  z:\n    models: [b]\n\nlog: "-"\n',
  ],
  [
    'a removed user takes along what is its own, comments included, and no more',
    'users:\n  # everybody\n  x:\n    models: [a]\n  # y is new\n  y:   # y\n    models: [a]\n    # inside y\n  # z, too\n  z: {}\n',
    [{ kind: 'remove-user', user: 'y' }],
    'users:\n  # everybody\n  x:\n    models: [a]\n  # z, too\n  z: {}\n',
  ],
  [
    'the last user leaves an empty map and the comment above',
    'users:   # who\n  # everybody\n  x:\n    models: [a]\nlog: "-"\n',
    [{ kind: 'remove-user', user: 'x' }],
    'users: {}   # who\n  # everybody\nlog: "-"\n',
  ],
  [
    'the last grant leaves an empty list, and the next one fills it',
    'users:\n  z:\n    models:\n    - c\n  x:\n    models:\n    - a\n',
    [deny('x', 'a'), allow('x', 'b')],
    'users:\n  z:\n    models:\n    - c\n  x:\n    models:\n    - b\n',
  ],
  [
    'a bare name gets its backup in braces and keeps its comment and its reference',
    'users:\n  x:\n    models:\n      - "${MAIN}"   # main\n',
    [failover('x', 'a', 'b', 'c')],
    'users:\n  x:\n    models:\n      - { name: "${MAIN}", failover: [b, c] }   # main\n',
  ],
  [
    'of a chain only what changes is touched',
    'users:\n  x:\n    models:\n      - name: a\n        failover:\n          - b   # near\n          - a2  # far\n',
    [failover('x', 'a', 'b', 'c')],
    'users:\n  x:\n    models:\n      - name: a\n        failover:\n          - b   # near\n          - c\n',
  ],
  [
    'a chain in another order is written anew where it stood',
    'users:\n  x:\n    models:\n    - name: a\n      failover:   # order matters\n      - b\n      - c\n',
    [failover('x', 'a', 'c', 'b')],
    'users:\n  x:\n    models:\n    - name: a\n      failover:   # order matters\n      - c\n      - b\n',
  ],
  [
    'no backup any more leaves the name, whichever key stands first',
    'users:\n  x:\n    models:\n      - failover: b\n        name: a   # one\n      - { name: b, failover: [ c, a ] }\n',
    [failover('x', 'a'), failover('x', 'b')],
    'users:\n  x:\n    models:\n      - name: a   # one\n      - { name: b }\n',
  ],
  [
    'limits are made, changed, and gone with the last of them',
    'users:\n  x:   # x\n  y:\n    limits:\n      tokens: 1k/day   # few\n      cost: 1 USD/day\n',
    [perDay('x', 'tokens', 200_000), perDay('y', 'tokens', 5), perDay('y', 'cost')],
    'users:\n  x:   # x\n    limits: { tokens: 200k/day }\n  y:\n    limits:\n      tokens: 5/day   # few\n',
  ],
  [
    'the last limit takes the word along',
    'users:\n  x:\n    models: [a]\n    limits: { tokens: 1k/day }\n',
    [perDay('x', 'tokens')],
    'users:\n  x:\n    models: [a]\n',
  ],
  [
    'a key comes as its digest with its last characters, and leaves no trace',
    'users:\n  x:\n    models: [a]\n  y: { models: [a] }\n',
    [
      addKey('x'),
      addKey('y', 'cd'.repeat(32)),
      { kind: 'revoke-keys', user: 'y', digests: ['cd'.repeat(32)] },
    ],
    `users:\n  x:\n    models: [a]\n    keys:\n      - sha256:${DIGEST}:k3Qd\n  y: { models: [a] }\n`,
  ],
  [
    'a key written by hand under key: counts with the others',
    `users:\n  x:\n    key: sha256:${'0'.repeat(64)}\n    keys: [ "sha256:${DIGEST}" ]\n`,
    [{ kind: 'revoke-keys', user: 'x', digests: ['0'.repeat(64)] }, addKey('x', 'cd'.repeat(32))],
    `users:\n  x:\n    keys: [ "sha256:${DIGEST}", sha256:${'cd'.repeat(32)}:k3Qd ]\n`,
  ],
  [
    'an alias becomes the user’s own list, and the anchor’s owner keeps theirs',
    'users:\n  x:\n    models: &both [a, b]   # shared\n  y:\n    models: *both\n  z: { models: *both }\n',
    [allow('y', 'c')],
    'users:\n  x:\n    models: &both [a, b]   # shared\n  y:\n    models: [a, b, c]\n  z: { models: *both }\n',
  ],
  [
    'an edit at the anchor leaves those who repeat it what they had',
    'users:\n  x:\n    models: &both\n      - a   # shared\n      - { name: b, failover: "${MAIN}" }\n  y:\n    models: *both\n  z: { models: *both }\n',
    [deny('x', 'b')],
    'users:\n  x:\n    models:\n      - a   # shared\n  y:\n    models: &both [a, { name: b, failover: "${MAIN}" }]\n  z: { models: *both }\n',
  ],
  [
    'a removed user hands the anchor on',
    'users:\n  x: &x { models: [a] }\n  y: *x\n',
    [{ kind: 'remove-user', user: 'x' }],
    'users:\n  y: &x { models: [a] }\n',
  ],
  [
    'names that YAML takes for something else are quoted',
    'users:\n  x:\n    models: [a]\n',
    [
      { kind: 'add-model', model: '4.10', provider: 'openai' },
      { kind: 'add-model', model: '@cf/x', provider: 'openai' },
      addUser('true', '4.10', '@cf/x'),
    ],
    'users:\n  x:\n    models: [a]\n  "true":\n    models: ["4.10", "@cf/x"]\n',
  ],
  [
    'a file without a last line end gets one',
    'users:\n  x:\n    models:\n      - a',
    [allow('x', 'b')],
    'users:\n  x:\n    models:\n      - a\n      - b\n',
  ],
  [
    'a user of one word, and one of no value, are filled',
    'users: { x, y: }\n',
    [allow('x', 'a'), allow('y', 'b')],
    'users: { x: { models: [a] }, y: { models: [b] } }\n',
  ],
  [
    'comments inside brackets stay where they are',
    'users: {   # all\n  x: { models: [   # mine\n    a,   # first\n    b    # second\n  ] }\n}\n',
    [allow('x', 'c'), deny('x', 'a')],
    'users: {   # all\n  x: { models: [   # mine\n    b,    # second\n    c\n  ] }\n}\n',
  ],
]

for (const [behaviour, before, edits, after] of TABLE) {
  test(behaviour, async () => {
    // A model of a chain that no edit names must be there all the same.
    const extra = before.includes('a2') ? '  a2: { provider: openai }\n' : ''
    const head = MODELS + extra
    const added = edits.flatMap((one) => (one.kind === 'add-model' ? [one.model] : []))
    const { text } = await edit(head + before, ...edits)
    const lines = added.map((model) => `  ${JSON.stringify(model)}: { provider: openai }\n`)
    assert.equal(text, head + lines.join('') + after)
  })
}

test('the published rbac.json keeps its form, trailing comma included', async () => {
  const before = readFileSync(new URL('test/fixtures/seed/rbac.json', ROOT), 'utf8')
  const { text } = await edit(
    before,
    allow('user-b', CLAUDE),
    failover('user-b', 'gpt-5', CLAUDE),
    {
      kind: 'add-model',
      model: 'gpt-5-mini',
      provider: 'openai',
    },
  )
  assert.equal(
    text,
    before
      .replace(
        /("user-b": \{\s+"models": \[\s+\{\s+"name": "gpt-5")(\s+\})/,
        `$1,\n                    "failover": "${CLAUDE}"$2,\n                {\n                    "name": "${CLAUDE}"\n                }`,
      )
      .replace(
        /("location": "\/anthropic"\s+\})/,
        '$1,\n        "gpt-5-mini": {\n            "provider": "openai"\n        }',
      ),
  )
})

test('strict JSON stays strict JSON when its first, last and only entries come and go', async () => {
  const before = JSON.stringify(
    {
      models: { a: { provider: 'openai' }, b: { provider: 'openai' } },
      users: { x: { models: ['a', 'b'] }, y: { models: [{ name: 'a' }] } },
    },
    undefined,
    2,
  )
  let text = before
  for (const step of [
    deny('x', 'b'),
    deny('x', 'a'),
    allow('x', 'b'),
    failover('y', 'a', 'b'),
    addKey('y'),
    perDay('y', 'tokens', 5),
    { kind: 'remove-user', user: 'y' },
    addUser('z', 'a', 'b'),
    { kind: 'remove-user', user: 'x' },
    { kind: 'remove-user', user: 'z' },
    addUser('w', 'a'),
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- each is made on what the one before has left
    text = (await edit(text, step)).text
    assert.doesNotThrow(() => void JSON.parse(text), text)
  }
  const parsed: unknown = JSON.parse(text)
  assert.deepEqual(parsed, { ...Object(JSON.parse(before)), users: { w: { models: ['a'] } } })
})

test('line ends and the byte order mark stay as they are', async () => {
  const before = `\uFEFF${MODELS}users:\n  x:\n    models:\n      - a\n`.replaceAll('\n', '\r\n')
  const { text } = await edit(before, allow('x', 'b'), addUser('y', 'a'))
  assert.ok(text.startsWith('\uFEFFmodels'))
  assert.doesNotMatch(text.slice(1), /\uFEFF|[^\r]\n/)
})

test('a text that does not load is not edited, and its nesting is never given to the parser', async () => {
  const broken = await refusal(edit(`${MODELS}users: [`, addUser('x')))
  assert.equal(broken.code, 'config_invalid')
  const deep = await refusal(edit('['.repeat(100_000), addUser('x')))
  assert.match(deep.message, /nested more than 32 levels/)
})

test('an edit that would leave a config that does not load says why', async () => {
  const last = await refusal(
    edit(`${MODELS}default_user: x\nusers: { x: {} }\n`, { kind: 'remove-user', user: 'x' }),
  )
  assert.equal(last.code, 'usage_wrong')
  assert.match(
    last.message,
    /^nothing was written: the config would no longer load\n.*default_user/,
  )
  const dangling = await refusal(edit(`${MODELS}users: { x: {} }\n`, allow('x', 'bb')))
  assert.match(dangling.message, /no model is named "bb"; did you mean "b"\?/)
})

test('what a text cannot say as it was meant is refused, not written', async () => {
  // An explicit key with a comment in the way of its colon.
  const strange = `${MODELS}users:\n  ? x  # a: b\n  : { }\n  y: {}\n`
  const error = await refusal(edit(strange, allow('x', 'a')))
  assert.equal(error.code, 'usage_wrong')
  assert.match(error.message, /nothing was written/)
})

test('a name-only user keeps serve from an open address, and not `users key` from mending that', async () => {
  const open = `listen: 0.0.0.0:4242\n${MODELS}users: { x: {}, y: {} }\n`
  const first = await edit(open, addKey('x'))
  assert.match(first.refusal?.message ?? '', /open to other machines, but y has no key/)
  const second = await edit(first.text, addKey('y', 'cd'.repeat(32)))
  assert.equal(second.refusal, undefined)
  const third = await refusal(edit(second.text, addUser('z', 'a')))
  assert.match(third.message, /nothing was written[\s\S]*z has no key/)
  assert.equal(third.hint, 'aiproxy users key z')
})

test('edits go on from what the ones before have made', async () => {
  const after = await edited(
    'users: {}\n',
    addUser('x', 'a'),
    allow('x', 'b'),
    failover('x', 'a', 'c'),
    deny('x', 'b'),
    { kind: 'remove-user', user: 'x' },
    addUser('z', 'c'),
  )
  assert.equal(after, 'users:\n  z:\n    models:\n      - c\n')
})
