import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import {
  asMap,
  createConfig,
  createFake,
  createRecord,
  createStarter,
  createUser,
  run,
} from './fake-world.ts'

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
    /\n {4}gpt-5 +openai ✓ OPENAI_API_KEY\n {4}→ claude\S+ +anthropic ✓ ANTHROPIC_API_KEY\n/,
  )
  assert.equal(stdout.includes('secret'), false)
  for (const line of stdout.split('\n')) assert.ok(displayWidth(line) <= 80, line)
  const json = await run(['users', 'show', 'user-a', '--json'], { config: limitedConfig() })
  const document = asMap(JSON.parse(json.stdout))
  assert.equal(document['keys'], 1)
  assert.deepEqual(Array.isArray(document['chains']) && document['chains'][0], {
    model: 'gpt-5',
    chain: [
      { model: 'gpt-5', provider: 'openai', ready: true, mock: false },
      { model: CLAUDE, provider: 'anthropic', ready: true, mock: false },
    ],
  })
})

/** A log with these requests of user-a in it, seconds before the fake world's time. */
function writeLog(
  t: TestContext,
  lines: ReadonlyArray<readonly [ageSeconds: number, more: object]>,
): string {
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-users-'))
  t.after(() => {
    rmSync(directory, { recursive: true })
  })
  const nowMs = createFake().world.now()
  const log = join(directory, 'usage.jsonl')
  const text = lines.map(([age, more]) => {
    const ts = new Date(nowMs - age * 1000).toISOString()
    return `${JSON.stringify({ ...createRecord(), ts, ...more })}\n`
  })
  writeFileSync(log, text.join(''))
  return log
}

test('show tells what is left of each limit, a model’s own too, as a start would read it from the log', async (t) => {
  const log = writeLog(t, [
    [90_000, { total_tokens: 70_000 }],
    [7200, { total_tokens: 1000 }],
    [30, { total_tokens: 500, model: 'gpt-5', served_model: CLAUDE }],
    [20, { outcome: 'refused', status: 404, total_tokens: undefined }],
    [10, { total_tokens: 99_000, user: 'user-b' }],
  ])
  const limits = {
    requests: [{ amount: 60, window: 'minute' }],
    tokens: [{ amount: 200_000, window: 'day' }],
    costUsd: [],
    concurrency: 4,
  } as const
  const ofModel = { ...limits, requests: [{ amount: 1, window: 'minute' }], tokens: [] } as const
  const user = createUser(
    'user-a',
    [{ name: 'gpt-5', failover: [CLAUDE], limits: { ...ofModel, concurrency: undefined } }],
    { limits },
  )
  const config = createConfig({ users: new Map([['user-a', user]]), log })
  const { stdout } = await run(['users', 'show', 'user-a'], { config })
  assert.match(stdout, /\n {2}limits +60 req\/minute +59 left, all back in \d+\.\ds\n/)
  assert.match(stdout, /\n +200k tok\/day +198,500 left, all back in 8h48m\n/)
  assert.match(stdout, /\n +4 at once +counted while they run\n/)
  assert.match(stdout, /\n {4}gpt-5 .*\n {8}1 req\/minute {2}0 left, all back in .*\n {4}→ claude/)
  const json = await run(['users', 'show', 'user-a', '--json'], { config })
  const { left } = asMap(JSON.parse(json.stdout))
  assert.ok(Array.isArray(left))
  assert.deepEqual(
    left.map((one) => [asMap(one)['of'], asMap(one)['model'], asMap(one)['left']]),
    [
      ['requests', null, 59],
      ['tokens', null, 198_500],
      ['requests', 'gpt-5', 0],
    ],
  )
})

test('where the log cannot be read, show says that what is left is unknown, and shows the rest', async (t) => {
  // A link to itself: every Node fails at it in the same way.
  const log = join(dirname(writeLog(t, [])), 'loop.jsonl')
  symlinkSync('loop.jsonl', log)
  const config = { ...limitedConfig(), log }
  const { code, stdout } = await run(['users', 'show', 'user-a'], { config })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /limits +60 req\/minute, 200k tok\/day, \$5\/day\n +what is left is unknown: /,
  )
  assert.match(stdout, /gpt-5 +openai ✓/)
  const json = await run(['users', 'show', 'user-a', '--json'], { config })
  assert.equal(asMap(JSON.parse(json.stdout))['left'], null)
})

test('the JSON of a user has one shape, whatever is known', async () => {
  const shapes = new Set<string>()
  for (const options of [{}, { today: new Map() }, { config: limitedConfig() }]) {
    // oxlint-disable-next-line no-await-in-loop -- one run after the other
    const { stdout } = await run(['users', '--json'], options)
    const { users } = asMap(JSON.parse(stdout))
    assert.ok(Array.isArray(users))
    for (const user of users) {
      const limits = asMap(asMap(user)['limits'])
      shapes.add(`${Object.keys(asMap(user)).join()} ${Object.keys(limits).join()}`)
    }
  }
  assert.deepEqual(
    [...shapes],
    ['user,models,keys,limits,today requests,tokens,costUsd,concurrency'],
  )
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
    /no config file: these are the starter users\. Your own go into \.\/aiproxy\.yaml:/,
  )
  const quiet = await run(['users', '-q'], { config: createStarter() })
  assert.equal(quiet.stderr, '')
})
