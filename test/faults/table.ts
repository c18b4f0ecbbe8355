/** Plays the rows: each in every mode, once with a backup behind it and once alone. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { HELLO } from '../support/replies.ts'
import { selfSigned } from './certificate.ts'
import { answers, createRawUpstream } from './raw-upstream.ts'
import type { Mode, RawUpstream, Script, Shape } from './raw-upstream.ts'
import { createRandom } from '../support/random.ts'
import { BEFORE_FIRST_BYTE, IN_THE_BODY } from './rows.ts'
import type { Row } from './rows.ts'
import { createStand } from './run-case.ts'
import type { Ending } from './run-case.ts'

export interface Case {
  readonly title: string
  readonly row: Row
  readonly mode: Mode
  readonly backup: boolean
}

/** Every row × mode × with and without a backup. */
export const CASES: readonly Case[] = [...BEFORE_FIRST_BYTE, ...IN_THE_BODY].flatMap((row) =>
  row.modes.flatMap((mode) =>
    [true, false].map((backup) => ({
      title: `${row.title} · ${mode} · ${backup ? 'with a backup' : 'alone'}`,
      row,
      mode,
      backup,
    })),
  ),
)

const DEADLINE_MS = 5_000
const TIMEOUTS = 'connect: 2s, first_byte: 4s, idle: 4s'
const certificate = selfSigned()

/** Plays one case; throws where anything is not as the table says. */
export async function playCase({ row, mode, backup }: Case, seed: number): Promise<void> {
  const random = createRandom(seed)
  const shape: Shape = {
    mode,
    dialect: random.pick(row.dialects ?? ['openai', 'anthropic']),
    framing: random.pick(row.framings ?? ['length', 'chunked', 'close']),
    random,
  }
  const good: Shape = {
    mode,
    dialect: random.pick(['openai', 'anthropic']),
    framing: 'chunked',
    random,
  }
  const deadlineMs = row.deadlineMs ?? DEADLINE_MS
  const bad = await placeOf(row, shape)
  const other = await createRawUpstream(good, [answers])
  const stand = await createStand({
    places: [
      { name: 'bad', dialect: shape.dialect, origin: bad.origin },
      ...(backup
        ? [
            {
              name: 'good',
              dialect: good.dialect,
              origin: `http://127.0.0.1:${other.port}`,
            } as const,
          ]
        : []),
    ],
    stream: mode !== 'unary',
    deadlineMs,
    timeouts: row.timeouts ?? TIMEOUTS,
  })
  try {
    const ending = await stand.run(mode !== 'unary')
    assertEnding(row, mode, backup, ending, deadlineMs)
    const asked = bad.upstream?.requests
    const attempts = attemptsOf(ending)
    if (asked !== undefined && row.where === undefined) {
      assert.equal(asked, attempts.filter((attempt) => attempt['model'] === 'bad').length, 'asked')
    }
    assert.equal(other.requests, attempts.filter(({ model }) => model === 'good').length)
    if (row.end === 'answered') await assertNextIsItsOwn(stand.run(mode !== 'unary'))
  } finally {
    await stand.close()
    await bad.upstream?.close()
    await other.close()
  }
}

const silent: Script = (peer) => peer.left

async function placeOf(
  row: Row,
  shape: Shape,
): Promise<{ origin: string; upstream: RawUpstream | undefined }> {
  switch (row.where) {
    case 'refused':
      // No port that was free a moment ago: another test may have it by now.
      return { origin: 'http://127.0.0.1:1', upstream: undefined }
    case 'no-such-name':
      // A label of 64 letters is refused by the resolver itself: no question leaves this machine.
      return { origin: `http://${'a'.repeat(64)}.localhost`, upstream: undefined }
    case 'no-tls': {
      const upstream = await createRawUpstream(shape, [silent])
      return { origin: `https://127.0.0.1:${await plainPort(upstream)}`, upstream }
    }
    case 'silent-tls': {
      const upstream = await createRawUpstream(shape, [silent])
      return { origin: `https://127.0.0.1:${upstream.port}`, upstream }
    }
    case 'self-signed': {
      const upstream = await createRawUpstream(shape, [answers], certificate)
      return { origin: `https://127.0.0.1:${upstream.port}`, upstream }
    }
    default: {
      const upstream = await createRawUpstream(shape, row.script === undefined ? [] : [row.script])
      return { origin: `http://127.0.0.1:${upstream.port}`, upstream }
    }
  }
}

