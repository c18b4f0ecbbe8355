/** How many of the last half minute's attempts failed: this second and the 29 before it. */

export interface Outcomes {
  add(failed: boolean, nowMs: number): void
  count(nowMs: number): { readonly total: number; readonly failed: number }
  clear(): void
}

export const WINDOW_S = 30

/** A ring of one slot a second, so that memory does not grow with traffic. */
export function createOutcomes(): Outcomes {
  const totals = new Uint32Array(WINDOW_S)
  const failures = new Uint32Array(WINDOW_S)
  // The newest second that was written; slots older than the window are stale.
  let newest = -Infinity

  function moveTo(second: number): void {
    if (second <= newest) return
    const stale = Math.min(WINDOW_S, second - newest)
    for (let back = 0; back < stale; back += 1) {
      const slot = slotOf(second - back)
      totals[slot] = 0
      failures[slot] = 0
    }
    newest = second
  }

  return {
    add(failed, nowMs) {
      const second = Math.floor(nowMs / 1000)
      moveTo(second)
      // A clock that went backwards by more than the window has nothing to add to.
      if (newest - second >= WINDOW_S) return
      const slot = slotOf(second)
      totals[slot] = (totals[slot] ?? 0) + 1
      if (failed) failures[slot] = (failures[slot] ?? 0) + 1
    },
    count(nowMs) {
      moveTo(Math.floor(nowMs / 1000))
      let total = 0
      let failed = 0
      for (let slot = 0; slot < WINDOW_S; slot += 1) {
        total += totals[slot] ?? 0
        failed += failures[slot] ?? 0
      }
      return { total, failed }
    },
    clear() {
      totals.fill(0)
      failures.fill(0)
    },
  }
}

function slotOf(second: number): number {
  return ((second % WINDOW_S) + WINDOW_S) % WINDOW_S
}
