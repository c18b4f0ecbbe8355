import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createLedger, renderLine } from '../../src/usage/ledger.ts'
import type { FileIdentity, LedgerFiles } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'

function record(id: string, rest: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ts: '2026-11-22T15:12:11.034Z',
    id,
    user: 'user-a',
    api: 'chat',
    model: 'gpt-5',
    status: 200,
    outcome: 'ok',
    ms: 12,
    ...rest,
  }
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aiproxy-ledger-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function idsIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => String(Object(JSON.parse(line)).id))
}

type Fault = number | string

interface Disk {
  readonly files: LedgerFiles
  readonly faults: Fault[]
  readonly identity: FileIdentity
  openFault: string | undefined
  opened: number
  content(): string
}

/** A disk in memory whose next writes go as `faults` say: a number takes so many bytes, a text throws. */
function createFaultyDisk(): Disk {
  const pieces: Buffer[] = []
  const whole = (): Buffer => Buffer.concat(pieces)
  const disk: Disk = {
    faults: [],
    identity: { device: 1, inode: 1 },
    openFault: undefined,
    opened: 0,
    content: () => whole().toString(),
    files: {
      open() {
        if (disk.openFault !== undefined) throw systemError(disk.openFault)
        return ++disk.opened
      },
      write(_descriptor, chunk, offset) {
        const fault = disk.faults.shift()
        if (typeof fault === 'string') throw systemError(fault)
        const taken = chunk.subarray(offset, fault === undefined ? undefined : offset + fault)
        pieces.push(Buffer.from(taken))
        return taken.length
      },
      describe: () => ({
        ...disk.identity,
        regular: true,
        sizeBytes: whole().length,
        loose: false,
      }),
      locate: () => disk.identity,
      lastByte: () => whole().at(-1),
      tighten() {},
      sync() {},
      close() {},
    },
  }
  return disk
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up`), { code })
}

test('each record is one line, in order, with ts first', (t) => {
  const path = join(temporaryFolder(t), 'deep', 'er', 'usage.jsonl')
  const ledger = createLedger({ path })
  const { ts, ...rest } = record('req_1')
  ledger.append({ ...rest, ts })
  ledger.append(record('req_2'))
  ledger.close()
  const text = readFileSync(path, 'utf8')
  assert.deepEqual(idsIn(text), ['req_1', 'req_2'])
  assert.ok(text.startsWith('{"ts":"2026-11-22T15:12:11.034Z",'))
  assert.ok(text.endsWith('}\n'))
})

test('a new log is 0600 in folders of 0700, and a looser one of ours is tightened', (t) => {
  const folder = temporaryFolder(t)
  const fresh = join(folder, 'new', 'usage.jsonl')
  createLedger({ path: fresh }).close()
  assert.equal(statSync(fresh).mode & 0o777, 0o600)
  assert.equal(statSync(join(folder, 'new')).mode & 0o777, 0o700)
  const loose = join(folder, 'loose.jsonl')
  writeFileSync(loose, '')
  chmodSync(loose, 0o644)
  createLedger({ path: loose }).close()
  assert.equal(statSync(loose).mode & 0o777, 0o600)
})

test('a log that ends in half a line gets a line feed first, a whole one does not', (t) => {
  const path = join(temporaryFolder(t), 'usage.jsonl')
  writeFileSync(path, '{"ts":"2026-11-22T15:1')
  const first = createLedger({ path })
  first.append(record('req_1'))
  first.append(record('req_2'))
  first.close()
  const second = createLedger({ path })
  second.append(record('req_3'))
  second.close()
  const lines = readFileSync(path, 'utf8').split('\n')
  assert.equal(lines[0], '{"ts":"2026-11-22T15:1')
  assert.deepEqual(idsIn(lines.slice(1).join('\n')), ['req_1', 'req_2', 'req_3'])
  assert.equal(lines.length, 5)
})

test('a rename or a deletion under us is noticed within a second, and nothing written before is lost', (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'usage.jsonl')
  let nowMs = 0
  const ledger = createLedger({ path, now: () => nowMs })
  ledger.append(record('req_1'))
  renameSync(path, join(folder, 'usage.jsonl.1'))
  nowMs = 999
  ledger.append(record('req_2'))
  nowMs = 1000
  ledger.append(record('req_3'))
  rmSync(path)
  nowMs = 2000
  ledger.append(record('req_4'))
  ledger.close()
  assert.deepEqual(idsIn(readFileSync(join(folder, 'usage.jsonl.1'), 'utf8')), ['req_1', 'req_2'])
  assert.deepEqual(idsIn(readFileSync(path, 'utf8')), ['req_4'])
})

test('a log cut to nothing under us goes on at its new end', (t) => {
  const path = join(temporaryFolder(t), 'usage.jsonl')
  const ledger = createLedger({ path })
  ledger.append(record('req_1'))
  truncateSync(path, 0)
  ledger.append(record('req_2'))
  ledger.close()
  assert.deepEqual(idsIn(readFileSync(path, 'utf8')), ['req_2'])
})

test('a log that cannot be opened is said at once, and the ledger is not available', (t) => {
  const folder = temporaryFolder(t)
  const blocker = join(folder, 'file')
  writeFileSync(blocker, '')
  const failures: string[] = []
  const ledger = createLedger({
    path: join(blocker, 'usage.jsonl'),
    onFailure: (error) => failures.push(error.message),
  })
  assert.equal(ledger.available, false)
  assert.equal(failures.length, 1)
  assert.match(failures[0] ?? '', /cannot write the usage log .*usage\.jsonl/)
  assert.equal(existsSync(join(blocker, 'usage.jsonl')), false)
})

test('a short write is finished with the rest, wherever it was cut', () => {
  const whole = `${renderLine(record('req_1'))}\n`
  for (let cut = 1; cut < whole.length; cut++) {
    const disk = createFaultyDisk()
    const ledger = createLedger({ path: 'usage.jsonl', files: disk.files })
    disk.faults.push(cut)
    ledger.append(record('req_1'))
    assert.equal(ledger.available, true)
    assert.equal(disk.content(), whole, `cut at ${cut}`)
  }
})

test('a disk that is full at any byte of a line loses nothing once there is room again', () => {
  const length = renderLine(record('req_2')).length + 1
  for (let cut = 0; cut <= length - 1; cut++) {
    for (const end of [0, 'ENOSPC', 'EIO'] satisfies Fault[]) {
      const disk = createFaultyDisk()
      const failures: Error[] = []
      let nowMs = 0
      const ledger = createLedger({
        path: 'usage.jsonl',
        files: disk.files,
        now: () => nowMs,
        onFailure: (error) => failures.push(error),
      })
      ledger.append(record('req_1'))
      disk.faults.push(...(cut > 0 ? [cut] : []), end, end, end)
      ledger.append(record('req_2'))
      assert.equal(ledger.available, false)
      ledger.append(record('req_3'))
      assert.equal(ledger.check(), false)
      nowMs += 1000
      assert.equal(ledger.check(), false)
      nowMs += 1000
      assert.equal(ledger.check(), true)
      assert.equal(ledger.available, true)
      ledger.append(record('req_4'))
      ledger.close()
      assert.equal(failures.length, 1, 'told once an episode')
      // Half a line may stay behind; the record itself stands there once.
      const torn = renderLine(record('req_2')).slice(0, cut)
      const lines = disk.content().split('\n')
      if (cut < length - 1) lines.splice(1, 1, ...(lines[1] === torn ? [] : [lines[1] ?? '']))
      assert.deepEqual(idsIn(lines.join('\n')), ['req_1', 'req_2', 'req_3', 'req_4'])
      assert.ok(disk.content().endsWith('\n'))
    }
  }
})

test('a second episode of failing is told again', () => {
  const disk = createFaultyDisk()
  let failures = 0
  const ledger = createLedger({
    path: 'usage.jsonl',
    files: disk.files,
    onFailure: () => failures++,
  })
  disk.faults.push('EIO')
  ledger.append(record('req_1'))
  ledger.append(record('req_2'))
  assert.equal(ledger.available, true)
  disk.faults.push('EIO')
  ledger.append(record('req_3'))
  assert.equal(failures, 2)
  ledger.close()
  assert.deepEqual(idsIn(disk.content()), ['req_1', 'req_2', 'req_3'])
})

test('a probe is tried at most once a second', () => {
  const disk = createFaultyDisk()
  let nowMs = 0
  const ledger = createLedger({ path: 'usage.jsonl', files: disk.files, now: () => nowMs })
  disk.faults.push('ENOSPC')
  ledger.append(record('req_1'))
  nowMs = 999
  assert.equal(ledger.check(), false)
  nowMs = 1000
  assert.equal(ledger.check(), true)
  assert.deepEqual(idsIn(disk.content()), ['req_1'])
})

test('interrupted calls and full pipes are tried again, the latter not for ever', () => {
  const disk = createFaultyDisk()
  const ledger = createLedger({ path: 'usage.jsonl', files: disk.files })
  disk.faults.push('EINTR', 'EAGAIN', 5, 'EAGAIN')
  ledger.append(record('req_1'))
  assert.equal(ledger.available, true)
  assert.deepEqual(idsIn(disk.content()), ['req_1'])
  disk.faults.push(...Array.from({ length: 51 }, () => 'EAGAIN'))
  ledger.append(record('req_2'))
  assert.equal(ledger.available, false)
})

test('what waits is bounded: lines beyond 8 MiB are dropped and their number is told', () => {
  const disk = createFaultyDisk()
  const failures: string[] = []
  const ledger = createLedger({
    path: 'usage.jsonl',
    files: disk.files,
    onFailure: (error) => failures.push(error.message),
  })
  disk.openFault = 'EROFS'
  disk.faults.push('EIO')
  const lineBytes = renderLine(record('req_00000')).length + 1
  const fitting = Math.floor((8 * 1024 * 1024) / lineBytes)
  for (let i = 0; i < fitting + 7; i++) {
    ledger.append(record(`req_${String(i).padStart(5, '0')}`))
  }
  disk.openFault = undefined
  ledger.close()
  assert.equal(idsIn(disk.content()).length, fitting)
  assert.equal(failures.length, 2)
  assert.match(failures[1] ?? '', /^7 lines of the usage log usage\.jsonl did not fit in memory/)
})

test('nothing is thrown out of append: not by a closed ledger, nor by a record that is no JSON', () => {
  const failures: string[] = []
  const disk = createFaultyDisk()
  const ledger = createLedger({
    path: 'usage.jsonl',
    files: disk.files,
    onFailure: (error) => failures.push(error.message),
  })
  const unwritable = { model: 'gpt-5', provider: 'openai', ms: 1, toJSON: () => assert.fail('no') }
  ledger.append(record('req_1', { attempts: [unwritable] }))
  assert.equal(ledger.available, true)
  ledger.close()
  ledger.append(record('req_2'))
  assert.equal(failures.length, 2)
  assert.equal(disk.content(), '')
})

test('control, bidi and separator characters never stand raw in the log', () => {
  const hostile =
    'a\u0000\u001b[2J\u007f\u009b\u061c\u200e\u202e\u2028\u2029\u2066\ufeff\ud800\u{e0041}b'
  const line = renderLine(record('req_1', { model: hostile }))
  // oxlint-disable-next-line no-control-regex
  assert.match(line, /^[\u0020-\u007e]*$/)
  assert.equal(Object(JSON.parse(line)).model, hostile)
})

test('an over-long name does not make an over-long line', () => {
  const line = renderLine(record('req_1', { model: 'x'.repeat(1_000_000) }))
  assert.ok(line.length < 1024)
  assert.equal(String(Object(JSON.parse(line)).model).length, 256)
})

// What a child process runs: appends records named after itself and says each name once it is written.
const WRITER = `
import { writeSync } from 'node:fs'
const { createLedger } = await import(process.argv[1])
const [, , path, name, count] = process.argv
const ledger = createLedger({ path })
for (let i = 0; i < Number(count); i++) {
  ledger.append({ ts: '2026-11-22T15:12:11.034Z', id: name + i, api: 'chat', status: 200, outcome: 'ok', ms: 1 })
  if (path !== '-') writeSync(1, name + i + '\\n')
}
`

function spawnWriter(
  path: string,
  name: string,
  count: number,
): ChildProcessByStdio<null, Readable, null> {
  const ledger = new URL('../../src/usage/ledger.js', import.meta.url).href
  const args = ['--input-type=module', '--eval', WRITER, ledger, path, name, String(count)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('a line is on disk once append has returned, even when the process is killed right then', async (t) => {
  const path = join(temporaryFolder(t), 'usage.jsonl')
  const child = spawnWriter(path, 'killed-', 1_000_000)
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  for await (const chunk of child.stdout) {
    said += String(chunk)
    if (said.length > 20_000) child.kill('SIGKILL')
  }
  const promised = said.split('\n').slice(0, -1)
  const text = readFileSync(path, 'utf8')
  const written = new Set(idsIn(text.slice(0, text.lastIndexOf('\n') + 1)))
  assert.ok(promised.length > 1000)
  assert.deepEqual(
    promised.filter((id) => !written.has(id)),
    [],
  )
})

test('several processes share one log without touching each other\u2019s lines', async (t) => {
  const path = join(temporaryFolder(t), 'usage.jsonl')
  const names = ['a-', 'b-', 'c-']
  await Promise.all(
    names.map(async (name) => {
      const child = spawnWriter(path, name, 500)
      child.stdout.resume()
      await once(child, 'close')
    }),
  )
  const written = idsIn(readFileSync(path, 'utf8'))
  assert.equal(written.length, 1500)
  for (const name of names) {
    const own = written.filter((id) => id.startsWith(name))
    assert.deepEqual(
      own,
      Array.from({ length: 500 }, (_, i) => `${name}${i}`),
    )
  }
})

test('the path - is stdout', async () => {
  const child = spawnWriter('-', 'out-', 3)
  let said = ''
  for await (const chunk of child.stdout) said += String(chunk)
  assert.deepEqual(idsIn(said), ['out-0', 'out-1', 'out-2'])
})

test('a device that is always full is found out', { skip: !existsSync('/dev/full') }, () => {
  const failures: string[] = []
  const ledger = createLedger({
    path: '/dev/full',
    onFailure: (error) => failures.push(error.message),
  })
  assert.equal(ledger.available, true)
  ledger.append(record('req_1'))
  assert.equal(ledger.available, false)
  assert.match(failures[0] ?? '', /ENOSPC/)
})
