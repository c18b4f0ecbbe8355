/**
 * Who is calling (design §3). A user with keys must present one; a user without keys is known by name,
 * which the config allows on loopback listeners alone. There is no default user on the wire.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Config, User } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { inspectKey } from './keys.ts'

export interface CallerHeaders {
  readonly 'x-user'?: string | undefined
  readonly authorization?: string | undefined
  readonly 'x-api-key'?: string | undefined
}

// Longer than any key or name we accept; hashing more would be work for an attacker's benefit.
const MAX_CREDENTIAL_LENGTH = 512

/**
 * The user a call is proven to come from. Throws `user_missing`, `key_invalid` or `user_unknown`; a
 * presented credential never stands in the message.
 */
export function identifyCaller(
  config: Pick<Config, 'users' | 'keys'>,
  headers: CallerHeaders,
): User {
  const name = headers['x-user']?.trim() || undefined
  const credential = presentedCredential(headers)

  if (credential !== undefined) {
    const owner = ownerOfKey(config, credential)
    if (owner !== undefined) {
      if (name !== undefined && name !== owner.name) {
        throw new ProxyError(
          'key_invalid',
          'The key presented is not the key of the user in X-User.',
        )
      }
      return owner
    }
    // SDKs insist on sending some key; next to X-User, one that is not ours proves and disproves nothing.
    const named = config.users.get(name ?? credential)
    if (named !== undefined && named.keys.length === 0 && !credential.startsWith('aip_'))
      return named
    if (name !== undefined && named === undefined) throw unknownUser()
    throw new ProxyError(
      'key_invalid',
      inspectKey(credential) === 'damaged'
        ? 'The key presented is not valid: it is incomplete or mistyped.'
        : 'The key presented is not valid.',
    )
  }

  if (name === undefined) throw new ProxyError('user_missing', 'User not specified')
  const user = config.users.get(name)
  if (user === undefined) throw unknownUser()
  if (user.keys.length > 0) {
    throw new ProxyError('key_invalid', 'This user has a key: the name alone is not enough.', {
      hint: 'Send the key as `Authorization: Bearer aip_…` or `x-api-key: aip_…`.',
    })
  }
  return user
}

/** The key a call presents, in whichever header; it may be anything. */
export function presentedCredential(headers: CallerHeaders): string | undefined {
  const { authorization } = headers
  const bearer = authorization && /^bearer +(.+)$/i.exec(authorization.trim())?.[1]?.trim()
  return bearer || headers['x-api-key']?.trim() || undefined
}

function ownerOfKey(config: Pick<Config, 'users' | 'keys'>, credential: string): User | undefined {
  if (credential.length > MAX_CREDENTIAL_LENGTH) return undefined
  const digest = createHash('sha256').update(credential).digest()
  const owner = config.users.get(config.keys.get(digest.toString('hex')) ?? '')
  const known = owner?.keys.some((key) => timingSafeEqual(Buffer.from(key, 'hex'), digest))
  return known === true ? owner : undefined
}

function unknownUser(): ProxyError {
  return new ProxyError('user_unknown', 'User not authorized')
}
