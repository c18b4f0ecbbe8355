/** The users as a table, as one user's page, and as JSON. Pure. */
import type { ChalkInstance } from 'chalk'
import type { Config, Limits, User, UserModel } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { LimitReading } from '../offline.ts'
import { renderReadiness } from './banner.ts'
import { padEnd } from './fit.ts'
import { cutMiddle, displayWidth, renderTable } from './table.ts'
import type { TodayUse } from './io.ts'
import { cleanForTerminal } from './clean.ts'
import { renderLeft } from './limits-left.ts'
import { fingerprintOf, renderKeyName } from './users-key-names.ts'
import { listTargets } from './who.ts'
import { countOf, renderCost, renderLimits } from './words.ts'

const NONE = '–'
const GAP = '  '
const ARROW = ' → '
// Less of a list, or of a name, tells nothing.
const LEAST_LIST = 8

interface TablePlan {
  /** Without it there is no TODAY column: no number is better than a wrong one. */
  readonly today: ReadonlyMap<string, TodayUse> | undefined
  /** Of the terminal; `undefined` off one: natural width. */
  readonly columns: number | undefined
  readonly paint: ChalkInstance
}

/** One row a user. On a terminal long lists end in `+3` so that a row stays one line. */
export function renderUserTable(config: Config, plan: TablePlan): string {
  const users = [...config.users.values()]
  const { today, columns, paint } = plan
  const names = users.map(({ name }) => cleanForTerminal(name))
  const keys = users.map((user) => renderKeys(user, config.keyHints))
  const uses = users.map(({ name }) => renderToday(today?.get(name) ?? NOTHING_TODAY))
  const lists: ListColumn[] = [
    { head: 'MODELS', gap: ' ', cells: users.map((user) => modelsOf(user, config)) },
    { head: 'FAILOVER', gap: ', ', cells: users.map((user) => chainsOf(user, config)) },
    { head: 'LIMITS', gap: ', ', cells: users.map(limitsOf), noun: 'limit' },
  ]
  const others = [widest('USER', names), widest('KEY', keys)]
  if (today !== undefined) others.push(widest('TODAY', uses))
  const room =
    columns === undefined
      ? Infinity
      : columns - sum(others) - GAP.length * (others.length + lists.length - 1)
  const [models = [], chains = [], limits = []] = fitLists(lists, room)
  const heads = ['USER', 'MODELS', 'KEY', 'FAILOVER', 'LIMITS']
  const lines = renderTable({
    columns: [...heads, ...(today === undefined ? [] : ['TODAY'])].map((header) => ({
      header,
      align: 'left',
    })),
    rows: users.map((_, at) => [
      names[at] ?? '',
      models[at] ?? '',
      keys[at] ?? '',
      chains[at] || NONE,
      limits[at] || NONE,
      ...(today === undefined ? [] : [uses[at] ?? '']),
    ]),
    rules: false,
    paintFrame: paint.bold,
  })
  return lines.map((line) => `${line}\n`).join('')
}

const NOTHING_TODAY: TodayUse = { requests: 0, costUsd: 0 }

/** What is known of a user beside the config. */
export interface UserNews {
  /** `undefined`: the log cannot be read quickly. */
  readonly today: TodayUse | undefined
  /** What is left of the limits, or why nobody knows. */
  readonly left: readonly LimitReading[] | ProxyError
}

/** Everything about one user; each model with its backups below it, and how ready each is. */
export function renderUserPage(
  config: Config,
  user: User,
  { today, left }: UserNews,
  paint: ChalkInstance,
): string {
  const lines = [
    paint.bold(cleanForTerminal(user.name)),
    ...labelled('key', keyNames(user, config.keyHints)),
    ...labelled('limits', limitRows(user, left, paint)),
    ...(today === undefined ? [] : labelled('today', [renderDay(today)])),
    '  models',
    ...modelLines(config, user, left, paint),
  ]
  return `${lines.join('\n')}\n`
}

function labelled(label: string, rows: readonly string[]): string[] {
  return rows.map((row, index) => `  ${padEnd(index === 0 ? label : '', 9)}${row}`)
}

/** The user's own limits; those of a model stand below it. */
function limitRows(user: User, left: UserNews['left'], paint: ChalkInstance): string[] {
  const text = renderLimits(user.limits)
  if (left instanceof ProxyError) {
    const [reason = ''] = left.message.split('\n')
    return [text || 'none', paint.red(`what is left is unknown: ${cleanForTerminal(reason)}`)]
  }
  if (text === '') return ['none']
  const own = left.filter(({ model }) => model === undefined)
  return joinPairs(renderLeft(own, [{ model: undefined, limits: user.limits }], paint))
}

