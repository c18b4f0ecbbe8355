/**
 * THE ledger: what becomes of every field when it crosses from one dialect to another, one table per
 * pair (fidelity/). Refusals and announcements that need no look at the model are made from it here,
 * before decoding; the documentation is rendered from it. Where a value must be looked at together with
 * the model (sampling, effort, forced tools), the translators decide and announce: rows with `adapt`.
 */
import { readArray, readObject } from '../wire/json.ts'
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

/** The top-level fields that a table speaks of. */
const KNOWN: ReadonlyMap<FidelityTable, ReadonlySet<string>> = new Map(
  FIDELITY.map((table) => [
    table,
    new Set(table.rows.map(({ path }) => path.split(/[.[]/)[0] ?? '')),
  ]),
)

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
  const table = FIDELITY.find((candidate) => candidate.from === from && candidate.to === to)
  if (table === undefined) return
  const body = liftExtraBody(rawBody)
  for (const row of table.rows) {
    if (row.verdict === 'refuse') refuseRow(row, body)
  }
  for (const row of table.rows) {
    if (row.verdict !== 'note') continue
    const said = findValues(body, row.path).some(({ value }) => row.silent?.is(value) !== true)
    if (!said) continue
    const field = row.path.replaceAll('[]', '')
    if (row.hint === true) notes.announce(field, 'dropped')
    else notes.add(field, 'dropped')
  }
  const known = KNOWN.get(table)
  for (const [field, value] of Object.entries(body)) {
    if (value !== null && known?.has(field) !== true) notes.add(field, 'dropped')
  }
}

function refuseRow(row: FidelityRow, body: JsonObject): void {
  for (const { path, value } of findValues(body, row.path)) {
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

function findValues(body: JsonObject, pattern: string): Found[] {
  let found: Found[] = [{ path: '', value: body }]
  for (const step of pattern.split('.')) {
    const every = step.endsWith('[]')
    const key = every ? step.slice(0, -2) : step
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
