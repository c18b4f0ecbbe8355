/**
 * Percentiles in bounded memory. Up to 64 values are kept as they are and their percentiles are exact;
 * beyond that they are counted in bins whose bounds grow by 2 %, and a percentile is its bin's geometric
 * middle: at most 1 % from a value that was really seen, whatever the range.
 */

export interface Histogram {
  /** Counts a value, once or as often as told; below 1 counts as below 1. */
  add(value: number, times?: number): void
  /**
   * The smallest value that at least `fraction` (0 to 1) of all values do not exceed (nearest rank);
   * `undefined` where there are none.
   */
  percentile(fraction: number): number | undefined
  /** Counts all that another has counted; of one beyond 64 values, the middles of its bins. */
  absorb(other: Histogram): void
  /** Every kept value, or the middle of every bin, and how often it was counted: added to another histogram, the same bins. */
  forEachValue(visit: (value: number, times: number) => void): void
}

const EXACT_LIMIT = 64
const LOG_GROWTH = Math.log(1.02)
const GEOMETRIC_MIDDLE = Math.sqrt(1.02)

/** An empty histogram for values from 1 upwards, such as milliseconds. */
export function createHistogram(): Histogram {
  let exact: number[] | undefined = []
  // bins[i] counts the values in bin firstBin + i; only the span that occurs is kept.
  let bins: Uint32Array | undefined
  let firstBin = 0
  let total = 0

  function count(value: number, times: number): void {
    const bin = value < 1 ? -1 : Math.floor(Math.log(value) / LOG_GROWTH)
    const index = bin - firstBin
    if (bins === undefined || index < 0 || index >= bins.length) return grow(bin, times)
    bins[index]! += times
  }

  function grow(bin: number, times: number): void {
    const old = bins ?? new Uint32Array(0)
    const first = bins === undefined ? bin : Math.min(firstBin, bin)
    const last = Math.max(firstBin + old.length - 1, bin)
    const wider = new Uint32Array(last - first + 17)
    wider.set(old, Math.max(0, firstBin - first))
    wider[bin - first]! += times
    bins = wider
    firstBin = first
  }

  const histogram: Histogram = {
    add(value, times = 1) {
      total += times
      if (exact === undefined) return count(value, times)
      if (total <= EXACT_LIMIT) {
        for (let i = 0; i < times; i++) exact.push(value)
        return
      }
      for (const kept of exact) count(kept, 1)
      exact = undefined
      count(value, times)
    },
    percentile(fraction) {
      if (total === 0) return undefined
      const rank = Math.max(1, Math.ceil(fraction * total))
      if (exact !== undefined) return exact.toSorted((a, b) => a - b)[rank - 1]
      let seen = 0
      let bin = 0
      const counted = bins ?? new Uint32Array(0)
      for (; bin < counted.length; bin++) {
        seen += counted[bin]!
        if (seen >= rank) break
      }
      return middleOf(firstBin + bin)
    },
    absorb(other) {
      other.forEachValue((value, times) => histogram.add(value, times))
    },
    forEachValue(visit) {
      for (const value of exact ?? []) visit(value, 1)
      bins?.forEach((times, i) => {
        if (times > 0) visit(middleOf(firstBin + i), times)
      })
    },
  }
  return histogram
}

function middleOf(bin: number): number {
  return bin < 0 ? 0 : Math.exp(bin * LOG_GROWTH) * GEOMETRIC_MIDDLE
}
