/** What `npm pack` would publish: all that the program needs, and nothing twice. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { projectRoot } from '../support/owner.ts'
import { list, map, parseJson } from '../support/json.ts'

const BUNDLE = new URL('dist/aiproxy/', projectRoot)
const bundled = readdirSync(BUNDLE).toSorted()
const programs = bundled.filter((name) => name.endsWith('.cjs'))

test('the package holds the bundle, the schema and the entry, no file of dist/src and no code compiled for this machine', () => {
  const { stdout, stderr, status } = spawnSync(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts'],
    { cwd: fileURLToPath(projectRoot), encoding: 'utf8', shell: process.platform === 'win32' },
  )
  assert.equal(status, 0, stderr)
  const [packed] = list(parseJson(stdout))
  const paths = list(map(packed)['files']).map((file) => String(map(file)['path']))
  assert.deepEqual(
    paths.toSorted(),
    [
      'LICENSE',
      'README.md',
      'bin/aiproxy.js',
      'bin/package.json',
      'dist/aiproxy.schema.json',
      'package.json',
      ...bundled.filter((name) => !name.includes('.cjs.')).map((name) => `dist/aiproxy/${name}`),
    ].toSorted(),
  )
})

test('every file of the bundle requires only Node and other files of the bundle', () => {
  assert.ok(programs.includes('start.cjs'))
  for (const name of programs) {
    const text = readFileSync(new URL(name, BUNDLE), 'utf8')
    const required = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1] ?? '')
    for (const module of required) {
      const isHere = module.startsWith('./') && programs.includes(module.slice(2))
      assert.ok(isBuiltin(module) || isHere, `${name} requires ${module}`)
    }
    assert.doesNotMatch(text, /\bimport\(|\bimport\.meta\b/, name)
  }
})

test('the licence of every package in the bundle goes along', () => {
  const licences = readFileSync(new URL('LICENCES.txt', BUNDLE), 'utf8')
  const own = map(parseJson(readFileSync(new URL('package.json', projectRoot), 'utf8')))
  for (const name of Object.keys(map(own['dependencies']))) {
    const about = new URL(`node_modules/${name}/package.json`, projectRoot)
    const { version } = map(parseJson(readFileSync(about, 'utf8')))
    assert.ok(licences.includes(`${name} ${String(version)}\n`), name)
  }
})

test('an error of a command carries the name and line of our file at -vv', () => {
  const { stderr, status } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('bin/aiproxy.js', projectRoot)), '-vv', 'users', '-c', 'gone.yaml'],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  )
  assert.equal(status, 3)
  assert.match(stderr, /\n {4,}at findConfig \(.*dist.aiproxy.\w+\.cjs:\d+:\d+\)\n/)
})
