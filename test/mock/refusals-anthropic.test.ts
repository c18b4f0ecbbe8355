import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, parseObject, postAnthropic, startMock, textAt } from './client.ts'

const HELLO = [{ role: 'user', content: 'hello' }]
const VALID = { model: 'mock', max_tokens: 2000, messages: HELLO }
const TOOL = { name: 'f', input_schema: { type: 'object', properties: {} } }
const CALL = { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }
const RESULT = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'x' }
const CLOSED = { type: 'object', properties: {}, additionalProperties: false }

const user = (content: unknown): object => ({ role: 'user', content })
const assistant = (content: unknown): object => ({ role: 'assistant', content })
const format = (schema: unknown): object => ({
  output_config: { format: { type: 'json_schema', schema } },
})
const cached = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }
const picture = (media_type: string, data: string): object => ({
  messages: [user([{ type: 'image', source: { type: 'base64', media_type, data } }])],
})

/** What is added to a valid request (`undefined` takes a field out), and what is said of it. */
const CASES: Readonly<
  Record<string, readonly [change: object, says: RegExp, headers?: Record<string, string>]>
> = {
  'no max_tokens': [{ max_tokens: undefined }, /^max_tokens: Field required$/u],
  'max_tokens in quotes': [{ max_tokens: '5' }, /^max_tokens: Input should be a valid integer$/u],
  'negative max_tokens': [{ max_tokens: -1 }, /^max_tokens: Input should be greater/u],
  'more than the model can write': [
    { model: 'claude-sonnet-4-20250514', max_tokens: 64_001 },
    /^max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-20250514$/u,
  ],
  'no model': [{ model: undefined }, /^model: Field required$/u],
  'no messages': [{ messages: undefined }, /^messages: Field required$/u],
  'empty messages': [{ messages: [] }, /^messages: at least one message is required$/u],
  'an unknown field': [
    { frequency_penalty: 0 },
    /^frequency_penalty: Extra inputs are not permitted$/u,
  ],
  'a beta field without its header': [
    { context_management: {} },
    /^context_management: Extra inputs are not permitted$/u,
  ],
  'betas in the body': [{ betas: [] }, /^betas: Extra inputs are not permitted$/u],
  'an unknown metadata field': [
    { metadata: { trace: 'x' } },
    /^metadata\.trace: Extra inputs are not permitted$/u,
  ],
  'a service tier of OpenAI': [{ service_tier: 'default' }, /^service_tier: Input should be/u],
  'a blank stop sequence': [
    { stop_sequences: ['\n'] },
    /^stop_sequences: each stop sequence must contain non-whitespace$/u,
  ],
  'no version': [{}, /^anthropic-version: header is required$/u, { 'anthropic-version': '' }],
  'an unknown version': [
    {},
    /"2020-01-01" is not a valid version$/u,
    { 'anthropic-version': '2020-01-01' },
  ],
  'a system role': [
    { messages: [{ role: 'system', content: 'x' }, ...HELLO] },
    /^messages: Unexpected role "system"\. The Messages API accepts a top-level `system` parameter/u,
  ],
  'a later system role on an older Claude': [
    { model: 'claude-sonnet-4-5', messages: [...HELLO, { role: 'system', content: 'x' }] },
    /^role 'system' is not supported on this model$/u,
  ],
  'a first system role on a newer Claude': [
    { model: 'claude-opus-5', messages: [{ role: 'system', content: 'x' }, ...HELLO] },
    /first message must use the "user" role/u,
  ],
  'a system role in the wrong place': [
    { model: 'claude-opus-5', messages: [...HELLO, { role: 'system', content: 'x' }, ...HELLO] },
    /must be last or be followed by an "assistant" message/u,
  ],
  'a tool role': [
    { messages: [...HELLO, { role: 'tool', content: 'x' }] },
    /^messages: Unexpected role "tool"\./u,
  ],
  'an assistant first': [
    { messages: [assistant('x'), ...HELLO] },
    /^messages: first message must use the "user" role$/u,
  ],
  'a name on a message': [
    { messages: [{ role: 'user', name: 'ann', content: 'x' }] },
    /^messages\.0\.name: Extra inputs are not permitted$/u,
  ],
  'tool_calls on a message': [
    { messages: [...HELLO, { role: 'assistant', content: 'x', tool_calls: [] }] },
    /^messages\.1\.tool_calls: Extra inputs/u,
  ],
  'no content': [{ messages: [{ role: 'user' }] }, /^messages\.0\.content: Field required$/u],
  'null content': [
    { messages: [...HELLO, { role: 'assistant', content: null }, ...HELLO] },
    /^messages\.1\.content: Field required$/u,
  ],
  'empty content': [
    { messages: [user('')] },
    /^messages\.0: all messages must have non-empty content except for the optional final assistant message$/u,
  ],
  'an empty list of content': [
    { messages: [...HELLO, assistant([]), ...HELLO] },
    /^messages\.1: all messages must have non-empty content/u,
  ],
  'an empty text block': [
    { messages: [user([{ type: 'text', text: '' }])] },
    /^messages: text content blocks must be non-empty$/u,
  ],
  'a blank text block': [
    { messages: [user([{ type: 'text', text: ' \n' }])] },
    /^messages: text content blocks must contain non-whitespace text$/u,
  ],
  'an empty system block': [
    { system: [{ type: 'text', text: '' }] },
    /^system: text content blocks must be non-empty$/u,
  ],
  'cache_control on an empty block': [
    { system: [{ ...cached, text: '' }] },
    /cache_control cannot be set for empty text blocks$/u,
  ],
  'five cache breakpoints': [
    { system: [cached, cached], messages: [user([cached, cached, cached])] },
    /^A maximum of 4 blocks with cache_control may be provided\. Found 5\.$/u,
  ],
  'an OpenAI part': [
    { messages: [user([{ type: 'image_url', image_url: { url: 'x' } }])] },
    /^messages\.0\.content\.0: Input tag 'image_url' found using 'type' does not match any of the expected tags/u,
  ],
  'an image type that is not taken': [
    picture('image/bmp', 'Qk0='),
    /base64\.media_type: Input should be 'image\/jpeg'/u,
  ],
  'an image of another type than it says': [
    picture('image/png', '/9j/4AAQ'),
    /the image appears to be a image\/jpeg image$/u,
  ],
  'an image that is no base64': [
    picture('image/png', 'data:image/png;base64,xx'),
    /Invalid base64 data$/u,
  ],
  'a result without a call': [
    { messages: [user([RESULT])] },
    /^messages\.0\.content\.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1\./u,
  ],
  'a result for an older call': [
    { messages: [...HELLO, assistant([CALL]), user([RESULT]), assistant('ok'), user([RESULT])] },
    /^messages\.4\.content\.0: unexpected `tool_use_id`/u,
  ],
  'a call without a result': [
    { messages: [...HELLO, assistant([CALL]), user('x')] },
    /^messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1\./u,
  ],
  'text before the result': [
    { messages: [...HELLO, assistant([CALL]), user([{ type: 'text', text: 'x' }, RESULT])] },
    /without `tool_result` blocks immediately after/u,
  ],
  'one result of two': [
    { messages: [...HELLO, assistant([CALL, { ...CALL, id: 'toolu_2' }]), user([RESULT])] },
    /immediately after: toolu_2\./u,
  ],
  'two results for one call': [
    { messages: [...HELLO, assistant([CALL]), user([RESULT, RESULT])] },
    /each tool_use must have a single result/u,
  ],
  'two calls with one id': [
    { messages: [...HELLO, assistant([CALL, CALL]), user([RESULT])] },
    /`tool_use` ids must be unique$/u,
  ],
  'a call from the user': [
    { messages: [user([CALL])] },
    /`tool_use` blocks can only be in `assistant` messages$/u,
  ],
  'a result from the assistant': [
    { messages: [...HELLO, assistant([RESULT])] },
    /`tool_result` blocks can only be in `user` messages$/u,
  ],
  'a call id with a dot': [
    { messages: [...HELLO, assistant([{ ...CALL, id: 'functions.f:0' }])] },
    /tool_use\.id: String should match pattern '\^\[a-zA-Z0-9_-\]\+\$'$/u,
  ],
  'input as a string': [
    { messages: [...HELLO, assistant([{ ...CALL, input: '{}' }])] },
    /tool_use\.input: Input should be a valid dictionary$/u,
  ],
  'an empty text in a result': [
    {
      messages: [
        ...HELLO,
        assistant([CALL]),
        user([{ ...RESULT, content: [{ type: 'text', text: '' }] }]),
      ],
    },
    /text content blocks must be non-empty$/u,
  ],
  'a forged signature': [
    {
      messages: [
        ...HELLO,
        assistant([
          { type: 'thinking', thinking: 'x', signature: 'aiproxy.v1.e30' },
          { type: 'text', text: 'y' },
        ]),
        ...HELLO,
      ],
    },
    /^messages\.1\.content\.0: Invalid `signature` in `thinking` block$/u,
  ],
  'thinking without a signature': [
    { messages: [...HELLO, assistant([{ type: 'thinking', thinking: 'x' }]), ...HELLO] },
    /thinking\.signature: Field required$/u,
  ],
  'a trailing space before the answer': [
    { messages: [...HELLO, assistant('So ')] },
    /^messages: final assistant content cannot end with trailing whitespace$/u,
  ],
  'a prefilled answer on a newer Claude': [
    { model: 'claude-sonnet-4-6', messages: [...HELLO, assistant('So')] },
    /^This model does not support assistant message prefill\. The conversation must end with a user message\.$/u,
  ],
  'a temperature above 1': [{ temperature: 1.5 }, /^temperature: range: 0\.\.1$/u],
  'temperature and top_p on Claude 4': [
    { model: 'claude-sonnet-4-5', temperature: 0.5, top_p: 0.5 },
    /^`temperature` and `top_p` cannot both be specified for this model\. Please use only one\.$/u,
  ],
  'a temperature on a newer Claude': [
    { model: 'claude-opus-4-7', temperature: 0 },
    /^`temperature` is deprecated for this model\.$/u,
  ],
  'top_k on a newer Claude': [
    { model: 'claude-sonnet-5', top_k: 5 },
    /^`top_k` is deprecated for this model\.$/u,
  ],
  'a temperature under the newer version': [
    { temperature: 1 },
    /^`temperature` is deprecated/u,
    { 'anthropic-version': '2026-10-21' },
  ],
  'a temperature on a Claude nobody knows yet': [
    { model: 'claude-whatever-9', temperature: 0 },
    /deprecated/u,
  ],
  'a forced tool where the model rejects it': [
    { model: 'claude-opus-5-5', tools: [TOOL], tool_choice: { type: 'any' } },
    /^tool_choice: type "tool" and "any" are not supported for this model\.$/u,
  ],
  'a forced tool while thinking': [
    {
      model: 'claude-sonnet-4-5',
      tools: [TOOL],
      tool_choice: { type: 'any' },
      thinking: { type: 'enabled', budget_tokens: 1024 },
    },
    /^Thinking may not be enabled when tool_choice forces tool use\.$/u,
  ],
  'a choice without tools': [
    { tool_choice: { type: 'auto' } },
    /^tool_choice may only be specified while providing tools\.$/u,
  ],
  'a choice as a string': [
    { tools: [TOOL], tool_choice: 'auto' },
    /^tool_choice: Input should be a valid dictionary/u,
  ],
  'an OpenAI choice': [
    { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'f' } } },
    /Input tag 'function'/u,
  ],
  'a choice of a tool that is not offered': [
    { tools: [TOOL], tool_choice: { type: 'tool', name: 'g' } },
    /Tool 'g' not found/u,
  ],
  'no parallel use beside none': [
    { tools: [TOOL], tool_choice: { type: 'none', disable_parallel_tool_use: true } },
    /disable_parallel_tool_use: Extra inputs/u,
  ],
  'an OpenAI tool': [
    { tools: [{ type: 'function', function: { name: 'f' } }] },
    /^tools\.0: Input tag 'function' found using 'type'/u,
  ],
  'a tool without a schema': [
    { tools: [{ name: 'f' }] },
    /^tools\.0\.custom\.input_schema: Field required$/u,
  ],
  'a tool schema without a type': [
    { tools: [{ name: 'f', input_schema: {} }] },
    /input_schema\.type: Field required$/u,
  ],
  'a tool with parameters': [
    { tools: [{ ...TOOL, parameters: {} }] },
    /^tools\.0\.custom\.parameters: Extra inputs are not permitted$/u,
  ],
  'a tool name with a dot': [
    { tools: [{ ...TOOL, name: 'a.b' }] },
    /custom\.name: String should match pattern/u,
  ],
  'two tools with one name': [{ tools: [TOOL, TOOL] }, /^tools: Tool names must be unique\.$/u],
  'manual thinking on a newer Claude': [
    { model: 'claude-opus-4-7', thinking: { type: 'enabled', budget_tokens: 1024 } },
    /^"thinking\.type\.enabled" is not supported for this model\. Use "thinking\.type\.adaptive" and "output_config\.effort"/u,
  ],
  'adaptive thinking on an older Claude': [
    { model: 'claude-sonnet-4-5', thinking: { type: 'adaptive' } },
    /^adaptive thinking is not supported on this model$/u,
  ],
  'thinking off where it cannot be': [
    { model: 'claude-opus-5-5', thinking: { type: 'disabled' } },
    /^"thinking\.type\.disabled" is not supported/u,
  ],
  'a thinking budget below 1024': [
    { thinking: { type: 'enabled', budget_tokens: 1000 } },
    /budget_tokens: Input should be greater than or equal to 1024$/u,
  ],
  'a thinking budget above max_tokens': [
    { thinking: { type: 'enabled', budget_tokens: 2000 } },
    /^`max_tokens` must be greater than `thinking\.budget_tokens`\.$/u,
  ],
  'a temperature while thinking': [
    { temperature: 0, thinking: { type: 'enabled', budget_tokens: 1024 } },
    /^`temperature` may only be set to 1 when thinking is enabled\.$/u,
  ],
  'an effort on a Claude that has none': [
    { model: 'claude-sonnet-4-5', output_config: { effort: 'low' } },
    /^This model does not support the effort parameter\.$/u,
  ],
  'an effort the Claude does not have': [
    { model: 'claude-opus-4-6', output_config: { effort: 'xhigh' } },
    /'xhigh' is not supported by claude-opus-4-6/u,
  ],
  'a format on a Claude that has none': [
    { model: 'claude-sonnet-4-20250514', ...format(CLOSED) },
    /structured outputs are not supported/u,
  ],
  'an open format': [
    format({ type: 'object', properties: {} }),
    /For 'object' type, 'additionalProperties' must be explicitly set to false$/u,
  ],
  'an open format inside': [
    format({ ...CLOSED, properties: { a: { type: 'array', items: { type: 'object' } } } }),
    /must be explicitly set to false$/u,
  ],
  'a format with bounds': [
    format({ ...CLOSED, properties: { a: { type: 'integer', minimum: 1, maximum: 2 } } }),
    /For 'integer' type, properties minimum, maximum are not supported$/u,
  ],
  'a format with a name': [
    { output_config: { format: { type: 'json_schema', name: 'x', schema: CLOSED } } },
    /format\.name: Extra inputs/u,
  ],
}

