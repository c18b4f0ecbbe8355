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
  /** In the table: rules are looked at in its order. */
  readonly place: number
}

/** A table as it is reviewed: every request that crosses goes through it. */
interface Review {
  readonly from: DialectName
  readonly to: DialectName
  /**
   * The rules to look at, by the top-level field they begin with; none where the table only speaks of
   * it. A body has few of the fields there are.
   */
  readonly rules: ReadonlyMap<string, readonly Rule[]>
}

const REVIEWS: readonly Review[] = FIDELITY.map(({ from, to, rows }) => {
  const rules = new Map<string, Rule[]>()
  for (const [place, row] of rows.entries()) {
    const rule = ruleOf(row, place)
    const field = rule.steps[0]?.key ?? ''
    const looked = row.verdict === 'refuse' || row.verdict === 'note' ? [rule] : []
    rules.set(field, [...(rules.get(field) ?? []), ...looked])
  }
  return { from, to, rules }
})

function ruleOf(row: FidelityRow, place: number): Rule {
  const steps = row.path.split('.').map((step) => {
    const every = step.endsWith('[]')
    return { key: every ? step.slice(0, -2) : step, every }
  })
  return { row, steps, field: row.path.replaceAll('[]', ''), place }
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
  let rules: readonly Rule[] = NO_RULES
  let unknown: string[] | undefined
  for (const field of Object.keys(body)) {
    if (body[field] === null) continue
    const found = review.rules.get(field)
    if (found === undefined) (unknown ??= []).push(field)
    else if (rules.length === 0) rules = found
    else if (found.length > 0) rules = [...rules, ...found].toSorted(inTableOrder)
  }
  for (const rule of rules) {
    if (rule.row.verdict === 'refuse' && asks(body, rule, 0)) refuseRow(rule, body)
  }
  for (const rule of rules) {
    if (rule.row.verdict !== 'note' || !asks(body, rule, 0)) continue
    if (rule.row.hint === true) notes.announce(rule.field, 'dropped')
    else notes.add(rule.field, 'dropped')
  }
  if (unknown === undefined) return
  for (const field of unknown) notes.add(field, 'dropped')
}

const NO_RULES: readonly Rule[] = []

function inTableOrder(left: Rule, right: Rule): number {
  return left.place - right.place
}

/** The path, from `depth` on, leads to a value that asks for something. */
function asks(value: JsonValue, rule: Rule, depth: number): boolean {
  const step = rule.steps[depth]
  if (step === undefined) return rule.row.silent?.is(value) !== true
  const member = isJsonObject(value) ? value[step.key] : undefined
  if (member === undefined || member === null) return false
  if (!step.every) return asks(member, rule, depth + 1)
  if (!Array.isArray(member)) return false
  for (const item of member) if (item !== null && asks(item, rule, depth + 1)) return true
  return false
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
