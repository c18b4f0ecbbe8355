import assert from 'node:assert/strict'
import { test } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import { asMap, createConfig, createStarter, createUser, run } from './fake-world.ts'

const CLAUDE = 'claude-sonnet-4-20250514'

function limitedConfig(): ReturnType<typeof createConfig> {
  const config = createConfig()
  const user = createUser(
    'user-a',
    [
      { name: 'gpt-5', failover: [CLAUDE] },
      { name: CLAUDE, failover: [] },
    ],
    {
      keys: ['ab'.repeat(32)],
      limits: {
        requests: [{ amount: 60, window: 'minute' }],
        tokens: [{ amount: 200_000, window: 'day' }],
        costUsd: [{ amount: 5, window: 'day' }],
      },
    },
  )
  return { ...config, users: new Map([...config.users, ['user-a', user]]) }
}

test('the table: one row a user, with models, key, failover and limits', async () => {
  const { code, stdout, stderr } = await run(['users'], { config: limitedConfig() })
  assert.equal(code, 0)
  assert.equal(stderr, '')
  assert.equal(
    stdout,
    [
      'USER    MODELS                          KEY        FAILOVER                          LIMITS',
      `user-a  gpt-5 ${CLAUDE}  1 key      gpt-5 → ${CLAUDE}  60 req/minute, 200k tok/day, $5/day`,
      'user-b  gpt-5                           name only  –                                 –',
      '',
    ].join('\n'),
  )
  const list = await run(['users', 'list'], { config: limitedConfig() })
  assert.equal(list.stdout, stdout)
})

test('today is shown where it is known, a dash for nothing, no price for an unknown one', async () => {
  const today = new Map([
    ['user-a', { requests: 98, costUsd: 2.64 }],
    ['user-b', { requests: 4, costUsd: undefined }],
  ])
  const { stdout } = await run(['users'], { today })
  assert.match(stdout, /^USER .* LIMITS {2}TODAY\n/)
  assert.match(stdout, /\nuser-a .* \$2\.64\n/)
  assert.match(stdout, /\nuser-b .* 4 requests\n/)
  const none = await run(['users'], { today: new Map() })
  assert.match(none.stdout, /\nuser-b .* –\n/)
  const unwired = await run(['users'])
  assert.equal(unwired.stdout.includes('TODAY'), false)
})

test('on a terminal a row stays one line and inside it; in a pipe nothing is cut', async () => {
  const models = Array.from({ length: 30 }, (_, index) => ({
    name: `a-rather-long-model-name-${index}`,
    failover: index % 2 === 0 ? [CLAUDE] : [],
  }))
  const users = new Map([['user-a', createUser('user-a', models)]])
  const config = createConfig({ users })
  for (const columns of [80, 100, 120]) {
    const { stdout } = await run(['users', '--color', 'never'], {
      config,
      tty: { stdout: true },
      columns,
    })
    assert.equal(stdout.split('\n').length, 3)
    for (const line of stdout.split('\n')) assert.ok(displayWidth(line) <= columns, line)
    assert.match(stdout, / \+\d+ /)
  }
  const piped = await run(['users'], { config })
  for (const { name } of models) assert.ok(piped.stdout.includes(name))
})

test('--json parses with users, without any, and for an unknown one', async () => {
  const full = await run(['users', '--json'], { config: limitedConfig() })
  const document = asMap(JSON.parse(full.stdout))
  assert.equal(document['schema'], 'aiproxy.users/1')
  assert.equal(full.stdout.includes('abab'), false, 'not even the digest of a key')
  const none = await run(['users', '--json'], { config: createConfig({ users: new Map() }) })
  assert.equal(none.code, 0)
  assert.deepEqual(asMap(JSON.parse(none.stdout))['users'], [])
  const unknown = await run(['users', 'show', 'x', '--json'])
  assert.equal(unknown.stdout, '')
  assert.equal(asMap(asMap(JSON.parse(unknown.stderr))['error'])['code'], 'user_unknown')
})

test('show tells the chain of each model and how ready it is, never a key', async () => {
  const { code, stdout } = await run(['users', 'show', 'user-a'], { config: limitedConfig() })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /gpt-5 → claude\S+ +openai ✓ OPENAI_API_KEY +anthropic ✓ ANTHROPIC_API_KEY\n/,
  )
  assert.match(stdout, /limits +60 req\/minute, 200k tok\/day, \$5\/day\n/)
  assert.equal(stdout.includes('secret'), false)
  const json = await run(['users', 'show', 'user-a', '--json'], { config: limitedConfig() })
  assert.deepEqual(asMap(JSON.parse(json.stdout))['keys'], 1)
})

test('can answers with its exit code', async () => {
  const yes = await run(['users', 'can', 'user-a', 'gpt-5'])
  assert.equal(yes.code, 0)
  assert.equal(yes.stdout, `yes  gpt-5 → ${CLAUDE}\n`)
  const no = await run(['users', 'can', 'user-b', CLAUDE])
  assert.equal(no.code, 4)
  assert.equal(no.stdout, 'no   allowed: gpt-5\n')
  const json = await run(['users', 'can', 'user-b', CLAUDE, '--json'])
  assert.equal(json.code, 4)
  assert.deepEqual(JSON.parse(json.stdout), {
    schema: 'aiproxy.can/1',
    user: 'user-b',
    model: CLAUDE,
    allowed: false,
    chain: [],
  })
})

test('unknown names are misuse, with the nearest one; names of object properties are unknown too', async () => {
  for (const [argv, said] of [
    [['users', 'show', 'user-aa'], /no user 'user-aa'; did you mean user-a\?/],
    [['users', 'can', 'usr-b', 'gpt-5'], /did you mean user-b\?/],
    [['users', 'can', 'user-b', 'gpt-55'], /no model 'gpt-55'; did you mean gpt-5\?/],
    [['users', 'show', 'constructor'], /no user 'constructor'/],
    [['users', 'can', 'user-a', '__proto__'], /no model '__proto__'/],
    [['users', 'shwo', 'user-a'], /unknown command 'shwo'; did you mean show\?/],
    [['users', 'user-b'], /→ aiproxy users show user-b\n$/],
  ] as const) {
    const { code, stdout, stderr } = await run(argv)
    assert.equal(code, 2, argv.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, said)
  }
})

test('with nothing configured: the starter users, and on stderr how to have one’s own', async () => {
  const { code, stdout, stderr } = await run(['users'], { config: createStarter() })
  assert.equal(code, 0)
  assert.match(stdout, /\nuser-a {2}gpt-5 claude\S+ mock \(\+1 mock\) /)
  assert.match(
    stderr,
    /no config file: these are the starter users\. To have your own, write \.\/aiproxy\.yaml:/,
  )
  const quiet = await run(['users', '-q'], { config: createStarter() })
  assert.equal(quiet.stderr, '')
})
