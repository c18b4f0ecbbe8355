/**
 * A page that made a name of its own point at this machine (DNS rebinding, reliability.md §1.2 A2): it is
 * same-origin with us, so only the Host header tells it apart.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chatPost, openDoor, talk } from './door.ts'

const FOREIGN = (port: number): readonly string[] => [
  'evil.com',
  `evil.com:${port}`,
  `127.0.0.1.nip.io:${port}`,
  `localhost.evil.com:${port}`,
  `127.0.0.1.evil.com:${port}`,
  `localhost.:${port}`,
  `LOCALHOST.:${port}`,
  `127.0.0.1.:${port}`,
  `0x7f.1:${port}`,
  `0x7f000001:${port}`,
  `2130706433:${port}`,
  `017700000001:${port}`,
  `127.1:${port}`,
  `127.0.1:${port}`,
  `127.0.0.2:${port}`,
  `0.0.0.0:${port}`,
  `0:${port}`,
  `[::]:${port}`,
  `[::ffff:127.0.0.1]:${port}`,
  `[::ffff:7f00:1]:${port}`,
  `[0:0:0:0:0:0:0:1]:${port}`,
  `[::1%25lo]:${port}`,
  `[::1%lo]:${port}`,
  `::1:${port}`,
  `[::1]${port}`,
  '127.0.0.1',
  'localhost',
  '127.0.0.1:',
  '127.0.0.1:1',
  '127.0.0.1:80',
  `127.0.0.1:${port + 65_536}`,
  `127.0.0.1:0${port}0`,
  `127.0.0.1:+${port}`,
  `127.0.0.1:${port}.0`,
  `127.0.0.1:${port}@evil.com`,
  `evil.com@127.0.0.1:${port}`,
  `evil.com#@127.0.0.1:${port}`,
  `127.0.0.1:${port}, evil.com`,
  `127.0.0.1:${port} evil.com`,
  `127.0.0.1 :${port}`,
  `http://127.0.0.1:${port}`,
  `127.0.0.1:${port}/`,
  `evil.com/.localhost:${port}`,
  `evil@x.localhost:${port}`,
  `.localhost:${port}`,
  `a..localhost:${port}`,
  `xlocalhost:${port}`,
  `\xb9localhost:${port}`,
  `\xe2\x91\xa0127.0.0.1:${port}`,
]

const ROUTES = ['/v1/chat/completions', '/v1/models', '/healthz', '/readyz', '/metrics', '/nope']

test('a Host that is not ours is refused on every route, and nothing is asked', async (t) => {
  const door = await openDoor(t)
  const hosts = FOREIGN(door.port)
  assert.ok(hosts.length >= 40, `${hosts.length} shapes`)
  for (const host of hosts) {
    const { replies } = await talk(door.port, chatPost(door.port, { host }))
    assert.equal(replies[0]?.status, 403, host)
    assert.match(replies[0]?.body ?? '', /host_forbidden/, host)
  }
  for (const route of ROUTES) {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const request = `${method} ${route} HTTP/1.1\r\nHost: evil.com\r\nX-User: alice\r\n\r\n`
      const { replies } = await talk(door.port, request, { method })
      assert.equal(replies[0]?.status, 403, `${method} ${route}`)
    }
  }
  assert.equal(door.seen.calls, 0)
})

test('our own names are let in, with our port and in any case', async (t) => {
  const door = await openDoor(t, { allowedHosts: ['proxy.example', 'exact.example:8443'] })
  const names = [
    `127.0.0.1:${door.port}`,
    `localhost:${door.port}`,
    `LocalHost:${door.port}`,
    `[::1]:${door.port}`,
    `dev.localhost:${door.port}`,
    `a.b.localhost:${door.port}`,
    'proxy.example',
    'PROXY.example:1',
    'exact.example:8443',
  ]
  for (const host of names) {
    const { replies } = await talk(door.port, chatPost(door.port, { host }))
    assert.equal(replies[0]?.status, 200, host)
  }
  assert.equal(door.seen.bodies.length, names.length)
})

test('a door that listens everywhere does not answer to "everywhere" as a name', async (t) => {
  const door = await openDoor(t, { host: '0.0.0.0' })
  const { replies } = await talk(door.port, chatPost(door.port, { host: `0.0.0.0:${door.port}` }))
  assert.equal(replies[0]?.status, 403)
})

test('no Host, two Hosts, an empty one, or a target with a host of its own are malformed', async (t) => {
  const door = await openDoor(t)
  const own = `127.0.0.1:${door.port}`
  const rest = 'X-User: alice\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'
  const path = '/v1/chat/completions'
  const shapes: ReadonlyArray<readonly [name: string, head: string]> = [
    ['no Host in 1.1', `POST ${path} HTTP/1.1\r\n`],
    ['no Host in 1.0', `POST ${path} HTTP/1.0\r\n`],
    ['an empty Host', `POST ${path} HTTP/1.1\r\nHost:\r\n`],
    ['a blank Host', `POST ${path} HTTP/1.1\r\nHost:   \r\n`],
    ['ours, then another', `POST ${path} HTTP/1.1\r\nHost: ${own}\r\nHost: evil.com\r\n`],
    ['another, then ours', `POST ${path} HTTP/1.1\r\nHost: evil.com\r\nHost: ${own}\r\n`],
    ['ours twice', `POST ${path} HTTP/1.1\r\nHost: ${own}\r\nhost: ${own}\r\n`],
    ['absolute, foreign', `POST http://evil.com${path} HTTP/1.1\r\nHost: ${own}\r\n`],
    ['absolute, ours', `POST http://${own}${path} HTTP/1.1\r\nHost: ${own}\r\n`],
    ['absolute, https', `POST https://${own}${path} HTTP/1.1\r\nHost: ${own}\r\n`],
    ['absolute, userinfo', `POST http://a@${own}${path} HTTP/1.1\r\nHost: ${own}\r\n`],
    ['asterisk', `POST * HTTP/1.1\r\nHost: ${own}\r\n`],
    ['folded', `POST ${path} HTTP/1.1\r\nHost: evil.com\r\n ${own}\r\n`],
    ['space before the colon', `POST ${path} HTTP/1.1\r\nHost : ${own}\r\n`],
  ]
  for (const [name, head] of shapes) {
    const { replies, end } = await talk(door.port, head + rest)
    assert.deepEqual(
      replies.map((reply) => reply.status),
      [400],
      name,
    )
    assert.equal(end, 'closed', name)
  }
  assert.equal(door.seen.calls, 0)
})
