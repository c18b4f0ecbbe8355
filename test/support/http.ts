/**
 * A plain HTTP client for the tests, on node:http and a connection of its own per request: it sends
 * exactly the headers it is given (a foreign Host included), and shows exactly what came back.
 */
import { request as startRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { parseJson } from './json.ts'
import { nothing, within } from './owner.ts'
import { readFrame, readFrames } from './sse.ts'
import type { Frame } from './sse.ts'

export interface Outgoing {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Strings and bytes go out as they are; anything else as JSON. */
  readonly body?: unknown
}

export interface Reply {
  readonly status: number
  /** Lower-case names; repeated ones joined by ', '. */
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  readonly text: string
  json(): unknown
  /** The body as SSE events; throws where it is not well-formed. */
  frames(): Frame[]
  /** False where the connection was cut before the body's end. */
  readonly complete: boolean
}

/** One request, its whole reply. Rejects where no reply came. */
export async function send(url: string, outgoing: Outgoing = {}): Promise<Reply> {
  const open = await openReply(url, outgoing)
  return open.rest()
}

export interface OpenReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The next SSE event, or `undefined` after the last one; waits for it. */
  next(): Promise<Frame | undefined>
  /** Reads on to the end; the body is everything since the head. */
  rest(): Promise<Reply>
  /** Hangs up at once. */
  leave(): void
}

/** One request; resolves at the reply's head, and the body is read as it comes. */
export async function openReply(url: string, outgoing: Outgoing = {}): Promise<OpenReply> {
  const { request, response } = start(url, outgoing)
  const message = await within(response, `the head of the reply from ${url}`)
  const headers = joinHeaders(message)
  const chunks: Buffer[] = []
  // Text of frames not yet handed out, and how many bytes of chunks it has taken in.
  let pending = ''
  const decoder = new TextDecoder()
  let ended = false
  let wake = nothing
  const finished = new Promise<void>((resolve) => {
    const settle = (): void => {
      ended = true
      wake()
      resolve()
    }
    message.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      pending += decoder.decode(chunk, { stream: true })
      wake()
    })
    message.on('end', settle)
    message.on('close', settle)
    // A cut connection: told apart by message.complete.
    message.on('error', settle)
  })

  const next = async (): Promise<Frame | undefined> => {
    for (;;) {
      const end = pending.indexOf('\n\n')
      if (end >= 0) {
        const [frame] = readFrame(pending.slice(0, end))
        pending = pending.slice(end + 2)
        if (frame !== undefined) return frame
        continue
      }
      if (ended) return undefined
      const more = new Promise<void>((resolve) => {
        wake = resolve
      })
      await within(more, `the next event from ${url}`)
    }
  }

  const rest = async (): Promise<Reply> => {
    await within(finished, `the end of the reply from ${url}`)
    const bytes = Buffer.concat(chunks)
    const text = bytes.toString('utf8')
    return {
      status: message.statusCode ?? 0,
      headers,
      bytes,
      text,
      json: () => parseJson(text),
      frames: () => readFrames(text),
      complete: message.complete,
    }
  }

  return {
    status: message.statusCode ?? 0,
    headers,
    next,
    rest,
    leave: () => {
      request.destroy()
    },
  }
}

/** A request whose reply may never come: what a client does that hangs up while it waits. */
export function startAndLeave(url: string, outgoing: Outgoing = {}): { leave(): void } {
  const { request, response } = start(url, outgoing)
  response.catch(() => {})
  return {
    leave: () => {
      request.destroy()
    },
  }
}

function start(
  url: string,
  outgoing: Outgoing,
): { request: ClientRequest; response: Promise<IncomingMessage> } {
  const body = encodeBody(outgoing.body)
  const request = startRequest(url, {
    method: outgoing.method ?? (body === undefined ? 'GET' : 'POST'),
    agent: false,
    headers: {
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(body.length) }),
      ...outgoing.headers,
    },
  })
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
  })
  request.end(body)
  return { request, response }
}

function encodeBody(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined
  if (body instanceof Uint8Array) return Buffer.from(body)
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

function joinHeaders(message: IncomingMessage): Record<string, string> {
  const joined: Record<string, string> = {}
  for (let at = 0; at + 1 < message.rawHeaders.length; at += 2) {
    const name = (message.rawHeaders[at] ?? '').toLowerCase()
    const value = message.rawHeaders[at + 1] ?? ''
    joined[name] = joined[name] === undefined ? value : `${joined[name]}, ${value}`
  }
  return joined
}
