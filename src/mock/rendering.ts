/** What every dialect hands to the server: one answer as a body, as frames, and an error in its own words. */
import type { Refused } from './refused.ts'

/** One event of a streamed reply, as text ready for the socket. */
export interface Frame {
  readonly text: string
  /** It carries something the model produced: text, reasoning or a tool call. */
  readonly isContent: boolean
}

export interface Rendering {
  /** The caller asked for a stream. */
  readonly isStream: boolean
  /** The unary reply. */
  body(): object
  /** The same reply as server-sent events. */
  frames(): readonly Frame[]
  /** The error as one event, after `framesBefore` of the frames. */
  errorFrame(refused: Refused, framesBefore: number): string
}

/** An event whose name stands in its data as well. */
export interface NamedEvent {
  readonly type: string
  readonly [field: string]: unknown
}

/** One server-sent event with a name, as Anthropic and the Responses API write it. */
export function namedEvent(event: NamedEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

/** One server-sent event without a name, as Chat Completions writes it. */
export function plainEvent(data: object | string): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
}
