/**
 * Every command with --json, in success, with nothing to tell and in failure: one JSON document on stdout,
 * or none and one JSON error on stderr. And every command that prints more than a line, before a reader
 * who has read enough.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDesk, providerEnv } from '../support/desk.ts'
import type { Desk } from '../support/desk.ts'
import { dig, map, parseJson } from '../support/json.ts'
import { runShell } from '../support/proxy.ts'
import { CLAUDE, anthropicAnswers, openaiAnswers, openaiError } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'
import { createRecord } from './fake-world.ts'

interface Case {
  readonly args: readonly string[]
  readonly schema: string
  readonly code?: number
}

const RECORD = `${JSON.stringify(createRecord())}\n`

const ASK = ['ask', '-u', 'user-a', '-m']

const SUCCESSES: readonly Case[] = [
  { args: ['serve', '--check'], schema: 'aiproxy.check/1' },
  { args: [...ASK, CLAUDE, 'Hello'], schema: 'aiproxy.ask/1' },
  { args: [...ASK, 'gpt-5', '--no-stream', 'Hello'], schema: 'aiproxy.ask/1' },
  { args: [...ASK, 'gpt-5', '--explain'], schema: 'aiproxy.explain/1' },
  { args: ['users'], schema: 'aiproxy.users/1' },
  { args: ['users', 'list'], schema: 'aiproxy.users/1' },
  { args: ['users', 'show', 'user-a'], schema: 'aiproxy.user/1' },
  { args: ['users', 'can', 'user-a', 'gpt-5'], schema: 'aiproxy.can/1' },
  { args: ['users', 'can', 'user-b', CLAUDE], schema: 'aiproxy.can/1', code: 4 },
  { args: ['users', 'add', 'new', '-m', 'gpt-5', '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'allow', 'user-b', CLAUDE, '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'deny', 'user-a', CLAUDE, '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'failover', 'user-a', 'gpt-5', 'off', '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'limit', 'user-a', 'tokens=1k/day', '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'key', 'user-a', '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['users', 'remove', 'user-b', '--yes', '-n'], schema: 'aiproxy.users.change/1' },
  { args: ['usage', '--log', 'seen.jsonl'], schema: 'aiproxy.usage/1' },
  { args: ['usage', '--log', 'seen.jsonl', '--by', 'day'], schema: 'aiproxy.usage/1' },
  { args: ['completion', 'zsh'], schema: 'aiproxy.completion/1' },
  { args: [], schema: 'aiproxy.text/1' },
  { args: ['--help'], schema: 'aiproxy.text/1' },
  { args: ['users', 'show', '--help'], schema: 'aiproxy.text/1' },
  { args: ['help', 'exit-codes'], schema: 'aiproxy.text/1' },
  { args: ['--version'], schema: 'aiproxy.text/1' },
]

const EMPTY: readonly Case[] = [
  { args: ['usage', '--log', '/dev/null'], schema: 'aiproxy.usage/1' },
  { args: ['usage', '--log', 'seen.jsonl', '--since', '2027-01-01'], schema: 'aiproxy.usage/1' },
  { args: ['usage'], schema: 'aiproxy.usage/1' },
  { args: ['users', '-c', 'nobody.yaml'], schema: 'aiproxy.users/1' },
  { args: ['serve', '--check', '-c', 'nobody.yaml'], schema: 'aiproxy.check/1' },
  { args: ['users', 'deny', 'user-b', CLAUDE, '-n'], schema: 'aiproxy.users.change/1' },
]

const FAILURES: ReadonlyArray<readonly [code: number, ...args: string[]]> = [
  [2, 'frobnicate'],
  [2, 'serve', '--port', 'x'],
  [3, 'serve', '-c', 'broken.yaml'],
  [3, 'serve', '--check', '-c', 'nowhere.yaml'],
  [2, 'ask'],
  [2, 'ask', '-u', 'nobody', 'Hello'],
  [2, 'ask', '-u', 'user-a', '-m', 'nothing', 'Hello'],
  [3, 'users', '-c', 'broken.yaml'],
  [2, 'users', 'list', 'x'],
  [2, 'users', 'show', 'nobody'],
  [2, 'users', 'can', 'user-a', 'nothing'],
  [2, 'users', 'add', 'user-a'],
  [2, 'users', 'allow', 'user-a', 'nothing'],
  [2, 'users', 'deny', 'nobody', 'gpt-5'],
  [2, 'users', 'failover', 'user-a', 'nothing', 'off'],
  [2, 'users', 'limit', 'user-a', 'beer=1/day'],
  [2, 'users', 'key', 'nobody'],
  [2, 'users', 'remove', 'user-b'],
  [2, 'usage', '--since', 'never'],
  [2, 'usage', '--by', 'colour'],
  [3, 'usage', '-c', 'broken.yaml'],
  [2, 'completion', 'tcsh'],
  [2, 'completion'],
  [2, 'help', 'nothing'],
]

function createStocked(desk: Desk): void {
  const write = (name: string, text: string): void => {
    writeFileSync(join(desk.options.cwd, name), text)
  }
  write('seen.jsonl', RECORD)
  write('broken.yaml', 'users: [')
  write('nobody.yaml', 'users: {}\n')
}

/** All of them, two at a time. */
async function eachOf<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await check(next) // oxlint-disable-line no-await-in-loop -- the other half runs beside it
    }
  }
  await Promise.all([work(), work(), work()])
}

