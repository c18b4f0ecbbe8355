/** The writers of `aiproxy users`, on real files in a world of their own. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { loadConfigText } from '../../src/config/load.ts'
import { asMap, createFake } from './fake-world.ts'

const CLAUDE = 'claude-sonnet-4-20250514'
const TEXT = `# who may use what
models:
  gpt-5: { provider: openai }
  gpt-5-mini: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
users:
  user-a:   # the first
    models:
      - { name: gpt-5, failover: ${CLAUDE} }
      - ${CLAUDE}
  user-b:
    models: [gpt-5]
`

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface Desk {
  readonly directory: string
  readonly path: string
  text(): string
  run(argv: readonly string[], options?: RunOptions): Promise<Result>
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What is typed at the terminal; without it there is none. */
  readonly typed?: string
}

function createDesk(t: TestContext, text: string | undefined = TEXT, name = 'aiproxy.yaml'): Desk {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'aiproxy-users-')))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, name)
  if (text !== '') writeFileSync(path, text, { mode: 0o600 })
  return {
    directory,
    path,
    text: () => readFileSync(path, 'utf8'),
    async run(argv, { env = {}, typed } = {}) {
      const isTerminal = typed !== undefined
      const fake = createFake({ cwd: directory, env, tty: { stdout: false, stderr: isTerminal } })
      const input = Object.assign(new PassThrough(), { isTTY: isTerminal })
      input.end(typed ?? '')
      const world = {
        ...fake.world,
        // oxlint-disable-next-line no-unsafe-type-assertion -- only what any stream has is used of it
        openStdin: () => input as unknown as NodeJS.ReadStream,
      }
      const code = await main([...argv, '--color', 'never'], world)
      return { code, stdout: fake.stdout(), stderr: fake.stderr() }
    },
  }
}

function digestOf(key = ''): string {
  return createHash('sha256').update(key).digest('hex')
}

async function modelsOf(text: string, user: string): Promise<unknown> {
  const config = await loadConfigText(text, '/w/c.yaml', { env: {}, cwd: '/w', home: '/h' })
  return config.users.get(user)?.models
}

test('allow says in one line what changed and where; deny takes it back to the byte', async (t) => {
  const desk = createDesk(t)
  const allowed = await desk.run(['users', 'allow', 'user-b', CLAUDE])
  assert.deepEqual(allowed, {
    code: 0,
    stdout: `user-b may now use ${CLAUDE}  ./aiproxy.yaml:12\n`,
    stderr: '',
  })
  assert.equal(desk.text(), TEXT.replace('[gpt-5]', `[gpt-5, ${CLAUDE}]`))
  const denied = await desk.run(['users', 'deny', 'user-b', CLAUDE])
  assert.equal(denied.stdout, `user-b may no longer use ${CLAUDE}  ./aiproxy.yaml:12\n`)
  assert.equal(desk.text(), TEXT)
})

test('what is so already is said to be so, and not written', async (t) => {
  const desk = createDesk(t)
  const { mtimeMs } = statSync(desk.path)
  for (const argv of [
    ['allow', 'user-b', 'gpt-5'],
    ['deny', 'user-b', CLAUDE],
    ['failover', 'user-a', 'gpt-5', CLAUDE],
    ['failover', 'user-b', 'gpt-5', 'off'],
    ['limit', 'user-a', 'off'],
    ['key', 'user-a', '--revoke'],
  ]) {
    const { code, stdout } = await desk.run(['users', ...argv])
    assert.equal(code, 0, argv.join(' '))
    assert.match(stdout, /: nothing to change {2}\.\/aiproxy\.yaml\n$/)
  }
  assert.equal(desk.text(), TEXT)
  assert.equal(statSync(desk.path).mtimeMs, mtimeMs)
})

