/**
 * What a provider says was used: the CSV files that its console exports, folded by UTC day and model.
 *
 * - OpenAI, usage (`completions_usage_….csv`, and its siblings for embeddings): a row per bucket of time,
 *   project, key and model; `input_tokens` includes `input_cached_tokens`. Buckets without use are rows too.
 * - OpenAI, costs: `amount_value` per day, and per `line_item` (`gpt-5-2025-08-07, cached input`) where it
 *   was grouped so. https://platform.openai.com/docs/api-reference/usage
 * - Anthropic, usage: `usage_input_tokens_no_cache`, what was written to and read from the cache beside it;
 *   no number of requests. A row per day or hour, model, key and workspace.
 * - Anthropic, costs: `cost_usd` per day, model and kind of token, in whole cents; models by the names people
 *   say (`Claude Sonnet 4.5`). https://platform.claude.com/docs/en/build-with-claude/usage-cost-api
 *
 * Columns are found by name in any order and case; those that are not known are passed over.
 */
import { createReadStream } from 'node:fs'
import { ProxyError } from '../errors/proxy-error.ts'
import { createCsvReader } from './csv.ts'

export type Vendor = 'openai' | 'anthropic'

export const METRICS = ['requests', 'input', 'cached', 'cacheWrite', 'output', 'costUsd'] as const
export type ExportMetric = (typeof METRICS)[number]

/** Sums of what was reported; input includes what was cached and written, as in our log. */
export type ExportFigures = Partial<Record<ExportMetric, number>>

export interface ExportRow {
  /** `2026-11-22`, in UTC. */
  readonly day: string
  /** As the provider writes it; `undefined` where the figures are those of all models. */
  readonly model: string | undefined
  readonly figures: ExportFigures
  /** Rows of the file that were added up here: each may be rounded. */
  rows: number
}

export interface ProviderExport {
  /** As it was named. */
  readonly file: string
  readonly vendor: Vendor
  readonly kind: 'usage' | 'costs'
  /** What the file tells about, for any model. */
  readonly metrics: readonly ExportMetric[]
  readonly rows: readonly ExportRow[]
  /** First and last day the file says anything about, buckets without use included; absent in an empty one. */
  readonly days: { readonly first: string; readonly last: string } | undefined
  readonly lines: number
  /** Lines that could not be read. */
  readonly skipped: number
  readonly firstSkipped: number | undefined
}

interface Format {
  readonly vendor: Vendor
  readonly kind: 'usage' | 'costs'
  /** Each needs one of these columns. */
  readonly needs: readonly (readonly string[])[]
  readonly metrics: readonly ExportMetric[]
  /** Metrics that are only told where there is one of these columns. */
  readonly optional: Partial<Readonly<Record<ExportMetric, readonly string[]>>>
  /** Day, model and figures of one line; throws `Unreadable` for what makes no sense. */
  readonly read: (line: Line) => Pick<ExportRow, 'model' | 'figures'>
  readonly time: readonly string[]
}

const FORMATS: readonly Format[] = [
  {
    vendor: 'openai',
    kind: 'usage',
    needs: [['start_time', 'start_time_iso'], ['num_model_requests'], ['input_tokens']],
    time: ['start_time', 'start_time_iso'],
    metrics: ['requests', 'input', 'cached', 'output'],
    // Those for embeddings have neither.
    optional: { cached: ['input_cached_tokens'], output: ['output_tokens'] },
    read: (line) => ({
      model: line.text('model'),
      figures: {
        requests: line.count('num_model_requests'),
        input: line.count('input_tokens'),
        cached: line.count('input_cached_tokens'),
        output: line.count('output_tokens'),
      },
    }),
  },
  {
    vendor: 'openai',
    kind: 'costs',
    needs: [['start_time', 'start_time_iso'], ['amount_value']],
    time: ['start_time', 'start_time_iso'],
    metrics: ['costUsd'],
    optional: {},
    read(line) {
      const currency = line.text('amount_currency')
      if (currency !== undefined && currency.toLowerCase() !== 'usd') throw new Unreadable()
      return {
        // `gpt-5-2025-08-07, cached input`
        model: line.text('line_item')?.split(', ')[0],
        figures: { costUsd: line.amount('amount_value') },
      }
    },
  },
  {
    vendor: 'anthropic',
    kind: 'usage',
    needs: [
      ['usage_date_utc'],
      ['model_version', 'model'],
      ['usage_input_tokens_no_cache'],
      ['usage_output_tokens'],
    ],
    time: ['usage_date_utc'],
    metrics: ['input', 'cached', 'cacheWrite', 'output'],
    optional: {
      cached: ['usage_input_tokens_cache_read'],
      cacheWrite: ['usage_input_tokens_cache_write_5m', 'usage_input_tokens_cache_write'],
    },
    read(line) {
      const cached = line.count('usage_input_tokens_cache_read')
      const cacheWrite =
        line.count('usage_input_tokens_cache_write_5m') +
        line.count('usage_input_tokens_cache_write_1h') +
        // Before there were two lives.
        line.count('usage_input_tokens_cache_write')
      return {
        model: line.text('model_version') ?? line.text('model'),
        figures: {
          input: line.count('usage_input_tokens_no_cache') + cached + cacheWrite,
          cached,
          cacheWrite,
          output: line.count('usage_output_tokens'),
        },
      }
    },
  },
  {
    vendor: 'anthropic',
    kind: 'costs',
    needs: [['usage_date_utc'], ['cost_usd']],
    time: ['usage_date_utc'],
    metrics: ['costUsd'],
    optional: {},
    read(line) {
      const kind = line.text('cost_type') ?? 'token'
      // Searches and the like are not tokens of a model, and our log has no price for them.
      const model = kind === 'token' ? line.text('model') : kind.replaceAll('_', ' ')
      return { model, figures: { costUsd: line.amount('cost_usd') } }
    },
  },
]

