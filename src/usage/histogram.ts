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
  return new BinnedHistogram()
}

// A class, because a report adds to hundreds of them in turn: with closures each was a call of its own.
class BinnedHistogram implements Histogram {
  #exact: number[] | undefined = []
  // bins[i] counts the values in bin firstBin + i; only the span that occurs is kept.
  #bins = new Uint32Array(0)
  #firstBin = 0
  #total = 0

  add(value: number, times = 1): void {
    this.#total += times
    const exact = this.#exact
    if (exact === undefined) return this.#count(value, times)
    if (this.#total <= EXACT_LIMIT) {
      for (let i = 0; i < times; i++) exact.push(value)
      return
    }
    for (const kept of exact) this.#count(kept, 1)
    this.#exact = undefined
    this.#count(value, times)
  }

  percentile(fraction: number): number | undefined {
    if (this.#total === 0) return undefined
    const rank = Math.max(1, Math.ceil(fraction * this.#total))
    const exact = this.#exact
    const bins = this.#bins
    if (exact !== undefined) return exact.toSorted((a, b) => a - b)[rank - 1]
    let seen = 0
    let bin = 0
    for (; bin < bins.length; bin++) {
      seen += bins[bin]!
      if (seen >= rank) break
    }
    return middleOf(this.#firstBin + bin)
  }

  absorb(other: Histogram): void {
    other.forEachValue((value, times) => this.add(value, times))
  }

  forEachValue(visit: (value: number, times: number) => void): void {
    for (const value of this.#exact ?? []) visit(value, 1)
    this.#bins.forEach((times, i) => {
      if (times > 0) visit(middleOf(this.#firstBin + i), times)
    })
  }

  #count(value: number, times: number): void {
    const bin = value < 1 ? -1 : Math.floor(Math.log(value) / LOG_GROWTH)
    const index = bin - this.#firstBin
    if (index >= 0 && index < this.#bins.length) this.#bins[index]! += times
    else this.#grow(bin, times)
  }

  #grow(bin: number, times: number): void {
    const old = this.#bins
    const isFirst = old.length === 0
    const first = isFirst ? bin : Math.min(this.#firstBin, bin)
    const last = Math.max(this.#firstBin + old.length - 1, bin)
    const wider = new Uint32Array(last - first + 17)
    wider.set(old, Math.max(0, this.#firstBin - first))
    wider[bin - first]! += times
    this.#bins = wider
    this.#firstBin = first
  }
}

function middleOf(bin: number): number {
  return bin < 0 ? 0 : Math.exp(bin * LOG_GROWTH) * GEOMETRIC_MIDDLE
}