test('add makes a user with models, backups and limits, patterns spread over the known models', async (t) => {
  const desk = createDesk(t)
  const { code, stdout, stderr } = await desk.run([
    'users',
    'add',
    'user-c',
    '--model',
    'gpt-*',
    '-m',
    CLAUDE,
    '--failover',
    `gpt-5=${CLAUDE},gpt-5-mini`,
    '--limit',
    'tokens=200k/day',
    '--limit',
    'cost=5USD/day',
  ])
  assert.equal(code, 0, stderr)
  assert.equal(
    stdout,
    `added user-c: gpt-5 → ${CLAUDE} → gpt-5-mini, gpt-5-mini, ${CLAUDE}; 200k tok/day, $5/day  ./aiproxy.yaml:13\n`,
  )
  assert.match(stderr, /gpt-\* is gpt-5, gpt-5-mini\n/)
  assert.match(stderr, /name alone is enough {2}→ aiproxy users key user-c\n/)
  assert.equal(
    desk.text(),
    `${TEXT}  user-c:
    models:
      - { name: gpt-5, failover: [${CLAUDE}, gpt-5-mini] }
      - gpt-5-mini
      - ${CLAUDE}
    limits: { tokens: 200k/day, cost: 5 USD/day }
`,
  )
})

test('on a machine without a file, add makes one that loads, for its owner alone, and says so', async (t) => {
  const desk = createDesk(t, '')
  const { code, stdout, stderr } = await desk.run([
    'users',
    'add',
    'me',
    '--model',
    'gpt-*',
    '--failover',
    `gpt-5=${CLAUDE}`,
  ])
  assert.equal(code, 0, stderr)
  assert.equal(stdout, `added me: gpt-5 → ${CLAUDE}  ./aiproxy.yaml (new)\n`)
  assert.match(
    stderr,
    /\.\/aiproxy\.yaml is the config from now on: no more starter users, nothing mocked\n/,
  )
  assert.match(stderr, /OPENAI_API_KEY is not set yet {2}→ export OPENAI_API_KEY=…\n/)
  assert.match(stderr, /try it {2}→ aiproxy ask "Hello"\n$/)
  assert.equal(statSync(desk.path).mode & 0o777, 0o600)
  assert.match(desk.text(), /^# aiproxy: /)
  assert.deepEqual(await modelsOf(desk.text(), 'me'), [
    { name: 'gpt-5', failover: [CLAUDE], limits: undefined },
  ])
  assert.deepEqual(readdirSync(desk.directory), ['aiproxy.yaml'])
})

test('the file that is named is made where there is none, in its directory, and hints name it, too', async (t) => {
  const desk = createDesk(t, '')
  const named = join(desk.directory, 'config', 'aiproxy', 'mine.yaml')
  const add = ['users', 'add', 'me', '--model', 'gpt-5']
  const dry = await desk.run([...add, '-c', named, '-n'])
  assert.equal(dry.code, 0, dry.stderr)
  assert.deepEqual(readdirSync(desk.directory), [])
  const made = await desk.run([...add, '-c', named])
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^added me: gpt-5 {2}\.\/config\/aiproxy\/mine\.yaml \(new\)\n$/)
  assert.ok(made.stderr.includes(`aiproxy ask "Hello" -c ${named}\n`), made.stderr)
  assert.equal(statSync(named).mode & 0o777, 0o600)
  assert.equal(statSync(join(desk.directory, 'config')).mode & 0o777, 0o700)
  const inJson = await desk.run(add, { env: { AIPROXY_CONFIG: 'new.json' } })
  assert.equal(inJson.code, 0, inJson.stderr)
  const text = readFileSync(join(desk.directory, 'new.json'), 'utf8')
  assert.deepEqual(Object.keys(asMap(JSON.parse(text))), ['models', 'users'])
  const inFile = await desk.run([...add, '-c', join(named, 'x.yaml')])
  assert.equal(inFile.code, 1)
  assert.match(inFile.stderr, /cannot be written: a part of the path is no directory/)
  const other = await desk.run(['users', 'allow', 'me', 'gpt-5', '-c', 'missing.yaml'])
  assert.equal(other.code, 3)
})

