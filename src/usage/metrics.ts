/**
 * Counters of this process, as Prometheus reads them (text exposition format 0.0.4,
 * https://prometheus.io/docs/instrumenting/exposition_formats/). Names and buckets follow the OpenTelemetry
 * conventions for generative AI where they have one, written the way Prometheus writes such names:
 * `gen_ai.server.request.duration` in `s` is `gen_ai_server_request_duration_seconds`.
 *
 * Label values come from the config alone. What a caller made up (an unknown model) is an empty label, so
 * nobody can grow the list, and a name that was guessed is not told apart from any other.
 */
import type { UsageRecord } from './record.ts'

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

  function observeTokens(record: UsageRecord, genAi: Labels, whose: Labels): void {
    const { prompt_tokens: input, completion_tokens: output } = record
    for (const [type, count] of [
      ['input', input],
      ['output', output],
    ] as const) {
      if (count !== undefined) usage.observe(count, [...genAi, ['gen_ai_token_type', type]])
    }
    for (const [type, count] of [
      ['input', input],
      ['output', output],
      ['cached', record.cached_tokens],
      ['cache_write', record.cache_write_tokens],
      ['reasoning', record.reasoning_tokens],
    ] as const) {
      if (count !== undefined && count > 0) tokens.add(count, [...whose, ['type', type]])
    }
  }

  function observeAttempts({ attempts = [] }: UsageRecord): void {
    for (const [position, attempt] of attempts.entries()) {
      const at: Labels = [
        ['model', model(attempt.model)],
        ['provider', provider(attempt.provider)],
      ]
      const fault = attempt.class
      if (fault === undefined) continue
      if (fault === 'limit') skips.add(1, [...at, ['reason', 'limit']])
      else if (attempt.resting_s !== undefined) skips.add(1, [...at, ['reason', 'resting']])
      else if (position < attempts.length - 1) failovers.add(1, [...at, ['class', fault]])
    }
  }

  return {
    observe(record) {
      const whose: Labels = [
        ['user', user(record.user)],
        ['model', model(record.model)],
        ['served_model', model(record.served_model)],
        ['provider', provider(record.provider)],
      ]
      const ending: Labels = [
        ['outcome', record.outcome],
        ['status', String(record.status)],
      ]
      requests.add(1, [...whose, ...ending])
      if (record.error !== undefined) errors.add(1, [['code', record.error]])
      const costUsd = costOf(record)
      if (costUsd !== undefined && costUsd > 0) cost.add(costUsd, whose)
      const genAi: Labels = [
        ['gen_ai_operation_name', OPERATIONS[record.api]],
        ['gen_ai_provider_name', provider(record.provider)],
        ['gen_ai_request_model', model(record.model)],
        ['gen_ai_response_model', model(record.served_model)],
      ]
      duration.observe(record.ms / 1000, [...genAi, ['error_type', record.error ?? '']])
      if (record.ttft_ms !== undefined) firstToken.observe(record.ttft_ms / 1000, genAi)
      observeTokens(record, genAi, whose)
      observeAttempts(record)
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

interface Counter {
  add(amount: number, labels: Labels): void
  render(): string[]
}

function createCounter(name: string, help: string): Counter {
  const series = new Map<string, number>()
  return {
    add(amount, labels) {
      const key = renderLabels(labels)
      series.set(key, (series.get(key) ?? 0) + amount)
    },
    render() {
      return [
        ...head(name, help, 'counter'),
        ...Array.from(series, ([labels, total]) => `${name}${labels} ${renderNumber(total)}`),
      ]
    },
  }
}

interface Histogram {
  observe(value: number, labels: Labels): void
  render(): string[]
}

interface HistogramSeries {
  readonly labels: Labels
  /** One count for each bound, each value in the first bucket that holds it. */
  readonly counts: number[]
  sum: number
  count: number
}

function createHistogram(name: string, help: string, bounds: readonly number[]): Histogram {
  const series = new Map<string, HistogramSeries>()
  return {
    observe(value, labels) {
      const key = renderLabels(labels)
      let one = series.get(key)
      if (one === undefined) {
        one = { labels, counts: bounds.map(() => 0), sum: 0, count: 0 }
        series.set(key, one)
      }
      const bucket = bounds.findIndex((bound) => value <= bound)
      if (bucket !== -1) one.counts[bucket]! += 1
      one.sum += value
      one.count += 1
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
