/**
 * ConfigFile → Config: what names what, and every default. Problems are collected, not thrown: what comes
 * back is only worth using when there are none.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { isLoopback, isOwnAddress, kindOfHost } from './address.ts'
import type {
  Config,
  ConfigSource,
  Credential,
  FailoverPolicy,
  FaultClass,
  Limits,
  Model,
  ModelRules,
  Provider,
  User,
  UserModel,
} from './config.ts'
import { FAULT_CLASSES } from './file.ts'
import type {
  ConfigFile,
  LimitsFile,
  ModelFile,
  ProviderFile,
  RulesFile,
  UserFile,
  WrittenUrl,
} from './file.ts'
import { expand, lookUp } from './interpolate.ts'
import type { Environment } from './interpolate.ts'
import { show } from './problems.ts'
import type { Problems } from './problems.ts'
import type { Entry, Located } from './shapes.ts'
import { DEFAULT_HOST, parseBaseUrl } from './values.ts'
import type { WrittenDigest } from './values.ts'

const DEFAULT_PORT = 4242
const DEFAULT_DEADLINE_MS = 600_000
const DEFAULT_BODY_LIMIT_BYTES = 64 * 1024 * 1024
const DEFAULT_CONNECT_MS = 5000
const DEFAULT_FIRST_BYTE_MS = 60_000
const DEFAULT_IDLE_MS = 120_000

/** What the command line says over the config. */
export interface ConfigOverrides {
  readonly port?: number | undefined
  readonly host?: string | undefined
  /** Relative to the working directory. */
  readonly log?: string | undefined
  /** Every provider answered by the embedded mock. */
  readonly mock?: boolean | undefined
}

/** Where a config is decided. */
export interface Circumstances {
  readonly source: ConfigSource
  readonly env: Environment
  readonly cwd: string
  readonly home: string
  readonly overrides: ConfigOverrides
  /** The config file's permissions let other people of this machine read it. */
  readonly readableByOthers: boolean
  readonly problems: Problems
}

/** Decides every setting. Adds to `circumstances.problems` whatever does not fit together. */
export function decideConfig(file: ConfigFile, circumstances: Circumstances): Config {
  const { problems, overrides } = circumstances
  const warnings: string[] = []
  const listen = {
    host: overrides.host ?? file.listen?.value.host ?? DEFAULT_HOST,
    port: overrides.port ?? file.listen?.value.port ?? DEFAULT_PORT,
  }
  const mocksAll = overrides.mock ?? file.mock ?? false
  const providers = new Map<string, Provider>()
  for (const entry of file.providers ?? []) {
    const provider = decideProvider(entry, { ...circumstances, listen, mocksAll, warnings })
    if (provider !== undefined) providers.set(entry.name, provider)
  }
  const models = decideModels(file, problems)
  const users = decideUsers(file, problems)
  const keys = collectKeys(file, problems)
  if (file.default_user !== undefined && !users.has(file.default_user.value)) {
    const { at, value } = file.default_user
    const suggestion = problems.suggest(value, users.keys(), 'users')
    problems.add(at, `default_user: no user is named ${show(value)}${suggestion}`)
  }
  refuseNameOnlyAbroad(file, listen, circumstances)
  const log = decideLog(file.log, circumstances)
  const audit = decideAudit(file, log, circumstances)
  warnings.push(...warningsAbout(models, users, log))
  return {
    source: circumstances.source,
    listen,
    log,
    audit,
    providers,
    models,
    users,
    keys,
    keyHints: collectKeyHints(file),
    defaultUser: file.default_user?.value,
    failover: decideFailover(file),
    onLogFailure: file.on_log_failure ?? 'refuse',
    bodyLimitBytes: file.body_limit ?? DEFAULT_BODY_LIMIT_BYTES,
    allowedHosts: new Set(file.allowed_hosts),
    allowedOrigins: new Set(file.allowed_origins),
    warnings,
  }
}

// Providers

interface ProviderCircumstances extends Circumstances {
  readonly listen: Config['listen']
  readonly mocksAll: boolean
  /** Added to. */
  readonly warnings: string[]
}

