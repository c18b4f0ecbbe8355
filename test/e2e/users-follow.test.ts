/** Real commands against a running serve: each edit is in force there soon after, and nothing else is. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfigText } from '../../src/config/load.ts'
import { DESK_CONFIG, providerEnv } from '../support/desk.ts'
import { send } from '../support/http.ts'
import type { Reply } from '../support/http.ts'
import { dig, list } from '../support/json.ts'
import { runCli, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { CLAUDE, HELLO, anthropicAnswers, openaiAnswers } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

// Far more than a reload takes; reached only where it never comes.
const LIMIT_MS = 10_000

const SEQUENCE: ReadonlyArray<readonly string[]> = [
  ['add', 'user-c', '--model', 'gpt-5'],
  ['allow', 'user-b', CLAUDE],
  ['failover', 'user-b', 'gpt-5', CLAUDE],
  ['deny', 'user-a', CLAUDE],
  ['limit', 'user-c', 'requests=1k/minute', 'concurrency=4'],
  ['allow', 'user-c', 'o9-new', 'gpt-5-mini'],
  ['deny', 'user-c', 'gpt-*'],
  ['remove', 'user-b', '--yes'],
  ['add', 'user-b', '-m', CLAUDE],
  ['key', 'user-c'],
  ['key', 'user-c', '--revoke'],
  ['limit', 'user-c', 'off'],
  ['deny', 'user-c', '*'],
]
const USERS = ['user-a', 'user-b', 'user-c']

function modelsAs(proxy: Proxy, user: string): Promise<Reply> {
  return send(`${proxy.url}/v1/models`, { headers: { 'x-user': user } })
}

/** What each user is told of their models: the names, or the status of the refusal. */
async function served(proxy: Proxy): Promise<unknown[]> {
  return Promise.all(
    USERS.map(async (user) => {
      const reply = await modelsAs(proxy, user)
      if (reply.status !== 200) return reply.status
      return list(dig(reply.json(), 'data')).map((model) => dig(model, 'id'))
    }),
  )
}

/** The same as the file has it. */
async function written(path: string): Promise<unknown[]> {
  const { users } = await loadConfigText(readFileSync(path, 'utf8'), path, {
    env: {},
    cwd: '/w',
    home: '/h',
  })
  return USERS.map((name) => {
    const user = users.get(name)
    if (user === undefined) return 403
    return user.keys.length > 0 ? 401 : user.models.map((model) => model.name)
  })
}

/** Asks again and again until the server says what the file says. */
async function assertFollows(proxy: Proxy, path: string, story: string): Promise<void> {
  const wanted = await written(path)
  const untilMs = performance.now() + LIMIT_MS
  let told = await served(proxy)
  while (JSON.stringify(told) !== JSON.stringify(wanted) && performance.now() < untilMs) {
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    told = await served(proxy)
  }
  assert.deepEqual(told, wanted, `${story}\n${proxy.stderr()}`)
}

test(
  'a running serve follows every edit of a sequence of commands',
  { timeout: 60_000 },
  async (t) => {
    const openai = await createUpstream(t, openaiAnswers)
    const anthropic = await createUpstream(t, anthropicAnswers)
    const proxy = await startProxy(t, { config: DESK_CONFIG, env: providerEnv(openai, anthropic) })
    const path = join(proxy.cwd, 'aiproxy.yaml')
    const options = { cwd: proxy.cwd, home: proxy.home }
    await assertFollows(proxy, path, 'at the start')
    for (const words of SEQUENCE) {
      const before = readFileSync(path, 'utf8')
      // oxlint-disable-next-line no-await-in-loop -- each edit works on the one before
      const result = await runCli(['users', ...words], options)
      assert.equal(result.code, 0, `${words.join(' ')}: ${result.stderr}`)
      assert.notEqual(readFileSync(path, 'utf8'), before, words.join(' '))
      // oxlint-disable-next-line no-await-in-loop
      await assertFollows(proxy, path, words.join(' '))
    }
    assert.match(readFileSync(path, 'utf8'), /# Who may use what\. This comment stays\./)
    const refused = proxy
      .events()
      .filter((event) => event['event'] === 'reload' && 'error' in event)
    assert.deepEqual(refused, [])
  },
)

test('a first user on a machine with no file', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const env = providerEnv(openai, anthropic)
  // Started before there is a file: the starter users.
  const proxy = await startProxy(t, { env })
  const options = { cwd: proxy.cwd, home: proxy.home, env }
  const path = join(proxy.cwd, 'aiproxy.yaml')

  const added = await runCli(['users', 'add', 'me', '--model', 'gpt-5'], options)
  assert.equal(added.code, 0, added.stderr)
  assert.equal(added.stdout, 'added me: gpt-5  ./aiproxy.yaml (new)\n')
  assert.match(added.stderr, /→ aiproxy ask "Hello"\n$/)
  assert.equal(statSync(path).mode & 0o777, 0o600)

  await t.test('is let in by the serve that was running', async () => {
    const untilMs = performance.now() + LIMIT_MS
    let reply = await modelsAs(proxy, 'me')
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    while (reply.status !== 200 && performance.now() < untilMs) reply = await modelsAs(proxy, 'me')
    assert.deepEqual(
      list(dig(reply.json(), 'data')).map((model) => dig(model, 'id')),
      ['gpt-5'],
    )
    assert.equal((await modelsAs(proxy, 'user-a')).status, 403, 'no starter users any more')
  })

  await t.test('is who asks, and the file is good', async () => {
    const answer = await runCli(['ask', 'Hello'], options)
    assert.equal(answer.code, 0, answer.stderr)
    assert.equal(answer.stdout, `${HELLO}\n`)
    const check = await runCli(['serve', '--check'], options)
    assert.equal(check.code, 0, check.stderr)
    const shown = await runCli(['users', 'show', 'me'], options)
    assert.match(shown.stdout, /\n {2}today +1 request, /)
  })

  await t.test('and another directory has no file made in it by looking', async () => {
    const elsewhere = await runCli(['users'], { ...options, cwd: proxy.home })
    assert.match(elsewhere.stdout, /user-a/)
    assert.equal(existsSync(join(proxy.home, 'aiproxy.yaml')), false)
  })
})
