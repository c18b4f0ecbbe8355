import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { loadConfigText } from '../../src/config/load.ts'
import type { Sighting } from '../../src/config/watch.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import {
  asMap,
  createConfig,
  createFake,
  createGate,
  createModel,
  createRecord,
  createStarter,
  createUser,
} from './fake-world.ts'
import type { FakeOptions, FakeRun } from './fake-world.ts'

const TERMINAL = { tty: { stdout: true, stderr: true }, env: { NO_COLOR: '1' } }
const NEWS: Sighting = { kind: 'file', isNews: true }
const NO_NEWS: Sighting = { kind: 'file', isNews: false }
const GONE: Sighting = { kind: 'gone', isNews: true }

type Load = NonNullable<FakeOptions['loadConfig']>

/** A running `serve` whose config is whatever `load` says now. */
async function serve(argv: readonly string[], options: FakeOptions = {}) {
  let load: Load = () => Promise.resolve(options.config ?? createConfig())
  const inForce: Config[] = []
  const listening = createGate()
  const fake = createFake({
    ...options,
    loadConfig: (request) => load(request),
    reload: async (config) => {
      await options.reload?.(config)
      inForce.push(config)
    },
    listen: () => {
      listening.open()
      return Promise.resolve({ host: '127.0.0.1', port: 4242 })
    },
  })
  const ended = fake.main('serve', ...argv)
  await listening.opened
  await turn()
  const [greeting, told] = [fake.stdout(), fake.stderr()]
  return {
    fake,
    inForce,
    /** What the file holds from now on. */
    holds(next: Config | Load) {
      load = typeof next === 'function' ? next : () => Promise.resolve(next)
    },
    async sees(sighting: Sighting) {
      for (const { onSettled } of fake.watches) onSettled(sighting)
      await turn()
    },
    async hangUp() {
      fake.hangUp(false)
      await turn()
    },
    /** Since it listens. */
    stderr: () => fake.stderr().slice(told.length),
    events: () => readEvents(fake.stdout().slice(greeting.length)),
    stop: () => stop(fake, ended),
  }
}

