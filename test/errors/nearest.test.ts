import assert from 'node:assert/strict'
import test from 'node:test'
import { nearest } from '../../src/errors/nearest.ts'

const MODELS = ['gpt-5', 'gpt-4.1', 'claude-sonnet-4-20250514', 'local']
const CASES: ReadonlyArray<readonly [string, readonly string[], string | undefined]> = [
  ['gpt-6', MODELS, 'gpt-5'],
  ['gtp-5', MODELS, 'gpt-5'],
  ['GPT-5', MODELS, 'gpt-5'],
  ['gpt5', MODELS, 'gpt-5'],
  ['lcoal', MODELS, 'local'],
  ['claude-sonnet-4', MODELS, 'claude-sonnet-4-20250514'],
  ['claude-sonnet-4-20250415', MODELS, 'claude-sonnet-4-20250514'],
  ['mistral-large', MODELS, undefined],
  ['x', ['y'], 'y'],
  ['ab', ['xy'], undefined],
  ['', MODELS, undefined],
  ['gpt', ['gpt-5', 'gpt-4.1'], undefined],
  ['__proto__', MODELS, undefined],
  ['constructor', ['constructors'], 'constructors'],
  ['a'.repeat(5000), ['a'.repeat(5000)], undefined],
]

for (const [name, candidates, expected] of CASES) {
  test(`the name nearest to ${JSON.stringify(name.slice(0, 30))} is ${expected ?? 'none'}`, () => {
    assert.equal(nearest(name, candidates), expected)
  })
}
