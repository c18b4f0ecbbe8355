/**
 * The retry policy against a model of its table, on a virtual clock: many requests at once over the same
 * few targets, every fault at random, every decision compared.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { FaultClass } from '../../src/config/config.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createHealth } from '../../src/routing/health.ts'
import { createJourney } from '../../src/routing/journey.ts'
import type { Advice, Reach } from '../../src/routing/retry.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'
import { ModelTarget, firstStep, nextStep } from './model.ts'
import type { ModelRequest, Trial } from './model.ts'

const SCRIPTS = 10_000
const NAMES = ['a', 'b', 'c', 'd'] as const

interface Fault {
  readonly fault: FaultClass
  readonly advice: Advice
  readonly reach: Reach
}

const FAULTS: readonly [Fault, ...Fault[]] = [
  { fault: 'transport', advice: 'again', reach: 'unsent' },
  { fault: 'transport', advice: 'once-billed', reach: 'sent' },
  { fault: 'timeout', advice: 'again', reach: 'unsent' },
  { fault: 'timeout', advice: 'once-billed', reach: 'sent' },
  { fault: 'rate', advice: 'again', reach: 'sent' },
  { fault: 'overload', advice: 'again', reach: 'sent' },
  { fault: 'server', advice: 'again-billed', reach: 'sent' },
  { fault: 'server', advice: 'elsewhere-once', reach: 'sent' },
  { fault: 'credential', advice: 'elsewhere', reach: 'sent' },
  { fault: 'billing', advice: 'elsewhere', reach: 'sent' },
  { fault: 'model', advice: 'elsewhere', reach: 'sent' },
  { fault: 'context', advice: 'elsewhere', reach: 'sent' },
  { fault: 'request', advice: 'final', reach: 'sent' },
]

const UNAVAILABLE: ReadonlySet<FaultClass> = new Set(
  FAULTS.map(({ fault }) => fault).filter((fault) => fault !== 'request'),
)

/** One world: its own targets and health, up to a dozen requests in it. Returns how many attempts there were. */
function play(seed: number): number {
  const random = createRandom(seed)
  const health = createHealth(() => 0.5)
  const model = new Map<string, ModelTarget>(NAMES.map((name) => [name, new ModelTarget()]))
  const goodness = random.next()
  const timeline: Array<{
    readonly atMs: number
    readonly order: number
    readonly run: () => void
  }> = []
  let nowMs = 0
  let order = 0
  let attempts = 0
  let answers = 0
  let active = 0
  let retrying = 0
  const at = (inMs: number, run: () => void): void => {
    order += 1
    timeline.push({ atMs: nowMs + inMs, order, run })
  }

  function startRequest(): void {
    const targets = NAMES.slice(0, 1 + random.below(NAMES.length))
    const deadlineAtMs = nowMs + random.pick([5_000, 60_000, 600_000])
    const on = random.below(8) === 0 ? new Set<FaultClass>(['rate', 'overload']) : UNAVAILABLE
    const journey = createJourney({
      targets,
      keyOf: (target: string) => target,
      siblingsOf: () => [],
      tireless: () => false,
      on,
      deadlineAtMs,
      health,
      random: () => 0.5,
    })
    const request: ModelRequest = { targets, deadlineAtMs, on, tried: [], reached: 0, spent: false }
    let retries = false
    active += 1
    let ended = false

    const end = (): void => {
      assert.equal(ended, false, 'one end')
      ended = true
      answers += 1
      active -= 1
      if (retries) retrying -= 1
      retries = false
      journey.end()
      assert.equal(health.budget.active, active)
      assert.equal(health.budget.retrying, retrying)
    }

    const attempt = (name: string): void => {
      attempts += 1
      request.tried.push(name)
      journey.departed(nowMs)
      const trial: Trial | undefined = model.get(name)?.begin(nowMs)
      assert(trial)
      const takesMs = Math.min(
        random.below(random.pick([50, 2_000, 70_000])),
        Math.max(0, deadlineAtMs - nowMs),
      )
      at(takesMs, () => {
        if (retries) retrying -= 1
        retries = false
        if (random.below(20) === 0) {
          model.get(name)?.leave(trial)
          journey.left()
          end()
          return
        }
        if (random.next() < goodness) {
          model.get(name)?.succeed(trial, nowMs)
          journey.answered(nowMs)
          end()
          return
        }
        fail(name, trial, random)
      })
    }

    const fail = (name: string, trial: Trial, dice: Random): void => {
      const chosen = dice.pick(FAULTS)
      const asks = chosen.fault === 'rate' || chosen.fault === 'overload'
      const retryAfterMs = asks
        ? dice.pick([undefined, 0, 800, 9_999, 10_001, 30_000, 3_600_000])
        : undefined
      const wholeMs = nowMs
      model.get(name)?.fail(trial, chosen.fault, retryAfterMs ?? 0, wholeMs)
      request.reached += 1
      const budgetLeft = retrying < Math.max(3, Math.floor(active * 0.2))
      const step = journey.failed(
        { ...chosen, error: new ProxyError('upstream_error', 'x'), retryAfterMs, skip: false },
        nowMs,
      )
      const expected = nextStep(request, { ...chosen, retryAfterMs }, model, budgetLeft, nowMs)
      const told =
        step.kind === 'try' ? { go: step.target, waitMs: step.waitMs } : { go: undefined }
      assert.deepEqual(told, expected, `after ${JSON.stringify(chosen)} at ${nowMs}`)
      if (step.kind !== 'try') {
        assert.ok(nowMs <= deadlineAtMs + 1_000, 'inside the deadline')
        end()
        return
      }
      if (step.again) {
        retries = true
        retrying += 1
        assert.ok(retrying <= Math.max(3, Math.floor(active * 0.2)), 'the budget')
      }
      at(step.waitMs, () => {
        attempt(step.target)
      })
    }

    const first = journey.begin(nowMs)
    const expected = firstStep(targets, model, nowMs)
    assert.equal(first.kind === 'try' ? first.target : undefined, expected)
    if (first.kind === 'try') attempt(first.target)
    else end()
  }

  const requests = 1 + random.below(12)
  // All at once, or spread over minutes: both kinds of trouble.
  const spreadMs = random.pick([10, 20_000, 600_000])
  for (let count = 0; count < requests; count += 1) at(random.below(spreadMs), startRequest)
  while (timeline.length > 0) {
    timeline.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    const next = timeline.shift()
    if (next === undefined) break
    nowMs = next.atMs
    next.run()
    for (const name of NAMES) {
      const untilMs = model.get(name)?.restsUntil(nowMs)
      const rest = health.resting(name, nowMs)
      assert.equal(rest?.ms, untilMs === undefined ? undefined : untilMs - nowMs, `${name} rests`)
    }
  }
  assert.equal(answers, requests, 'every request has its one end')
  return attempts
}

test(`${SCRIPTS} random fault scripts end as the table of the policy says`, () => {
  const base = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000)
  let attempts = 0
  for (let script = 0; script < SCRIPTS; script += 1) {
    try {
      attempts += play(base + script)
    } catch (error) {
      throw new Error(`FAULT_SEED=${base + script}: ${String(error)}`, { cause: error })
    }
  }
  assert.ok(attempts > SCRIPTS * 4, `only ${attempts} attempts were made`)
})
