/**
 * The grid's table: what a caller may ask of a model and what a model may answer, once for every pair of
 * languages. Written from the wire formats' reference.
 */
import { PNG, WEATHER } from '../samples.ts'
import type { Ask, AskTool } from './callers.ts'
import { MAX_TOKENS } from './callers.ts'
import type { Case, Cell } from './table.ts'

/** The head of a PDF is enough for everyone who looks. */
export const PDF = Buffer.from('%PDF-1.4\n1 0 obj\n<<>>\nendobj\n').toString('base64')

export const WEATHER_TOOL: AskTool = {
  name: 'get_weather',
  description: 'Tells the weather of a city.',
  schema: { ...WEATHER, type: 'object' },
}
export const UNITS_TOOL: AskTool = {
  name: 'list_units',
  description: 'Lists the known units.',
  schema: { type: 'object', properties: {} },
}
const TOOLS = [WEATHER_TOOL, UNITS_TOOL]
const ARRIVED_TOOLS = TOOLS.map(({ name, description, schema }) => ({ name, description, schema }))

const ANSWER_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, degrees: { type: 'integer' } },
  required: ['city', 'degrees'],
  additionalProperties: false,
} as const

const MULTI_BYTE = 'Grüße aus 東京 🌧 – „Äpfel“ \u0000\u001b "\\" \u2028 👩‍👩‍👧'
const OSLO = { id: 'call_A1', name: 'get_weather', arguments: '{"city":"Oslo"}' }
const ROME = { id: 'call_B2', name: 'get_weather', arguments: '{"city":"Rome"}' }
const UNITS = { id: 'call_C3', name: 'list_units', arguments: '{}' }

const CUT = {
  id: 'call_E5',
  name: 'get_weather',
  arguments: '{"city":"Oslo","days":[1,2],"note":"fa',
  kept: '{"city":"Oslo","days":[1,2]}',
}

const hello: Ask = { turns: [{ user: 'Hello' }] }

/** A history with a call of the weather tool and its result still to come. */
const called: Ask = {
  tools: TOOLS,
  turns: [{ user: 'How is Oslo?' }, { assistant: { text: 'Looking.', calls: [OSLO] } }],
}
const CALLED_TURNS = [
  'user: How is Oslo?',
  'assistant: Looking.',
  'assistant: <call call_A1 get_weather {"city":"Oslo"}>',
]

const relayed = ({ caller, target }: Cell): boolean => caller === target

