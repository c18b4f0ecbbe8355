import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TOPICS } from '../../src/cli/help.ts'
import { pageFor } from '../../src/cli/start.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { asMap, createConfig, createStarter, run } from './fake-world.ts'

const PROGRAM = fileURLToPath(new URL('../../../bin/aiproxy.js', import.meta.url))

interface Line {
  readonly argv: readonly string[]
  readonly code: number
  readonly stdout?: RegExp
  readonly stderr?: RegExp
}

// One line of the table is one line of a shell.
const LINES: readonly Line[] = [
  { argv: [], code: 0, stdout: /^One local endpoint.*\n\n {2}aiproxy serve/ },
  { argv: ['--help'], code: 0, stdout: /Commands\n {2}serve/ },
  { argv: ['-h'], code: 0, stdout: /Commands\n {2}serve/ },
  { argv: ['help'], code: 0, stdout: /Commands\n {2}serve/ },
  { argv: ['--version'], code: 0, stdout: /^0\.1\.0\n$/ },
  { argv: ['-V'], code: 0, stdout: /^0\.1\.0\n$/ },
  { argv: ['help', 'exit-codes'], code: 0, stdout: /\n {2}5 {4}every target failed/ },
  { argv: ['help', 'environment'], code: 0, stdout: /AIPROXY_CONFIG/ },
  {
    argv: ['help', 'ask'],
    code: 0,
    stdout: /\n\n {2}aiproxy ask .*\n[\s\S]*\n\nUsage\n {2}aiproxy ask .*\n[\s\S]*--no-failover/,
  },
  {
    argv: ['ask', '--help'],
    code: 0,
    stdout: /--no-failover[\s\S]*\n\nFor every command: --config/,
  },
  {
    argv: ['help', 'users', 'can'],
    code: 0,
    stdout: /\n\nUsage\n {2}aiproxy users can .*<user> <model>\n/,
  },
  {
    argv: ['help', 'users', 'shwo'],
    code: 2,
    stderr: /did you mean show\?\n {2}→ aiproxy help users show\n$/,
  },
  { argv: ['help', 'nothing'], code: 2, stderr: /there is: serve, .*times\n {2}→ aiproxy help\n$/ },
  {
    argv: ['help', 'exit'],
    code: 2,
    stderr:
      /^error: no help on 'exit'; did you mean exit-codes\?\n {2}→ aiproxy help exit-codes\n$/,
  },
  {
    argv: ['serv'],
    code: 2,
    stderr: /^error: unknown command 'serv'; did you mean serve\?\n {2}→ aiproxy serve\n$/,
  },
  {
    argv: ['frobnicate'],
    code: 2,
    stderr: /^error: unknown command 'frobnicate'\n {2}→ aiproxy --help\n$/,
  },
  { argv: ['--frob'], code: 2, stderr: /^error: unknown option '--frob'\n/ },
  {
    argv: ['ask', '--moedl', 'gpt-5', 'a b'],
    code: 2,
    stderr: /did you mean --model\?\n {2}→ aiproxy ask --model gpt-5 "a b"\n$/,
  },
  { argv: ['ask', '--modle=gpt-5', 'hi'], code: 2, stderr: /→ aiproxy ask --model=gpt-5 hi\n$/ },
  { argv: ['ask', '-5 dogs'], code: 2, stderr: /→ aiproxy ask -- "-5 dogs"\n$/ },
  {
    argv: ['ask', '-u', 'user-a', '- $x'],
    code: 2,
    stderr: /→ aiproxy ask -u user-a -- '- \$x'\n$/,
  },
  { argv: ['users', '--color', 'blue'], code: 2, stderr: /argument 'blue' is invalid/ },
  {
    argv: ['users', '--config'],
    code: 2,
    stderr: /^error: option '-c, --config <file>' argument missing\n/,
  },
  {
    argv: ['users', 'show'],
    code: 2,
    stderr: /^error: missing required argument 'user'\n {2}→ aiproxy users --help\n$/,
  },
  { argv: ['users', 'can', 'a', 'b', 'c'], code: 2, stderr: /^error: too many arguments/ },
  { argv: ['serve', '--port', '70000'], code: 2, stderr: /70000.*\n {2}→ aiproxy serve --help\n$/ },
  { argv: ['serve', '--log-format', 'xml'], code: 2, stderr: /'xml' is invalid/ },
]

for (const { argv, code, stdout, stderr } of LINES) {
  test(`aiproxy ${argv.join(' ')} → ${code}`, async () => {
    const result = await run(argv)
    assert.equal(result.code, code, result.stderr)
    if (stdout === undefined) assert.equal(result.stdout, '')
    else assert.match(result.stdout, stdout)
    if (stderr === undefined) assert.equal(result.stderr, '')
    else assert.match(result.stderr, stderr)
    assert.deepEqual(result.fake.loaded, [], 'neither config nor app is loaded for this')
  })
}

