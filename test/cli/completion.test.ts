import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { createAskCommand } from '../../src/cli/ask.ts'
import { takesValue } from '../../src/cli/completion-line.ts'
import { quoteForBash, readBashLine, readWord } from '../../src/cli/completion-shell.ts'
import { sourceOf } from '../../src/cli/completion-values.ts'
import { createServeCommand } from '../../src/cli/serve.ts'
import { createUsageCommand } from '../../src/cli/usage.ts'
import { createUsersCommand } from '../../src/cli/users.ts'
import type { ProgramIo } from '../../src/cli/io.ts'
import type { Config } from '../../src/config/config.ts'
import { asMap, createConfig, createModel, createUser, run } from './fake-world.ts'
import type { FakeOptions } from './fake-world.ts'

const PROGRAM = fileURLToPath(new URL('../../../bin/aiproxy.js', import.meta.url))
/** As bash has it where nobody changed it. */
const BREAKS = ' \t\n"\'@><=;|&(:'

const MODELS = ['gpt-5', 'claude-sonnet-4-20250514', 'qwen3:8b', 'qwen3:14b', 'org/llama@home']

const all = (names: readonly string[]) => names.map((name) => ({ name, failover: [] }))
const broken = (): Promise<Config> => Promise.reject(new Error('broken'))

function createNamed(): Config {
  return createConfig({
    models: new Map(MODELS.map((name) => [name, createModel(name, 'openai')])),
    users: new Map([
      ['user-a', createUser('user-a', all(['gpt-5', 'qwen3:8b', 'qwen3:14b']))],
      ['user-b', createUser('user-b', all(['gpt-5']), { keys: ['d'.repeat(64)] })],
      ['ann@team', createUser('ann@team', all(['org/llama@home']))],
    ]),
    keyHints: new Map([['d'.repeat(64), 'k3Qd']]),
  })
}

interface Completed {
  readonly kind: string | undefined
  readonly candidates: readonly string[]
}

/** What the line up to the cursor is completed with, in the words of zsh. */
async function completeLine(line: string, options: FakeOptions = {}): Promise<Completed> {
  const words = readBashLine(line, '').words
  const result = await run(['__complete', 'zsh', ...words], { config: createNamed(), ...options })
  assert.equal(result.code, 0)
  assert.equal(result.stderr, '')
  const [kind, ...lines] = result.stdout.split('\n').slice(0, -1)
  return { kind, candidates: lines.map((text) => text.split('\t')[0] ?? '') }
}

const COMMANDS = ['serve', 'ask', 'users', 'usage', 'completion', 'help']
const WRITERS = ['add', 'allow', 'deny', 'failover', 'limit', 'key', 'remove']
const USERS = ['user-a', 'user-b', 'ann@team']

