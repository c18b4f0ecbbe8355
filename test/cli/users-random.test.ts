/** Random sequences of `aiproxy users …`, as typed, on a file that people have written much into. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import * as fc from 'fast-check'
import type { Config } from '../../src/config/config.ts'
import { loadConfigText } from '../../src/config/load.ts'
import { COMMENTED, commentsOf, isSubsequence, linesOfOthers } from '../config/commented.ts'
import { createFake } from './fake-world.ts'

const SEQUENCES = 200
const USERS = ['ann', 'bob', 'c@example.org', '007', 'eve']
const KNOWN = ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-20250514', 'local', '4.10']
const WORDS = [...KNOWN, 'gpt-*', '*', 'o9-new', 'claude-new', 'gpt-55']
const LIMITS = [
  'requests=60/minute',
  'requests=60/minute,1k/day',
  'tokens=200k/day',
  'tokens=off',
  'cost=5USD/day',
  'concurrency=4',
  'concurrency=off',
  'off',
]

/** The words after `aiproxy users`. */
const someUser = fc.constantFrom(...USERS)
const someModels = fc.uniqueArray(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 })
const command: fc.Arbitrary<string[]> = fc.oneof(
  fc.tuple(someUser, someModels).map(([user, models]) => ['add', user, ...models]),
  fc
    .tuple(someUser, fc.constantFrom(...KNOWN), fc.constantFrom(...LIMITS.slice(0, 6)))
    .map(([user, model, limit]) => ['add', user, '-m', model, '--limit', limit, '--key']),
  fc
    .tuple(fc.constantFrom('allow', 'deny'), someUser, someModels)
    .map(([verb, user, models]) => [verb, user, ...models]),
  fc
    .tuple(someUser, fc.constantFrom(...KNOWN), fc.constantFrom(...KNOWN, 'gpt-5,local', 'off'))
    .map((words) => ['failover', ...words]),
  fc.tuple(someUser, fc.constantFrom(...LIMITS)).map((words) => ['limit', ...words]),
  fc.tuple(someUser).map((words) => ['key', ...words]),
  fc.tuple(someUser).map((words) => ['key', ...words, '--revoke', '--all']),
  fc.tuple(someUser).map((words) => ['remove', ...words, '--yes']),
)

const FILES = [
  { mode: 0o600, text: COMMENTED },
  { mode: 0o640, text: COMMENTED.replaceAll('\n', '\r\n') },
  {
    mode: 0o664,
    text: COMMENTED.replace('    models:   # 11 @ann', '    models: &grants   # 11 @ann').replace(
      'bob: { models: [ gpt-5, local, ] }',
      'bob: { models: *grants }',
    ),
  },
]

/** One command in this process; nothing but the file outlives it. */
async function run(
  cwd: string,
  words: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const fake = createFake({ cwd })
  const code = await fake.main('users', ...words, '--color', 'never')
  return { code, stdout: fake.stdout(), stderr: fake.stderr() }
}

function load(text: string): Promise<Config> {
  return loadConfigText(text, '/w/aiproxy.yaml', { env: {}, cwd: '/w', home: '/h' })
}

/** What `patch` would make of the text: each hunk must find its lines where it says they are. */
function applyDiff(text: string, diff: string): string {
  const before = text.match(/[^\n]*\n|[^\n]+$/g) ?? []
  const after: string[] = []
  let at = 0
  for (const line of diff.match(/[^\n]*\n/g) ?? []) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+/.exec(line)
    if (hunk !== null) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1)
      after.push(...before.slice(at, start))
      at = start
    } else if (line.startsWith('\\')) after.push((after.pop() ?? '').replace(/\n$/, ''))
    else if (line.startsWith('+++') || line.startsWith('---')) continue
    else if (line.startsWith('+')) after.push(line.slice(1))
    else {
      assert.equal(before[at], line.slice(1), `line ${at + 1} of\n${diff}`)
      if (line.startsWith(' ')) after.push(line.slice(1))
      at += 1
    }
  }
  return [...after, ...before.slice(at)].join('')
}

/** Keys are made of chance: of two runs each makes its own. */
function withoutKeys(text: string): string {
  return text.replace(/sha256:[0-9a-f]{64}(:\w{4})?/g, 'sha256:…')
}

