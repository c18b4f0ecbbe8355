/** `aiproxy users key`: which keys a person means, and what changes with one. Pure. */
import { inspectKey } from '../access/keys.ts'
import type { Config, User } from '../config/config.ts'
import type { KeyEntry } from '../config/edit-roster.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { fingerprintOf, renderKeyName } from './users-key-names.ts'
import { command } from './users-plan.ts'
import type { Note, Plan } from './users-plan.ts'
import { requireUser } from './who.ts'
import { countOf } from './words.ts'

// Shorter ones would be told apart by luck.
const MIN_FINGERPRINT = 4
const MAX_SHOWN = 8

/** One more key for a user. */
export function planNewKey(config: Config, name: string, key: KeyEntry): Plan {
  const user = requireUser(config, name)
  const notes: Note[] = []
  if (user.keys.length === 0) {
    notes.push({
      kind: 'note',
      text: `${user.name} must present it from now on: the name alone is refused`,
    })
  } else {
    notes.push({
      kind: 'note',
      text: `${user.name} has ${countOf(user.keys.length + 1, 'key')} now; the older ${user.keys.length === 1 ? 'one stays' : 'ones stay'} valid`,
      hint: command('key', user.name, '--revoke', wordFor(config, user, user.keys[0] ?? '')),
    })
  }
  return {
    user: user.name,
    edits: [{ kind: 'add-key', user: user.name, key }],
    said: `new key of ${user.name}${key.hint === undefined ? '' : `: aip_…${key.hint}`}`,
    notes,
  }
}

/**
 * Takes keys away: the only one, the one that `which` tells (its last characters, or the beginning of its
 * digest), or all. Throws `usage_wrong` where that is not exactly one.
 */
export function planRevoke(
  config: Config,
  request: {
    readonly user: string
    readonly which: string | undefined
    readonly all: boolean
  },
): Plan {
  const user = requireUser(config, request.user)
  const { name, keys } = user
  const { which, all } = request
  if (which !== undefined && inspectKey(which) === 'genuine') {
    throw new ProxyError(
      'usage_wrong',
      'a whole key has no place on a command line, where others can read it; its last four characters are enough',
      { hint: command('key', name, '--revoke', which.slice(-MIN_FINGERPRINT)) },
    )
  }
  if (keys.length === 0) {
    if (which !== undefined) throw noSuchKey(config, user, which)
    return { user: name, edits: [], said: `${name} has no key: nothing to change`, notes: [] }
  }
  const meant = all
    ? keys
    : which === undefined
      ? keys.slice(0, keys.length > 1 ? 0 : 1)
      : keys.filter((digest) => isMeant(digest, which, config.keyHints))
  if (which === undefined && meant.length === 0) {
    throw new ProxyError(
      'usage_wrong',
      `${name} has ${keys.length} keys: ${listKeys(config, keys)}\n  say which one, or --all`,
      { hint: command('key', name, '--revoke', wordFor(config, user, keys[0] ?? '')) },
    )
  }
  if (meant.length === 0 && which !== undefined) throw noSuchKey(config, user, which)
  if (meant.length > 1 && !all) {
    throw new ProxyError(
      'usage_wrong',
      `'${which ?? ''}' could be any of ${listKeys(config, meant)}`,
      { hint: command('key', name, '--revoke', fingerprintOf(meant[0] ?? '')) },
    )
  }
  const isBare = meant.length === keys.length
  return {
    user: name,
    edits: [{ kind: 'revoke-keys', user: name, digests: meant }],
    said: `revoked ${listKeys(config, meant)} of ${name}`,
    notes: isBare
      ? [
          {
            kind: 'warning',
            text: `${name} has no key any more: on this machine the name alone is enough`,
            hint: command('key', name),
          },
        ]
      : [],
  }
}

function isMeant(digest: string, which: string, hints: ReadonlyMap<string, string>): boolean {
  // As the table and `users show` write it, or just the characters themselves.
  const word = which.replace(/^(?:aip_|sha256:)/, '').replace(/^(?:…|\.\.\.)|(?:…|\.\.\.)$/g, '')
  if (hints.get(digest) === word) return true
  const prefix = word.toLowerCase()
  return prefix.length >= MIN_FINGERPRINT && digest.startsWith(prefix)
}

/** The shortest word that means this key and no other of the user's. */
function wordFor({ keyHints }: Config, { keys }: User, digest: string): string {
  const hint = keyHints.get(digest)
  const isAlone = keys.filter((other) => keyHints.get(other) === hint).length === 1
  return hint !== undefined && isAlone ? hint : fingerprintOf(digest)
}

function listKeys({ keyHints }: Config, keys: readonly string[]): string {
  const hints = keys.map((digest) => keyHints.get(digest))
  return keys
    .map((digest, index) => {
      const isTold =
        hints[index] !== undefined &&
        hints.indexOf(hints[index]) === hints.lastIndexOf(hints[index])
      return isTold ? renderKeyName(digest, keyHints) : `sha256:${fingerprintOf(digest)}…`
    })
    .join(', ')
}

function noSuchKey(config: Config, user: User, which: string): ProxyError {
  // Whatever was typed may be half of a secret.
  const shown = which.length <= MAX_SHOWN ? `'${which}'` : 'that'
  const has = user.keys.length === 0 ? 'has no key' : `has ${listKeys(config, user.keys)}`
  return new ProxyError('usage_wrong', `no key of ${user.name} is ${shown}; ${user.name} ${has}`, {
    hint: command('show', user.name),
  })
}
