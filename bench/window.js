/** The time in which a program is measured, and what it cost meanwhile. */
import { setTimeout as delay } from 'node:timers/promises'
import { costBetween, processorTime, residentOf } from './machine.js'

const POLL_MS = 50
// So much of the time asked for the program must have run, where it is to be kept busy, ...
const LEAST_RAN = 0.3
// ... and so much must not have been spent waiting for its core, ...
const LEAST_OWN = 0.9
/** ... but for so many times the time asked for nobody waits. */
export const LONGEST = 6

/**
 * Waits until the processes have had their core for about `seconds`: while other programs hold it, or the
 * load's, nothing is learned, and a busy machine only makes the bench longer. `paced` is a load that leaves
 * them time to spare. Resolves with `seconds`, the time it really took, the CPU time and the waiting of the
 * processes, and their memory at its end.
 */
export async function watchCost(pids, seconds, paced) {
  const before = processorTime(pids)
  const startedMs = performance.now()
  let wait = seconds * 1000
  for (;;) {
    await delay(wait)
    wait = POLL_MS
    const elapsed = (performance.now() - startedMs) / 1000
    const cost = costBetween(before, processorTime(pids))
    const own = elapsed - (cost.waitMicroseconds ?? 0) / 1e6
    const ran = paced || before === undefined ? Infinity : cost.cpuMicroseconds / 1e6
    const enough = ran >= LEAST_RAN * seconds && own >= LEAST_OWN * seconds
    if (enough || elapsed >= LONGEST * seconds) {
      return { seconds: elapsed, ...cost, residentMegabytes: residentOf(pids) ?? null }
    }
  }
}
