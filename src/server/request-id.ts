/** Request ids: the caller's own where it is harmless, else a minted one that sorts by time. */
import { randomFillSync } from 'node:crypto'

// Crockford's base 32, as in ULID (https://github.com/ulid/spec).
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const RANDOM_CHARS = 16
// Asking the system for randomness costs more than the rest of an id: it is asked for many at once.
const POOL_BYTES = 256 * RANDOM_CHARS

/** Makes an id for a moment in Unix milliseconds: `req_` and a ULID, 48 bits of time and 80 random ones. */
export type MintRequestId = (nowMs: number) => string

/** A mint of request ids; each takes its own bytes from the system's source of randomness. */
export function createRequestIdMint(): MintRequestId {
  const bytes = Buffer.alloc(POOL_BYTES)
  // The same bytes as characters, and how many of them are used up.
  let pool = ''
  let used = POOL_BYTES
  // Many requests come in one millisecond.
  let time = ''
  let timeMs = -1
  return (nowMs) => {
    if (nowMs !== timeMs) {
      time = renderTime(nowMs)
      timeMs = nowMs
    }
    if (used === POOL_BYTES) {
      randomFillSync(bytes)
      // Not by their iterator, which makes two objects of each byte.
      for (let at = 0; at < POOL_BYTES; at += 1) bytes[at] = ALPHABET.charCodeAt(bytes[at]! & 31)
      pool = bytes.toString('latin1')
      used = 0
    }
    used += RANDOM_CHARS
    return time + pool.slice(used - RANDOM_CHARS, used)
  }
}

function renderTime(ms: number): string {
  let time = ''
  for (let rest = ms, i = 0; i < 10; i++) {
    time = (ALPHABET[rest % 32] ?? '') + time
    rest = Math.floor(rest / 32)
  }
  return `req_${time}`
}

/** The id a caller sent, if it is visible ASCII of at most 256 bytes. */
export function acceptableRequestId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\x21-\x7e]{1,256}$/.test(id) ? id : undefined
}
