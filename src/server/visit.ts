/** One request at the door, from its head to the end of its reply. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { RequestHeaders } from './headers.ts'
import type { Route, Shape } from './routes.ts'

export interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Monotonic milliseconds at which its turn came. */
  startedMs: number
  /** Of the request; goes on every reply to it. */
  id: string
  /** Empty where the head was refused before it was read. */
  headers: RequestHeaders
  /** What it asks for; `undefined` until that was read. */
  route: Route | undefined
  /** In which words the caller reads errors. */
  shape: Shape
  /** Of the page it comes from, where that is an allowed one. */
  origin: string | undefined
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

const NO_HEADERS: RequestHeaders = Object.freeze(Object.create(null))

/** A visit of which nothing is known yet. */
export function createVisit(
  request: IncomingMessage,
  response: ServerResponse,
  awaitsContinue: boolean,
): Visit {
  return {
    request,
    response,
    startedMs: 0,
    id: '',
    headers: NO_HEADERS,
    route: undefined,
    shape: 'openai',
    origin: undefined,
    awaitsContinue,
    problem: undefined,
    failBody: undefined,
    lingersFromBytes: undefined,
    onGone: undefined,
    heldBytes: 0,
  }
}
