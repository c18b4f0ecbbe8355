import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { thrown, toAnthropic } from './support.ts'
import type { Setting } from './support.ts'

interface Row {
  readonly title: string
  readonly body: JsonObject
  readonly setting?: Setting
  /** Members that the Messages body must have with exactly these values; `undefined` means absent. */
  readonly sends: Readonly<Record<string, JsonValue | undefined>>
  readonly notes?: string
}

const USER = { role: 'user', content: 'Hi' }
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather now',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}
const WEATHER_SENT = {
  name: 'get_weather',
  description: 'Weather now',
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
}
const UNITS = { type: 'function', function: { name: 'list_units' } }
const UNITS_SENT = { name: 'list_units', input_schema: { type: 'object', properties: {} } }
const SCHEMA = {
  type: 'object',
  properties: { answer: { type: 'string' } },
  required: ['answer'],
  additionalProperties: false,
}
const AUTO_CACHE = { type: 'ephemeral' }

const ROWS: readonly Row[] = [
  // Token limits (A.1)
  {
    title: 'a unary request without a limit gets 21,333 tokens, not a small constant',
    body: {},
    sends: { max_tokens: 21_333 },
  },
  {
    title: 'a streamed request without a limit gets all the model has',
    body: { stream: true },
    sends: { max_tokens: 64_000, stream: true },
  },
  {
    title: 'a small model gets its own maximum',
    body: {},
    setting: { model: 'claude-3-haiku-20240307' },
    sends: { max_tokens: 4096 },
  },
  {
    title: 'max_completion_tokens wins over max_tokens',
    body: { max_completion_tokens: 100, max_tokens: 200 },
    sends: { max_tokens: 100 },
  },
  {
    title: 'a limit above the model is cut and announced',
    body: { max_tokens: 999_999 },
    sends: { max_tokens: 64_000 },
    notes: 'max_tokens;adapted',
  },
  {
    title: 'a configured ceiling counts as the model’s maximum',
    body: { stream: true },
    setting: { model: 'some-local-model', maxTokens: 2048 },
    sends: { max_tokens: 2048 },
  },
  // Sampling
  { title: 'temperature 0 stays 0', body: { temperature: 0 }, sends: { temperature: 0 } },
  {
    title: 'a temperature above 1 becomes 1',
    body: { temperature: 1.7 },
    sends: { temperature: 1 },
    notes: 'temperature;adapted',
  },
  {
    title: 'top_p is left out beside temperature on models that take one of them',
    body: { temperature: 0.5, top_p: 0.9 },
    sends: { temperature: 0.5, top_p: undefined },
    notes: 'top_p;dropped',
  },
  {
    title: 'older models take both',
    body: { temperature: 0.5, top_p: 0.9, top_k: 5 },
    setting: { model: 'claude-3-haiku-20240307' },
    sends: { temperature: 0.5, top_p: 0.9, top_k: 5 },
  },
  {
    title: 'newer models have no sampling, not even its default value',
    body: { temperature: 1, top_p: 1, top_k: 40 },
    setting: { model: 'claude-opus-4-7' },
    sends: { temperature: undefined, top_p: undefined, top_k: undefined },
    notes: 'temperature;dropped, top_p;dropped, top_k;dropped',
  },
  {
    title: 'null is the same as absent',
    body: { temperature: null, stop: null, tools: null, max_tokens: null, n: null, seed: null },
    sends: { temperature: undefined, stop_sequences: undefined, tools: undefined },
  },
  // Stop
  {
    title: 'one stop word becomes a list',
    body: { stop: 'END' },
    sends: { stop_sequences: ['END'] },
  },
  {
    title: 'stop and stop_sequences are joined',
    body: { stop: ['a'], stop_sequences: ['b', 'a'] },
    sends: { stop_sequences: ['a', 'b'] },
  },
  {
    title: 'blank stop words are left out',
    body: { stop: ['\n', 'END', ''] },
    sends: { stop_sequences: ['END'] },
    notes: 'stop;adapted',
  },
  // Who asks, and how urgently
  {
    title: 'safety_identifier wins over user',
    body: { safety_identifier: 'id-1', user: 'id-2' },
    sends: { metadata: { user_id: 'id-1' } },
  },
  {
    title: 'metadata.user_id passes without a note',
    body: { metadata: { user_id: 'u' } },
    sends: { metadata: { user_id: 'u' } },
  },
  {
    title: 'other metadata is announced',
    body: { metadata: { user_id: 'u', run: '7' } },
    sends: { metadata: { user_id: 'u' } },
    notes: 'metadata;dropped',
  },
  {
    title: 'service tiers have counterparts',
    body: { service_tier: 'default' },
    sends: { service_tier: 'standard_only' },
  },
  {
    title: 'flex is no tier of Anthropic’s',
    body: { service_tier: 'flex' },
    sends: { service_tier: 'standard_only' },
    notes: 'service_tier;adapted',
  },
  // Left out and announced, or silently
  {
    title: 'what has no counterpart is announced, in a fixed order',
    body: { seed: 1, presence_penalty: 0.5, verbosity: 'low', store: true, weird_field: 1 },
    sends: { seed: undefined, weird_field: undefined },
    notes:
      'store;dropped, seed;dropped, presence_penalty;dropped, verbosity;dropped, weird_field;dropped',
  },
  {
    title: 'values that ask for nothing are silent',
    body: {
      store: false,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: {},
      n: 1,
      logprobs: false,
      top_logprobs: 0,
      modalities: ['text'],
      stream_options: { include_obfuscation: false },
    },
    sends: {},
  },
  {
    title: 'a field whose name is no header token is announced safely',
    body: { 'a b\r\nx: y': 1, '1st': 2 },
    sends: {},
    notes: 'a_b__x:_y;dropped, *1st;dropped',
  },
  {
    title: 'members of a left-over extra_body count as fields',
    body: { extra_body: { top_k: 3, seed: 1 } },
    sends: { top_k: 3, extra_body: undefined },
    notes: 'seed;dropped',
  },
  // System
  {
    title: 'all system messages become system blocks, in order',
    body: {
      messages: [
        { role: 'system', content: 'One.' },
        { role: 'developer', content: [{ type: 'text', text: 'Two.' }] },
        { role: 'system', content: ' ' },
        USER,
      ],
    },
    sends: {
      system: [
        { type: 'text', text: 'One.' },
        { type: 'text', text: 'Two.' },
      ],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    },
  },
  {
    title: 'a late system message is hoisted and announced on models that know no other place',
    body: {
      messages: [USER, { role: 'system', content: 'Be brief.' }],
    },
    sends: {
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    },
    notes: 'messages.system;adapted',
  },
  {
    title:
      'a late system message stays where it was said on models that take it, behind the user turn',
    body: {
      messages: [
        USER,
        { role: 'assistant', content: 'Hello' },
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'More' },
      ],
    },
    setting: { model: 'claude-opus-4-8' },
    sends: {
      system: undefined,
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'Hello' }] },
        { role: 'user', content: [{ type: 'text', text: 'More' }] },
        { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
      ],
    },
  },
  {
    title: 'Anthropic’s own system field stands before the others',
    body: {
      system: [{ type: 'text', text: 'First.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [{ role: 'system', content: 'Second.' }, USER],
    },
    sends: {
      system: [
        { type: 'text', text: 'First.', cache_control: { type: 'ephemeral', ttl: '1h' } },
        { type: 'text', text: 'Second.' },
      ],
    },
  },
  // Turns
  {
    title: 'neighbours of one role become one message of several blocks',
    body: {
      messages: [USER, { role: 'user', content: 'there' }, { role: 'user', content: '  ' }],
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hi' },
            { type: 'text', text: 'there' },
          ],
        },
      ],
    },
  },
  {
    title: 'names are left out and announced',
    body: { messages: [{ role: 'user', name: 'bob', content: 'Hi' }] },
    sends: { messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }] },
    notes: 'messages.name;dropped',
  },
  {
    title: 'an assistant turn with nothing in it vanishes, and its neighbours become one',
    body: {
      messages: [USER, { role: 'assistant', content: '' }, { role: 'user', content: 'Again' }],
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hi' },
            { type: 'text', text: 'Again' },
          ],
        },
      ],
    },
  },
  {
    title: 'older models continue a trailing assistant message, without its trailing white space',
    body: { messages: [USER, { role: 'assistant', content: 'The answer is \n' }] },
    sends: {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'The answer is' }] },
      ],
    },
  },
  {
    title: 'a refusal in the history is text',
    body: {
      messages: [USER, { role: 'assistant', content: null, refusal: 'No.' }, USER],
    },
    sends: {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        { role: 'assistant', content: [{ type: 'text', text: 'No.' }] },
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      ],
    },
    notes: 'messages.refusal;adapted',
  },
  // Images and files
  {
    title: 'a data URL becomes a base64 image, its white space and its wrong label corrected',
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            {
              type: 'image_url',
              image_url: { url: 'data:image/jpg;charset=x;base64,iVBORw0K\nGgoAAAANSUhEUg==' },
            },
          ],
        },
      ],
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            {
              type: 'image',
              source: {
                type: 'base64',
                media_type: 'image/png',
                data: 'iVBORw0KGgoAAAANSUhEUg==',
              },
            },
          ],
        },
      ],
    },
  },
  {
    title: 'an https image is fetched by the provider; its detail has no counterpart',
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'high' } },
          ],
        },
      ],
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }],
        },
      ],
    },
    notes: 'messages.content.image_url.detail;dropped',
  },
  {
    title: 'a PDF becomes a document with its name, a text file a text document',
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'file', file: { filename: 'a.pdf', file_data: 'JVBERi0xLjQ=' } },
            { type: 'file', file: { file_data: 'data:text/csv;base64,YSxi' } },
          ],
        },
      ],
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQ=' },
              title: 'a.pdf',
            },
            { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a,b' } },
          ],
        },
      ],
    },
  },
  // Tools
  {
    title: 'function tools keep their schema; missing parameters become an empty object',
    body: { tools: [WEATHER, UNITS] },
    sends: {
      tools: [WEATHER_SENT, UNITS_SENT],
      tool_choice: undefined,
      cache_control: AUTO_CACHE,
    },
  },
  {
    title: 'no tools means no choice either',
    body: { tools: [], tool_choice: 'required', parallel_tool_calls: false },
    sends: { tools: undefined, tool_choice: undefined },
  },
  {
    title: '`required` becomes `any`',
    body: { tools: [UNITS], tool_choice: 'required' },
    sends: { tool_choice: { type: 'any' } },
  },
  {
    title: '`none` keeps the tools',
    body: { tools: [UNITS], tool_choice: 'none', parallel_tool_calls: false },
    sends: { tools: [UNITS_SENT], tool_choice: { type: 'none' } },
  },
  {
    title: 'a named tool is forced',
    body: {
      tools: [WEATHER, UNITS],
      tool_choice: { type: 'function', function: { name: 'list_units' } },
      parallel_tool_calls: false,
    },
    sends: {
      tools: [WEATHER_SENT, UNITS_SENT],
      tool_choice: { type: 'tool', name: 'list_units', disable_parallel_tool_use: true },
    },
  },
  {
    title: 'where forcing is refused, only the named tool is offered',
    body: {
      tools: [WEATHER, UNITS],
      tool_choice: { type: 'function', function: { name: 'list_units' } },
    },
    setting: { model: 'claude-opus-5-5' },
    sends: { tools: [UNITS_SENT], tool_choice: { type: 'auto' } },
    notes: 'tool_choice;adapted',
  },
  {
    title: 'parallel_tool_calls: false is said inside the choice',
    body: { tools: [UNITS], parallel_tool_calls: false },
    sends: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
  {
    title: 'allowed_tools filters the list',
    body: {
      tools: [WEATHER, UNITS],
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: {
          mode: 'required',
          tools: [{ type: 'function', function: { name: 'list_units' } }],
        },
      },
    },
    sends: { tools: [UNITS_SENT], tool_choice: { type: 'any' } },
  },
  {
    title: 'strict stays on a schema that Anthropic can keep',
    body: {
      tools: [{ type: 'function', function: { name: 'f', parameters: SCHEMA, strict: true } }],
    },
    sends: { tools: [{ name: 'f', input_schema: SCHEMA, strict: true }] },
  },
  {
    title: 'strict is dropped from a schema that it cannot, and the schema left alone',
    body: {
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            parameters: { ...SCHEMA, properties: { answer: { type: 'string', minLength: 2 } } },
            strict: true,
          },
        },
      ],
    },
    sends: {
      tools: [
        {
          name: 'f',
          input_schema: { ...SCHEMA, properties: { answer: { type: 'string', minLength: 2 } } },
        },
      ],
    },
    notes: 'tools.strict;dropped',
  },
  {
    title: 'a custom tool becomes a function of one string, its grammar described',
    body: {
      tools: [
        {
          type: 'custom',
          custom: {
            name: 'patch',
            description: 'Applies a patch',
            format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "x"' } },
          },
        },
      ],
    },
    sends: {
      tools: [
        {
          name: 'patch',
          description:
            'Applies a patch\n\nThe input must follow this grammar:\n{"syntax":"lark","definition":"start: \\"x\\""}',
          input_schema: {
            type: 'object',
            properties: { input: { type: 'string' } },
            required: ['input'],
            additionalProperties: false,
          },
        },
      ],
    },
    notes: 'tools.custom.format;adapted',
  },
  {
    title: 'Anthropic’s own tools pass unchanged',
    body: { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    sends: { tools: [{ type: 'bash_20250124', name: 'bash' }] },
  },
  {
    title: 'legacy functions become tools, one call at a time',
    body: { functions: [{ name: 'list_units' }], function_call: { name: 'list_units' } },
    sends: {
      tools: [UNITS_SENT],
      tool_choice: { type: 'tool', name: 'list_units', disable_parallel_tool_use: true },
    },
  },
  // Tool turns
  {
    title: 'parallel calls and their results keep their order and their ids',
    body: {
      messages: [
        USER,
        {
          role: 'assistant',
          content: '',
          tool_calls: [
            { id: 'call_a', type: 'function', function: { name: 'f', arguments: '{"b":1,"a":2}' } },
            { id: 'call_b', type: 'function', function: { name: 'g', arguments: '' } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_b', content: 'B' },
        { role: 'tool', tool_call_id: 'call_a', content: [{ type: 'text', text: 'A' }] },
      ],
    },
    sends: {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'call_a', name: 'f', input: { b: 1, a: 2 } },
            { type: 'tool_use', id: 'call_b', name: 'g', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_b', content: 'B' },
            { type: 'tool_result', tool_use_id: 'call_a', content: 'A' },
          ],
        },
      ],
    },
  },
  {
    title: 'an image in a tool result stays inside it; a repeated result keeps the last',
    body: {
      messages: [
        USER,
        {
          role: 'assistant',
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'old' },
        {
          role: 'tool',
          tool_call_id: 'c',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
          ],
        },
      ],
    },
    sends: {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'c',
              content: [
                { type: 'text', text: 'see' },
                { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
              ],
            },
          ],
        },
      ],
    },
    notes: 'messages.tool;dropped',
  },
  // Answer format
  {
    title: 'a JSON schema becomes output_config.format, sanitised',
    body: {
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'answer',
          description: 'An answer',
          schema: { ...SCHEMA, properties: { answer: { type: 'string', maxLength: 9 } } },
        },
      },
    },
    sends: {
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { answer: { type: 'string', description: '{maxLength: 9}' } },
            required: ['answer'],
            additionalProperties: false,
            description: 'An answer',
          },
        },
      },
    },
  },
  {
    title: 'json_object becomes an instruction and says so',
    body: { response_format: { type: 'json_object' } },
    sends: {
      system: [
        {
          type: 'text',
          text: 'Reply with one JSON object and nothing else: no text before or after it, and no code fence.',
        },
      ],
    },
    notes: 'response_format;adapted',
  },
  {
    title: 'an older model is given the schema as a tool it must call',
    body: {
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema: SCHEMA } },
    },
    setting: { model: 'claude-sonnet-4-20250514' },
    sends: {
      tools: [
        {
          name: 'json_output',
          description: 'The answer, in the form that was asked for.',
          input_schema: SCHEMA,
        },
      ],
      tool_choice: { type: 'tool', name: 'json_output', disable_parallel_tool_use: true },
    },
  },
  {
    title: 'format text is no format',
    body: { response_format: { type: 'text' } },
    sends: { system: undefined },
  },
  // Caching (A.8)
  {
    title: 'cache marks on messages, parts and tools are copied to their blocks',
    body: {
      messages: [
        { role: 'system', content: 'S', cache_control: { type: 'ephemeral' } },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'A', prompt_cache_breakpoint: { mode: 'explicit', ttl: '12h' } },
          ],
        },
      ],
      tools: [{ ...UNITS, cache_control: { type: 'ephemeral', ttl: '5m' } }],
    },
    sends: {
      system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'A', cache_control: { type: 'ephemeral', ttl: '1h' } }],
        },
      ],
      tools: [{ ...UNITS_SENT, cache_control: { type: 'ephemeral', ttl: '5m' } }],
      cache_control: undefined,
    },
  },
  {
    title: 'of more than four cache marks the last four stay',
    body: {
      messages: ['1', '2', '3', '4', '5'].map((text) => ({
        role: 'user',
        content: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }],
      })),
    },
    sends: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: '1' },
            ...['2', '3', '4', '5'].map((text) => ({
              type: 'text',
              text,
              cache_control: { type: 'ephemeral' },
            })),
          ],
        },
      ],
    },
    notes: 'cache_control;adapted',
  },
  {
    title: 'a single question is not marked for the cache',
    body: {},
    sends: { cache_control: undefined },
  },
  {
    title: 'a foreign model is never marked',
    body: { tools: [UNITS] },
    setting: { model: 'glm-5' },
    sends: { cache_control: undefined, max_tokens: 4096 },
  },
  // Anthropic's own fields
  {
    title: 'fields of Anthropic’s pass unchanged',
    body: {
      mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }],
      context_management: { edits: [] },
      output_config: { effort: 'low' },
    },
    setting: { model: 'claude-opus-4-8' },
    sends: {
      mcp_servers: [{ type: 'url', url: 'https://example.com', name: 'x' }],
      context_management: { edits: [] },
      output_config: { effort: 'low' },
    },
  },
]

