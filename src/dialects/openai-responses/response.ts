/**
 * The Response object: what stands around the output, and how an answer's end is told (wire-formats F.4).
 * Reference: https://platform.openai.com/docs/api-reference/responses/object
 */
import { readArray } from '../../wire/json.ts'
import type { ReplyContext } from '../dialect.ts'
import type { Finish, JsonObject } from '../neutral.ts'
import { SEALED_REASONING } from '../fidelity/responses-left-out.ts'
import { responseId } from './ids.ts'
import type { IncompleteReason, OutputItem, ResponseStatus, ResponseUsage } from './wire.ts'

/** What a model's refusal says when its provider gave no words. */
export const REFUSED = 'The model declined to answer.'

/** Request fields that every Response object has, with what stands there when the caller did not say. */
const ALWAYS_ECHOED: ReadonlySet<string> = new Set([
  'instructions',
  'metadata',
  'parallel_tool_calls',
  'temperature',
  'tool_choice',
  'tools',
  'top_p',
])

/** Request fields that are repeated only where the caller said them. */
const ECHOED_WHERE_SAID: readonly string[] = [
  'max_output_tokens',
  'max_tool_calls',
  'prompt_cache_key',
  'reasoning',
  'safety_identifier',
  'text',
  'truncation',
  'user',
]

/** What decoding a request must keep for its reply; `include` decides what reasoning items carry. */
export const ECHOED: ReadonlySet<string> = new Set([
  ...ALWAYS_ECHOED,
  ...ECHOED_WHERE_SAID,
  'include',
])

export interface Envelope {
  readonly id: string
  readonly createdAt: number
  readonly model: string
  readonly echo: JsonObject
}

/** What is the same in every Response object of one reply. */
export function envelopeOf(
  told: { readonly id: string; readonly created: number | undefined; readonly model: string },
  context: ReplyContext,
): Envelope {
  return {
    id: responseId(told.id, context.requestId),
    createdAt: told.created ?? context.nowSeconds,
    model: told.model,
    echo: context.request?.echo ?? {},
  }
}

export interface ResponseState {
  readonly status: ResponseStatus
  readonly error?: { readonly code: string; readonly message: string } | undefined
  readonly incomplete?: IncompleteReason | undefined
  readonly output: readonly OutputItem[]
  readonly usage?: ResponseUsage | null | undefined
  readonly serviceTier?: string | undefined
}

/** The whole object, at any moment of its life. */
export function encodeResponse(envelope: Envelope, state: ResponseState): JsonObject {
  const { echo } = envelope
  const response: JsonObject = {
    id: envelope.id,
    object: 'response',
    created_at: envelope.createdAt,
    status: state.status,
    error: state.error === undefined ? null : { ...state.error },
    incomplete_details: state.incomplete === undefined ? null : { reason: state.incomplete },
    instructions: echo['instructions'] ?? null,
    metadata: echo['metadata'] ?? {},
    model: envelope.model,
    output: [...state.output],
    parallel_tool_calls: echo['parallel_tool_calls'] ?? true,
    temperature: echo['temperature'] ?? null,
    tool_choice: echo['tool_choice'] ?? 'auto',
    tools: echo['tools'] ?? [],
    top_p: echo['top_p'] ?? null,
    usage: state.usage ?? null,
  }
  for (const field of ECHOED_WHERE_SAID) {
    const said = echo[field]
    if (said !== undefined && said !== null) response[field] = said
  }
  if (state.serviceTier !== undefined) response['service_tier'] = state.serviceTier
  return response
}

/** The caller asked for reasoning in a form that it can send back. */
export function wantsSealedReasoning(echo: JsonObject): boolean {
  return readArray(echo['include']).includes(SEALED_REASONING)
}

export interface Ending {
  readonly status: 'completed' | 'incomplete'
  readonly incomplete: IncompleteReason | undefined
  /** Text of the refusal part that must still be written; '' for none. */
  readonly refusal: string
}

/**
 * How the answer ends. `said`: something the caller can use was written before; `refused`: a refusal was.
 */
export function endingOf(finish: Finish, said: boolean, refused: boolean): Ending {
  switch (finish.reason) {
    case 'length':
    case 'context-window':
      return { status: 'incomplete', incomplete: 'max_output_tokens', refusal: '' }
    case 'content-filter':
      return { status: 'incomplete', incomplete: 'content_filter', refusal: '' }
    case 'refusal':
      if (refused) return { status: 'completed', incomplete: undefined, refusal: '' }
      // An answer that was cut short must not look whole; its reason, where told, follows it.
      return said
        ? { status: 'incomplete', incomplete: 'content_filter', refusal: finish.explanation ?? '' }
        : {
            status: 'completed',
            incomplete: undefined,
            refusal: finish.explanation ?? REFUSED,
          }
    case 'stop':
    case 'stop-sequence':
    case 'tool-calls':
    case 'pause':
    case 'other':
      return { status: 'completed', incomplete: undefined, refusal: '' }
    default:
      return finish.reason satisfies never
  }
}
