import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetryingSink, openTerminalSink } from '../../src/cli/terminal-sink.ts'

function full(): Error {
  return Object.assign(new Error('resource temporarily unavailable'), { code: 'EAGAIN' })
}

test('a terminal that takes a little at a time, and nothing for a while, gets all of it in order', async () => {
  let got = ''
  let tries = 0
  const sink = createRetryingSink(
    (bytes, offset) => {
      tries++
      if (tries % 2 === 0) throw full()
      const part = bytes.subarray(offset, offset + 3)
      got += Buffer.from(part).toString('latin1')
      return part.length
    },
    (error) => assert.fail(error),
  )
  await new Promise<void>((done) => {
    sink('twelve bytes', done)
  })
  assert.equal(got, 'twelve bytes')
  assert.ok(tries > 4)
})

test('a terminal that is gone is told of once, and takes everything from then on', () => {
  const errors: string[] = []
  let calls = 0
  const sink = createRetryingSink(
    () => {
      calls++
      throw Object.assign(new Error('input/output error'), { code: 'EIO' })
    },
    (error) => errors.push(error.message),
  )
  let done = 0
  sink('a', () => done++)
  sink('b', () => done++)
  assert.deepEqual([errors, done, calls], [['input/output error'], 2, 1])
})

test('a terminal is only opened anew where that is sure to be the same one', () => {
  assert.equal(open('win32', true), undefined)
  assert.equal(open('darwin', false), undefined)
})

function open(platform: NodeJS.Platform, allTerminals: boolean): unknown {
  return openTerminalSink({ descriptor: 1, platform, allTerminals, onError: () => {} })
}
