/**
 * Values as a person reads them: durations, money, counts, paths, shell words. Units stand in the
 * names. JSON for machines too, because it needs the same care with control characters.
 */
import { isAbsolute, relative, sep } from 'node:path'
import type { Config, Credential, Limits } from '../config/config.ts'
import { escapeJson } from '../usage/json.ts'
import { cleanForTerminal } from './clean.ts'

/** `2ms`, `0.4s`, `59.9s`, `1m40s`, `2h03m`: never more than five columns below ten hours. */
export function renderDuration(ms: number): string {
  if (ms < 99.5) return `${Math.max(0, Math.round(ms))}ms`
  // Rounded before the unit is chosen, or 59.96 s would read 60.0s.
  const tenths = Math.round(ms / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
}

/** `$0.0032` below a dollar, `$2.64` from there on; a price too small to show is `<$0.0001`. */
export function renderCost(usd: number): string {
  if (usd > 0 && usd < 0.00005) return '<$0.0001'
  if (usd === 0) return '$0'
  return usd < 0.99995 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`
}

/** `812`, `9.8K`, `1.2M`, `3.4B`: at most six characters; below `wholeBelow` in full. */
export function renderCount(count: number, wholeBelow = 10_000): string {
  if (count < wholeBelow) return String(count)
  let scaled = count
  for (const unit of ['K', 'M', 'B']) {
    scaled /= 1000
    if (scaled < 999.95) return `${scaled.toFixed(1)}${unit}`
  }
  return `${(scaled / 1000).toFixed(1)}T`
}

/** `10 bytes`, `1.5 MiB`, `64 MiB`. */
export function renderBytes(bytes: number): string {
  if (bytes < 1024) return countOf(bytes, 'byte')
  const [amount, unit] = bytes < 1024 ** 2 ? [bytes / 1024, 'KiB'] : [bytes / 1024 ** 2, 'MiB']
  return `${Number(amount.toFixed(1))} ${unit}`
}

/** `1234567` as `1,234,567`. Not toLocaleString: its tables take longer to load than a small log to read. */
export function groupDigits(digits: string): string {
  return digits.replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** `1 request`, `2 requests`, `1,203 requests`. */
export function countOf(count: number, noun: string): string {
  return `${groupDigits(String(count))} ${noun}${count === 1 ? '' : 's'}`
}

/** Clock time in the local zone, `15:12:03`. */
export function renderClock(epochMs: number): string {
  const time = new Date(epochMs)
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
}

/** A path as short as it can be typed: `./x` below the working directory, `~/x` below home. */
export function renderPath(path: string, place: { cwd: string; home: string }): string {
  if (!isAbsolute(path)) return cleanForTerminal(path)
  const fromHere = relative(place.cwd, path)
  if (fromHere !== '' && !fromHere.startsWith('..') && !isAbsolute(fromHere)) {
    return cleanForTerminal(`.${sep}${fromHere}`)
  }
  const fromHome = relative(place.home, path)
  if (fromHome !== '' && !fromHome.startsWith('..') && !isAbsolute(fromHome)) {
    return cleanForTerminal(`~${sep}${fromHome}`)
  }
  return cleanForTerminal(path)
}

/** One word of a command line, quoted where a shell of this system would read it otherwise. */
export function quoteForShell(word: string): string {
  return quoteForShellOf(sep, word)
}

/**
 * The same for a system whose paths have that separator. A backslash means PowerShell and cmd, which agree
 * on double quotes only.
 */
export function quoteForShellOf(separator: string, word: string): string {
  const clean = cleanForTerminal(word)
  if (separator === '\\') {
    if (/^[\w@+=:,.\\/-]+$/.test(clean)) return clean
    return `"${clean.replaceAll('"', String.raw`\"`)}"`
  }
  if (/^[\w@%+=:,./-]+$/.test(clean)) return clean
  if (!/["$`\\!]/.test(clean)) return `"${clean}"`
  return `'${clean.replaceAll("'", String.raw`'\''`)}'`
}

/** Where a provider's key comes from: `OPENAI_API_KEY`, `config file`, `no key needed`. Never the key. */
export function renderKeySource(credential: Credential): string {
  return credential.kind === 'none' ? 'no key needed' : keySource(credential)
}

/** `env OPENAI_API_KEY` without its first word. */
export function keySource(credential: Exclude<Credential, { kind: 'none' }>): string {
  return cleanForTerminal(credential.source.replace(/^env /, ''))
}

/** `60 req/minute, 200k tok/day, 4 at once`, or '' where nothing is limited. */
export function renderLimits(limits: Limits): string {
  return [
    ...limits.requests.map(({ amount, window }) => `${shortAmount(amount)} req/${window}`),
    ...limits.tokens.map(({ amount, window }) => `${shortAmount(amount)} tok/${window}`),
    ...limits.costUsd.map(({ amount, window }) => `$${amount}/${window}`),
    ...(limits.concurrency === undefined ? [] : [`${limits.concurrency} at once`]),
  ].join(', ')
}

/** Where the settings came from, for people. */
export function renderSource(
  source: Config['source'],
  place: { cwd: string; home: string },
): string {
  return source.kind === 'file' ? renderPath(source.path, place) : 'no config file'
}

/** One line of JSON that is safe to show on a terminal. */
export function jsonLine(value: unknown): string {
  return escapeJson(JSON.stringify(value))
}

function shortAmount(amount: number): string {
  if (amount >= 1e6 && amount % 1e5 === 0) return `${amount / 1e6}M`
  if (amount >= 1000 && amount % 100 === 0) return `${amount / 1000}k`
  return String(amount)
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