export const CASES: readonly Case[] = [
  {
    name: 'plain text',
    ask: hello,
    says: { text: 'Hello! How can I help you today?' },
    arrives: () => ({ turns: ['user: Hello'], system: [], tools: [], maxTokens: MAX_TOKENS }),
  },
  {
    name: 'multi-byte text, control characters and quotes',
    ask: { turns: [{ user: MULTI_BYTE }], system: MULTI_BYTE },
    says: { text: MULTI_BYTE },
    arrives: () => ({ turns: [`user: ${MULTI_BYTE}`], system: [MULTI_BYTE] }),
  },
  {
    name: 'a system prompt',
    ask: { ...hello, system: 'Be brief.' },
    says: { text: 'Hi.' },
    arrives: () => ({ turns: ['user: Hello'], system: ['Be brief.'] }),
  },
  {
    name: 'a history of several turns',
    ask: {
      turns: [
        { user: 'My name is Ada.' },
        { assistant: { text: 'Hello Ada.' } },
        { user: 'And I live in Oslo.' },
        { assistant: { text: 'Noted.' } },
        { user: 'Who am I?' },
      ],
    },
    says: { text: 'Ada of Oslo.' },
    arrives: () => ({
      turns: [
        'user: My name is Ada.',
        'assistant: Hello Ada.',
        'user: And I live in Oslo.',
        'assistant: Noted.',
        'user: Who am I?',
      ],
    }),
  },
  {
    name: 'an answer without any content',
    ask: hello,
    says: {},
  },
  {
    name: 'temperature 0',
    ask: { ...hello, temperature: 0 },
    says: { text: 'Hi.' },
    arrives: () => ({ temperature: 0 }),
    // The SDK asks for the version of the API that has no sampling left.
    refused: ({ caller, target }) =>
      caller === 'messages' && target === 'messages' ? /`temperature` is deprecated/ : undefined,
  },
  {
    name: 'a temperature that the newest models refuse',
    flavour: 'newest',
    ask: { ...hello, temperature: 0.5 },
    says: { text: 'Hi.' },
    arrives: (cell) => ({ temperature: relayed(cell) ? 0.5 : undefined }),
    notes: (cell) => (relayed(cell) ? [] : ['temperature;dropped']),
    refused: (cell) => (relayed(cell) ? /temperature/ : undefined),
  },
  {
    name: 'stop sequences',
    ask: { ...hello, stop: ['END', '\n\n'] },
    says: { text: 'One', end: 'stop-sequence', stopSequence: 'END' },
    none: (caller) =>
      caller === 'responses' ? 'the Responses API has no stop sequences to ask for' : undefined,
    // A stop sequence of blanks only is a 400 at Anthropic.
    arrives: (cell) => ({
      stop:
        cell.target === 'responses'
          ? undefined
          : cell.target === 'messages' && !relayed(cell)
            ? ['END']
            : ['END', '\n\n'],
    }),
    notes: (cell) =>
      cell.target === 'responses'
        ? ['stop;dropped']
        : cell.target === 'messages' && !relayed(cell)
          ? ['stop;adapted']
          : [],
    refused: (cell) =>
      cell.target === 'messages' && relayed(cell) ? /must contain non-whitespace/ : undefined,
    // OpenAI does not tell that a sequence was met, nor which.
    hears: (cell) =>
      cell.caller === 'messages' && cell.target !== 'messages' ? { finish: 'end_turn' } : {},
  },
  {
    name: 'an answer cut by the token limit',
    ask: { ...hello, maxTokens: 16 },
    says: { text: 'As far as I', end: 'length' },
    arrives: () => ({ maxTokens: 16 }),
  },
  {
    name: 'one tool call',
    ask: { turns: [{ user: 'How is Oslo?' }], tools: TOOLS },
    says: { text: 'Looking.', calls: [OSLO] },
    arrives: () => ({ tools: ARRIVED_TOOLS, choice: undefined, turns: ['user: How is Oslo?'] }),
  },
  {
    name: 'a call and no text',
    ask: { turns: [{ user: 'How is Oslo?' }], tools: TOOLS },
    says: { calls: [OSLO] },
  },
  {
    name: 'parallel tool calls, one without arguments',
    ask: { turns: [{ user: 'Oslo, Rome, units?' }], tools: TOOLS },
    says: { calls: [OSLO, UNITS, ROME] },
  },
  {
    name: 'arguments with every kind of character, deep, and in their own key order',
    ask: { turns: [{ user: 'Write it.' }], tools: TOOLS },
    says: {
      calls: [
        {
          id: 'call_D4',
          name: 'get_weather',
          arguments: JSON.stringify({
            z: MULTI_BYTE,
            a: [{ y: null, b: [true, -1.5, 1e21, []] }, {}],
            '': '',
            city: '</tool> data: [DONE]\n\nevent: error\r\n',
          }),
        },
      ],
    },
  },
  {
    name: 'arguments cut by the token limit',
    ask: { turns: [{ user: 'Write it.' }], tools: TOOLS },
    says: { calls: [CUT], end: 'length' },
    // Text stays as it was cut; an object has the members that were complete.
    hears: ({ caller, target, stream }) => {
      const isObject = caller === 'messages' || (target === 'messages' && !stream)
      const { id, name, kept, arguments: cut } = CUT
      return { calls: [{ id, name, arguments: isObject ? kept : cut }] }
    },
  },
  {
    name: 'a tool that must be called',
    ask: { turns: [{ user: 'Oslo' }], tools: TOOLS, choice: { tool: 'get_weather' } },
    says: { calls: [OSLO] },
    arrives: () => ({ tools: ARRIVED_TOOLS, choice: 'tool get_weather' }),
  },
  {
    name: 'any tool must be called, and only one',
    ask: { turns: [{ user: 'Oslo' }], tools: TOOLS, choice: 'required', parallel: false },
    says: { calls: [OSLO] },
    arrives: () => ({ choice: 'required', parallel: false }),
  },
  {
    name: 'a tool that must be called, of a model that cannot be forced',
    flavour: 'newest',
    ask: { turns: [{ user: 'Oslo' }], tools: TOOLS, choice: { tool: 'get_weather' } },
    says: { calls: [OSLO] },
    arrives: (cell) =>
      cell.target === 'messages' && !relayed(cell)
        ? { choice: 'auto', tools: ARRIVED_TOOLS.slice(0, 1) }
        : { choice: 'tool get_weather', tools: ARRIVED_TOOLS },
    notes: (cell) => (cell.target === 'messages' && !relayed(cell) ? ['tool_choice;adapted'] : []),
    refused: (cell) =>
      cell.target === 'messages' && relayed(cell) ? /not supported for this model/ : undefined,
  },
  {
    name: 'tools that must not be called',
    ask: {
      ...called,
      turns: [...called.turns, { results: [{ id: 'call_A1', text: '18 °C' }] }],
      choice: 'none',
    },
    says: { text: 'It is 18 °C.' },
    arrives: () => ({ tools: ARRIVED_TOOLS, choice: 'none' }),
  },
  {
    name: 'a tool result',
    ask: { ...called, turns: [...called.turns, { results: [{ id: 'call_A1', text: '18 °C' }] }] },
    says: { text: 'It is 18 °C.' },
    arrives: () => ({ turns: [...CALLED_TURNS, 'result call_A1: 18 °C'] }),
  },
  {
    name: 'results of parallel calls, and a word of the user after them',
    ask: {
      tools: TOOLS,
      turns: [
        { user: 'Oslo and Rome?' },
        { assistant: { calls: [OSLO, ROME] } },
        {
          results: [
            { id: 'call_A1', text: '18 °C' },
            { id: 'call_B2', text: '31 °C' },
          ],
        },
        { user: 'Which is warmer?' },
      ],
    },
    says: { text: 'Rome.' },
    arrives: () => ({
      turns: [
        'user: Oslo and Rome?',
        'assistant: <call call_A1 get_weather {"city":"Oslo"}>',
        'assistant: <call call_B2 get_weather {"city":"Rome"}>',
        'result call_A1: 18 °C',
        'result call_B2: 31 °C',
        'user: Which is warmer?',
      ],
    }),
  },
  {
    name: 'a tool result that is an error',
    ask: {
      ...called,
      turns: [
        ...called.turns,
        { results: [{ id: 'call_A1', text: 'no such city', isError: true }] },
      ],
    },
    says: { text: 'There is no such city.' },
    none: (caller) =>
      caller === 'messages' ? undefined : 'only the Messages API can mark a result as an error',
    arrives: (cell) => ({
      turns: [
        ...CALLED_TURNS,
        cell.target === 'messages'
          ? 'result call_A1 (error): no such city'
          : 'result call_A1: Error: no such city',
      ],
    }),
    notes: (cell) => (relayed(cell) ? [] : ['messages.is_error;adapted']),
  },
  {
    name: 'an image in a tool result',
    ask: {
      ...called,
      turns: [...called.turns, { results: [{ id: 'call_A1', text: 'A map.', image: PNG }] }],
    },
    says: { text: 'I see a map.' },
    none: (caller) =>
      caller === 'chat' ? 'a tool message of the Chat API holds text only' : undefined,
    arrives: (cell) => ({
      turns:
        cell.target === 'chat'
          ? [
              ...CALLED_TURNS,
              'result call_A1: A map.\n[image 1 attached below]',
              'user: Attached to the result of tool call call_A1:',
              `user: <image image/png ${PNG}>`,
            ]
          : [...CALLED_TURNS, 'result call_A1: A map.', `result call_A1: <image image/png ${PNG}>`],
    }),
    notes: (cell) => (cell.target === 'chat' ? ['messages.tool_result;adapted'] : []),
  },
  {
    name: 'an image as bytes, between two texts',
    ask: {
      turns: [
        {
          user: [
            { type: 'text', text: 'This' },
            { type: 'image', base64: PNG },
            { type: 'text', text: 'is what?' },
          ],
        },
      ],
    },
    says: { text: 'One pixel.' },
    arrives: () => ({ turns: ['user: This', `user: <image image/png ${PNG}>`, 'user: is what?'] }),
  },
  {
    name: 'an image by its address',
    ask: { turns: [{ user: [{ type: 'image-url', url: 'https://example.com/cat.jpg' }] }] },
    says: { text: 'A cat.' },
    arrives: () => ({ turns: ['user: <image https://example.com/cat.jpg>'] }),
  },
  {
    name: 'a PDF',
    ask: {
      turns: [
        {
          user: [
            { type: 'pdf', base64: PDF, name: 'report.pdf' },
            { type: 'text', text: 'Sum it up.' },
          ],
        },
      ],
    },
    says: { text: 'It is empty.' },
    arrives: () => ({
      turns: [`user: <file report.pdf application/pdf ${PDF}>`, 'user: Sum it up.'],
    }),
  },
  {
    name: 'a structured answer, parsed by the SDK',
    ask: { turns: [{ user: 'How is Oslo?' }], schema: ANSWER_SCHEMA },
    says: { text: '{"city":"Oslo","degrees":18}' },
    arrives: () => ({ schema: ANSWER_SCHEMA }),
    hears: () => ({ parsed: { city: 'Oslo', degrees: 18 } }),
  },
  {
    name: 'reasoning asked for and shown',
    flavour: 'thinker',
    ask: { ...hello, effort: 'high' },
    says: { thinking: 'They greet me; I greet back.', text: 'Hello!' },
    arrives: () => ({ effort: 'high' }),
  },
  {
    name: 'reasoning before parallel calls',
    flavour: 'thinker',
    ask: { turns: [{ user: 'Oslo and Rome?' }], tools: TOOLS, effort: 'low' },
    says: { thinking: 'Two lookups.\n\nIn parallel.', text: 'Checking.', calls: [OSLO, ROME] },
    arrives: () => ({ effort: 'low', tools: ARRIVED_TOOLS }),
  },
  {
    name: 'a refusal',
    ask: { turns: [{ user: 'Do harm.' }] },
    says: { refusal: 'I will not help with that.' },
    hears: ({ caller, target }) => {
      // As OpenAI itself ends a turn that its model declined.
      if (caller === 'chat' && target === 'chat') return { finish: 'stop' }
      // Where old clients look, too.
      return caller === 'messages' && target !== 'messages'
        ? { text: 'I will not help with that.' }
        : {}
    },
  },
]