test('a first user without a model may call nothing, but there is something to allow', async (t) => {
  const desk = createDesk(t, '')
  const { stderr } = await desk.run(['users', 'add', 'me'])
  assert.match(stderr, /me may call nothing yet {2}→ aiproxy users allow me gpt-5\n/)
  assert.equal((await desk.run(['users', 'allow', 'me', 'gpt-5'])).code, 0)
  assert.deepEqual(await modelsOf(desk.text(), 'me'), [
    { name: 'gpt-5', failover: [], limits: undefined },
  ])
})

test('without a file every other writer says how to get one, and makes none', async (t) => {
  const desk = createDesk(t, '')
  for (const argv of [
    ['allow', 'user-a', 'gpt-5'],
    ['deny', 'user-a', 'gpt-5'],
    ['failover', 'user-a', 'gpt-5', 'off'],
    ['limit', 'user-a', 'off'],
    ['key', 'user-a'],
    ['remove', 'user-a', '--yes'],
  ]) {
    const { code, stderr } = await desk.run(['users', ...argv])
    assert.equal(code, 3, argv.join(' '))
    assert.match(stderr, /no config file yet[\s\S]*→ aiproxy users add /)
  }
  const none = await desk.run(['users', 'add', 'me', '-c', 'none'])
  assert.equal(none.code, 2)
  assert.deepEqual(readdirSync(desk.directory), [])
})

test('a model by a known name is added with its provider; a slip and an unknown one are not', async (t) => {
  const desk = createDesk(t)
  const fresh = await desk.run(['users', 'allow', 'user-b', 'o4-mini', 'claude-opus-4-1'])
  assert.equal(fresh.code, 0, fresh.stderr)
  assert.match(fresh.stderr, /new model o4-mini, answered by openai\n/)
  assert.match(fresh.stderr, /new model claude-opus-4-1, answered by anthropic\n/)
  assert.match(desk.text(), /\n {2}o4-mini: \{ provider: openai \}\n/)
  const before = desk.text()
  const slip = await desk.run(['users', 'allow', 'user-b', 'gpt-55'])
  assert.equal(slip.code, 2)
  assert.match(
    slip.stderr,
    /no model 'gpt-55'; did you mean gpt-5\?[\s\S]*→ aiproxy users allow user-b gpt-5\n/,
  )
  const unknown = await desk.run(['users', 'allow', 'user-b', 'qwen3:8b'])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /→ aiproxy users allow user-b qwen3:8b --provider \w+\n/)
  assert.equal(desk.text(), before)
  const meant = await desk.run(['users', 'allow', 'user-b', 'gpt-55', '--provider', 'openai'])
  assert.equal(meant.code, 0, meant.stderr)
  const wrong = await desk.run(['users', 'allow', 'user-b', 'x', '--provider', 'opnai'])
  assert.match(wrong.stderr, /no provider 'opnai'; did you mean openai\?/)
})

test('deny says where a model is still reached, and what the default is now', async (t) => {
  const desk = createDesk(t)
  const { stdout, stderr } = await desk.run(['users', 'deny', 'user-a', CLAUDE])
  assert.match(stdout, /may no longer use/)
  assert.equal(
    stderr,
    `warning: user-a still reaches ${CLAUDE} as the backup of gpt-5  → aiproxy users failover user-a gpt-5 off\n`,
  )
  const first = createDesk(t)
  assert.match(
    (await first.run(['users', 'deny', 'user-a', 'gpt-5'])).stderr,
    new RegExp(`the default model of user-a is now ${CLAUDE}`),
  )
  const all = await first.run(['users', 'deny', 'user-a', '*'])
  assert.match(all.stderr, /warning: user-a may call nothing now/)
  assert.deepEqual(await modelsOf(first.text(), 'user-a'), [])
})

