/**
 * The small languages inside single values: `10m`, `64MiB`, `127.0.0.1:4242`, `200k/day`, base URLs,
 * names. Text in; a value or what is wrong with the text out. Pure.
 */
import { ipVersion, kindOfHost } from './address.ts'
import type { Limit } from './config.ts'
import { nearest } from '../errors/nearest.ts'
import { show } from './problems.ts'

export type Parsed<T> = { readonly value: T } | { readonly wrong: string }

export const DEFAULT_HOST = '127.0.0.1'

const HOUR_MS = 3_600_000
const DURATION_UNITS = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', HOUR_MS],
])

/** `500ms`, `5s`, `10m`, `1h` → milliseconds, above 0 and at most 24 h. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,9}(?:\.\d{1,6})?) ?(ms|s|m|h)$/.exec(text)
  const unit = DURATION_UNITS.get(match?.[2] ?? '')
  if (match === null || unit === undefined) {
    const unitless = /^\d+(\.\d+)?$/.test(text)
    const reason = unitless ? 'has no unit' : 'is not a duration'
    return { wrong: `${show(text)} ${reason}; write 500ms, 5s, 10m or 1h` }
  }
  const value = Math.round(Number(match[1]) * unit)
  if (value < 1) return { wrong: `${show(text)} is too short; a duration is at least 1ms` }
  if (value > 24 * HOUR_MS) return { wrong: `${show(text)} is too long; a duration is at most 24h` }
  return { value }
}

const SIZE_UNITS = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1000],
  ['kib', 1024],
  ['mb', 1000 ** 2],
  ['mib', 1024 ** 2],
  ['gb', 1000 ** 3],
  ['gib', 1024 ** 3],
])
const MAX_SIZE_BYTES = 1024 ** 3

/** `64MiB`, `500 kB`, `1048576` → bytes, from 1 to 1 GiB. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,12}(?:\.\d{1,6})?) ?([a-z]{0,3})$/i.exec(text)
  const unit = match === null ? undefined : SIZE_UNITS.get((match[2] ?? '').toLowerCase())
  if (match === null || unit === undefined) {
    return { wrong: `${show(text)} is not a size; write 64MiB, 500kB or a number of bytes` }
  }
  const value = Math.floor(Number(match[1]) * unit)
  if (value < 1 || value > MAX_SIZE_BYTES) {
    return { wrong: `${show(text)} is out of range; a size is from 1 byte to 1GiB` }
  }
  return { value }
}

/** A port as text → its number, 0 to 65535. */
export function parsePort(text: string): Parsed<number> {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN
  return value <= 65_535
    ? { value }
    : { wrong: `${show(text)} is not a port; ports go from 0 to 65535` }
}

/**
 * `host:port`, `[::1]:port`, `:port` or `port` → host without brackets, and port. Without a host it is
 * loopback: every interface has to be asked for by name, `0.0.0.0:4242`.
 */
export function parseListen(
  text: string,
): Parsed<{ readonly host: string; readonly port: number }> {
  const split = text.lastIndexOf(':')
  const hostText = split < 0 ? '' : text.slice(0, split)
  const portText = text.slice(split + 1)
  if (ipVersion(text) === 6 || (split < 0 && !/^\d+$/.test(text))) {
    const host = ipVersion(text) === 6 ? `[${text}]` : text
    return { wrong: `${show(text)} has no port; write ${show(`${host}:4242`)}` }
  }
  const host = parseHost(hostText === '' ? DEFAULT_HOST : hostText)
  if ('wrong' in host) return host
  const port = parsePort(portText)
  if ('wrong' in port) return { wrong: `${show(text)}: ${port.wrong}` }
  return { value: { host: host.value, port: port.value } }
}

/** An address or name to listen on → without brackets, lower case. */
export function parseHost(text: string): Parsed<string> {
  const bare = /^\[(.*)\]$/.exec(text)?.[1]
  if (bare !== undefined || text.includes(':')) {
    const address = bare ?? text
    return ipVersion(address) === 6
      ? { value: address.toLowerCase() }
      : { wrong: `${show(text)} is not an IPv6 address` }
  }
  // Four numbers that are no address would go out as a name to look up.
  const isName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i
  if (text.length > 253 || !isName.test(text) || (/^[\d.]+$/.test(text) && ipVersion(text) === 0)) {
    return { wrong: `${show(text)} is not a host name or address` }
  }
  return { value: text.toLowerCase() }
}

