/**
 * Reasoning across turns: what a provider sealed comes back to it to the byte, through every caller who has
 * a place for it; and no other provider ever sees it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { SeenRequest } from '../../src/mock/mock.ts'
import { parseJson } from '../support/json.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Received } from '../support/upstream.ts'
import { readArrived } from '../support/grid/arrived.ts'
import type { Ask, Heard } from '../support/grid/callers.ts'
import { UNITS_TOOL, WEATHER_TOOL } from '../support/grid/cases.ts'
import { modelName, startGrid } from '../support/grid/grid-stage.ts'
import { API_NAMES, SEAL, SEALED_ID } from '../support/grid/said.ts'
import type { ApiName, Said } from '../support/grid/said.ts'
import { speaks } from '../support/grid/speaker.ts'
import { CELLS, nameOf } from '../support/grid/table.ts'
import type { Cell } from '../support/grid/table.ts'

const QUESTION = 'How is Oslo?'
const OSLO = { id: 'call_A1', name: 'get_weather', arguments: '{"city":"Oslo"}' }
const ASK: Ask = { turns: [{ user: QUESTION }], tools: [WEATHER_TOOL, UNITS_TOOL], effort: 'high' }

const THOUGHTS: ReadonlyArray<{ readonly name: string; readonly thinking: string }> = [
  { name: 'shown reasoning', thinking: 'I should look – 東京 🌧 or Oslo?\n\nOslo.' },
  { name: 'reasoning that is sealed and not shown', thinking: '' },
]

/** The next turn: what was heard, and the result of its call. */
function next(heard: Heard, id: string): Ask {
  const result = { results: [{ id, text: '18 °C' }] }
  return { ...ASK, turns: [...ASK.turns, { replay: heard }, result] }
}

/** The line of the reasoning as it must come back to who sealed it; none where nobody could keep it. */
function sealedLine({ caller, target }: Cell, thinking: string): string[] {
  // A Chat message has no place for a seal, and a Chat provider gives none.
  if (caller === 'chat') return []
  // DeepSeek has no seals, and refuses a turn with calls whose reasoning is missing.
  if (target === 'chat') return thinking === '' ? [] : [`assistant: <thinking ${thinking}>`]
  return target === 'messages'
    ? [`assistant: <thinking ${thinking} ${SEAL}>`]
    : [`assistant: <thinking ${thinking} ${SEALED_ID} ${SEAL}>`]
}

test('reasoning in front of scripted providers', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t)
  const { callers } = await startGrid(t, upstream.origin)
  let seen: Received | undefined
  const answers = (said: Said): void => {
    upstream.on('/v1/', (reply, request) => {
      seen = request
      return speaks(() => said)(reply, request)
    })
  }
  const linesAt = (target: ApiName): readonly string[] => readArrived(target, seen?.json()).turns

  for (const { name, thinking } of THOUGHTS) {
    const first: Said = { thinking, text: 'Looking.', calls: [OSLO] }
    for (const cell of CELLS) {
      const { caller, target, stream } = cell
      const way = { model: modelName(target, 'thinker'), stream }

      await t.test(`${nameOf(cell)}: ${name} comes back to who sealed it`, async () => {
        answers(first)
        const heard = await callers[caller].ask(ASK, way)
        assert.equal(heard.thinking, thinking)
        answers({ text: 'It is 18 °C.' })
        await callers[caller].ask(next(heard, 'call_A1'), way)
        const lines = linesAt(target)
        if (caller === 'chat' && target === 'chat') {
          assert.deepEqual(
            lines.filter((line) => !line.includes('<thinking')),
            [`user: ${QUESTION}`, ...turnLines(), 'result call_A1: 18 °C'],
          )
          return
        }
        assert.deepEqual(lines, [
          `user: ${QUESTION}`,
          ...sealedLine(cell, thinking),
          ...turnLines(),
          'result call_A1: 18 °C',
        ])
      })

      for (const other of API_NAMES.filter((api) => api !== target)) {
        await t.test(
          `${nameOf(cell)}, then ${other}: ${name} stays with who sealed it`,
          async () => {
            answers(first)
            const heard = await callers[caller].ask(ASK, way)
            answers({ text: 'It is 18 °C.' })
            const elsewhere = { model: modelName(other, 'thinker'), stream }
            await callers[caller].ask(next(heard, 'call_A1'), elsewhere)
            const sent = seen?.body.toString('utf8') ?? ''
            assert.ok(!sent.includes(SEAL), 'no foreign seal')
            assert.ok(!sent.includes('aiproxy.v1.'), 'no mark of ours')
            const spoken = linesAt(other).filter((line) => !line.includes('<thinking'))
            assert.deepEqual(spoken, [`user: ${QUESTION}`, ...turnLines(), 'result call_A1: 18 °C'])
          },
        )
      }
    }
  }
})

function turnLines(): string[] {
  return ['assistant: Looking.', 'assistant: <call call_A1 get_weather {"city":"Oslo"}>']
}

test('reasoning in front of the strict mock provider', { timeout: 120_000 }, async (t) => {
  const seen: SeenRequest[] = []
  const mock = await createMockProvider({ onRequest: (request) => seen.push(request) })
  t.after(() => mock.close())
  const { callers } = await startGrid(t, mock.url, ['mock-thinking'])
  // The mock calls the tools that the last message names.
  const ask: Ask = { ...ASK, turns: [{ user: 'Use get_weather and list_units.' }] }

  for (const cell of CELLS) {
    const { caller, target, stream } = cell
    for (const other of API_NAMES) {
      for (const flavour of [modelName(target, 'thinker'), `${target}-mock-thinking`]) {
        const title = `${nameOf(cell)}, then ${other}: ${flavour} takes its own seals and no other's`
        await t.test(title, async () => {
          const heard = await callers[caller].ask(ask, { model: flavour, stream })
          assert.deepEqual(
            heard.calls.map((call) => call.name),
            ['get_weather', 'list_units'],
          )
          if (flavour.includes('mock')) assert.notEqual(heard.thinking, '')
          const results = heard.calls.map(({ id }) => ({ id, text: '18 °C' }))
          const turns = [...ask.turns, { replay: heard }, { results }]
          seen.length = 0
          const model = other === target ? flavour : modelName(other, 'thinker')
          const last = await callers[caller].ask({ ...ask, turns }, { model, stream })
          assert.deepEqual(last.calls, [])
          assert.match(last.text, /18 °C/)
          const lines = readArrived(other, parseJson(seen[0]?.body ?? '')).turns
          const thought = lines.filter((line) => line.includes('<thinking')).length
          const kept = caller !== 'chat' && target !== 'chat' && other === target
          if (!(caller === 'chat' && other === 'chat')) assert.equal(thought, kept ? 1 : 0)
        })
      }
    }
  }
})
