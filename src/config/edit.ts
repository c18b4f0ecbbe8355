/**
 * Edits of a config file's users, models, limits and keys, as text to text. Every edit is made twice: on
 * the text, and on the config that was loaded from it. The new text is loaded too, and only when both agree
 * is it given out: a strange file may be refused, but nobody is ever granted what was not asked for.
 */
import { isDeepStrictEqual } from 'node:util'
import { isMap, isSeq } from 'yaml'
import { ProxyError } from '../errors/proxy-error.ts'
import type { Config, Limit, Limits, User, UserModel } from './config.ts'
import { listOfValues, mapOfValues } from './edit-render.ts'
import type { Value } from './edit-render.ts'
import { unshare } from './edit-share.ts'
import {
  endOf,
  entriesOf,
  findCollection,
  findEntry,
  isOnOneLine,
  readSource,
  startOf,
} from './edit-source.ts'
import type { Collection, Path, Source } from './edit-source.ts'
import { appendItems, removeEntry, setItems, setValue } from './edit-text.ts'
import { loadConfigText } from './load.ts'
import type { LoadOptions } from './load.ts'
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

export interface EditRequest {
  /** What the file says now. */
  readonly text: string
  /** Where it is, or will be. */
  readonly path: string
  readonly edits: readonly Edit[]
  readonly options: Omit<LoadOptions, 'flag' | 'overrides'>
}

export interface EditResult {
  readonly text: string
  readonly before: Config
  readonly after: Config
  /** Why the file will not load as it stands, before and after: see `loadForEdit`. */
  readonly refusal: ProxyError | undefined
}

const ON_LOOPBACK = { host: '127.0.0.1' }

const LIMIT_FIELDS = { requests: 'requests', tokens: 'tokens', cost: 'costUsd' } as const

/**
 * The text after the edits. Throws ProxyError `config_invalid` where the text does not load as it is, and
 * `usage_wrong` where it would no longer load, or where the file is written in a way that we cannot edit.
 */
export async function editConfigText(request: EditRequest): Promise<EditResult> {
  const { path, options, edits } = request
  const mark = request.text.startsWith('\uFEFF') ? '\uFEFF' : ''
  const old = await loadForEdit(request.text, path, options)
  let text = request.text.slice(mark.length)
  let roster = rosterOf(old.config)
  for (const edit of edits) {
    text = editText(text, roster, edit)
    roster = editRoster(roster, edit)
  }
  const result = mark + text
  const loaded = await loadForEdit(result, path, options).catch((thrown: unknown) => {
    throw thrown instanceof ProxyError ? wouldNotLoad(thrown) : thrown
  })
  if (loaded.refusal !== undefined && old.refusal === undefined) throw wouldNotLoad(loaded.refusal)
  // Both by the same rule: where only an address kept the file from loading, it was loaded without.
  const comparable =
    old.refusal === undefined || loaded.refusal !== undefined
      ? loaded.config
      : await loadConfigText(result, path, { ...options, overrides: ON_LOOPBACK })
  if (!isAsMeant(old.config, comparable, roster)) {
    throw new ProxyError(
      'usage_wrong',
      'this file is written in a way that cannot be edited safely; nothing was written',
      { hint: 'make the change by hand, then: aiproxy serve --check' },
    )
  }
  return { text: result, before: old.config, after: loaded.config, refusal: loaded.refusal }
}

/**
 * Loads a text to be edited. Name-only users of a proxy that listens for other machines keep it from
 * starting, but must not keep `users key` from mending just that: then `refusal` says what is still wrong.
 */
export async function loadForEdit(
  text: string,
  path: string,
  options: EditRequest['options'],
): Promise<{ readonly config: Config; readonly refusal: ProxyError | undefined }> {
  try {
    return { config: await loadConfigText(text, path, options), refusal: undefined }
  } catch (thrown) {
    if (!(thrown instanceof ProxyError) || thrown.code !== 'config_invalid') throw thrown
    try {
      const config = await loadConfigText(text, path, { ...options, overrides: ON_LOOPBACK })
      return { config, refusal: thrown }
    } catch {
      throw thrown
    }
  }
}

function wouldNotLoad(reason: ProxyError): ProxyError {
  const lines = reason.message.split('\n').map((line) => `  ${line}`)
  return new ProxyError(
    'usage_wrong',
    ['nothing was written: the config would no longer load', ...lines].join('\n'),
    { cause: reason, hint: reason.hint?.startsWith('Mend it') === true ? undefined : reason.hint },
  )
}

// On the config

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

