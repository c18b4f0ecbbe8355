/** What the bench asks of the machine: CPU time and memory of processes, cores, tools at hand. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'

const TICK_MICROSECONDS = 10_000

/**
 * What the scheduler has booked so far on the processes, in microseconds: the time all of their threads
 * ran, and the time their main threads could have run and waited for their core. From schedstat, in
 * nanoseconds, else from /proc/<pid>/stat, in ticks of 10 ms and without the waiting. `undefined` where
 * there is no /proc.
 */
export function processorTime(pids) {
  const sum = { cpuMicroseconds: 0, waitMicroseconds: 0 }
  for (const pid of pids) {
    const one = schedulerTime(pid) ?? tickTime(pid)
    if (one === undefined) return undefined
    sum.cpuMicroseconds += one.cpuMicroseconds
    sum.waitMicroseconds += one.waitMicroseconds
  }
  return sum
}

/** What was booked between two calls of `processorTime`; `cpuMicroseconds` is null where that is unknown. */
export function costBetween(before, after) {
  if (before === undefined || after === undefined) return { cpuMicroseconds: null }
  return {
    cpuMicroseconds: after.cpuMicroseconds - before.cpuMicroseconds,
    waitMicroseconds: after.waitMicroseconds - before.waitMicroseconds,
  }
}

/** CPU time of all threads of one process so far, in microseconds; `undefined` where there is no /proc. */
export function cpuMicroseconds(pid) {
  return processorTime([pid])?.cpuMicroseconds
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

/** Resident memory of several processes, added up, in MB: pages that they share count twice. */
export function residentOf(pids) {
  const each = pids.map(residentMegabytes)
  return each.includes(undefined) ? undefined : each.reduce((sum, one) => sum + one, 0)
}

/** The processes that `pid` has started and that still run. */
export function childrenOf(pid) {
  const children = []
  for (const name of listProcesses()) {
    const parent = statFields(name)?.[1]
    if (Number(parent) === pid) children.push(Number(name))
  }
  return children
}

/** Whether a command can be started. */
export function hasTool(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0
}

/**
 * The two cores the bench uses, `{ target, load }`, of those it may use; `undefined` where there are fewer
 * or where nothing can be pinned.
 */
export function pinnableCores() {
  if (availableParallelism() < 2 || !hasTool('taskset')) return undefined
  const [target, load] = allowedCores()
  return load === undefined ? undefined : { target, load }
}

/** Moves this process, all of its threads and whoever it starts from now on to these cores. */
export function moveTo(...cores) {
  const list = cores.join(',')
  spawnSync('taskset', ['-a', '-p', '-c', list, String(process.pid)], { stdio: 'ignore' })
}

/** One line about the machine, for whoever reads the table elsewhere. */
export function describeMachine() {
  const [cpu] = cpus()
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${gigabytes} GB, ${process.platform} ${process.arch}, Node ${process.version}`
}

function schedulerTime(pid) {
  try {
    let ranNanoseconds = 0
    let waitedNanoseconds = 0
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [ran, waited] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')
      ranNanoseconds += Number(ran)
      // The other threads also wait for the main one, which is nobody's disturbance.
      if (task === String(pid)) waitedNanoseconds = Number(waited)
    }
    if (ranNanoseconds === 0) return undefined
    return {
      cpuMicroseconds: ranNanoseconds / 1000,
      waitMicroseconds: waitedNanoseconds / 1000,
    }
  } catch {
    // No schedstat in this kernel, or no /proc at all.
    return undefined
  }
}

function tickTime(pid) {
  const fields = statFields(pid)
  if (fields === undefined) return undefined
  const ticks = Number(fields[11]) + Number(fields[12])
  return { cpuMicroseconds: ticks * TICK_MICROSECONDS, waitMicroseconds: 0 }
}

// The fields of /proc/<pid>/stat behind the name, which stands in brackets and may hold spaces.
function statFields(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function listProcesses() {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

// From the kernel's list, such as 0-3,8: a container may be given any of the machine's cores.
function allowedCores() {
  try {
    const status = readFileSync('/proc/self/status', 'utf8')
    const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(status)?.[1] ?? ''
    return list.split(',').flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    })
  } catch {
    return []
  }
}
