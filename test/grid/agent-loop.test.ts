/**
 * An agent at work: four turns with tools, parallel calls among them, run by the same loop through every
 * pair of languages. The model behaves the same everywhere, so the transcripts must be the same, to the
 * byte.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema'
import OpenAI from 'openai'
import { assertAnthropicError, postMessages } from '../support/calls.ts'
import { dig, parseJson } from '../support/json.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Received } from '../support/upstream.ts'
import { readArrived } from '../support/grid/arrived.ts'
import type { AskTool, Caller, Turn } from '../support/grid/callers.ts'
import { UNITS_TOOL, WEATHER_TOOL } from '../support/grid/cases.ts'
import { modelName, startGrid } from '../support/grid/grid-stage.ts'
import { API_NAMES } from '../support/grid/said.ts'
import type { Said } from '../support/grid/said.ts'
import { apiOf, speaks } from '../support/grid/speaker.ts'
import { CELLS, nameOf } from '../support/grid/table.ts'

const SYSTEM = 'Write a report of the weather.'
const QUESTION = 'Oslo, Rome and Paris, please – auf Deutsch: „Übersicht“ 🌧'

const REPORT_TOOL: AskTool = {
  name: 'write_report',
  description: 'Writes the report to a file.',
  schema: {
    type: 'object',
    properties: { path: { type: 'string' }, body: { type: 'string' }, rows: { type: 'array' } },
    required: ['path', 'body'],
  },
}
const TOOLS = [WEATHER_TOOL, UNITS_TOOL, REPORT_TOOL]

const REPORT = JSON.stringify({
  path: 'C:\\reports\\"today".md',
  body: 'Oslo\t18 °C\n東京 🌧 – „Übersicht“ \u0007 </tool_use> data: [DONE]\n\n',
  rows: [{ z: 1, a: [-0.5, 1e21, true, null, {}] }, []],
})

/** What the model does, by how many results it has been given. */
const SCRIPT: ReadonlyMap<number, Said> = new Map<number, Said>([
  [
    0,
    {
      thinking: 'Two cities at once, and the units.',
      text: 'I look first.',
      calls: [
        { id: 'call_1a', name: 'get_weather', arguments: '{"city":"Oslo"}' },
        { id: 'call_1b', name: 'list_units', arguments: '{}' },
        { id: 'call_1c', name: 'get_weather', arguments: '{"city":"Rome"}' },
      ],
    },
  ],
  [3, { calls: [{ id: 'call_2a', name: 'write_report', arguments: REPORT }] }],
  [
    4,
    {
      text: 'And Paris.',
      calls: [{ id: 'call_3a', name: 'get_weather', arguments: '{"city":"Paris"}' }],
    },
  ],
])

/** The model's turn: what the script says, and at the end a text that repeats every result it was given. */
function takeTurn(request: Received): Said {
  const { turns, system } = readArrived(apiOf(request.path), request.json())
  assert.deepEqual(system, [SYSTEM])
  assert.equal(turns[0], `user: ${QUESTION}`)
  const results = turns.filter((line) => line.startsWith('result '))
  return SCRIPT.get(results.length) ?? { text: results.join('; ') }
}

function runTool(name: string, input: unknown): string {
  switch (name) {
    case 'get_weather':
      return `${String(dig(input, 'city'))}: 18 °C, "mild" 🌧`
    case 'list_units':
      return '["°C","°F"]'
    case 'write_report':
      return `${JSON.stringify(input).length} characters\nwritten`
    default:
      throw new Error(`no such tool: ${name}`)
  }
}

const EXPECTED = [
  'says I look first.',
  'calls call_1a get_weather {"city":"Oslo"}',
  'calls call_1b list_units {}',
  'calls call_1c get_weather {"city":"Rome"}',
  `calls call_2a write_report ${REPORT}`,
  'says And Paris.',
  'calls call_3a get_weather {"city":"Paris"}',
  `says ${[
    'result call_1a: Oslo: 18 °C, "mild" 🌧',
    'result call_1b: ["°C","°F"]',
    'result call_1c: Rome: 18 °C, "mild" 🌧',
    `result call_2a: ${REPORT.length} characters\nwritten`,
    'result call_3a: Paris: 18 °C, "mild" 🌧',
  ].join('; ')}`,
]

/** The loop as every agent has it; the transcript of what the model said and called. */
async function runAgent(caller: Caller, model: string, stream: boolean): Promise<string[]> {
  const transcript: string[] = []
  const turns: Turn[] = [{ user: QUESTION }]
  for (let turn = 0; turn < 10; turn += 1) {
    // oxlint-disable-next-line no-await-in-loop -- a turn follows from the one before
    const heard = await caller.ask(
      { system: SYSTEM, turns, tools: TOOLS, effort: 'low' },
      { model, stream },
    )
    if (heard.text !== '') transcript.push(`says ${heard.text}`)
    for (const call of heard.calls) {
      transcript.push(`calls ${call.id} ${call.name} ${call.arguments}`)
    }
    if (heard.calls.length === 0) return transcript
    const results = heard.calls.map(({ id, name, arguments: input }) => ({
      id,
      text: runTool(name, parseJson(input)),
    }))
    turns.push({ replay: heard }, { results })
  }
  throw new Error('the agent never came to an end')
}

