/**
 * Counters of this process, as Prometheus reads them (text exposition format 0.0.4,
 * https://prometheus.io/docs/instrumenting/exposition_formats/). Names and buckets follow the OpenTelemetry
 * conventions for generative AI where they have one, written the way Prometheus writes such names:
 * `gen_ai.server.request.duration` in `s` is `gen_ai_server_request_duration_seconds`.
 *
 * Label values come from the config alone. What a caller made up (an unknown model) is an empty label, so
 * nobody can grow the list, and a name that was guessed is not told apart from any other.
 */
import { createNameMemo } from './name-memo.ts'
import type { Names } from './name-memo.ts'
import type { AttemptRecord, UsageRecord } from './record.ts'

export interface MetricsOptions {
  /** Whether a name is in the config in force. */
  readonly knows: {
    user(name: string): boolean
    model(name: string): boolean
    provider(name: string): boolean
  }
  /** US dollars of a finished request; `undefined` where no price is known. */
  readonly costOf: (record: UsageRecord) => number | undefined
}

/** What is so at the moment of asking. */
export interface Gauges {
  readonly inFlight: number
  readonly logAvailable: boolean
  /** Every target of the config. */
  readonly targets: ReadonlyArray<{
    readonly model: string
    readonly provider: string
    readonly resting: boolean
  }>
}

export interface Metrics {
  /** Once for each finished request. */
  observe(record: UsageRecord): void
  /** The whole page. */
  render(gauges: Gauges): string
}