test('shared flags stand before or after the command', async () => {
  for (const argv of [
    ['-c', 'x.yaml', '--json', 'users'],
    ['users', '-c', 'x.yaml', '--json'],
    ['users', '--json', 'list', '-cx.yaml'],
  ]) {
    const result = await run(argv)
    assert.equal(result.code, 0, result.stderr)
    assert.equal(asMap(JSON.parse(result.stdout))['schema'], 'aiproxy.users/1')
    assert.deepEqual(result.fake.configFlags, ['x.yaml'])
  }
})

test('--json makes an error one JSON object on stderr, and stdout stays empty', async () => {
  for (const argv of [
    ['--json', 'serv'],
    ['users', 'show', 'nobody', '--json'],
    ['ask', '--json', '--moedl', 'x'],
    ['ask', '--json'],
  ]) {
    const result = await run(argv)
    assert.equal(result.code, 2)
    assert.equal(result.stdout, '')
    assert.equal(asMap(JSON.parse(result.stderr))['exitCode'], 2)
  }
})

test('an invalid config ends with 3 and keeps its lines', async () => {
  const wrong = new ProxyError(
    'config_invalid',
    './a.yaml:3:1: no model is named "x"\n./a.yaml:9:1: also',
    { hint: 'Mend it, then: aiproxy serve --check' },
  )
  const result = await run(['users'], { loadConfig: () => Promise.reject(wrong) })
  assert.equal(result.code, 3)
  assert.equal(
    result.stderr,
    'error: ./a.yaml:3:1: no model is named "x"\n./a.yaml:9:1: also\n  → Mend it, then: aiproxy serve --check\n',
  )
})

test('an unexpected error is one line, with its stack under -vv only', async () => {
  const defect = new RangeError('off by one')
  const options = { loadConfig: () => Promise.reject(defect) }
  const short = await run(['users'], options)
  assert.equal(short.code, 1)
  assert.match(
    short.stderr,
    /^error: something went wrong inside aiproxy: off by one\n {2}→ .*-vv.*\n$/,
  )
  const long = await run(['users', '-vv'], options)
  assert.match(long.stderr, /RangeError: off by one\n.* at /)
})

test('the .env file is read with the flags given, and what it says is seen by the command', async () => {
  const asked: unknown[] = []
  const readEnvFile = ({
    envFile,
    env,
  }: {
    envFile: string | false | undefined
    env: Readonly<Record<string, string | undefined>>
  }): Promise<Readonly<Record<string, string | undefined>>> => {
    asked.push(envFile)
    return Promise.resolve({ AIPROXY_USER: 'user-b', ...env })
  }
  for (const argv of [
    ['ask', '--explain', '--json'],
    ['ask', '--explain', '--json', '--env-file', 'dev.env'],
    ['--no-env-file', 'ask', '--explain', '--json'],
  ]) {
    const { stdout } = await run(argv, { readEnvFile })
    assert.deepEqual(asMap(JSON.parse(stdout))['user'], { name: 'user-b', from: '$AIPROXY_USER' })
  }
  assert.deepEqual(asked, [undefined, 'dev.env', false])
})

test('AIPROXY_LOG counts unless -q or -v is given', async () => {
  const config = createStarter()
  const quiet = await run(['users'], { config, env: { AIPROXY_LOG: 'quiet' } })
  assert.equal(quiet.stderr, '')
  const loud = await run(['users', '-v'], { config, env: { AIPROXY_LOG: 'quiet' } })
  assert.match(loud.stderr, /no config file/)
})

/** Every page of help there is: the program's, each command's, each topic's. */
async function listPages(): Promise<string[][]> {
  const pages = [[], ['--help'], ...TOPICS.map((topic) => ['help', topic])]
  for (const command of ['serve', 'ask', 'users', 'usage', 'completion'])
    pages.push([command, '--help'])
  const { stdout } = await run(['users', '--help'])
  const section = /\nCommands\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? ''
  for (const [, name = ''] of section.matchAll(/^ {2}([a-z]+)/gm)) {
    if (name !== 'help') pages.push(['users', name, '--help'])
  }
  return pages
}

test('every page of help fits 80 columns, and a terminal of 80', async () => {
  const pages = await listPages()
  assert.ok(pages.length >= 22, String(pages.length))
  for (const argv of pages) {
    for (const options of [{}, { tty: { stdout: true }, columns: 80 }]) {
      const { code, stdout } = await run(argv, options)
      assert.equal(code, 0)
      for (const line of stdout.split('\n')) {
        assert.ok(line.length <= 80, `${argv.join(' ')}: ${line}`)
      }
    }
  }
})