for (const [what, [change, says, headers]] of Object.entries(CASES)) {
  test(`/v1/messages refuses ${what}`, async (t) => {
    const mock = await startMock(t)
    for (const stream of [{}, { stream: true }]) {
      const heard = await postAnthropic(
        mock,
        '/v1/messages',
        { ...VALID, ...stream, ...change },
        headers,
      )
      assert.equal(heard.status, 400, heard.text)
      const body = parseObject(heard.text)
      assert.equal(body['type'], 'error')
      assert.equal(at(body, 'error.type'), 'invalid_request_error')
      assert.match(textAt(body, 'error.message'), says)
      assert.equal(body['request_id'], heard.headers['request-id'])
    }
  })
}

test('/v1/messages takes what the model knows', async (t) => {
  const mock = await startMock(t)
  for (const change of [
    {},
    { temperature: 0, top_p: 0.5, top_k: 3 },
    { model: 'claude-sonnet-4-20250514', temperature: 0 },
    { model: 'claude-opus-4-7', temperature: 1 },
    { model: 'claude-3-haiku-20240307', temperature: 1, top_p: 1 },
    { model: 'claude-sonnet-4-5', messages: [...HELLO, assistant('So')] },
    { model: 'claude-sonnet-4-5', ...format(CLOSED) },
    { model: 'claude-opus-5', tools: [TOOL], tool_choice: { type: 'any' } },
    { messages: [...HELLO, assistant([])] },
    {
      messages: [
        ...HELLO,
        assistant([CALL]),
        user([
          { ...RESULT, content: '' },
          { type: 'text', text: 'go on' },
        ]),
      ],
    },
    { system: '', metadata: { user_id: 'x' }, stop_sequences: [], tools: [] },
    { system: null, temperature: null, tools: null, metadata: null },
  ]) {
    const heard = await postAnthropic(mock, '/v1/messages', { ...VALID, ...change })
    assert.equal(heard.status, 200, `${JSON.stringify(change)}: ${heard.text}`)
  }
})

test('a beta field is taken with a beta header', async (t) => {
  const mock = await startMock(t)
  const heard = await postAnthropic(
    mock,
    '/v1/messages?beta=true',
    { ...VALID, context_management: { edits: [] } },
    { 'anthropic-beta': 'context-management-2025-06-27' },
  )
  assert.equal(heard.status, 200)
})

test('count_tokens refuses what belongs to an answer', async (t) => {
  const mock = await startMock(t)
  for (const field of ['max_tokens', 'stream', 'temperature']) {
    const heard = await postAnthropic(mock, '/v1/messages/count_tokens', {
      model: 'mock',
      messages: HELLO,
      [field]: 1,
    })
    assert.equal(heard.status, 400)
    assert.match(heard.text, new RegExp(`${field}: Extra inputs are not permitted`, 'u'))
  }
})
