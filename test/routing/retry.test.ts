import assert from 'node:assert/strict'
import test from 'node:test'
import type { FaultClass } from '../../src/config/config.ts'
import type { ErrorCode, ErrorKind } from '../../src/errors/catalog.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { adviseRetry, backoffMs, createRetryBudget, mayBeBilled } from '../../src/routing/retry.ts'
import type { Advice, Reach } from '../../src/routing/retry.ts'

function upstream(status: number, kind: ErrorKind): ProxyError {
  return new ProxyError('upstream_error', 'x', {
    upstream: { status, kind, message: 'x', type: undefined, code: undefined, param: undefined },
  })
}
const own = (code: ErrorCode): ProxyError => new ProxyError(code, 'x')

const ADVICE: ReadonlyArray<
  [string, ProxyError, FaultClass, Reach, number | undefined, Advice, boolean]
> = [
  ['refused', own('upstream_unreachable'), 'transport', 'unsent', undefined, 'again', false],
  ['TLS', own('upstream_unreachable'), 'transport', 'untrusted', undefined, 'elsewhere', false],
  ['connect timeout', own('upstream_timeout'), 'timeout', 'unsent', undefined, 'again', false],
  ['silence', own('upstream_timeout'), 'timeout', 'sent', undefined, 'once-billed', true],
  ['reset', own('upstream_unreachable'), 'transport', 'sent', undefined, 'once-billed', true],
  ['cut body', own('upstream_truncated'), 'transport', 'sent', 200, 'once-billed', true],
  ['junk', own('upstream_protocol'), 'server', 'sent', undefined, 'elsewhere-once', true],
  ['429', upstream(429, 'rate-limit'), 'rate', 'sent', 429, 'again', false],
  ['503', upstream(503, 'overloaded'), 'overload', 'sent', 503, 'again', false],
  ['500', upstream(500, 'server'), 'server', 'sent', 500, 'again-billed', true],
  ['an error event in a 200', upstream(500, 'server'), 'server', 'sent', 200, 'again', false],
  ['401', upstream(401, 'authentication'), 'credential', 'sent', 401, 'elsewhere', false],
  ['402', upstream(402, 'billing'), 'billing', 'sent', 402, 'elsewhere', false],
  ['404', upstream(404, 'model-not-found'), 'model', 'sent', 404, 'elsewhere', false],
  ['too long', upstream(400, 'context'), 'context', 'sent', 400, 'elsewhere', false],
  ['400', upstream(400, 'invalid-request'), 'request', 'sent', 400, 'final', false],
]
for (const [what, error, fault, reach, status, advice, billed] of ADVICE) {
  test(`after ${what} the advice is: ${advice}`, () => {
    assert.equal(adviseRetry(error, fault, reach, status), advice)
    assert.equal(mayBeBilled(advice), billed)
  })
}

test('a pause is full jitter over 100 ms, a second for a rate limit, eight seconds at most', () => {
  assert.equal(
    backoffMs('server', 1, undefined, () => 0.5),
    50,
  )
  assert.equal(
    backoffMs('server', 3, undefined, () => 0.5),
    200,
  )
  assert.equal(
    backoffMs('rate', 1, undefined, () => 0.5),
    500,
  )
  assert.equal(
    backoffMs('rate', 9, undefined, () => 1),
    8_000,
  )
  assert.equal(
    backoffMs('server', 1, undefined, () => 0),
    0,
  )
})

test('what a provider asks for is waited for up to ten seconds, and not at all beyond', () => {
  assert.equal(
    backoffMs('rate', 1, 10_000, () => 0.5),
    10_000,
  )
  assert.equal(
    backoffMs('rate', 1, 10_001, () => 0.5),
    undefined,
  )
})

test('retries are three, or a fifth of what is under way', () => {
  const budget = createRetryBudget()
  const taken = (): number => {
    let count = 0
    while (budget.take()) count += 1
    for (let given = 0; given < count; given += 1) budget.give()
    return count
  }
  budget.requestBegan()
  assert.equal(taken(), 3)
  for (let request = 1; request < 100; request += 1) budget.requestBegan()
  assert.equal(taken(), 20)
  for (let request = 0; request < 99; request += 1) budget.requestEnded()
  assert.equal(taken(), 3)
})