const LINES: ReadonlyArray<readonly [line: string, candidates: readonly string[], kind?: string]> =
  [
    ['aiproxy ', COMMANDS],
    ['aiproxy --json ', COMMANDS],
    ['aiproxy -c x.yaml ', COMMANDS],
    ['aiproxy users ', ['list', 'show', 'can', ...WRITERS, 'help']],
    ['aiproxy users help ', ['list', 'show', 'can', ...WRITERS]],
    ['aiproxy help users ', ['list', 'show', 'can', ...WRITERS]],
    ['aiproxy help users show ', []],
    ['aiproxy completion ', ['bash', 'zsh', 'fish']],
    ['aiproxy completion bash ', []],
    ['aiproxy users show ', USERS],
    ['aiproxy users show user-a ', []],
    ['aiproxy users --json show ', USERS],
    ['aiproxy users add ', []],
    ['aiproxy users add new ', MODELS],
    ['aiproxy users add new gpt-5 ', MODELS.filter((name) => name !== 'gpt-5')],
    ['aiproxy users can user-b ', MODELS],
    ['aiproxy users deny user-b ', ['gpt-5']],
    ['aiproxy users deny user-a gpt-5 ', ['qwen3:8b', 'qwen3:14b']],
    ['aiproxy users allow user-a ', ['claude-sonnet-4-20250514', 'org/llama@home']],
    ['aiproxy users failover user-a ', ['gpt-5', 'qwen3:8b', 'qwen3:14b']],
    [
      'aiproxy users failover user-a gpt-5 ',
      [...MODELS.filter((name) => name !== 'gpt-5'), 'off'],
      'open',
    ],
    [
      'aiproxy users failover user-a gpt-5 qwen3:8b,org/llama@home,',
      ['claude-sonnet-4-20250514', 'qwen3:14b'].map((name) => `qwen3:8b,org/llama@home,${name}`),
      'open',
    ],
    ['aiproxy users add new --failover ', MODELS.map((name) => `${name}=`), 'open'],
    [
      'aiproxy users add new --failover gpt-5=qwen3:8b,',
      ['claude-sonnet-4-20250514', 'qwen3:14b', 'org/llama@home'].map(
        (name) => `gpt-5=qwen3:8b,${name}`,
      ),
      'open',
    ],
    [
      'aiproxy users limit user-a ',
      ['requests=', 'tokens=', 'cost=', 'concurrency=', 'off'],
      'open',
    ],
    [
      'aiproxy users limit user-a tokens=200k/d',
      ['minute', 'hour', 'day', 'month'].map((window) => `tokens=200k/${window}`),
    ],
    [
      'aiproxy users limit user-a tokens=200k/day,1M/',
      ['minute', 'hour', 'day', 'month'].map((window) => `tokens=200k/day,1M/${window}`),
    ],
    ['aiproxy users key user-b --revoke ', ['k3Qd']],
    ['aiproxy users key user-a --revoke ', []],
    ['aiproxy ask ', []],
    ['aiproxy ask help ', []],
    ['aiproxy ask -u ', USERS],
    ['aiproxy ask -uus', USERS.map((name) => `-u${name}`)],
    ['aiproxy ask -xu ', USERS],
    ['aiproxy ask --user=', USERS.map((name) => `--user=${name}`)],
    ['aiproxy ask -u user-b -m ', ['gpt-5']],
    ['aiproxy ask -u ann@team Hello -m ', ['org/llama@home']],
    ['aiproxy ask -m ', MODELS],
    ['aiproxy ask -u nobody -m ', MODELS],
    ['aiproxy ask -- -', []],
    ['aiproxy ask -f ', [], 'files'],
    ['aiproxy -c ', [], 'files'],
    ['aiproxy usage --config=', [], 'files'],
    ['aiproxy usage --log ', [], 'files'],
    [
      'aiproxy usage --by user,mo',
      ['model', 'served', 'provider', 'outcome', 'hour', 'day', 'week', 'month'].map(
        (key) => `user,${key}`,
      ),
      'open',
    ],
    ['aiproxy usage --outcome ', ['ok', 'refused', 'failed', 'truncated', 'aborted']],
    ['aiproxy usage --format ', ['table', 'json', 'jsonl', 'csv', 'tsv', 'md']],
    ['aiproxy usage --provider ', ['openai', 'anthropic']],
    ['aiproxy usage --color ', ['auto', 'always', 'never']],
    ['aiproxy serve --log-format ', ['auto', 'pretty', 'json']],
    ['aiproxy serve --port ', []],
    ['aiproxy nonsense ', []],
  ]

for (const [line, candidates, kind = 'words'] of LINES) {
  test(`${line}⇥ offers ${candidates.slice(0, 3).join(' ') || kind}`, async () => {
    assert.deepEqual(await completeLine(line), { kind, candidates })
  })
}

test('flags are those of the command and the shared ones, without what was given already', async () => {
  const { candidates } = await completeLine('aiproxy ask --explain -')
  for (const flag of ['-u', '--user', '--no-failover', '--config', '--help']) {
    assert.ok(candidates.includes(flag), flag)
  }
  for (const flag of ['--explain', '--since', '--version']) {
    assert.equal(candidates.includes(flag), false, flag)
  }
  assert.equal(new Set(candidates).size, candidates.length)
  const again = await completeLine('aiproxy ask -f a -f b --fi')
  assert.ok(again.candidates.includes('--file'), 'a repeatable flag is offered again')
})

test('times and zones are those that usage takes', async () => {
  const times = await completeLine('aiproxy usage --since ')
  for (const time of times.candidates) {
    const { code, stderr } = await run(['usage', '--since', time, '--log', '/dev/null'])
    assert.equal(code, 0, `${time}: ${stderr}`)
  }
  assert.ok(times.candidates.includes('last month'))
  const few = await completeLine('aiproxy usage --tz ')
  assert.deepEqual(few.candidates.slice(0, 2), ['local', 'UTC'])
  assert.ok(few.candidates.length <= 3)
  const many = await completeLine('aiproxy usage --tz Eu')
  assert.ok(many.candidates.includes('Europe/London'))
})

