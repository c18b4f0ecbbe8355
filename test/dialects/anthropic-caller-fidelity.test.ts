import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRequest } from '../../src/dialects/anthropic/decode-request.ts'
import { MESSAGES_TO_CHAT } from '../../src/dialects/messages-fidelity.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { asking } from './anthropic-caller.ts'

const row = (path: string) => MESSAGES_TO_CHAT.find((candidate) => candidate.path === path)

test('only what would break a promise is refused', () => {
  const refused = MESSAGES_TO_CHAT.filter(({ verdict }) => verdict === 'refuse')
  assert.deepEqual(
    refused.map(({ path }) => path),
    ['container', 'mcp_servers'],
  )
  assert.equal(row('mcp_servers')?.silent?.is([]), true)
  assert.equal(row('mcp_servers')?.silent?.is([{ type: 'url' }]), false)
})

test('metadata of more than a user id is announced', () => {
  const silent = row('metadata')?.silent
  assert.equal(silent?.is({ user_id: 'u' }), true)
  assert.equal(silent?.is({ user_id: 'u', trace: 't' }), false)
})

test('every field that the decoder keeps apart has its verdict', () => {
  const body: JsonObject = {}
  for (const { path } of MESSAGES_TO_CHAT) {
    if (!/[.[]/.test(path)) body[path] = {}
  }
  // Readable values for what the decoder reads itself.
  for (const field of ['model', 'messages', 'max_tokens', 'temperature', 'top_p', 'top_k']) {
    delete body[field]
  }
  Object.assign(body, { system: '', stop_sequences: [], stream: false, tools: [] })
  Object.assign(body, { tool_choice: null, output_format: null, service_tier: 'auto' })
  const { extras } = decodeRequest(asking(body))
  assert.deepEqual(
    Object.keys(extras).filter((field) => row(field) === undefined),
    [],
  )
  assert.ok(Object.keys(extras).length > 10)
})
