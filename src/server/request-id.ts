/** Request ids: the caller's own where it is harmless, else a minted one that sorts by time. */
import { randomFillSync } from 'node:crypto'

// Crockford's base 32, as in ULID (https://github.com/ulid/spec).
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** `req_` and a ULID: 48 bits of milliseconds, 80 random bits. */
export function mintRequestId(nowMs: number): string {
  let time = ''
  for (let rest = nowMs, i = 0; i < 10; i++) {
    time = (ALPHABET[rest % 32] ?? '') + time
    rest = Math.floor(rest / 32)
  }
  let random = ''
  for (const byte of randomFillSync(new Uint8Array(16))) random += ALPHABET[byte % 32] ?? ''
  return `req_${time}${random}`
}

/** The id a caller sent, if it is visible ASCII of at most 256 bytes. */
export function acceptableRequestId(id: string | undefined): string | undefined {
  return id !== undefined && /^[\x21-\x7e]{1,256}$/.test(id) ? id : undefined
}
