/** What `aiproxy usage` is asked: its flags, read once into values that mean something. */
import { nearest } from '../errors/nearest.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { GROUP_KEYS } from '../usage/report.ts'
import type { GroupKey, UsageFilters } from '../usage/report.ts'
import { resolveZone } from '../usage/zone.ts'
import type { Zone } from '../usage/zone.ts'
import type { GlobalFlags } from './io.ts'
import { resolveSort } from './usage-metrics.ts'
import type { SortColumn } from './usage-metrics.ts'

export const FORMATS = ['table', 'json', 'jsonl', 'csv', 'tsv', 'md'] as const
export type Format = (typeof FORMATS)[number]
export const OUTCOMES = ['ok', 'refused', 'failed', 'truncated', 'aborted'] as const
export const DEFAULT_BY: readonly GroupKey[] = ['user', 'model']

/** The flags as commander leaves them. */
export interface RawFlags {
  readonly since?: string
  readonly until?: string
  readonly tz: string
  readonly by?: readonly string[]
  readonly user?: readonly string[]
  readonly model?: readonly string[]
  readonly provider?: readonly string[]
  readonly outcome?: readonly string[]
  readonly sort?: string
  readonly reverse?: true
  readonly top?: string
  readonly wide?: true
  readonly exact?: true
  readonly cost: boolean
  readonly follow?: true
  readonly reconcile?: readonly string[]
  readonly format?: string
  readonly json?: true
  readonly csv?: true
  readonly log?: readonly string[]
  readonly strict?: true
}

/** One question to the usage log. */
export interface Query {
  /** As typed; the window depends on the time it is looked at. */
  readonly since: string | undefined
  readonly until: string | undefined
  readonly zone: Zone
  readonly by: readonly GroupKey[]
  readonly filters: UsageFilters
  readonly sort: SortColumn | undefined
  readonly reverse: boolean
  readonly top: number | undefined
  readonly wide: boolean
  readonly exact: boolean
  readonly withCost: boolean
  readonly follow: boolean
  /** A provider's exports to compare the log with. */
  readonly reconcile: readonly string[]
  readonly format: Format
  /** Empty: the config's own. */
  readonly logs: readonly string[]
  readonly strict: boolean
}

/** The flags as a question. Throws ProxyError `usage_wrong` for one that means nothing. */
export function readQuery(flags: RawFlags, shared: GlobalFlags): Query {
  const { user = [], model = [], provider = [], outcome = [], log = [], reconcile = [] } = flags
  refuseContradictions(flags, reconcile)
  const by = readBy(flags.by)
  return {
    since: flags.since,
    until: flags.until,
    zone: resolveZone(flags.tz),
    by,
    filters: {
      users: user,
      models: model,
      providers: provider,
      outcomes: outcome.map((name) => oneOf('--outcome', name, OUTCOMES)),
    },
    sort: flags.sort === undefined ? undefined : resolveSort(flags.sort, by),
    reverse: flags.reverse === true,
    top: readTop(flags.top),
    wide: flags.wide === true,
    exact: flags.exact === true,
    withCost: flags.cost,
    follow: flags.follow === true,
    reconcile,
    format: readFormat(flags, shared),
    logs: log,
    strict: flags.strict === true,
  }
}

function refuseContradictions(flags: RawFlags, reconcile: readonly string[]): void {
  if (reconcile.length === 0) return
  const file = reconcile[0] ?? ''
  // What a provider's export cannot be narrowed by: it knows neither our users nor our outcomes.
  const others = [
    ['--by', flags.by],
    ['--user', flags.user],
    ['--outcome', flags.outcome],
    ['--sort', flags.sort],
    ['--top', flags.top],
    ['--follow', flags.follow],
  ] as const
  for (const [name, value] of others) {
    if (value === undefined) continue
    throw new ProxyError(
      'usage_wrong',
      `--reconcile compares by UTC day and model; ${name} does not go with it.`,
      { hint: `aiproxy usage --reconcile ${file}` },
    )
  }
}

function readBy(lists: readonly string[] | undefined): readonly GroupKey[] {
  if (lists === undefined) return DEFAULT_BY
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim())
  const keys = names.filter((name) => name !== '').map((name) => oneOf('--by', name, GROUP_KEYS))
  if (keys.length === 0) {
    throw new ProxyError('usage_wrong', '--by needs at least one column.', {
      hint: `aiproxy usage --by ${DEFAULT_BY.join(',')}`,
    })
  }
  return [...new Set(keys)]
}

function readFormat(flags: RawFlags, shared: GlobalFlags): Format {
  const asked = new Set<Format>()
  if (flags.format !== undefined) asked.add(oneOf('--format', flags.format, FORMATS))
  if (flags.json === true || shared.json === true) asked.add('json')
  if (flags.csv === true) asked.add('csv')
  const [first = 'table', second] = asked
  if (second !== undefined) {
    throw new ProxyError('usage_wrong', `Two formats at once: ${first} and ${second}.`, {
      hint: `aiproxy usage --format ${first}`,
    })
  }
  return first
}

function readTop(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new ProxyError('usage_wrong', `--top "${text}" is not a number of rows.`, {
    hint: 'aiproxy usage --top 10',
  })
}

function oneOf<Name extends string>(flag: string, text: string, names: readonly Name[]): Name {
  const wanted = text.trim().toLowerCase()
  const found = names.find((name) => name === wanted)
  if (found !== undefined) return found
  const close = nearest(wanted, names)
  throw new ProxyError('usage_wrong', `${flag} "${text}" is not one of ${names.join(', ')}.`, {
    hint: close === undefined ? undefined : `aiproxy usage ${flag} ${close}`,
  })
}
