/** SIGTERM with many streams under way: none is cut before the limit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, openChat, readChatStream } from '../support/calls.ts'
import { send } from '../support/http.ts'
import { createGate, within } from '../support/owner.ts'
import { startProxy } from '../support/proxy.ts'
import { HELLO, OPENAI_DONE, OPENAI_ROLE, OPENAI_USAGE, openaiChunk } from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

const STREAMS = Number(process.env['DRAIN_STREAMS'] ?? 40)

test(
  `SIGTERM with ${STREAMS} streams under way cuts none of them`,
  { timeout: 60_000 },
  async (t) => {
    const gate = createGate()
    const upstream = await createUpstream(t, async (reply) => {
      reply.openStream()
      await reply.write(OPENAI_ROLE)
      await reply.write(openaiChunk({ content: HELLO.slice(0, 5) }))
      await gate.opened
      await reply.write(openaiChunk({ content: HELLO.slice(5) }))
      await reply.write(openaiChunk({}, 'stop') + OPENAI_USAGE + OPENAI_DONE)
      reply.end()
    })
    const proxy = await startProxy(t, {
      config: targetsConfig(upstream, [{ name: 'm', dialect: 'openai' }], [{ model: 'm' }]),
      env: { TEST_KEY },
    })
    const body = { model: 'm', messages: HELLO_MESSAGES, stream: true }
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => openChat(proxy, body, { user: 'caller' })),
    )
    for (const stream of streams) assert.equal(stream.status, 200)
    await Promise.all(streams.map((stream) => stream.next()))

    proxy.signal('SIGTERM')
    await within(untilClosed(proxy.url), 'the door to close')
    gate.open()
    const whole = await Promise.all(streams.map((stream) => stream.rest()))
    for (const reply of whole) {
      assert.equal(reply.complete, true)
      const said = readChatStream(reply.frames())
      assert.equal(said.text, HELLO)
      assert.equal(said.done, true)
    }
    const { code } = await within(proxy.exited, 'the end of the program')
    assert.equal(code, 0)
    const log = proxy.log()
    assert.equal(log.length, STREAMS)
    for (const line of log) assert.equal(line['outcome'], 'ok')
  },
)

/** Asks until new connections are refused: the program is draining. */
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
