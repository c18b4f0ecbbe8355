/** A caller who hangs up: the provider stops at once, and what was used is still written down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, openChat, postChat } from '../support/calls.ts'
import { startAndLeave } from '../support/http.ts'
import { within } from '../support/owner.ts'
import { attemptsOf, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import type { JsonMap } from '../support/json.ts'
import { HELLO, OPENAI_ROLE, openaiAnswers } from '../support/replies.ts'
import { anthropicStalls, openaiStalls } from '../support/scripts.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

// Far above what one turn of an event loop takes on a busy machine, far below any timer of ours.
const AT_ONCE_MS = 1000

/** The log line of the newest request for this model, once it is over. */
async function abortedRecord(proxy: Proxy, model: string): Promise<JsonMap> {
  const event = await proxy.event(
    `the end of the request for ${model}`,
    (line) => line['event'] === 'request' && line['model'] === model,
  )
  return proxy.record(String(event['id']))
}

test('a caller who hangs up', { timeout: 60_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const names = ['o-relay', 'before-head', 'before-content', 'unary', 'after'] as const
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      [
        ...names.map((name) => ({ name, dialect: 'openai' as const })),
        { name: 'a-translated', dialect: 'anthropic' },
        { name: 'backup', dialect: 'openai' },
      ],
      [...names, 'a-translated'].map((model) => ({ model, failover: ['backup'] })),
    ),
    env: { TEST_KEY },
  })
  upstream.on('/backup/', openaiAnswers)

  const midStream = [
    { model: 'o-relay', script: openaiStalls, what: 'a relayed Chat stream' },
    { model: 'a-translated', script: anthropicStalls, what: 'Messages as Chat' },
  ]
  for (const { model, script, what } of midStream) {
    await t.test(`inside ${what} closes the upstream connection at once`, async () => {
      upstream.on(`/${model}/`, script)
      const body = { model, max_tokens: 64, messages: HELLO_MESSAGES, stream: true }
      const reply = await openChat(proxy, body, { user: 'caller' })
      assert.equal(reply.status, 200)
      const id = reply.headers['x-request-id']
      let text = ''
      while (!text.includes(HELLO)) text += (await reply.next())?.data ?? assert.fail('it ended')

      const leftAtMs = performance.now()
      reply.leave()
      const request = await upstream.firstRequestTo(`/${model}/`)
      const over = await within(request.over, 'the upstream connection to close')
      assert.equal(over.how, 'cut')
      assert.ok(over.atMs - leftAtMs < AT_ONCE_MS, `${over.atMs - leftAtMs} ms later`)

      const record = await proxy.record(id)
      assert.equal(record['status'], 499)
      assert.equal(record['outcome'], 'aborted')
      assert.equal(record['served_model'], model)
      assert.equal(record['estimated'], true, 'the provider never told the total')
      assert.ok(Number(record['completion_tokens']) > 0, 'what was used is logged')
      assert.ok(Number(record['prompt_tokens']) > 0)
      assert.equal(upstream.requestsTo('/backup/').length, 0, 'an abort is no failure')
    })
  }

  await t.test('before the head of a stream, too', async () => {
    upstream.on('/before-head/', (reply) => reply.stall())
    const body = { model: 'before-head', messages: HELLO_MESSAGES, stream: true }
    const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
      body,
      headers: { 'x-user': 'caller' },
    })
    const request = await upstream.firstRequestTo('/before-head/')
    call.leave()
    assert.equal((await within(request.over, 'the upstream to be left')).how, 'cut')
    const record = await abortedRecord(proxy, 'before-head')
    assert.equal(record['status'], 499)
    assert.equal(record['outcome'], 'aborted')
    assert.equal(upstream.requestsTo('/backup/').length, 0, 'nobody is there to be served')
  })

  await t.test('between the role chunk and the first content, too', async () => {
    upstream.on('/before-content/', async (reply) => {
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      await reply.stall()
    })
    const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
      body: { model: 'before-content', messages: HELLO_MESSAGES, stream: true },
      headers: { 'x-user': 'caller' },
    })
    const request = await upstream.firstRequestTo('/before-content/')
    call.leave()
    assert.equal((await within(request.over, 'the upstream to be left')).how, 'cut')
    const record = await abortedRecord(proxy, 'before-content')
    assert.equal(record['status'], 499)
    assert.equal(upstream.requestsTo('/backup/').length, 0)
  })

  await t.test('while waiting for a unary reply, too', async () => {
    upstream.on('/unary/', (reply) => reply.stall())
    const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
      body: { model: 'unary', messages: HELLO_MESSAGES },
      headers: { 'x-user': 'caller' },
    })
    const request = await upstream.firstRequestTo('/unary/')
    call.leave()
    assert.equal((await within(request.over, 'the upstream to be left')).how, 'cut')
    const record = await abortedRecord(proxy, 'unary')
    assert.equal(record['status'], 499)
    assert.equal(record['outcome'], 'aborted')
    assert.equal(upstream.requestsTo('/backup/').length, 0)
  })

  await t.test('does not count against the provider', async () => {
    upstream.on('/after/', (reply) => reply.stall())
    for (let call = 1; call <= 8; call += 1) {
      const left = startAndLeave(`${proxy.url}/v1/chat/completions`, {
        body: { model: 'after', messages: HELLO_MESSAGES },
        headers: { 'x-user': 'caller' },
      })
      while (upstream.requestsTo('/after/').length < call) {
        await upstream.arrival()
      }
      left.leave()
      await within(
        upstream.requestsTo('/after/').at(-1)?.over ?? Promise.reject(new Error('no request')),
        'the upstream to be left',
      )
    }
    upstream.on('/after/', openaiAnswers)
    const reply = await postChat(
      proxy,
      { model: 'after', messages: HELLO_MESSAGES },
      { user: 'caller' },
    )
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['x-aiproxy-model'], 'after', 'the target does not rest')
    const record = await proxy.record(reply.headers['x-request-id'])
    assert.equal(attemptsOf(record).length, 1)
  })
})