/** The content type of the page. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

// The conventions' advice, in seconds and tokens.
const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
]
const FIRST_TOKEN_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
]
const TOKEN_BUCKETS = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
  67_108_864,
]

// A config has fewer combinations that occur; beyond it they are looked up anew.
const REMEMBERED_KINDS = 10_000

type Labels = ReadonlyArray<readonly [name: string, value: string]>

/** Counters at zero. */
export function createMetrics({ knows, costOf }: MetricsOptions): Metrics {
  const requests = createCounter('aiproxy_requests_total', 'Finished requests.')
  const errors = createCounter(
    'aiproxy_errors_total',
    'Requests that did not end well, by the code of their error.',
  )
  const failovers = createCounter(
    'aiproxy_failovers_total',
    'Attempts that failed and were followed by another target, by what went wrong.',
  )
  const skips = createCounter(
    'aiproxy_targets_skipped_total',
    "Targets passed over untried: they rest, or the user's limits leave no room there.",
  )
  const tokens = createCounter('aiproxy_tokens_total', 'Tokens, as reported or estimated.')
  const cost = createCounter(
    'aiproxy_cost_usd_total',
    'US dollars, where a price is known, at the prices of the moment.',
  )
  const duration = createHistogram(
    'gen_ai_server_request_duration_seconds',
    'From the arrival of a request to its end.',
    DURATION_BUCKETS,
  )
  const firstToken = createHistogram(
    'gen_ai_server_time_to_first_token_seconds',
    'From the arrival of a request to the first content of its stream.',
    FIRST_TOKEN_BUCKETS,
  )
  const usage = createHistogram(
    'gen_ai_client_token_usage',
    'Tokens of a request, input (cached ones included) and output.',
    TOKEN_BUCKETS,
  )
  const all = [requests, errors, failovers, skips, tokens, cost, duration, firstToken, usage]

  const user = (name = ''): string => (knows.user(name) ? name : '')
  const model = (name = ''): string => (knows.model(name) ? name : '')
  const provider = (name = ''): string => (knows.provider(name) ? name : '')

  /** The series that requests of one kind are counted in, found once. */
  function createKind(names: Names): Kind {
    const whose: Labels = [
      ['user', names.user ?? ''],
      ['model', names.model ?? ''],
      ['served_model', names.served_model ?? ''],
      ['provider', names.provider ?? ''],
    ]
    const genAi: Labels = [
      ['gen_ai_operation_name', OPERATIONS[names.api]],
      ['gen_ai_provider_name', names.provider ?? ''],
      ['gen_ai_request_model', names.model ?? ''],
      ['gen_ai_response_model', names.served_model ?? ''],
    ]
    const { error, outcome, status } = names
    return {
      whose,
      genAi,
      requests: requests.at([...whose, ['outcome', outcome], ['status', String(status)]]),
      errors: error === undefined ? undefined : errors.at([['code', error]]),
      duration: duration.at([...genAi, ['error_type', error ?? '']]),
      cost: undefined,
      firstToken: undefined,
      inputSizes: undefined,
      outputSizes: undefined,
      input: undefined,
      output: undefined,
      cached: undefined,
      cacheWrite: undefined,
      reasoning: undefined,
    }
  }

  const kinds = createNameMemo<Kind>(REMEMBERED_KINDS)

  function kindOf(record: UsageRecord): Kind {
    const names = knownNames(record)
    let kind = kinds.recall(names)
    if (kind === undefined) {
      kind = createKind(names)
      kinds.keep(names, kind)
    }
    return kind
  }

  /** The names of a record, where all are of the config as they are. */
  function knownNames(record: UsageRecord): Names {
    const { user: asker, model: asked, served_model: served, provider: server } = record
    const allKnown =
      (asker === undefined || knows.user(asker)) &&
      (asked === undefined || knows.model(asked)) &&
      (served === undefined || knows.model(served)) &&
      (server === undefined || knows.provider(server))
    if (allKnown) return record
    const { api, status, outcome, error } = record
    return {
      user: user(asker),
      api,
      model: model(asked),
      served_model: model(served),
      provider: provider(server),
      status,
      outcome,
      ...(error !== undefined && { error }),
    }
  }

  function tokensOf({ whose }: Kind, type: string): CounterSeries {
    return tokens.at([...whose, ['type', type]])
  }

  function sizesOf({ genAi }: Kind, type: string): HistogramSeries {
    return usage.at([...genAi, ['gen_ai_token_type', type]])
  }

  function observeTokens(kind: Kind, record: UsageRecord): void {
    const { prompt_tokens: input, completion_tokens: output } = record
    if (input !== undefined) observeValue((kind.inputSizes ??= sizesOf(kind, 'input')), input)
    if (output !== undefined) observeValue((kind.outputSizes ??= sizesOf(kind, 'output')), output)
    if (isSome(input)) (kind.input ??= tokensOf(kind, 'input')).total += input
    if (isSome(output)) (kind.output ??= tokensOf(kind, 'output')).total += output
    const { cached_tokens: cached, cache_write_tokens: written, reasoning_tokens: thought } = record
    if (isSome(cached)) (kind.cached ??= tokensOf(kind, 'cached')).total += cached
    if (isSome(written)) (kind.cacheWrite ??= tokensOf(kind, 'cache_write')).total += written
    if (isSome(thought)) (kind.reasoning ??= tokensOf(kind, 'reasoning')).total += thought
  }

  const attemptSeries = new Map<string, CounterSeries>()

  /** What such attempts are counted in: labels are put together once, not for each. */
  function countAttempt(counter: Counter, attempt: AttemptRecord, why: Labels[number]): void {
    const [at, by] = [model(attempt.model), provider(attempt.provider)]
    // Names of the config hold no line feed.
    const key = `${at}\n${by}\n${why[0]}\n${why[1]}`
    let series = attemptSeries.get(key)
    if (series === undefined) {
      series = counter.at([['model', at], ['provider', by], why])
      attemptSeries.set(key, series)
    }
    series.total += 1
  }

  function observeAttempts(attempts: readonly AttemptRecord[]): void {
    for (let position = 0; position < attempts.length; position++) {
      const attempt = attempts[position]!
      const fault = attempt.class
      if (fault === undefined) continue
      if (fault === 'limit') countAttempt(skips, attempt, ['reason', 'limit'])
      else if (attempt.resting_s !== undefined) countAttempt(skips, attempt, ['reason', 'resting'])
      else if (position < attempts.length - 1) countAttempt(failovers, attempt, ['class', fault])
    }
  }

  return {
    observe(record) {
      const kind = kindOf(record)
      kind.requests.total += 1
      if (kind.errors !== undefined) kind.errors.total += 1
      const costUsd = costOf(record)
      if (isSome(costUsd)) (kind.cost ??= cost.at(kind.whose)).total += costUsd
      observeValue(kind.duration, record.ms / 1000)
      if (record.ttft_ms !== undefined) {
        observeValue((kind.firstToken ??= firstToken.at(kind.genAi)), record.ttft_ms / 1000)
      }
      observeTokens(kind, record)
      if (record.attempts !== undefined) observeAttempts(record.attempts)
    },

    render({ inFlight, logAvailable, targets }) {
      const lines = all.flatMap((metric) => metric.render())
      lines.push(
        ...gauge('aiproxy_requests_in_flight', 'Requests between arrival and log line.', [
          [[], inFlight],
        ]),
        ...gauge('aiproxy_usage_log_available', '1 while the usage log can be written.', [
          [[], logAvailable ? 1 : 0],
        ]),
        ...gauge(
          'aiproxy_target_resting',
          '1 while a target is passed over after failures.',
          targets.map((target): [Labels, number] => [
            [
              ['model', target.model],
              ['provider', target.provider],
            ],
            target.resting ? 1 : 0,
          ]),
        ),
      )
      return `${lines.join('\n')}\n`
    },
  }
}

