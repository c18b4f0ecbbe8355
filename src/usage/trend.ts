/**
 * How often something happened over time, in bounded memory and without knowing the span beforehand: a
 * fixed number of slots, whose length doubles whenever they no longer reach from the first to the last.
 */

export interface Trend {
  /** Counts one event, or `count` of them; milliseconds since the epoch, in any order. */
  add(atMs: number, count?: number): void
  /** Adds all that another trend has counted. */
  absorb(other: Trend): void
  /** So many equal parts of [fromMs, toMs), each with its count; what a slot has is spread over its length. */
  resample(fromMs: number, toMs: number, parts: number): number[]
  /** Calls back for every slot that counted something. */
  forEachSlot(visit: (startMs: number, lengthMs: number, count: number) => void): void
}

const SLOTS = 64
const SHORTEST_SLOT_MS = 1000

/** A trend without events. */
export function createTrend(): Trend {
  const counts = new Float64Array(SLOTS)
  let slotMs = SHORTEST_SLOT_MS
  // counts[i] is the slot that begins at (first + i) × slotMs; `last` is the latest that counted.
  let first = NaN
  let last = NaN

  /** Makes the slots reach from `low` to `high`, both numbers of slots of the present length. */
  function reach(low: number, high: number): void {
    while (high - low >= SLOTS) {
      const from = Math.floor(first / 2)
      const half = new Float64Array(SLOTS)
      for (let i = 0; i <= last - first; i++)
        half[Math.floor((first + i) / 2) - from]! += counts[i]!
      counts.set(half)
      first = from
      last = Math.floor(last / 2)
      low = Math.floor(low / 2)
      high = Math.floor(high / 2)
      slotMs *= 2
    }
    if (low < first) {
      counts.copyWithin(first - low, 0, last - first + 1)
      counts.fill(0, 0, first - low)
      first = low
    }
    last = high
  }

  const trend: Trend = {
    add(atMs, count = 1) {
      let slot = Math.floor(atMs / slotMs)
      if (Number.isNaN(first)) {
        first = slot
        last = slot
      } else if (slot < first || slot > last) {
        reach(Math.min(first, slot), Math.max(last, slot))
        slot = Math.floor(atMs / slotMs)
      }
      counts[slot - first]! += count
    },
    absorb(other) {
      // A slot of the other may be longer than ours: its middle is the best guess.
      other.forEachSlot((startMs, lengthMs, count) => trend.add(startMs + lengthMs / 2, count))
    },
    resample(fromMs, toMs, parts) {
      const sums = Array.from({ length: parts }, () => 0)
      const partMs = (toMs - fromMs) / parts
      if (!(partMs > 0)) return sums
      trend.forEachSlot((startMs, lengthMs, count) => {
        const from = Math.max(startMs, fromMs)
        const to = Math.min(startMs + lengthMs, toMs)
        if (to <= from) return
        // Within the window by rights: what a slot at its edge counted lies in the part that is inside.
        const share = count / (to - from)
        const firstPart = Math.floor((from - fromMs) / partMs)
        for (let part = firstPart; part < parts; part++) {
          const begin = Math.max(from, fromMs + part * partMs)
          const end = Math.min(to, fromMs + (part + 1) * partMs)
          if (end <= begin) break
          sums[part]! += share * (end - begin)
        }
      })
      return sums
    },
    forEachSlot(visit) {
      if (Number.isNaN(first)) return
      for (let i = 0; i <= last - first; i++) {
        const count = counts[i]!
        if (count > 0) visit((first + i) * slotMs, slotMs, count)
      }
    },
  }
  return trend
}
