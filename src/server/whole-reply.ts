/**
 * A reply in one piece: its head and body as one text, in one write. Node checks each header by two regular
 * expressions and writes what it makes of them as a list of pieces, which together is a sixth of what a
 * relayed answer costs. Only for the usual reply, a 200 to a caller of HTTP/1.1 whose connection stays open;
 * for any other, and wherever a value would break a head, Node's own way is taken and says what is wrong.
 */
import type { ServerResponse } from 'node:http'
import type { HeaderPairs } from './reply.ts'
import type { Visit } from './visit.ts'

/** Ends replies whole. */
export interface WholeReplies {
  /**
   * Ends the response with status 200, these headers and `body`, one character a byte, and says true; false
   * where it cannot be done so, and nothing has happened.
   */
  end(visit: Visit, common: HeaderPairs, headers: HeaderPairs, body: string): boolean
}

/** `idleMs`: how long a connection without a request is kept; told to the caller as Node does. */
export function createWholeReplies(idleMs: number): WholeReplies {
  const keepAlive = `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleMs / 1000)}\r\n\r\n`
  let date = ''
  let dateSeconds = -1

  function today(): string {
    const seconds = Math.floor(Date.now() / 1000)
    if (seconds !== dateSeconds) {
      date = new Date(seconds * 1000).toUTCString()
      dateSeconds = seconds
    }
    return date
  }

  return {
    end({ request, response }, common, headers, body) {
      if (response.headersSent || request.httpVersion !== '1.1' || request.method === 'HEAD') {
        return false
      }
      if (!response.shouldKeepAlive) return false
      if (common.some(isEnding) || headers.some(isEnding)) return false
      const head = `HTTP/1.1 200 OK\r\n${renderLines(common)}${renderLines(headers)}`
      const text = `${head}content-length: ${body.length}\r\nDate: ${today()}${keepAlive}${body}`
      // Every value was looked at where it came from; this is so that none can ever begin a header of its
      // own. The whole is flattened by it once, and not again when it is written.
      if (countLines(text, head.length) !== 1 + common.length + headers.length) return false
      endWith(response, text)
      return true
    },
  }
}

/** It says how the reply ends, which is said here. */
function isEnding([name]: HeaderPairs[number]): boolean {
  return name === 'connection' || name === 'content-length' || name === 'transfer-encoding'
}

function renderLines(pairs: HeaderPairs): string {
  let lines = ''
  for (const [name, value] of pairs) lines += `${name}: ${value}\r\n`
  return lines
}

/** Ends of lines before `end`. */
function countLines(text: string, end: number): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1 && at < end; at = text.indexOf('\n', at + 1))
    count += 1
  return count
}

/**
 * `_header` is the text that node:http holds as a response's head and writes with its end. It stands in no
 * documentation, but `headersSent` asks for it in every version of Node there is.
 */
function endWith(response: ServerResponse, text: string): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above
  const internals = response as unknown as { _header: string }
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  internals._header = text
  response.end()
}