/** Everything that needs no event from outside has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

function stop(fake: FakeRun, ended: Promise<number>): Promise<number> {
  fake.signal('SIGTERM')
  return ended
}

function readEvents(text: string): Array<Record<string, unknown>> {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => asMap(JSON.parse(line)))
}

function withUser(config: Config = createConfig()): Config {
  const user = createUser('user-new', [{ name: 'gpt-5', failover: [] }])
  return { ...config, users: new Map([...config.users, ['user-new', user]]) }
}

function from(text: string): Load {
  return ({ env, cwd, home, overrides }) =>
    loadConfigText(text, '/desk/aiproxy.yaml', { env, cwd, home, overrides })
}

function broken(message = 'aiproxy.yaml:3:1: is wrong'): Load {
  return () => Promise.reject(new ProxyError('config_invalid', message, { hint: 'Mend it' }))
}

test('a good edit is put in force, and the difference is one event', async () => {
  const run = await serve([])
  run.holds(withUser())
  await run.sees(NEWS)
  const [event, ...more] = run.events()
  assert.deepEqual(more, [])
  assert.deepEqual(event, {
    event: 'reload',
    ts: '2026-11-22T15:12:03.000Z',
    ok: true,
    config: '/desk/aiproxy.yaml',
    users: 3,
    models: 2,
    changes: [
      { kind: 'user', name: 'user-new', mark: 'added', details: ['may use gpt-5', 'name only'] },
    ],
  })
  assert.equal(run.inForce.length, 1)
  assert.equal(run.stderr(), '')
  await run.stop()
})

test('on a terminal the difference is one block', async () => {
  const run = await serve([], { ...TERMINAL, columns: 100 })
  const config = createConfig({ warnings: ['user-x may call no model'] })
  const users = new Map(config.users)
  users.delete('user-b')
  users.set('user-x', createUser('user-x', []))
  run.holds({ ...config, users, bodyLimitBytes: 1024 })
  await run.sees(NEWS)
  assert.match(
    run.stderr(),
    /^\d\d:12:03 config reloaded {3}\.\/aiproxy\.yaml {3}2 users · 2 models\n/,
  )
  assert.equal(
    run.stderr().replace(/^.*\n/, ''),
    '  + user user-x           may use nothing · name only\n' +
      '  - user user-b\n' +
      '  ~ body_limit            64MiB → 1KiB\n' +
      'warning: user-x may call no model\n',
  )
  await run.stop()
})

test('a long change has a line for each detail, a long difference an end, and a name no power', async () => {
  const run = await serve([], { ...TERMINAL, columns: 60 })
  const grants = Array.from({ length: 9 }, (_, at) => ({ name: `model-${at}`, failover: [] }))
  const users = Array.from({ length: 30 }, (_, at): [string, ReturnType<typeof createUser>] => [
    `u${at}`,
    createUser(at === 0 ? 'u0\u001b[31m' : `u${at}`, grants),
  ])
  const hostile = createUser('u0', [])
  run.holds(createConfig({ users: new Map([['u\u001b[2J', hostile], ...users]) }))
  await run.sees(NEWS)
  const lines = run.stderr().trimEnd().split('\n')
  assert.ok(lines.length < 45, `${lines.length} lines`)
  assert.match(lines.at(-1) ?? '', /… and 21 more changes/)
  for (const line of lines.slice(1)) assert.ok(line.length <= 60, line)
  assert.ok(lines.includes('      name only'))
  assert.equal(run.stderr().includes('\u001b'), false)
  await run.stop()
})

test('a bad edit is refused with its error, and the config of before stays', async () => {
  const run = await serve([])
  run.holds(broken('aiproxy.yaml:3:1: is wrong\naiproxy.yaml:9:2: is wrong too'))
  await run.sees(NEWS)
  assert.deepEqual(run.events(), [
    {
      event: 'reload',
      ts: '2026-11-22T15:12:03.000Z',
      ok: false,
      config: '/desk/aiproxy.yaml',
      code: 'config_invalid',
      error: 'aiproxy.yaml:3:1: is wrong',
      details: ['aiproxy.yaml:9:2: is wrong too'],
      hint: 'Mend it',
    },
  ])
  assert.deepEqual(run.inForce, [])
  await run.stop()
})

test('on a terminal a refusal is loud, with -q too', async () => {
  for (const argv of [[], ['-q']]) {
    const run = await serve(argv, TERMINAL)
    run.holds(broken('aiproxy.yaml:3:1: is \u001b[31mwrong'))
    await run.sees(NEWS)
    assert.equal(
      run.stderr(),
      '! config not reloaded: the one of before stays in force\n' +
        '  error: aiproxy.yaml:3:1: is \ufffd[31mwrong\n' +
        '    → Mend it\n',
    )
    await run.stop()
  }
})

test('a bad content is said once: touching it says nothing, another one does', async () => {
  const run = await serve([])
  run.holds(broken())
  await run.sees(NEWS)
  await run.sees(NO_NEWS)
  await run.sees(NO_NEWS)
  assert.equal(run.events().length, 1)
  await run.sees(NEWS)
  assert.equal(run.events().length, 2)
  run.holds(broken('aiproxy.yaml:4:1: is wrong in another way'))
  await run.sees(NO_NEWS)
  assert.equal(run.events().length, 3, 'the same content can be wrong in a new way')
  run.holds(withUser())
  await run.sees(NO_NEWS)
  assert.equal(run.events().at(-1)?.['ok'], true)
  await run.stop()
})

test('what is found at the beginning is only told where it is not what was loaded', async () => {
  const same = await serve([])
  await same.sees(NO_NEWS)
  assert.deepEqual(same.events(), [])
  assert.deepEqual(same.inForce, [], 'nothing is swapped for its equal')
  await same.stop()
  const other = await serve([])
  other.holds(withUser())
  await other.sees(NO_NEWS)
  assert.equal(other.events().length, 1)
  await other.stop()
})

test('an edit of nothing but a comment is answered too', async () => {
  const run = await serve([], TERMINAL)
  await run.sees(NEWS)
  assert.match(run.stderr(), /config reloaded .* 2 models {3}nothing changed\n$/)
  await run.stop()
})

test('a file that lost its last user is refused', async () => {
  const run = await serve([])
  run.holds(createConfig({ users: new Map() }))
  await run.sees(NEWS)
  assert.match(String(run.events()[0]?.['error']), /aiproxy\.yaml: no users are left of 2 users/)
  assert.deepEqual(run.inForce, [])
  await run.stop()
  const none = createConfig({ users: new Map() })
  const empty = await serve([], { config: none })
  empty.holds({ ...none, bodyLimitBytes: 1 })
  await empty.sees(NEWS)
  assert.equal(empty.inForce.length, 1, 'there were none before')
  await empty.stop()
})

test('a file that is gone is said, and the config stays', async () => {
  const run = await serve([])
  await run.sees(GONE)
  assert.equal(run.events()[0]?.['ok'], false)
  assert.match(String(run.events()[0]?.['error']), /^aiproxy\.yaml: the config file is gone$/)
  assert.deepEqual(run.inForce, [])
  await run.stop()
})

test('another address needs a restart: all else is checked against the one in use', async () => {
  const run = await serve(['--host', '0.0.0.0'])
  const asked: unknown[] = []
  run.holds((request) => {
    asked.push(request.overrides)
    const port = request.overrides?.port ?? 5000
    return Promise.resolve({ ...withUser(), listen: { host: '127.0.0.1', port } })
  })
  await run.sees(NEWS)
  const [event] = run.events()
  assert.deepEqual(event?.['needsRestart'], [
    {
      kind: 'setting',
      name: 'listen',
      mark: 'changed',
      details: ['127.0.0.1:4242 → 127.0.0.1:5000'],
    },
  ])
  assert.equal(JSON.stringify(event?.['changes']).includes('listen'), false)
  assert.deepEqual(asked[1], {
    port: 4242,
    host: '127.0.0.1',
    log: undefined,
    mock: undefined,
  })
  assert.equal(run.inForce[0]?.listen.port, 4242)
  await run.stop()
})

test('a name-only user is not let in on an open address because the file says another one', async () => {
  const models = 'models: { main: { provider: mock } }'
  const keyed = `users: { ann: { models: [main], key: "sha256:${'a'.repeat(64)}" } }`
  const open = from(`listen: 0.0.0.0:4242\n${models}\n${keyed}\n`)
  const config = await open({ flag: undefined, env: {}, cwd: '/desk', home: '/home/ann' })
  const run = await serve([], { config })
  run.holds(from(`listen: 127.0.0.1:4242\n${models}\nusers: { ann: { models: [main] } }\n`))
  await run.sees(NEWS)
  // The parser was loaded for the first time.
  while (run.events().length === 0) await turn() // oxlint-disable-line no-await-in-loop -- until it is said
  assert.match(String(run.events()[0]?.['error']), /open to other machines, but ann has no key/)
  assert.deepEqual(run.inForce, [])
  await run.stop()
})

test('on a terminal what needs a restart is said, with -q too', async () => {
  for (const argv of [[], ['-q']]) {
    const run = await serve(argv, TERMINAL)
    run.holds((request) => Promise.resolve(createConfig({ log: request.overrides?.log ?? '-' })))
    await run.sees(NEWS)
    assert.match(run.stderr(), /! log .*usage\.jsonl → -: needs a restart\n$/)
    await run.stop()
  }
})

test('what the app will not put in force is refused like a bad file', async () => {
  const run = await serve([], {
    reload: () => Promise.reject(new ProxyError('config_invalid', 'log: cannot write')),
  })
  run.holds(withUser())
  await run.sees(NEWS)
  assert.equal(run.events()[0]?.['error'], 'log: cannot write')
  await run.stop()
})

test('edits during a reload are one reload after it', async () => {
  const gate = createGate()
  const run = await serve([])
  let loads = 0
  run.holds(async () => {
    loads += 1
    if (loads === 1) await gate.opened
    return loads === 1 ? createConfig({ bodyLimitBytes: 1 }) : withUser()
  })
  for (let i = 0; i < 5; i++) await run.sees(NEWS) // oxlint-disable-line no-await-in-loop -- in order
  gate.open()
  await turn()
  assert.equal(loads, 2)
  assert.equal(run.inForce.at(-1)?.users.has('user-new'), true)
  await run.stop()
})

test('SIGHUP reloads at once and always answers', async () => {
  const run = await serve(['--no-watch'])
  await run.hangUp()
  assert.deepEqual(run.events()[0]?.['changes'], [])
  run.holds(withUser())
  await run.hangUp()
  assert.equal(run.inForce.length, 1)
  await run.stop()
  for (const [found, said] of [
    ['gone', /is gone/],
    ['irregular', /no file that could be read again/],
  ] as const) {
    const without = await serve([], { found })
    await without.hangUp()
    assert.match(String(without.events()[0]?.['error']), said)
    await without.stop()
  }
})

test('a closed terminal ends the run in order', async () => {
  const run = await serve([])
  run.fake.hangUp(true)
  assert.deepEqual(run.fake.closes, [25_000])
})

test('--no-watch watches nothing, and neither does a proxy without a file that was told so', async () => {
  const unwatched = await serve(['--no-watch'])
  assert.deepEqual(
    unwatched.fake.watches.map(({ automatic, paths }) => ({ automatic, paths })),
    [{ automatic: false, paths: ['/desk/aiproxy.yaml'] }],
  )
  await unwatched.stop()
  const none = await serve(['-c', 'none'], { config: createStarter() })
  assert.deepEqual(
    none.fake.watches.map(({ automatic, paths }) => ({ automatic, paths })),
    [{ automatic: false, paths: [] }],
  )
  await none.stop()
})

test('a proxy that found no file takes the first that appears, and follows it from then on', async () => {
  const run = await serve([], { config: createStarter() })
  assert.deepEqual(
    run.fake.watches.map(({ automatic, paths }) => [automatic, paths[0]]),
    [[true, '/desk/aiproxy.yaml']],
  )
  await run.sees({ kind: 'gone', isNews: false })
  assert.deepEqual(run.events(), [], 'no file is not a file that is gone')
  const flags: unknown[] = []
  run.holds(({ flag }) => {
    flags.push(flag)
    return Promise.resolve(createConfig())
  })
  await run.sees(NEWS)
  const changes = run.events()[0]?.['changes']
  assert.match(JSON.stringify(changes), /"name":"config".*"no file → \/desk\/aiproxy\.yaml"/)
  assert.deepEqual(
    run.fake.watches.map(({ paths }) => paths),
    [['/desk/aiproxy.yaml']],
  )
  await run.sees(NEWS)
  assert.deepEqual(flags, [undefined, '/desk/aiproxy.yaml'])
  await run.stop()
  assert.deepEqual(run.fake.watches, [])
})

test('.env is read anew for every reload', async () => {
  let key = 'one'
  const seen: unknown[] = []
  const run = await serve([], { readEnvFile: () => Promise.resolve({ KEY: key }) })
  run.holds(({ env }) => {
    seen.push(env['KEY'])
    return Promise.resolve(createConfig())
  })
  key = 'two'
  await run.hangUp()
  assert.deepEqual(seen, ['two'])
  await run.stop()
})

test('request lines have the prices and the width of the config in force', async () => {
  const run = await serve([], { ...TERMINAL, costOf: () => 0.5 })
  const config = createConfig({
    users: new Map([['a-long-name', createUser('a-long-name', [])]]),
    models: new Map([['gpt-5', createModel('gpt-5', 'openai')]]),
  })
  run.holds(config)
  const finish = run.fake.appOptions()?.hooks?.onFinished
  finish?.(createRecord())
  await run.sees(NEWS)
  finish?.(createRecord())
  const [before = '', after = ''] = run.fake.stdout().split('\n')
  assert.match(before, /user-a gpt-5/)
  assert.match(after, /user-a {6}gpt-5/)
  await run.stop()
})

test('after the first signal no reload begins', async () => {
  const run = await serve([], { close: () => new Promise(() => {}) })
  const [watch] = run.fake.watches
  run.fake.signal('SIGTERM')
  run.holds(withUser())
  watch?.onSettled(NEWS)
  run.fake.hangUp(false)
  await turn()
  assert.deepEqual(run.inForce, [])
  assert.deepEqual(run.fake.watches, [])
})
