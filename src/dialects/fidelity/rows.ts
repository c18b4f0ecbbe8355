/** What a row of the fidelity ledger (../fidelity.ts) is, and short ways to write one. */
import { isJsonObject, readArray, readObject } from '../../wire/json.ts'
import type { DialectName } from '../dialect.ts'
import type { JsonValue } from '../neutral.ts'

/**
 * map: same meaning on the other side. adapt: carried over with a change, or left out by a look at the
 * model or the value; announced by the translator. note: left out and announced. refuse: leaving it out
 * would break a promise. pass: the target's own field in a foreign request, forwarded.
 */
export type Verdict = 'map' | 'adapt' | 'note' | 'refuse' | 'pass'

/** Values that ask for nothing, and are left out without a word; `words` for the documentation. */
export interface Silent {
  readonly words: string
  is(value: JsonValue): boolean
}

export interface FidelityRow {
  /** `messages[].content[].input_audio`; `[]` stands for every item. */
  readonly path: string
  readonly verdict: Verdict
  /** Where it goes, or why it does not. */
  readonly reason: string
  readonly silent?: Silent
  /** Leaving it out changes nothing about the answer: a strict model lets it pass, announced. */
  readonly hint?: true
}

/** What becomes of every field of one caller's dialect at one target's. */
export interface FidelityTable {
  readonly from: DialectName
  readonly to: DialectName
  readonly rows: readonly FidelityRow[]
}

export const FALSE: Silent = { words: '`false`', is: (value) => value === false }
export const ZERO: Silent = { words: '`0`', is: (value) => value === 0 }
export const ALWAYS: Silent = { words: 'always', is: () => true }
export const EMPTY: Silent = {
  words: 'empty',
  is: (value) =>
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isJsonObject(value) && Object.keys(value).length === 0),
}
export const ONLY_USER_ID: Silent = {
  words: 'empty, or only `user_id`',
  is: (value) => Object.keys(readObject(value) ?? {}).every((key) => key === 'user_id'),
}
export const NO_AUDIO: Silent = {
  words: 'without `audio`',
  is: (value) => !readArray(value).includes('audio'),
}

/** Nothing is asked by this one value: it is the default. */
export function equals(expected: JsonValue): Silent {
  return { words: `\`${JSON.stringify(expected)}\``, is: (value) => value === expected }
}

export function map(path: string, reason: string): FidelityRow {
  return { path, verdict: 'map', reason }
}

export function adapt(path: string, reason: string): FidelityRow {
  return { path, verdict: 'adapt', reason }
}

export function pass(path: string, reason: string): FidelityRow {
  return { path, verdict: 'pass', reason }
}

export function note(path: string, reason: string, silent?: Silent): FidelityRow {
  return { path, verdict: 'note', reason, ...(silent && { silent }) }
}

/** Like `note`, for what could only have made the answer cheaper or faster. */
export function hint(path: string, reason: string, silent?: Silent): FidelityRow {
  return { ...note(path, reason, silent), hint: true }
}

export function refuse(path: string, reason: string, silent?: Silent): FidelityRow {
  return { path, verdict: 'refuse', reason, ...(silent && { silent }) }
}
