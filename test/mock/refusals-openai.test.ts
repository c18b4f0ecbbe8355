import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, parseObject, postOpenAi, startMock } from './client.ts'

const HELLO = [{ role: 'user', content: 'hello' }]
const CALL = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }
const F = { type: 'function', function: { name: 'f' } }
const IMAGE = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }

interface Case {
  /** Added to a valid request; `undefined` takes a field out. */
  readonly change: object
  readonly says: RegExp
  readonly param?: string | null
  readonly code?: string | null
}

const CHAT: Readonly<Record<string, Case>> = {
  'no messages': {
    change: { messages: undefined },
    says: /^Missing required parameter: 'messages'\.$/u,
    param: 'messages',
    code: 'missing_required_parameter',
  },
  'empty messages': {
    change: { messages: [] },
    says: /^Invalid 'messages': empty array\./u,
    param: 'messages',
    code: 'empty_array',
  },
  'messages that are no list': {
    change: { messages: 'hi' },
    says: /^Invalid type for 'messages': expected an array of objects, but got a string instead\.$/u,
    code: 'invalid_type',
  },
  'no model': {
    change: { model: undefined },
    says: /^you must provide a model parameter$/u,
    param: null,
    code: null,
  },
  'an unknown field': {
    change: { top_k: 5 },
    says: /^Unrecognized request argument supplied: top_k$/u,
  },
  'two unknown fields': {
    change: { system: 'x', stop_sequences: [] },
    says: /^Unrecognized request arguments supplied: system, stop_sequences$/u,
  },
  'max_tokens on gpt-5': {
    change: { model: 'gpt-5', max_tokens: 9 },
    says: /'max_tokens' is not supported with this model\. Use 'max_completion_tokens' instead\.$/u,
    param: 'max_tokens',
    code: 'unsupported_parameter',
  },
  'max_tokens on an o-model': {
    change: { model: 'o3-mini', max_tokens: 9 },
    says: /Use 'max_completion_tokens'/u,
  },
  'both limits': {
    change: { max_tokens: 9, max_completion_tokens: 9 },
    says: /at the same time is not supported/u,
  },
  'a limit of 0': {
    change: { max_tokens: 0 },
    says: /integer below minimum value\. Expected a value >= 1, but got 0/u,
    code: 'integer_below_min_value',
  },
  'temperature 0 on gpt-5': {
    change: { model: 'gpt-5', temperature: 0 },
    says: /^Unsupported value: 'temperature' does not support 0 with this model\. Only the default \(1\) value is supported\.$/u,
    param: 'temperature',
    code: 'unsupported_value',
  },
  'temperature on gpt-5.1 that reasons': {
    change: { model: 'gpt-5.1', temperature: 0, reasoning_effort: 'low' },
    says: /does not support 0/u,
  },
  'top_p on gpt-5': {
    change: { model: 'gpt-5', top_p: 0.5 },
    says: /^Unsupported parameter: 'top_p' is not supported with this model\.$/u,
  },
  'logprobs on gpt-5': {
    change: { model: 'gpt-5', logprobs: true },
    says: /'logprobs' is not supported/u,
  },
  'a penalty on gpt-5': {
    change: { model: 'gpt-5', presence_penalty: 1 },
    says: /'presence_penalty' is not supported/u,
  },
  'a temperature that is too high': {
    change: { temperature: 3 },
    says: /decimal above maximum value\. Expected a value <= 2, but got 3/u,
    code: 'decimal_above_max_value',
  },
  'a temperature in quotes': {
    change: { temperature: '1' },
    says: /^Invalid type for 'temperature'/u,
  },
  'stop on o3': { change: { model: 'o3', stop: ['x'] }, says: /'stop' is not supported/u },
  'five stop sequences': {
    change: { stop: ['a', 'b', 'c', 'd', 'e'] },
    says: /array too long\. Expected an array with maximum length 4/u,
    code: 'array_above_max_length',
  },
  'stream_options without a stream': {
    change: { stream_options: { include_usage: true } },
    says: /only allowed when 'stream' is enabled/u,
    param: 'stream_options',
  },
  'an effort on a model that does not reason': {
    change: { model: 'gpt-4o', reasoning_effort: 'low' },
    says: /'reasoning_effort' is not supported/u,
  },
  'an effort the model does not have': {
    change: { model: 'gpt-5', reasoning_effort: 'none' },
    says: /Supported values are: 'minimal', 'low', 'medium', and 'high'/u,
  },
  'function tools beside an effort in Chat': {
    change: { model: 'gpt-5.4', tools: [F], reasoning_effort: 'low' },
    says: /^Function tools with reasoning_effort are not supported for gpt-5\.4 in \/v1\/chat\/completions\./u,
    param: 'reasoning_effort',
  },
  'function tools in Chat on gpt-5.6': {
    change: { model: 'gpt-5.6', tools: [F] },
    says: /use \/v1\/responses or set reasoning_effort to 'none'/u,
  },
  'an unknown role': {
    change: { messages: [{ role: 'model', content: 'x' }] },
    says: /^Invalid value: 'model'\. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'\.$/u,
    param: 'messages[0].role',
  },
  'no role': { change: { messages: [{ content: 'x' }] }, says: /'messages\[0\]\.role'/u },
  'null content from a user': {
    change: { messages: [{ role: 'user', content: null }] },
    says: /^Invalid value for 'content': expected a string, got null\.$/u,
    param: 'messages.[0].content',
  },
  'an Anthropic block': {
    change: { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x' }] }] },
    says: /^Invalid value: 'tool_result'\./u,
    param: 'messages[0].content[0].type',
  },
  'a part without a type': {
    change: { messages: [{ role: 'user', content: [{ text: 'x' }] }] },
    says: /^Missing required parameter: 'messages\[0\]\.content\[0\]\.type'\.$/u,
  },
  'cache_control on a part': {
    change: {
      messages: [
        {
          role: 'user',
          content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }],
        },
      ],
    },
    says: /^Unknown parameter: 'messages\[0\]\.content\[0\]\.cache_control'\.$/u,
    code: 'unknown_parameter',
  },
  'an image as a bare string': {
    change: {
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: 'https://x/y.png' }] }],
    },
    says: /expected an object, but got a string/u,
  },
  'an image that is neither link nor data': {
    change: {
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'iVBORw0KGgo=' } }] },
      ],
    },
    says: /Expected a valid URL or a base64-encoded data URL/u,
  },
  'an image from the assistant': {
    change: { messages: [{ role: 'assistant', content: [IMAGE] }] },
    says: /Image URLs are only allowed for messages with role 'user', but this message with role 'assistant'/u,
  },
  'an image from a tool': {
    change: {
      messages: [
        ...HELLO,
        { role: 'assistant', tool_calls: [CALL] },
        { role: 'tool', tool_call_id: 'call_1', content: [IMAGE] },
      ],
    },
    says: /this message with role 'tool' contains an image URL/u,
  },
  'reasoning sent back to OpenAI': {
    change: {
      model: 'gpt-4.1',
      messages: [...HELLO, { role: 'assistant', content: 'x', reasoning_content: 'y' }, ...HELLO],
    },
    says: /^Unknown parameter: 'messages\[1\]\.reasoning_content'\.$/u,
  },
  'a tool message without a call': {
    change: { messages: [...HELLO, { role: 'tool', tool_call_id: 'call_1', content: 'x' }] },
    says: /^Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'\.$/u,
    param: 'messages.[1].role',
    code: null,
  },
  'a tool message for another call': {
    change: {
      messages: [
        ...HELLO,
        { role: 'assistant', tool_calls: [CALL] },
        { role: 'tool', tool_call_id: 'call_2', content: 'x' },
      ],
    },
    says: /must be a response to a preceeding message/u,
  },
  'a call that nobody answers': {
    change: { messages: [...HELLO, { role: 'assistant', tool_calls: [CALL] }, ...HELLO] },
    says: /did not have response messages: call_1$/u,
    param: 'messages.[2].role',
  },
  'a call at the end': {
    change: { messages: [...HELLO, { role: 'assistant', tool_calls: [CALL] }] },
    says: /must be followed by tool messages/u,
  },
  'an empty list of calls': {
    change: { messages: [...HELLO, { role: 'assistant', content: 'x', tool_calls: [] }, ...HELLO] },
    says: /^Invalid 'messages\[1\]\.tool_calls': empty array/u,
  },
  'a call with an index': {
    change: { messages: [...HELLO, { role: 'assistant', tool_calls: [{ ...CALL, index: 0 }] }] },
    says: /^Unknown parameter: 'messages\[1\]\.tool_calls\[0\]\.index'\.$/u,
  },
  'a call id of 65 characters': {
    change: {
      messages: [...HELLO, { role: 'assistant', tool_calls: [{ ...CALL, id: 'x'.repeat(65) }] }],
    },
    says: /maximum length 64, but got a string with length 65/u,
    code: 'string_above_max_length',
  },
  'arguments that are an object': {
    change: {
      messages: [
        ...HELLO,
        { role: 'assistant', tool_calls: [{ ...CALL, function: { name: 'f', arguments: {} } }] },
      ],
    },
    says: /expected a string, but got an object/u,
  },
  'an Anthropic tool': {
    change: { tools: [{ name: 'f', input_schema: {} }] },
    says: /^Missing required parameter: 'tools\[0\]\.type'\.$/u,
  },
  'a flat tool': {
    change: { tools: [{ type: 'function', name: 'f' }] },
    says: /^Unknown parameter: 'tools\[0\]\.name'\.$/u,
  },
  'a tool name with a dot': {
    change: { tools: [{ type: 'function', function: { name: 'a.b' } }] },
    says: /does not match pattern/u,
    param: 'tools[0].function.name',
  },
  'a tool name of 65 characters': {
    change: { tools: [{ type: 'function', function: { name: 'x'.repeat(65) } }] },
    says: /string too long/u,
  },
  'parameters without properties': {
    change: {
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    },
    says: /object schema missing properties/u,
    code: 'invalid_function_parameters',
  },
  'a strict tool that is open': {
    change: {
      tools: [
        {
          type: 'function',
          function: { name: 'f', strict: true, parameters: { type: 'object', properties: {} } },
        },
      ],
    },
    says: /In context=\(\), 'additionalProperties' is required to be supplied and to be false\./u,
  },
  'a strict tool with an optional member': {
    change: {
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            strict: true,
            parameters: {
              type: 'object',
              properties: {
                a: {
                  type: 'object',
                  properties: { b: {} },
                  required: [],
                  additionalProperties: false,
                },
              },
              required: ['a'],
              additionalProperties: false,
            },
          },
        },
      ],
    },
    says: /In context=\('properties', 'a'\), 'required' is required.*Missing 'b'\./u,
  },
  'no tools in the list': { change: { tools: [] }, says: /^Invalid 'tools': empty array/u },
  '129 tools': {
    change: { tools: Array.from({ length: 129 }, () => F) },
    says: /maximum length 128/u,
  },
  'a choice without tools': {
    change: { tool_choice: 'auto' },
    says: /'tool_choice' is only allowed when 'tools' are specified/u,
  },
  'parallel_tool_calls without tools': {
    change: { parallel_tool_calls: false },
    says: /'parallel_tool_calls' is only allowed when 'tools' are specified/u,
  },
  'a choice in Anthropic’s word': {
    change: { tools: [F], tool_choice: 'any' },
    says: /^Invalid value: 'any'/u,
  },
  'a choice of a tool that is not offered': {
    change: { tools: [F], tool_choice: { type: 'function', function: { name: 'g' } } },
    says: /not found in 'tools'/u,
  },
  'json_object without the word': {
    change: { response_format: { type: 'json_object' } },
    says: /must contain the word 'json' in some form/u,
  },
  'a json_schema without a name': {
    change: { response_format: { type: 'json_schema', json_schema: { schema: {} } } },
    says: /'response_format\.json_schema\.name'/u,
  },
  'a strict json_schema that is open': {
    change: {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'x', strict: true, schema: { type: 'object', properties: {} } },
      },
    },
    says: /^Invalid schema for response_format 'x': In context=\(\)/u,
    param: 'response_format',
  },
  'an unknown response format': {
    change: { response_format: { type: 'xml' } },
    says: /^Invalid value: 'xml'/u,
  },
}

