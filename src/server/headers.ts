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

/**
 * An object with no prototype but an empty one. Unlike those of `Object.create(null)`, which V8 keeps as hash
 * tables, objects of one client's headers share a shape, and are read and walked several times as fast.
 */
class Headers {
  readonly [name: string]: string
}
Object.setPrototypeOf(Headers.prototype, null)
Reflect.deleteProperty(Headers.prototype, 'constructor')

/** Lower-case names from Node's raw name-value list. Throws `request_malformed` for a repeated header that decides something. */
export function readHeaders(raw: readonly string[]): RequestHeaders {
  const headers: Record<string, string> = new Headers()
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
