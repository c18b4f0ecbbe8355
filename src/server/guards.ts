/**
 * What may knock at all, before anything is looked up: a page in the user's browser must not reach
 * the user's models, neither directly (Origin, Sec-Fetch-Site, media type) nor by DNS rebinding (Host).
 * reliability.md §1.2 A1, A2.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import type { RequestHeaders } from './headers.ts'

/** Under which names we may be called. */
export interface HostPolicy {
  /** The port we listen on: a Host header names it. */
  readonly port: number
  /** The address we listen on, as configured. */
  readonly host: string
  /** Further names, lower case; an entry without port fits any port. */
  readonly allowedHosts: ReadonlySet<string>
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]'])
// What stands before `.localhost` (RFC 6761 §6.3) must be a name: letters, digits, hyphens.
const LOCALHOST_SUBDOMAIN = /^(?:[a-z0-9-]{1,63}\.)+localhost$/
// Listening everywhere is not being called so.
const WILDCARDS = new Set(['0.0.0.0', '::'])

/** Throws `host_forbidden` unless the Host header is a loopback name with our port, or a configured name. */
export function checkHost(headers: RequestHeaders, policy: HostPolicy): void {
  const host = headers['host']?.toLowerCase()
  if (host === undefined || host === '') {
    throw new ProxyError('request_malformed', 'The request has no Host header.')
  }
  const { name, port } = splitHost(host)
  if (policy.allowedHosts.has(host) || policy.allowedHosts.has(name)) return
  const ours = LOOPBACK_NAMES.has(name) || LOCALHOST_SUBDOMAIN.test(name) || isBound(name, policy)
  if (ours && (port ?? 80) === policy.port) return
  throw new ProxyError('host_forbidden', 'The Host header does not name this proxy.')
}

/** The name is the address we listen on, in brackets where it is an IPv6 one. */
function isBound(name: string, { host }: HostPolicy): boolean {
  if (WILDCARDS.has(host)) return false
  return name === (host.includes(':') ? `[${host}]` : host).toLowerCase()
}

/** `undefined` port where none is given; NaN, which equals nothing, where it is no number. */
function splitHost(host: string): { name: string; port: number | undefined } {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]]*)(?::(.*))?$/.exec(host)
  if (match === null) return { name: '', port: Number.NaN }
  const port = match[2]
  return {
    name: match[1] ?? '',
    port: port === undefined ? undefined : /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN,
  }
}

/** The allowed origin a browser request comes from, if any. Throws `origin_forbidden` for any other browser request. */
export function checkOrigin(
  headers: RequestHeaders,
  { allowedOrigins }: { readonly allowedOrigins: ReadonlySet<string> },
): string | undefined {
  const origin = headers['origin']
  if (origin !== undefined) {
    if (allowedOrigins.has(origin)) return origin
    throw new ProxyError('origin_forbidden', 'Requests from web pages are refused.')
  }
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'none' && site !== 'same-origin') {
    throw new ProxyError('origin_forbidden', 'Requests from web pages are refused.')
  }
  return undefined
}

const JSON_TYPE = 'application/json'

/** Throws `media_type_unsupported` unless the body is declared as JSON: forms and text/plain need no preflight. */
export function checkMediaType(headers: RequestHeaders): void {
  const declared = headers['content-type']
  const type = declared === JSON_TYPE ? JSON_TYPE : declared?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== JSON_TYPE) {
    throw new ProxyError(
      'media_type_unsupported',
      type === undefined
        ? 'The request has no Content-Type.'
        : 'The Content-Type of the request is not application/json.',
    )
  }
  const encoding = headers['content-encoding']?.trim().toLowerCase()
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity') {
    throw new ProxyError('media_type_unsupported', 'Compressed request bodies are not accepted.', {
      hint: 'Send the body without Content-Encoding.',
    })
  }
}