/** What a limit counts. */
export type LimitKind = 'requests' | 'tokens' | 'cost'

export const WINDOWS = ['minute', 'hour', 'day', 'month'] as const
const LIMIT_EXAMPLES = { requests: '60/minute', tokens: '200k/day', cost: '5 USD/day' } as const
const MULTIPLIERS = new Map([
  ['', 1],
  ['k', 1000],
  ['m', 1_000_000],
])
const MAX_AMOUNT = 1e12

/** `60/minute`, `200k/day`, `5 USD/day` → amount (US dollars for `cost`) and window. */
export function parseLimit(text: string, kind: LimitKind): Parsed<Limit> {
  const example = LIMIT_EXAMPLES[kind]
  const [amountText = '', windowText, ...more] = text.split('/').map((part) => part.trim())
  if (windowText === undefined || more.length > 0) {
    return { wrong: `${show(text)} is not a limit; write ${example}` }
  }
  const window = WINDOWS.find((one) => one === windowText)
  if (window === undefined) {
    const near = nearest(windowText, WINDOWS)
    const advice =
      near === undefined ? `write ${WINDOWS.join(', ')}` : `did you mean ${show(near)}?`
    return { wrong: `${show(windowText)} is not a window; ${advice}` }
  }
  const amount = kind === 'cost' ? parseDollars(amountText) : parseCount(amountText)
  if ('wrong' in amount) return { wrong: `${amount.wrong}; write ${example}` }
  if (amount.value <= 0) return { wrong: `${show(text)} allows nothing; a limit is above 0` }
  if (amount.value > MAX_AMOUNT) return { wrong: `${show(text)} is too large for a limit` }
  return { value: { amount: amount.value, window } }
}

function parseCount(text: string): Parsed<number> {
  const match = /^(\d{1,13}(?:\.\d{1,6})?)([km]?)$/i.exec(text)
  if (match === null) return { wrong: `${show(text)} is not a number` }
  // 1.1 * 1000 is 1100.0000000000002 in binary.
  const value = Number(
    (Number(match[1]) * (MULTIPLIERS.get((match[2] ?? '').toLowerCase()) ?? 1)).toFixed(6),
  )
  return Number.isInteger(value) ? { value } : { wrong: `${show(text)} is not a whole number` }
}

function parseDollars(text: string): Parsed<number> {
  const match = /^(?:(\d{1,13}(?:\.\d{1,6})?) ?USD|\$ ?(\d{1,13}(?:\.\d{1,6})?))$/i.exec(text)
  if (match !== null) return { value: Number(match[1] ?? match[2]) }
  const reason = /^[\d.]+$/.test(text) ? 'has no currency' : 'is not an amount in USD'
  return { wrong: `${show(text)} ${reason}` }
}

/**
 * Where a provider is. https, or http to a loopback or private host; never a link-local or metadata
 * address (reliability §1.3); nothing but scheme, host, port and path. Comes back without trailing slash.
 */
