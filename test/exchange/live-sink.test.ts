/** The reply of a streaming caller: what goes out when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { ReplySink } from '../../src/exchange/call.ts'
import { createLiveSink } from '../../src/exchange/live-sink.ts'
import type { LiveSink } from '../../src/exchange/live-sink.ts'

interface Stage {
  readonly live: LiveSink
  /** What the socket got, call by call. */
  readonly calls: string[]
  /** What the next writes answer: the reader keeps up. */
  ready: boolean
  drain(): void
  leave(): void
}

const say = (chunk: string | Uint8Array): string => Buffer.from(chunk).toString()

function stage(t: TestContext): Stage {
  const calls: string[] = []
  const drains: Array<() => void> = []
  const goners: Array<() => void> = []
  const sink: ReplySink = {
    head(status) {
      calls.push(`head ${status}`)
    },
    write(chunk) {
      calls.push(`write ${say(chunk)}`)
      return set.ready
    },
    end(chunk) {
      calls.push(chunk === undefined ? 'end' : `end ${say(chunk)}`)
    },
    onDrain: (listener) => drains.push(listener),
    onGone: (listener) => goners.push(listener),
  }
  const live = createLiveSink(sink, 'openai-chat', () => [], 60_000)
  t.after(() => {
    live.still()
  })
  const set: Stage = {
    live,
    calls,
    ready: true,
    drain: () => {
      for (const listener of drains) listener()
    },
    leave: () => {
      for (const listener of goners) listener()
    },
  }
  return set
}

/** The end of this turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what comes in one turn goes out at its end, as one piece and in order', async (t) => {
  const { live, calls } = stage(t)
  live.head(200, [])
  live.write(Buffer.from('a'))
  live.write('b')
  live.write(Buffer.from('東'))
  assert.deepEqual(calls, ['head 200'])
  await turn()
  assert.deepEqual(calls, ['head 200', 'write ab東'])
  live.write('c')
  live.write('d')
  await turn()
  assert.deepEqual(calls, ['head 200', 'write ab東', 'write cd'])
})

test('one piece goes out as it is, without a copy', async (t) => {
  const passed: unknown[] = []
  const sink: ReplySink = {
    head() {},
    write: (chunk) => passed.push(chunk) > 0,
    end() {},
    onDrain() {},
    onGone() {},
  }
  const live = createLiveSink(sink, 'anthropic', () => [], 60_000)
  t.after(() => {
    live.still()
  })
  const chunk = Buffer.from('data: x\n\n')
  live.write(chunk)
  await turn()
  assert.equal(passed[0], chunk)
})

test('the end of the reply waits for no turn', async (t) => {
  const { live, calls } = stage(t)
  live.write('a')
  live.write('b')
  live.end('c')
  assert.deepEqual(calls, ['write ab', 'end c'])
  await turn()
  assert.deepEqual(calls, ['write ab', 'end c'])
})

test('a reader that is behind is told of at once, until it has caught up', async (t) => {
  const set = stage(t)
  set.ready = false
  assert.equal(set.live.write('a'), true)
  await turn()
  assert.equal(set.live.write('b'), false)
  set.drain()
  assert.equal(set.live.write('c'), true)
  await turn()
  assert.deepEqual(set.calls, ['write a', 'write bc'])
})

test('a turn that brings very much is written in between, so that a slow reader shows', async (t) => {
  const set = stage(t)
  set.ready = false
  const piece = 'x'.repeat(40 * 1024)
  assert.equal(set.live.write(piece), true)
  assert.equal(set.live.write(piece), false)
  assert.deepEqual(set.calls, [`write ${piece}${piece}`])
  await turn()
  assert.equal(set.calls.length, 1)
})

test('nothing is written to a reader who left', async (t) => {
  const set = stage(t)
  set.live.write('a')
  set.leave()
  await turn()
  assert.deepEqual(set.calls, [])
})
