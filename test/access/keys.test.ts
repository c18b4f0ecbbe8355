import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import test from 'node:test'
import { identifyCaller } from '../../src/access/identify.ts'
import { inspectKey, mintKey } from '../../src/access/keys.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

test('a key is aip_, 43 random characters and a checksum of 6, and every one is another', () => {
  const minted = Array.from({ length: 200 }, () => mintKey(randomBytes))
  for (const { key, digest, hint } of minted) {
    assert.match(key, /^aip_[0-9A-Za-z]{49}$/)
    assert.equal(digest, createHash('sha256').update(key).digest('hex'))
    assert.equal(hint, key.slice(-4))
    assert.equal(inspectKey(key), 'genuine')
  }
  assert.equal(new Set(minted.map(({ key }) => key)).size, 200)
})

test('all 62 characters come up alike: bytes that would favour the first ones are passed over', () => {
  let next = 0
  // Every byte once, over and over.
  const source = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => next++ % 256)
  const counts = new Map<string, number>()
  // 248 usable bytes a round, 43 a key: 62 keys are 43 characters of each.
  for (let made = 0; made < 62; made++) {
    next = (made * 43) % 248
    for (const char of mintKey(source).key.slice(4, 47)) {
      counts.set(char, (counts.get(char) ?? 0) + 1)
    }
  }
  assert.equal(counts.size, 62)
  const fewest = Math.min(...counts.values())
  assert.ok(Math.max(...counts.values()) - fewest <= 3, JSON.stringify([...counts]))
})

test('the checksum is what the form says: 32 bits of SHA-256 over the rest, in base 62', () => {
  const { key } = mintKey(() => new Uint8Array(64))
  const body = `aip_${'0'.repeat(43)}`
  let value = 0n
  for (const char of key.slice(body.length)) {
    const digit = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.indexOf(char)
    value = value * 62n + BigInt(digit)
  }
  assert.equal(key.slice(0, body.length), body)
  assert.equal(value, BigInt(createHash('sha256').update(body).digest().readUInt32BE(0)))
})

test('any one character mistyped, dropped, doubled or swapped with its neighbour is noticed', () => {
  const { key } = mintKey(randomBytes)
  for (let at = 4; at < key.length; at++) {
    const other = key[at] === 'x' ? 'y' : 'x'
    const slips = [
      key.slice(0, at) + other + key.slice(at + 1),
      key.slice(0, at) + key.slice(at + 1),
      key.slice(0, at) + key[at] + key.slice(at),
    ]
    if (at + 1 < key.length && key[at] !== key[at + 1]) {
      slips.push(key.slice(0, at) + key[at + 1] + key[at] + key.slice(at + 2))
    }
    for (const slip of slips) assert.equal(inspectKey(slip), 'damaged', slip)
  }
  for (const foreign of ['', 'user-a', 'sk-abc', 'AIP_x']) {
    assert.equal(inspectKey(foreign), 'foreign')
  }
})

test('who presents a damaged key is told so; one that is only unknown is not called damaged', () => {
  const { key } = mintKey(randomBytes)
  const config = { users: new Map(), keys: new Map() }
  const messageFor = (presented: string): string => {
    try {
      identifyCaller(config, { 'x-api-key': presented })
    } catch (thrown) {
      assert.ok(thrown instanceof ProxyError)
      assert.equal(thrown.code, 'key_invalid')
      assert.ok(!thrown.message.includes(presented))
      return thrown.message
    }
    throw new Error('accepted')
  }
  assert.match(messageFor(key.slice(0, -1)), /incomplete or mistyped/)
  assert.doesNotMatch(messageFor(key), /incomplete or mistyped/)
  assert.doesNotMatch(messageFor('something else'), /incomplete or mistyped/)
})
