/** A total outage: what still reaches the provider, and how soon it is well again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createHealth } from '../../src/routing/health.ts'
import { createJourney } from '../../src/routing/journey.ts'
import { createRandom } from '../support/random.ts'
import { createRawUpstream } from './raw-upstream.ts'
import { createStand } from './run-case.ts'

for (const backup of [false, true]) {
  test(`with every ${backup ? 'target' : 'reply'} a 503 the provider gets no more than 1.2 times what was asked`, async (t) => {
    const ASKED = 300
    const AT_ONCE = 60
    const upstream = await createRawUpstream(
      { mode: 'unary', dialect: 'openai', framing: 'length', random: createRandom(1) },
      [(peer) => peer.json(503, { error: { message: 'Down.', type: 'server_error' } })],
    )
    t.after(() => upstream.close())
    const origin = `http://127.0.0.1:${upstream.port}`
    const stand = await createStand({
      places: [
        { name: 'one', dialect: 'openai', origin },
        ...(backup ? [{ name: 'two', dialect: 'openai', origin } as const] : []),
      ],
      stream: false,
      deadlineMs: 10_000,
      timeouts: 'connect: 2s, first_byte: 4s, idle: 4s',
    })
    t.after(() => stand.close())
    let waiting = ASKED
    const worker = async (): Promise<void> => {
      while (waiting > 0) {
        waiting -= 1
        const { error, log } = await stand.run(false)
        assert.equal(error?.status, 503)
        assert.equal(log.length, 1)
        assert.equal(log[0]?.['outcome'], 'failed')
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    assert.ok(
      upstream.requests <= ASKED * 1.2,
      `${upstream.requests} attempts for ${ASKED} requests`,
    )
  })
}

test('500 requests a second through a minute of outage: light load, and well within ten seconds after', () => {
  const OUTAGE_MS = 60_000
  const END_MS = 80_000
  const EVERY_MS = 2
  const random = createRandom(7)
  const health = createHealth(() => random.next())
  const asked = { outage: 0, after: 0 }
  let attempts = 0
  let goodAfterTen = 0
  let askedAfterTen = 0
  let firstGoodMs: number | undefined
  for (let arrivesMs = 0; arrivesMs < END_MS; arrivesMs += EVERY_MS) {
    const down = arrivesMs < OUTAGE_MS
    asked[down ? 'outage' : 'after'] += 1
    const journey = createJourney({
      targets: ['t'],
      keyOf: (target) => target,
      siblingsOf: () => [],
      tireless: () => false,
      on: new Set(['overload']),
      deadlineAtMs: arrivesMs + 600_000,
      health,
      random: () => random.next(),
    })
    let nowMs = arrivesMs
    let good = false
    for (let step = journey.begin(nowMs); step.kind === 'try';) {
      nowMs += step.waitMs
      journey.departed(nowMs)
      if (down) attempts += 1
      nowMs += 1
      if (nowMs >= OUTAGE_MS) {
        journey.answered(nowMs)
        good = true
        break
      }
      step = journey.failed(
        {
          error: new ProxyError('upstream_error', 'x'),
          fault: 'overload',
          advice: 'again',
          reach: 'sent',
          retryAfterMs: undefined,
          skip: false,
        },
        nowMs,
      )
    }
    journey.end()
    if (good) firstGoodMs ??= nowMs
    if (arrivesMs >= OUTAGE_MS + 10_000) {
      askedAfterTen += 1
      if (good) goodAfterTen += 1
    }
  }
  assert.ok(attempts <= asked.outage * 1.2, `${attempts} attempts for ${asked.outage} requests`)
  // With the breaker open it is not even one in a hundred.
  assert.ok(attempts < asked.outage / 100, `${attempts} attempts`)
  assert.ok(goodAfterTen >= askedAfterTen * 0.99, `${goodAfterTen} of ${askedAfterTen}`)
  assert.ok(firstGoodMs !== undefined && firstGoodMs < OUTAGE_MS + 1_100, `${firstGoodMs}`)
})