test('limits are set kind by kind, several windows at once, and taken away', async (t) => {
  const desk = createDesk(t)
  const set = await desk.run([
    'users',
    'limit',
    'user-a',
    'requests=60/minute,1000/day',
    'tokens=1M/day',
  ])
  assert.match(
    set.stdout,
    /^user-a: 60 req\/minute, 1k req\/day, 1M tok\/day \(before: no limits\)/,
  )
  const other = await desk.run(['users', 'limit', 'user-a', 'tokens=off'])
  assert.match(other.stdout, /^user-a: 60 req\/minute, 1k req\/day \(before: /)
  const off = await desk.run(['users', 'limit', 'user-a', 'off'])
  assert.match(off.stdout, /^user-a: no limits /)
  assert.equal(desk.text(), TEXT)
})

test('requests at the same time are limited, too, and `off` takes that away with the rest', async (t) => {
  const desk = createDesk(t)
  const limit = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await desk.run(['users', 'limit', 'user-b', ...words])
    assert.equal(code, 0, stderr)
    return /\n {4}limits: (.*)\n$/.exec(desk.text())?.[1] ?? 'none'
  }
  assert.equal(await limit('concurrency=4'), '{ concurrency: 4 }')
  assert.equal(await limit('tokens=1k/day'), '{ concurrency: 4, tokens: 1k/day }')
  assert.equal(await limit('concurrency=8'), '{ concurrency: 8, tokens: 1k/day }')
  assert.equal(await limit('concurrency=off'), '{ tokens: 1k/day }')
  assert.equal(await limit('concurrency=2', 'tokens=off'), '{ concurrency: 2 }')
  assert.equal(await limit('off'), 'none')
  assert.equal(desk.text(), TEXT)
  const added = await desk.run(['users', 'add', 'c', '-m', 'gpt-5', '--limit', 'concurrency=3'])
  assert.equal(added.stdout, 'added c: gpt-5; 3 at once  ./aiproxy.yaml:13\n')
  for (const wrong of ['concurrency=0', 'concurrency=1.5', 'concurrency=', 'concurrency=4/day']) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other on one file
    const { code, stderr } = await desk.run(['users', 'limit', 'user-b', wrong])
    assert.equal(code, 2)
    assert.match(stderr, /is not a number of requests at the same time; write 4 or off/)
  }
})

test('key prints the key alone, once, keeps its digest, and the table tells its end', async (t) => {
  const desk = createDesk(t)
  const { code, stdout, stderr } = await desk.run(['users', 'key', 'user-b'])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^aip_[0-9A-Za-z]{49}\n$/)
  const key = stdout.trim()
  const digest = createHash('sha256').update(key).digest('hex')
  assert.equal(desk.text(), `${TEXT}    keys:\n      - sha256:${digest}:${key.slice(-4)}\n`)
  assert.match(
    stderr,
    new RegExp(`^new key of user-b: aip_…${key.slice(-4)} {2}\\./aiproxy\\.yaml:13\n`),
  )
  assert.match(stderr, /the name alone is refused/)
  assert.ok(!stderr.includes(key))
  const config = await loadConfigText(desk.text(), '/w/c.yaml', { env: {}, cwd: '/w', home: '/h' })
  assert.equal(config.keys.get(digest), 'user-b')
  assert.equal(config.keyHints.get(digest), key.slice(-4))
})

test('of several keys --revoke takes the one that is named, by its end or its digest, or --all', async (t) => {
  const desk = createDesk(t)
  const keys: string[] = []
  for (let made = 0; made < 3; made++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    keys.push((await desk.run(['users', 'key', 'user-b'])).stdout.trim())
  }
  const which = await desk.run(['users', 'key', 'user-b', '--revoke'])
  assert.equal(which.code, 2)
  assert.match(
    which.stderr,
    /has 3 keys: aip_…\w{4}, aip_…\w{4}, aip_…\w{4}\n {2}say which one, or --all\n/,
  )
  const byEnd = await desk.run(['users', 'key', 'user-b', '--revoke', `aip_…${keys[1]?.slice(-4)}`])
  assert.equal(byEnd.code, 0, byEnd.stderr)
  assert.ok(!desk.text().includes(digestOf(keys[1])))
  const byDigest = await desk.run([
    'users',
    'key',
    'user-b',
    '--revoke',
    digestOf(keys[0]).slice(0, 8),
  ])
  assert.equal(byDigest.code, 0, byDigest.stderr)
  assert.ok(!desk.text().includes(digestOf(keys[0])) && desk.text().includes(digestOf(keys[2])))
  const wrong = await desk.run(['users', 'key', 'user-b', '--revoke', 'zzzz'])
  assert.equal(wrong.code, 2)
  const all = await desk.run(['users', 'key', 'user-b', '--revoke', '--all'])
  assert.match(all.stderr, /warning: user-b has no key any more/)
  assert.equal(desk.text(), TEXT)
})