// Days times models of any real account; beyond it the file is something else.
const GROUP_LIMIT = 200_000
const HOUR_MS = 3_600_000
const LAST_DAY_MS = Date.UTC(10_000, 0, 1)

class Unreadable extends Error {}

/** One line by the names of its columns. */
interface Line {
  /** `undefined` where the column is missing or empty. */
  text(column: string): string | undefined
  /** A number of things; 0 where the column is missing or empty. */
  count(column: string): number
  /** An amount of money, which may be a credit; 0 where it is empty. */
  amount(column: string): number
}

/**
 * Reads one export. Throws ProxyError `usage_wrong` where there is no such file, or none whose columns are
 * known.
 */
export async function readProviderExport(file: string, path: string): Promise<ProviderExport> {
  let format: Format | undefined
  let places = new Map<string, number>()
  const groups = new Map<string, ExportRow>()
  let first: string | undefined
  let last: string | undefined
  let lines = 0
  let skipped = 0
  let firstSkipped: number | undefined

  function add(fields: readonly string[], found: Format): void {
    const line = readLine(fields, places)
    const day = readDay(line, found.time)
    if (first === undefined || day < first) first = day
    if (last === undefined || day > last) last = day
    const { model, figures } = found.read(line)
    // A bucket of time in which nothing was used.
    if (model === undefined && Object.values(figures).every((value) => value === 0)) return
    const key = JSON.stringify([day, model])
    const known = groups.get(key)
    if (known === undefined) {
      if (groups.size >= GROUP_LIMIT) throw new Unreadable()
      groups.set(key, { day, model, figures, rows: 1 })
      return
    }
    known.rows++
    for (const metric of found.metrics) {
      known.figures[metric] = (known.figures[metric] ?? 0) + (figures[metric] ?? 0)
    }
  }

  const reader = createCsvReader((fields, number) => {
    if (format === undefined) {
      places = new Map(fields.map((name, place) => [normalizeColumn(name), place]))
      format = findFormat(fields, places, file)
      return
    }
    lines++
    try {
      add(fields, format)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      skipped++
      firstSkipped ??= number
    }
  })
  try {
    for await (const chunk of createReadStream(path)) reader.push(toBytes(chunk))
  } catch (error) {
    throw error instanceof ProxyError ? error : cannotRead(file, error)
  }
  reader.end()
  if (format === undefined) throw unknownFormat(file, [])
  const { vendor, kind, optional } = format
  const metrics = format.metrics.filter(
    (metric) => optional[metric]?.some((column) => places.has(column)) ?? true,
  )
  const days = first === undefined || last === undefined ? undefined : { first, last }
  return {
    file,
    vendor,
    kind,
    metrics,
    rows: [...groups.values()],
    days,
    lines,
    skipped,
    firstSkipped,
  }
}

function toBytes(chunk: unknown): Uint8Array | string {
  return chunk instanceof Uint8Array ? chunk : String(chunk)
}

