/** Random edits, one after the other, on files that people have written much into. */
import assert from 'node:assert/strict'
import test from 'node:test'
import * as fc from 'fast-check'
import { editConfigText } from '../../src/config/edit.ts'
import type { Edit } from '../../src/config/edit-roster.ts'
import { NO_LIMITS } from '../../src/config/no-limits.ts'
import { COMMENTED, commentsOf, isSubsequence, linesOfOthers } from './commented.ts'

const HEX = '0123456789abcdef'
const DIGESTS = Array.from({ length: 6 }, (_, index) => HEX.charAt(index + 10).repeat(64))
const MODELS = ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-20250514', 'local', '4.10']
const USERS = ['ann', 'bob', 'c@example.org', '007', 'eve']

const SHARED = COMMENTED.replace(
  '    models:   # 11 @ann',
  '    models: &grants   # 11 @ann',
).replace('bob: { models: [ gpt-5, local, ] }', 'bob: { models: *grants }')

const JSON_TEXT = JSON.stringify(
  {
    users: {
      ann: { models: [{ name: 'gpt-5', failover: 'local' }, { name: 'local' }] },
      bob: { models: ['gpt-5', 'local'], limits: { tokens: '200k/day' } },
      'c@example.org': { models: [], keys: [`sha256:${'0'.repeat(64)}`] },
    },
    models: Object.fromEntries(MODELS.map((name) => [name, { provider: 'openai' }])),
  },
  undefined,
  4,
)

const FILES: ReadonlyArray<readonly [what: string, text: string]> = [
  ['commented YAML', COMMENTED],
  ['commented YAML with an alias', SHARED],
  ['commented YAML with CRLF', COMMENTED.replaceAll('\n', '\r\n')],
  ['JSON', JSON_TEXT],
  ['JSON on one line', JSON.stringify(JSON.parse(JSON_TEXT))],
]

// The model: plain lists that know nothing of text.

interface PlainUser {
  name: string
  models: Array<{ name: string; failover: string[] }>
  limits: Record<'requests' | 'tokens' | 'cost', string[]>
  keys: string[]
}

type Wish =
  | { readonly do: 'add' | 'remove'; readonly user: string; readonly models: readonly string[] }
  | { readonly do: 'allow' | 'deny'; readonly user: string; readonly models: readonly string[] }
  | { readonly do: 'failover'; readonly user: string; readonly models: readonly string[] }
  | {
      readonly do: 'limit'
      readonly user: string
      readonly of: 'requests' | 'tokens' | 'cost'
      readonly amounts: readonly number[]
    }
  | { readonly do: 'key' | 'revoke'; readonly user: string; readonly digest: string }

const someModels = fc.shuffledSubarray(MODELS, { minLength: 1, maxLength: 3 })
const someUser = fc.constantFrom(...USERS)
const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({
    do: fc.constantFrom('add' as const, 'remove' as const, 'allow' as const, 'deny' as const),
    user: someUser,
    models: someModels,
  }),
  fc.record({ do: fc.constant('failover' as const), user: someUser, models: someModels }),
  fc.record({
    do: fc.constant('limit' as const),
    user: someUser,
    of: fc.constantFrom('requests' as const, 'tokens' as const, 'cost' as const),
    amounts: fc.uniqueArray(fc.constantFrom(1, 60, 1500, 200_000, 2_500_000), { maxLength: 2 }),
  }),
  fc.record({
    do: fc.constantFrom('key' as const, 'revoke' as const),
    user: someUser,
    digest: fc.constantFrom(...DIGESTS),
  }),
)