/** The loaded config is the old one with just the roster changed. */
function isAsMeant(old: Config, loaded: Config, roster: Roster): boolean {
  // Maps are equal in any order; users and models have one.
  const listed = ({ users, models, keyHints }: Roster): unknown => [
    [...users.values()],
    [...models],
    keyHints,
  ]
  if (!isDeepStrictEqual(listed(rosterOf(loaded)), listed(roster))) return false
  for (const [name, model] of old.models) {
    if (!isDeepStrictEqual(loaded.models.get(name), model)) return false
  }
  return isDeepStrictEqual(withoutRoster(loaded), withoutRoster(old))
}

function withoutRoster(config: Config): unknown {
  const none = { users: [], models: [], keys: [], keyHints: [], warnings: [] }
  return { ...config, ...none }
}

// On the text

function editText(text: string, roster: Roster, edit: Edit): string {
  switch (edit.kind) {
    case 'add-model': {
      const source = readSource(text)
      const last = findCollection(source, ['models'])
      const sample = last === undefined ? undefined : entriesOf(last).at(-1)?.value
      const isTall = isMap(sample) && !isOnOneLine(text, sample)
      const fields = mapOfValues([['provider', edit.provider]], !isTall)
      return setValue(text, ['models', edit.model], fields)
    }
    case 'add-user':
      return setValue(text, ['users', edit.user], renderableUser(readSource(text), edit))
    case 'remove-user':
      return removeEntry(text, ['users', edit.user])
    case 'allow': {
      const shape = shapeOf(readSource(text), edit.user)
      const grants = edit.models.map((name) =>
        grantValue({ name, failover: [], limits: undefined }, shape),
      )
      return appendItems(text, ['users', edit.user, 'models'], grants, (items) =>
        listOfValues(items, shape.inlineList),
      )
    }
    case 'deny': {
      const names = (roster.users.get(edit.user)?.models ?? []).map(({ name }) => name)
      // From the end, so that the places before stay what they are.
      return names.reduceRight(
        (current, name, index) =>
          edit.models.includes(name)
            ? removeEntry(current, ['users', edit.user, 'models', index])
            : current,
        text,
      )
    }
    case 'failover':
      return editFailover(text, roster, edit)
    case 'limit':
      return editLimit(text, roster, edit)
    case 'add-key':
      return appendItems(text, ['users', edit.user, 'keys'], [renderKeyEntry(edit.key)], (items) =>
        listOfValues(items, false),
      )
    case 'revoke-keys':
      return editKeys(text, roster, edit)
  }
}

function editFailover(
  text: string,
  roster: Roster,
  { user, model, chain }: Extract<Edit, { kind: 'failover' }>,
): string {
  const models = roster.users.get(user)?.models ?? []
  const index = models.findIndex(({ name }) => name === model)
  const path: Path = ['users', user, 'models', index]
  const own = unshare(text, path, true)
  const source = readSource(own)
  const node = findEntry(source, path)?.value
  if (node === undefined) return text
  if (!isMap(node)) {
    if (chain.length === 0) return own
    // As it is written: it may be a reference to the environment.
    const name: Value = { kind: 'raw', text: own.slice(startOf(node), endOf(node)) }
    const { inlineGrants } = shapeOf(source, user)
    const grant = mapOfValues(
      [
        ['name', name],
        ['failover', oneOrList(chain)],
      ],
      source.style.json ? inlineGrants : true,
    )
    return setValue(own, path, grant)
  }
  if (chain.length === 0) return removeEntry(own, [...path, 'failover'])
  return setItems(
    own,
    [...path, 'failover'],
    models[index]?.failover ?? [],
    chain.map((name) => ({ name, value: name })),
    oneOrList,
  )
}

function editLimit(
  text: string,
  roster: Roster,
  { user, of, limits }: Extract<Edit, { kind: 'limit' }>,
): string {
  const path: Path = ['users', user, 'limits']
  const present = roster.users.get(user)?.limits[LIMIT_FIELDS[of]] ?? []
  const own = unshare(text, [...path, of], true)
  const fields = findCollection(readSource(own), path)
  const written = limits.map((limit) => renderLimit(limit, of))
  if (limits.length === 0) {
    if (findEntry(readSource(own), [...path, of]) === undefined) return text
    return removeEntry(own, fields?.items.length === 1 ? path : [...path, of])
  }
  if (fields === undefined || fields.items.length === 0) {
    return setValue(own, path, mapOfValues([[of, oneOrList(written)]], true))
  }
  return setItems(
    own,
    [...path, of],
    present.map((limit) => renderLimit(limit, of)),
    written.map((value) => ({ name: value, value })),
    oneOrList,
  )
}