test('`key --revoke user-b` means the user; a whole key on the command line is not taken', async (t) => {
  const desk = createDesk(t)
  const key = (await desk.run(['users', 'key', 'user-b'])).stdout.trim()
  const whole = await desk.run(['users', 'key', 'user-b', '--revoke', key])
  assert.equal(whole.code, 2)
  assert.match(whole.stderr, new RegExp(`→ aiproxy users key user-b --revoke ${key.slice(-4)}\n`))
  assert.ok(!whole.stderr.includes(key))
  const swallowed = await desk.run(['users', 'key', '--revoke', 'user-b'])
  assert.equal(swallowed.code, 0, swallowed.stderr)
  assert.equal(desk.text(), TEXT)
})

test('a key in a file that others may read earns the command that mends it', async (t) => {
  const desk = createDesk(t)
  chmodSync(desk.path, 0o644)
  const { stderr } = await desk.run(['users', 'key', 'user-b'])
  assert.match(
    stderr,
    /warning: \.\/aiproxy\.yaml can be read by others on this machine {2}→ chmod 600 aiproxy\.yaml\n/,
  )
  assert.equal(statSync(desk.path).mode & 0o777, 0o644, 'the mode is the owner’s business')
})

test('--dry-run is a diff on stdout and nothing else: no file, no key', async (t) => {
  const desk = createDesk(t)
  const { code, stdout, stderr } = await desk.run(['users', 'allow', 'user-b', CLAUDE, '-n'])
  assert.equal(code, 0)
  assert.equal(
    stdout,
    `--- ./aiproxy.yaml
+++ ./aiproxy.yaml
@@ -9,4 +9,4 @@
       - { name: gpt-5, failover: ${CLAUDE} }
       - ${CLAUDE}
   user-b:
-    models: [gpt-5]
+    models: [gpt-5, ${CLAUDE}]
`,
  )
  assert.match(stderr, /^nothing written \(--dry-run\): user-b may now use /)
  const key = await desk.run(['users', 'key', 'user-b', '--dry-run'])
  assert.doesNotMatch(key.stdout + key.stderr, /aip_\w{5}/)
  const gone = await desk.run(['users', 'remove', 'user-b', '--dry-run'])
  assert.equal(gone.code, 0, 'a dry run needs no --yes')
  assert.equal(desk.text(), TEXT)
  const nowhere = createDesk(t, '')
  assert.match(
    (await nowhere.run(['users', 'add', 'me', 'gpt-5', '-n'])).stdout,
    /^--- \/dev\/null\n/,
  )
  assert.equal(existsSync(nowhere.path), false)
})

test('remove asks on a terminal, wants --yes elsewhere, and warns of the last one', async (t) => {
  const desk = createDesk(t)
  const silent = await desk.run(['users', 'remove', 'user-b'])
  assert.equal(silent.code, 2)
  assert.match(silent.stderr, /→ aiproxy users remove user-b --yes\n/)
  for (const typed of ['n\n', '\n', '', 'yesterday\n']) {
    // oxlint-disable-next-line no-await-in-loop -- the same file each time
    const no = await desk.run(['users', 'remove', 'user-b'], { typed })
    assert.equal(no.code, 1, JSON.stringify(typed))
    assert.match(
      no.stderr,
      /^remove user-b \(1 model, 0 keys\) from \.\/aiproxy\.yaml\? \[y\/N\] \n?nothing was written\n$/,
    )
    assert.equal(no.stdout, '')
  }
  assert.equal(desk.text(), TEXT)
  const yes = await desk.run(['users', 'remove', 'user-b'], { typed: 'y\n' })
  assert.equal(yes.code, 0)
  assert.equal(yes.stdout, 'removed user-b  ./aiproxy.yaml:10\n')
  assert.equal(desk.text(), TEXT.slice(0, TEXT.indexOf('  user-b')))
  const last = await desk.run(['users', 'remove', 'user-a', '-y'])
  assert.match(
    last.stderr,
    /warning: no users are left: nobody may call anything {2}→ aiproxy users add/,
  )
  assert.match(desk.text(), /\nusers: \{\}\n$/)
})