for (const row of ROWS) {
  test(row.title, () => {
    const { body, notes } = toAnthropic(row.body, row.setting)
    for (const [field, value] of Object.entries(row.sends)) {
      assert.deepEqual(body[field], value, `\`${field}\` in ${JSON.stringify(body)}`)
    }
    assert.equal(notes, row.notes ?? '')
  })
}

interface Refusal {
  readonly title: string
  readonly body: JsonObject
  readonly setting?: Setting
  readonly code?: 'untranslatable' | 'request_invalid' | 'model_missing'
  readonly param: string
}

const REFUSALS: readonly Refusal[] = [
  { title: 'several choices', body: { n: 2 }, param: 'n' },
  { title: 'log probabilities', body: { logprobs: true }, param: 'logprobs' },
  { title: 'an audio answer', body: { modalities: ['text', 'audio'] }, param: 'modalities' },
  { title: 'a web search', body: { web_search_options: {} }, param: 'web_search_options' },
  {
    title: 'audio input, by its place',
    body: {
      messages: [
        USER,
        {
          role: 'user',
          content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }],
        },
      ],
    },
    param: 'messages[1].content[0].input_audio',
  },
  {
    title: 'an http image',
    body: {
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'http://example.com/a.png' } }],
        },
      ],
    },
    param: 'messages[0].content[0]',
  },
  {
    title: 'an image of a type nobody takes',
    body: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,PHN2Zz4=' } },
          ],
        },
      ],
    },
    param: 'messages[0].content[0]',
  },
  {
    title: 'a data URL that is not base64',
    body: {
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'data:image/png,abc' } }],
        },
      ],
    },
    param: 'messages[0].content[0].image_url.url',
  },
  {
    title: 'a file kept at OpenAI',
    body: {
      messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-123' } }] }],
    },
    param: 'messages[0].content[0]',
  },
  {
    title: 'only system messages',
    body: { messages: [{ role: 'system', content: 'S' }] },
    param: 'messages',
  },
  {
    title: 'only blank user text',
    body: { messages: [{ role: 'user', content: '  ' }] },
    param: 'messages',
  },
  {
    title: 'a trailing assistant message on a model that cannot continue it',
    body: { messages: [USER, { role: 'assistant', content: 'The' }] },
    setting: { model: 'claude-opus-4-6' },
    param: 'messages',
  },
  {
    title: 'a result that answers no call, by its id',
    body: { messages: [USER, { role: 'tool', tool_call_id: 'call_x', content: '1' }] },
    param: 'messages[1].tool_call_id',
  },
  {
    title: 'a tool name used twice',
    body: { tools: [UNITS, UNITS] },
    param: 'tools[1]',
  },
  {
    title: 'a tool of another provider',
    body: { tools: [{ type: 'file_search' }] },
    param: 'tools[0]',
  },
  {
    title: 'a limit of no tokens',
    body: { max_tokens: 0 },
    code: 'request_invalid',
    param: 'max_tokens',
  },
  {
    title: 'a temperature that is text',
    body: { temperature: 'hot' },
    code: 'request_invalid',
    param: 'temperature',
  },
  { title: 'no messages', body: { messages: [] }, code: 'request_invalid', param: 'messages' },
  {
    title: 'an unknown role',
    body: { messages: [{ role: 'robot', content: 'x' }] },
    code: 'request_invalid',
    param: 'messages[0].role',
  },
  { title: 'no model', body: { model: null }, code: 'model_missing', param: 'model' },
]

