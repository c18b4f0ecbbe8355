/** The form of the grid's table: a case, the cells it has, and what must be true in each. */
import assert from 'node:assert/strict'
import { dig } from '../json.ts'
import { readNotes } from '../calls.ts'
import type { Arrived } from './arrived.ts'
import type { Ask, Heard } from './callers.ts'
import type { Flavour } from './grid-stage.ts'
import { API_NAMES, USAGE, endOf } from './said.ts'
import type { ApiName, End, Said, SaidUsage } from './said.ts'

export interface Cell {
  readonly caller: ApiName
  readonly target: ApiName
  readonly stream: boolean
}

export interface Case {
  readonly name: string
  /** Default `plain`. */
  readonly flavour?: Flavour
  readonly ask: Ask
  readonly says: Said
  /** Why a pair has no such cell; `undefined` where it has. */
  readonly none?: (caller: ApiName, target: ApiName) => string | undefined
  /** What must arrive at the provider, beyond what every case must. */
  readonly arrives?: (cell: Cell) => Partial<Arrived>
  /** What the caller must hear where it differs from what was said. */
  readonly hears?: (cell: Cell) => Partial<Hearing>
  /** Words with which a true provider turns this down: the caller's own mistake, relayed. */
  readonly refused?: (cell: Cell) => RegExp | undefined
  /** The whole of `x-aiproxy-notes`; default nothing. */
  readonly notes?: (cell: Cell) => readonly string[]
}

/** The part of {@link Heard} that follows from what was said. */
export interface Hearing {
  readonly text: string
  readonly thinking: string
  readonly refusal: string
  readonly calls: Heard['calls']
  readonly finish: string
  readonly parsed: unknown
}

/** Every cell there could be, in order. */
export const CELLS: readonly Cell[] = API_NAMES.flatMap((caller) =>
  API_NAMES.flatMap((target) => [false, true].map((stream) => ({ caller, target, stream }))),
)

export function nameOf({ caller, target, stream }: Cell): string {
  return `${caller} → ${target}, ${stream ? 'streamed' : 'unary'}`
}

/** How each caller words the end of a turn. */
const FINISH: Readonly<Record<ApiName, Readonly<Record<End, string>>>> = {
  chat: {
    stop: 'stop',
    'stop-sequence': 'stop',
    length: 'length',
    tools: 'tool_calls',
    refusal: 'content_filter',
  },
  messages: {
    stop: 'end_turn',
    'stop-sequence': 'stop_sequence',
    length: 'max_tokens',
    tools: 'tool_use',
    refusal: 'refusal',
  },
  responses: {
    stop: 'completed',
    'stop-sequence': 'completed',
    length: 'incomplete: max_output_tokens',
    tools: 'completed',
    refusal: 'completed',
  },
}

/** Asserts that the caller heard what was said, in its own words. */
export function assertHeard(
  heard: Heard,
  said: Said,
  cell: Cell,
  differs: Partial<Hearing> = {},
): void {
  const { text, thinking, refusal, calls, finish, parsed } = heard
  const expected: Hearing = {
    text: said.text ?? '',
    thinking: said.thinking ?? '',
    refusal: said.refusal ?? '',
    calls: said.calls ?? [],
    finish: FINISH[cell.caller][endOf(said)],
    parsed,
    ...differs,
  }
  assert.deepEqual({ text, thinking, refusal, calls, finish, parsed }, expected)
  assertUsage(cell.caller, heard.usage, said.usage ?? USAGE)
}

/** Asserts the caller's own usage fields. */
export function assertUsage(caller: ApiName, usage: unknown, counts: SaidUsage): void {
  const { prompt, cached, written, completion, reasoning } = counts
  const read = (...paths: readonly string[]): unknown[] =>
    paths.map((path) => dig(usage, ...path.split('.')))
  switch (caller) {
    case 'chat':
      assert.deepEqual(
        read(
          'prompt_tokens',
          'completion_tokens',
          'total_tokens',
          'prompt_tokens_details.cached_tokens',
          'prompt_tokens_details.cache_write_tokens',
          'completion_tokens_details.reasoning_tokens',
        ),
        [prompt, completion, prompt + completion, cached, written, reasoning],
      )
      return
    case 'messages':
      assert.deepEqual(
        read(
          'input_tokens',
          'output_tokens',
          'cache_read_input_tokens',
          'cache_creation_input_tokens',
          'output_tokens_details.thinking_tokens',
        ),
        [prompt - cached - written, completion, cached, written, reasoning],
      )
      return
    case 'responses':
      assert.deepEqual(
        read(
          'input_tokens',
          'output_tokens',
          'total_tokens',
          'input_tokens_details.cached_tokens',
          'input_tokens_details.cache_write_tokens',
          'output_tokens_details.reasoning_tokens',
        ),
        [prompt, completion, prompt + completion, cached, written, reasoning],
      )
  }
}

/** Asserts the members that are named; the rest of what arrived is another case's business. */
export function assertArrived(arrived: Arrived, expected: Partial<Arrived>): void {
  const named = Object.fromEntries(
    Object.keys(expected).map((member) => [member, dig(arrived, member)]),
  )
  assert.deepEqual(named, expected)
}

/** The notes of a reply, as `field;what`. */
export function notesOf(headers: Headers): string[] {
  const value = headers.get('x-aiproxy-notes')
  return value === null ? [] : readNotes({ 'x-aiproxy-notes': value })
}
