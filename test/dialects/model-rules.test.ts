import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CLAUDE_MODELS,
  findClaudeModel,
  findOpenAiModel,
  OPENAI_MODELS,
} from '../../src/dialects/model-rules.ts'
import type { RuleOverrides } from '../../src/dialects/model-rules.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { targetDialect } from '../../src/dialects/registry.ts'
import { toAnthropic } from './support.ts'

const NAMES: ReadonlyArray<readonly [name: string, key: string]> = [
  ['claude-opus-5-5-20261001', 'opus-5-5'],
  ['claude-opus-5-20260301', 'opus-5'],
  ['anthropic/claude-opus-4.5', 'opus-4-5'],
  ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'sonnet-4-5'],
  ['claude-opus-4@20250514', 'opus-4'],
  ['claude-opus-4-20250514', 'opus-4'],
  ['claude-sonnet-4-20250514', 'sonnet-4'],
  ['claude-opus-4-1-20250805', 'opus-4-1'],
  ['claude-3-5-sonnet-20241022', 'claude-3-5'],
  ['claude-3-haiku-20240307', 'claude-3'],
  ['claude-3-7-sonnet-latest', 'claude-3'],
  ['Claude-Haiku-4-5', 'haiku-4-5'],
]

for (const [name, key] of NAMES) {
  test(`${name} is known by ${key}`, () => {
    assert.equal(findClaudeModel(name), CLAUDE_MODELS.get(key))
  })
}

test('a Claude newer than the table is taken for the newest, not for its elder namesake', () => {
  for (const name of ['claude-opus-5-7', 'claude-sonnet-6', 'claude-opus-4-9-20260101']) {
    const model = findClaudeModel(name)
    assert.equal(model.sampling, 'none', name)
    assert.equal(model.forcedTools, false, name)
    assert.equal(model.maxOutputTokens, 128_000, name)
  }
})

test('a name that is no Claude keeps every old habit', () => {
  const model = findClaudeModel('deepseek-chat')
  assert.equal(model.claude, false)
  assert.equal(model.maxOutputTokens, 4096)
  assert.equal(model.prefill, true)
})

test('OpenAI models are known by name, with or without a prefix; others are not', () => {
  assert.equal(findOpenAiModel('gpt-4.1-mini').reasoning, false)
  assert.equal(findOpenAiModel('openai/gpt-5').reasoning, true)
  assert.equal(findOpenAiModel('ft:gpt-4.1-mini:acme::x').maxTokensField, 'max_completion_tokens')
  assert.equal(findOpenAiModel('o3-mini').stop, false)
  assert.deepEqual(findOpenAiModel('gpt-5').efforts, ['minimal', 'low', 'medium', 'high'])
  assert.equal(findOpenAiModel('gpt-5.4').toolsWithReasoning, false)
  assert.equal(findOpenAiModel('gpt-5.2').toolsWithReasoning, true)
  assert.equal(findOpenAiModel('gpt-6-sol').efforts[0], 'none')
  assert.equal(findOpenAiModel('gpt-6.1').efforts[0], 'low')
  assert.equal(findOpenAiModel('gpt-6-sol').sampling, 'never')
  assert.equal(findOpenAiModel('gpt-5-chat-latest').reasoning, false)
  const foreign = findOpenAiModel('qwen3:8b')
  assert.equal(foreign.openai, false)
  assert.equal(foreign.maxTokensField, 'max_tokens')
  assert.equal(foreign.efforts, 'any')
})

test('servers that need their own reasoning or short call ids are known by their models', () => {
  assert.equal(findOpenAiModel('deepseek-chat').replayReasoning, true)
  assert.equal(findOpenAiModel('deepseek/deepseek-v4').replayReasoning, true)
  assert.equal(findOpenAiModel('deepseek-reasoner').replayReasoning, false)
  assert.equal(findOpenAiModel('kimi-k2-thinking').replayReasoning, true)
  assert.equal(findOpenAiModel('mistral-large-latest').toolCallIds, 'mistral')
  assert.equal(findOpenAiModel('open-mixtral-8x22b').toolCallIds, 'mistral')
  assert.equal(findOpenAiModel('gpt-5').toolCallIds, 'any')
})