function decideProvider(
  entry: Entry<ProviderFile>,
  circumstances: ProviderCircumstances,
): Provider | undefined {
  const { name, value: file } = entry
  if (file === undefined) return undefined
  const { warnings, mocksAll, source } = circumstances
  const mock = mocksAll || (file.mock ?? false)
  if (file.mock === true && source.kind === 'file' && name !== 'mock') {
    warnings.push(`${name} is mocked: its answers are made up`)
  }
  warnAboutLiteralKey(entry, circumstances)
  const dialect = file.dialect ?? 'openai'
  const baseUrl =
    file.base_url === undefined || mock
      ? (file.base_url?.value.url ?? '')
      : decideBaseUrl(name, file.base_url, circumstances)
  if (!mock && baseUrl !== '') warnings.push(...warningsAboutUrl(entry.path, baseUrl, dialect))
  return {
    name,
    dialect,
    api: file.api ?? 'auto',
    // We add /v1 for this dialect ourselves; its SDKs name the host alone.
    baseUrl: dialect === 'anthropic' ? baseUrl.replace(/\/v1$/, '') : baseUrl,
    credential: decideCredential(file, mock),
    mock,
    timeouts: {
      connectMs: file.timeouts?.connect ?? DEFAULT_CONNECT_MS,
      firstByteMs: file.timeouts?.first_byte ?? DEFAULT_FIRST_BYTE_MS,
      idleMs: file.timeouts?.idle ?? DEFAULT_IDLE_MS,
    },
  }
}

function decideCredential(file: ProviderFile, mock: boolean): Credential {
  // A real key has no business at the mock, and a missing one does not matter there.
  if (mock || file.api_key === undefined || file.api_key.kind === 'none') return { kind: 'none' }
  const { kind, source } = file.api_key
  return kind === 'key' ? { kind, value: file.api_key.value, source } : { kind, source }
}

function warnAboutLiteralKey(
  { name, path, value: file }: Entry<ProviderFile>,
  { warnings, readableByOthers, source }: ProviderCircumstances,
): void {
  if (file?.api_key?.kind !== 'key' || !file.api_key.literal || source.kind !== 'file') return
  const variable = `${name.toUpperCase().replace(/\W/g, '_')}_API_KEY`
  const others = readableByOthers ? `; until then: chmod 600 ${source.path}` : ''
  warnings.push(
    `${path}.api_key stands in the file itself: put it in the environment and write "\${${variable}}"${others}`,
  )
}

/**
 * The base URL, unless it is our own: whoever exports OPENAI_BASE_URL for their clients, as `serve` advises,
 * and then starts us in the same shell must not have us call ourselves. The variable is passed over then.
 */
function decideBaseUrl(
  name: string,
  { value, at, path }: Located<WrittenUrl>,
  { env, listen, problems, warnings }: ProviderCircumstances,
): string {
  if (!isOwnAddress(value.url, listen)) return value.url
  const expansion = expand(value.written, env)
  const references = expansion.kind === 'expanded' ? expansion.references : []
  const variables = references.filter(({ state }) => state === 'set').map((one) => one.name)
  const without = expand(value.written, withoutVariables(env, variables))
  const parsed = without.kind === 'expanded' ? parseBaseUrl(without.text) : undefined
  if (parsed !== undefined && 'value' in parsed && !isOwnAddress(parsed.value, listen)) {
    warnings.push(
      `${variables.join(', ')} is this proxy's own address: passed over, ${name} is at ${parsed.value}`,
    )
    return parsed.value
  }
  problems.add(at, `${path}: ${show(value.url)} is this proxy's own address`)
  return value.url
}

function withoutVariables(env: Environment, names: readonly string[]): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

function warningsAboutUrl(path: string, baseUrl: string, dialect: Provider['dialect']): string[] {
  const url = new URL(baseUrl)
  const warnings: string[] = []
  if (url.protocol === 'http:' && kindOfHost(url.hostname) === 'private') {
    warnings.push(`${path}.base_url: http to ${url.host} is not encrypted`)
  }
  if (dialect === 'openai' && url.pathname === '/') {
    warnings.push(`${path}.base_url: ${baseUrl} has no path; most servers want ${baseUrl}/v1`)
  }
  return warnings
}

// Models and users

function decideModels(file: ConfigFile, problems: Problems): ReadonlyMap<string, Model> {
  const providers = new Map((file.providers ?? []).map(({ name, value }) => [name, value]))
  const models = new Map<string, Model>()
  for (const entry of file.models ?? []) {
    const provider = entry.value?.provider
    if (provider !== undefined && !providers.has(provider.value)) {
      const suggestion = problems.suggest(provider.value, providers.keys(), 'providers')
      const what = `no provider is named ${show(provider.value)}${suggestion}`
      problems.add(provider.at, `${provider.path}: ${what}`)
    }
    const rules = decideRules(providers.get(provider?.value ?? '')?.rules, entry.value?.rules)
    models.set(entry.name, decideModel(entry.name, entry.value, rules))
  }
  return models
}

