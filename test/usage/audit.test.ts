import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createAudit, renderAuditLine } from '../../src/usage/audit.ts'
import type { AuditRecord } from '../../src/usage/audit.ts'
import { createOpenFiles } from '../../src/usage/open-files.ts'

function record(id: string, rest: Partial<AuditRecord> = {}): AuditRecord {
  return { id, ts: '2026-11-22T15:12:11.034Z', api: 'chat', status: 200, ...rest }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-audit-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a line begins with its time, is whole, and holds nothing that moves a cursor', () => {
  const long = 'x'.repeat(10_000)
  const evil = '\u001b[2J\u007f\u009b\u202e\u2028\n'
  const line = renderAuditLine(record('a', { request: evil, reply: long }))
  assert.match(line, /^\{"ts":"2026/)
  assert.match(line, /^[ -~]+$/)
  assert.deepEqual(JSON.parse(line), record('a', { request: evil, reply: long }))
})

test('the file is for its owner alone, made or found', (t) => {
  const folder = temporaryFolder(t)
  const made = join(folder, 'new', 'audit.jsonl')
  const found = join(folder, 'found.jsonl')
  writeFileSync(found, '')
  chmodSync(found, 0o644)
  for (const path of [made, found]) {
    const audit = createAudit({ path })
    audit.append(record('a'))
    audit.close()
    assert.equal(statSync(path).mode & 0o777, 0o600, path)
    assert.equal(readFileSync(path, 'utf8'), `${renderAuditLine(record('a'))}\n`)
  }
})

test('a file that cannot be written is told once, by its name, and written to when it can be', (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'in-the-way', 'audit.jsonl')
  writeFileSync(join(folder, 'in-the-way'), '')
  const failures: string[] = []
  const audit = createAudit({ path, onFailure: (error) => failures.push(error.message) })
  audit.append(record('a'))
  audit.append(record('b'))
  assert.equal(failures.length, 1)
  assert.match(failures[0] ?? '', /^cannot write the audit file .*audit\.jsonl: E/)
  rmSync(join(folder, 'in-the-way'))
  audit.append(record('c'))
  audit.close()
  const ids = readFileSync(path, 'utf8').match(/"id":"[abc]"/g)
  assert.deepEqual(ids, ['"id":"a"', '"id":"b"', '"id":"c"'])
})

test('configs that name one path share one file; it is closed with the last of them', (t) => {
  const folder = temporaryFolder(t)
  const failures: string[] = []
  const files = createOpenFiles(createAudit, (error) => failures.push(error.message))
  const first = files.open(join(folder, 'a'))
  assert.equal(files.openNext(join(folder, 'a')), first)
  const second = files.openNext(join(folder, 'b'))
  files.retain(new Set([first]))
  first.append(record('1'))
  assert.deepEqual(failures, [])
  second.append(record('2'))
  assert.match(failures.join(), /audit file .*b is closed: the line of 2 is lost/)
  assert.notEqual(files.open(join(folder, 'b')), second)
})

test('a next file that cannot be written is refused and forgotten', (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'x'), '')
  const failures: string[] = []
  const files = createOpenFiles(createAudit, (error) => failures.push(error.message))
  const path = join(folder, 'x', 'audit.jsonl')
  assert.throws(() => files.openNext(path), /cannot write the audit file/)
  assert.deepEqual(failures, [])
  rmSync(join(folder, 'x'))
  files.openNext(path).append(record('a'))
  assert.ok(existsSync(path))
})