function editKeys(
  text: string,
  roster: Roster,
  { user, digests }: Extract<Edit, { kind: 'revoke-keys' }>,
): string {
  const path: Path = ['users', user]
  const own = unshare(text, path, false)
  const isSingle = findEntry(readSource(own), [...path, 'key']) !== undefined
  const keys = roster.users.get(user)?.keys ?? []
  const listed = isSingle ? keys.slice(1) : keys
  const [first] = isSingle ? keys : []
  let current = own
  if (listed.length > 0 && listed.every((digest) => digests.includes(digest))) {
    current = removeEntry(current, [...path, 'keys'])
  } else {
    for (const [index, digest] of [...listed.entries()].toReversed()) {
      if (digests.includes(digest)) current = removeEntry(current, [...path, 'keys', index])
    }
  }
  return first !== undefined && digests.includes(first)
    ? removeEntry(current, [...path, 'key'])
    : current
}

// As the neighbours are written

interface GrantShape {
  /** Even a bare name is written as a map. */
  readonly asMaps: boolean
  /** A map on one line. */
  readonly inlineGrants: boolean
  readonly inlineList: boolean
}

/** How a user's models are written; where there are none, how the last other user's are. */
function shapeOf(source: Source, user: string): GrantShape {
  const { text, style } = source
  const users = findCollection(source, ['users'])
  const others = users === undefined ? [] : entriesOf(users).toReversed()
  const lists = [
    findCollection(source, ['users', user, 'models']),
    ...others.map(({ index }) => modelsOf(users, index)),
  ]
  const sample = lists.find((list) => list !== undefined && list.items.length > 0)
  if (sample === undefined) {
    return { asMaps: false, inlineGrants: true, inlineList: style.json }
  }
  const nodes = entriesOf(sample).map(({ value }) => value)
  const maps = nodes.filter((node) => isMap(node))
  const isAllMaps = maps.length === nodes.length
  return {
    asMaps: isAllMaps && (style.json || maps.some(({ items }) => items.length === 1)),
    inlineGrants: maps.every((node) => isOnOneLine(text, node)),
    inlineList: isOnOneLine(text, sample) && sample.flow === true,
  }
}

function modelsOf(users: Collection | undefined, index: number): Collection | undefined {
  const user = users === undefined ? undefined : entriesOf(users)[index]?.value
  if (!isMap(user)) return undefined
  const models = user.get('models', true)
  return isSeq(models) ? models : undefined
}

function grantValue({ name, failover }: UserModel, shape: GrantShape): Value {
  if (failover.length === 0) {
    return shape.asMaps ? mapOfValues([['name', name]], shape.inlineGrants) : name
  }
  return mapOfValues(
    [
      ['name', name],
      ['failover', oneOrList(failover)],
    ],
    shape.inlineGrants,
  )
}

function renderableUser(
  source: Source,
  { models, limits, keys }: Extract<Edit, { kind: 'add-user' }>,
): Value {
  const { text, style } = source
  const users = findCollection(source, ['users'])
  const samples = users === undefined ? [] : entriesOf(users).map(({ value }) => value)
  const isInline =
    samples.length > 0 &&
    samples.every((node) => isMap(node) && node.flow === true && isOnOneLine(text, node))
  const shape = shapeOf(source, '')
  const hasChain = models.some(({ failover }) => failover.length > 0)
  const written = (['requests', 'tokens', 'cost'] as const).flatMap((of) => {
    const ofKind = limits[LIMIT_FIELDS[of]].map((limit) => renderLimit(limit, of))
    return ofKind.length === 0 ? [] : [[of, oneOrList(ofKind)] as const]
  })
  const grants = models.map((grant) => grantValue(grant, shape))
  return mapOfValues(
    [
      ['models', listOfValues(grants, shape.inlineList && !hasChain)],
      ...(written.length === 0
        ? []
        : [['limits', mapOfValues(written, !style.json || shape.inlineGrants)] as const]),
      ...(keys.length === 0
        ? []
        : [['keys', listOfValues(keys.map(renderKeyEntry), false)] as const]),
    ],
    isInline,
  )
}

function oneOrList(items: readonly Value[]): Value {
  const [only] = items
  return items.length === 1 && only !== undefined ? only : listOfValues(items, true)
}

/** `sha256:<hex>:k3Qd`, or without the last part. */
export function renderKeyEntry({ digest, hint }: KeyEntry): string {
  return `sha256:${digest}${hint === undefined ? '' : `:${hint}`}`
}

/** `60/minute`, `200k/day`, `5 USD/day`: as `parseLimit` reads it, exactly. */
export function renderLimit({ amount, window }: Limit, of: LimitKind): string {
  if (of === 'cost') return `${amount} USD/${window}`
  if (amount >= 1e6 && amount % 1e5 === 0) return `${amount / 1e6}M/${window}`
  if (amount >= 1000 && amount % 100 === 0) return `${amount / 1000}k/${window}`
  return `${amount}/${window}`
}