/** The model's own rules over those of its provider. */
function decideRules(general: RulesFile | undefined, own: RulesFile | undefined): ModelRules {
  const pick = <K extends keyof RulesFile>(key: K): RulesFile[K] | undefined =>
    own?.[key] ?? general?.[key]
  return {
    ...ruled('like', pick('like')?.value),
    ...ruled('sampling', pick('sampling')),
    ...ruled('topK', pick('top_k')),
    ...ruled('stop', pick('stop')),
    ...ruled('forcedTools', pick('forced_tools')),
    ...ruled('parallelTools', pick('parallel_tools')),
    ...ruled('toolsWithReasoning', pick('tools_with_reasoning')),
    ...ruled('prefill', pick('prefill')),
    ...ruled('midSystem', pick('mid_system')),
    ...ruled('structuredOutputs', pick('structured_outputs')),
    ...ruled('thinking', pick('thinking')),
    ...ruled('efforts', pick('efforts')),
    ...ruled('maxOutput', pick('max_output')),
    ...ruled('maxTokensField', pick('max_tokens_field')),
    ...ruled('replayReasoning', pick('replay_reasoning')),
    ...ruled('toolCallIds', pick('tool_call_ids')),
    ...ruled('dropBetas', pick('drop_betas')),
  }
}

/** One rule, or none where nothing was written. */
function ruled<K extends keyof ModelRules>(
  key: K,
  value: ModelRules[K] | undefined,
): Pick<ModelRules, K> | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a computed key widens to a string
  return value === undefined ? undefined : ({ [key]: value } as Pick<ModelRules, K>)
}

function decideModel(name: string, file: ModelFile | undefined, rules: ModelRules): Model {
  const price = file?.price
  const isPriced = price?.input !== undefined && price.output !== undefined
  return {
    name,
    provider: file?.provider?.value ?? '',
    upstreamName: file?.model?.value ?? name,
    maxTokens: file?.max_tokens,
    strict: file?.strict ?? false,
    price: isPriced
      ? {
          input: price.input,
          output: price.output,
          cachedInput: price.cached_input,
          cacheWrite: price.cache_write,
          cacheWriteHour: price.cache_write_1h,
          reasoning: price.reasoning,
        }
      : undefined,
    rules,
  }
}

function decideUsers(file: ConfigFile, problems: Problems): ReadonlyMap<string, User> {
  const models = new Set((file.models ?? []).map(({ name }) => name))
  const users = new Map<string, User>()
  for (const { name, path, value } of file.users ?? []) {
    users.set(name, {
      name,
      models: decideUserModels(path, value, models, problems),
      keys: digestsOf(value).map((digest) => digest.value.digest),
      limits: decideLimits(value?.limits),
    })
  }
  return users
}

function decideUserModels(
  path: string,
  file: UserFile | undefined,
  models: ReadonlySet<string>,
  problems: Problems,
): UserModel[] {
  const requireModel = ({ value, at, path: place }: Located<string>): void => {
    if (models.has(value)) return
    const suggestion = problems.suggest(value, models, 'models')
    problems.add(at, `${place}: no model is named ${show(value)}${suggestion}`)
  }
  const granted = new Set<string>()
  const userModels: UserModel[] = []
  for (const { name, failover = [], limits } of file?.models ?? []) {
    if (name === undefined) continue
    requireModel(name)
    if (granted.has(name.value)) {
      problems.add(name.at, `${path} lists ${show(name.value)} twice`)
      continue
    }
    granted.add(name.value)
    const chain = new Set<string>()
    for (const next of failover) {
      requireModel(next)
      if (next.value === name.value) {
        problems.add(next.at, `${next.path}: ${show(next.value)} fails over to itself; remove it`)
      } else if (chain.has(next.value)) {
        problems.add(next.at, `${next.path}: ${show(next.value)} is tried twice; remove it`)
      }
      chain.add(next.value)
    }
    userModels.push({
      name: name.value,
      failover: [...chain],
      limits: limits === undefined ? undefined : decideLimits(limits),
    })
  }
  return userModels
}

function digestsOf(file: UserFile | undefined): ReadonlyArray<Located<WrittenDigest>> {
  return [...(file?.key === undefined ? [] : [file.key]), ...(file?.keys ?? [])]
}

function collectKeys(file: ConfigFile, problems: Problems): ReadonlyMap<string, string> {
  const keys = new Map<string, string>()
  for (const { name, value } of file.users ?? []) {
    for (const digest of digestsOf(value)) {
      const owner = keys.get(digest.value.digest)
      if (owner === name) problems.add(digest.at, `${digest.path} stands twice; remove one`)
      else if (owner !== undefined) {
        const fix = `aiproxy users key ${name}`
        problems.add(
          digest.at,
          `${digest.path} is also the key of ${owner}; a key is one user's`,
          fix,
        )
      }
      keys.set(digest.value.digest, owner ?? name)
    }
  }
  return keys
}

