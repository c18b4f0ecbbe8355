/** The nearest valid name for a mistyped one. */

// A longer name or list than any real config has would only cost time.
const MAX_LENGTH = 128
const MAX_CANDIDATES = 2000

/**
 * The candidate nearest to `name`, or `undefined` where none is near: at most a third of the letters
 * (and never more than 3) mistyped, dropped, added or swapped, regardless of case; or else the one
 * candidate of which the name is the beginning (`claude-sonnet-4` for `claude-sonnet-4-20250514`).
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > MAX_LENGTH) return undefined
  const wanted = name.toLowerCase()
  const limit = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)))
  let best: string | undefined
  let bestDistance = limit + 1
  const continuations: string[] = []
  let seen = 0
  for (const candidate of candidates) {
    if (seen++ >= MAX_CANDIDATES) break
    const lower = candidate.toLowerCase()
    if (wanted.length >= 3 && lower.startsWith(wanted)) continuations.push(candidate)
    if (Math.abs(lower.length - wanted.length) >= bestDistance) continue
    const distance = editDistance(wanted, lower)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best ?? (continuations.length === 1 ? continuations[0] : undefined)
}

/** Edits from `a` to `b`: insert, delete, replace, or swap two neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  // Three rows of the usual table: the swap looks two rows back.
  let twoBack: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1
      let least = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + cost,
      )
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) least = Math.min(least, at(twoBack, column - 2) + 1)
      current.push(least)
    }
    twoBack = previous
    previous = current
  }
  return at(previous, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
