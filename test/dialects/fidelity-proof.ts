/** What the proofs of the fidelity ledger are made of: for every row, requests that show it is true. */
import type { Dialect } from '../../src/dialects/dialect.ts'
import type { RuleOverrides } from '../../src/dialects/model-rules.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import type { ChatRequest, JsonObject, JsonValue } from '../../src/dialects/neutral.ts'
import { translateRequest } from '../../src/dialects/translate.ts'
import { readArray, readObject } from '../../src/wire/json.ts'

export interface Proof {
  /** The row's path. */
  readonly path: string
  /** What is said beyond the smallest request. */
  readonly say: JsonObject
  /** Where it arrives: dotted paths into the target's body (`header:` for a header), and the value there. */
  readonly to?: Readonly<Record<string, JsonValue>>
  /** What the caller's side of the translation keeps of it, for the reply. */
  readonly kept?: Partial<ChatRequest>
  /** The whole header; nothing is announced where it is left out. */
  readonly notes?: string
  /** It is refused, in strict mode or not. */
  readonly refused?: boolean
  /** The target's model, where it matters. */
  readonly model?: string
  readonly rules?: RuleOverrides
}

/** Short for the common form. */
export function arrives(
  path: string,
  say: JsonObject,
  to: Readonly<Record<string, JsonValue>>,
  more: Omit<Proof, 'path' | 'say' | 'to'> = {},
): Proof {
  return { path, say, to, ...more }
}

/** It is left out and nothing of it arrives. */
export function dropped(
  path: string,
  say: JsonObject,
  notes: string,
  more: Omit<Proof, 'path' | 'say' | 'notes'> = {},
): Proof {
  return { path, say, notes, ...more }
}

export function refused(path: string, say: JsonObject): Proof {
  return { path, say, refused: true }
}

export interface Crossing {
  readonly request: ChatRequest
  readonly body: JsonObject
  readonly headers: ReadonlyMap<string, string>
  readonly notes: string
}

/** One request across, as the exchange takes it there. */
export function cross(
  caller: Dialect,
  target: Dialect,
  body: JsonObject,
  setting: { readonly model: string; readonly rules?: RuleOverrides; readonly strict?: boolean },
): Crossing {
  const strict = setting.strict ?? false
  const notes = createNotes(strict)
  const { request, encoded } = translateRequest(
    caller,
    target,
    body,
    { model: setting.model, maxTokens: undefined, strict, rules: setting.rules },
    notes,
  )
  return {
    request,
    body: encoded.body,
    headers: new Map(encoded.headers),
    notes: renderNotes(notes),
  }
}

/** The value at a dotted path; numbers are indices, `-1` the last. */
export function valueAt(crossing: Crossing, path: string): JsonValue | undefined {
  if (path.startsWith('header:')) return crossing.headers.get(path.slice('header:'.length))
  let value: JsonValue | undefined = crossing.body
  for (const step of path.split('.')) {
    value = Array.isArray(value)
      ? readArray(value).at(Number(step))
      : readObject(value ?? null)?.[step]
  }
  return value
}
