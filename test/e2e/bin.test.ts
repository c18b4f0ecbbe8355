/** The compiled code beside the bundle: V8 takes it where it may, and nothing depends on it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Module } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import { projectRoot } from '../support/owner.ts'

const ROOT = fileURLToPath(projectRoot)
const SUFFIX = `.cjs.${process.version}-${process.platform}-${process.arch}`

function compiledIn(root: string): string[] {
  const folder = join(root, 'dist', 'aiproxy')
  return readdirSync(folder)
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => join(folder, name))
}

/** A program of its own whose compiled files are what `change` makes of them. */
function copyProgram(t: TestContext, change: (code: Buffer, path: string) => void): string {
  const root = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  t.after(() => {
    rmSync(root, { recursive: true })
  })
  for (const part of ['bin', 'dist/aiproxy']) {
    cpSync(join(ROOT, part), join(root, part), { recursive: true })
  }
  for (const path of compiledIn(root)) change(readFileSync(path), path)
  return root
}

function run(root: string, argv: readonly string[]): { stdout: string; stderr: string } {
  const home = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bin', 'aiproxy.js'), ...argv],
    { cwd: home, encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: home } },
  )
  rmSync(home, { recursive: true })
  assert.equal(status, 0, stderr)
  return { stdout, stderr }
}

test('the build keeps compiled code that this V8 takes', () => {
  const paths = compiledIn(ROOT)
  const names = paths.map((path) => path.slice(0, -SUFFIX.length).replace(/.*[\\/]/, ''))
  for (const name of ['start', 'main', 'users', 'usage', 'serve', 'app']) {
    assert.ok(names.includes(name), name)
  }
  for (const path of paths) {
    const text = readFileSync(path.slice(0, -SUFFIX.length + '.cjs'.length), 'utf8')
    const script = new Script(Module.wrap(text), { cachedData: readFileSync(path) })
    assert.equal(script.cachedDataRejected, false, path)
  }
})

const DAMAGES: readonly (readonly [string, (code: Buffer, path: string) => void])[] = [
  [
    'missing',
    (_, path) => {
      rmSync(path)
    },
  ],
  [
    'empty',
    (_, path) => {
      writeFileSync(path, '')
    },
  ],
  [
    'cut short',
    (code, path) => {
      writeFileSync(path, code.subarray(0, code.length / 2))
    },
  ],
  [
    'of another V8',
    (code, path) => {
      // Behind the magic number stand the version and then the flags of who made it.
      const other = Buffer.from(code)
      other[4] = other[4]! ^ 0xff
      writeFileSync(path, other)
    },
  ],
  [
    'something else',
    (_, path) => {
      writeFileSync(path, 'no code at all\n'.repeat(1000))
    },
  ],
]

for (const [name, damage] of DAMAGES) {
  test(`compiled code that is ${name} changes nothing but the time`, (t) => {
    const root = copyProgram(t, damage)
    for (const argv of [['--version'], ['--help'], ['users', '-c', 'none'], ['help', 'times']]) {
      assert.deepEqual(run(root, argv), run(ROOT, argv), argv.join(' '))
    }
  })
}
