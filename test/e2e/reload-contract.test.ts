/** A running program and its config file: good edits are taken, bad ones are said and not taken. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { HELLO_MESSAGES, assertOpenAiError, postChat } from '../support/calls.ts'
import { DESK_CONFIG, providerEnv } from '../support/desk.ts'
import { digText } from '../support/json.ts'
import { runCli, startProxy } from '../support/proxy.ts'
import { anthropicAnswers, openaiAnswers } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

test('a running serve follows its config file', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const proxy = await startProxy(t, { config: DESK_CONFIG, env: providerEnv(openai, anthropic) })
  const options = { cwd: proxy.cwd, home: proxy.home }
  const asNew = () =>
    postChat(proxy, { model: 'gpt-5', messages: HELLO_MESSAGES }, { user: 'user-new' })

  assertOpenAiError(await asNew(), 403)

  await t.test('a user added by the command is let in', async () => {
    const added = await runCli(['users', 'add', 'user-new', '--model', 'gpt-5'], options)
    assert.equal(added.code, 0, added.stderr)
    await proxy.event('the reload', (event) => event['event'] === 'reload')
    assert.equal((await asNew()).status, 200)
  })

  await t.test('a broken edit is said, and the last good config stays', async () => {
    writeFileSync(join(proxy.cwd, 'aiproxy.yaml'), 'users: [oops\n')
    const said = await proxy.event(
      'the refused reload',
      (event) => event['event'] === 'reload' && digText(event, 'error') !== '',
    )
    assert.match(digText(said, 'error'), /aiproxy\.yaml/)
    assert.equal((await asNew()).status, 200)
  })
})
