import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { loadConfigText } from '../../src/config/load.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const WORDS =
  'users models providers gpt-5 openai listen name failover limits api_key base_url key on price mock ' +
  '__proto__ constructor << { } [ ] " # | > &a *a !t ${A} ${A:-b} ${ $${ 1 -1 .inf 0x1F true null ~ ' +
  '60/minute http://[::1]:1/v1 http://x 127.0.0.1:4242 0.0.0.0:1'
const SIGNS = [
  ': ',
  ':',
  ', ',
  '\n',
  '\n  ',
  '\n    ',
  '- ',
  '? ',
  "'",
  '---\n',
  '%YAML 1.1\n',
  '\t',
]
const STRANGE = ['\r', '\uFEFF', '\u0000', '\u2028', '\uD800', '😀', '\u202E', ' ']
const TOKENS = WORDS.split(' ').concat(SIGNS, STRANGE)
const ENV = { A: 'x: {y: [', B: '\u0000' }

/** Text of the config's own words in any order, or whole JSON values of any shape under its keys. */
const yamlish = fc.oneof(
  fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }).map((tokens) => tokens.join('')),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc
    .dictionary(
      fc.constantFrom('users', 'models', 'providers', 'failover', 'listen', 'log', 'mock'),
      fc.jsonValue({ maxDepth: 5 }),
    )
    .map((value) => JSON.stringify(value)),
)

// fast-check prints the seed and the shrunk text of a failure.
test('no text whatsoever makes anything but a config or config_invalid', async () => {
  const property = fc.asyncProperty(yamlish, async (text) => {
    try {
      const config = await loadConfigText(text, '/w/c.yaml', { env: ENV, cwd: '/w', home: '/h' })
      assert.ok(Object.isFrozen(config))
    } catch (error) {
      assert.ok(error instanceof ProxyError, String(error))
      assert.equal(error.code, 'config_invalid')
      for (const line of error.message.split('\n')) {
        assert.match(line, /^(c\.yaml(:\d+:\d+)?: .|… and \d+ more problems$)/)
        assert.ok(!/\p{C}/u.test(line), JSON.stringify(line))
      }
    }
  })
  await fc.assert(property, { numRuns: 1500, interruptAfterTimeLimit: 2500 })
})
