/** Whatever stands anywhere in a Messages body, the caller gets an answer or an error of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { estimateInputTokens } from '../../src/dialects/count-tokens.ts'
import type { JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { isJsonObject } from '../../src/wire/json.ts'
import { toChat } from './anthropic-caller.ts'

const RICH: JsonObject = {
  model: 'asked',
  max_tokens: 100,
  system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'x' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
        {
          type: 'document',
          title: 't',
          context: 'c',
          citations: { enabled: true },
          source: { type: 'content', content: [{ type: 'text', text: 'x' }] },
        },
        { type: 'search_result', title: 't', source: 's', content: [{ type: 'text', text: 'x' }] },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Hm.', signature: 'aiproxy.v1.eyJjYWxscyI6eyJhIjpbXX19' },
        { type: 'redacted_thinking', data: 'AAAA' },
        { type: 'text', text: 'y', citations: [{ type: 'char_location' }] },
        { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
        { type: 'compaction', content: 'c' },
        { type: 'tool_use', id: 'a', name: 'look', input: { x: [1] } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'a',
          is_error: true,
          content: [
            { type: 'text', text: 'z' },
            { type: 'tool_reference', tool_name: 'look' },
            { type: 'browser_state', tabs: [] },
          ],
        },
      ],
    },
    { role: 'system', content: 'Now French.' },
    { role: 'assistant', content: 'Oui' },
  ],
  tools: [
    {
      name: 'look',
      description: 'Looks.',
      strict: true,
      input_schema: { type: 'object', properties: { x: { type: 'array' } } },
      input_examples: [{}],
      allowed_callers: ['direct'],
      cache_control: { type: 'ephemeral' },
    },
    { type: 'bash_20250124', name: 'bash' },
  ],
  tool_choice: { type: 'tool', name: 'look', disable_parallel_tool_use: true },
  thinking: { type: 'enabled', budget_tokens: 2000, display: 'summarized' },
  output_config: {
    effort: 'high',
    format: { type: 'json_schema', schema: { type: 'object', properties: {} } },
  },
  temperature: 1,
  top_p: 1,
  top_k: 5,
  stop_sequences: ['END'],
  stream: true,
  metadata: { user_id: 'u' },
  service_tier: 'auto',
}

const HOSTILE: readonly JsonValue[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'x',
  '__proto__',
  [],
  [null],
  ['x'],
  [[]],
  {},
  { type: 'constructor' },
  { type: 'text' },
]

/** The value with `replacement` at every place in turn, and its path. */
function* variants(
  value: JsonValue,
  replacement: JsonValue,
  path: string,
): Generator<readonly [string, JsonValue]> {
  yield [path, replacement]
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const [at, changed] of variants(item, replacement, `${path}[${index}]`)) {
        yield [at, value.with(index, changed)]
      }
    }
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      for (const [at, changed] of variants(member, replacement, `${path}.${key}`)) {
        yield [at, { ...value, [key]: changed }]
      }
    }
  }
}

test('a rich request crosses', () => {
  assert.equal(toChat(RICH).messages.length, 6)
})

test('any value in any place is translated or refused as the caller’s mistake, with its path', () => {
  let refused = 0
  for (const replacement of HOSTILE) {
    for (const [path, body] of variants(RICH, replacement, '')) {
      if (!isJsonObject(body) || path === '') continue
      assert.ok(Number.isSafeInteger(estimateInputTokens(body)), path)
      try {
        toChat(body)
      } catch (error) {
        refused += 1
        const where = `${path} = ${JSON.stringify(replacement)}`
        assert.ok(error instanceof ProxyError, `${where}: ${String(error)}`)
        assert.equal(error.status, 400, where)
        assert.ok(error.param !== undefined, where)
      }
    }
  }
  assert.ok(refused > 100)
})
