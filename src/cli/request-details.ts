/** What `serve -v` says under a request line: the whole id, what was cached, and every attempt. Pure. */
import type { AttemptRecord, UsageRecord } from '../usage/record.ts'
import { cleanForTerminal } from './clean.ts'
import { cutEnd } from './fit.ts'
import { renderCount, renderDuration } from './words.ts'

// Below the short id.
const INDENT = ' '.repeat(9)

/** Lines without colour, each at most `columns` wide. */
export function renderDetails(record: UsageRecord, columns: number): string[] {
  const { attempts = [] } = record
  const counts: ReadonlyArray<readonly [string, number | undefined]> = [
    ['cached', record.cached_tokens],
    ['cache write', record.cache_write_tokens],
    ['reasoning', record.reasoning_tokens],
  ]
  const facts = [
    record.id,
    `${record.api}${record.stream === true ? ' stream' : ''}`,
    ...counts.flatMap(([name, count]) =>
      count === undefined || count === 0 ? [] : [`${renderCount(count)} ${name}`],
    ),
    ...(record.error === undefined ? [] : [record.error]),
  ]
  const tried = attempts.some((attempt) => attempt.class !== undefined)
  return [facts.join(' · '), ...(tried ? attempts.map(renderAttempt) : [])].map((text) =>
    renderNote(text, columns),
  )
}

/** One more line that belongs to the request line above it. */
export function renderNote(text: string, columns: number): string {
  return cutEnd(INDENT + cleanForTerminal(text), columns)
}

function renderAttempt(attempt: AttemptRecord, index: number): string {
  const { model, provider, status, class: fault, resting_s: restingS, ms } = attempt
  return [
    `${index + 1}. ${model}`,
    provider,
    ...(status === undefined ? [] : [status]),
    ...(fault === undefined ? [] : [fault]),
    ...(restingS === undefined ? [renderDuration(ms)] : [`resting ${restingS}s`]),
    ...(attempt.maybe_billed === true ? ['may be billed'] : []),
  ].join(' ')
}