test('no pattern of the OpenAI table is shadowed by an earlier one', () => {
  const samples = [
    'o3',
    'o1-preview',
    'gpt-6-sol',
    'gpt-6',
    'gpt-5-chat-latest',
    'gpt-5.4-mini',
    'gpt-5.1-codex-max',
    'gpt-5.1',
    'gpt-5.2',
    'gpt-5-pro',
    'gpt-5-codex',
    'gpt-5-mini',
    'gpt-4o',
    'deepseek-reasoner',
    'deepseek-chat',
    'codestral-latest',
  ]
  const found = samples.map((name) => OPENAI_MODELS.findIndex(([pattern]) => pattern.test(name)))
  assert.deepEqual(found, [...OPENAI_MODELS.keys()])
})

test('what the config says goes over both tables, and nothing else changes', () => {
  const claude = findClaudeModel('claude-opus-4-5')
  assert.equal(findClaudeModel('claude-opus-4-5', {}), claude)
  assert.equal(findClaudeModel('claude-opus-4-5', { sampling: undefined }), claude)
  assert.deepEqual(
    findClaudeModel('claude-opus-4-5', { sampling: false, forcedTools: false, maxOutput: 9 }),
    { ...claude, sampling: 'none', forcedTools: false, maxOutputTokens: 9 },
  )
  assert.equal(findClaudeModel('claude-opus-4-5', { sampling: true }).sampling, 'one')
  assert.equal(findClaudeModel('claude-opus-5', { sampling: true }).sampling, 'free')
  assert.equal(findClaudeModel('glm-5', { thinking: 'budget' }).takesBudget, true)
  assert.deepEqual(findClaudeModel('glm-5', { efforts: ['none', 'low', 'max'] }).efforts, [
    'low',
    'max',
  ])
  assert.equal(findClaudeModel('prod-smart', { like: 'claude-opus-5' }).forcedTools, true)
  const gpt = findOpenAiModel('gpt-5.4')
  assert.deepEqual(findOpenAiModel('gpt-5.4', { toolsWithReasoning: true, stop: false }), {
    ...gpt,
    toolsWithReasoning: true,
    stop: false,
  })
  assert.equal(findOpenAiModel('qwen3:8b', { efforts: ['low'] }).reasoning, true)
  assert.equal(findOpenAiModel('gpt-5', { efforts: [] }).reasoning, false)
  assert.deepEqual(findOpenAiModel('prod', { like: 'gpt-5.4' }), gpt)
})

test('rules of the config reach the body, with a note where they cost something', () => {
  const asked: JsonObject = {
    max_tokens: 9000,
    temperature: 0.5,
    top_p: 1,
    tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
    tool_choice: 'required',
  }
  const rules: RuleOverrides = { sampling: false, forcedTools: false, maxOutput: 100 }
  const { body, notes } = toAnthropic(asked, { model: 'claude-haiku-4-5', rules })
  assert.equal(body['max_tokens'], 100)
  assert.equal(body['temperature'], undefined)
  assert.deepEqual(body['tool_choice'], { type: 'auto' })
  assert.equal(notes, 'max_tokens;adapted, tool_choice;adapted, temperature;dropped, top_p;dropped')
})

test('rules decide in which of OpenAI’s APIs a model is asked', () => {
  const call = { api: 'chat' as const, caller: openaiChat, json: { tools: [{}] } }
  const provider = { dialect: 'openai', api: 'auto' } as const
  const spoken = (model: string, rules?: RuleOverrides) =>
    targetDialect(provider, model, call, rules).name
  assert.equal(spoken('gpt-5.4'), 'openai-responses')
  assert.equal(spoken('gpt-5.4', { toolsWithReasoning: true }), 'openai-chat')
  assert.equal(spoken('prod'), 'openai-chat')
  assert.equal(spoken('prod', { like: 'gpt-5.4' }), 'openai-responses')
})
