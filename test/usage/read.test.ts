import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { expandLogs, readUsageLogs, splitPattern } from '../../src/usage/read.ts'
import type { LogSummary, ReadOptions } from '../../src/usage/read.ts'

function lines(...users: string[]): string {
  return users
    .map((user) => `{"ts":"2026-11-22T15:12:11.034Z","id":"1","user":"${user}"}\n`)
    .join('')
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-read-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function read(
  cwd: string,
  logs: string[],
  rest: Partial<ReadOptions> = {},
): Promise<{ users: string[]; summary: LogSummary }> {
  const users: string[] = []
  const summary = await readUsageLogs({
    logs,
    cwd,
    span: { sinceMs: -Infinity, untilMs: Infinity },
    onUsage: (usage) => users.push(usage.user ?? ''),
    ...rest,
  })
  return { users, summary }
}

async function* pipe(...chunks: (Buffer | string)[]): AsyncGenerator<Buffer | string> {
  yield* chunks
}

test('several files, globs and rotated ones are read in the order they were named', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'logs', 'deep'), { recursive: true })
  writeFileSync(join(folder, 'usage.jsonl'), lines('now'))
  writeFileSync(join(folder, 'logs', 'usage.jsonl.1'), lines('one'))
  writeFileSync(join(folder, 'logs', 'usage.jsonl.2.gz'), gzipSync(lines('two', 'three')))
  writeFileSync(join(folder, 'logs', 'deep', 'usage.jsonl.3'), lines('deep'))
  writeFileSync(join(folder, 'logs', '.hidden.jsonl'), lines('hidden'))
  const { users, summary } = await read(folder, ['usage.jsonl', 'logs/usage*'])
  assert.deepEqual(users, ['now', 'one', 'two', 'three'])
  assert.deepEqual(summary.files, ['usage.jsonl', 'logs/usage.jsonl.1', 'logs/usage.jsonl.2.gz'])
  assert.equal(summary.lines, 4)
  assert.deepEqual(expandLogs(['logs/**/usage*.[13]'], folder), [
    'logs/deep/usage.jsonl.3',
    'logs/usage.jsonl.1',
  ])
  assert.deepEqual(expandLogs([`${folder}/usage.json?`], '/'), [join(folder, 'usage.jsonl')])
})

test('a file named twice, or by two names, counts once', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'usage.jsonl'), lines('a'))
  symlinkSync('usage.jsonl', join(folder, 'current.jsonl'))
  const { users, summary } = await read(folder, [
    'usage.jsonl',
    '*.jsonl',
    join(folder, 'usage.jsonl'),
  ])
  assert.deepEqual(users, ['a'])
  assert.deepEqual(summary.files, ['usage.jsonl'])
})

test('a file whose name looks like a glob is that file', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'usage[1].jsonl'), lines('brackets'))
  writeFileSync(join(folder, 'usage1.jsonl'), lines('plain'))
  assert.deepEqual((await read(folder, ['usage[1].jsonl'])).users, ['brackets'])
})

test('stdin is read in any pieces, packed or plain', async (t) => {
  const folder = temporaryFolder(t)
  const text = lines('a', 'b')
  const plain = await read(folder, ['-'], { stdin: pipe(text.slice(0, 50), '', text.slice(50)) })
  assert.deepEqual(plain.users, ['a', 'b'])
  assert.deepEqual(plain.summary.files, ['-'])
  const packed = gzipSync(text)
  const pieces = [packed.subarray(0, 20), packed.subarray(20)]
  assert.deepEqual((await read(folder, ['-'], { stdin: pipe(...pieces) })).users, ['a', 'b'])
  assert.deepEqual((await read(folder, ['-'], { stdin: pipe() })).users, [])
})

test('packed files put one behind the other are one log, a cut one is read as far as it goes', async (t) => {
  const folder = temporaryFolder(t)
  const whole = Buffer.concat([gzipSync(lines('a')), gzipSync(lines('b'))])
  writeFileSync(join(folder, 'two.gz'), whole)
  assert.deepEqual((await read(folder, ['two.gz'])).users, ['a', 'b'])
  writeFileSync(join(folder, 'cut.gz'), whole.subarray(0, whole.length - 12))
  const { users, summary } = await read(folder, ['cut.gz'])
  assert.equal(users[0], 'a')
  assert.equal(summary.skipped, 1)
  assert.equal(summary.firstSkipped, 'cut.gz:end')
})

test('a log that grows while it is read is read up to where it was', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'usage.jsonl')
  writeFileSync(path, lines('a', 'b'))
  let seen = 0
  await readUsageLogs({
    logs: ['usage.jsonl'],
    cwd: folder,
    span: { sinceMs: -Infinity, untilMs: Infinity },
    onUsage: () => {
      seen++
      appendFileSync(path, lines('more', 'and more'))
    },
  })
  assert.equal(seen, 2)
})

test('the first unreadable line of several files is named with its file', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'a.jsonl'), lines('a'))
  writeFileSync(join(folder, 'b.jsonl'), `${lines('b')}\n\nnonsense\nnonsense\n`)
  const { summary } = await read(folder, ['a.jsonl', 'b.jsonl'])
  assert.equal(summary.skipped, 2)
  assert.equal(summary.firstSkipped, 'b.jsonl:4')
  assert.equal(summary.lines, 4)
})

test('a log that is not there, a glob without match and a folder are refused by name', async (t) => {
  const folder = temporaryFolder(t)
  for (const [name, code] of [
    ['nope.jsonl', 'usage_wrong'],
    ['nope/*.jsonl', 'usage_wrong'],
    ['.', 'usage_log_unavailable'],
  ] as const) {
    await assert.rejects(
      read(folder, [name]),
      (error) => error instanceof ProxyError && error.code === code && error.message.includes(name),
    )
  }
})

test('a log of many blocks is read whole, wherever the blocks fall', async (t) => {
  const folder = temporaryFolder(t)
  const users = Array.from({ length: 20_000 }, (_, i) => `user-${i}-${'x'.repeat(i % 97)}`)
  writeFileSync(join(folder, 'usage.jsonl'), lines(...users))
  const seen = await read(folder, ['usage.jsonl'])
  assert.deepEqual(seen.users, users)
  assert.equal(seen.summary.skipped, 0)
})

test('a pattern is taken apart as the paths of its system are', () => {
  const cases: ReadonlyArray<readonly [string, string, string, string[]]> = [
    ['/', '/var/log/*.jsonl', '/', ['var', 'log', '*.jsonl']],
    ['/', 'logs/**/u.jsonl', '', ['logs', '**', 'u.jsonl']],
    ['/', String.raw`a\b*`, '', [String.raw`a\b*`]],
    ['\\', String.raw`C:\logs\*.jsonl`, 'C:\\', ['logs', '*.jsonl']],
    ['\\', 'D:/logs/u?.jsonl', 'D:/', ['logs', 'u?.jsonl']],
    ['\\', String.raw`logs\**\u.jsonl`, '', ['logs', '**', 'u.jsonl']],
    ['\\', String.raw`\\server\share\logs\*.gz`, '\\\\server\\share\\', ['logs', '*.gz']],
    ['\\', String.raw`\logs\*`, '\\', ['logs', '*']],
  ]
  for (const [separator, pattern, root, segments] of cases) {
    assert.deepEqual(splitPattern(pattern, separator), { root, segments }, pattern)
  }
})
