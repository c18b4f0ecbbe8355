import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeBody, writeString, writeStringOrNull } from '../../src/wire/json-text.ts'
import type { JsonObject, JsonValue } from '../../src/wire/json.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'

const PIECES = [
  'a',
  'the quick brown fox jumps ',
  '"',
  '\\',
  '\\n',
  '\n',
  '\t',
  '\r',
  '\b',
  '\f',
  '\0',
  '\u001f',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u2029',
  'é',
  '→',
  '😀',
  '\ud83d',
  '\ude00',
  '\ufeff',
  '\uffff',
  '/',
  '</script>',
  '$&',
  "$'",
] as const

function randomText(random: Random): string {
  let text = ''
  for (let left = random.below(12); left > 0; left -= 1) text += random.pick([...PIECES])
  return text
}

function randomValue(random: Random, depth: number): JsonValue {
  switch (random.below(depth === 0 ? 5 : 7)) {
    case 0:
      return randomText(random)
    case 1:
      return random.pick([0, -0, 1, -1.5, 1e21, 1e-7, 2 ** 63, Number.MIN_VALUE])
    case 2:
      return null
    case 3:
      return random.once(2)
    case 4:
      return random.pick([
        'user',
        'x'.repeat(1100),
        `${'y'.repeat(1100)}\n`,
        `${'z'.repeat(1100)}\u0007`,
      ])
    case 5:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth - 1))
    default:
      return randomObject(random, depth - 1)
  }
}

function randomObject(random: Random, depth: number): JsonObject {
  const names = ['role', 'content', 'type', 'text', '2', '1', '__proto__', 'messages', 'input']
  const members = Array.from({ length: random.below(5) }, () => [
    random.once(4) ? randomText(random) : random.pick(['system', ...names]),
    randomValue(random, depth),
  ])
  return Object.fromEntries(members)
}

test('every single character is written as JSON.stringify writes it, alone and in a long text', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const char = String.fromCharCode(unit)
    const long = `${'x'.repeat(30)}${char}y`
    if (writeString(char) !== JSON.stringify(char)) assert.fail(`alone: ${unit}`)
    if (writeString(long) !== JSON.stringify(long)) assert.fail(`in a text: ${unit}`)
  }
})

test('strings of every mixture are written as JSON.stringify writes them', () => {
  const random = createRandom(11)
  for (let left = 20_000; left > 0; left -= 1) {
    const text = randomText(random)
    assert.equal(writeString(text), JSON.stringify(text))
  }
  assert.equal(writeStringOrNull(null), 'null')
  assert.equal(writeStringOrNull('a"'), '"a\\""')
})

test('bodies of every shape are written as JSON.stringify writes them', () => {
  const random = createRandom(12)
  for (let left = 5_000; left > 0; left -= 1) {
    const body = randomObject(random, 4)
    body['messages'] = randomValue(random, 4)
    for (const bytes of [100, 10_000]) {
      assert.equal(writeBody(body, bytes), JSON.stringify(body))
    }
  }
})

test('a body nested deeper than any conversation is written all the same', () => {
  let value: JsonValue = 'x'.repeat(2000)
  for (let level = 0; level < 200; level += 1) value = level % 2 === 0 ? [value] : { a: value }
  assert.equal(writeBody({ messages: value }, 10_000), JSON.stringify({ messages: value }))
})
