/**
 * Which hosts we may listen on without asking who calls, and which we may send a key to.
 */
import type * as Net from 'node:net'

/** How far away a host is. `forbidden`: no provider lives there, only cloud metadata and link-local devices. */
export type HostKind = 'loopback' | 'private' | 'forbidden' | 'public'

const LOOPBACK = ['127.0.0.0/8', '::1/128']

// RFC 3927, RFC 4291 §2.5.6 (link-local); the metadata services of AWS (IPv6), Alibaba and Oracle;
// then 169.254/16 again as NAT64 (RFC 6052) and as the old IPv4-compatible form. IPv4-mapped addresses
// are compared as the IPv4 they hold. "This host" (0.0.0.0, ::) is an address to listen on, not to call.
const FORBIDDEN = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '64:ff9b::a9fe:0/112',
  '::a9fe:0/112',
  '0.0.0.0/8',
  '::/128',
]
const FORBIDDEN_NAMES = new Set(['metadata', 'metadata.google.internal', 'instance-data'])

// RFC 1918, RFC 6598 (carrier-grade NAT, used by overlay networks), RFC 4193.
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']
// Made when they are first asked: most configs hold names and 127.0.0.1, and need none.
const listsOf = once(() => ({
  loopback: rangesOf(LOOPBACK),
  forbidden: rangesOf(FORBIDDEN),
  private: rangesOf(PRIVATE),
}))
const PRIVATE_SUFFIXES = ['.local', '.lan', '.internal', '.home.arpa']

/** What a host name or address is, brackets and a trailing dot allowed. Names are not looked up. */
export function kindOfHost(host: string): HostKind {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  const version = ipVersion(name)
  if (version === 4 && name.startsWith('127.')) return 'loopback'
  if (version !== 0) {
    const family = version === 4 ? 'ipv4' : 'ipv6'
    const lists = listsOf()
    if (lists.loopback.check(name, family)) return 'loopback'
    if (lists.forbidden.check(name, family)) return 'forbidden'
    return lists.private.check(name, family) ? 'private' : 'public'
  }
  if (name === 'localhost' || name.endsWith('.localhost')) return 'loopback'
  if (FORBIDDEN_NAMES.has(name)) return 'forbidden'
  // A name without a dot is one of the local network or of a container's: `http://ollama:11434`.
  const isLocal = !name.includes('.') || PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix))
  return isLocal ? 'private' : 'public'
}

const BYTE = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`
const IPV4 = new RegExp(String.raw`^${BYTE}(?:\.${BYTE}){3}$`)

/**
 * 4 or 6 for an IP address without brackets, 0 for anything else. Node is asked only about what may be IPv6:
 * to load its network code takes a fifth of a start, and to compile its IPv6 pattern a tenth.
 */
export function ipVersion(host: string): 0 | 4 | 6 {
  if (host.includes(':')) return loadNet().isIPv6(host) ? 6 : 0
  return IPV4.test(host) ? 4 : 0
}

/** Whether `host` is an address only this machine can reach. */
export function isLoopback(host: string): boolean {
  return kindOfHost(host) === 'loopback'
}

/** Whether `url` is the address that we ourselves listen on. */
export function isOwnAddress(
  url: string,
  listen: { readonly host: string; readonly port: number },
): boolean {
  const { hostname, port, protocol } = new URL(url)
  const urlPort = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  if (urlPort !== listen.port) return false
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const listensToLoopback = isLoopback(listen.host) || isEveryAddress(listen.host)
  return host === listen.host.toLowerCase() || (listensToLoopback && isLoopback(host))
}

function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

function rangesOf(subnets: readonly string[]): Net.BlockList {
  const list = new (loadNet().BlockList)()
  for (const subnet of subnets) {
    const [address = '', prefix] = subnet.split('/')
    list.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

function loadNet(): typeof Net {
  return process.getBuiltinModule('node:net')
}

/** `make` at the first call; what it made at every other. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