/** `gen_ai.operation.name`; counting tokens has none of its own there. */
const OPERATIONS: Readonly<Record<UsageRecord['api'], string>> = {
  chat: 'chat',
  messages: 'chat',
  responses: 'chat',
  embeddings: 'embeddings',
  count_tokens: 'count_tokens',
}

/** What requests that agree in all their labels are counted in. What is not there begins when it is needed. */
interface Kind {
  readonly whose: Labels
  readonly genAi: Labels
  readonly requests: CounterSeries
  readonly errors: CounterSeries | undefined
  readonly duration: HistogramSeries
  cost: CounterSeries | undefined
  firstToken: HistogramSeries | undefined
  inputSizes: HistogramSeries | undefined
  outputSizes: HistogramSeries | undefined
  input: CounterSeries | undefined
  output: CounterSeries | undefined
  cached: CounterSeries | undefined
  cacheWrite: CounterSeries | undefined
  reasoning: CounterSeries | undefined
}

/** A sum that does not grow needs no series. */
function isSome(amount: number | undefined): amount is number {
  return amount !== undefined && amount > 0
}

interface CounterSeries {
  total: number
}

interface Counter {
  /** The series with these labels, at zero where there was none. */
  at(labels: Labels): CounterSeries
  render(): string[]
}

function createCounter(name: string, help: string): Counter {
  const series = new Map<string, CounterSeries>()
  return {
    at(labels) {
      const key = renderLabels(labels)
      let one = series.get(key)
      if (one === undefined) {
        one = { total: 0 }
        series.set(key, one)
      }
      return one
    },
    render() {
      return [
        ...head(name, help, 'counter'),
        ...Array.from(series, ([labels, { total }]) => `${name}${labels} ${renderNumber(total)}`),
      ]
    },
  }
}

interface Histogram {
  /** The series with these labels, empty where there was none. */
  at(labels: Labels): HistogramSeries
  render(): string[]
}

interface HistogramSeries {
  readonly labels: Labels
  readonly bounds: readonly number[]
  /** One count for each bound, each value in the first bucket that holds it. */
  readonly counts: number[]
  sum: number
  count: number
}

function observeValue(series: HistogramSeries, value: number): void {
  const { bounds, counts } = series
  let bucket = 0
  while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1
  if (bucket < bounds.length) counts[bucket]! += 1
  series.sum += value
  series.count += 1
}

function createHistogram(name: string, help: string, bounds: readonly number[]): Histogram {
  const series = new Map<string, HistogramSeries>()
  return {
    at(labels) {
      const key = renderLabels(labels)
      let one = series.get(key)
      if (one === undefined) {
        one = { labels, bounds, counts: bounds.map(() => 0), sum: 0, count: 0 }
        series.set(key, one)
      }
      return one
    },
    render() {
      const lines = head(name, help, 'histogram')
      for (const [key, { labels, counts, sum, count }] of series) {
        let below = 0
        for (const [bucket, bound] of bounds.entries()) {
          below += counts[bucket] ?? 0
          const within = renderLabels([...labels, ['le', renderNumber(bound)]])
          lines.push(`${name}_bucket${within} ${below}`)
        }
        lines.push(
          `${name}_bucket${renderLabels([...labels, ['le', '+Inf']])} ${count}`,
          `${name}_sum${key} ${renderNumber(sum)}`,
          `${name}_count${key} ${count}`,
        )
      }
      return lines
    },
  }
}

function gauge(
  name: string,
  help: string,
  values: ReadonlyArray<readonly [Labels, number]>,
): string[] {
  return [
    ...head(name, help, 'gauge'),
    ...values.map(([labels, value]) => `${name}${renderLabels(labels)} ${renderNumber(value)}`),
  ]
}

function head(name: string, help: string, type: 'counter' | 'gauge' | 'histogram'): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

/** `{a="b"}`; an empty label is the same as none, and left out. */
function renderLabels(labels: Labels): string {
  const said = labels.filter(([, value]) => value !== '')
  if (said.length === 0) return ''
  return `{${said.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Sums of money gather binary dust: twelve digits are more than anybody pays. */
function renderNumber(value: number): string {
  return String(Number(value.toPrecision(12)))
}