const RESPONSES: Readonly<Record<string, Case>> = {
  'no input': {
    change: { input: undefined },
    says: /must be provided/u,
    code: 'missing_required_parameter',
  },
  'no model': { change: { model: undefined }, says: /^Missing required parameter: 'model'\.$/u },
  'an unknown field': {
    change: { top_k: 5 },
    says: /^Unknown parameter: 'top_k'\.$/u,
    param: 'top_k',
    code: 'unknown_parameter',
  },
  messages: {
    change: { messages: HELLO },
    says: /has moved to 'input'/u,
    code: 'unsupported_parameter',
  },
  max_tokens: { change: { max_tokens: 100 }, says: /has moved to 'max_output_tokens'/u },
  'a limit below 16': {
    change: { max_output_tokens: 15 },
    says: /Expected a value >= 16, but got 15/u,
  },
  'a previous response': {
    change: { previous_response_id: 'resp_1' },
    says: /^Previous response with id 'resp_1' not found\.$/u,
    code: 'previous_response_not_found',
  },
  'temperature 0 on gpt-5': {
    change: { model: 'gpt-5', temperature: 0 },
    says: /does not support 0/u,
  },
  'reasoning on gpt-4o': {
    change: { model: 'gpt-4o', reasoning: { effort: 'low' } },
    says: /'reasoning\.effort' is not supported/u,
  },
  'a nested tool': {
    change: { tools: [F] },
    says: /^Missing required parameter: 'tools\[0\]\.name'\.$/u,
  },
  'an unknown item': {
    change: { input: [{ type: 'tool_result' }] },
    says: /^Invalid value: 'tool_result'/u,
    param: 'input[0]',
  },
  'an unknown role': {
    change: { input: [{ role: 'tool', content: 'x' }] },
    says: /^Invalid value: 'tool'/u,
  },
  'input_text from the assistant': {
    change: { input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }] },
    says: /^Invalid value: 'input_text'\. Supported values are: 'output_text' and 'refusal'\.$/u,
  },
  'a Chat part': {
    change: { input: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
    says: /^Invalid value: 'text'/u,
  },
  'an image as an object': {
    change: {
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: { url: 'x' } }] }],
    },
    says: /expected an image URL, but got an object/u,
  },
  'an output without a call': {
    change: { input: [{ type: 'function_call_output', call_id: 'c', output: 'x' }] },
    says: /^No tool call found for function call output with call_id c\.$/u,
    param: 'input',
  },
  'a call without an output': {
    change: { input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }] },
    says: /^No tool output found for function call c\.$/u,
    param: 'input',
  },
  'arguments that are an object': {
    change: { input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: {} }] },
    says: /expected a string, but got an object/u,
  },
  'a call whose item id is the call id': {
    change: {
      input: [
        { type: 'function_call', id: 'call_1', call_id: 'call_1', name: 'f', arguments: '{}' },
      ],
    },
    says: /Expected an ID that begins with 'fc'/u,
  },
  'forged reasoning': {
    change: {
      input: [{ type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'Zm9yZ2Vk' }],
    },
    says: /could not be verified/u,
    code: 'invalid_encrypted_content',
  },
  'a json_schema without a name': {
    change: { text: { format: { type: 'json_schema', schema: {} } } },
    says: /'text\.format\.name'/u,
  },
  'a choice of a tool that is not offered': {
    change: {
      tools: [{ type: 'function', name: 'f' }],
      tool_choice: { type: 'function', name: 'g' },
    },
    says: /not found in 'tools'/u,
  },
}

