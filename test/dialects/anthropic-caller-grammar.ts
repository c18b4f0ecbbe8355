import assert from 'node:assert/strict'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { asObject, word } from './anthropic-caller.ts'

const DELTAS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['text', ['text_delta']],
  ['thinking', ['thinking_delta', 'signature_delta']],
  ['tool_use', ['input_json_delta']],
])

/**
 * Fails unless the frames are a Messages stream as strict parsers read it (wire-formats C.1): one
 * message_start, blocks numbered from 0 without gaps and one at a time, deltas of the block's own kind,
 * a thinking block's signature last, a usage at the end; or an error event and nothing behind it.
 */
export function checkGrammar(frames: readonly JsonObject[]): void {
  const [first, ...rest] = frames
  assert.equal(first?.['type'], 'message_start')
  let next = 0
  let open: JsonObject | undefined
  let lastDelta: unknown
  let ended: 'no' | 'delta' | 'stop' | 'error' = 'no'
  for (const frame of rest) {
    assert.ok(ended === 'no' || ended === 'delta', 'nothing follows the end')
    switch (frame['type']) {
      case 'content_block_start':
        assert.equal(open, undefined, 'one block is open at a time')
        assert.equal(frame['index'], next)
        open = asObject(frame['content_block'])
        lastDelta = undefined
        break
      case 'content_block_delta': {
        assert.ok(open !== undefined, 'a delta has its start')
        assert.equal(frame['index'], next)
        const type = asObject(frame['delta'])['type']
        assert.ok(DELTAS.get(open['type'])?.includes(word(type)))
        assert.notEqual(lastDelta, 'signature_delta', 'the signature is last')
        lastDelta = type
        break
      }
      case 'content_block_stop':
        assert.ok(open !== undefined)
        assert.equal(frame['index'], next)
        if (open['type'] === 'thinking') assert.equal(lastDelta, 'signature_delta')
        open = undefined
        next += 1
        break
      case 'message_delta':
        assert.equal(open, undefined)
        assert.equal(typeof asObject(frame['usage'])['output_tokens'], 'number')
        assert.equal(typeof asObject(frame['delta'])['stop_reason'], 'string')
        ended = 'delta'
        break
      case 'message_stop':
        assert.equal(ended, 'delta')
        ended = 'stop'
        break
      case 'error':
        assert.equal(ended, 'no')
        ended = 'error'
        break
      default:
        assert.fail(`unexpected frame ${word(frame['type'])}`)
    }
  }
  assert.ok(ended === 'stop' || ended === 'error', 'the stream has an end')
}
