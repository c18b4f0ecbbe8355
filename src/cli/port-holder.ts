/**
 * Which program listens on a port, for the one moment where a port is taken. Linux tells in /proc, macOS and
 * the BSDs through lsof; elsewhere, and for another user's program, nothing is said rather than something
 * guessed. Never more of a command line than its first names: arguments may be secrets.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { posix } from 'node:path'

export interface PortHolder {
  readonly pid: number
  /** `node server.js`, `python3`. */
  readonly name: string
}

/** An address and a port that cannot be had. */
export interface TakenPort {
  readonly host: string
  readonly port: number
}

// Whoever waits for an error message should not wait for long.
const LIMIT_MS = 1000

/** The listener on that port; `undefined` where it cannot be told. Never throws. */
export async function findPortHolder(
  taken: TakenPort,
  platform: NodeJS.Platform = process.platform,
): Promise<PortHolder | undefined> {
  try {
    if (platform === 'linux') return findInProc(taken)
    // There netstat tells, in the words of the system's language.
    if (platform === 'win32') return undefined
    return readLsof(await runLsof(taken.port))
  } catch {
    return undefined
  }
}

// ── Linux ───────────────────────────────────────────────────────────────────────────────────────

function findInProc(taken: TakenPort): PortHolder | undefined {
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
    readListeners(readIfThere(file), taken),
  )
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
  if (links.size === 0) return undefined
  const deadlineMs = performance.now() + LIMIT_MS
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    if (performance.now() > deadlineMs) return undefined
    if (!holdsOneOf(links, `/proc/${entry}/fd`)) continue
    const command = readIfThere(`/proc/${entry}/cmdline`).split('\0')
    return { pid: Number(entry), name: nameProgram(command) }
  }
  return undefined
}

// Of /proc/net/tcp: https://docs.kernel.org/networking/proc_net_tcp.html
const LISTENING = '0A'

/** The sockets in the text of `/proc/net/tcp` or `tcp6` that listen on this port, here or everywhere. */
export function readListeners(table: string, { host, port }: TakenPort): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const [address = '', at] = local.split(':')
    if (at !== wanted || state !== LISTENING || inode === undefined) return []
    return mayMeet(address, host) ? [inode] : []
  })
}

/** Whether a listener at that address (hexadecimal, IPv4 reversed) is in the way of one at `host`. */
function mayMeet(address: string, host: string): boolean {
  const octets = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host)?.slice(1).map(Number)
  // IPv6 with all its ways of writing, a name, and everything that meets everything.
  if (octets === undefined || address.length !== 8 || host === '0.0.0.0') return true
  const reversed = octets.toReversed().map((octet) => octet.toString(16).padStart(2, '0'))
  return address === '00000000' || address === reversed.join('').toUpperCase()
}

function holdsOneOf(links: ReadonlySet<string>, folder: string): boolean {
  try {
    return readdirSync(folder).some((descriptor) => {
      try {
        return links.has(readlinkSync(`${folder}/${descriptor}`))
      } catch {
        // Closed meanwhile.
        return false
      }
    })
  } catch {
    // Another user's, or gone.
    return false
  }
}

const INTERPRETER = /^(?:node|bun|deno|ruby|perl|java|python[\d.]*)$/

/** A program's name from its command line: `node server.js`, but no more arguments than that. */
export function nameProgram([program = '', ...args]: readonly string[]): string {
  const name = posix.basename(program)
  const [script = ''] = args
  // What it runs is what it is known by; a flag is nothing of the kind.
  if (!INTERPRETER.test(name) || script === '' || script.startsWith('-')) return name
  return `${name} ${posix.basename(script)}`
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

// ── lsof ────────────────────────────────────────────────────────────────────────────────────────

function runLsof(port: number): Promise<string> {
  return new Promise((resolve) => {
    // No names looked up; only listeners; process and command as fields.
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']
    execFile('lsof', args, { timeout: LIMIT_MS, encoding: 'utf8' }, (_error, stdout) => {
      resolve(stdout)
    })
  })
}

/** The first program in the output of `lsof -F pc`: `p123`, then `cnode`. */
export function readLsof(output: string): PortHolder | undefined {
  const pid = /^p(\d+)$/m.exec(output)?.[1]
  const name = /^c(.+)$/m.exec(output)?.[1]
  return pid === undefined || name === undefined ? undefined : { pid: Number(pid), name }
}
