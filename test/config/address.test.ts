/** Which texts are addresses, and how far away each is, held against Node's own answers. */
import assert from 'node:assert/strict'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import { ipVersion, kindOfHost } from '../../src/config/address.ts'
import { parseBaseUrl, parseLogPath } from '../../src/config/values.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'

const PARTS = [
  '0',
  '1',
  '9',
  '10',
  '99',
  '127',
  '100',
  '199',
  '255',
  '256',
  '01',
  '007',
  '1000',
] as const
const ODD = ['', ' ', '+1', '1 ', 'a', '0x7f', '१', '1e2', '127', '-1'] as const
const JOINTS = ['.', '.', '.', '.', '.', '.', '..', ':', '/', ',', '\n'] as const

function anAddress(random: Random): string {
  const count = random.once(4) ? random.below(7) : 4
  let text = ''
  for (let i = 0; i < count; i++) {
    const part = random.once(12) ? random.pick(ODD) : random.pick(PARTS)
    text += (i === 0 ? '' : random.pick(JOINTS)) + part
  }
  return random.once(20) ? `${text}\n` : text
}

test('an address is what Node says it is', () => {
  const random = createRandom(41)
  let found = 0
  for (let i = 0; i < 50_000; i++) {
    const text = anAddress(random)
    const version = isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0
    assert.equal(ipVersion(text), version, JSON.stringify(text))
    if (version === 4) found++
  }
  assert.ok(found > 1000)
  for (let byte = 0; byte <= 300; byte++) {
    for (const text of [`${byte}.1.2.3`, `1.2.3.${byte}`, `1.${byte}.2.3`]) {
      assert.equal(ipVersion(text), isIPv4(text) ? 4 : 0, text)
    }
  }
  assert.equal(ipVersion('::1'), 6)
  assert.equal(ipVersion('::ffff:127.0.0.1'), 6)
  assert.equal(ipVersion('fe80::1%eth0'), isIPv6('fe80::1%eth0') ? 6 : 0)
})

test('loopback is what lies in its ranges', () => {
  const loopback = new BlockList()
  loopback.addSubnet('127.0.0.0', 8, 'ipv4')
  const random = createRandom(42)
  for (let i = 0; i < 5000; i++) {
    const first = random.once(2) ? random.pick([12, 27, 126, 127, 128]) : random.below(256)
    const rest = [random.below(256), random.below(256), random.below(256)]
    const address = [first, ...rest].join('.')
    assert.equal(kindOfHost(address) === 'loopback', loopback.check(address), address)
  }
  for (const host of ['127.0.0.1', '127.255.255.255', '[::1]', '::ffff:127.0.0.1', 'localhost.']) {
    assert.equal(kindOfHost(host), 'loopback', host)
  }
})

test('the other ranges are asked as ever', () => {
  const kinds = [
    '10.1.2.3',
    '192.168.0.1',
    'fd00::1',
    '169.254.169.254',
    '0.0.0.0',
    '8.8.8.8',
    '2606:4700::1',
  ]
  assert.deepEqual(kinds.map(kindOfHost), [
    'private',
    'private',
    'private',
    'forbidden',
    'forbidden',
    'public',
    'public',
  ])
})

test('no space, control character, backslash or unassigned character passes in a base_url, at any place', () => {
  const bad = /[\s\p{C}\\]/u
  for (let code = 0; code <= 0xffff; code++) {
    const char = String.fromCharCode(code)
    if (!bad.test(char)) continue
    for (const url of [`https://host/a${char}`, `https://host/${char}é`]) {
      assert.ok('wrong' in parseBaseUrl(url), `U+${code.toString(16)}`)
    }
  }
  assert.deepEqual(parseBaseUrl("https://host/~a-b_c/[d]!$&'()+,;=/"), {
    value: "https://host/~a-b_c/[d]!$&'()+,;=",
  })
  assert.deepEqual(parseBaseUrl('https://host/é'), { value: 'https://host/%C3%A9' })
})

test('a log path holds any character but a control character', () => {
  for (let code = 0; code <= 0xffff; code++) {
    const char = String.fromCharCode(code)
    const isControl = /\p{Cc}/u.test(char)
    assert.equal('wrong' in parseLogPath(`x${char}`), isControl, `U+${code.toString(16)}`)
  }
})
