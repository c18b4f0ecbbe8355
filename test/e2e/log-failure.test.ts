/** A usage log that cannot be written: money is not spent unseen, unless the operator wants it so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, assertOpenAiError, postChat } from '../support/calls.ts'
import { startProxy } from '../support/proxy.ts'
import { openaiAnswers } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

const HELLO = { model: 'gpt-5', messages: HELLO_MESSAGES }

// Every write to it fails as on a full disk; Linux only.
const FULL = '/dev/full'

for (const [setting, status, reaches] of [
  ['', 503, 0],
  ['on_log_failure: refuse\n', 503, 0],
  ['on_log_failure: continue\n', 200, 2],
] as const) {
  test(
    `a full disk and ${setting.trim() || 'no word about it'}: ${status} after the first failed line`,
    { timeout: 30_000, skip: process.platform !== 'linux' },
    async (t) => {
      const upstream = await createUpstream(t, openaiAnswers)
      const proxy = await startProxy(t, {
        config: `log: ${FULL}\n${setting}models: {gpt-5: {provider: openai}}\nusers: {a: {models: [gpt-5]}}\n`,
        env: {
          OPENAI_API_KEY: 'sk-test-0123456789abcdef',
          OPENAI_BASE_URL: `${upstream.origin}/v1`,
        },
      })
      // Nobody knows that it is full before the first line.
      assert.equal((await postChat(proxy, HELLO, { user: 'a' })).status, 200)
      const before = upstream.requests.length
      const replies = [
        await postChat(proxy, HELLO, { user: 'a' }),
        await postChat(proxy, HELLO, { user: 'a' }),
      ]
      for (const reply of replies) {
        assert.equal(reply.status, status, reply.text)
        if (status === 503) assertOpenAiError(reply, 503)
      }
      assert.equal(upstream.requests.length - before, reaches)
      assert.match(proxy.stderr(), /ENOSPC|no space/i)
    },
  )
}