for (const { title, body, setting, code, param } of REFUSALS) {
  test(`refused with its field: ${title}`, () => {
    const error = thrown(code ?? 'untranslatable', () => toAnthropic(body, setting))
    assert.equal(error.param, param)
    assert.equal(error.status, 400)
  })
}

test('a strict model refuses what would be dropped or adapted', () => {
  assert.equal(
    thrown('untranslatable', () => toAnthropic({ seed: 1 }, { strict: true })).param,
    'seed',
  )
  assert.equal(
    thrown('untranslatable', () => toAnthropic({ temperature: 2 }, { strict: true })).param,
    'temperature',
  )
  assert.doesNotThrow(() => toAnthropic({ temperature: 0.5, seed: null }, { strict: true }))
})

test('betas in the body become the anthropic-beta header, each once', () => {
  const { encoded } = toAnthropic({ betas: ['a-2026', 'b-2026', 'a-2026'] })
  assert.deepEqual(encoded.headers, [
    ['anthropic-version', '2023-06-01'],
    ['anthropic-beta', 'a-2026,b-2026'],
  ])
  assert.equal(encoded.path, '/v1/messages')
  assert.equal(encoded.body['betas'], undefined)
})

test('a file of Anthropic’s passes when its beta is on', () => {
  const { body } = toAnthropic({
    betas: ['files-api-2025-04-14'],
    messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file_011' } }] }],
  })
  assert.deepEqual(body['messages'], [
    {
      role: 'user',
      content: [{ type: 'document', source: { type: 'file', file_id: 'file_011' } }],
    },
  ])
})