function collectKeyHints(file: ConfigFile): ReadonlyMap<string, string> {
  const hints = new Map<string, string>()
  for (const { value } of file.users ?? []) {
    for (const { value: written } of digestsOf(value)) {
      if (written.hint !== undefined) hints.set(written.digest, written.hint)
    }
  }
  return hints
}

function decideLimits(file: LimitsFile | undefined): Limits {
  return {
    requests: file?.requests ?? [],
    tokens: file?.tokens ?? [],
    costUsd: file?.cost ?? [],
    concurrency: file?.concurrency,
  }
}

/** Over any window: what has to be remembered from one start to the next. */
function limitsWindows(limits: Limits | undefined): boolean {
  if (limits === undefined) return false
  return limits.requests.length + limits.tokens.length + limits.costUsd.length > 0
}

// The rest

/** Beyond loopback a bare name proves nothing (design §3, reliability A3). */
function refuseNameOnlyAbroad(
  file: ConfigFile,
  listen: Config['listen'],
  { problems, overrides }: Circumstances,
): void {
  if (isLoopback(listen.host)) return
  const nameOnly = (file.users ?? []).filter(
    ({ value }) =>
      value !== undefined && value.key === undefined && (value.keys ?? []).length === 0,
  )
  const [first] = nameOnly
  if (first === undefined) return
  const names = nameOnly.map(({ name }) => name)
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ')
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  const said = overrides.host === undefined ? 'listen' : '--host'
  problems.add(
    overrides.host === undefined ? file.listen?.at : first.at,
    `${said} ${host}:${listen.port} is open to other machines, but ${shown} ${names.length > 1 ? 'have' : 'has'} no key`,
    `aiproxy users key ${first.name}`,
  )
}

function decideFailover(file: ConfigFile): FailoverPolicy {
  const on = new Set<FaultClass>()
  for (const word of file.failover?.on ?? ['unavailable' as const]) {
    if (word !== 'any' && word !== 'unavailable') on.add(word)
    else for (const one of FAULT_CLASSES) if (word === 'any' || one !== 'request') on.add(one)
  }
  return { on, deadlineMs: file.failover?.deadline ?? DEFAULT_DEADLINE_MS }
}

function decideLog(written: string | undefined, circumstances: Circumstances): string {
  const { overrides, source, env, cwd, home } = circumstances
  const log = overrides.log ?? written
  if (log === undefined) {
    // Relative paths in it are to be ignored: XDG Base Directory Specification 0.8.
    const stateHome = lookUp(env, 'XDG_STATE_HOME') ?? ''
    const base = isAbsolute(stateHome) ? stateHome : join(home, '.local', 'state')
    return join(base, 'aiproxy', 'usage.jsonl')
  }
  if (log === '-') return log
  const isFromFile = overrides.log === undefined && source.kind === 'file'
  return placePath(log, isFromFile ? dirname(source.path) : cwd, home)
}

/** The two are read by different programs and people: they never share a file, nor the config's. */
function decideAudit(
  file: ConfigFile,
  log: string,
  { source, cwd, home, problems }: Circumstances,
): string | undefined {
  if (file.audit === undefined) return undefined
  const { at, value } = file.audit
  const audit = placePath(value, source.kind === 'file' ? dirname(source.path) : cwd, home)
  if (audit === log) problems.add(at, `audit: ${show(value)} is the usage log; write another path`)
  if (source.kind === 'file' && audit === resolve(cwd, source.path)) {
    problems.add(at, `audit: ${show(value)} is this config file; write another path`)
  }
  return audit
}

function placePath(written: string, folder: string, home: string): string {
  if (written === '~' || written.startsWith('~/')) return join(home, written.slice(1))
  return resolve(folder, written)
}

function warningsAbout(
  models: ReadonlyMap<string, Model>,
  users: ReadonlyMap<string, User>,
  log: string,
): string[] {
  const warnings: string[] = []
  const used = new Set<string>()
  for (const user of users.values()) {
    for (const { name, failover } of user.models)
      for (const one of [name, ...failover]) used.add(one)
    const isLimited = [user, ...user.models].some(({ limits }) => limitsWindows(limits))
    if (isLimited && log === '-') {
      warnings.push(
        `limits of ${user.name} begin anew at each start: the usage log is stdout and cannot be read`,
      )
    }
    if (user.models.length === 0) warnings.push(`${user.name} may call no model`)
  }
  if (users.size === 0) warnings.push('there are no users: nobody may call anything')
  const unused = [...models.keys()].filter((name) => !used.has(name))
  if (unused.length > 0 && users.size > 0) {
    warnings.push(
      `no user may call ${unused.slice(0, 8).join(', ')}${unused.length > 8 ? ', …' : ''}`,
    )
  }
  return warnings
}
