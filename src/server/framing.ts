/**
 * Where one request ends and the next begins, beyond what Node's parser checks (RFC 9112 §6, §7;
 * reliability.md §0.2, §2C). Two programs that disagree about that can be made to see different requests.
 */
import type { IncomingMessage } from 'node:http'
import { ProxyError } from '../errors/proxy-error.ts'
import type { RequestHeaders } from './headers.ts'

/**
 * Throws `headers_too_large` for more than `maxHeaders` lines, `request_malformed` for another HTTP
 * version than 1.0 and 1.1, a target that is no path, or chunks in HTTP/1.0, and
 * `transfer_encoding_unsupported` for any other transfer coding than exactly `chunked`.
 */
export function checkFraming(
  request: Pick<IncomingMessage, 'httpVersion' | 'url' | 'rawHeaders'>,
  headers: RequestHeaders,
  maxHeaders: number,
): void {
  if (request.rawHeaders.length / 2 > maxHeaders) {
    throw new ProxyError('headers_too_large', `The request has more than ${maxHeaders} headers.`)
  }
  const version = request.httpVersion
  if (version !== '1.1' && version !== '1.0') {
    throw new ProxyError('request_malformed', 'Only HTTP/1.1 and HTTP/1.0 are spoken here.')
  }
  // Absolute-form names a host of its own, beside the Host header: one of the two would go unchecked.
  if (request.url === undefined || !request.url.startsWith('/')) {
    throw new ProxyError('request_malformed', 'The request target must be a path.')
  }
  const coding = headers['transfer-encoding']
  if (coding === undefined) return
  if (headers['content-length'] !== undefined) {
    throw new ProxyError('request_malformed', 'The request has two lengths.')
  }
  if (version === '1.0') {
    throw new ProxyError('request_malformed', 'HTTP/1.0 knows no Transfer-Encoding.')
  }
  if (coding.trim().toLowerCase() !== 'chunked') {
    throw new ProxyError(
      'transfer_encoding_unsupported',
      'The only transfer coding understood here is chunked.',
    )
  }
}

/** Throws `expectation_failed` for any expectation but `100-continue` (RFC 9110 §10.1.1). */
export function checkExpectation(headers: RequestHeaders): void {
  const expected = headers['expect']
  if (expected !== undefined && expected.trim().toLowerCase() !== '100-continue') {
    throw new ProxyError('expectation_failed', 'The only expectation met here is 100-continue.')
  }
}

/** Bytes of body that the head announces; infinite where it is chunked. */
export function announcedBytes(headers: RequestHeaders): number {
  if (headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY
  return Number(headers['content-length'] ?? 0)
}
