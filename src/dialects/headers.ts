/**
 * Which headers cross the proxy, in both directions (wire-formats G.1, G.2, E.5). Two allow-lists: what
 * is not named here stays on its side. Credentials are never among them.
 */
import type { DialectName } from './dialect.ts'

type HeaderPair = readonly [string, string]
/** Lower-case names. */
export type HeaderRecord = Readonly<Record<string, string | undefined>>

type Family = 'openai' | 'anthropic'

function familyOf(dialect: DialectName): Family {
  return dialect === 'anthropic' ? 'anthropic' : 'openai'
}

/** Known to work with every field we relay; newer versions refuse some. */
const ANTHROPIC_VERSION = '2023-06-01'

/** Whether a caller's header goes on to the provider. Asked of every header of every request. */
function crosses(name: string, from: DialectName, to: DialectName): boolean {
  switch (name[0]) {
    case 't':
      return name === 'traceparent' || name === 'tracestate'
    case 'i':
      return from === to && name === 'idempotency-key'
    case 'h':
      return from === to && name === 'http-referer'
    case 'x':
      return name === 'x-request-id' || (from === to && isClientHeader(name))
    case 'o':
      return bothOf('openai', from, to) && OPENAI_HEADERS.includes(name)
    case 'a':
      return bothOf('anthropic', from, to) && ANTHROPIC_HEADERS.includes(name)
    default:
      return false
  }
}

/** By which a client tells what it is. */
function isClientHeader(name: string): boolean {
  return (
    name === 'x-app' ||
    name === 'x-title' ||
    name.startsWith('x-stainless-') ||
    name.startsWith('x-claude-code-')
  )
}

const OPENAI_HEADERS: readonly string[] = ['openai-organization', 'openai-project', 'openai-beta']
const ANTHROPIC_HEADERS: readonly string[] = [
  'anthropic-version',
  'anthropic-user-profile-id',
  'anthropic-workspace-id',
]

function bothOf(family: Family, from: DialectName, to: DialectName): boolean {
  return familyOf(from) === family && familyOf(to) === family
}

/**
 * The headers that go upstream beside credential and content type: the caller's allowed ones, joined
 * with the encoder's `own` (EncodedRequest.headers), which win. `anthropic-beta` values are merged, but
 * for `dropBetas`: those that the model refuses (RuleOverrides).
 */
export function mapRequestHeaders(
  callerHeaders: HeaderRecord,
  from: DialectName,
  to: DialectName,
  own: readonly HeaderPair[] = [],
  dropBetas: readonly string[] = [],
): HeaderPair[] {
  const family = familyOf(to)
  const mapped: HeaderPair[] = []
  for (const name in callerHeaders) {
    if (!crosses(name, from, to)) continue
    const value = callerHeaders[name]
    if (value !== undefined && value !== '') mapped.push([name, value])
  }
  for (const pair of own) setPair(mapped, pair)
  if (family === 'openai') return mapped
  if (!mapped.some(([name]) => name === 'anthropic-version')) {
    mapped.push(['anthropic-version', ANTHROPIC_VERSION])
  }
  const asked = callerHeaders['anthropic-beta']
  const at = mapped.findIndex(([name]) => name === 'anthropic-beta')
  if (asked === undefined && at === -1) return mapped
  const betas = splitList(`${asked ?? ''},${mapped[at]?.[1] ?? ''}`).filter(
    (beta) => !dropBetas.some((pattern) => matches(beta, pattern)),
  )
  if (betas.length > 0) setPair(mapped, ['anthropic-beta', betas.join(',')])
  else if (at !== -1) mapped.splice(at, 1)
  return mapped
}

/** In the place of the pair with its name, else at the end. */
function setPair(pairs: HeaderPair[], pair: HeaderPair): void {
  const at = pairs.findIndex(([name]) => name === pair[0])
  if (at === -1) pairs.push(pair)
  else pairs[at] = pair
}

/** The very name, or what begins like a pattern with a `*` at its end. */
function matches(beta: string, pattern: string): boolean {
  return pattern.endsWith('*') ? beta.startsWith(pattern.slice(0, -1)) : beta === pattern
}

function splitList(list: string): string[] {
  const items = list.split(',').map((item) => item.trim())
  return [...new Set(items.filter((item) => item !== ''))]
}

