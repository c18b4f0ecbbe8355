/**
 * The grid once more, in front of the embedded mock provider, which turns down what the real ones turn
 * down: a request that was translated wrongly is a 400 here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { SeenRequest } from '../../src/mock/mock.ts'
import { dig, parseJson } from '../support/json.ts'
import { readArrived } from '../support/grid/arrived.ts'
import type { Heard } from '../support/grid/callers.ts'
import { CASES } from '../support/grid/cases.ts'
import { modelName, startGrid } from '../support/grid/grid-stage.ts'
import { apiOf } from '../support/grid/speaker.ts'
import { CELLS, assertArrived, nameOf, notesOf } from '../support/grid/table.ts'
import type { Case, Cell } from '../support/grid/table.ts'

test('the grid, in front of the strict mock provider', { timeout: 120_000 }, async (t) => {
  const seen: SeenRequest[] = []
  const mock = await createMockProvider({ onRequest: (request) => seen.push(request) })
  t.after(() => mock.close())
  const { callers } = await startGrid(t, mock.url)

  for (const one of CASES) {
    const flavour = one.flavour ?? 'plain'
    await t.test(one.name, async (ofCase) => {
      for (const cell of CELLS) {
        const reason = one.none?.(cell.caller, cell.target)
        if (reason !== undefined) {
          ofCase.diagnostic(`no cell ${nameOf(cell)}: ${reason}`)
          continue
        }
        // oxlint-disable-next-line no-await-in-loop -- what arrived is told apart by its order
        await ofCase.test(nameOf(cell), async () => {
          seen.length = 0
          const answer = callers[cell.caller].ask(one.ask, {
            model: modelName(cell.target, flavour),
            stream: cell.stream,
          })
          const wrong = one.refused?.(cell)
          if (wrong === undefined) {
            const heard = await answer
            assertAnswered(heard, one, cell)
            assert.deepEqual(notesOf(heard.headers), one.notes?.(cell) ?? [])
          } else {
            // The caller's own mistake is relayed, and the provider says what it was.
            await assert.rejects(answer, (error) => {
              assert.equal(dig(error, 'status'), 400)
              assert.match(String(error), wrong)
              return true
            })
          }
          const [only] = seen
          assert.equal(seen.length, 1, 'the provider is asked once')
          assert.ok(only !== undefined)
          assert.equal(apiOf(only.path), cell.target)
          const arrived = readArrived(cell.target, parseJson(only.body))
          assertArrived(arrived, one.arrives?.(cell) ?? {})
        })
      }
    })
  }
})

/** What the mock answers follows from the request: the text, the calls that were forced, the schema's object. */
function assertAnswered(heard: Heard, one: Case, { caller, target }: Cell): void {
  const { ask } = one
  const content = heard.text + heard.calls.map((call) => call.arguments).join('')
  assert.notEqual(content, '', 'the mock said something')
  const forced = ask.choice === 'required' || typeof ask.choice === 'object'
  if (forced && one.flavour !== 'newest') {
    assert.deepEqual(
      heard.calls.map(({ name, arguments: input }) => ({ name, input: parseJson(input) })),
      [{ name: 'get_weather', input: { city: 'mock' } }],
    )
  }
  if (ask.choice === 'none') assert.deepEqual(heard.calls, [])
  if (ask.schema !== undefined) {
    assert.deepEqual(heard.parsed, parseJson(heard.text))
    assert.deepEqual(Object.keys(Object(heard.parsed)), ask.schema['required'])
  }
  if (ask.maxTokens !== undefined) assert.match(heard.finish, /length|max_tokens|max_output/)
  // As at OpenAI, reasoning is never told in Chat.
  if (ask.effort !== undefined) assert.equal(heard.thinking === '', target === 'chat')
  const input = dig(heard.usage, caller === 'chat' ? 'prompt_tokens' : 'input_tokens')
  const output = dig(heard.usage, caller === 'chat' ? 'completion_tokens' : 'output_tokens')
  assert.ok(Number(input) > 0 && Number(output) > 0, JSON.stringify(heard.usage))
  assert.equal(heard.headers.get('x-aiproxy-mock'), null, 'a mock of our own making is a provider')
}
