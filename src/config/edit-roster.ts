/** Edits as plain values, and what each does to the users and models of a loaded config. Pure. */
import type { Config, Limit, Limits, User, UserModel } from './config.ts'
import type { LimitKind } from './values.ts'

/** A key as the file has it: its digest, and the last characters by which people know it. */
export interface KeyEntry {
  /** SHA-256, 64 hex digits. */
  readonly digest: string
  readonly hint: string | undefined
}

export type Edit =
  | { readonly kind: 'add-model'; readonly model: string; readonly provider: string }
  | {
      readonly kind: 'add-user'
      readonly user: string
      readonly models: readonly UserModel[]
      readonly limits: Limits
      readonly keys: readonly KeyEntry[]
    }
  | { readonly kind: 'remove-user'; readonly user: string }
  | { readonly kind: 'allow'; readonly user: string; readonly models: readonly string[] }
  | { readonly kind: 'deny'; readonly user: string; readonly models: readonly string[] }
  | {
      readonly kind: 'failover'
      readonly user: string
      readonly model: string
      /** Empty: none. */
      readonly chain: readonly string[]
    }
  | {
      readonly kind: 'limit'
      readonly user: string
      readonly of: LimitKind
      /** Empty: none. */
      readonly limits: readonly Limit[]
    }
  | {
      readonly kind: 'concurrency'
      readonly user: string
      /** Requests at the same time; `undefined`: any number. */
      readonly limit: number | undefined
    }
  | { readonly kind: 'add-key'; readonly user: string; readonly key: KeyEntry }
  | { readonly kind: 'revoke-keys'; readonly user: string; readonly digests: readonly string[] }

/** The part of a config that edits change. */
export interface Roster {
  readonly users: ReadonlyMap<string, User>
  /** Model → its provider. */
  readonly models: ReadonlyMap<string, string>
  /** Digest of a key → its last characters, where the file has them. */
  readonly keyHints: ReadonlyMap<string, string>
}

/** Kinds of limits, as the file and the config name them. */
export const LIMIT_FIELDS = { requests: 'requests', tokens: 'tokens', cost: 'costUsd' } as const

export function rosterOf({ users, models, keyHints }: Config): Roster {
  return {
    users,
    models: new Map([...models].map(([name, { provider }]) => [name, provider])),
    keyHints,
  }
}

/** The roster after one edit. Names that are not there are a mistake of the caller: nothing happens to them. */
export function editRoster(roster: Roster, edit: Edit): Roster {
  if (edit.kind === 'add-model') {
    return { ...roster, models: new Map(roster.models).set(edit.model, edit.provider) }
  }
  const users = new Map(roster.users)
  const keyHints = new Map(roster.keyHints)
  const change = (with_: (user: User) => Partial<User>): void => {
    const user = users.get(edit.user)
    if (user !== undefined) users.set(edit.user, { ...user, ...with_(user) })
  }
  const learn = ({ digest, hint }: KeyEntry): void => {
    if (hint !== undefined) keyHints.set(digest, hint)
  }
  switch (edit.kind) {
    case 'add-user':
      users.set(edit.user, {
        name: edit.user,
        models: edit.models,
        keys: edit.keys.map(({ digest }) => digest),
        limits: edit.limits,
      })
      edit.keys.forEach(learn)
      break
    case 'remove-user':
      for (const digest of users.get(edit.user)?.keys ?? []) keyHints.delete(digest)
      users.delete(edit.user)
      break
    case 'allow':
      change(({ models }) => ({
        models: [
          ...models,
          ...edit.models.map((name) => ({ name, failover: [], limits: undefined })),
        ],
      }))
      break
    case 'deny':
      change(({ models }) => ({ models: models.filter(({ name }) => !edit.models.includes(name)) }))
      break
    case 'failover':
      change(({ models }) => ({
        models: models.map((entry) =>
          entry.name === edit.model ? { ...entry, failover: edit.chain } : entry,
        ),
      }))
      break
    case 'limit':
      change(({ limits }) => ({ limits: { ...limits, [LIMIT_FIELDS[edit.of]]: edit.limits } }))
      break
    case 'concurrency':
      change(({ limits }) => ({ limits: { ...limits, concurrency: edit.limit } }))
      break
    case 'add-key':
      change(({ keys }) => ({ keys: [...keys, edit.key.digest] }))
      learn(edit.key)
      break
    case 'revoke-keys':
      change(({ keys }) => ({ keys: keys.filter((digest) => !edit.digests.includes(digest)) }))
      for (const digest of edit.digests) keyHints.delete(digest)
      break
  }
  return { users, models: roster.models, keyHints }
}
