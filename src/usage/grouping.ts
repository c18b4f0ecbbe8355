/** Which records a report counts, and in which row. */
import { globToRegExp } from './glob.ts'
import type { LoggedNames } from './logged.ts'
import type { GroupKey, UsageFilters } from './report.ts'
import { renderBucket } from './zone.ts'
import type { Zone } from './zone.ts'

/** Every time zone's changes fall on a quarter of an hour, and so do those of prices. */
export const SLOT_MS = 900_000
const SLOT_LIMIT = 100_000

/** Whether the filters let a record through. */
export function createFilter(filters: UsageFilters): (usage: LoggedNames) => boolean {
  const tests = [
    createNameTest(filters.users, (usage) => usage.user),
    createNameTest(filters.models, (usage) => usage.model),
    createNameTest(filters.providers, (usage) => usage.provider),
    createNameTest(filters.outcomes, (usage) => usage.outcome),
  ].filter((test) => test !== undefined)
  return (usage) => tests.every((test) => test(usage))
}

function createNameTest(
  globs: readonly string[],
  read: (usage: LoggedNames) => string | undefined,
): ((usage: LoggedNames) => boolean) | undefined {
  if (globs.length === 0) return undefined
  const patterns = globs.map((glob) => globToRegExp(glob))
  return (usage) => {
    const name = read(usage)
    return name !== undefined && patterns.some((pattern) => pattern.test(name))
  }
}

/** Whether records of one kind can belong to several groups, by their time. */
export function isTime(key: GroupKey): boolean {
  return key === 'hour' || key === 'day' || key === 'week' || key === 'month'
}

/** Gives a record's value of one key. */
export function groupReader(
  key: GroupKey,
  zone: Zone,
): (names: LoggedNames, tsMs: number) => string | undefined {
  switch (key) {
    case 'user':
      return (usage) => usage.user
    case 'model':
      return (usage) => usage.model
    case 'served':
      return (usage) => usage.served_model
    case 'provider':
      return (usage) => usage.provider
    case 'outcome':
      return (usage) => usage.outcome
    case 'hour':
    case 'day':
    case 'week':
    case 'month': {
      const labels = new Map<number, string>()
      let lastSlot = NaN
      let lastLabel = ''
      return (_names, tsMs) => {
        const slot = Math.floor(tsMs / SLOT_MS)
        if (slot === lastSlot) return lastLabel
        let label = labels.get(slot)
        if (label === undefined) {
          label = renderBucket(key, slot * SLOT_MS, zone)
          if (labels.size >= SLOT_LIMIT) labels.clear()
          labels.set(slot, label)
        }
        lastSlot = slot
        lastLabel = label
        return label
      }
    }
    default:
      return key satisfies never
  }
}
