import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createCsvReader } from '../../src/usage/csv.ts'

function read(text: string | Buffer, cut = Infinity): { rows: string[][]; lines: number[] } {
  const rows: string[][] = []
  const lines: number[] = []
  const reader = createCsvReader((fields, line) => {
    rows.push(fields)
    lines.push(line)
  })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += cut) {
    reader.push(bytes.subarray(at, Math.min(bytes.length, at + cut)))
  }
  reader.end()
  return { rows, lines }
}

test('quotes, quotes in quotes, separators and line ends in quotes, empty fields', () => {
  const cases: readonly (readonly [string, string[][]])[] = [
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['"a","b ""c"""\n', [['a', 'b "c"']]],
    ['a,"1,234","x\ny"\n', [['a', '1,234', 'x\ny']]],
    ['a,,\n', [['a', '', '']]],
    ['"",b\n', [['', 'b']]],
    ['a"b,c\n', [['a"b', 'c']]],
    ['"a"b,c\n', [['ab', 'c']]],
    [' a , b \n', [[' a ', ' b ']]],
    [
      'a,b\n\n  \n,\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['\ufeffa,b\n', [['a', 'b']]],
    ['a\tb,c\td\n', [['a', 'b,c', 'd']]],
    [
      'a;b;c\n1,5;2;3\n',
      [
        ['a', 'b', 'c'],
        ['1,5', '2', '3'],
      ],
    ],
    ['', []],
    ['\n\n', []],
    ['alone', [['alone']]],
  ]
  for (const [text, rows] of cases) assert.deepEqual(read(text).rows, rows, JSON.stringify(text))
})

test('a row knows its line, also behind one that spans several', () => {
  assert.deepEqual(read('a,b\n"x\ny",1\n\nlast,2\n').lines, [1, 2, 5])
})

test('the chunks make no difference, nor does where a character is cut', () => {
  const text = '\ufeffa,"≤ 200k"\r\n"é""\n",2\r\n'
  for (const cut of [1, 2, 3, 5, 7]) assert.deepEqual(read(text, cut), read(text))
})

test('what was written by the rules is read back', () => {
  const field = fc.string({ maxLength: 8 }).map((text) => text.replaceAll(/[\r\ufeff]/g, ''))
  const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1 })
  fc.assert(
    fc.property(rows, (table) => {
      const quoted = table.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`))
      // The first line tells the separator.
      const text = `x,y,z,z,z,z,z,z,z,z,z,z\n${quoted.map((row) => row.join(',')).join('\n')}`
      const expected = table.filter((row) => row.some((one) => one.trim() !== ''))
      assert.deepEqual(read(text).rows.slice(1), expected)
    }),
  )
})

test('a quote that is never closed costs no more than a mebibyte, and not the rows behind it', () => {
  const { rows } = read(`a,b\n"${'x\n'.repeat(800_000)}1,2\n`)
  assert.deepEqual(rows[0], ['a', 'b'])
  assert.deepEqual(rows[1], [])
  assert.deepEqual(rows.at(-1), ['1', '2'])
})
