/**
 * The order of checks of reliability.md §1.4: a request that is wrong in every way is told of the first
 * wrong thing only, and no later step has been taken.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDoor, openRaw, readReplies, talk } from './door.ts'

const CRLF = '\r\n'

/** One step of the order: how a request fails it, and what it is told then. */
interface Step {
  readonly name: string
  readonly wrong: readonly string[]
  readonly right: readonly string[]
  readonly status: number
  readonly code: string
}

const STEPS = (port: number): readonly Step[] => [
  {
    name: 'repeated headers',
    wrong: ['X-Api-Key: a', 'X-Api-Key: b'],
    right: [],
    status: 400,
    code: 'request_malformed',
  },
  {
    name: 'framing',
    wrong: ['Transfer-Encoding: gzip, chunked'],
    right: [],
    status: 501,
    code: 'transfer_encoding_unsupported',
  },
  {
    name: 'Host',
    wrong: ['Host: evil.com'],
    right: [`Host: 127.0.0.1:${port}`],
    status: 403,
    code: 'host_forbidden',
  },
  {
    name: 'Origin',
    wrong: ['Origin: https://evil.com'],
    right: [],
    status: 403,
    code: 'origin_forbidden',
  },
  {
    name: 'expectation',
    wrong: ['Expect: miracles'],
    right: [],
    status: 417,
    code: 'expectation_failed',
  },
]
const LATER: readonly Step[] = [
  {
    name: 'media type',
    wrong: ['Content-Type: text/plain'],
    right: ['Content-Type: application/json'],
    status: 415,
    code: 'media_type_unsupported',
  },
  { name: 'who', wrong: [], right: ['X-User: alice'], status: 401, code: 'user_missing' },
  {
    name: 'size',
    wrong: ['Content-Length: 1000'],
    right: ['Content-Length: 2'],
    status: 413,
    code: 'body_too_large',
  },
]

async function ask(port: number, requestLine: string, headers: readonly string[], body = '') {
  const head = [requestLine, ...headers].join(CRLF)
  const announced = Number(headers.find((line) => line.startsWith('Content-Length: '))?.slice(16))
  const padded = body.padEnd(Number.isNaN(announced) ? 0 : announced)
  const { replies } = await talk(port, `${head}${CRLF}${CRLF}${padded}`)
  const [reply] = replies
  return { status: reply?.status, code: /"code":"(\w+)"/.exec(reply?.body ?? '')?.[1] }
}

test('the first wrong thing is what is told, whatever else is wrong', async (t) => {
  const door = await openDoor(t, { bodyLimitBytes: 100, limits: { lingerMs: 20 } })
  const steps = [...STEPS(door.port), ...LATER]
  const post = 'POST /v1/chat/completions HTTP/1.1'
  for (const [index, step] of steps.entries()) {
    const headers = [
      ...steps.slice(0, index).flatMap(({ right }) => right),
      ...step.wrong,
      // Two lengths are a framing fault of their own.
      ...steps
        .slice(index + 1)
        .flatMap(({ name, wrong }) => (step.name === 'framing' && name === 'size' ? [] : wrong)),
    ]
    const framed = step.name === 'repeated headers' ? headers.slice(0, 2) : headers
    assert.deepEqual(
      await ask(door.port, post, framed),
      { status: step.status, code: step.code },
      step.name,
    )
  }
  assert.deepEqual(door.seen.bodies, [])
  const right = steps.flatMap((step) => step.right)
  assert.equal((await ask(door.port, post, right, '{}')).status, 200)
})

test('route and method come after who may knock, and before what is sent', async (t) => {
  const door = await openDoor(t)
  const before = STEPS(door.port).flatMap(({ right }) => right)
  for (const [line, status] of [
    ['POST /nope HTTP/1.1', 404],
    ['GET /v1/chat/completions HTTP/1.1', 405],
  ] as const) {
    const wrongLater = ['Content-Type: text/plain', 'Content-Length: 0']
    assert.equal((await ask(door.port, line, [...before, ...wrongLater])).status, status)
    assert.equal((await ask(door.port, line, ['Host: evil.com', ...wrongLater])).status, 403)
    const fromPage = [...before, 'Origin: https://evil.com', ...wrongLater]
    assert.equal((await ask(door.port, line, fromPage)).status, 403)
  }
})

test('who is calling is settled before a byte of the body is read', async (t) => {
  const door = await openDoor(t, { limits: { lingerMs: 20 } })
  const client = openRaw(t, door.port)
  // Nothing of the body is ever sent: only a door that does not wait for it can answer.
  client.write(
    [
      'POST /v1/chat/completions HTTP/1.1',
      `Host: 127.0.0.1:${door.port}`,
      'Content-Type: application/json',
      'Content-Length: 5000000',
      '',
      '',
    ].join(CRLF),
  )
  await client.until('the refusal', (text) => readReplies(text).length === 1)
  const [reply] = readReplies(client.text())
  assert.equal(reply?.status, 401)
  assert.equal(reply?.headers.get('connection'), 'close')
})

test('100 Continue is said after who and how much, and only where somebody waits for it', async (t) => {
  const door = await openDoor(t, { bodyLimitBytes: 100, limits: { lingerMs: 20 } })
  const waiting = (user: string, length: number): string =>
    [
      'POST /v1/chat/completions HTTP/1.1',
      `Host: 127.0.0.1:${door.port}`,
      ...(user === '' ? [] : [`X-User: ${user}`]),
      'Content-Type: application/json',
      'Expect: 100-continue',
      `Content-Length: ${length}`,
      '',
      '',
    ].join(CRLF)

  for (const [user, length, status] of [
    ['', 2, 401],
    ['mallory', 2, 403],
    ['alice', 101, 413],
  ] as const) {
    const { replies, end } = await talk(door.port, waiting(user, length))
    assert.deepEqual(
      replies.map((reply) => reply.status),
      [status],
    )
    assert.equal(end, 'closed', 'the body may or may not come: the connection is of no more use')
  }

  const client = openRaw(t, door.port)
  client.write(waiting('alice', 2))
  await client.until('100', (text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  assert.deepEqual(door.seen.bodies, [])
  client.write('{}')
  await client.until('the reply', (text) => readReplies(text).length === 2)
  assert.deepEqual(
    readReplies(client.text()).map((reply) => reply.status),
    [100, 200],
  )
  assert.deepEqual(door.seen.bodies, ['{}'])
})
