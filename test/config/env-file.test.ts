import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { parseVariables, readEnvFile } from '../../src/config/env-file.ts'

test('lines of a .env file are read as people write them', () => {
  const text = [
    '\uFEFF# a comment',
    'PLAIN=sk-1',
    'export EXPORTED=two',
    'SPACED = three # not this',
    'DOUBLE="four # this\\nline"',
    "SINGLE='five $PLAIN'",
    'EMPTY=',
    'EQUALS=a=b==',
    'CARRIAGE=six\r',
    '',
    'MULTI="seven',
    'eight"',
  ].join('\n')
  assert.deepEqual(parseVariables(text), {
    PLAIN: 'sk-1',
    EXPORTED: 'two',
    SPACED: 'three',
    DOUBLE: 'four # this\nline',
    SINGLE: 'five $PLAIN',
    EMPTY: '',
    EQUALS: 'a=b==',
    CARRIAGE: 'six',
    MULTI: 'seven\neight',
  })
})

test('what is no variable is passed over, and takes nothing with it', () => {
  const text = 'just words\nA=1\n1B=2\nC-D=3\n__proto__=5\nE=6\n'
  const variables = parseVariables(text)
  assert.equal(variables['A'], '1')
  assert.equal(variables['E'], '6')
  for (const name of ['1B', 'C-D']) assert.ok(!Object.hasOwn(variables, name), name)
  assert.equal(Object.getPrototypeOf(variables), Object.prototype)
})

test('a variable that is already set is kept, an empty one too', (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-env-'))
  t.after(() => rmSync(cwd, { recursive: true }))
  writeFileSync(join(cwd, '.env'), 'A=file\nB=file\nC=file\n')
  const env = { A: 'shell', B: '' }
  assert.deepEqual(readEnvFile({ env, cwd, home: '/h' }), { A: 'shell', B: '', C: 'file' })
  assert.deepEqual(env, { A: 'shell', B: '' })
  assert.deepEqual(readEnvFile({ envFile: false, env, cwd, home: '/h' }), env)
})

test('a named file is needed, the default one is not', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'aiproxy-env-'))
  t.after(() => rmSync(home, { recursive: true }))
  const env = { A: 'shell' }
  assert.equal(readEnvFile({ env, cwd: home, home }), env)
  writeFileSync(join(home, 'keys'), 'K=1\n')
  const named = readEnvFile({ envFile: '~/keys', env, cwd: '/', home })
  assert.deepEqual(named, { A: 'shell', K: '1' })
  assert.throws(() => readEnvFile({ envFile: 'nope.env', env, cwd: home, home }), {
    code: 'config_missing',
    message: 'nope.env: no such file (named by --env-file)',
  })
  mkdirSync(join(home, '.env'))
  assert.equal(readEnvFile({ env, cwd: home, home }), env)
  assert.throws(() => readEnvFile({ envFile: '.env', env, cwd: home, home }), {
    code: 'config_invalid',
    message: '.env: cannot be read (EISDIR)',
  })
})