const EMBEDDINGS: Readonly<Record<string, Case>> = {
  'no input': { change: { input: undefined }, says: /^Missing required parameter: 'input'\.$/u },
  'no model': { change: { model: undefined }, says: /^you must provide a model parameter$/u },
  'empty input': { change: { input: '' }, says: /^'\$\.input' is invalid\./u },
  'one empty input of several': {
    change: { input: ['x', ''] },
    says: /^'\$\.input' is invalid\./u,
  },
  'no inputs': { change: { input: [] }, says: /^'\$\.input' is invalid\./u },
  'an unknown encoding': {
    change: { encoding_format: 'int8' },
    says: /^Invalid value: 'int8'\. Supported values are: 'float' and 'base64'\.$/u,
  },
  'no dimensions': { change: { dimensions: 0 }, says: /Expected a value >= 1/u },
  'an unknown field': {
    change: { prompt: 'x' },
    says: /^Unrecognized request argument supplied: prompt$/u,
  },
}

for (const [path, valid, cases] of [
  ['/v1/chat/completions', { model: 'mock', messages: HELLO }, CHAT],
  ['/v1/responses', { model: 'mock', input: 'hello' }, RESPONSES],
  ['/v1/embeddings', { model: 'mock', input: 'hello' }, EMBEDDINGS],
] as const) {
  test(`${path} takes the request that the refused ones differ from`, async (t) => {
    const mock = await startMock(t)
    assert.equal((await postOpenAi(mock, path, valid)).status, 200)
  })
  for (const [what, { change, says, param, code }] of Object.entries(cases)) {
    test(`${path} refuses ${what}`, async (t) => {
      const mock = await startMock(t)
      for (const stream of path === '/v1/embeddings' ? [{}] : [{}, { stream: true }]) {
        if ('stream_options' in change && 'stream' in stream) continue
        const heard = await postOpenAi(mock, path, { ...valid, ...stream, ...change })
        assert.equal(heard.status, 400, heard.text)
        const body = parseObject(heard.text)
        assert.equal(at(body, 'error.type'), 'invalid_request_error')
        assert.match(String(at(body, 'error.message')), says)
        if (param !== undefined) assert.equal(at(body, 'error.param'), param)
        if (code !== undefined) assert.equal(at(body, 'error.code'), code)
      }
    })
  }
}