test('sort columns are those that usage takes', async () => {
  const { candidates } = await completeLine('aiproxy usage --sort ')
  for (const column of candidates) {
    const argv = ['usage', '--sort', column, '--log', '/dev/null']
    const by = 'user,model,served,provider,outcome,hour,day,week,month'
    const { code, stderr } = await run([...argv, '--by', by])
    assert.equal(code, 0, `${column}: ${stderr}`)
  }
})

test('who would be asking decides which models are offered', async () => {
  const env = { AIPROXY_USER: 'user-b' }
  assert.deepEqual((await completeLine('aiproxy ask -m ', { env })).candidates, ['gpt-5'])
  const config = { ...createNamed(), defaultUser: 'ann@team' }
  assert.deepEqual((await completeLine('aiproxy ask -m ', { config })).candidates, [
    'org/llama@home',
  ])
})

test('the config is the one that the line names', async () => {
  const flags: Array<string | undefined> = []
  const loadConfig = ({ flag }: { readonly flag: string | undefined }): Promise<Config> => {
    flags.push(flag)
    return Promise.resolve(createNamed())
  }
  await completeLine('aiproxy -c none users show ', { loadConfig })
  await completeLine('aiproxy users show --config=none ', { loadConfig })
  assert.deepEqual(flags, ['none', 'none'])
})

test('where no config can be read there are no names, no complaint, and still flags', async () => {
  const nothing = { kind: 'words', candidates: [] }
  for (const line of [
    'users show ',
    'ask -u ',
    'ask -m ',
    'users deny x ',
    'users failover x y ',
  ]) {
    assert.deepEqual(await completeLine(`aiproxy ${line}`, { loadConfig: broken }), nothing)
  }
  const { candidates } = await completeLine('aiproxy ask --no-f', { loadConfig: broken })
  assert.ok(candidates.includes('--no-failover'))
})

test('whatever is asked, the answer is 0 and silence on stderr', async () => {
  const lines = [
    [],
    ['csh'],
    ['bash'],
    ['zsh'],
    ['fish'],
    ['bash', '\u0000'],
    ['zsh', '--', '--', ''],
  ]
  for (const words of [...lines, ['zsh', '-c'], ['zsh', '--color', 'blue', 'users', '-', '']]) {
    const { code, stderr } = await run(['__complete', ...words])
    assert.deepEqual([code, stderr], [0, ''], words.join(' '))
  }
})

test('a name that could do harm on a command line is not offered', async () => {
  const names = ['evil\u001b[31m', 'two\nlines', '-x', 'good']
  const config = createConfig({ users: new Map(names.map((name) => [name, createUser(name, [])])) })
  assert.deepEqual((await completeLine('aiproxy users show ', { config })).candidates, ['good'])
})

test('a config that is no file is not waited for', (t) => {
  const desk = createDesk(t)
  const made = spawnSync('mkfifo', ['silent', '.env'], desk)
  if (made.error !== undefined) {
    t.skip('no mkfifo here')
    return
  }
  const complete = (...words: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [PROGRAM, '__complete', 'zsh', ...words],
      { ...desk, encoding: 'utf8', timeout: 20_000 },
    )
    assert.deepEqual([status, stderr], [0, ''], words.join(' '))
    return stdout
  }
  assert.equal(complete('-c', 'silent', 'users', 'show', ''), 'words\n')
  assert.match(complete('users', 'show', ''), /^words\nann@team/, 'the .env file is one, too')
})

// ── nothing drifts ──────────────────────────────────────────────────────────────────────────────

test('of every flag that takes a value it is known what the values are', () => {
  // oxlint-disable-next-line no-unsafe-type-assertion -- the declarations do not look at it
  const io = {} as ProgramIo
  const commands: Command[] = []
  const queue = [
    createServeCommand(io),
    createAskCommand(io),
    createUsersCommand(io),
    createUsageCommand(io),
  ]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    commands.push(next)
    queue.push(...next.commands)
  }
  const unknown = commands.flatMap((command) =>
    command.options
      .filter((option) => takesValue(option) && option.argChoices === undefined)
      .filter((option) => sourceOf(option) === undefined)
      .map((option) => `${command.name()} ${option.flags}`),
  )
  assert.deepEqual(
    unknown,
    [],
    'say in completion-values.ts what is completed there, if only `free`',
  )
  assert.ok(commands.length > 10)
})

// ── bash's own words ────────────────────────────────────────────────────────────────────────────

interface Reading {
  readonly line: string
  readonly word: string
  readonly kept?: string
  readonly quote?: string
}

