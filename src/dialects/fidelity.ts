/**
 * THE ledger: what becomes of every field when it crosses from one dialect to another, one table per
 * pair (fidelity/). Refusals and announcements that need no look at the model are made from it here,
 * before decoding; the documentation is rendered from it. Where a value must be looked at together with
 * the model (sampling, effort, forced tools), the translators decide and announce: rows with `adapt`.
 */
import { isJsonObject, readArray, readObject } from '../wire/json.ts'
import type { DialectName, Notes } from './dialect.ts'
import { liftExtraBody } from './extra-body.ts'
import { CHAT_TO_MESSAGES } from './fidelity/chat-to-messages.ts'
import { CHAT_TO_RESPONSES } from './fidelity/chat-to-responses.ts'
import { MESSAGES_TO_CHAT } from './fidelity/messages-to-chat.ts'
import { MESSAGES_TO_RESPONSES } from './fidelity/messages-to-responses.ts'
import { RESPONSES_TO_CHAT } from './fidelity/responses-to-chat.ts'
import { RESPONSES_TO_MESSAGES } from './fidelity/responses-to-messages.ts'
import type { FidelityRow, FidelityTable } from './fidelity/rows.ts'
import { untranslatable } from './fields.ts'
import type { JsonObject, JsonValue } from './neutral.ts'

export const FIDELITY: readonly FidelityTable[] = [
  { from: 'openai-chat', to: 'anthropic', rows: CHAT_TO_MESSAGES },
  { from: 'openai-chat', to: 'openai-responses', rows: CHAT_TO_RESPONSES },
  { from: 'anthropic', to: 'openai-chat', rows: MESSAGES_TO_CHAT },
  { from: 'anthropic', to: 'openai-responses', rows: MESSAGES_TO_RESPONSES },
  { from: 'openai-responses', to: 'openai-chat', rows: RESPONSES_TO_CHAT },
  { from: 'openai-responses', to: 'anthropic', rows: RESPONSES_TO_MESSAGES },
]

/** One step of a row's path: a member, or every item of the array it holds. */
interface Step {
  readonly key: string
  readonly every: boolean
}

/** A row that is looked at before decoding, its path cut into steps. */
interface Rule {
  readonly row: FidelityRow
  readonly steps: readonly Step[]
  /** As the notes name it. */
  readonly field: string
}

/** A table in the order of its review: every request that crosses goes through it. */
interface Review {
  readonly from: DialectName
  readonly to: DialectName
  readonly refused: readonly Rule[]
  readonly noted: readonly Rule[]
  /** The top-level fields that it speaks of. */
  readonly known: ReadonlySet<string>
}

const REVIEWS: readonly Review[] = FIDELITY.map(({ from, to, rows }) => ({
  from,
  to,
  refused: rows.filter((row) => row.verdict === 'refuse').map(ruleOf),
  noted: rows.filter((row) => row.verdict === 'note').map(ruleOf),
  known: new Set(rows.map((row) => ruleOf(row).steps[0]?.key ?? '')),
}))

function ruleOf(row: FidelityRow): Rule {
  const steps = row.path.split('.').map((step) => {
    const every = step.endsWith('[]')
    return { key: every ? step.slice(0, -2) : step, every }
  })
  return { row, steps, field: row.path.replaceAll('[]', '') }
}

/**
 * Applies the table to a caller's body before it is decoded: throws ProxyError `untranslatable` for the
 * first field that is refused, adds a note for each one that is left out, unknown top-level fields
 * included. `null` counts as absent. Does nothing for a pair without a table.
 */
export function reviewFields(
  rawBody: JsonObject,
  from: DialectName,
  to: DialectName,
  notes: Notes,
): void {
  const review = REVIEWS.find((candidate) => candidate.from === from && candidate.to === to)
  if (review === undefined) return
  const body = liftExtraBody(rawBody)
  for (const rule of review.refused) {
    if (asks(body, rule, 0)) refuseRow(rule, body)
  }
  for (const rule of review.noted) {
    if (!asks(body, rule, 0)) continue
    if (rule.row.hint === true) notes.announce(rule.field, 'dropped')
    else notes.add(rule.field, 'dropped')
  }
  for (const field of Object.keys(body)) {
    if (body[field] !== null && !review.known.has(field)) notes.add(field, 'dropped')
  }
}

/** The path, from `depth` on, leads to a value that asks for something. */
function asks(value: JsonValue, rule: Rule, depth: number): boolean {
  const step = rule.steps[depth]
  if (step === undefined) return rule.row.silent?.is(value) !== true
  const member = isJsonObject(value) ? value[step.key] : undefined
  if (member === undefined || member === null) return false
  if (!step.every) return asks(member, rule, depth + 1)
  return (
    Array.isArray(member) && member.some((item) => item !== null && asks(item, rule, depth + 1))
  )
}

function refuseRow({ row, steps }: Rule, body: JsonObject): void {
  for (const { path, value } of findValues(body, steps)) {
    if (row.silent?.is(value) === true) continue
    throw untranslatable(
      path,
      `\`${path}\` cannot be translated for the model that answers: ${row.reason}.`,
    )
  }
}

interface Found {
  /** With the indices filled in. */
  readonly path: string
  readonly value: JsonValue
}

function findValues(body: JsonObject, steps: readonly Step[]): Found[] {
  let found: Found[] = [{ path: '', value: body }]
  for (const { key, every } of steps) {
    found = found.flatMap(({ path, value }) => {
      const member = readObject(value)?.[key]
      if (member === undefined || member === null) return []
      const at = path === '' ? key : `${path}.${key}`
      if (!every) return [{ path: at, value: member }]
      return readArray(member).map((item, index) => ({ path: `${at}[${index}]`, value: item }))
    })
  }
  return found.filter(({ value }) => value !== null)
}
