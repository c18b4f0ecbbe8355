import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { followUsageLogs } from '../../src/usage/follow.ts'
import type { FollowOptions, LogFollower } from '../../src/usage/follow.ts'
import { renderLine } from '../../src/usage/ledger.ts'

interface Followed {
  readonly folder: string
  readonly follower: LogFollower
  /** Users of the records told so far, in order. */
  readonly users: string[]
  path(this: void, name: string): string
}

function follow(
  t: TestContext,
  logs: readonly string[],
  files: Readonly<Record<string, string | Buffer>>,
  options: Partial<FollowOptions> = {},
): Followed {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-follow-'))
  const path = (name: string): string => join(folder, name)
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content)
  const users: string[] = []
  const follower = followUsageLogs({
    logs,
    cwd: folder,
    span: { sinceMs: -Infinity, untilMs: Infinity },
    onUsage: (usage) => users.push(usage.user ?? ''),
    mayBeMissing: false,
    onStdin() {},
    pause: () => Promise.resolve(),
    ...options,
  })
  t.after(() => {
    follower.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, follower, users, path }
}

let second = 0
function line(user: string): string {
  const ts = new Date(Date.UTC(2026, 10, 22, 12, 0, second++)).toISOString()
  return `${renderLine({ ts, id: `req_${user}_${second}_0123456789abcdef`, user, api: 'chat', status: 200, outcome: 'ok', ms: 1 })}\n`
}

