import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { createFile, openForEdit, replaceFile } from '../../src/config/edit-file.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const SHOWN = './aiproxy.yaml'

function createDirectory(t: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'aiproxy-edit-')))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function refused(action: () => unknown, code: string, words: RegExp): void {
  assert.throws(action, (thrown: unknown) => {
    assert.ok(thrown instanceof ProxyError, String(thrown))
    assert.equal(thrown.code, code)
    assert.match(thrown.message, words)
    return true
  })
}

test('the new text takes the place of the old with its mode, and nothing is left beside it', (t) => {
  const directory = createDirectory(t)
  const path = join(directory, 'aiproxy.yaml')
  for (const mode of [0o600, 0o640, 0o644, 0o660]) {
    writeFileSync(path, 'old\n')
    chmodSync(path, mode)
    const opened = openForEdit(path, SHOWN)
    assert.equal(opened.text, 'old\n')
    assert.equal(opened.readableByOthers, (mode & 0o044) !== 0)
    replaceFile(opened, 'new\n', Date.now())
    assert.equal(readFileSync(path, 'utf8'), 'new\n')
    assert.equal(statSync(path).mode & 0o777, mode)
    assert.deepEqual(readdirSync(directory), ['aiproxy.yaml'])
  }
})

test('a new file is for its owner alone, and never takes the place of another', (t) => {
  const directory = createDirectory(t)
  const path = join(directory, 'aiproxy.yaml')
  createFile(path, SHOWN, 'mine\n', Date.now())
  assert.equal(statSync(path).mode & 0o777, 0o600)
  refused(
    () => createFile(path, SHOWN, 'yours\n', Date.now()),
    'config_unwritable',
    /just been made/,
  )
  assert.equal(readFileSync(path, 'utf8'), 'mine\n')
  assert.deepEqual(readdirSync(directory), ['aiproxy.yaml'])
})

test('a symbolic link stays one: what it points at is replaced, where that is', (t) => {
  const directory = createDirectory(t)
  mkdirSync(join(directory, 'real'))
  mkdirSync(join(directory, 'work'))
  const target = join(directory, 'real', 'shared.yaml')
  const link = join(directory, 'work', 'aiproxy.yaml')
  writeFileSync(target, 'old\n', { mode: 0o600 })
  symlinkSync('../real/shared.yaml', link)
  replaceFile(openForEdit(link, SHOWN), 'new\n', Date.now())
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.equal(readlinkSync(link), '../real/shared.yaml')
  assert.ok(lstatSync(target).isFile())
  assert.equal(readFileSync(target, 'utf8'), 'new\n')
  assert.deepEqual(readdirSync(join(directory, 'work')), ['aiproxy.yaml'])
})

const MEANWHILE: ReadonlyArray<readonly [what: string, change: (path: string) => void]> = [
  ['written to', (path) => writeFileSync(path, 'theirs\n')],
  [
    'replaced by one of the same size and time',
    (path) => {
      const { atime, mtime } = statSync(path)
      rmSync(path)
      writeFileSync(path, 'ol2\n')
      utimesSync(path, atime, mtime)
    },
  ],
  ['given another mode', (path) => chmodSync(path, 0o640)],
]

for (const [what, change] of MEANWHILE) {
  test(`a file that was ${what} meanwhile is left alone`, (t) => {
    const directory = createDirectory(t)
    const path = join(directory, 'aiproxy.yaml')
    writeFileSync(path, 'old\n', { mode: 0o600 })
    const opened = openForEdit(path, SHOWN)
    change(path)
    const theirs = readFileSync(path, 'utf8')
    refused(
      () => replaceFile(opened, 'new\n', Date.now()),
      'config_unwritable',
      /was changed while it was edited; nothing was written/,
    )
    assert.equal(readFileSync(path, 'utf8'), theirs)
    assert.deepEqual(readdirSync(directory), ['aiproxy.yaml'])
  })
}

test('of two edits of the same text only the first is written', (t) => {
  const path = join(createDirectory(t), 'aiproxy.yaml')
  writeFileSync(path, 'old\n')
  const [first, second] = [openForEdit(path, SHOWN), openForEdit(path, SHOWN)]
  replaceFile(first, 'first\n', Date.now())
  refused(() => replaceFile(second, 'second\n', Date.now()), 'config_unwritable', /was changed/)
  assert.equal(readFileSync(path, 'utf8'), 'first\n')
})

test('an edit under way keeps others out; what a crash left is cleared away', (t) => {
  const directory = createDirectory(t)
  const path = join(directory, 'aiproxy.yaml')
  const temporary = join(directory, '.aiproxy.yaml.aiproxy-edit')
  writeFileSync(path, 'old\n')
  writeFileSync(temporary, 'half')
  const opened = openForEdit(path, SHOWN)
  const madeMs = statSync(temporary).mtimeMs
  refused(
    () => replaceFile(opened, 'new\n', madeMs + 1000),
    'config_unwritable',
    /being edited by another command/,
  )
  assert.equal(readFileSync(temporary, 'utf8'), 'half', 'it is not ours to remove')
  replaceFile(opened, 'new\n', madeMs + 60_000)
  assert.equal(readFileSync(path, 'utf8'), 'new\n')
  assert.deepEqual(readdirSync(directory), ['aiproxy.yaml'])
})

test('a link in the place of the temporary file leads nowhere', (t) => {
  const directory = createDirectory(t)
  const path = join(directory, 'aiproxy.yaml')
  const victim = join(directory, 'victim')
  writeFileSync(path, 'old\n')
  writeFileSync(victim, 'precious\n')
  symlinkSync(victim, join(directory, '.aiproxy.yaml.aiproxy-edit'))
  const opened = openForEdit(path, SHOWN)
  replaceFile(opened, 'new\n', Date.now() + 60_000)
  assert.equal(readFileSync(victim, 'utf8'), 'precious\n')
  assert.equal(readFileSync(path, 'utf8'), 'new\n')
})

test('what is no config file is refused before anything is read into memory', (t) => {
  const directory = createDirectory(t)
  refused(() => openForEdit(directory, '.'), 'config_invalid', /not a regular file/)
  const binary = join(directory, 'binary')
  writeFileSync(binary, Buffer.from([0xff, 0xfe, 0]))
  refused(() => openForEdit(binary, 'binary'), 'config_invalid', /not UTF-8/)
  const large = join(directory, 'large')
  writeFileSync(large, ' '.repeat(5 * 1024 * 1024))
  refused(() => openForEdit(large, 'large'), 'config_invalid', /larger than 4 MiB/)
  refused(() => openForEdit(join(directory, 'none'), 'none'), 'config_unwritable', /no such file/)
})

test(
  'a file that its owner has made read-only is not replaced behind their back',
  { skip: process.getuid?.() === 0 ? 'root may write everything' : false },
  (t) => {
    const path = join(createDirectory(t), 'aiproxy.yaml')
    writeFileSync(path, 'old\n', { mode: 0o400 })
    refused(() => openForEdit(path, SHOWN), 'config_unwritable', /permission denied/)
  },
)
