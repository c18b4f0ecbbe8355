/** One request at the door, from its head to the end of its reply. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProxyError } from '../errors/proxy-error.ts'

export interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** The caller holds its body back until it reads `100 Continue`, which it has not been sent. */
  awaitsContinue: boolean
  /** The connection cannot be read on: whatever is said now is the last thing said on it. */
  problem: ProxyError | undefined
  /** Ends the reading of the body; set while it is read. */
  failBody: ((reason: ProxyError) => void) | undefined
  /** Bytes read from the connection when an unread body began to be thrown away; `undefined` before. */
  lingersFromBytes: number | undefined
  /** Called when the caller left before the end of its reply. */
  onGone: (() => void) | undefined
  /** Bytes of body in memory for this request. */
  heldBytes: number
}

/** A visit that begins now. */
export function createVisit(
  request: IncomingMessage,
  response: ServerResponse,
  awaitsContinue: boolean,
): Visit {
  return {
    request,
    response,
    awaitsContinue,
    problem: undefined,
    failBody: undefined,
    lingersFromBytes: undefined,
    onGone: undefined,
    heldBytes: 0,
  }
}
