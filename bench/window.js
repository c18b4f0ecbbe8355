/** The time in which a program is measured, and what it cost meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import { costBetween, processorTime, residentOf } from './machine.js'

const POLL_MS = 50
// Of the time asked for, so much must have been the program's own, ...
const OWN_SHARE = 0.9
// ... but for so many times the time asked for nobody waits.
const LONGEST = 6

/**
 * Waits until the processes have had their core for about `seconds`: while other programs hold it nothing
 * is learned, and a busy machine only makes the bench longer. Resolves with `seconds`, the time it really
 * took, the CPU time and the waiting of the processes, and their memory at its end.
 */
export async function watchCost(pids, seconds) {
  const before = processorTime(pids)
  const startedMs = performance.now()
  let wait = seconds * 1000
  for (;;) {
    await delay(wait)
    wait = POLL_MS
    const elapsedSeconds = (performance.now() - startedMs) / 1000
    const cost = costBetween(before, processorTime(pids))
    const ownSeconds = elapsedSeconds - (cost.waitMicroseconds ?? 0) / 1e6
    if (ownSeconds >= OWN_SHARE * seconds || elapsedSeconds >= LONGEST * seconds) {
      return { seconds: elapsedSeconds, ...cost, residentMegabytes: residentOf(pids) ?? null }
    }
  }
}