function modelLines(
  config: Config,
  user: User,
  left: UserNews['left'],
  paint: ChalkInstance,
): string[] {
  if (user.models.length === 0) return [paint.yellow('    none: every request is refused')]
  const chains = user.models.map((entry) => ({
    entry,
    targets: listTargets(config, user, entry.name),
  }))
  const named = chains.flatMap(({ targets }) =>
    targets.map(({ model }, index) => displayWidth(targetName(model.name, index))),
  )
  const width = Math.max(0, ...named)
  return chains.flatMap(({ entry: { name, limits }, targets }) => {
    const rows = targets.map(({ model, provider }, index) => {
      const mark = renderReadiness(provider, paint)
      return `    ${padEnd(targetName(model.name, index), width)}  ${mark}`
    })
    if (limits === undefined || renderLimits(limits) === '') return rows
    const readings = left instanceof ProxyError ? [] : left.filter(({ model }) => model === name)
    const known = renderLeft(readings, [{ model: undefined, limits }], paint).map(
      ([limit, rest]) => [limit.replace(/ for .*$/, ''), rest] as const,
    )
    const of = left instanceof ProxyError ? [renderLimits(limits)] : joinPairs(known)
    const [first = '', ...backups] = rows
    return [first, ...of.map((row) => `        ${row}`), ...backups]
  })
}

/** The requested model, and its backups under it. */
function targetName(name: string, index: number): string {
  return `${index === 0 ? '' : '→ '}${cleanForTerminal(name)}`
}

function joinPairs(pairs: ReadonlyArray<readonly [string, string]>): string[] {
  const width = Math.max(0, ...pairs.map(([name]) => displayWidth(name)))
  return pairs.map(([name, text]) => `${padEnd(name, width)}${GAP}${text}`)
}

/** The user as JSON, in one shape wherever it stands; digests of keys stay in the file. */
export function describeUser(
  { name, models, keys, limits }: User,
  today: TodayUse | undefined,
): object {
  return {
    user: name,
    models: models.map((entry) => ({
      name: entry.name,
      failover: entry.failover,
      limits: entry.limits === undefined ? null : describeLimits(entry.limits),
    })),
    keys: keys.length,
    limits: describeLimits(limits),
    today:
      today === undefined ? null : { requests: today.requests, costUsd: today.costUsd ?? null },
  }
}

/** The user's keys as JSON, by the names that `--revoke` takes; no whole digest. */
export function describeKeys({ keys }: User, { keyHints }: Pick<Config, 'keyHints'>): object[] {
  return keys.map((digest) => ({
    hint: keyHints.get(digest) ?? null,
    sha256: fingerprintOf(digest),
  }))
}

function describeLimits({ requests, tokens, costUsd, concurrency }: Limits): object {
  return { requests, tokens, costUsd, concurrency: concurrency ?? null }
}

function modelsOf(user: User, config: Config): string[] {
  const [own, made] = splitOffMock(user, config)
  return [...own, ...made.slice(0, 1)]
    .map(({ name }) => cleanForTerminal(name))
    .concat(made.length > 1 ? [`(+${made.length - 1} mock)`] : [])
}

function chainsOf(user: User, config: Config): string[] {
  const [own, made] = splitOffMock(user, config)
  const mocked = made.filter(hasChain).length
  return own
    .filter(hasChain)
    .map(renderChain)
    .concat(mocked > 0 ? [`(+${mocked} mock)`] : [])
}

function hasChain({ failover }: UserModel): boolean {
  return failover.length > 0
}

/** The starter users have every model of the provider `mock`: a crowd that would hide the others. */
function splitOffMock(user: User, config: Config): [own: UserModel[], made: UserModel[]] {
  const isMade = ({ name }: UserModel): boolean => config.models.get(name)?.provider === 'mock'
  return [user.models.filter((entry) => !isMade(entry)), user.models.filter(isMade)]
}

function renderChain({ name, failover }: UserModel): string {
  return cleanForTerminal([name, ...failover].join(ARROW))
}

function limitsOf({ limits }: User): string[] {
  const text = renderLimits(limits)
  return text === '' ? [] : text.split(', ')
}

/** `name only`, `aip_…k3Qd`, `aip_…k3Qd +1`; a digest of which the file says nothing is just a key. */
function renderKeys({ keys }: User, hints: ReadonlyMap<string, string>): string {
  if (keys.length === 0) return 'name only'
  const known = keys.find((digest) => hints.has(digest))
  if (known === undefined) return countOf(keys.length, 'key')
  const name = cleanForTerminal(renderKeyName(known, hints))
  return keys.length === 1 ? name : `${name} +${keys.length - 1}`
}

/** One row a key: by either name `--revoke` takes it. */
function keyNames({ keys }: User, hints: ReadonlyMap<string, string>): string[] {
  if (keys.length === 0) return ['name only: on this machine, whoever says the name']
  return keys.map((digest) => {
    const names = [renderKeyName(digest, hints)]
    if (hints.has(digest)) names.push(`sha256:${fingerprintOf(digest)}…`)
    return cleanForTerminal(names.join('  '))
  })
}

