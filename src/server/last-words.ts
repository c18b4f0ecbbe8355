/**
 * What is said on a connection whose bytes never became a request: too slow, too long, or no HTTP. There
 * is no response object then, so the reply is written as text (RFC 9112 §2.2, §4).
 */
import { STATUS_CODES } from 'node:http'
import { ProxyError } from '../errors/proxy-error.ts'
import { renderAnthropic, renderOpenAi } from '../errors/render.ts'

/** What a parse error or an expired timer of Node's means; `undefined` where the connection itself broke. */
export function explainParseError(
  error: Error & { readonly code?: string },
): ProxyError | undefined {
  const { code = '' } = error
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ProxyError('request_timeout', 'The request did not arrive in time.', {
      cause: error,
    })
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new ProxyError('headers_too_large', 'The request has too many bytes of headers.', {
      cause: error,
    })
  }
  if (code.startsWith('HPE_')) {
    return new ProxyError('request_malformed', 'The request is not well-formed HTTP.', {
      cause: error,
    })
  }
  return undefined
}

/** The whole reply as it goes on the wire. `packet` is what was being read: it may show whose client sent it. */
export function renderLastWords(error: ProxyError, id: string, packet: Buffer | undefined): string {
  const anthropic = packet !== undefined && isAnthropic(packet)
  const body = JSON.stringify(anthropic ? renderAnthropic(error, id) : renderOpenAi(error))
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'connection: close',
    `x-request-id: ${id}`,
    ...(anthropic ? [`request-id: ${id}`] : []),
    `x-aiproxy-error: ${error.source}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n')
}

// Enough for a request line and the headers an SDK puts first.
const TELLING_BYTES = 4_096

function isAnthropic(packet: Buffer): boolean {
  const text = packet.toString('latin1', 0, TELLING_BYTES)
  return /^[A-Z]+ (?:\/v1)?\/messages\b/.test(text) || /\nanthropic-version:/i.test(text)
}