const READINGS: readonly Reading[] = [
  { line: 'aiproxy ', word: '' },
  { line: 'aiproxy us', word: 'us' },
  { line: 'aiproxy qwen3:8', word: 'qwen3:8', kept: 'qwen3:' },
  { line: 'aiproxy a:b:', word: 'a:b:', kept: 'a:b:' },
  { line: String.raw`aiproxy qwen3\:8`, word: 'qwen3:8' },
  { line: 'aiproxy --by=us', word: '--by=us', kept: '--by=' },
  // readline keeps this one with what follows.
  { line: 'aiproxy ann@te', word: 'ann@te', kept: 'ann' },
  { line: 'aiproxy "last m', word: 'last m', quote: '"' },
  { line: "aiproxy 'qwen3:8", word: 'qwen3:8', quote: "'" },
  { line: 'aiproxy --since="last m', word: '--since=last m', kept: '--since=', quote: '"' },
  { line: 'aiproxy "last m"', word: 'last m' },
  { line: String.raw`aiproxy last\ m`, word: 'last m' },
  { line: String.raw`aiproxy "a\"b`, word: 'a"b', quote: '"' },
  { line: String.raw`aiproxy "a\b`, word: String.raw`a\b`, quote: '"' },
  { line: "aiproxy 'a\\", word: 'a\\', quote: "'" },
]

for (const { line, word, kept = '', quote = '' } of READINGS) {
  test(`bash: ${line}⇥ is the word ${word}, replaced after ${kept || 'nothing'}`, () => {
    const read = readBashLine(line, BREAKS)
    assert.equal(read.words.at(-1), word)
    assert.equal(read.kept, kept)
    assert.equal(read.quote, quote)
  })
}

test('bash: what is redirected is no word of the program', () => {
  const words = (line: string): readonly string[] => readBashLine(line, BREAKS).words
  assert.deepEqual(words('aiproxy ask 2>/dev/null -u '), ['ask', '-u', ''])
  assert.deepEqual(words('aiproxy ask < in.txt >> out.txt -u x'), ['ask', '-u', 'x'])
  assert.equal(readBashLine('aiproxy ask > ou', BREAKS).isRedirect, true)
  assert.equal(readBashLine('aiproxy ask > out -u ', BREAKS).isRedirect, false)
})

test('what bash inserts reads back as the candidate, whatever it is made of', () => {
  const values = [
    'last month',
    'qwen3:8b',
    'a"b',
    "it's",
    '$HOME `x` \\ !',
    'a&b|c;d<e>f(g)',
    '#*?[x]{y}~^',
    'ann@team',
  ]
  for (const value of values) {
    for (const quote of ['', '"', "'"] as const) {
      for (const cut of [0, 1, 3]) {
        const typed = { words: [], isRedirect: false, quote, kept: value.slice(0, cut) }
        const inserted = quote + quoteForBash(value, typed) + quote
        assert.equal(readWord(inserted), value.slice(cut), `${quote} ${inserted}`)
      }
    }
  }
})

// ── the scripts ─────────────────────────────────────────────────────────────────────────────────

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`the script for ${shell} begins with how to keep it, and asks for everything else`, async () => {
    const { code, stdout, stderr } = await run(['completion', shell])
    assert.deepEqual([code, stderr], [0, ''])
    const comments = stdout.split('\n').filter((line) => line.startsWith('# '))
    assert.match(comments[0] ?? '', new RegExp(`aiproxy completion ${shell} > `))
    assert.match(stdout, new RegExp(`aiproxy __complete ${shell} .* 2>/dev/null`))
    assert.doesNotMatch(stdout, /user-a|gpt-5|--since/)
    const json = asMap(JSON.parse((await run(['completion', shell, '--json'])).stdout))
    assert.deepEqual(json, { schema: 'aiproxy.completion/1', shell, script: stdout })
  })
}