/** That what was asked for is so now. */
function assertDone(words: readonly string[], before: Config, after: Config): void {
  const [verb, name = '', ...rest] = words
  const user = after.users.get(name)
  const models = user?.models.map((entry) => entry.name) ?? []
  if (verb === 'remove') {
    assert.equal(user, undefined)
    return
  }
  assert.ok(user !== undefined, words.join(' '))
  const plain = rest.filter((word) => !/^-|[*=]/.test(word))
  if (verb === 'allow') for (const model of plain) assert.ok(models.includes(model), model)
  if (verb === 'deny') for (const model of plain) assert.ok(!models.includes(model), model)
  if (verb === 'failover') {
    const [model, chain = ''] = rest
    const entry = user.models.find((one) => one.name === model)
    assert.deepEqual(entry?.failover, chain === 'off' ? [] : chain.split(','))
  }
  const had = before.users.get(name)?.keys.length ?? 0
  if (verb === 'key') assert.equal(user.keys.length, rest.includes('--revoke') ? 0 : had + 1)
  if (verb === 'limit' && rest.join() === 'off') {
    assert.deepEqual(user.limits, { requests: [], tokens: [], costUsd: [], concurrency: undefined })
  }
  for (const [other, unchanged] of before.users) {
    if (other !== name) assert.deepEqual(after.users.get(other), unchanged, `${other} is another`)
  }
}

test(`${SEQUENCES} random sequences of commands: the file always loads, keeps comments, order and mode, and -n told the change`, async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-random-'))
  t.after(() => {
    rmSync(cwd, { recursive: true })
  })
  const path = join(cwd, 'aiproxy.yaml')
  let changes = 0
  let refusals = 0

  /** One command, first as a dry run. */
  async function step(words: readonly string[], mode: number): Promise<void> {
    const before = readFileSync(path, 'utf8')
    const dry = await run(cwd, [...words, '--dry-run'])
    assert.equal(readFileSync(path, 'utf8'), before, `${words.join(' ')} --dry-run wrote`)
    const real = await run(cwd, words)
    const after = readFileSync(path, 'utf8')
    const story = `${words.join(' ')}\n${real.stderr}${before}\n---\n${after}`
    assert.equal(dry.code, real.code, story)
    assert.equal(statSync(path).mode & 0o777, mode, story)
    assert.deepEqual(readdirSync(cwd), ['aiproxy.yaml'])
    if (real.code !== 0) {
      assert.equal(real.code, 2, story)
      assert.equal(after, before, story)
      refusals += 1
      return
    }
    // A dry run of what is so already has no diff to show.
    const diff = dry.stdout.startsWith('---') ? dry.stdout : ''
    assert.equal(withoutKeys(applyDiff(before, diff)), withoutKeys(after), story)
    if (after !== before) changes += 1
    const [old, now] = [await load(before), await load(after)]
    if (after === before) assert.deepEqual(now, old)
    assertDone(words, old, now)
    const owner = words[1] ?? ''
    const kept = commentsOf(before).filter((comment) => !comment.includes(`@${owner}`))
    assert.ok(isSubsequence(kept, commentsOf(after)), story)
    const others = linesOfOthers(before, owner).filter(
      (line) => line.trim() !== '' && !line.includes(`@${owner}`) && !line.startsWith('users:'),
    )
    // Names that stand for the same list are told apart where one of them changes.
    if (!before.includes('*grants')) assert.ok(isSubsequence(others, after.split('\n')), story)
    if (before.includes('\r\n')) assert.doesNotMatch(after, /[^\r]\n/)
  }

  const property = fc.asyncProperty(
    fc.constantFrom(...FILES),
    fc.array(command, { minLength: 2, maxLength: 6 }),
    async ({ mode, text }, commands) => {
      writeFileSync(path, text)
      chmodSync(path, mode)
      // oxlint-disable-next-line no-await-in-loop -- each works on what the one before has left
      for (const words of commands) await step(words, mode)
    },
  )
  // fast-check prints the seed and the shrunk sequence of a failure.
  await fc.assert(property, { numRuns: SEQUENCES })
  t.diagnostic(`${changes} changes written, ${refusals} commands refused`)
  assert.ok(changes > SEQUENCES, `${changes} changes`)
})
