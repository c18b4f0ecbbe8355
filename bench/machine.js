/** What the bench asks of the machine: CPU time and memory of a process, cores, tools at hand. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

/**
 * CPU time of all threads of a process so far, in microseconds: from the scheduler's own account, in
 * nanoseconds, else from /proc/<pid>/stat, in ticks of 10 ms. `undefined` where there is no /proc.
 */
export function cpuMicroseconds(pid) {
  try {
    let nanoseconds = 0
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(
        readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0],
      )
    }
    if (nanoseconds > 0) return nanoseconds / 1000
  } catch {
    // No schedstat in this kernel, or no /proc at all.
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the name in brackets and may hold spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return undefined
  }
}

/** Resident memory of a process in MB; `undefined` where there is no /proc. */
export function residentMegabytes(pid) {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return found === null ? undefined : Number(found[1]) / 1024
  } catch {
    return undefined
  }
}

/** Whether a command can be started. */
export function hasTool(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0
}

/** The two cores the bench uses, where processes can be pinned to them; `undefined` where not. */
export function pinnableCores() {
  if (availableParallelism() < 2 || !hasTool('taskset')) return undefined
  return { target: 0, load: 1 }
}

/** One line about the machine, for whoever reads the table elsewhere. */
export function describeMachine() {
  const [cpu] = cpus()
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${gigabytes} GB, ${process.platform} ${process.arch}, Node ${process.version}`
}
