/** `aiproxy ask` that is left early, by ^C, SIGTERM or a closed pipe: the provider is told, and the log. */
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { createDesk, providerEnv } from '../support/desk.ts'
import { dig } from '../support/json.ts'
import { within } from '../support/owner.ts'
import { readLog, runShell, startCli } from '../support/proxy.ts'
import { OPENAI_ROLE, anthropicAnswers, openaiAnswers, openaiChunk } from '../support/replies.ts'
import { openaiStalls } from '../support/scripts.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Script } from '../support/upstream.ts'

/** Lines without end, until nobody is there. */
const endless: Script = async (reply, request) => {
  const over = request.over.then(() => true)
  reply.openStream()
  await reply.write(OPENAI_ROLE)
  do {
    // oxlint-disable-next-line no-await-in-loop -- one frame after the other
    await reply.write(openaiChunk({ content: 'a line\n' }))
    // oxlint-disable-next-line no-await-in-loop
  } while (!(await Promise.race([over, setImmediate(false)])))
}

test('aiproxy ask, left in the middle of an answer', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiStalls)
  const desk = createDesk(t, providerEnv(openai, openai))

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    await t.test(`${signal}: the provider call is cut, 499 is logged, exit ${code}`, async () => {
      const seen = openai.requests.length
      const child = startCli(['ask', '-u', 'user-b', 'Hello'], desk.options)
      t.after(() => child.kill('SIGKILL'))
      let stdout = ''
      let stderr = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      const began = new Promise<void>((resolve) => {
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          stdout += text
          resolve()
        })
      })
      await within(began, 'the first words')
      const ended = new Promise<number | null>((resolve) => {
        child.on('close', resolve)
      })
      child.kill(signal)
      assert.equal(await within(ended, 'the end of the program'), code)
      assert.match(stdout, /^[^\n]+\n$/, 'what came is kept, and its line ended')
      assert.match(stderr, /^interrupted · gpt-5 · openai · /)
      // oxlint-disable-next-line no-control-regex -- nothing may be left to undo
      assert.doesNotMatch(stdout + stderr, /\u001b/)
      const over = openai.requests[seen]?.over
      assert.equal((await within(over ?? assert.fail(), 'the end at the provider')).how, 'cut')
      const record = readLog(desk.logPath).at(-1)
      assert.deepEqual([record?.['status'], record?.['outcome']], [499, 'aborted'])
    })
  }

  for (const more of ['', ' --jsonl', ' -x']) {
    await t.test(`ask${more} | head -1: exit 0, silence, and the provider is told`, async () => {
      const text = more === ' -x' ? '```\n' : ''
      openai.on('/v1/chat/completions', async (reply, request) => {
        reply.openStream()
        await reply.write(openaiChunk({ role: 'assistant', content: text }))
        await endless({ ...reply, openStream() {} }, request)
      })
      const seen = openai.requests.length
      const result = await runShell(
        `"$NODE" "$PROGRAM" ask -u user-b${more} Hello | head -1`,
        desk.options,
      )
      assert.equal(result.code, 0, result.stderr)
      assert.equal(result.stderr, '')
      assert.equal(result.stdout.split('\n').length, 2)
      const over = openai.requests[seen]?.over
      assert.equal((await within(over ?? assert.fail(), 'the end at the provider')).how, 'cut')
      assert.equal(readLog(desk.logPath).at(-1)?.['status'], 499)
    })
  }
})

test('a reader who leaves is no failure of any command', { timeout: 120_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const desk = createDesk(t, providerEnv(openai, anthropic))
  const before = desk.config()
  for (const words of [
    'users',
    'users --json',
    'users show user-a',
    'users show user-a --json',
    'users can user-a gpt-5',
    'users can user-a gpt-5 --json',
    'users add me -m gpt-5 -n',
    'users add me -m gpt-5 -n --json',
    'users limit user-a tokens=1k/day -n',
    'users --help',
    'ask -u user-a Hello',
    'ask -u user-a --json Hello',
    'ask -u user-a --jsonl Hello',
    'ask -u user-a --explain Hello',
    'ask -u user-a --explain --json Hello',
    'ask --help',
  ]) {
    for (const reader of ['head -1', 'true']) {
      // oxlint-disable-next-line no-await-in-loop -- a hundred processes at once prove nothing more
      const result = await runShell(
        `"$NODE" "$PROGRAM" ${words} 2> >(grep -E 'error|EPIPE|^ +at ' >&2) | ${reader}`,
        desk.options,
      )
      assert.equal(result.code, 0, `${words} | ${reader}: ${result.stderr}`)
      assert.equal(result.stderr, '', `${words} | ${reader}`)
    }
  }
  assert.equal(desk.config(), before)
})

test(
  'every --json parses and has its shape: success, empty, failure',
  { timeout: 60_000 },
  async (t) => {
    const openai = await createUpstream(t, openaiAnswers)
    const anthropic = await createUpstream(t, anthropicAnswers)
    const desk = createDesk(t, providerEnv(openai, anthropic))
    const empty = createDesk(t, {}, 'users: {}\n')
    const cases = [
      [desk, ['users'], 0, 'aiproxy.users/1'],
      [empty, ['users'], 0, 'aiproxy.users/1'],
      [desk, ['users', 'show', 'user-a'], 0, 'aiproxy.user/1'],
      [desk, ['users', 'show', 'nobody'], 2, undefined],
      [desk, ['users', 'can', 'user-a', 'gpt-5'], 0, 'aiproxy.can/1'],
      [desk, ['users', 'can', 'user-b', 'claude-sonnet-4-20250514'], 4, 'aiproxy.can/1'],
      [desk, ['users', 'can', 'user-b', 'nothing'], 2, undefined],
      [desk, ['users', 'allow', 'user-b', 'gpt-5'], 0, 'aiproxy.users.change/1'],
      [desk, ['users', 'limit', 'user-b', 'tokens=1k/day', '-n'], 0, 'aiproxy.users.change/1'],
      [desk, ['users', 'limit', 'user-b', 'nonsense'], 2, undefined],
      [desk, ['ask', '-u', 'user-a', 'Hello'], 0, 'aiproxy.ask/1'],
      [
        desk,
        ['ask', '-u', 'user-b', '-m', 'claude-sonnet-4-20250514', 'Hello'],
        4,
        'aiproxy.ask/1',
      ],
      [desk, ['ask', '-u', 'user-a'], 2, undefined],
      [desk, ['ask', '-u', 'user-a', '--explain'], 0, 'aiproxy.explain/1'],
      [desk, ['ask', '-u', 'user-b', '-m', 'nothing', '--explain'], 2, 'aiproxy.explain/1'],
      [empty, ['ask', 'Hello'], 2, undefined],
    ] as const
    for (const [place, words, code, schema] of cases) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { stdout, stderr, ...result } = await place.run([...words, '--json'])
      const line = `${words.join(' ')}\n${stdout}${stderr}`
      assert.equal(result.code, code, line)
      if (schema === undefined) assert.equal(stdout, '', line)
      else assert.equal(dig(JSON.parse(stdout), 'schema'), schema, line)
      // A verdict of no is an answer, not an error.
      if (stderr !== '') assert.equal(dig(JSON.parse(stderr), 'exitCode'), code, line)
      else assert.ok(schema !== undefined, line)
    }
  },
)