test('--json is one document for each writer, and the key in it the only secret', async (t) => {
  const desk = createDesk(t)
  const steps: ReadonlyArray<readonly string[]> = [
    ['add', 'user-c', '--model', 'gpt-5'],
    ['allow', 'user-c', CLAUDE],
    ['failover', 'user-c', 'gpt-5', CLAUDE],
    ['limit', 'user-c', 'tokens=1k/day'],
    ['key', 'user-c'],
    ['key', 'user-c', '--revoke'],
    ['deny', 'user-c', CLAUDE],
    ['remove', 'user-c', '--yes'],
  ]
  for (const step of steps) {
    const { code, stdout, stderr } = await desk.run(['users', ...step, '--json'])
    assert.equal(code, 0, stderr)
    assert.equal(stderr, '')
    assert.equal(stdout.split('\n').length, 2)
    const document = asMap(JSON.parse(stdout))
    assert.equal(document['schema'], 'aiproxy.users.change/1')
    assert.equal(document['command'], step[0])
    assert.equal(document['config'], desk.path)
    assert.equal(document['written'], true)
    assert.equal('key' in document, step[0] === 'key' && step.length === 2)
  }
  assert.equal(desk.text(), TEXT)
  const dry = asMap(
    JSON.parse((await desk.run(['users', 'allow', 'user-b', CLAUDE, '-n', '--json'])).stdout),
  )
  assert.equal(dry['written'], false)
  assert.match(String(dry['diff']), /^--- \.\/aiproxy\.yaml\n/)
  const same = asMap(
    JSON.parse((await desk.run(['users', 'allow', 'user-b', 'gpt-5', '--json'])).stdout),
  )
  assert.deepEqual([same['change'], same['written']], [null, false])
})

