/**
 * What was made of a record's names before. Few combinations stand in many records, and the one that was
 * met last is found by comparing a handful of strings: nothing is joined and hashed to a key.
 */
import type { UsageRecord } from './record.ts'

/** The part of a record that recurs. */
export type Names = Pick<
  UsageRecord,
  'user' | 'api' | 'stream' | 'model' | 'served_model' | 'provider' | 'status' | 'outcome' | 'error'
>

export interface NameMemo<T> {
  /** What was kept for the very same names. */
  recall(names: Names): T | undefined
  /** Beyond `limit` combinations everything is forgotten first. */
  keep(names: Names, value: T): void
}

interface Known<T> {
  readonly api: string
  readonly stream: boolean | undefined
  readonly servedModel: string | undefined
  readonly provider: string | undefined
  readonly status: number
  readonly outcome: string
  readonly error: string | undefined
  readonly value: T
}

type ByModel<T> = Map<string | undefined, Known<T>[]>

/** A memo with nothing in it. */
export function createNameMemo<T>(limit: number): NameMemo<T> {
  const byUser = new Map<string | undefined, ByModel<T>>()
  let count = 0
  return {
    recall(names) {
      const list = byUser.get(names.user)?.get(names.model)
      if (list === undefined) return undefined
      for (let i = 0; i < list.length; i++) {
        const known = list[i]!
        if (!matches(known, names)) continue
        // What is asked for often stands in front.
        list[i] = list[0]!
        list[0] = known
        return known.value
      }
      return undefined
    },
    keep(names, value) {
      if (count >= limit) {
        byUser.clear()
        count = 0
      }
      count += 1
      const { user, model, api, stream, served_model: servedModel } = names
      const { provider, status, outcome, error } = names
      const known = { api, stream, servedModel, provider, status, outcome, error, value }
      const byModel: ByModel<T> = byUser.get(user) ?? new Map()
      byUser.set(user, byModel)
      const list = byModel.get(model)
      if (list === undefined) byModel.set(model, [known])
      else list.push(known)
    },
  }
}

function matches<T>(known: Known<T>, names: Names): boolean {
  return (
    known.status === names.status &&
    known.outcome === names.outcome &&
    known.api === names.api &&
    known.stream === names.stream &&
    known.servedModel === names.served_model &&
    known.provider === names.provider &&
    known.error === names.error
  )
}
