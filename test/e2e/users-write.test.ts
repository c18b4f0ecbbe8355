/** The commands that edit the config file: what they change, what they keep, what they refuse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDesk } from '../support/desk.ts'
import { CLAUDE } from '../support/replies.ts'

test('aiproxy users edits the config file', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)

  await t.test('writers edit the file and keep its comments', async () => {
    for (const args of [
      ['users', 'add', 'user-c', '--model', 'gpt-5'],
      ['users', 'allow', 'user-b', CLAUDE],
      ['users', 'failover', 'user-b', 'gpt-5', CLAUDE],
      ['users', 'deny', 'user-a', CLAUDE],
    ]) {
      const result = await desk.run(args)
      assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`)
    }
    assert.match(desk.config(), /# Who may use what\. This comment stays\./)
    assert.match(desk.config(), /# the usual one/)
    assert.match(desk.config(), /# the one with a backup/)
    assert.equal((await desk.run(['users', 'can', 'user-b', CLAUDE])).code, 0)
    assert.equal((await desk.run(['users', 'can', 'user-a', CLAUDE])).code, 4)
    assert.match((await desk.run(['users'])).stdout, new RegExp(`user-b .*gpt-5 → ${CLAUDE}`))
    assert.equal((await desk.run(['serve', '--check'])).code, 0)
  })

  await t.test('--dry-run shows the change and writes nothing', async () => {
    const before = desk.config()
    const result = await desk.run(['users', 'add', 'user-d', '--model', 'gpt-5', '--dry-run'])
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout + result.stderr, /user-d/)
    assert.equal(desk.config(), before)
  })

  await t.test('a change that would not load is not written', async () => {
    const before = desk.config()
    const result = await desk.run(['users', 'allow', 'user-b', 'gpt-9'])
    assert.equal(result.code, 2, result.stderr)
    assert.equal(desk.config(), before)
  })

  await t.test('key prints the key alone, once, and keeps its digest only', async () => {
    const made = await desk.run(['users', 'key', 'user-c'])
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, /^aip_[\w-]{20,}\n$/)
    assert.ok(!desk.config().includes(made.stdout.trim()))
    assert.match(desk.config(), /sha256:[0-9a-f]{64}/)
    const revoked = await desk.run(['users', 'key', 'user-c', '--revoke'])
    assert.equal(revoked.code, 0, revoked.stderr)
    assert.doesNotMatch(desk.config(), /sha256:/)
  })

  await t.test('remove takes a user out', async () => {
    const result = await desk.run(['users', 'remove', 'user-c', '--yes'])
    assert.equal(result.code, 0, result.stderr)
    assert.doesNotMatch(desk.config(), /user-c/)
  })
})
