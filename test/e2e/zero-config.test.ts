/** A stranger's first five minutes: no config, no key, an empty home. Everything works, and says it is mocked. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  HELLO_MESSAGES,
  assertOpenAiError,
  postChat,
  readAttempts,
  readChatStream,
} from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import { dig, digText, list, parseJson } from '../support/json.ts'

import { attemptsOf, createDirectory, readLog, runCli, startProxy } from '../support/proxy.ts'
import { CLAUDE, anthropicAnswers } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

test('serve with nothing configured', { timeout: 60_000 }, async (t) => {
  const proxy = await startProxy(t)

  // The mock takes a visible moment for each answer, so all of them are asked for at once.
  const ask = (user: string, body: object): Promise<Reply> =>
    postChat(proxy, { messages: HELLO_MESSAGES, ...body }, { user })
  const [streamed, first, second, claude, foreign, ofB, overloaded, overloadedStream] =
    await Promise.all([
      ask('user-a', { model: 'gpt-5', stream: true }),
      ask('user-a', { model: 'gpt-5' }),
      ask('user-a', { model: 'gpt-5' }),
      ask('user-a', { model: CLAUDE }),
      ask('user-b', { model: CLAUDE }),
      ask('user-b', { model: 'gpt-5' }),
      ask('user-a', { model: 'mock-529' }),
      ask('user-a', { model: 'mock-529', stream: true }),
    ])

  await t.test('a streamed answer comes, marked as mocked everywhere', async () => {
    assert.equal(streamed.status, 200, streamed.text)
    assert.equal(streamed.headers['x-aiproxy-mock'], 'true')
    const said = readChatStream(streamed.frames())
    assert.equal(said.done, true)
    assert.deepEqual(said.finishReasons, ['stop'])
    assert.match(said.text, /mock/i)
    const pieces = said.chunks.filter(
      (chunk) => digText(chunk, 'choices', 0, 'delta', 'content') !== '',
    )
    assert.ok(pieces.length > 2, 'long enough to stream visibly')
    const record = await proxy.record(streamed.headers['x-request-id'])
    assert.equal(record['mock'], true)
    assert.equal(record['outcome'], 'ok')
    assert.ok(Number(record['prompt_tokens']) > 0)
    assert.ok(Number(record['completion_tokens']) > 0)
    assert.equal(
      record['total_tokens'],
      Number(record['prompt_tokens']) + Number(record['completion_tokens']),
    )
    assert.match(proxy.stdout() + proxy.stderr(), /mock/i, 'said at the start, too')
  })

  await t.test('Claude answers, mocked', () => {
    assert.equal(claude.headers['x-aiproxy-mock'], 'true')
    assert.match(digText(claude.json(), 'choices', 0, 'message', 'content'), /mock/i)
  })

  await t.test('the same request gives the same answer', () => {
    assert.equal(first.status, 200)
    assert.equal(first.text, second.text)
  })

  await t.test("the starter users are the seed's own", () => {
    assert.equal(assertOpenAiError(foreign, 404).code, 'model_not_found')
    assert.equal(ofB.status, 200)
  })

  for (const [how, reply] of [
    ['unary', overloaded],
    ['streamed', overloadedStream],
  ] as const) {
    await t.test(`mock-529 shows a failover, ${how}`, async () => {
      assert.equal(reply.status, 200, reply.text)
      const attempts = readAttempts(reply.headers)
      assert.equal(attempts.length, 2)
      assert.deepEqual([attempts[0]?.model, attempts[0]?.status], ['mock-529', 529])
      assert.equal(attempts[1]?.status, 200)
      assert.equal(reply.headers['x-aiproxy-mock'], 'true')
      const record = await proxy.record(reply.headers['x-request-id'])
      assert.equal(attemptsOf(record)[0]?.['class'], 'overload')
      assert.equal(record['model'], 'mock-529')
      assert.notEqual(record['served_model'], 'mock-529')
    })
  }

  await t.test('the console of usage shows all of it', async () => {
    const options = { cwd: proxy.cwd, home: proxy.home }
    const table = await runCli(['usage'], options)
    assert.equal(table.code, 0, table.stderr)
    assert.match(table.stdout, /^USER +MODEL +REQS +INPUT +OUTPUT/m)
    assert.match(table.stdout, /^ ?user-a +gpt-5 +\d+ /m)
    assert.match(table.stdout, /^ ?TOTAL /m)
    // oxlint-disable-next-line no-control-regex -- exactly what must not be there
    assert.doesNotMatch(table.stdout, /\u001b/, 'no colour in a pipe')
    const json = await runCli(['usage', '--json'], options)
    const report = parseJson(json.stdout)
    assert.equal(dig(report, 'schema'), 'aiproxy.usage/1')
    assert.equal(dig(report, 'totals', 'requests'), proxy.log().length)
  })
})

test('the other commands with nothing configured', { timeout: 60_000 }, async (t) => {
  const base = createDirectory(t)
  const home = join(base, 'home')
  const cwd = join(base, 'work')
  mkdirSync(home)
  mkdirSync(cwd)
  const run = (...args: string[]) => runCli(args, { cwd, home })
  const logPath = join(home, '.local', 'state', 'aiproxy', 'usage.jsonl')

  await t.test('usage says that there is none yet, and where it would be', async () => {
    const result = await run('usage')
    assert.equal(result.code, 0)
    assert.match(result.stdout + result.stderr, /No usage recorded yet\./)
    assert.match(result.stderr, /usage\.jsonl/)
    const json = await run('usage', '--json')
    assert.equal(json.code, 0)
    assert.deepEqual(dig(parseJson(json.stdout), 'rows'), [])
  })

  await t.test('ask answers, and its footer says mock', async () => {
    const result = await run('ask', '--user', 'user-a', '--model', 'gpt-5', 'Hello')
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout, /\S/)
    assert.match(result.stderr, /mock/i)
    assert.match(result.stderr, /\d+ in \+ \d+ out/)
    const [record] = readLog(logPath)
    assert.equal(record?.['user'], 'user-a')
    assert.equal(record?.['mock'], true)
    assert.equal(record?.['outcome'], 'ok')
  })

  await t.test('ask --json has the documented shape', async () => {
    const result = await run('ask', '-u', 'user-a', '-m', 'mock-529', '--json', 'Hello')
    assert.equal(result.code, 0, result.stderr)
    const answer = parseJson(result.stdout)
    assert.equal(dig(answer, 'schema'), 'aiproxy.ask/1')
    assert.match(digText(answer, 'id'), /^req_/)
    assert.equal(dig(answer, 'model', 'requested'), 'mock-529')
    assert.notEqual(dig(answer, 'model', 'served'), 'mock-529')
    assert.match(digText(answer, 'text'), /mock/i)
    assert.equal(dig(answer, 'finish'), 'stop')
    assert.equal(list(dig(answer, 'attempts')).length, 2)
    assert.equal(
      dig(answer, 'usage', 'total'),
      Number(dig(answer, 'usage', 'prompt')) + Number(dig(answer, 'usage', 'completion')),
    )
  })

  await t.test('users shows the starter users', async () => {
    const result = await run('users')
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout, /^ ?user-a .*gpt-5/m)
    assert.match(result.stdout, /^ ?user-b .*gpt-5/m)
  })

  await t.test('the program alone shows short help with examples', async () => {
    const result = await run()
    assert.equal(result.code, 0)
    assert.match(result.stdout, /aiproxy ask/)
    assert.equal(result.stderr, '')
  })
})

test('one key ends the mocking of both providers', { timeout: 60_000 }, async (t) => {
  const anthropic = await createUpstream(t, anthropicAnswers)
  const proxy = await startProxy(t, {
    env: { ANTHROPIC_API_KEY: 'sk-ant-test', ANTHROPIC_BASE_URL: anthropic.origin },
  })
  const hello = { model: 'gpt-5', messages: HELLO_MESSAGES }

  await t.test("user-a's gpt-5 is answered by the real Claude", async () => {
    const reply = await postChat(proxy, hello, { user: 'user-a' })
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['x-aiproxy-mock'], undefined)
    assert.equal(reply.headers['x-aiproxy-model'], CLAUDE)
    assert.equal(anthropic.requests.length, 1)
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(record['mock'], undefined)
    assert.equal(attemptsOf(record)[0]?.['class'], 'credential')
  })

  await t.test("user-b's gpt-5 is not quietly mocked", async () => {
    const reply = await postChat(proxy, hello, { user: 'user-b' })
    assert.equal(assertOpenAiError(reply, 502).code, 'upstream_credential')
  })
})
