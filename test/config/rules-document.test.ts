/** docs/model-rules.md: the keys of `rules`, and the tables that they override. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { FILE } from '../../src/config/file.ts'
import { renderTable } from '../../src/dialects/markdown.ts'
import { renderModelTables } from '../../src/dialects/model-rules-document.ts'

const DOCUMENT = new URL('../../../docs/model-rules.md', import.meta.url)

function render(): string {
  const models = FILE.schema.properties?.['models']?.additionalProperties
  const rules = models === undefined || models === false ? undefined : models.properties?.['rules']
  const keys = Object.entries(rules?.properties ?? {}).map(([key, { description }]) => [
    `\`${key}\``,
    description ?? '',
  ])
  return [
    '# What models take',
    '',
    'No provider’s model list says whether a model takes `temperature`, a forced tool or tools beside reasoning. aiproxy',
    'knows it by the model’s name. Where it is wrong, or a name says nothing, the config decides, for all models of a',
    'provider or for one of them, whose own rules go first:',
    '',
    '```yaml',
    'providers:',
    '  vllm:',
    '    dialect: openai',
    '    base_url: http://127.0.0.1:8000/v1',
    '    rules: { replay_reasoning: true, top_k: true }',
    'models:',
    '  prod: { provider: openai, rules: { like: gpt-5.4, max_output: 64000 } }',
    "  claude-opus-5: { provider: anthropic, rules: { drop_betas: ['context-1m-*'] } }",
    '```',
    '',
    renderTable(['rule', 'meaning'], keys),
    'Whatever a rule takes away from a request is announced in `x-aiproxy-notes`, and refused by a strict model.',
    'This file is written by `npm run docs` from `src/config/file.ts` and `src/dialects/model-rules.ts`.',
    '',
    renderModelTables(),
  ].join('\n')
}

test('docs/model-rules.md is what the tables say; UPDATE_DOCS=1 writes it', () => {
  const rendered = render()
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, rendered)
  assert.equal(readFileSync(DOCUMENT, 'utf8'), rendered, 'run `npm run docs`')
  assert.ok(rendered.includes('`tools_with_reasoning`'))
})
