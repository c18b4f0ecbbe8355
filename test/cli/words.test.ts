import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutEnd } from '../../src/cli/fit.ts'
import { displayWidth } from '../../src/cli/table.ts'
import { homeOf } from '../../src/cli/world.ts'
import {
  jsonLine,
  quoteForShell,
  quoteForShellOf,
  renderCost,
  renderCount,
  renderDuration,
  renderPath,
} from '../../src/cli/words.ts'

function table<T>(render: (value: T) => string, rows: ReadonlyArray<readonly [T, string]>): void {
  for (const [value, text] of rows) assert.equal(render(value), text, String(value))
}

test('durations change their unit before they round into the next', () => {
  table(renderDuration, [
    [0, '0ms'],
    [2.4, '2ms'],
    [99.4, '99ms'],
    [99.6, '0.1s'],
    [1900, '1.9s'],
    [59_940, '59.9s'],
    [59_960, '1m00s'],
    [100_000, '1m40s'],
    [3_599_600, '1h00m'],
    [7_380_000, '2h03m'],
    [-5, '0ms'],
  ])
})

test('money: four places below a dollar, two above, and never $0.00 for a little', () => {
  table(renderCost, [
    [0, '$0'],
    [0.00001, '<$0.0001'],
    [0.0006, '$0.0006'],
    [0.99996, '$1.00'],
    [2.64, '$2.64'],
    [1234.5, '$1234.50'],
  ])
})

test('counts shrink and are at most six characters up to a hundred billion', () => {
  table(renderCount, [
    [0, '0'],
    [9999, '9999'],
    [10_000, '10.0K'],
    [433_314, '433.3K'],
    [999_949, '999.9K'],
    [999_950, '1.0M'],
    [999_949_999, '999.9M'],
    [1_000_000_000, '1.0B'],
  ])
})

test('a path is shown as short as it can be typed', () => {
  const place = { cwd: '/home/me/desk', home: '/home/me' }
  table(
    (path: string) => renderPath(path, place),
    [
      ['/home/me/desk/a.yaml', './a.yaml'],
      ['/home/me/.local/state/x', '~/.local/state/x'],
      ['/home/mean/x', '/home/mean/x'],
      ['/etc/x', '/etc/x'],
      ['/home/me', '/home/me'],
    ],
  )
})

test('a word of a command line is quoted where a shell would read it otherwise', () => {
  table(quoteForShell, [
    ['gpt-5', 'gpt-5'],
    ['-5 dogs', '"-5 dogs"'],
    ['', '""'],
    ['a$(id)', "'a$(id)'"],
    ["it's $1", String.raw`'it'\''s $1'`],
    ['a\u001b\nb', '"a\ufffd\ufffdb"'],
  ])
})

test('for the shells of Windows a path stays a path, and only double quotes are used', () => {
  table(
    (word: string) => quoteForShellOf('\\', word),
    [
      [String.raw`C:\Users\me\aiproxy.yaml`, String.raw`C:\Users\me\aiproxy.yaml`],
      [String.raw`C:\my files\a.yaml`, String.raw`"C:\my files\a.yaml"`],
      ['%PATH%', '"%PATH%"'],
      ['a"b', String.raw`"a\"b"`],
      ["it's", '"it\'s"'],
      ['', '""'],
    ],
  )
})

test('an empty HOME is none', () => {
  for (const [env, home] of [
    [{ HOME: '/home/me' }, '/home/me'],
    [{ HOME: '' }, '/home/asked'],
    [{}, '/home/asked'],
  ] as const) {
    assert.equal(
      homeOf(env, () => '/home/asked'),
      home,
    )
  }
})

test('a line of JSON stays a line, has no control character, and reads back the same', () => {
  const hostile = '\u0000\n\u007f\u009b\u2028\u202e\u{e0001}\ud800 plain 🦊'
  const line = jsonLine({ [hostile]: hostile })
  assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\u2028\u2029]/u)
  assert.deepEqual(JSON.parse(line), { [hostile]: hostile })
})

test('a sentence is cut at its end, wide characters counted as two', () => {
  for (const text of ['short', 'a longer sentence', '模型名称很长很长', '🦊🦊🦊🦊🦊🦊']) {
    for (let columns = 0; columns < 20; columns++) {
      const cut = cutEnd(text, columns)
      assert.ok(displayWidth(cut) <= columns, `${cut} in ${columns}`)
    }
  }
  assert.equal(cutEnd('a longer sentence', 9), 'a longer…')
})
