/**
 * One connection at a time: who is next on it, and what is said when its bytes are no HTTP.
 *
 * Node starts a handler for every request that is in a packet: 500 pipelined ones were 500 at once
 * (reliability.md §0.3). Here the next one starts when the reply before it has ended, so a connection is
 * one request's worth of work, however many stand in line.
 */
import type { Socket } from 'node:net'
import { ProxyError } from '../errors/proxy-error.ts'
import type { DoorLimits } from './limits.ts'
import { explainParseError, renderLastWords } from './last-words.ts'
import type { Visit } from './visit.ts'

// Requests past the last one that is answered at all: read, counted, dropped. Each costs some kilobytes
// until its connection ends, and twenty bytes to send.
const MOST_IGNORED = 1_000

/** The line of requests on one connection. */
interface Line {
  current: Visit | undefined
  /** The newest request: the only one whose body may still be on its way. */
  newest: Visit | undefined
  readonly waiting: Visit[]
  /** A request too many has come: it is told so in its turn, and nothing after it is looked at. */
  full: boolean
  ignored: number
  /** Why nothing more can be read from this connection. */
  problem: ProxyError | undefined
  /** Bytes read when the last words were said; `undefined` before. */
  lastWordsAtBytes: number | undefined
}

export interface Connections {
  /** A request's head has been read: it is answered when its turn comes. */
  enter(visit: Visit): void
  /** Node's parser or its timers gave up on this connection. */
  broken(error: Error & { readonly code?: string }, socket: Socket): void
}

export interface ConnectionsOptions {
  readonly limits: DoorLimits
  /** Answers one request; called for one at a time per connection. */
  readonly answer: (visit: Visit) => void
  /** A new id for a reply that belongs to no request. */
  readonly mintId: () => string
}

/** Keeps the line of every open connection. */
export function createConnections({ limits, answer, mintId }: ConnectionsOptions): Connections {
  const lines = new WeakMap<Socket, Line>()

  function lineOf(socket: Socket): Line {
    let line = lines.get(socket)
    if (line === undefined) {
      line = {
        current: undefined,
        newest: undefined,
        waiting: [],
        full: false,
        ignored: 0,
        problem: undefined,
        lastWordsAtBytes: undefined,
      }
      lines.set(socket, line)
    }
    return line
  }

  function start(visit: Visit, line: Line, socket: Socket): void {
    line.current = visit
    // Its body will not come to an end.
    if (line.problem !== undefined && !visit.request.complete) visit.problem ??= line.problem
    // The response's close, not the request's: that one fires as soon as the body was read.
    visit.response.on('close', () => {
      if (!visit.response.writableFinished) visit.onGone?.()
      next(line, socket)
    })
    answer(visit)
  }

  function next(line: Line, socket: Socket): void {
    line.current = undefined
    // Nobody would read the replies: then nothing may be spent on them either.
    if (socket.destroyed || socket.writableEnded) {
      line.waiting.length = 0
      return
    }
    const visit = line.waiting.shift()
    if (visit !== undefined) {
      // Set where the reply before was slow to be read.
      socket.setTimeout(0)
      start(visit, line, socket)
    } else if (line.problem !== undefined) sayLastWords(line, socket, line.problem, undefined)
  }

  /** A reply to what is no request, then the end. What still comes in is read for a while, lest a reset erase the reply. */
  function sayLastWords(
    line: Line,
    socket: Socket,
    problem: ProxyError,
    packet: Buffer | undefined,
  ): void {
    line.lastWordsAtBytes = socket.bytesRead
    const timer = setTimeout(() => {
      socket.destroy()
    }, limits.lingerMs)
    socket.on('close', () => {
      clearTimeout(timer)
    })
    socket.on('end', () => {
      socket.destroy()
    })
    socket.end(renderLastWords(problem, mintId(), packet))
    if (socket.readableEnded) socket.destroySoon()
  }

  return {
    enter(visit) {
      const { socket } = visit.request
      const line = lineOf(socket)
      // After a reply that ends the connection: nobody would read another one.
      if (line.lastWordsAtBytes !== undefined || !socket.writable) return
      line.newest = visit
      if (line.current === undefined) start(visit, line, socket)
      else if (line.full) {
        line.ignored += 1
        if (line.ignored > MOST_IGNORED) socket.destroy()
      } else {
        if (line.waiting.length >= limits.pipelined) {
          line.full = true
          visit.problem = new ProxyError(
            'overloaded',
            `More than ${limits.pipelined} requests are waiting on this connection.`,
            { retryAfterSeconds: 1 },
          )
        }
        line.waiting.push(visit)
      }
    },

    broken(error, socket) {
      const line = lineOf(socket)
      if (line.lastWordsAtBytes !== undefined) {
        // The parser complains about every further packet.
        if (socket.bytesRead - line.lastWordsAtBytes > limits.lingerBytes) socket.destroy()
        return
      }
      // Its last reply is on its way out, or the connection is gone already.
      if (!socket.writable) return
      const { current, newest } = line
      const problem = explainParseError(error)
      if (problem === undefined) socket.destroy()
      else if (current === undefined) {
        // A request that has had its reply must not get a second one, whatever becomes of its body.
        if (newest !== undefined && !newest.request.complete) socket.destroy()
        else sayLastWords(line, socket, problem, packetOf(error))
      } else if (current.request.complete || line.waiting.length > 0) {
        // Those before it were well-formed: they get their replies.
        line.problem ??= problem
      } else if (current.lingersFromBytes !== undefined) {
        // All of the reply is written; nothing more can come, or too much did.
        if (socket.readableEnded) socket.destroySoon()
        else if (socket.bytesRead - current.lingersFromBytes > limits.lingerBytes) socket.destroy()
      } else if (current.response.headersSent) socket.destroySoon()
      else {
        current.problem ??= problem
        current.failBody?.(problem)
      }
    },
  }
}

function packetOf(error: Error): Buffer | undefined {
  return 'rawPacket' in error && Buffer.isBuffer(error.rawPacket) ? error.rawPacket : undefined
}
