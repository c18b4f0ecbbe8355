/** Medians, percentiles and ratios of what was measured; `undefined` where there is nothing to say. */

/** The middle of the known values. */
export function median(values) {
  const known = values.filter((value) => typeof value === 'number').toSorted((a, b) => a - b)
  if (known.length === 0) return undefined
  const middle = known.length >> 1
  return known.length % 2 === 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2
}

/** The value below which `part` (0 to 1) of the values lie. */
export function percentile(values, part) {
  if (values.length === 0) return undefined
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]
}

/** `part / whole` where both are known. */
export function quotient(part, whole) {
  return typeof part === 'number' && typeof whole === 'number' && whole > 0
    ? part / whole
    : undefined
}

/**
 * Median, least and most of the ratios within each round: what slowed the machine in a round then slowed
 * both. `undefined` where no round knows both.
 */
export function ratioOf(parts, wholes) {
  const known = parts
    .map((part, round) => quotient(part, wholes[round]))
    .filter((ratio) => ratio !== undefined)
  if (known.length === 0) return undefined
  return { median: median(known), min: Math.min(...known), max: Math.max(...known) }
}
