/**
 * What one config changes against another, in the words of the config file: names, counts and sources.
 * Never a secret: of a key only where it comes from and whether it is another one. Pure.
 */
import { NO_LIMITS } from './no-limits.ts'
import type {
  Config,
  Credential,
  Limit,
  Limits,
  Model,
  Price,
  Provider,
  User,
  UserModel,
} from './config.ts'
import { FAULT_CLASSES } from './file.ts'

export interface Change {
  readonly kind: 'user' | 'model' | 'provider' | 'setting'
  readonly name: string
  readonly mark: 'added' | 'removed' | 'changed'
  /** Each a phrase of its own; none where the mark says all. */
  readonly details: readonly string[]
}

/** Every change from `before` to `after`: users, models, providers, then settings. Empty where nothing changed. */
export function compareConfigs(before: Config, after: Config): Change[] {
  return [
    ...compareEntries('user', before.users, after.users, describeUser, compareUsers),
    ...compareEntries('model', before.models, after.models, describeModel, compareModels),
    ...compareEntries(
      'provider',
      before.providers,
      after.providers,
      describeProvider,
      compareProviders,
    ),
    ...compareSettings(before, after),
  ]
}

/** The changes among the settings that hold from start to end: the port cannot be moved, nor stdout. */
export function compareFixed(before: Config, after: Config): Change[] {
  const changes = compareText('listen', place(before), place(after))
  if (before.log !== after.log && (before.log === '-' || after.log === '-')) {
    changes.push(...compareText('log', before.log, after.log))
  }
  return changes.map((detail) => setting(detail.name, [detail.what]))
}

function compareEntries<T>(
  kind: Change['kind'],
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  describe: (entry: T) => string[],
  compare: (before: T, after: T) => string[],
): Change[] {
  const changes: Change[] = []
  for (const [name, entry] of after) {
    const old = before.get(name)
    if (old === undefined) changes.push({ kind, name, mark: 'added', details: describe(entry) })
    else {
      const details = compare(old, entry)
      if (details.length > 0) changes.push({ kind, name, mark: 'changed', details })
    }
  }
  for (const name of before.keys()) {
    if (!after.has(name)) changes.push({ kind, name, mark: 'removed', details: [] })
  }
  return changes
}

// ── users ───────────────────────────────────────────────────────────────────────────────────────

function describeUser(user: User): string[] {
  return [
    user.models.length === 0
      ? 'may use nothing'
      : `may use ${user.models.map(renderGrant).join(', ')}`,
    ...compareLimits(NO_LIMITS, user.limits),
    user.keys.length === 0 ? 'name only' : renderKeys(user),
  ]
}

function renderGrant({ name, failover }: UserModel): string {
  return [name, ...failover].join(' → ')
}

function compareUsers(before: User, after: User): string[] {
  const details: string[] = []
  const old = new Map(before.models.map((grant) => [grant.name, grant]))
  const granted = after.models.filter(({ name }) => !old.has(name))
  const revoked = before.models.filter(
    ({ name }) => !after.models.some((grant) => grant.name === name),
  )
  if (granted.length > 0) details.push(`granted ${granted.map(renderGrant).join(', ')}`)
  if (revoked.length > 0) details.push(`revoked ${revoked.map(({ name }) => name).join(', ')}`)
  for (const { name, failover } of after.models) {
    const chain = old.get(name)?.failover
    if (chain === undefined || sameList(chain, failover)) continue
    details.push(`failover of ${name}: ${renderChain(chain)} → ${renderChain(failover)}`)
  }
  const [oldFirst] = before.models
  const [first] = after.models
  if (oldFirst !== undefined && first !== undefined && oldFirst.name !== first.name) {
    details.push(`default model: ${oldFirst.name} → ${first.name}`)
  } else if (granted.length === 0 && revoked.length === 0 && !sameOrder(before, after)) {
    details.push(`models in another order: ${after.models.map(({ name }) => name).join(', ')}`)
  }
  details.push(...compareLimits(before.limits, after.limits))
  if (before.keys.length !== after.keys.length) {
    details.push(`keys: ${before.keys.length} → ${after.keys.length}`)
  } else if (!sameList(before.keys.toSorted(), after.keys.toSorted())) {
    details.push(after.keys.length === 1 ? 'key replaced' : 'keys replaced')
  }
  return details
}

