/** The quick answers for plain text, held against Unicode's own classes for every character there is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanForTerminal } from '../../src/cli/clean.ts'
import { displayWidth } from '../../src/cli/table.ts'

const LAST = 0x10ffff

function mismatches(isSame: (char: string) => boolean): string[] {
  const wrong: string[] = []
  for (let code = 0; code <= LAST; code++) {
    if (!isSame(String.fromCodePoint(code))) wrong.push(`U+${code.toString(16)}`)
  }
  return wrong
}

test('exactly what is unsafe on a terminal is replaced', () => {
  const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u
  const wrong = mismatches(
    (char) => cleanForTerminal(`a${char}`) === (unsafe.test(char) ? 'a\ufffd' : `a${char}`),
  )
  assert.deepEqual(wrong, [])
})

test('a character takes the places that its class says, alone and beside one that is not plain', () => {
  const none = /[\p{Mn}\p{Me}\p{Cc}\p{Cf}\u1160-\u11ff]/u
  const emoji = /\p{Emoji_Presentation}/u
  const wrong = mismatches((char) => {
    const places = displayWidth(char)
    if (displayWidth(`${char}語`) !== places + 2) return false
    // A soft hyphen is shown.
    if (char === '\u00ad') return places === 1
    if (none.test(char)) return places === 0
    return places === 2 || (places === 1 && !emoji.test(char))
  })
  assert.deepEqual(wrong, [])
})