function cannotRead(file: string, error: unknown): ProxyError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reason = error instanceof Error ? error.message : String(error)
  return new ProxyError(
    'usage_wrong',
    code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${reason}`,
    { hint: 'aiproxy usage --reconcile completions_usage.csv', cause: error },
  )
}

// ── columns ─────────────────────────────────────────────────────────────────────────────────────

/** `Usage Date (UTC)` is `usage_date_utc`. */
function normalizeColumn(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
}

function findFormat(
  fields: readonly string[],
  places: ReadonlyMap<string, number>,
  file: string,
): Format {
  const found = FORMATS.find(({ needs }) =>
    needs.every((names) => names.some((name) => places.has(name))),
  )
  if (found === undefined) throw unknownFormat(file, fields)
  return found
}

const SHOWN_COLUMNS = 12
const SHOWN_LETTERS = 40

function unknownFormat(file: string, fields: readonly string[]): ProxyError {
  const shown = fields.slice(0, SHOWN_COLUMNS).map((name) => name.trim().slice(0, SHOWN_LETTERS))
  const more = fields.length - shown.length
  const seen =
    fields.length === 0
      ? 'it has no heading'
      : `its columns are ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  const columns = new Set(fields.map(normalizeColumn))
  const [closest] = FORMATS.map((format) => ({
    format,
    lacks: format.needs.filter((names) => !names.some((name) => columns.has(name))),
  })).toSorted((a, b) => a.lacks.length - b.lacks.length)
  const isClose = closest !== undefined && closest.lacks.length < closest.format.needs.length
  return new ProxyError(
    'usage_wrong',
    [
      `${file} is none of the exports that are known: ${seen}.`,
      ...(isClose
        ? [
            `to be ${nameOf(closest.format)} it lacks ${closest.lacks.map(([name]) => name).join(', ')}`,
          ]
        : FORMATS.map(
            (format) => `${nameOf(format)} has ${format.needs.map(([name]) => name).join(', ')}`,
          )),
    ].join('\n  '),
    { hint: 'Export usage or costs as CSV in the provider’s console.' },
  )
}

function nameOf({ vendor, kind }: Format): string {
  return `${VENDOR_NAMES[vendor]} ${kind}`
}

export const VENDOR_NAMES: Readonly<Record<Vendor, string>> = {
  openai: 'OpenAI',
  anthropic: 'Anthropic',
}

// ── values ──────────────────────────────────────────────────────────────────────────────────────

function readLine(fields: readonly string[], places: ReadonlyMap<string, number>): Line {
  // A row beyond the reader's limit comes without any.
  if (fields.length === 0) throw new Unreadable()
  const text = (column: string): string | undefined => {
    const value = fields[places.get(column) ?? -1]?.trim()
    return value === undefined || value === '' ? undefined : value
  }
  const amount = (column: string): number => readNumber(text(column))
  return {
    text,
    amount,
    count(column) {
      const value = amount(column)
      if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw new Unreadable()
      return Math.round(value)
    },
  }
}

/** `1234`, `1234.0`, `1,234`, `$0.05`, `1.0E-5`; 0 for nothing at all. */
function readNumber(text: string | undefined): number {
  if (text === undefined) return 0
  const plain = text.replace(/^(-?)\$/, '$1')
  const digits = /^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(plain) ? plain.replaceAll(',', '') : plain
  const value = /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(digits) ? Number(digits) : NaN
  if (!Number.isFinite(value)) throw new Unreadable()
  return value
}

const DATE =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?$/i

/** The UTC day: of seconds or milliseconds since 1970, a date, or a time, which without a zone is in UTC. */
function readDay(line: Line, columns: readonly string[]): string {
  for (const column of columns) {
    const text = line.text(column)
    if (text === undefined) continue
    const atMs = readTime(text)
    if (!(atMs >= 0 && atMs < LAST_DAY_MS)) throw new Unreadable()
    return new Date(atMs).toISOString().slice(0, 10)
  }
  throw new Unreadable()
}

function readTime(text: string): number {
  if (/^\d{9,11}(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{12,13}$/.test(text)) return Number(text)
  const match = DATE.exec(text)
  if (match === null) return NaN
  const [, y = '', mo = '', d = '', h = '0', mi = '0', zone = 'Z'] = match
  const [year, month, day] = [Number(y), Number(mo), Number(d)]
  const midnight = new Date(Date.UTC(year, month - 1, day))
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return NaN
  const offset = /^([+-])(\d{2}):?(\d{2})$/.exec(zone)
  const aheadMs =
    offset === null
      ? 0
      : (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * HOUR_MS + Number(offset[3]) * 60_000)
  return midnight.getTime() + Number(h) * HOUR_MS + Number(mi) * 60_000 - aheadMs
}