/** A directory with a config, and the program as `aiproxy` on the path. */
function createDesk(t: TestContext): { cwd: string; env: Record<string, string> } {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  t.after(() => {
    rmSync(cwd, { recursive: true })
  })
  const aiproxy = join(cwd, 'aiproxy')
  writeFileSync(aiproxy, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`)
  chmodSync(aiproxy, 0o755)
  const models = { 'qwen3:8b': { provider: 'ollama' }, 'qwen3:14b': { provider: 'ollama' } }
  const users = { 'ann@team': { models: ['qwen3:8b', 'qwen3:14b'] }, bob: { models: ['qwen3:8b'] } }
  const providers = { ollama: { dialect: 'openai', base_url: 'http://127.0.0.1:9/v1' } }
  writeFileSync(join(cwd, 'aiproxy.json'), JSON.stringify({ providers, models, users }))
  writeFileSync(join(cwd, 'broken.yaml'), 'users: [')
  const path = [cwd, process.env['PATH'] ?? ''].join(delimiter)
  return { cwd, env: { PATH: path, HOME: cwd, TERM: 'dumb', LANG: 'C.UTF-8' } }
}

// Line typed → what the shell has to choose from.
const TYPED: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['aiproxy ask -u a', ['ann@team']],
  ['aiproxy ask -u bob -m q', ['qwen3:8b']],
  ['aiproxy usage --since "last m', ['last month']],
  ['aiproxy usage --by user,mod', ['user,model']],
  ['aiproxy users deny bob ', ['qwen3:8b']],
  ['aiproxy -c broken.yaml users show ', []],
  ['aiproxy users sh', ['show']],
]

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['--version']).status === 0
}

test(
  'bash takes the script, and offers what the program says',
  { skip: !isInstalled('bash') && 'no bash here' },
  (t) => {
    const desk = createDesk(t)
    // Beside the shared lines: what bash would see as the end of a word.
    const lines = [
      ...TYPED.filter(([line]) => !line.includes('"')),
      ['aiproxy ask -m qwen3:1', ['14b']],
      ['aiproxy usage --since last\\ m', ['last\\ month']],
      ['aiproxy usage --by=user,mod', ['user,model']],
      ['aiproxy usage --since "last m', ['last month']],
      ['aiproxy -c brok', ['broken.yaml']],
    ] as const
    const calls = lines.map(([line]) => {
      const last = line.split(' ').at(-1) ?? ''
      return `COMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=('${last}') COMP_CWORD=0
_aiproxy; printf '%s|' "\${COMPREPLY[@]}"; echo`
    })
    const script = `set -u; COMP_WORDBREAKS=$' \\t\\n"\\'@><=;|&(:'; eval "$(aiproxy completion bash)"
complete -p aiproxy >/dev/null || exit 9
${calls.join('\n')}`
    const out = execFileSync('bash', ['--norc', '-c', script], { ...desk, encoding: 'utf8' })
    const offered = out
      .split('\n')
      .slice(0, -1)
      .map((text) => text.split('|').filter((one) => one !== ''))
    assert.deepEqual(
      offered,
      lines.map(([, candidates]) => candidates),
    )
  },
)

test(
  'fish takes the script, and offers what the program says',
  { skip: !isInstalled('fish') && 'no fish here' },
  (t) => {
    const desk = createDesk(t)
    for (const [line, candidates] of TYPED) {
      const script = `aiproxy completion fish | source; complete -C '${line}'`
      const out = execFileSync('fish', ['--no-config', '-c', script], { ...desk, encoding: 'utf8' })
      assert.deepEqual(
        out
          .split('\n')
          .slice(0, -1)
          .map((text) => text.split('\t')[0]),
        candidates,
        line,
      )
    }
  },
)

test(
  'zsh takes the script, and offers what the program says',
  { skip: !isInstalled('zsh') && 'no zsh here' },
  (t) => {
    const desk = createDesk(t)
    // compadd only works inside a completion; here it says what it was given.
    const script = `compdef() { :; }
compadd() { local -a all=("\${(@P)@[-1]}"); print -r -- "$PREFIX>\${(j:|:)all}" }
eval "$(aiproxy completion zsh)"
${TYPED.map(
  ([
    line,
  ]) => `typed="${line.replaceAll('"', String.raw`\"`)}"; words=("\${(@)\${(s: :)typed}}"); CURRENT=$#words; PREFIX="\${(Q)words[-1]}"
[[ $typed == *' ' ]] && { words+=(''); CURRENT=$#words; PREFIX=''; }
_aiproxy`,
).join('\n')}`
    const out = execFileSync('zsh', ['-f', '-c', script], { ...desk, encoding: 'utf8' })
    const offered = out
      .split('\n')
      .slice(0, -1)
      .map((text) => {
        const [prefix = '', given = ''] = text.split('>')
        return given.split('|').filter((one) => one !== '' && one.startsWith(prefix))
      })
    const expected = TYPED.map(([line, candidates]) => (line.includes('"') ? [] : candidates))
    assert.deepEqual(
      offered.map((list, at) => (TYPED[at]?.[0].includes('"') === true ? [] : list)),
      expected,
    )
  },
)
