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

  function jsonOf(record: UsageRecord): NamesJson {
    const known = memo.recall(record)
    if (known !== undefined) return known
    const json = renderNames(record)
    if (json.names.length <= LONGEST_REMEMBERED_CHARS) memo.keep(record, json)
    return json
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
    const list = JSON.stringify(attempts)
    return ASCII.test(list) ? `${line},"attempts":${list}}` : undefined
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
