/**
 * Which hosts we may listen on without asking who calls, and which we may send a key to.
 */
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** How far away a host is. `forbidden`: no provider lives there, only cloud metadata and link-local devices. */
export type HostKind = 'loopback' | 'private' | 'forbidden' | 'public'

const LOOPBACK = rangesOf(['127.0.0.0/8', '::1/128'])

// RFC 3927, RFC 4291 §2.5.6 (link-local); the metadata services of AWS (IPv6), Alibaba and Oracle;
// then 169.254/16 again as NAT64 (RFC 6052) and as the old IPv4-compatible form. IPv4-mapped addresses
// are compared as the IPv4 they hold. "This host" (0.0.0.0, ::) is an address to listen on, not to call.
const FORBIDDEN = rangesOf([
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '64:ff9b::a9fe:0/112',
  '::a9fe:0/112',
  '0.0.0.0/8',
  '::/128',
])
const FORBIDDEN_NAMES = new Set(['metadata', 'metadata.google.internal', 'instance-data'])

// RFC 1918, RFC 6598 (carrier-grade NAT, used by overlay networks), RFC 4193.
const PRIVATE = rangesOf([
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
])
const PRIVATE_SUFFIXES = ['.local', '.lan', '.internal', '.home.arpa']

/** What a host name or address is, brackets and a trailing dot allowed. Names are not looked up. */
export function kindOfHost(host: string): HostKind {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
  const version = ipVersion(name)
  if (version !== 0) {
    const family = version === 4 ? 'ipv4' : 'ipv6'
    if (LOOPBACK.check(name, family)) return 'loopback'
    if (FORBIDDEN.check(name, family)) return 'forbidden'
    return PRIVATE.check(name, family) ? 'private' : 'public'
  }
  if (name === 'localhost' || name.endsWith('.localhost')) return 'loopback'
  if (FORBIDDEN_NAMES.has(name)) return 'forbidden'
  // A name without a dot is one of the local network or of a container's: `http://ollama:11434`.
  const isLocal = !name.includes('.') || PRIVATE_SUFFIXES.some((suffix) => name.endsWith(suffix))
  return isLocal ? 'private' : 'public'
}

/**
 * 4 or 6 for an IP address without brackets, 0 for anything else. Not Node's `isIP`: that tries its IPv6
 * pattern on names too, and to compile it takes a tenth of a start.
 */
export function ipVersion(host: string): 0 | 4 | 6 {
  if (host.includes(':')) return isIPv6(host) ? 6 : 0
  return isIPv4(host) ? 4 : 0
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

function rangesOf(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [address = '', prefix] = subnet.split('/')
    list.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}
