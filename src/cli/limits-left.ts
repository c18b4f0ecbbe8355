/** A user's limits and what is left of them: for `users show` and `ask --explain`. Pure. */
import type { ChalkInstance } from 'chalk'
import type { Limits } from '../config/config.ts'
import { NO_LIMITS } from '../config/no-limits.ts'
import type { LimitReading } from '../offline.ts'
import { cleanForTerminal } from './clean.ts'
import { renderCost, renderDuration, renderLimits } from './words.ts'

// Below this share it is time to look.
const LITTLE = 0.1

/** Rows of two, the limit and what is left of it: `200k tok/day` and `187.7K left, all back in 8h47m`. Places at once are not in the log. */
export function renderLeft(
  readings: readonly LimitReading[],
  limits: readonly NamedLimits[],
  paint: ChalkInstance,
): Array<readonly [limit: string, left: string]> {
  const rows = readings.map((reading): readonly [string, string] => {
    const { kind, model, limit, left, resetMs } = reading
    const amount = kind === 'costUsd' ? renderCost(left) : left.toLocaleString('en-US')
    const back = resetMs > 0 ? `, all back in ${renderDuration(resetMs)}` : ''
    const color = left <= 0 ? paint.red : left < limit.amount * LITTLE ? paint.yellow : undefined
    const text = `${amount} left`
    return [
      renderLimits({ ...NO_LIMITS, [kind]: [limit] }) + ofModel(model),
      (color?.(text) ?? text) + back,
    ]
  })
  const places = limits.flatMap(({ model, limits: { concurrency } }) =>
    concurrency === undefined
      ? []
      : [
          [
            renderLimits({ ...NO_LIMITS, concurrency }) + ofModel(model),
            'counted while they run',
          ] as const,
        ],
  )
  return [...rows, ...places]
}

/** The limits of a user, or of one of the user's models. */
export interface NamedLimits {
  readonly model: string | undefined
  readonly limits: Limits
}

/** The same for a machine. */
export function describeLeft(readings: readonly LimitReading[]): object[] {
  return readings.map(({ kind, model, limit, left, resetMs }) => ({
    of: kind,
    model: model ?? null,
    amount: limit.amount,
    window: limit.window,
    left,
    resetMs: Math.round(resetMs),
  }))
}

function ofModel(model: string | undefined): string {
  return model === undefined ? '' : ` for ${cleanForTerminal(model)}`
}