test(
  '--json is one document on stdout, the same kind for each command',
  { timeout: 120_000 },
  async (t) => {
    const openai = await createUpstream(t, openaiAnswers)
    const anthropic = await createUpstream(t, anthropicAnswers)
    const desk = createDesk(t, providerEnv(openai, anthropic))
    createStocked(desk)
    const shapes = new Map<string, string>()
    await eachOf([...SUCCESSES, ...EMPTY], async ({ args, schema, code = 0 }) => {
      const result = await desk.run([...args, '--json'])
      const what = `${args.join(' ')}: ${result.stdout}${result.stderr}`
      assert.equal(result.code, code, what)
      assert.equal(dig(parseJson(result.stdout), 'schema'), schema, what)
      assert.equal(result.stdout.indexOf('\n'), result.stdout.length - 1, `one line: ${what}`)
      // A change tells of what it changed, whatever that is; everything else has the same fields always.
      if (schema === 'aiproxy.users.change/1') return
      const fields = Object.keys(map(parseJson(result.stdout))).join()
      assert.equal(fields, shapes.get(schema) ?? fields, what)
      shapes.set(schema, fields)
    })
  },
)

test(
  'of a failure --json leaves stdout empty and one JSON error on stderr',
  { timeout: 120_000 },
  async (t) => {
    const desk = createDesk(t)
    createStocked(desk)
    await eachOf(FAILURES, async ([code, ...args]) => {
      const result = await desk.run([...args, '--json'])
      const what = `${args.join(' ')}: ${result.stdout}${result.stderr}`
      assert.equal(result.code, code, what)
      assert.equal(result.stdout, '', what)
      const error = parseJson(result.stderr)
      assert.equal(dig(error, 'exitCode'), code, what)
      assert.equal(typeof dig(error, 'error', 'message'), 'string', what)
    })
  },
)

test('an ask that is refused or not answered is a document with its error, and that on stderr', async (t) => {
  const openai = await createUpstream(t, (reply) => {
    reply.json(500, openaiError('It broke.', 'server_error', null))
  })
  const desk = createDesk(t, providerEnv(openai, openai))
  for (const [code, model] of [
    [5, 'gpt-5'],
    [4, CLAUDE],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- two commands
    const result = await desk.run(['ask', '-u', 'user-b', '-m', model, '--json', 'Hello'])
    assert.equal(result.code, code)
    const document = parseJson(result.stdout)
    assert.equal(dig(document, 'schema'), 'aiproxy.ask/1')
    assert.equal(dig(document, 'exitCode'), code)
    assert.deepEqual(dig(parseJson(result.stderr), 'error'), dig(document, 'error'))
  }
})

// ── | head -1 ───────────────────────────────────────────────────────────────────────────────────

const LONG_OUTPUTS: readonly string[] = [
  '--help',
  'help',
  'help environment',
  'serve --help',
  'ask --help',
  'users --help',
  'usage --help',
  'completion bash',
  'completion fish --json',
  'serve --check',
  'serve --mock --check --json',
  'users',
  'users --json',
  'users show user-a',
  'users allow user-b "claude-*" -n',
  'ask -u user-a -m gpt-5 --explain',
  'ask -u user-a -m gpt-5 Hello',
  'ask -u user-a -m gpt-5 --jsonl Hello',
  'usage',
  'usage --json',
  'usage --csv',
  'usage --by user --format md',
]

test('| head -1 ends every command with 0 and in silence', { timeout: 120_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const desk = createDesk(t, providerEnv(openai, openai))
  // More than a pipe holds, so that the writer meets the end of the reader.
  const many = Array.from({ length: 3000 }, (_, at) => RECORD.replace('user-a', `user-${at}`))
  writeFileSync(desk.logPath, many.join(''))
  await eachOf(LONG_OUTPUTS, async (command) => {
    // What is said about the answer on stderr is another matter.
    const line = `"$NODE" "$PROGRAM" -q ${command} | head -1`
    const result = await runShell(`${line}; echo "\${PIPESTATUS[*]}"`, desk.options)
    const [first = '', codes] = result.stdout.split('\n')
    assert.equal(codes, '0 0', `${command}: ${result.stdout}${result.stderr}`)
    assert.notEqual(first, '')
    assert.equal(result.stderr, '', command)
  })
})

test('a reader who is gone before the first byte is no failure', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)
  writeFileSync(desk.logPath, RECORD.repeat(50))
  await eachOf(['--help', 'users', 'usage', 'completion bash', 'usage --json'], async (command) => {
    // The reader closes, tells so, and stays: no byte can reach it.
    const script = `mkfifo gone-$$; { exec 3<gone-$$; exec 3<&-; } & exec 4>gone-$$; wait
"$NODE" "$PROGRAM" -q ${command} >&4; echo $?; rm gone-$$`
    const result = await runShell(script, desk.options)
    assert.equal(result.stdout, '0\n', `${command}: ${result.stdout}${result.stderr}`)
    assert.equal(result.stderr, '', command)
  })
})

test('serve ends with 0 when the reader of its lines is gone', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const desk = createDesk(t, providerEnv(openai, openai))
  const body = `{"model":"gpt-5","messages":[{"role":"user","content":"Hi"}]}`
  const post = `fetch(process.argv[1] + '/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json', 'x-user': 'user-a' }, body: process.argv[2] }).then((reply) => reply.text())`
  const script = `mkfifo first
"$NODE" "$PROGRAM" serve --port 0 --json | head -1 > first &
read -r line < first
url=$("$NODE" -p 'JSON.parse(process.argv[1]).url' "$line")
"$NODE" -e "${post}" "$url" '${body}'
wait $!; echo $?`
  const result = await runShell(script, desk.options)
  assert.equal(result.stdout, '0\n', result.stderr)
  assert.equal(result.stderr, '')
})
