import assert from 'node:assert/strict'
import test from 'node:test'
import { expand } from '../../src/config/interpolate.ts'

const ENV = { HOST: 'example.org', EMPTY: '', INJECT: 'x\nlisten: 0.0.0.0:1', LOOP: '${HOST}' }

const EXPANDED: ReadonlyArray<readonly [string, string, ReadonlyArray<readonly [string, string]>]> =
  [
    ['plain', 'plain', []],
    ['${HOST}', 'example.org', [['HOST', 'set']]],
    ['https://${HOST}/v1', 'https://example.org/v1', [['HOST', 'set']]],
    [
      '${HOST}${HOST}',
      'example.orgexample.org',
      [
        ['HOST', 'set'],
        ['HOST', 'set'],
      ],
    ],
    ['${NOPE}', '', [['NOPE', 'unset']]],
    ['${EMPTY}', '', [['EMPTY', 'empty']]],
    ['${NOPE:-a:-b}', 'a:-b', [['NOPE', 'default']]],
    ['${EMPTY:-a}', 'a', [['EMPTY', 'default']]],
    ['${HOST:-a}', 'example.org', [['HOST', 'set']]],
    ['${NOPE:-}', '', [['NOPE', 'default']]],
    ['$${HOST}', '${HOST}', []],
    ['$${HOST} ${HOST}', '${HOST} example.org', [['HOST', 'set']]],
    ['$HOST $ $$ {x}', '$HOST $ $$ {x}', []],
    ['${INJECT}', 'x\nlisten: 0.0.0.0:1', [['INJECT', 'set']]],
    ['${LOOP}', '${HOST}', [['LOOP', 'set']]],
    ['${constructor}', '', [['constructor', 'unset']]],
    ['${__proto__}', '', [['__proto__', 'unset']]],
  ]

for (const [text, expected, states] of EXPANDED) {
  test(`${text} becomes ${JSON.stringify(expected)}`, () => {
    const references = states.map(([name, state]) => ({ name, state }))
    assert.deepEqual(expand(text, ENV), { kind: 'expanded', text: expected, references })
  })
}

const FORM = 'a reference is ${NAME} or ${NAME:-default}; write $${ for a literal ${'
const MALFORMED: ReadonlyArray<readonly [string, string]> = [
  ['${', 'a ${ is not closed; write $${ for a literal ${'],
  ['${HOST', 'a ${ is not closed; write $${ for a literal ${'],
  ['${}', FORM],
  ['${1A}', FORM],
  ['${A B}', FORM],
  ['${A-b}', FORM],
  ['${A:?b}', FORM],
  ['${A:-${B}}', 'a default cannot hold another reference'],
]

for (const [text, wrong] of MALFORMED) {
  test(`${text} is no reference`, () => {
    assert.deepEqual(expand(text, ENV), { kind: 'malformed', wrong })
  })
}
