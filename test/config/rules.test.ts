/** `rules`: what is said over the tables of what models take. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { loadConfigText } from '../../src/config/load.ts'
import type { ModelRules } from '../../src/config/config.ts'
import type { RuleOverrides } from '../../src/dialects/model-rules.ts'

const CIRCUMSTANCES = { env: {}, cwd: '/w', home: '/h', overrides: {} }

async function rulesOf(text: string, model = 'm'): Promise<ModelRules | undefined> {
  const config = await loadConfigText(text, '/w/aiproxy.yaml', CIRCUMSTANCES)
  return config.models.get(model)?.rules
}

const EVERY_RULE = `
models:
  m:
    provider: openai
    rules:
      like: gpt-5.4
      sampling: false
      top_k: true
      stop: false
      forced_tools: false
      parallel_tools: false
      tools_with_reasoning: true
      prefill: true
      mid_system: false
      structured_outputs: false
      thinking: adaptive
      efforts: [low, high]
      max_output: 64000
      max_tokens_field: max_tokens
      replay_reasoning: true
      tool_call_ids: mistral
      drop_betas: context-1m-2025-08-07
`

test('every rule arrives under its own name, as the dialects know it', async () => {
  const rules: RuleOverrides | undefined = await rulesOf(EVERY_RULE)
  assert.deepEqual(rules, {
    like: 'gpt-5.4',
    sampling: false,
    topK: true,
    stop: false,
    forcedTools: false,
    parallelTools: false,
    toolsWithReasoning: true,
    prefill: true,
    midSystem: false,
    structuredOutputs: false,
    thinking: 'adaptive',
    efforts: ['low', 'high'],
    maxOutput: 64_000,
    maxTokensField: 'max_tokens',
    replayReasoning: true,
    toolCallIds: 'mistral',
    dropBetas: ['context-1m-2025-08-07'],
  })
})

test('a model without rules has none, and its provider’s hold', async () => {
  assert.deepEqual(await rulesOf('models: {m: {provider: openai}}'), {})
  const text = `
providers:
  openai: {rules: {stop: false, drop_betas: ['context-*', other-1]}}
models:
  m: {provider: openai, rules: {stop: true}}
  n: {provider: openai}
`
  assert.deepEqual(await rulesOf(text), { stop: true, dropBetas: ['context-*', 'other-1'] })
  assert.deepEqual(await rulesOf(text, 'n'), { stop: false, dropBetas: ['context-*', 'other-1'] })
})

const MISTAKES: ReadonlyArray<readonly [rules: string, says: string]> = [
  ['{samplign: false}', 'unknown key "samplign" in models.m.rules; did you mean "sampling"?'],
  ['{sampling: 1}', 'models.m.rules.sampling must be true or false, not a number: 1'],
  [
    '{thinking: adaptiv}',
    'models.m.rules.thinking: "adaptiv" is not one of none, budget, adaptive or given; did you mean "adaptive"?',
  ],
  [
    '{efforts: [lo]}',
    'models.m.rules.efforts[0]: "lo" is not one of none, minimal, low, medium, high, xhigh or max; did you mean "low"?',
  ],
  ['{max_output: 0}', 'models.m.rules.max_output: 0 is out of range; it goes from 1 to 100000000'],
  [
    '{drop_betas: "a b"}',
    'models.m.rules.drop_betas: "a b" is not a beta; write one name, or its beginning and *',
  ],
  [
    '{tool_call_ids: mistrl}',
    'models.m.rules.tool_call_ids: "mistrl" is not one of any or mistral; did you mean "mistral"?',
  ],
]

for (const [rules, says] of MISTAKES) {
  test(`rules: ${rules} is refused with the nearest valid name`, async () => {
    const text = `models:\n  m: {provider: openai, rules: ${rules}}\n`
    await assert.rejects(rulesOf(text), (error) => {
      assert.ok(error instanceof ProxyError)
      assert.equal(error.code, 'config_invalid')
      assert.ok(error.message.includes(says), error.message)
      return true
    })
  })
}
