/**
 * Server-sent events, read and written. Reading follows the WHATWG rules
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation):
 * lines end in LF, CRLF or CR, a BOM is skipped, comments are ignored, several `data:` lines are joined.
 * One difference, as the OpenAI SDK has it: a last event without its blank line is delivered at the end.
 */

/** One dispatched event. */
export interface SseEvent {
  /** The `event:` field, or '' where there was none. */
  readonly event: string
  /** The `data:` lines joined by LF. */
  readonly data: string
  /** The exact bytes of the event, its blank line included, for relaying. */
  readonly raw: Uint8Array
}
