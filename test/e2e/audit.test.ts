/** The payload audit, from outside: what it holds, what it never holds, and that it is off unless asked for. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HELLO_MESSAGES, postChat, postMessages } from '../support/calls.ts'
import type { Reply } from '../support/http.ts'
import type { JsonMap } from '../support/json.ts'
import { readLog, runCli, startProxy } from '../support/proxy.ts'
import { openaiAnswers, openaiChat, openaiError } from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Upstream } from '../support/upstream.ts'

const USER_KEY = 'correct-horse-battery-staple'
const DIGEST = createHash('sha256').update(USER_KEY).digest('hex')

function config(upstream: Upstream, more: string): string {
  const names = ['good', 'bad', 'echo', 'full']
  const targets = names.map((name) => ({ name, dialect: 'openai' as const }))
  const grants = [
    { model: 'good' },
    { model: 'bad', failover: ['good'] },
    { model: 'echo' },
    { model: 'full' },
  ]
  return targetsConfig(upstream, targets, grants, `    keys: ["sha256:${DIGEST}"]\n${more}`)
}

async function scriptedUpstream(owner: Parameters<typeof createUpstream>[0]): Promise<Upstream> {
  const upstream = await createUpstream(owner, openaiAnswers)
  upstream.on('/bad/', (reply) => {
    reply.json(503, openaiError('down', 'server_error', null))
  })
  upstream.on('/echo/', (reply, request) => {
    reply.json(
      200,
      openaiChat(`you sent ${request.headers['authorization'] ?? ''} and ${USER_KEY}`),
    )
  })
  upstream.on('/full/', (reply) => {
    reply.json(
      400,
      openaiError(`too long, ${TEST_KEY}`, 'invalid_request_error', 'context_length_exceeded'),
    )
  })
  return upstream
}

test(
  'one line an exchange, as it was asked and as it was answered',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await scriptedUpstream(t)
    const proxy = await startProxy(t, {
      config: config(upstream, 'audit: ./kept/audit.jsonl\n'),
      env: { TEST_KEY },
    })
    const path = join(proxy.cwd, 'kept', 'audit.jsonl')
    const headers = { authorization: `Bearer ${USER_KEY}` }
    // The line is on disk before the reply has ended: no waiting.
    const lineOf = (reply: Reply): JsonMap => {
      const found = readLog(path).filter(({ id }) => id === reply.headers['x-request-id'])
      assert.equal(found.length, 1)
      return found[0] ?? {}
    }

    await t.test('unary', async () => {
      const body = JSON.stringify({
        model: 'good',
        messages: [{ role: 'user', content: 'a\u202eb' }],
      })
      const reply = await postChat(proxy, body, { headers })
      const { ts, ...line } = lineOf(reply)
      assert.match(String(ts), /^\d{4}-/)
      assert.deepEqual(line, {
        id: reply.headers['x-request-id'],
        user: 'caller',
        api: 'chat',
        model: 'good',
        served_model: 'good',
        provider: 'p-good',
        status: 200,
        request: body,
        reply: reply.text,
      })
      assert.equal(readFileSync(path, 'utf8').includes('\u202e'), false)
    })

    await t.test('streamed, in the dialect of the caller', async () => {
      const body = { model: 'good', max_tokens: 9, stream: true, messages: HELLO_MESSAGES }
      const reply = await postMessages(proxy, body, { headers })
      assert.match(reply.text, /event: message_stop/)
      assert.equal(lineOf(reply)['reply'], reply.text)
    })

    await t.test('failover names who answered, and holds that answer alone', async () => {
      const reply = await postChat(proxy, { model: 'bad', messages: HELLO_MESSAGES }, { headers })
      const line = lineOf(reply)
      assert.deepEqual(
        [line['model'], line['served_model'], line['provider'], line['reply']],
        ['bad', 'good', 'p-good', reply.text],
      )
    })

    await t.test(
      'refusals, ours and a provider’s, in the words of the caller’s dialect',
      async () => {
        const full = { model: 'full', max_tokens: 9, messages: HELLO_MESSAGES }
        const unknown = await postChat(proxy, { model: 'good', messages: HELLO_MESSAGES })
        const replies = [
          unknown,
          await postChat(proxy, { model: 'nope', messages: HELLO_MESSAGES }, { headers }),
          await postMessages(proxy, { ...full, model: 'nope' }, { headers }),
          await postChat(proxy, full, { headers }),
          await postMessages(proxy, full, { headers }),
        ]
        for (const reply of replies) {
          const line = lineOf(reply)
          assert.ok(reply.status >= 400)
          assert.deepEqual([line['status'], line['reply']], [reply.status, reply.text])
        }
        assert.equal(lineOf(unknown)['request'], undefined)
      },
    )

    await t.test('no key stands in it, whoever says it', async () => {
      const content = `my keys are ${USER_KEY} and ${TEST_KEY}`
      const reply = await postChat(
        proxy,
        { model: 'echo', messages: [{ role: 'user', content }] },
        { headers },
      )
      assert.match(String(lineOf(reply)['request']), /my keys are \[redacted\] and \[redacted\]/)
      assert.match(String(lineOf(reply)['reply']), /you sent \[redacted\] and \[redacted\]/)
      const text = readFileSync(path, 'utf8')
      for (const canary of [USER_KEY, TEST_KEY]) assert.equal(text.includes(canary), false)
    })

    await t.test('the file is its owner’s alone, and the usage log is what it was', () => {
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(readFileSync(proxy.logPath, 'utf8').includes('Hello'), false)
    })
  },
)

test('off there is no file; an edit turns it on and off again', { timeout: 60_000 }, async (t) => {
  const upstream = await scriptedUpstream(t)
  const off = config(upstream, '')
  const proxy = await startProxy(t, { config: off, env: { TEST_KEY } })
  const path = join(proxy.cwd, 'audit.jsonl')
  const headers = { authorization: `Bearer ${USER_KEY}` }
  const call = () => postChat(proxy, { model: 'good', messages: HELLO_MESSAGES }, { headers })
  const reloads = () => proxy.events().filter(({ event }) => event === 'reload').length
  const edit = async (text: string): Promise<JsonMap> => {
    const before = reloads()
    writeFileSync(join(proxy.cwd, 'aiproxy.yaml'), text)
    return proxy.event('the reload', ({ event }) => event === 'reload' && reloads() > before)
  }

  await call()
  assert.deepEqual(readdirSync(proxy.cwd), ['aiproxy.yaml'])

  await edit(`${off}audit: ./audit.jsonl\n`)
  await call()
  assert.equal(readLog(path).length, 1)

  await edit(off)
  await call()
  assert.equal(readLog(path).length, 1)

  // A file that cannot be written is a reason to keep the config of before.
  mkdirSync(join(proxy.cwd, 'folder'))
  await edit(`${off}audit: ./folder\n`)
  const refused = proxy.events().findLast(({ event }) => event === 'reload')
  assert.match(String(refused?.['error']), /^audit: cannot write the audit file/)
  assert.equal((await call()).status, 200)
})

test(
  'where it cannot be written it is said, and requests go on',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await scriptedUpstream(t)
    const proxy = await startProxy(t, {
      config: config(upstream, 'audit: ./aiproxy.yaml/audit.jsonl\n'),
      env: { TEST_KEY },
    })
    const headers = { authorization: `Bearer ${USER_KEY}` }
    const reply = await postChat(proxy, { model: 'good', messages: HELLO_MESSAGES }, { headers })
    assert.equal(reply.status, 200)
    assert.match(proxy.stderr(), /! cannot write the audit file .*audit\.jsonl/)
  },
)

test('ask writes its line, and none with --no-log', { timeout: 60_000 }, async (t) => {
  const upstream = await scriptedUpstream(t)
  const proxy = await startProxy(t, {
    config: config(upstream, 'audit: ./audit.jsonl\n'),
    env: { TEST_KEY },
  })
  const path = join(proxy.cwd, 'audit.jsonl')
  const options = { cwd: proxy.cwd, home: proxy.home, env: { TEST_KEY } }
  const unlogged = await runCli(['ask', '-m', 'good', '--no-log', 'Hello'], options)
  assert.equal(unlogged.code, 0, unlogged.stderr)
  assert.equal(existsSync(path) ? readLog(path).length : 0, 0)
  const logged = await runCli(['ask', '-m', 'good', 'Hello'], options)
  assert.equal(logged.code, 0, logged.stderr)
  assert.equal(readLog(path)[0]?.['user'], 'caller')
})
