/** Each edit as changes of the file's text, in the way its neighbours are written. Pure. */
import { isMap, isSeq } from 'yaml'
import type { Limit, UserModel } from './config.ts'
import { listOfValues, mapOfValues } from './edit-render.ts'
import type { Value } from './edit-render.ts'
import { LIMIT_FIELDS } from './edit-roster.ts'
import type { Edit, KeyEntry, Roster } from './edit-roster.ts'
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
import type { LimitKind } from './values.ts'

/**
 * The text after one edit, which must make sense: `roster` is what the text says now, and names in the edit
 * are in it, or not yet.
 */
export function editText(text: string, roster: Roster, edit: Edit): string {
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
    case 'concurrency':
      return editConcurrency(text, edit)
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

function editConcurrency(
  text: string,
  { user, limit }: Extract<Edit, { kind: 'concurrency' }>,
): string {
  const path: Path = ['users', user, 'limits']
  const field: Path = [...path, 'concurrency']
  const own = unshare(text, field, true)
  const fields = findCollection(readSource(own), path)
  if (limit === undefined) {
    if (findEntry(readSource(own), field) === undefined) return text
    return removeEntry(own, fields?.items.length === 1 ? path : field)
  }
  const value = numberValue(limit)
  return fields === undefined || fields.items.length === 0
    ? setValue(own, path, mapOfValues([['concurrency', value]], true))
    : setValue(own, field, value)
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
  const written: Array<readonly [string, Value]> = (
    ['requests', 'tokens', 'cost'] as const
  ).flatMap((of) => {
    const ofKind = limits[LIMIT_FIELDS[of]].map((limit) => renderLimit(limit, of))
    return ofKind.length === 0 ? [] : [[of, oneOrList(ofKind)] as const]
  })
  if (limits.concurrency !== undefined) {
    written.push(['concurrency', numberValue(limits.concurrency)])
  }
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

function numberValue(value: number): Value {
  return { kind: 'raw', text: String(value) }
}

function oneOrList(items: readonly Value[]): Value {
  const [only] = items
  return items.length === 1 && only !== undefined ? only : listOfValues(items, true)
}

/** `sha256:<hex>:k3Qd`, or without the last part. */
function renderKeyEntry({ digest, hint }: KeyEntry): string {
  return `sha256:${digest}${hint === undefined ? '' : `:${hint}`}`
}

/** `60/minute`, `200k/day`, `5 USD/day`: as `parseLimit` reads it, exactly. */
function renderLimit({ amount, window }: Limit, of: LimitKind): string {
  if (of === 'cost') return `${amount} USD/${window}`
  if (amount >= 1e6 && amount % 1e5 === 0) return `${amount / 1e6}M/${window}`
  if (amount >= 1000 && amount % 100 === 0) return `${amount / 1000}k/${window}`
  return `${amount}/${window}`
}