export function parseBaseUrl(text: string): Parsed<string> {
  // Before anything could quote it: `https://user:password@host`.
  if (/^[a-z+.-]+:\/\/[^/?#]*@/i.test(text)) {
    return { wrong: 'a user name or password does not belong in a base_url; use api_key' }
  }
  // The URL parser would drop tabs and line ends and turn backslashes round in silence. Most URLs have but
  // letters and signs; the pattern of all that is none is slow to compile.
  const isPlain = /^[!-[\]-~]*$/.test(text) || !/[\s\p{C}\\]/u.test(text)
  const url = isPlain && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:\/\//i.test(text)) {
    return { wrong: `${show(text)} is not a URL; write https://host/path` }
  }
  if (/[?#]/.test(text)) return { wrong: `${show(text)} has a query or fragment; leave it out` }
  const kind = kindOfHost(url.hostname)
  if (kind === 'forbidden') {
    return { wrong: `${show(text)} is a link-local or metadata address; no provider lives there` }
  }
  if (url.protocol === 'http:' && kind === 'public') {
    return { wrong: `${show(text)} would carry prompts and the key in the clear; write https://` }
  }
  return { value: url.href.replace(/\/+$/, '') }
}

/** A host name for `allowed_hosts`: no scheme, port, path or wildcard. Lower case. */
export function parseAllowedHost(text: string): Parsed<string> {
  if (text.includes('*')) {
    return { wrong: `${show(text)} has a wildcard; name each host` }
  }
  const host = parseHost(text)
  if ('value' in host) return host
  return { wrong: `${show(text)} is not a host name; write it without scheme, port and path` }
}

/** A browser origin for `allowed_origins`: scheme, host and port, as a browser sends it. */
export function parseOrigin(text: string): Parsed<string> {
  const match = /^([a-z][a-z0-9+.-]*):\/\/[^/?#@\\*\s\p{C}]+$/iu.exec(text)
  if (match === null || (/^https?$/i.test(match[1] ?? '') && !URL.canParse(text))) {
    return { wrong: `${show(text)} is not an origin; write https://host or https://host:port` }
  }
  const isWeb = /^https?$/i.test(match[1] ?? '')
  // For other schemes (`vscode-webview://…`) URL knows no origin; such hosts are sent in lower case.
  return { value: isWeb ? new URL(text).origin : text.toLowerCase() }
}

/** A user key as the file has it. */
export interface WrittenDigest {
  /** SHA-256, 64 hex digits, lower case. */
  readonly digest: string
  /** The key's last characters, by which people know it again. */
  readonly hint: string | undefined
}

/**
 * The digest of a user key: `sha256:` and 64 hex digits, and behind another colon, where it is known, how the
 * key ends (`sha256:9f86…0a08:k3Qd`). Never shows the text.
 */
export function parseKeyDigest(text: string): Parsed<WrittenDigest> {
  const match = /^sha256:([0-9a-f]{64})(?::([0-9a-z_-]{1,8}))?$/i.exec(text)
  const digest = match?.[1]
  if (digest !== undefined) return { value: { digest: digest.toLowerCase(), hint: match?.[2] } }
  return {
    wrong:
      'is not "sha256:" and 64 hex digits (the value is not shown); keys are made by `aiproxy users key`',
  }
}

/** `[A-Za-z0-9._@-]{1,64}` (reliability A7). */
export function parseUserName(text: string): Parsed<string> {
  if (/^[A-Za-z0-9._@-]{1,64}$/.test(text)) return { value: text }
  return { wrong: `${show(text)} is not a user name; use 1 to 64 of A-Z a-z 0-9 . _ @ -` }
}

/** `[A-Za-z0-9._-]{1,64}`: it stands in reply headers and metric labels. */
export function parseProviderName(text: string): Parsed<string> {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(text)) return { value: text }
  return { wrong: `${show(text)} is not a provider name; use 1 to 64 of A-Z a-z 0-9 . _ -` }
}

/** A model's name, ours or a provider's: a closed set of characters, at most 128, and no `..` (reliability A7). */
export function parseModelName(text: string): Parsed<string> {
  if (!/^[A-Za-z0-9._:/@+~-]{1,128}$/.test(text)) {
    return {
      wrong: `${show(text)} is not a model name; use 1 to 128 of A-Z a-z 0-9 . _ : / @ + ~ -`,
    }
  }
  return text.includes('..')
    ? { wrong: `${show(text)} is not a model name: it holds ".."` }
    : { value: text }
}

/** A value of `anthropic-beta`, or the beginning of some and a `*`. */
export function parseBeta(text: string): Parsed<string> {
  if (/^[A-Za-z0-9._-]{1,100}\*?$/.test(text)) return { value: text }
  return { wrong: `${show(text)} is not a beta; write one name, or its beginning and *` }
}

/** A path to write to. */
export function parseAuditPath(text: string): Parsed<string> {
  if (text.trim() === '') return { wrong: 'is empty; write a path, or leave it out' }
  if (text === '-') return { wrong: 'cannot be stdout; write a path' }
  return parseLogPath(text)
}

/** A path to write to, or `-`. */
export function parseLogPath(text: string): Parsed<string> {
  if (text.trim() === '') return { wrong: 'is empty; write a path, or "-" for stdout' }
  if (/[^ -~]/.test(text) && /\p{Cc}/u.test(text))
    return { wrong: `${show(text)} holds a control character` }
  return { value: text }
}
