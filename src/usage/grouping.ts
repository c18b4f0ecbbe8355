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

/**
 * Numbers the stretches of time that the keys tell apart, from 0: given a quarter of an hour and an instant
 * in it. `undefined` where no key is about time.
 */
export function createBuckets(
  by: readonly GroupKey[],
  zone: Zone,
): ((slot: number, tsMs: number) => number) | undefined {
  const labels = by.filter((key) => isTime(key)).map((key) => labelReader(key, zone))
  if (labels.length === 0) return undefined
  const numbers = new Map<string, number>()
  let count = 0
  let lastSlot = NaN
  let lastNumber = 0
  return (slot, tsMs) => {
    if (slot === lastSlot) return lastNumber
    const label = labels.map((read) => read(tsMs)).join(' ')
    let number = numbers.get(label)
    if (number === undefined) {
      number = count++
      if (numbers.size >= SLOT_LIMIT) numbers.clear()
      numbers.set(label, number)
    }
    lastSlot = slot
    lastNumber = number
    return number
  }
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
      const label = labelReader(key, zone)
      return (_names, tsMs) => label(tsMs)
    }
    default:
      return key satisfies never
  }
}

type TimeKey = 'hour' | 'day' | 'week' | 'month'

function isTime(key: GroupKey): key is TimeKey {
  return key === 'hour' || key === 'day' || key === 'week' || key === 'month'
}

function labelReader(key: TimeKey, zone: Zone): (tsMs: number) => string {
  const labels = new Map<number, string>()
  let lastSlot = NaN
  let lastLabel = ''
  return (tsMs) => {
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