function sameOrder(before: User, after: User): boolean {
  return sameList(
    before.models.map(({ name }) => name),
    after.models.map(({ name }) => name),
  )
}

function renderChain(chain: readonly string[]): string {
  return chain.length === 0 ? 'off' : chain.join(', ')
}

function renderKeys({ keys }: User): string {
  return keys.length === 1 ? '1 key' : `${keys.length} keys`
}

const LIMIT_KINDS = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['cost', 'costUsd'],
] as const

function compareLimits(before: Limits, after: Limits): string[] {
  const lines = LIMIT_KINDS.flatMap(([name, field]) =>
    compareLimit(name, renderLimits(name, before[field]), renderLimits(name, after[field])),
  )
  return [
    ...lines,
    ...compareLimit('concurrency', renderConcurrency(before), renderConcurrency(after)),
  ]
}

function renderConcurrency({ concurrency }: Limits): string {
  return String(concurrency ?? 'none')
}

function compareLimit(name: string, before: string, after: string): string[] {
  if (before === after) return []
  return [before === 'none' ? `${name} limit: ${after}` : `${name} limit: ${before} → ${after}`]
}

function renderLimits(name: string, limits: readonly Limit[]): string {
  if (limits.length === 0) return 'none'
  const unit = name === 'cost' ? ' USD' : ''
  return limits.map(({ amount, window }) => `${renderAmount(amount)}${unit}/${window}`).join(', ')
}

function renderAmount(amount: number): string {
  if (amount >= 1e6 && amount % 1e5 === 0) return `${amount / 1e6}M`
  if (amount >= 1000 && amount % 100 === 0) return `${amount / 1000}k`
  return String(amount)
}

// ── models and providers ────────────────────────────────────────────────────────────────────────

function describeModel(model: Model): string[] {
  return [
    model.upstreamName === model.name
      ? model.provider
      : `${model.provider} calls it ${model.upstreamName}`,
  ]
}

function compareModels(before: Model, after: Model): string[] {
  return phrases(
    compareText('provider', before.provider, after.provider),
    compareText('model', before.upstreamName, after.upstreamName),
    compareText('max_tokens', before.maxTokens ?? 'none', after.maxTokens ?? 'none'),
    compareText('strict', before.strict, after.strict),
    compareText('price', renderPrice(before.price), renderPrice(after.price)),
  )
}

function renderPrice(price: Price | undefined): string {
  if (price === undefined) return 'none'
  const { input, output, cachedInput, cacheWrite, cacheWriteHour, reasoning } = price
  return [
    `${input} in`,
    `${output} out`,
    ...(cachedInput === undefined ? [] : [`${cachedInput} cached`]),
    ...(cacheWrite === undefined ? [] : [`${cacheWrite} cache write`]),
    ...(cacheWriteHour === undefined ? [] : [`${cacheWriteHour} cache write for 1h`]),
    ...(reasoning === undefined ? [] : [`${reasoning} reasoning`]),
  ].join(' + ')
}

function describeProvider(provider: Provider): string[] {
  if (provider.mock) return [provider.dialect, 'mocked']
  return [provider.dialect, renderUrl(provider.baseUrl), renderCredential(provider.credential)]
}

function compareProviders(before: Provider, after: Provider): string[] {
  return phrases(
    compareText('dialect', before.dialect, after.dialect),
    compareText('api', before.api, after.api),
    compareText('base_url', renderUrl(before.baseUrl), renderUrl(after.baseUrl)),
    // What is not shown of a URL may still differ.
    renderUrl(before.baseUrl) === renderUrl(after.baseUrl) && before.baseUrl !== after.baseUrl
      ? [{ name: 'base_url', what: 'changed' }]
      : [],
    compareText('mock', before.mock, after.mock),
    compareCredentials(before.credential, after.credential),
    compareDurations('timeouts.connect', before.timeouts.connectMs, after.timeouts.connectMs),
    compareDurations(
      'timeouts.first_byte',
      before.timeouts.firstByteMs,
      after.timeouts.firstByteMs,
    ),
    compareDurations('timeouts.idle', before.timeouts.idleMs, after.timeouts.idleMs),
  )
}

