import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import * as fc from 'fast-check'
import { createPaint } from '../../src/cli/paint.ts'
import { firstChangedLine, renderDiff } from '../../src/cli/users-diff.ts'

const PLAIN = createPaint({ flag: 'never', env: {}, isTTY: false })
const COLOURED = createPaint({ flag: 'always', env: {}, isTTY: true })
const NAMES = { before: 'a.yaml', after: 'a.yaml' }

function diff(before: string, after: string): string {
  return renderDiff(before, after, { names: NAMES, paint: PLAIN })
}

test('a change is shown with three lines around it, changes nearby in one hunk', () => {
  const before = Array.from({ length: 20 }, (_, index) => `line ${index + 1}\n`).join('')
  const after = before.replace('line 5\n', 'five\n').replace('line 18\n', 'line 18\nmore\n')
  assert.equal(
    diff(before, after),
    [
      '--- a.yaml',
      '+++ a.yaml',
      '@@ -2,7 +2,7 @@',
      ' line 2\n line 3\n line 4\n-line 5\n+five\n line 6\n line 7\n line 8',
      '@@ -16,5 +16,6 @@',
      ' line 16\n line 17\n line 18\n+more\n line 19\n line 20',
      '',
    ].join('\n'),
  )
  assert.equal(diff(before, before), '')
  assert.equal(firstChangedLine(before, after), 5)
})

test('a missing last line end is said, and a new file comes from nowhere', () => {
  assert.equal(
    diff('a\nb', 'a\nb\n'),
    '--- a.yaml\n+++ a.yaml\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n',
  )
  const fresh = renderDiff('', 'a\n', { names: { before: undefined, after: 'n' }, paint: PLAIN })
  assert.equal(fresh, '--- /dev/null\n+++ n\n@@ -0,0 +1 @@\n+a\n')
})

test('on a terminal it is coloured, and control characters of the file are not obeyed', () => {
  const options = { names: NAMES, paint: COLOURED, isTerminal: true }
  const shown = renderDiff('# \u001b[2Jx\u202e\na\n', '# \u001b[2Jx\u202e\nb\n', options)
  assert.ok(shown.includes('\u001b[31m-a\u001b[39m\n\u001b[32m+b'))
  assert.ok(!shown.includes('\u001b[2J') && !shown.includes('\u202e'))
})

test('patch makes the new text of the old one with it', (t) => {
  try {
    execFileSync('patch', ['--version'], { stdio: 'ignore' })
  } catch {
    t.skip('there is no patch on this machine')
    return
  }
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-diff-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'a.yaml')
  const text = fc
    .tuple(fc.array(fc.constantFrom('a', 'b', 'c', '', '  d'), { maxLength: 30 }), fc.boolean())
    .map(([lines, isEnded]) => lines.join('\n') + (isEnded ? '\n' : ''))
  const property = fc.property(text, text, (before, after) => {
    // Of nothing, patch makes no file at all.
    fc.pre(before !== after && before !== '' && after !== '')
    writeFileSync(path, before)
    execFileSync('patch', ['-s', path], { input: diff(before, after) })
    assert.equal(readFileSync(path, 'utf8'), after)
  })
  fc.assert(property, { numRuns: 60 })
})