/** A server that answers a TLS hello in plain text; it lives as long as `owner`. */
async function plainPort(owner: RawUpstream): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  owner.alsoClose(() => server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

interface Attempt {
  readonly model?: unknown
  readonly class?: unknown
  readonly maybe_billed?: unknown
  readonly [name: string]: unknown
}

function attemptsOf(ending: Ending): Attempt[] {
  const attempts = ending.log[0]?.['attempts']
  return Array.isArray(attempts) ? attempts : []
}

function assertEnding(
  row: Row,
  mode: Mode,
  backup: boolean,
  ending: Ending,
  deadlineMs: number,
): void {
  // What holds whatever happened.
  assert.ok(ending.ms <= deadlineMs + 1_000, `it hung for ${Math.round(ending.ms)} ms`)
  assert.equal(ending.log.length, 1, 'exactly one line')
  assert.deepEqual(ending.violations, [])
  assert.notEqual(ending.error === undefined, ending.status === undefined, 'exactly one answer')
  if (ending.status !== undefined) assert.ok(ending.ended, 'a reply that was begun is ended')

  const [line] = ending.log
  const attempts = attemptsOf(ending)
  const [first] = attempts
  if (row.end === 'answered') {
    assert.equal(line?.['outcome'], 'ok')
    assert.equal(attempts.length, 1)
    assertWhole(ending, mode)
    assert.equal(line['estimated'] === true, row.estimated === true)
    if (row.estimated !== true) assert.equal(line['completion_tokens'], 39)
    return
  }

  assert.equal(first?.class, row.class)
  if (mode === 'after') {
    assert.equal(line?.['outcome'], 'truncated')
    assert.equal(attempts.length, 1, 'never after content')
    assert.ok(!ending.text.includes('[DONE]'), 'a broken stream has no end mark')
    assert.match(ending.text, /"error":/)
    assert.equal(line['estimated'], true)
    return
  }

  const atDeadline = row.atDeadline?.includes(mode) === true
  assert.equal(first?.maybe_billed === true, row.billed === true, 'maybe_billed')
  if (backup && row.moves !== false && !atDeadline) {
    assert.equal(line?.['outcome'], 'ok', JSON.stringify(line))
    assert.equal(line['served_model'], 'good')
    assert.deepEqual(
      attempts.map(({ model }) => model),
      ['bad', 'good'],
    )
    assertWhole(ending, mode)
    return
  }

  assert.equal(line?.['outcome'], 'failed')
  assert.equal(ending.error?.code, row.code, ending.error?.message)
  if (row.status !== undefined) assert.equal(ending.error?.status, row.status)
  assert.equal(attempts.length, row.again === true && !atDeadline ? 2 : 1, JSON.stringify(attempts))
  const retry = ending.error?.headers.filter(([name]) => name === 'x-should-retry')
  assert.deepEqual(retry, [['x-should-retry', 'false']])
}

function assertWhole(ending: Ending, mode: Mode): void {
  assert.equal(ending.status, 200)
  if (mode === 'unary') assert.ok(ending.text.includes(HELLO))
  else {
    const said = [...ending.text.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join('')
    assert.equal(said, HELLO)
    assert.equal(ending.text.match(/^data: ?\[DONE\]/gm)?.length, 1)
  }
}

/** What was left over on the connection is nobody's answer. */
async function assertNextIsItsOwn(next: Promise<Ending>): Promise<void> {
  const ending = await next
  assert.equal(ending.log[0]?.['outcome'], 'ok', 'the next request')
  assert.ok(!ending.text.includes('BOGUS'))
}
