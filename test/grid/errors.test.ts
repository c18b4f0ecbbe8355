/**
 * Failures of a provider through every pair of languages: each SDK throws its own class, with the
 * provider's words, its advice when to try again, and a request id; nothing broken ever looks finished.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as anthropicSdk from '@anthropic-ai/sdk'
import * as openaiSdk from 'openai'
import { dig, digText } from '../support/json.ts'
import { playFrames } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Ask } from '../support/grid/callers.ts'
import { FAILURES } from '../support/grid/failures.ts'
import type { Failure } from '../support/grid/failures.ts'
import { startGrid } from '../support/grid/grid-stage.ts'
import { sayFrames } from '../support/grid/said.ts'
import type { ApiName } from '../support/grid/said.ts'
import { PROVIDER_ID, providerIdHeader } from '../support/grid/speaker.ts'
import { CELLS, nameOf } from '../support/grid/table.ts'
import type { Cell } from '../support/grid/table.ts'

const HELLO: Ask = { turns: [{ user: 'Hello' }] }

test('a provider that fails before it says anything', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const grid = await startGrid(t, upstream.origin, [], 300)

  for (const failure of FAILURES) {
    await t.test(failure.name, async (ofCase) => {
      for (const cell of CELLS) {
        // oxlint-disable-next-line no-await-in-loop -- the cells share one provider
        await ofCase.test(nameOf(cell), async () => {
          upstream.on('/v1/', (reply) => {
            const body =
              cell.target === 'messages'
                ? failure.anthropic
                : { error: { ...failure.openai, param: null } }
            const headers = { ...providerIdHeader(cell.target), ...failure.headers }
            reply.json(failure.status, body, headers)
          })
          const way = { model: grid.fresh(cell.target), stream: cell.stream }
          const answer = grid.callers[cell.caller].ask(HELLO, way)
          await assert.rejects(answer, (error) => {
            assertThrown(error, failure, cell)
            return true
          })
        })
      }
    })
  }
})

function assertThrown(error: unknown, failure: Failure, { caller, target }: Cell): void {
  const sdk = caller === 'messages' ? anthropicSdk : openaiSdk
  assert.ok(error instanceof sdk[failure.thrown], String(error))
  assert.equal(dig(error, 'status'), failure.callerStatus ?? failure.status)
  assert.match(digText(error, 'message'), failure.words(caller, target))

  const isOurs = failure.callerStatus !== undefined
  if (caller === 'messages') {
    if (caller !== target || isOurs) {
      assert.equal(dig(error, 'error', 'error', 'type'), failure.asAnthropic)
    }
    assert.equal(dig(error, 'error', 'type'), 'error')
  } else {
    const [type, code] = [dig(error, 'type'), dig(error, 'code')]
    const relayed = caller === target && !isOurs
    const expected = relayed ? failure.openai : failure.asOpenAi
    assert.deepEqual({ type, code }, { type: expected.type, code: expected.code })
  }

  const headers = dig(error, 'headers')
  assert.ok(headers instanceof Headers)
  assert.match(digText(error, 'requestID'), /^req_/)
  assert.notEqual(digText(error, 'requestID'), PROVIDER_ID, 'our own, as in our log')
  assert.equal(headers.get('x-upstream-request-id'), PROVIDER_ID)
  assert.equal(headers.get('x-aiproxy-error'), 'upstream')
  for (const [name, value] of Object.entries(failure.replyHeaders?.(caller, target) ?? {})) {
    assert.equal(headers.get(name), value, name)
  }
}

/** How a provider reports a failure in a stream that has begun, and the status that stands for it. */
const IN_STREAM: Readonly<Record<ApiName, { readonly frame: string; readonly status: number }>> = {
  chat: {
    frame: `data: {"error":{"message":"Said by the provider.","type":"server_error","param":null,"code":null}}\n\n`,
    status: 500,
  },
  messages: {
    frame: `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Said by the provider."}}\n\n`,
    status: 529,
  },
  responses: {
    frame: `event: response.failed\ndata: {"type":"response.failed","sequence_number":1,"response":{"id":"resp_Grid","object":"response","created_at":1795305600,"status":"failed","error":{"code":"server_error","message":"Said by the provider."},"incomplete_details":null,"instructions":null,"metadata":{},"model":"gpt-4.1","output":[],"parallel_tool_calls":true,"temperature":1,"tool_choice":"auto","tools":[],"top_p":1,"usage":null}}\n\n`,
    status: 500,
  },
}

test('a provider that fails in its stream', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const grid = await startGrid(t, upstream.origin, [], 300)

  for (const cell of CELLS.filter(({ stream }) => stream)) {
    const { caller, target } = cell
    const { frame, status } = IN_STREAM[target]
    const frames = sayFrames(target, { text: 'Paris is far.' }, 'm')

    await t.test(`${nameOf(cell)}: an error as the first event is an error reply`, async () => {
      // Beginnings without content may stand before it.
      const silent = frames.slice(0, target === 'responses' ? 2 : 1)
      for (const before of [[], silent]) {
        upstream.on('/v1/', (reply) => playFrames(reply, [...before, frame]))
        const sdk = caller === 'messages' ? anthropicSdk : openaiSdk
        const way = { model: grid.fresh(target), stream: true }
        // oxlint-disable-next-line no-await-in-loop -- the two share one provider
        await assert.rejects(grid.callers[caller].ask(HELLO, way), (error) => {
          assert.ok(error instanceof sdk.InternalServerError, String(error))
          assert.equal(error.status, status)
          assert.match(error.message, /Said by the provider\./)
          return true
        })
      }
    })

    await t.test(`${nameOf(cell)}: an error after content is never an end`, async () => {
      const begun = frames.slice(0, frames.findIndex((one) => one.includes('Paris')) + 1)
      upstream.on('/v1/', (reply) => playFrames(reply, [...begun, frame]))
      let told = ''
      const answer = grid.callers[caller].ask(HELLO, {
        model: grid.fresh(target),
        stream: true,
        onText: (piece) => {
          told += piece
        },
      })
      if (caller === 'responses') {
        // This SDK hands out a failed response and leaves it to the caller to look.
        const { raw } = await answer
        assert.equal(dig(raw, 'status'), 'failed')
        assert.equal(dig(raw, 'error', 'code'), 'server_error')
        assert.equal(dig(raw, 'error', 'message'), 'Said by the provider.')
      } else {
        const sdk = caller === 'messages' ? anthropicSdk : openaiSdk
        await assert.rejects(answer, (error) => {
          assert.ok(error instanceof sdk.APIError, String(error))
          assert.match(error.message, /Said by the provider\./)
          assert.match(digText(error, 'requestID'), /^req_/)
          return true
        })
      }
      assert.equal(told, 'Paris', 'what had come before is not lost')
    })
  }
})