/** Without user, password and query: those may hold secrets. */
function renderUrl(text: string): string {
  if (!URL.canParse(text)) return text === '' ? 'none' : 'unreadable'
  const { origin, pathname } = new URL(text)
  return pathname === '/' ? origin : origin + pathname
}

function renderCredential(credential: Credential): string {
  switch (credential.kind) {
    case 'key':
      return `key from ${credential.source}`
    case 'missing':
      return `${credential.source} is not set`
    case 'none':
      return 'no key'
  }
}

function compareCredentials(before: Credential, after: Credential): Detail[] {
  const [old, now] = [renderCredential(before), renderCredential(after)]
  if (old !== now) return [{ name: 'api_key', what: `${old} → ${now}` }]
  if (before.kind !== 'key' || after.kind !== 'key' || before.value === after.value) return []
  return [{ name: 'api_key', what: `another ${now}` }]
}

// ── settings ────────────────────────────────────────────────────────────────────────────────────

function compareSettings(before: Config, after: Config): Change[] {
  const details = [
    compareText('config', renderSource(before), renderSource(after)),
    compareText('listen', place(before), place(after)),
    compareText('log', before.log, after.log),
    compareText('audit', before.audit ?? 'off', after.audit ?? 'off'),
    compareText('default_user', before.defaultUser ?? 'none', after.defaultUser ?? 'none'),
    compareText('failover.on', renderClasses(before), renderClasses(after)),
    compareDurations('failover.deadline', before.failover.deadlineMs, after.failover.deadlineMs),
    compareText('on_log_failure', before.onLogFailure, after.onLogFailure),
    compareText('body_limit', renderSize(before.bodyLimitBytes), renderSize(after.bodyLimitBytes)),
    compareSets('allowed_hosts', before.allowedHosts, after.allowedHosts),
    compareSets('allowed_origins', before.allowedOrigins, after.allowedOrigins),
  ].flat()
  return details.map(({ name, what }) => setting(name, [what]))
}

function setting(name: string, details: readonly string[]): Change {
  return { kind: 'setting', name, mark: 'changed', details }
}

interface Detail {
  readonly name: string
  readonly what: string
}

function phrases(...details: ReadonlyArray<readonly Detail[]>): string[] {
  return details.flat().map(({ name, what }) => `${name}: ${what}`)
}

function compareText<T extends string | number | boolean>(
  name: string,
  before: T,
  after: T,
): Detail[] {
  return before === after ? [] : [{ name, what: `${before} → ${after}` }]
}

function compareDurations(name: string, beforeMs: number, afterMs: number): Detail[] {
  return compareText(name, renderMs(beforeMs), renderMs(afterMs))
}

function compareSets(
  name: string,
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
): Detail[] {
  const what = [
    ...[...after].filter((item) => !before.has(item)).map((item) => `+ ${item}`),
    ...[...before].filter((item) => !after.has(item)).map((item) => `- ${item}`),
  ]
  return what.length === 0 ? [] : [{ name, what: what.join(', ') }]
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at])
}

function place({ listen: { host, port } }: Config): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

// Every class but the caller's own faults; file.ts knows them all.
const CLASSES_BUT_REQUEST = FAULT_CLASSES.length - 1

function renderClasses({ failover: { on } }: Config): string {
  if (on.size > CLASSES_BUT_REQUEST) return 'any'
  if (on.size === CLASSES_BUT_REQUEST && !on.has('request')) return 'unavailable'
  return on.size === 0 ? 'nothing' : [...on].toSorted().join(', ')
}

function renderSource({ source }: Config): string {
  return source.kind === 'file' ? source.path : 'no file'
}

/** As it would be written in the file: `500ms`, `90s`, `10m`. */
function renderMs(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

function renderSize(bytes: number): string {
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}MiB`
  return bytes % 1024 === 0 ? `${bytes / 1024}KiB` : `${bytes} bytes`
}