test('an agent runs the same through every pair', { timeout: 120_000 }, async (t) => {
  const upstream = await createUpstream(t, (reply, request) => {
    if (dig(request.json(), 'thread') === undefined) return speaks(takeTurn)(reply, request)
    reply.json(400, NO_THREADS)
    return undefined
  })
  const { callers, proxy } = await startGrid(t, upstream.origin)

  for (const cell of CELLS) {
    await t.test(nameOf(cell), async () => {
      const asked = upstream.requests.length
      const model = modelName(cell.target, 'thinker')
      assert.deepEqual(await runAgent(callers[cell.caller], model, cell.stream), EXPECTED)
      const requests = upstream.requests.slice(asked)
      assert.deepEqual(
        requests.map(({ path }) => apiOf(path)),
        [cell.target, cell.target, cell.target, cell.target],
      )
      assertSamePrefix(requests)
    })
  }

  for (const target of API_NAMES) {
    for (const stream of [false, true]) {
      const how = stream ? 'streamed' : 'unary'
      const model = modelName(target, 'thinker')

      await t.test(`the OpenAI SDK's own runner → ${target}, ${how}`, async () => {
        const asked: string[] = []
        const client = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: 'dev', maxRetries: 0 })
        const params = {
          model,
          messages: [
            { role: 'system' as const, content: SYSTEM },
            { role: 'user' as const, content: QUESTION },
          ],
          tools: TOOLS.map(({ name, description, schema }) => ({
            type: 'function' as const,
            function: {
              name,
              description,
              parameters: schema,
              parse: parseJson,
              function: (input: unknown) => {
                asked.push(name)
                return runTool(name, input)
              },
            },
          })),
        }
        const runner = stream
          ? client.chat.completions.runTools({ ...params, stream: true })
          : client.chat.completions.runTools(params)
        assert.equal(`says ${await runner.finalContent()}`, EXPECTED.at(-1))
        assert.deepEqual(asked, CALLED)
      })

      await t.test(`the Anthropic SDK's own runner → ${target}, ${how}`, async () => {
        const asked: string[] = []
        const client = new Anthropic({ baseURL: proxy.url, apiKey: 'dev', maxRetries: 0 })
        const params = {
          model,
          max_tokens: 4096,
          system: SYSTEM,
          messages: [{ role: 'user' as const, content: QUESTION }],
          tools: TOOLS.map(({ name, description, schema }) =>
            betaTool({
              name,
              description,
              inputSchema: { ...schema, type: 'object' },
              run: (input) => {
                asked.push(name)
                return runTool(name, input)
              },
            }),
          ),
        }
        const last = stream
          ? await client.beta.messages.toolRunner({ ...params, stream: true }).runUntilDone()
          : await client.beta.messages.toolRunner(params).runUntilDone()
        const text = last.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
        assert.equal(`says ${text}`, EXPECTED.at(-1))
        assert.deepEqual(asked.toSorted(), CALLED.toSorted())
      })
    }
  }
})

test('half a conversation is never answered as if it were all of it', async (t) => {
  const upstream = await createUpstream(t, speaks(takeTurn))
  const { proxy } = await startGrid(t, upstream.origin)
  for (const target of ['chat', 'responses'] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const reply = await postMessages(
      proxy,
      {
        model: modelName(target, 'plain'),
        max_tokens: 64,
        messages: [{ role: 'user', content: 'And Paris?' }],
        thread: { type: 'continue', previous_message_id: 'msg_1' },
      },
      { user: 'dev' },
    )
    assert.equal(assertAnthropicError(reply, 400).type, 'invalid_request_error')
    assert.equal(dig(reply.json(), 'error', 'details', 'error_code'), 'thread_not_found')
  }
  assert.equal(upstream.requests.length, 0)
})

/** An Anthropic that holds no conversations: its SDK then sends all of it, every time. */
const NO_THREADS = {
  type: 'error',
  error: {
    type: 'invalid_request_error',
    message: 'This request cannot be threaded.',
    details: { error_code: 'thread_unsupported_request', unsupported: ['model'] },
  },
  request_id: 'req_Upstream01',
}

const CALLED = ['get_weather', 'list_units', 'get_weather', 'write_report', 'get_weather']

/**
 * Each request repeats the one before it and goes on: what was said once is written the same way every
 * time, so that the provider's prompt cache finds it.
 */
function assertSamePrefix(requests: readonly Received[]): void {
  let before: readonly string[] = []
  for (const request of requests) {
    const { turns } = readArrived(apiOf(request.path), request.json())
    assert.deepEqual(turns.slice(0, before.length), before)
    before = turns
  }
}
