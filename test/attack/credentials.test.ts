/** Guesses at who somebody is: reliability.md §1.3. */
import assert from 'node:assert/strict'
import { Agent, request as startRequest } from 'node:http'
import { test } from 'node:test'
import { chatPost, openDoor, talk } from './door.ts'

// xorshift32: the same guesses in every run.
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
}

const SEED = 20_261_122
const GUESSES = 10_000

test('10,000 random credentials are 401, none an error of ours', { timeout: 60_000 }, async (t) => {
  const door = await openDoor(t)
  const random = createRandom(SEED)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  t.after(() => {
    agent.destroy()
  })
  const pick = (count: number): number => Math.floor(random() * count)
  // Whatever a header may hold: visible ASCII, tabs, and bytes above ASCII.
  const text = (length: number): string =>
    Array.from({ length }, () => {
      const at = pick(200)
      return String.fromCharCode(at < 94 ? 0x21 + at : at < 190 ? 0xa0 + (at - 94) : 0x20)
    }).join('')
  const guess = (): Record<string, string> => {
    // Mostly short; now and then as long as a head may be.
    const value = text(pick(100) === 0 ? pick(7_000) : pick(80))
    switch (pick(5)) {
      case 0:
        return { authorization: value }
      case 1:
        return { authorization: `Basic ${value}` }
      case 2:
        return { 'x-api-key': `aip_${value}` }
      case 3:
        return { authorization: `bearer aip_${value}`, 'x-api-key': value }
      default:
        return { authorization: `Bearer ${value}` }
    }
  }
  const ask = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = startRequest(
        { port: door.port, host: '127.0.0.1', path: '/v1/models', agent, headers },
        (response) => {
          response.resume()
          response.on('end', () => {
            resolve(response.statusCode ?? 0)
          })
        },
      )
      request.on('error', reject)
      request.end()
    })
  const statuses = new Map<number, number>()
  for (let done = 0; done < GUESSES; done += 500) {
    const guesses = Array.from({ length: 500 }, guess)
    // oxlint-disable-next-line no-await-in-loop -- in batches, lest 10,000 requests wait for eight sockets
    for (const status of await Promise.all(guesses.map(ask))) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  }
  assert.deepEqual([...statuses], [[401, GUESSES]])
  assert.deepEqual(door.unexpected, [])
})

test('a name that every object has is nobody', async (t) => {
  const door = await openDoor(t)
  const names = ['__proto__', 'constructor', 'toString', 'valueOf', 'hasOwnProperty', 'prototype']
  for (const name of names) {
    const asUser = await talk(door.port, chatPost(door.port, { user: name }))
    assert.equal(asUser.replies[0]?.status, 403, `X-User: ${name}`)
    for (const line of [`Authorization: Bearer ${name}`, `x-api-key: ${name}`]) {
      const asKey = await talk(
        door.port,
        chatPost(door.port, { user: undefined, headers: [line, 'Content-Length: 2'] }),
      )
      assert.equal(asKey.replies[0]?.status, 401, line)
    }
    // As a header's own name it is only a header.
    const asHeader = await talk(
      door.port,
      chatPost(door.port, { headers: [`${name}: x`, 'Content-Length: 2'] }),
    )
    assert.equal(asHeader.replies[0]?.status, 200, `${name}: x`)
  }
  assert.deepEqual(door.unexpected, [])
})