test('misuse is exit 2 with the nearest name and leaves the file alone', async (t) => {
  const desk = createDesk(t)
  for (const [argv, said] of [
    [['add', 'user-a'], /user-a is there already[\s\S]*→ aiproxy users show user-a\n/],
    [['add', 'user-a', '-m', 'gpt-5'], /→ aiproxy users allow user-a gpt-5\n/],
    [['add', 'a b'], /"a b" is not a user name/],
    [['add', '__proto__', '-m', 'gtp-5'], /no model 'gtp-5'; did you mean gpt-5\?/],
    [['add', 'x', '-m', 'zzz-*'], /no model matches 'zzz-\*'\n {2}models: gpt-5, /],
    [['add', 'x', '--failover', 'gpt-5'], /--failover 'gpt-5' is not <model>=<m1,m2>/],
    [['add', 'x', '--failover', 'gpt-5=gpt-5'], /gpt-5 cannot be its own backup/],
    [['add', 'x', '--limit', 'tokns=1/day'], /did you mean tokens=/],
    [['allow', 'user-bb', 'gpt-5'], /no user 'user-bb'; did you mean user-b\?/],
    [['allow', 'constructor', 'gpt-5'], /no user 'constructor'/],
    [['deny', 'user-b', 'gtp-5'], /did you mean gpt-5\?[\s\S]*→ aiproxy users deny user-b gpt-5\n/],
    [
      ['failover', 'user-b', CLAUDE, 'gpt-5'],
      new RegExp(`→ aiproxy users allow user-b ${CLAUDE}\n`),
    ],
    [['failover', 'user-a', 'gpt5', 'off'], /→ aiproxy users failover user-a gpt-5 off\n/],
    [['failover', 'user-b', 'gpt-5', `${CLAUDE},${CLAUDE}`], /stands twice/],
    [['failover', 'user-b', 'gpt-5', 'claud-sonnet-4-20250514'], /did you mean claude-/],
    [['limit', 'user-b', 'tokens=1/weak'], /"weak" is not a window/],
    [['limit', 'user-b', 'cost=5/day'], /cost: "5" has no currency; write 5 USD\/day/],
    [['limit', 'user-b', '60/minute'], /write requests=60\/minute/],
    [['key'], /whose key\?/],
    [['key', 'user-b', '--all'], /--all goes with --revoke/],
    [['key', 'user-x'], /no user 'user-x'/],
    [['remove', 'user-x', '--yes'], /no user 'user-x'/],
  ] as const) {
    const { code, stdout, stderr } = await desk.run(['users', ...argv])
    assert.equal(code, 2, `${argv.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, said)
  }
  assert.equal(desk.text(), TEXT)
})

test('a file that does not load is named with its problem, and stays as it is', async (t) => {
  const broken = TEXT.replace('models: [gpt-5]', 'models: [gpt5]')
  const desk = createDesk(t, broken)
  const { code, stderr } = await desk.run(['users', 'allow', 'user-a', 'gpt-5-mini'])
  assert.equal(code, 3)
  assert.match(stderr, /aiproxy\.yaml:12:14: .*did you mean "gpt-5"/)
  assert.equal(desk.text(), broken)
})

test('the seed’s rbac.json is found, edited, and stays JSON', async (t) => {
  const root = new URL('../../../', import.meta.url)
  const seed = readFileSync(new URL('test/fixtures/seed/rbac-failover.json', root), 'utf8')
  const desk = createDesk(t, seed, 'rbac.json')
  const { code, stdout } = await desk.run(['users', 'allow', 'user-b', CLAUDE])
  assert.equal(code, 0)
  assert.match(stdout, /\.\/rbac\.json:\d+\n$/)
  assert.doesNotThrow(() => void JSON.parse(desk.text()))
  assert.equal((await desk.run(['users', 'deny', 'user-b', CLAUDE])).code, 0)
  assert.equal(desk.text(), seed)
})

test('-q leaves only what was asked for: the key, and warnings', async (t) => {
  const desk = createDesk(t)
  const allowed = await desk.run(['users', 'allow', 'user-b', CLAUDE, '-q'])
  assert.deepEqual([allowed.stdout, allowed.stderr], ['', ''])
  const key = await desk.run(['users', 'key', 'user-b', '-q'])
  assert.match(key.stdout, /^aip_\w{49}\n$/)
  assert.equal(key.stderr, '')
  const bare = await desk.run(['users', 'key', 'user-b', '--revoke', '-q'])
  assert.match(bare.stderr, /^warning: user-b has no key any more/)
})

test('on an address open to others a user is added with a key, or not at all', async (t) => {
  const open = TEXT.replace('models:\n', 'listen: 0.0.0.0:4242\nmodels:\n')
  const desk = createDesk(t, open)
  const first = await desk.run(['users', 'key', 'user-a'])
  assert.equal(first.code, 0, first.stderr)
  assert.match(
    first.stderr,
    /warning: serve still refuses this config: .*user-b has no key {2}→ aiproxy users key user-b\n/,
  )
  assert.doesNotMatch((await desk.run(['users', 'key', 'user-b'])).stderr, /warning/)
  const bare = await desk.run(['users', 'add', 'user-c', '-m', 'gpt-5'])
  assert.equal(bare.code, 2)
  assert.match(bare.stderr, /nothing was written[\s\S]*user-c has no key[\s\S]*--key\n/)
  const keyed = await desk.run(['users', 'add', 'user-c', '-m', 'gpt-5', '--key'])
  assert.equal(keyed.code, 0, keyed.stderr)
  assert.match(keyed.stdout, /^aip_\w{49}\n$/)
})