/** Unknown prices are a dash, never $0.00. */
function renderToday({ requests, costUsd }: TodayUse): string {
  if (requests === 0) return NONE
  return costUsd === undefined ? countOf(requests, 'request') : renderCost(costUsd)
}

/** For a line of its own. */
function renderDay({ requests, costUsd }: TodayUse): string {
  if (requests === 0) return 'nothing yet'
  return `${countOf(requests, 'request')}, ${costUsd === undefined ? 'cost not known' : renderCost(costUsd)}`
}

/** A column of lists, one a row. */
interface ListColumn {
  readonly head: string
  /** Between two items. */
  readonly gap: string
  readonly cells: ReadonlyArray<readonly string[]>
  /** What the items are called where not even the first has room; without it that one is cut. */
  readonly noun?: string
}

/**
 * The cells of each column as text, all columns together in `room`: the narrow ones first, each at most its
 * share of what is left; and what the last ones did not need goes to the others.
 */
function fitLists(columns: readonly ListColumn[], room: number): string[][] {
  const fitAll = ({ gap, cells, noun }: ListColumn, width: number): string[] =>
    cells.map((items) => fitList(items, gap, width, noun))
  const widthOf = (column: ListColumn, texts: readonly string[]): number =>
    widest(column.head, texts)
  const natural = columns.map((column) => widthOf(column, fitAll(column, Infinity)))
  // What can be counted only goes first: it shows nothing of itself in too little room, and a cut name does.
  const isCounted = (at: number): number => (columns[at]?.noun === undefined ? 1 : 0)
  const order = columns
    .map((_, at) => at)
    .toSorted((a, b) => isCounted(a) - isCounted(b) || natural[a]! - natural[b]!)
  const fitted: string[][] = columns.map(() => [])
  let rest = room
  for (const [turn, at] of order.entries()) {
    const column = columns[at]!
    const others = order.length - turn - 1
    const share = Math.max(LEAST_LIST, Math.floor(rest / (others + 1)))
    const wanted = Math.min(leastOf(column), rest - LEAST_LIST * others)
    fitted[at] = fitAll(column, Math.max(share, wanted))
    rest -= widthOf(column, fitted[at])
  }
  for (const at of order) {
    const column = columns[at]!
    const before = widthOf(column, fitted[at]!)
    fitted[at] = fitAll(column, Math.max(LEAST_LIST, before + Math.max(0, rest)))
    rest -= widthOf(column, fitted[at]) - before
  }
  return fitted
}

/** Room for the first item of every cell of a column that is else counted. */
function leastOf({ cells, noun }: ListColumn): number {
  if (noun === undefined) return 0
  return Math.max(
    ...cells.map(([first = '', ...rest]) =>
      displayWidth(rest.length === 0 ? first : `${first} +${rest.length}`),
    ),
  )
}

/** As many items as fit; the rest as `+3`. One item that is too long is cut, or counted: digits are never cut. */
function fitList(
  items: readonly string[],
  gap: string,
  columns: number,
  noun: string | undefined,
): string {
  const whole = items.join(gap)
  if (displayWidth(whole) <= columns) return whole
  for (let shown = items.length - 1; shown > 0; shown--) {
    const text = `${items.slice(0, shown).join(gap)} +${numberOf(items.slice(shown))}`
    if (displayWidth(text) <= columns) return text
  }
  if (noun !== undefined) return countOf(items.length, noun)
  const rest = items.length > 1 ? ` +${numberOf(items.slice(1))}` : ''
  return fitItem(items[0] ?? '', Math.max(1, columns - displayWidth(rest))) + rest
}

/** How many they are; `(+13 mock)` stands for thirteen. */
function numberOf(items: readonly string[]): number {
  return sum(items.map((item) => Number(/^\(\+(\d+) /.exec(item)?.[1] ?? 1)))
}

/** One item; of a chain the first name and how many come after it, where not even two have room. */
function fitItem(item: string, columns: number): string {
  const [first = '', ...backups] = item.split(ARROW)
  if (displayWidth(item) <= columns || backups.length === 0) return cutMiddle(item, columns)
  const more = backups.length > 1 ? ` +${backups.length - 1}` : ''
  const room = columns - displayWidth(`${first}${ARROW}${more}`)
  if (room >= LEAST_LIST) return `${first}${ARROW}${cutMiddle(backups[0] ?? '', room)}${more}`
  return cutMiddle(`${first}${ARROW}+${backups.length}`, columns)
}

function widest(head: string, cells: readonly string[]): number {
  return Math.max(displayWidth(head), ...cells.map(displayWidth))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
