/** What reports and limits need of one line of the usage log, and how readers of the log are told of it. */

/** The part of a line that recurs: few combinations stand in many lines. */
export interface LoggedNames {
  readonly user: string | undefined
  readonly api: string | undefined
  readonly model: string | undefined
  readonly served_model: string | undefined
  readonly provider: string | undefined
  readonly outcome: string | undefined
  readonly estimated: boolean
  readonly mock: boolean
}

/** One line; `undefined` where it did not say. */
export interface LoggedUsage extends LoggedNames {
  /** Milliseconds since the epoch. */
  readonly ts_ms: number
  readonly prompt_tokens: number | undefined
  readonly completion_tokens: number | undefined
  readonly total_tokens: number | undefined
  readonly cached_tokens: number | undefined
  readonly cache_write_tokens: number | undefined
  /** The part of them that is kept for an hour. */
  readonly cache_write_1h_tokens: number | undefined
  readonly reasoning_tokens: number | undefined
  readonly ms: number | undefined
}

/** The numbers of one line, each at its place; `ABSENT` where the line did not say. */
export type Figures = Float64Array
export const TS_MS = 0
export const PROMPT = 1
export const COMPLETION = 2
export const TOTAL = 3
export const CACHED = 4
export const CACHE_WRITE = 5
export const CACHE_WRITE_HOUR = 6
export const REASONING = 7
export const MS = 8
export const FIGURES = 9
/** None of the figures can be below zero. */
export const ABSENT = -1

/**
 * Who is told of every record, in two steps, because a report over a gigabyte spends its time here:
 * what follows from the names is found out once, each record then adds its figures.
 */
export interface UsageSink<Place> {
  /** Where records with these names are counted. Asked again now and then. */
  placeOf(names: LoggedNames): Place
  /** One record. `figures` are the caller's, and others after the call. */
  count(place: Place, figures: Figures): void
}

/** A sink, or for who is in no such hurry a function that gets every record as a value of its own. */
export type UsageListener = UsageSink<unknown> | ((usage: LoggedUsage) => void)

/** The listener as a sink. */
export function sinkOf(listener: UsageListener): UsageSink<unknown> {
  return typeof listener === 'function' ? eachUsage(listener) : listener
}

function eachUsage(onUsage: (usage: LoggedUsage) => void): UsageSink<LoggedNames> {
  return {
    placeOf: (names) => names,
    count(names, figures) {
      onUsage({
        ts_ms: figures[TS_MS] ?? NaN,
        user: names.user,
        api: names.api,
        model: names.model,
        served_model: names.served_model,
        provider: names.provider,
        outcome: names.outcome,
        prompt_tokens: told(figures[PROMPT]),
        completion_tokens: told(figures[COMPLETION]),
        total_tokens: told(figures[TOTAL]),
        cached_tokens: told(figures[CACHED]),
        cache_write_tokens: told(figures[CACHE_WRITE]),
        cache_write_1h_tokens: told(figures[CACHE_WRITE_HOUR]),
        reasoning_tokens: told(figures[REASONING]),
        estimated: names.estimated,
        mock: names.mock,
        ms: told(figures[MS]),
      })
    },
  }
}

/** A record as figures of its own, for a sink. */
export function figuresOf(usage: LoggedUsage): Figures {
  const figures: Figures = new Float64Array(FIGURES)
  figures[TS_MS] = usage.ts_ms
  figures[PROMPT] = usage.prompt_tokens ?? ABSENT
  figures[COMPLETION] = usage.completion_tokens ?? ABSENT
  figures[TOTAL] = usage.total_tokens ?? ABSENT
  figures[CACHED] = usage.cached_tokens ?? ABSENT
  figures[CACHE_WRITE] = usage.cache_write_tokens ?? ABSENT
  figures[CACHE_WRITE_HOUR] = usage.cache_write_1h_tokens ?? ABSENT
  figures[REASONING] = usage.reasoning_tokens ?? ABSENT
  figures[MS] = usage.ms ?? ABSENT
  return figures
}

function told(figure: number | undefined): number | undefined {
  return figure === ABSENT ? undefined : figure
}