test('every page of help has its examples before its flags, and speaks plainly', async () => {
  for (const argv of await listPages()) {
    const { stdout } = await run(argv)
    const example = stdout.search(/^ {2}(\w+ .*\| )?aiproxy /m)
    const flags = stdout.search(/^(Arguments|Commands|Options)/m)
    const isOne = argv[0] !== 'help'
    if (isOne) assert.ok(example > 0, argv.join(' '))
    if (isOne && flags > 0) assert.ok(example < flags, argv.join(' '))
    assert.doesNotMatch(stdout, /display help|\(default: |\(choices: /, argv.join(' '))
  }
})

test('a page as JSON is a JSON document', async () => {
  for (const argv of [
    [],
    ['--help'],
    ['users', 'show', '--help'],
    ['help', 'times'],
    ['--version'],
  ]) {
    const plain = await run(argv)
    const json = await run([...argv, '--json'])
    assert.deepEqual([json.code, json.stderr], [0, ''])
    assert.deepEqual(JSON.parse(json.stdout), { schema: 'aiproxy.text/1', text: plain.stdout })
  }
})

test('help environment tells of every variable the program reads', async () => {
  const { stdout } = await run(['help', 'environment'])
  const read = new Set<string>()
  for (const room of ['cli', 'config', 'upstream', 'server', 'usage']) {
    const place = new URL(`../../src/${room}/`, import.meta.url)
    for (const file of readdirSync(place).filter((name) => name.endsWith('.js'))) {
      const text = readFileSync(new URL(file, place), 'utf8')
      const names = text.matchAll(/\benv\['([A-Z_]+)'\]|lookUp\(env, '([A-Z_]+)'\)/g)
      for (const [, first, second] of names) read.add(first ?? second ?? '')
    }
  }
  assert.ok(read.size >= 8, [...read].join())
  for (const name of read) assert.match(stdout, new RegExp(`\\b${name}\\b`))
})

test('colour goes to a terminal and nowhere else', async () => {
  const error = ['users', 'show', 'nobody']
  const terminal = await run(error, { tty: { stderr: true } })
  assert.ok(terminal.stderr.includes('\u001b['))
  const pipe = await run(error, { tty: { stdout: true } })
  assert.equal(pipe.stderr.includes('\u001b['), false)
  const never = await run(error, { tty: { stderr: true }, env: { NO_COLOR: '1' } })
  assert.equal(never.stderr.includes('\u001b['), false)
  const always = await run([...error, '--color', 'always'])
  assert.ok(always.stderr.includes('\u001b['))
})

test('what a person must not see of a name is replaced', async () => {
  const result = await run(['users', 'show', 'a\u001b[31m\u202e\rb'], { config: createConfig() })
  assert.equal(result.code, 2)
  assert.doesNotMatch(result.stderr.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
})

test('what start.ts answers by itself is what main() would have printed', async () => {
  for (const argv of [[], ['--help'], ['-h'], ['help'], ['--version'], ['-V']]) {
    const { code, stdout, stderr } = await run(argv)
    assert.equal(pageFor(argv), stdout, argv.join(' '))
    assert.equal(code, 0)
    assert.equal(stderr, '')
  }
})

test('start.ts leaves everything else to main()', () => {
  for (const argv of [
    ['users'],
    ['--help', 'users'],
    ['help', 'users'],
    ['-v'],
    ['--versio'],
    [''],
  ]) {
    assert.equal(pageFor(argv), undefined, argv.join(' '))
  }
})

// Says at the end which files were loaded.
const WATCH_LOADS = `process.on('exit', () => {
  for (const path of Object.keys(require.cache)) process._rawDebug('loaded ' + path)
})`

test('help and users load neither the server nor the HTTP client nor the YAML parser', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  t.after(() => {
    rmSync(home, { recursive: true })
  })
  const watch = join(home, 'watch.cjs')
  writeFileSync(watch, WATCH_LOADS)
  for (const argv of [
    ['--help'],
    ['--version'],
    ['serve', '--help'],
    ['ask', '--help'],
    ['users'],
    ['completion', 'bash'],
    ['__complete', 'zsh', 'users', 'show', ''],
  ]) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--require', watch, PROGRAM, ...argv],
      { cwd: home, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: home } },
    )
    assert.equal(status, 0, stderr)
    assert.notEqual(stdout, '')
    const loaded = stderr.split('\n').filter((line) => line.startsWith('loaded '))
    assert.ok(
      loaded.some((line) => line.endsWith('start.cjs')),
      stderr,
    )
    const heavy = /node_modules|dist.src|(app|mock|topics|yaml)\.cjs$/
    assert.deepEqual(
      loaded.filter((line) => heavy.test(line)),
      [],
      argv.join(' '),
    )
  }
})

test('a reader that closes the pipe early ends the program with 0, in silence', async () => {
  const child = spawn(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise((resolve) => {
    child.on('close', resolve)
  })
  assert.equal(code, 0)
  assert.equal(stderr, '')
})
