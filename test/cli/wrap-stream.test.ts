import assert from 'node:assert/strict'
import { test } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import { wrapSentences } from '../../src/cli/wrap-stream.ts'
import { drawScreen, withoutColors } from '../support/terminal.ts'

/** What a terminal of so many columns gets of these writes. */
function write(columns: number | undefined, ...texts: readonly string[]): string {
  let output = ''
  const stream = wrapSentences({
    isTTY: columns !== undefined,
    columns,
    write(text) {
      output += text
      return true
    },
  })
  for (const text of texts) stream.write(text)
  return output
}

const SENTENCE =
  'error: the limit of 1234567 tokens per day has 0 tokens left; try again tomorrow\n'

test('a sentence is broken between words on a terminal, and nowhere else', () => {
  assert.equal(
    write(44, SENTENCE),
    'error: the limit of 1234567 tokens per day\n  has 0 tokens left; try again tomorrow\n',
  )
  assert.equal(write(100, SENTENCE), SENTENCE)
  assert.equal(write(undefined, SENTENCE), SENTENCE)
})

test('a list of names is broken, a command to copy and what is set in are not', () => {
  const names = Array.from({ length: 20 }, (_, at) => `model-${at}`).join(', ')
  const hint = `  → aiproxy users allow user-a ${names.replaceAll(',', '')}\n`
  const set = `    ${names}\n`
  const lines = write(60, `error: no\n  models: ${names}\n${hint}${set}`).split('\n')
  assert.ok(lines.slice(1, -3).every((line) => line.length <= 60 && line.startsWith('  ')))
  assert.deepEqual(lines.slice(-3), [hint.trimEnd(), set.trimEnd(), ''])
})

test('colours take no room and stay; a name that is too long is broken where the terminal ends', () => {
  const text = `\u001b[31mnote:\u001b[39m ${'x'.repeat(120)} and more\n`
  const output = write(50, text)
  assert.equal(
    withoutColors(output).replaceAll(/\s/g, ''),
    withoutColors(text).replaceAll(/\s/g, ''),
  )
  for (const line of withoutColors(output).split('\n')) assert.ok(displayWidth(line) <= 50, line)
  assert.ok(output.includes('\u001b[31mnote:\u001b[39m'))
})

test('what comes in pieces or draws a line again goes through as it is', () => {
  const pieces = ['a'.repeat(70), ' b'.repeat(20), '\n']
  assert.equal(write(50, ...pieces), pieces.join(''))
  const frame = `\r${'⠋ '.repeat(60)}`
  assert.equal(write(50, frame, '\r\u001b[K', 'done\n'), `${frame}\r\u001b[Kdone\n`)
})

test('the screen of the tests sees what was too wide, left over or unknown', () => {
  assert.deepEqual(drawScreen('\u001b[1mab\u001b[22m\r\nc日\n'), {
    lines: ['ab', 'c日', ''],
    widest: 3,
    isColored: true,
    isCursorShown: true,
  })
  assert.equal(drawScreen('a wide line\r\u001b[Kx').widest, 11, 'what was erased counts')
  assert.deepEqual(drawScreen('abc\rX').lines, ['Xbc'])
  assert.equal(drawScreen('\u001b[?25l').isCursorShown, false)
  assert.throws(() => drawScreen('\u001b[2J'), /unknown sequence/)
  assert.throws(() => drawScreen('a\bb'), /control character/)
})
