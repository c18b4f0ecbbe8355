/** A clock that stands still until a test moves it, and users to limit. */
import type { Clock } from '../../src/access/limits-window.ts'
import type { Limits, User } from '../../src/config/config.ts'

export interface TestClock extends Clock {
  /** Time goes by, on both clocks. */
  advance(ms: number): void
  /** Somebody sets the wall clock; the monotonic one goes on. */
  setWall(ms: number): void
}

/** At this wall time; the monotonic clock begins anywhere. */
export function createTestClock(wall: string, monotonicStartMs: number = 12_345.678): TestClock {
  let wallMs = Date.parse(wall)
  let monotonicMs = monotonicStartMs
  return {
    monotonicMs: () => monotonicMs,
    wallMs: () => wallMs,
    advance(ms) {
      wallMs += ms
      monotonicMs += ms
    },
    setWall(ms) {
      wallMs = ms
    },
  }
}

/** Limits; what is not said is not limited. */
export function limitsOf(said: Partial<Limits>): Limits {
  return { requests: [], tokens: [], costUsd: [], concurrency: undefined, ...said }
}

/** A user who may call `m` with backup `b`, limited as a whole and perhaps per model. */
export function limitedUser(
  limits: Partial<Limits>,
  byModel: Readonly<Record<string, Partial<Limits>>> = {},
  name: string = 'user-a',
): User {
  const models = ['m', 'b'].map((model) => {
    const own = byModel[model]
    return { name: model, failover: [], limits: own && limitsOf(own) }
  })
  return { name, models, keys: [], limits: limitsOf(limits) }
}
