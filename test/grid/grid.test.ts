/**
 * The grid: every way of asking, through its official SDK, to every language a provider may speak, unary
 * and streamed, for every case of the table. The provider is scripted: what arrives is read, what is
 * said is known, and what the SDK makes of it must be the same.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Received } from '../support/upstream.ts'
import { createUpstream } from '../support/upstream.ts'
import { readArrived } from '../support/grid/arrived.ts'
import { CASES } from '../support/grid/cases.ts'
import { UPSTREAM_MODELS, modelName, startGrid } from '../support/grid/grid-stage.ts'
import { PROVIDER_ID, apiOf, speaks } from '../support/grid/speaker.ts'
import { CELLS, assertArrived, assertHeard, nameOf, notesOf } from '../support/grid/table.ts'

test('the grid, in front of a scripted provider', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const { callers } = await startGrid(t, upstream.origin)

  for (const one of CASES) {
    const flavour = one.flavour ?? 'plain'
    await t.test(one.name, async (ofCase) => {
      for (const cell of CELLS) {
        const reason = one.none?.(cell.caller, cell.target)
        if (reason !== undefined) {
          ofCase.diagnostic(`no cell ${nameOf(cell)}: ${reason}`)
          continue
        }
        // oxlint-disable-next-line no-await-in-loop -- the cells share one provider
        await ofCase.test(nameOf(cell), async () => {
          let seen: Received | undefined
          upstream.on('/v1/', (reply, request) => {
            assert.equal(seen, undefined, 'the provider is asked once')
            seen = request
            return speaks(() => one.says)(reply, request)
          })
          let told = ''
          const heard = await callers[cell.caller].ask(one.ask, {
            model: modelName(cell.target, flavour),
            stream: cell.stream,
            onText: (piece) => {
              told += piece
            },
          })

          assert.ok(seen !== undefined, 'the provider was asked')
          assert.equal(apiOf(seen.path), cell.target)
          const arrived = readArrived(cell.target, seen.json())
          assertArrived(arrived, one.arrives?.(cell) ?? {})

          assertHeard(heard, one.says, cell, one.hears?.(cell))
          if (cell.stream) assert.equal(told, heard.text, 'the pieces are the text')
          assert.equal(heard.model, UPSTREAM_MODELS[cell.target][flavour])
          assert.deepEqual(notesOf(heard.headers), one.notes?.(cell) ?? [])
          assertIds(heard.headers, cell.stream ? undefined : heard.requestId)
        })
      }
    })
  }
})

/** Our own id where each SDK looks for it, the provider's beside it. */
function assertIds(headers: Headers, shown: unknown): void {
  const own = headers.get('x-request-id') ?? ''
  assert.match(own, /^req_/)
  if (shown !== undefined) assert.equal(shown, own)
  assert.equal(headers.get('x-upstream-request-id'), PROVIDER_ID)
}