/** The wish as an edit, done to the model too; `undefined` where it means nothing as things are. */
function grant(wanted: Wish, users: PlainUser[]): Edit | undefined {
  const { user: name } = wanted
  const user = users.find((one) => one.name === name)
  if (wanted.do === 'add') {
    if (user !== undefined) return undefined
    const models = wanted.models.map((model) => ({ name: model, failover: [] as string[] }))
    const [first, second] = models
    if (first !== undefined && second !== undefined) first.failover.push(second.name)
    users.push({ name, models, limits: { requests: [], tokens: [], cost: [] }, keys: [] })
    const grants = models.map((model) => ({ ...structuredClone(model), limits: undefined }))
    return { kind: 'add-user', user: name, models: grants, limits: NO_LIMITS, keys: [] }
  }
  if (user === undefined) return undefined
  switch (wanted.do) {
    case 'remove':
      users.splice(users.indexOf(user), 1)
      return { kind: 'remove-user', user: name }
    case 'allow': {
      const models = wanted.models.filter((one) => !user.models.some((entry) => entry.name === one))
      if (models.length === 0) return undefined
      user.models.push(...models.map((model) => ({ name: model, failover: [] })))
      return { kind: 'allow', user: name, models }
    }
    case 'deny': {
      const models = wanted.models.filter((one) => user.models.some((entry) => entry.name === one))
      if (models.length === 0) return undefined
      user.models = user.models.filter((entry) => !models.includes(entry.name))
      return { kind: 'deny', user: name, models }
    }
    case 'failover': {
      const [entry] = user.models
      if (entry === undefined) return undefined
      const chain = wanted.models.filter((one) => one !== entry.name)
      entry.failover = chain
      return { kind: 'failover', user: name, model: entry.name, chain }
    }
    case 'limit':
      user.limits[wanted.of] = wanted.amounts.map((amount) => `${amount}/day`)
      return {
        kind: 'limit',
        user: name,
        of: wanted.of,
        limits: wanted.amounts.map((amount) => ({ amount, window: 'day' })),
      }
    case 'key':
      if (users.some(({ keys }) => keys.includes(wanted.digest))) return undefined
      user.keys.push(wanted.digest)
      return { kind: 'add-key', user: name, key: { digest: wanted.digest, hint: undefined } }
    case 'revoke': {
      const [first] = user.keys
      if (first === undefined) return undefined
      user.keys.shift()
      return { kind: 'revoke-keys', user: name, digests: [first] }
    }
  }
}

function amountsOf(limits: ReadonlyArray<{ amount: number; window: string }>): string[] {
  return limits.map(({ amount, window }) => `${amount}/${window}`)
}

async function readPlain(text: string): Promise<{ text: string; users: PlainUser[] }> {
  const { after } = await editConfigText({ ...REQUEST, text, edits: [] })
  const users = [...after.users.values()].map(({ name, models, limits, keys }) => ({
    name,
    models: models.map((entry) => ({ name: entry.name, failover: [...entry.failover] })),
    limits: {
      requests: amountsOf(limits.requests),
      tokens: amountsOf(limits.tokens),
      cost: amountsOf(limits.costUsd),
    },
    keys: [...keys],
  }))
  return { text, users }
}

const REQUEST = { path: '/w/aiproxy.yaml', options: { env: {}, cwd: '/w', home: '/h' } }

/** Whether an edit may take this comment along. */
function mayGo(comment: string, edit: Edit): boolean {
  const [, owner = '', part = ''] = /@([\w.@]*[\w])([/+][\w.-]+)?/.exec(comment) ?? []
  if (owner === '' || edit.kind === 'add-model' || edit.user !== owner) return false
  switch (edit.kind) {
    case 'remove-user':
      return true
    case 'deny':
      return edit.models.includes(part.slice(1))
    case 'failover':
      // The end of a line that a list below it goes from.
      return part === `/${edit.model}` && comment.startsWith('# 26 ')
    case 'limit':
      return part === `+${edit.of}` || (part === '+any' && edit.limits.length === 0)
    case 'revoke-keys':
      return part === '+keys'
    default:
      return false
  }
}

for (const [what, original] of FILES) {
  // 5 files of 40 sequences each; fast-check prints the seed and the shrunk sequence of a failure.
  test(`any edits of ${what} leave a file that loads, says what was asked, and keeps its comments`, async () => {
    const property = fc.asyncProperty(
      fc.array(wish, { minLength: 1, maxLength: 12 }),
      async (wishes) => {
        let { text, users } = await readPlain(original)
        for (const wanted of wishes) {
          const edit = grant(wanted, users)
          if (edit === undefined) continue
          const before = text
          // One after the other: each is made on what the one before has left.
          // oxlint-disable-next-line no-await-in-loop
          const result = await editConfigText({ ...REQUEST, text, edits: [edit] })
          text = result.text
          // oxlint-disable-next-line no-await-in-loop
          assert.deepEqual((await readPlain(text)).users, users, text)
          const kept = commentsOf(before).filter((comment) => !mayGo(comment, edit))
          assert.ok(isSubsequence(kept, commentsOf(text)), `${JSON.stringify(edit)}\n${text}`)
          if (what === 'commented YAML' && edit.kind !== 'add-user' && edit.kind !== 'add-model') {
            const others = linesOfOthers(before, edit.user).filter(
              (line) => line.trim() !== '' && !mayGo(line, edit) && line !== 'users:',
            )
            assert.ok(
              isSubsequence(others, text.split('\n')),
              `${JSON.stringify(edit)}\n${before}\n---\n${text}`,
            )
          }
          if (what.startsWith('JSON')) assert.doesNotThrow(() => void JSON.parse(text), text)
          if (what.endsWith('CRLF')) assert.doesNotMatch(text, /[^\r]\n/)
          if (what === 'JSON on one line') assert.doesNotMatch(text, /\n/)
        }
      },
    )
    await fc.assert(property, { numRuns: 40 })
  })
}
