/**
 * User keys, as they are made and as they are told apart from a slip of the hand.
 *
 *     aip_ <43 characters: at least 256 random bits> <6 characters: checksum>
 *
 * All 49 are of 0-9 A-Z a-z, so a double click takes the whole key and `\baip_[0-9A-Za-z]{49}\b` finds a
 * leaked one. The checksum is the first 32 bits of SHA-256 over everything before it (`aip_` included, as
 * ASCII), in base 62, zero-padded: a scanner can tell a key from something that looks like one without
 * asking anybody. A handwritten key of another form is as good to the config; it only has no checksum.
 */
import { createHash } from 'node:crypto'

const PREFIX = 'aip_'
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
// 62^43 > 2^256 > 62^42.
const SECRET_LENGTH = 43
// 62^6 > 2^32 > 62^5.
const CHECKSUM_LENGTH = 6
const HINT_LENGTH = 4

const FORM = new RegExp(`^${PREFIX}[${DIGITS}]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`)

export interface MintedKey {
  /** The secret itself: shown once, kept nowhere. */
  readonly key: string
  /** SHA-256 of the key, 64 hex digits: what the config keeps. */
  readonly digest: string
  /** The key's last characters, by which a person knows it again. Part of the checksum: tells nothing. */
  readonly hint: string
}

/** A new key. `randomBytes` must be a cryptographic source, such as node:crypto's own. */
export function mintKey(randomBytes: (size: number) => Uint8Array): MintedKey {
  let secret = ''
  while (secret.length < SECRET_LENGTH) {
    for (const byte of randomBytes(SECRET_LENGTH)) {
      // 248 is the last multiple of 62: above it the first digits would come up more often.
      if (byte < 248 && secret.length < SECRET_LENGTH) secret += DIGITS.charAt(byte % 62)
    }
  }
  const body = PREFIX + secret
  const key = body + checksumOf(body)
  return { key, digest: sha256(key).toString('hex'), hint: key.slice(-HINT_LENGTH) }
}

/** `genuine`: of our form, checksum right. `damaged`: begins like one of ours, but mistyped or cut. */
export function inspectKey(text: string): 'genuine' | 'damaged' | 'foreign' {
  if (!text.startsWith(PREFIX)) return 'foreign'
  const body = text.slice(0, -CHECKSUM_LENGTH)
  return FORM.test(text) && text.slice(-CHECKSUM_LENGTH) === checksumOf(body)
    ? 'genuine'
    : 'damaged'
}

function checksumOf(body: string): string {
  let rest = sha256(body).readUInt32BE(0)
  let digits = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    digits = DIGITS.charAt(rest % 62) + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
