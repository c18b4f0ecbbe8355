/**
 * The usual log line, written by hand: JSON.stringify asks every record anew what it is made of, and takes
 * several times as long. What is not surely the same text is left to JSON.stringify (`ledger.ts`).
 */
import { createNameMemo } from './name-memo.ts'
import type { Names } from './name-memo.ts'
import type { AttemptRecord, UsageRecord } from './record.ts'

/** JSON of a record's names, as it stands in its line. */
interface NamesJson {
  /** From `user` to `error`; '' where it is not ASCII. */
  readonly names: string
  /** The list of attempts where the first one answered, up to its `ms`. */
  readonly answered: string
}

/** Torn tails were measured with 8 KB lines and never with short ones (reliability §4.5). */
export const LONG_LINE_CHARS = 4096
// More combinations than a busy proxy has, less than a caller who makes up models could fill memory with.
const REMEMBERED = 1000
const LONGEST_REMEMBERED_CHARS = 1000

const ASCII = /^[ -~]*$/
/** ASCII that JSON writes as it is. */
const UNQUOTED = /^[ !#-[\]-~]*$/

/**
 * A renderer of lines without their line feed, for records with their fields in the order of the log. A
 * line is ASCII and what JSON.stringify would write; `undefined` where it might not be.
 */
export function createPlainLines(): (record: UsageRecord) => string | undefined {
  const memo = createNameMemo<NamesJson>(REMEMBERED)
  const quoted = new Map<string, string>()

  function jsonOf(record: UsageRecord): NamesJson {
    const known = memo.recall(record)
    if (known !== undefined) return known
    const json = renderNames(record)
    if (json.names.length <= LONGEST_REMEMBERED_CHARS) memo.keep(record, json)
    return json
  }

  /** JSON of a name; '' where it is not ASCII. */
  function quote(name: string): string {
    const known = quoted.get(name)
    if (known !== undefined) return known
    const json = JSON.stringify(name)
    const plain = ASCII.test(json) ? json : ''
    if (quoted.size >= REMEMBERED) quoted.clear()
    if (name.length <= LONGEST_REMEMBERED_CHARS) quoted.set(name, plain)
    return plain
  }

  /** One of a list of attempts; `undefined` where it is not ASCII, or strange. */
  function renderAttempt(attempt: AttemptRecord): string | undefined {
    const { status, class: fault, resting_s: restingS } = attempt
    // It neither answered nor failed.
    if (status === undefined && fault === undefined) return undefined
    const model = quote(attempt.model)
    const provider = quote(attempt.provider)
    const why = fault === undefined ? '' : quote(fault)
    if (model === '' || provider === '' || (fault !== undefined && why === '')) return undefined
    let json = `{"model":${model},"provider":${provider}`
    if (status !== undefined) json += `,"status":${figure(status)}`
    if (fault !== undefined) json += `,"class":${why}`
    if (restingS !== undefined) json += `,"resting_s":${figure(restingS)}`
    json += `,"ms":${figure(attempt.ms)}`
    // It is known last.
    return attempt.maybe_billed === undefined ? `${json}}` : `${json},"maybe_billed":true}`
  }

  function renderAttempts(attempts: readonly AttemptRecord[]): string | undefined {
    let list = ''
    for (let i = 0; i < attempts.length; i++) {
      const attempt = renderAttempt(attempts[i]!)
      if (attempt === undefined) return undefined
      list += i === 0 ? attempt : `,${attempt}`
    }
    return list
  }

  function render(record: UsageRecord): string | undefined {
    // Its counts come in another order: what was estimated is set after what was told.
    if (record.estimated !== undefined) return undefined
    const { ts, id, attempts } = record
    const { names, answered } = jsonOf(record)
    if (names === '' || !UNQUOTED.test(ts) || !UNQUOTED.test(id)) return undefined
    const line = `{"ts":"${ts}","id":"${id}",${names}${renderCounts(record)}`
    if (attempts === undefined) return `${line}}`
    const [first] = attempts
    if (first !== undefined && attempts.length === 1 && saysNoMore(first, record)) {
      return `${line}${answered}${figure(first.ms)}}]}`
    }
    const list = renderAttempts(attempts)
    return list === undefined ? undefined : `${line},"attempts":[${list}]}`
  }

  return (record) => {
    const line = render(record)
    // In an over-long one strings are cut.
    return line === undefined || line.length > LONG_LINE_CHARS ? undefined : line
  }
}

function renderCounts(record: UsageRecord): string {
  let counts = ''
  const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = record
  if (prompt !== undefined) counts += `,"prompt_tokens":${figure(prompt)}`
  if (completion !== undefined) counts += `,"completion_tokens":${figure(completion)}`
  if (total !== undefined) counts += `,"total_tokens":${figure(total)}`
  const { cached_tokens: cached, cache_write_tokens: written } = record
  if (cached !== undefined) counts += `,"cached_tokens":${figure(cached)}`
  if (written !== undefined) counts += `,"cache_write_tokens":${figure(written)}`
  const { cache_write_1h_tokens: forAnHour, reasoning_tokens: reasoning, ttft_ms: ttftMs } = record
  if (forAnHour !== undefined) counts += `,"cache_write_1h_tokens":${figure(forAnHour)}`
  if (reasoning !== undefined) counts += `,"reasoning_tokens":${figure(reasoning)}`
  if (record.mock !== undefined) counts += ',"mock":true'
  counts += `,"ms":${figure(record.ms)}`
  return ttftMs === undefined ? counts : `${counts},"ttft_ms":${figure(ttftMs)}`
}

function renderNames(record: Names): NamesJson {
  const { user, api, stream, model, served_model, provider, status, outcome, error } = record
  const names = { user, api, stream, model, served_model, provider, status, outcome, error }
  const json = JSON.stringify(names).slice(1, -1)
  const attempt = JSON.stringify({ model: served_model, provider, status }).slice(0, -1)
  return {
    names: ASCII.test(json) ? json : '',
    answered: `,"attempts":[${attempt},"ms":`,
  }
}

/** Whether an attempt is the one that answered, as the record has it. */
function saysNoMore(attempt: AttemptRecord, record: UsageRecord): boolean {
  return (
    attempt.status === record.status &&
    attempt.model === record.served_model &&
    attempt.provider === record.provider &&
    attempt.class === undefined &&
    attempt.resting_s === undefined &&
    attempt.maybe_billed === undefined
  )
}

/** A number as JSON has it. */
function figure(number: number): number | null {
  return Number.isFinite(number) ? number : null
}