test('only what was appended is read, a line when it is whole', async (t) => {
  const { follower, users, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') })
  assert.equal(await follower.readMore(), true)
  assert.deepEqual(users, ['a'])
  assert.equal(await follower.readMore(), false)
  const next = line('b')
  appendFileSync(path('usage.jsonl'), next.slice(0, 40))
  await follower.readMore()
  assert.deepEqual(users, ['a'])
  appendFileSync(path('usage.jsonl'), next.slice(40) + line('c'))
  assert.equal(await follower.readMore(), true)
  assert.deepEqual(users, ['a', 'b', 'c'])
  assert.equal(follower.summary.lines, 3)
  assert.deepEqual(follower.summary.files, ['usage.jsonl'])
})

test('an unreadable line is named by its place in the file, however late it comes', async (t) => {
  const { follower, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') + line('b') })
  await follower.readMore()
  appendFileSync(path('usage.jsonl'), `${line('c')}nonsense\n`)
  await follower.readMore()
  assert.equal(follower.summary.skipped, 1)
  assert.equal(follower.summary.firstSkipped, 'usage.jsonl:4')
})

test('a rotation is followed: what was still written to the old file, then the new one', async (t) => {
  const { follower, users, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') })
  await follower.readMore()
  appendFileSync(path('usage.jsonl'), line('b'))
  renameSync(path('usage.jsonl'), path('usage.jsonl.1'))
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b'])
  appendFileSync(path('usage.jsonl.1'), line('late'))
  writeFileSync(path('usage.jsonl'), line('c'))
  await follower.readMore()
  assert.deepEqual(users.toSorted(), ['a', 'b', 'c', 'late'])
  appendFileSync(path('usage.jsonl'), line('d'))
  await follower.readMore()
  assert.deepEqual(users.toSorted(), ['a', 'b', 'c', 'd', 'late'])
})

test('under a glob nothing is counted twice: renamed, compressed, shifted on', async (t) => {
  const { follower, users, path } = follow(t, ['usage*'], {
    'usage.jsonl': line('b'),
    'usage.jsonl.1': line('a'),
  })
  await follower.readMore()
  const packed = gzipSync(readFileSync(path('usage.jsonl.1')))
  writeFileSync(path('usage.jsonl.2.gz'), packed)
  unlinkSync(path('usage.jsonl.1'))
  renameSync(path('usage.jsonl'), path('usage.jsonl.1'))
  writeFileSync(path('usage.jsonl'), line('c'))
  await follower.readMore()
  appendFileSync(path('usage.jsonl'), line('d'))
  await follower.readMore()
  assert.deepEqual(users.toSorted(), ['a', 'b', 'c', 'd'])
})

test('a log that is copied and cut is followed, and its copy is not counted', async (t) => {
  const { follower, users, path } = follow(t, ['usage*'], { 'usage.jsonl': line('a') + line('b') })
  await follower.readMore()
  copyFileSync(path('usage.jsonl'), path('usage.jsonl.1'))
  truncateSync(path('usage.jsonl'))
  await follower.readMore()
  appendFileSync(path('usage.jsonl'), line('c'))
  await follower.readMore()
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b', 'c'])
})

test('a log that was cut and has grown beyond its old length meanwhile begins again', async (t) => {
  const { follower, users, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') })
  await follower.readMore()
  writeFileSync(path('usage.jsonl'), line('b') + line('c') + line('d'))
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b', 'c', 'd'])
})

test('a file in the place of one that was set aside is read, whatever its identity', async (t) => {
  const { follower, users, path } = follow(t, ['usage*'], {
    'usage.jsonl': line('b'),
    'usage.jsonl.1.gz': gzipSync(line('a')),
  })
  await follower.readMore()
  // The same inode with another content is what a new file with a freed inode looks like.
  writeFileSync(path('usage.jsonl.1.gz'), line('c'))
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b', 'c'])
})

test('a log that is not there yet is waited for, where that was said; else it is an error', async (t) => {
  const waiting = follow(t, ['usage.jsonl'], {}, { mayBeMissing: true })
  await waiting.follower.readMore()
  assert.deepEqual(waiting.users, [])
  writeFileSync(waiting.path('usage.jsonl'), line('a'))
  await waiting.follower.readMore()
  assert.deepEqual(waiting.users, ['a'])
  for (const logs of [['usage.jsonl'], ['nothing*.jsonl'], ['folder/usage.jsonl']]) {
    await assert.rejects(follow(t, logs, {}).follower.readMore(), { code: 'usage_wrong' })
  }
  const folder = follow(t, ['logs'], {})
  mkdirSync(folder.path('logs'))
  await assert.rejects(folder.follower.readMore(), { code: 'usage_log_unavailable' })
})

test('a log that goes away and comes again is followed on', async (t) => {
  const { follower, users, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') })
  await follower.readMore()
  unlinkSync(path('usage.jsonl'))
  await follower.readMore()
  writeFileSync(path('usage.jsonl'), line('b'))
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b'])
})

test('of a hundred files the newest are followed, and all are read once', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`usage-${String(i).padStart(3, '0')}.jsonl`, line('a')]),
  )
  const { follower, users, path } = follow(t, ['usage-*'], files)
  await follower.readMore()
  assert.equal(users.length, 100)
  assert.equal(follower.summary.lines, 100)
  assert.equal(new Set(follower.summary.files).size, 100)
  writeFileSync(path('usage-100.jsonl'), line('new'))
  await follower.readMore()
  appendFileSync(path('usage-100.jsonl'), line('new'))
  await follower.readMore()
  assert.equal(users.length, 102)
})

test('stdin is followed until it ends, and then there is nothing more to wait for', async (t) => {
  const stdin = new PassThrough()
  const told = new EventEmitter()
  const onStdin = (): boolean => told.emit('stdin')
  const { follower, users } = follow(t, ['-'], {}, { stdin, onStdin })
  await follower.readMore()
  assert.equal(follower.ended, false)
  const first = once(told, 'stdin')
  stdin.write(line('a') + line('b').slice(0, 30))
  await first
  assert.equal(await follower.readMore(), true)
  assert.deepEqual(users, ['a'])
  const last = once(told, 'stdin')
  stdin.end()
  await last
  await follower.readMore()
  assert.equal(follower.ended, true)
  assert.deepEqual(follower.summary.files, ['-'])
})

test('memory does not grow with a line that never ends', async (t) => {
  const { follower, users, path } = follow(t, ['usage.jsonl'], { 'usage.jsonl': line('a') })
  await follower.readMore()
  for (let i = 0; i < 3; i++) {
    appendFileSync(path('usage.jsonl'), 'x'.repeat(700_000))
    // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
    await follower.readMore()
  }
  appendFileSync(path('usage.jsonl'), `\n${line('b')}`)
  await follower.readMore()
  assert.deepEqual(users, ['a', 'b'])
  assert.equal(follower.summary.skipped, 1)
})