/** Whether a provider's header reaches the caller under its own name. Asked of every header of every reply. */
function returns(name: string, value: string, from: DialectName, to: DialectName): boolean {
  switch (name[0]) {
    case 'r':
      return name === 'retry-after' || name === 'retry-after-ms'
    case 'x':
    case 'a':
      if (name === 'x-should-retry') return true
      return isRateLimit(name) && !isPlaceholder(name, value)
    case 'o':
      return name === 'openai-processing-ms' && from === to
    default:
      return false
  }
}

/** Of either family: gateways in front of a provider send the other's names, too. */
function isRateLimit(name: string): boolean {
  return name.startsWith('x-ratelimit-') || name.startsWith('anthropic-ratelimit-')
}

/** The two families' names for one figure. */
export const CONVERTED: ReadonlyArray<
  readonly [openai: string, anthropic: string, kind: 'count' | 'reset']
> = [
  ['x-ratelimit-limit-requests', 'anthropic-ratelimit-requests-limit', 'count'],
  ['x-ratelimit-remaining-requests', 'anthropic-ratelimit-requests-remaining', 'count'],
  ['x-ratelimit-reset-requests', 'anthropic-ratelimit-requests-reset', 'reset'],
  ['x-ratelimit-limit-tokens', 'anthropic-ratelimit-tokens-limit', 'count'],
  ['x-ratelimit-remaining-tokens', 'anthropic-ratelimit-tokens-remaining', 'count'],
  ['x-ratelimit-reset-tokens', 'anthropic-ratelimit-tokens-reset', 'reset'],
]

/**
 * The headers that reach the caller from a provider's reply. `from` is the target's dialect, `to` the
 * caller's; `nowMs` is the wall clock, for reset times that one family gives as durations and the other
 * as instants. Rate limits keep their own name and get the other family's too.
 */
export function mapReplyHeaders(
  upstreamHeaders: HeaderRecord,
  from: DialectName,
  to: DialectName,
  nowMs: number,
): HeaderPair[] {
  const family = familyOf(from)
  const mapped: HeaderPair[] = []
  for (const name in upstreamHeaders) {
    const value = upstreamHeaders[name]
    if (value === undefined || !returns(name, value, from, to)) continue
    if (isPlain(value)) mapped.push([name, value])
  }
  if (family !== familyOf(to)) {
    for (const [openai, anthropic, kind] of CONVERTED) {
      const [source, wanted] = family === 'openai' ? [openai, anthropic] : [anthropic, openai]
      const value = upstreamHeaders[source]
      if (value === undefined || isPlaceholder(source, value)) continue
      if (upstreamHeaders[wanted] !== undefined) continue
      const converted = kind === 'count' ? readCountText(value) : convertReset(value, family, nowMs)
      if (converted !== undefined) mapped.push([wanted, converted])
    }
  }
  const id = upstreamHeaders[family === 'openai' ? 'x-request-id' : 'request-id']
  const anyId = id ?? upstreamHeaders['x-request-id'] ?? upstreamHeaders['request-id']
  if (anyId !== undefined && isPlain(anyId)) mapped.push(['x-upstream-request-id', anyId])
  return mapped
}

/** Visible ASCII of a sane length: a header value of ours must never break a head. */
function isPlain(value: string): boolean {
  return value.length <= 256 && /^[\x20-\x7e]+$/.test(value)
}

/** Azure fills in -1, and a limit of 0, for what it does not know. */
function isPlaceholder(name: string, value: string): boolean {
  return value.trim() === '-1' || (value.trim() === '0' && name.includes('limit-limit-'))
}

function readCountText(value: string): string | undefined {
  return /^\d{1,15}$/.test(value.trim()) ? value.trim() : undefined
}

function convertReset(value: string, from: Family, nowMs: number): string | undefined {
  if (from === 'openai') {
    const durationMs = parseDurationMs(value)
    return durationMs === undefined
      ? undefined
      : new Date(nowMs + durationMs).toISOString().replace(/\.\d{3}Z$/, 'Z')
  }
  const instantMs = Date.parse(value)
  if (Number.isNaN(instantMs)) return undefined
  return renderDuration(Math.max(0, instantMs - nowMs))
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** OpenAI's durations, `12ms`, `1s`, `6m0s`, `1h2m3.5s`, as milliseconds. */
function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text.trim())) return undefined
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    totalMs += Number(amount) * (UNIT_MS.get(unit ?? '') ?? 0)
  }
  // Beyond a year it is no reset time, and no valid date either.
  return totalMs <= 366 * 86_400_000 ? totalMs : undefined
}

/** Milliseconds in OpenAI's form; below a second as `12ms`. */
export function renderDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`
  const seconds = Math.round(durationMs / 1000)
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`
}