test('what newer or foreign models may do is not refused', async (t) => {
  const mock = await startMock(t)
  for (const change of [
    { model: 'gpt-5', temperature: 1, top_p: 1, max_completion_tokens: 50 },
    { model: 'gpt-5.1', temperature: 0 },
    { model: 'gpt-5.4', tools: [F] },
    { model: 'gpt-5.6', tools: [F], reasoning_effort: 'none' },
    { model: 'qwen3:8b', max_tokens: 5, temperature: 0 },
    { model: 'claude-opus-5', max_tokens: 5, temperature: 0.2 },
    { temperature: null, stop: null, tools: null, max_tokens: null, n: null },
    { messages: [...HELLO, { role: 'assistant', content: 'x', reasoning_content: 'y' }, ...HELLO] },
    {
      messages: [
        ...HELLO,
        { role: 'assistant', tool_calls: [CALL] },
        { role: 'tool', tool_call_id: 'call_1', content: '' },
      ],
    },
    {
      messages: [
        { role: 'developer', content: 'x' },
        { role: 'user', name: 'ann', content: [{ type: 'text', text: 'x' }, IMAGE] },
      ],
    },
  ]) {
    const heard = await postOpenAi(mock, '/v1/chat/completions', {
      model: 'mock',
      messages: HELLO,
      ...change,
    })
    assert.equal(heard.status, 200, `${JSON.stringify(change)}: ${heard.text}`)
  }
})
