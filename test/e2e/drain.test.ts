/** A polite end: what is running is finished, nothing new is taken, every line is written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, openChat, readChatStream } from '../support/calls.ts'
import { send } from '../support/http.ts'
import { createGate, within } from '../support/owner.ts'
import { startProxy } from '../support/proxy.ts'
import { HELLO, OPENAI_DONE, OPENAI_ROLE, OPENAI_USAGE, openaiChunk } from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

test('SIGTERM lets a running stream end and takes nothing new', { timeout: 60_000 }, async (t) => {
  const gate = createGate()
  const upstream = await createUpstream(t, async (reply) => {
    reply.openStream()
    await reply.write(OPENAI_ROLE)
    await reply.write(openaiChunk({ content: HELLO }))
    await gate.opened
    await reply.write(openaiChunk({}, 'stop'))
    await reply.write(OPENAI_USAGE)
    await reply.write(OPENAI_DONE)
    reply.end()
  })
  const proxy = await startProxy(t, {
    config: targetsConfig(upstream, [{ name: 'slow', dialect: 'openai' }], [{ model: 'slow' }]),
    env: { TEST_KEY },
  })
  const body = { model: 'slow', messages: HELLO_MESSAGES, stream: true }
  const reply = await openChat(proxy, body, { user: 'caller' })
  assert.equal(reply.status, 200)
  await reply.next()

  proxy.signal('SIGTERM')
  await within(untilClosed(proxy.url), 'the door to close')
  gate.open()

  const whole = await reply.rest()
  const said = readChatStream(whole.frames())
  assert.equal(said.text, HELLO)
  assert.equal(said.done, true)
  const { code, signal } = await within(proxy.exited, 'the end of the program')
  assert.ok(code === 0 || code === 143, `exit code ${String(code)}, signal ${String(signal)}`)
  const log = proxy.log()
  assert.equal(log.length, 1)
  assert.equal(log[0]?.['outcome'], 'ok')
  assert.equal(log[0]?.['total_tokens'], 52)
  assert.ok(proxy.events().some((event) => event['event'] === 'shutdown'))
})

test(
  'a second signal ends at once, and the cut request still has its line',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await createUpstream(t, async (reply) => {
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      await reply.write(openaiChunk({ content: HELLO }))
      await reply.stall()
    })
    const proxy = await startProxy(t, {
      config: targetsConfig(upstream, [{ name: 'slow', dialect: 'openai' }], [{ model: 'slow' }]),
      env: { TEST_KEY },
    })
    const body = { model: 'slow', messages: HELLO_MESSAGES, stream: true }
    const reply = await openChat(proxy, body, { user: 'caller' })
    await reply.next()

    proxy.signal('SIGINT')
    await within(untilClosed(proxy.url), 'the door to close')
    proxy.signal('SIGINT')
    await within(proxy.exited, 'the end of the program')

    const whole = await reply.rest()
    assert.ok(!whole.text.includes('[DONE]'), 'a cut stream is not finished')
    const log = proxy.log()
    assert.equal(log.length, 1)
    assert.equal(log[0]?.['outcome'], 'truncated')
  },
)

test(
  'a second signal cuts a request that has no answer yet, and it has its line all the same',
  { timeout: 60_000 },
  async (t) => {
    const upstream = await createUpstream(t, (reply) => reply.stall())
    const proxy = await startProxy(t, {
      config: targetsConfig(upstream, [{ name: 'slow', dialect: 'openai' }], [{ model: 'slow' }]),
      env: { TEST_KEY },
    })
    const body = { model: 'slow', messages: HELLO_MESSAGES, stream: true }
    const cut = openChat(proxy, body, { user: 'caller' }).then(
      () => 'answered',
      () => 'cut',
    )
    await within(upstream.arrival(), 'the request at the provider')

    proxy.signal('SIGINT')
    await within(untilClosed(proxy.url), 'the door to close')
    proxy.signal('SIGINT')
    const { code } = await within(proxy.exited, 'the end of the program')

    assert.equal(code, 130)
    assert.equal(await cut, 'cut')
    assert.equal(proxy.log().length, 1)
    const events = proxy.events().map((event) => event['event'])
    assert.deepEqual(events.slice(-2), ['request', 'shutdown'])
  },
)

/** Asks until new connections are refused, or answered with 503: the program is draining. */
async function untilClosed(url: string): Promise<void> {
  for (;;) {
    try {
      const { status } = await send(`${url}/readyz`)
      if (status === 503) return
    } catch {
      return
    }
  }
}
