import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cleanForTerminal } from '../../src/cli/clean.ts'
import { cutMiddle, displayWidth, renderTable } from '../../src/cli/table.ts'
import type { TableColumn } from '../../src/cli/table.ts'

const COLUMNS: readonly TableColumn[] = [
  { header: 'USER', align: 'left', shrinkTo: 6 },
  { header: 'MODEL', align: 'left', shrinkTo: 6 },
  { header: 'INPUT', align: 'right' },
  { header: 'CACHED', align: 'right', dropOrder: 2 },
  { header: 'SHARE', align: 'left', dropOrder: 1 },
]
const ROWS = [
  ['user-a', 'claude-sonnet-4-20250514', '288.4K', '120.0K', '█████▍'],
  ['user-b', 'local', '9.1K', '0', ''],
]

function at(width: number): string[] {
  return renderTable({ columns: COLUMNS, rows: ROWS, rules: false, width })
}

test('columns are as wide as their widest cell, rules as wide as the table, and no line ends in spaces', () => {
  const lines = renderTable({
    columns: COLUMNS,
    rows: ROWS,
    total: ['TOTAL', '', '297.5K', '120.0K', ''],
    rules: true,
  })
  assert.deepEqual(lines, [
    'USER    MODEL                      INPUT  CACHED  SHARE',
    '────────────────────────────────────────────────────────',
    'user-a  claude-sonnet-4-20250514  288.4K  120.0K  █████▍',
    'user-b  local                       9.1K       0',
    '────────────────────────────────────────────────────────',
    'TOTAL                             297.5K  120.0K',
  ])
})

test('without room columns go in their order, then names lose their middles, and numbers stay', () => {
  assert.equal(at(56)[0], 'USER    MODEL                      INPUT  CACHED  SHARE')
  assert.equal(at(55)[0], 'USER    MODEL                      INPUT  CACHED')
  assert.equal(at(47)[0], 'USER    MODEL                      INPUT')
  for (let width = 24; width < 60; width++) {
    const lines = at(width)
    for (const line of lines) assert.ok(displayWidth(line) <= width, `${width}: ${line}`)
    assert.ok(lines[1]?.includes('288.4K'))
    assert.ok(lines[2]?.includes('9.1K'))
  }
  assert.match(at(30)[1] ?? '', /^user-a {2}clau\S*…\S*514 {2}288\.4K$/)
})

test('wide characters take two places, combining marks none', () => {
  assert.equal(displayWidth('gpt-5'), 5)
  assert.equal(displayWidth('模型'), 4)
  assert.equal(displayWidth('ｇｐｔ'), 6)
  assert.equal(displayWidth('한국'), 4)
  assert.equal(displayWidth('e\u0301'), 1)
  assert.equal(displayWidth('🚀'), 2)
  assert.equal(displayWidth('–…≥█'), 4)
  const lines = renderTable({
    columns: COLUMNS.slice(0, 3),
    rows: [
      ['模型', 'a', '1'],
      ['cafe\u0301', 'b', '22'],
    ],
    rules: false,
  })
  assert.deepEqual(lines, ['USER  MODEL  INPUT', '模型  a          1', 'cafe\u0301  b         22'])
})

test('a name cut in the middle keeps both ends and never takes more than its places', () => {
  assert.equal(cutMiddle('claude-sonnet-4-20250514', 11), 'claud…50514')
  assert.equal(cutMiddle('claude-sonnet-4-20250514', 12), 'claude…50514')
  assert.equal(cutMiddle('gpt-5', 5), 'gpt-5')
  assert.equal(cutMiddle('gpt-5', 1), '…')
  assert.equal(cutMiddle('gpt-5', 0), '')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 20 }), (text, width) => {
      const clean = cleanForTerminal(text)
      assert.ok(displayWidth(cutMiddle(clean, width)) <= width)
      if (displayWidth(clean) <= width) assert.equal(cutMiddle(clean, width), clean)
    }),
  )
})

test('nothing that moves a cursor, breaks a line or turns text round survives cleaning', () => {
  const hostile = [
    '\u0000',
    '\u0007',
    '\b',
    '\t',
    '\n',
    '\r',
    '\u001b[2J',
    '\u007f',
    '\u0085',
    '\u009b31m',
    '\u00ad',
    '\u061c',
    '\u180e',
    '\u200b',
    '\u200d',
    '\u200e',
    '\u2028',
    '\u2029',
    '\u202e',
    '\u2060',
    '\u2066',
    '\ufeff',
    '\ufff9',
    '\u{e0041}',
    '\ud800',
    '\udc00',
    '\u001b]8;;http://evil.example/\u0007link\u001b]8;;\u0007',
  ]
  for (const text of hostile) {
    assert.doesNotMatch(cleanForTerminal(`a${text}b`), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    assert.equal(cleanForTerminal(`a${text}b`).at(0), 'a')
  }
  assert.equal(cleanForTerminal('claude-sonnet-4 模型 é 🚀'), 'claude-sonnet-4 模型 é 🚀')
})

test('any text at all leaves a table of as many lines as rows', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string())), (pairs) => {
      const lines = renderTable({
        columns: COLUMNS.slice(0, 2),
        rows: pairs,
        rules: false,
        width: 40,
      })
      assert.equal(lines.length, pairs.length + 1)
      for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    }),
  )
})

test('colour goes around padded cells and does not change where columns stand', () => {
  const lines = renderTable({
    columns: [
      { header: 'A', align: 'right', paint: (text) => `<${text}>` },
      { header: 'B', align: 'left' },
    ],
    rows: [
      ['1', 'x'],
      ['22', 'y'],
    ],
    rules: false,
  })
  assert.deepEqual(lines, [' A  B', '< 1>  x', '<22>  y'])
})
