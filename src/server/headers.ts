/**
 * Request headers as plain data. Node joins or drops repeated headers, each in its own way; where a
 * repeated header could make us and somebody else disagree about a request, it is refused instead.
 */
import { ProxyError } from '../errors/proxy-error.ts'

export type RequestHeaders = Readonly<Record<string, string | undefined>>

const ONCE_ONLY = new Set([
  'host',
  'authorization',
  'x-user',
  'x-api-key',
  'content-type',
  'content-length',
  'transfer-encoding',
  'origin',
])

/** Lower-case names from Node's raw name-value list. Throws `request_malformed` for a repeated header that decides something. */
export function readHeaders(raw: readonly string[]): RequestHeaders {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const value = raw[i + 1] ?? ''
    const earlier = headers[name]
    if (earlier === undefined) headers[name] = value
    else if (ONCE_ONLY.has(name)) {
      throw new ProxyError('request_malformed', `The header ${name} was sent more than once.`)
    } else headers[name] = `${earlier}, ${value}`
  }
  return headers
}
