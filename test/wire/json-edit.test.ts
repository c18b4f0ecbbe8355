import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import {
  hasRepeatedKey,
  replaceTopLevelValue,
  scanTopLevel,
  setStreamOptionsIncludeUsage,
  setTopLevelValues,
} from '../../src/wire/json-edit.ts'
import { parseJsonObject } from '../../src/wire/json.ts'

function bytes(source: string): Uint8Array {
  return Buffer.from(source, 'utf8')
}
function words(result: Uint8Array): string {
  return Buffer.from(result).toString('utf8')
}

test('the scan finds every member with its exact bytes', () => {
  const source =
    ' { "a" : [1, {"b":"}"}] ,"mod\\u0065l":"x\\"y\\\\" , "n":-1.50e+2,"t":true,"ü":null}\n'
  const buffer = Buffer.from(source)
  const members = scanTopLevel(buffer).map((member) => [
    member.key,
    buffer.toString('utf8', member.valueStart, member.valueEnd),
  ])
  assert.deepEqual(members, [
    ['a', '[1, {"b":"}"}]'],
    ['model', '"x\\"y\\\\"'],
    ['n', '-1.50e+2'],
    ['t', 'true'],
    ['ü', 'null'],
  ])
})

test('a long string with escaped quotes and backslashes at its end is skipped whole', () => {
  const long = JSON.stringify(`${'x'.repeat(100)}"\\"${'y'.repeat(80)}\\\\`)
  const buffer = Buffer.from(`{"a":${long},"b":1}`)
  assert.deepEqual(
    scanTopLevel(buffer).map((member) =>
      buffer.toString('utf8', member.valueStart, member.valueEnd),
    ),
    [long, '1'],
  )
})

const DUPLICATES = [
  '{"model":"a","model":"b"}',
  '{"model":"a","mod\\u0065l":"b"}',
  '{"x":1,"model":"a","x":2}',
]
for (const source of DUPLICATES) {
  test(`a key that occurs twice is refused: ${source}`, () => {
    assert.throws(
      () => scanTopLevel(bytes(source)),
      (error) => error instanceof ProxyError && error.code === 'json_invalid',
    )
  })
}

function objectOf(names: readonly string[]): string {
  return `{${names.map((name) => `"${name}":1`).join(',')}}`
}

test('a key that occurs twice is refused among few keys and among many, wherever the first one stands', () => {
  for (const count of [2, 15, 16, 17, 18, 40]) {
    const keys = Array.from({ length: count }, (_, at) => `k${at}`)
    assert.equal(scanTopLevel(bytes(objectOf(keys))).length, count)
    for (const first of [0, Math.floor((count - 2) / 2), count - 2]) {
      const twice = [...keys.slice(0, -1), `k${first}`]
      assert.throws(() => scanTopLevel(bytes(objectOf(twice))), { param: `k${first}` })
    }
  }
})

test('what is no object is refused and never read past its end', () => {
  for (const source of [
    '',
    ' ',
    '[]',
    '"a"',
    '{',
    '{"a',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":[1',
    '{"a":"x',
  ]) {
    assert.throws(() => scanTopLevel(bytes(source)), ProxyError, source)
  }
})

const REPLACED: ReadonlyArray<readonly [string, string]> = [
  ['{"model":"old","x":1.0}', '{"model":"new","x":1.0}'],
  ['{ "x" : 1e2 , "mod\\u0065l" : "old" }', '{ "x" : 1e2 , "mod\\u0065l" : "new" }'],
  [
    '{"inner":{"model":"a"},"s":"\\"model\\":1","model":null}',
    '{"inner":{"model":"a"},"s":"\\"model\\":1","model":"new"}',
  ],
  ['{}', '{"model":"new"}'],
  [' { } ', ' {"model":"new" } '],
  ['{"x":1 }', '{"x":1,"model":"new" }'],
]
for (const [source, expected] of REPLACED) {
  test(`only the value of the key changes in ${source}`, () => {
    assert.equal(words(replaceTopLevelValue(bytes(source), 'model', '"new"')), expected)
  })
}

const INCLUDED: ReadonlyArray<readonly [string, string]> = [
  ['{"stream":true}', '{"stream":true,"stream_options":{"include_usage":true}}'],
  ['{"stream_options":null,"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
  ['{"stream_options":{},"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
  [
    '{"stream_options":{ "include_obfuscation" : false },"a":1}',
    '{"stream_options":{ "include_obfuscation" : false,"include_usage":true },"a":1}',
  ],
  ['{"stream_options":{"include_usage": false}}', '{"stream_options":{"include_usage": true}}'],
  ['{"stream_options":{"include_usage": true}}', '{"stream_options":{"include_usage": true}}'],
]
for (const [source, expected] of INCLUDED) {
  test(`usage is asked for without touching another byte of ${source}`, () => {
    assert.equal(words(setStreamOptionsIncludeUsage(bytes(source))), expected)
  })
}

test('several values are set in one pass, wherever they stand', () => {
  assert.equal(
    words(
      setTopLevelValues(bytes('{"b":2,"a":1}'), [
        ['a', '10'],
        ['c', '30'],
        ['b', '20'],
      ]),
    ),
    '{"b":20,"a":10,"c":30}',
  )
})

test('for any object, an edit changes one value and no other byte', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary', maxLength: 8 }), fc.jsonValue(), { maxKeys: 6 }),
      fc.nat(3),
      (object, indent) => {
        const source = JSON.stringify(object, undefined, indent)
        const buffer = Buffer.from(source)
        const members = scanTopLevel(buffer)
        assert.deepEqual(
          members.map((member) => member.key),
          Object.keys(JSON.parse(source)),
        )
        for (const member of members) {
          const edited = words(replaceTopLevelValue(buffer, member.key, '"new"'))
          assert.equal(
            edited,
            `${buffer.toString('utf8', 0, member.valueStart)}"new"${buffer.toString('utf8', member.valueEnd)}`,
          )
        }
      },
    ),
    { seed: 3, numRuns: 300 },
  )
})

test('a key that occurs twice is told by counting, exactly where the scan refuses it', () => {
  const key = fc.constantFrom('"a"', '"b"', '"\\u0061"', '"1"', '"__proto__"', '"x\\"y"')
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json)),
    fc.constantFrom('"}"', '"\\\\"', '"a\\":1,\\"a"', `"${'x'.repeat(50)}\\"${'y'.repeat(50)}"`),
  )
  const space = fc.constantFrom('', ' ', '\n\t')
  const member = fc.tuple(space, key, space, value, space)
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), space, (members, around) => {
      const inner = members.map(([a, name, b, json, c]) => `${a}${name}${b}:${json}${c}`)
      const source = `${around}{${inner.join(',')}}${around}`
      let refused = false
      try {
        scanTopLevel(bytes(source))
      } catch {
        refused = true
      }
      assert.equal(hasRepeatedKey(bytes(source), parseJsonObject(bytes(source))), refused, source)
    }),
    { numRuns: 2000 },
  )
})
