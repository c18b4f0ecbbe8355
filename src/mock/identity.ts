/**
 * Everything that is random or timed at a real provider is a hash of the request here, so that the same
 * request gives the same bytes on every machine.
 */
import { createHash } from 'node:crypto'

/** The moment every reply claims to have been made, in seconds: 2026-11-22T00:00:00Z. */
export const CREATED_S = 1_795_305_600

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** SHA-256 of the parts, kept apart by a NUL so that ('ab','c') and ('a','bc') differ. */
export function digestOf(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(parts.join('\0')).digest()
}

/** `length` (at most 32) letters and digits that follow from the parts. */
export function tokenOf(length: number, ...parts: readonly string[]): string {
  let token = ''
  for (const byte of digestOf(...parts).subarray(0, length))
    token += ALPHABET[byte % ALPHABET.length]
  return token
}

/** A whole number from 0 to `below` - 1 that follows from the parts. */
export function numberOf(below: number, ...parts: readonly string[]): number {
  return digestOf(...parts).readUInt32BE(0) % below
}

const SEAL = 'aiproxy-mock-seal'

/**
 * The opaque proof a provider puts beside reasoning (Anthropic's `signature`, OpenAI's
 * `encrypted_content`), for `text`. It carries its own check value, so that `isSealed` can tell ours
 * from a forged one although it keeps no memory.
 */
export function seal(text: string): string {
  const inside = digestOf(SEAL, 'text', text)
  return Buffer.concat([inside, digestOf(SEAL, inside.toString('hex'))]).toString('base64')
}

/**
 * True where `sealed` was made by `seal`, and for this very text unless the text is empty: reasoning that
 * was left out of the reply (`display: "omitted"`) comes back with its proof only.
 */
export function isSealed(sealed: string, text: string): boolean {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length !== 64 || bytes.toString('base64') !== sealed) return false
  const inside = bytes.subarray(0, 32)
  if (!bytes.subarray(32).equals(digestOf(SEAL, inside.toString('hex')))) return false
  return text === '' || inside.equals(digestOf(SEAL, 'text', text))
}
