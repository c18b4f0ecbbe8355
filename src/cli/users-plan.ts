/**
 * What each writer of `aiproxy users` means to do: words and the present config in, edits and what to say
 * about them out. Pure; users-write.ts carries it out.
 */
import type { Config, Limits, User, UserModel } from '../config/config.ts'
import type { Edit, KeyEntry } from '../config/edit-roster.ts'
import { nearest } from '../errors/nearest.ts'
import { parseUserName } from '../config/values.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { NO_LIMITS } from '../config/no-limits.ts'
import { KINDS, parseLimits, renderKind } from './users-limits.ts'
import { isPattern, matchingModels, noneMatches, resolveModels } from './users-models.ts'
import type { NamedModels } from './users-models.ts'
import { listNames, mayUse, requireUser } from './who.ts'
import { countOf, quoteForShell, renderLimits } from './words.ts'

export interface Note {
  /** A warning is said under --quiet, too. */
  readonly kind: 'note' | 'warning'
  readonly text: string
  /** One command. */
  readonly hint?: string | undefined
}

export interface Plan {
  readonly user: string
  /** None: all is as wanted already. */
  readonly edits: readonly Edit[]
  /** What changes, in one line; said when it is done. */
  readonly said: string
  readonly notes: readonly Note[]
}

export interface AddRequest {
  readonly user: string
  /** Names and patterns. */
  readonly models: readonly string[]
  /** `<model>=<m1,m2>` each. */
  readonly failover: readonly string[]
  /** `tokens=200k/day` each. */
  readonly limits: readonly string[]
  readonly provider: string | undefined
  readonly key: KeyEntry | undefined
  /** There is no file yet: these may be named, and are in it where none is, so that something can be allowed. */
  readonly starterModels: ReadonlyMap<string, string> | undefined
}

/** Adds a user. Throws `usage_wrong` for one that is there, or for words that mean nothing. */
export function planAdd(config: Config, request: AddRequest): Plan {
  const { user, key, provider } = request
  const name = parseUserName(user)
  if ('wrong' in name) throw new ProxyError('usage_wrong', name.wrong)
  if (config.users.has(user)) {
    throw new ProxyError('usage_wrong', `${user} is there already`, {
      hint:
        request.models.length > 0
          ? command('allow', user, ...request.models)
          : command('show', user),
    })
  }
  const chains = request.failover.map(parseChain)
  const offered = request.starterModels
  const own = resolveModels([...request.models, ...chains.map(({ model }) => model)], {
    config,
    provider,
    offered,
    commandWith: (words) => command('add', user, ...words.flatMap((word) => ['--model', word])),
  })
  const grants = new Map<string, readonly string[]>(own.names.map((model) => [model, []]))
  const added = new Map(own.added)
  for (const { model, backups } of chains) {
    const backup = resolveModels(backups, {
      config,
      provider,
      offered,
      commandWith: (words) => command('add', user, '--failover', `${model}=${words.join(',')}`),
    })
    checkChain(model, backup.names)
    for (const [one, by] of backup.added) added.set(one, by)
    grants.set(model, backup.names)
  }
  const models = [...grants].map(([model, failover]): UserModel => ({
    name: model,
    failover,
    limits: undefined,
  }))
  const limits = { ...NO_LIMITS, ...parseLimits(request.limits) }
  if (models.length === 0) {
    for (const [model, by] of offered ?? []) added.set(model, by)
  }
  const [first] = [...config.models.keys(), ...added.keys()]
  const notes = [...notesOf({ ...own, added })]
  if (models.length === 0) {
    notes.push({
      kind: 'note',
      text: `${user} may call nothing yet`,
      hint: command('allow', user, first ?? '<model>'),
    })
  }
  if (key === undefined) {
    notes.push({
      kind: 'note',
      text: `${user} has no key: on this machine the name alone is enough`,
      hint: command('key', user),
    })
  }
  const what = [models.map(renderGrant).join(', '), renderLimits(limits)].filter(
    (part) => part !== '',
  )
  return {
    user,
    edits: [
      ...additions(added),
      { kind: 'add-user', user, models, limits, keys: key === undefined ? [] : [key] },
    ],
    said: `added ${user}${what.length > 0 ? `: ${what.join('; ')}` : ''}`,
    notes,
  }
}

/** Lets a user call more models. */
export function planAllow(
  config: Config,
  request: {
    readonly user: string
    readonly models: readonly string[]
    readonly provider: string | undefined
  },
): Plan {
  const user = requireUser(config, request.user)
  const found = resolveModels(request.models, {
    config,
    provider: request.provider,
    commandWith: (words) => command('allow', user.name, ...words),
  })
  const fresh = found.names.filter((model) => !mayUse(user, model))
  return {
    user: user.name,
    edits:
      fresh.length === 0
        ? []
        : [...additions(found.added), { kind: 'allow', user: user.name, models: fresh }],
    said:
      fresh.length === 0
        ? `${user.name} may use ${found.names.join(', ')} already: nothing to change`
        : `${user.name} may now use ${fresh.join(', ')}`,
    notes: notesOf(found),
  }
}

/** Takes models away from a user. */
export function planDeny(
  config: Config,
  request: { readonly user: string; readonly models: readonly string[] },
): Plan {
  const user = requireUser(config, request.user)
  const own = user.models.map(({ name }) => name)
  const denied = new Set<string>()
  const notes: Note[] = []
  for (const word of request.models) {
    if (isPattern(word)) {
      const matching = matchingModels(word, own)
      if (matching.length === 0) throw noneMatches(word, own)
      notes.push({ kind: 'note', text: `${word} is ${matching.join(', ')}` })
      for (const name of matching) denied.add(name)
    } else if (own.includes(word) || config.models.has(word)) denied.add(word)
    else {
      const near = nearest(word, own) ?? nearest(word, config.models.keys())
      throw new ProxyError(
        'model_not_found',
        near === undefined
          ? `no model '${word}'\n  models of ${user.name}: ${listNames(own)}`
          : `no model '${word}'; did you mean ${near}?`,
        {
          hint: near === undefined ? command('show', user.name) : command('deny', user.name, near),
        },
      )
    }
  }
  const gone = own.filter((model) => denied.has(model))
  const left = user.models.filter(({ name }) => !denied.has(name))
  notes.push(...notesAfterDenying(user, denied, left, gone))
  return {
    user: user.name,
    edits: gone.length === 0 ? [] : [{ kind: 'deny', user: user.name, models: gone }],
    said:
      gone.length === 0
        ? `${user.name} was not allowed ${[...denied].join(', ')} by name: nothing to change`
        : `${user.name} may no longer use ${gone.join(', ')}`,
    notes,
  }
}

function notesAfterDenying(
  user: User,
  denied: ReadonlySet<string>,
  left: readonly UserModel[],
  gone: readonly string[],
): Note[] {
  const notes: Note[] = []
  for (const { name, failover } of left) {
    const reached = failover.filter((backup) => denied.has(backup))
    if (reached.length === 0) continue
    const rest = failover.filter((backup) => !denied.has(backup))
    notes.push({
      kind: 'warning',
      text: `${user.name} still reaches ${reached.join(', ')} as the backup of ${name}`,
      hint: command('failover', user.name, name, rest.length === 0 ? 'off' : rest.join(',')),
    })
  }
  const [first] = user.models
  const [next] = left
  if (gone.length > 0 && next === undefined) {
    notes.push({ kind: 'warning', text: `${user.name} may call nothing now` })
  } else if (first !== undefined && next !== undefined && first.name !== next.name) {
    notes.push({ kind: 'note', text: `the default model of ${user.name} is now ${next.name}` })
  }
  return notes
}

/** Sets or takes away the backups of one of a user's models. */
export function planFailover(
  config: Config,
  request: {
    readonly user: string
    readonly model: string
    /** `m1,m2` or `off`. */
    readonly chain: string
    readonly provider: string | undefined
  },
): Plan {
  const user = requireUser(config, request.user)
  const entry = user.models.find(({ name }) => name === request.model)
  if (entry === undefined) {
    const near = nearest(
      request.model,
      user.models.map(({ name }) => name),
    )
    const isKnown = config.models.has(request.model)
    throw new ProxyError(
      'model_not_found',
      isKnown || near === undefined
        ? `${user.name} may not use ${request.model}\n  allowed: ${listNames(user.models.map(({ name }) => name))}`
        : `no model '${request.model}'; did you mean ${near}?`,
      {
        hint:
          isKnown || near === undefined
            ? command('allow', user.name, request.model)
            : command('failover', user.name, near, request.chain),
      },
    )
  }
  const model = entry.name
  const isOff = request.chain === 'off'
  const backups = isOff ? [] : parseBackups(request.chain)
  const found = resolveModels(backups, {
    config,
    provider: request.provider,
    commandWith: (words) => command('failover', user.name, model, words.join(',')),
  })
  checkChain(model, found.names)
  const isSame = found.names.join() === entry.failover.join()
  const now =
    found.names.length === 0
      ? `${user.name}: ${model} has no backup`
      : `${user.name}: ${renderGrant({ ...entry, failover: found.names })}`
  return {
    user: user.name,
    edits: isSame
      ? []
      : [
          ...additions(found.added),
          { kind: 'failover', user: user.name, model, chain: found.names },
        ],
    said: isSame ? `${now}: nothing to change` : isOff ? `${now} any more` : now,
    notes: notesOf(found),
  }
}

/** Sets, for each kind that is named, all of a user's limits of that kind; `off` takes all away. */
export function planLimit(
  config: Config,
  request: { readonly user: string; readonly limits: readonly string[] },
): Plan {
  const user = requireUser(config, request.user)
  const wanted: Limits = { ...user.limits, ...parseLimits(request.limits) }
  const { concurrency } = wanted
  const edits = KINDS.flatMap(([of, field]): Edit[] =>
    renderKind(wanted, field) === renderKind(user.limits, field)
      ? []
      : [{ kind: 'limit', user: user.name, of, limits: wanted[field] }],
  )
  if (concurrency !== user.limits.concurrency) {
    edits.push({ kind: 'concurrency', user: user.name, limit: concurrency })
  }
  const before = renderLimits(user.limits) || 'no limits'
  const after = renderLimits(wanted) || 'no limits'
  return {
    user: user.name,
    edits,
    said:
      edits.length === 0
        ? `${user.name}: ${after}: nothing to change`
        : `${user.name}: ${after} (before: ${before})`,
    notes: [],
  }
}

/** Takes a user out. */
export function planRemove(config: Config, request: { readonly user: string }): Plan {
  const user = requireUser(config, request.user)
  if (config.defaultUser === user.name) {
    throw new ProxyError(
      'usage_wrong',
      `${user.name} is the default_user of this config; take that line out first`,
    )
  }
  const isLast = config.users.size === 1
  return {
    user: user.name,
    edits: [{ kind: 'remove-user', user: user.name }],
    said: `removed ${user.name}`,
    notes: isLast
      ? [
          {
            kind: 'warning',
            text: 'no users are left: nobody may call anything',
            hint: 'aiproxy users add <user> --model <model>',
          },
        ]
      : [],
  }
}

/** What goes with a user, to be asked before: `2 models, 1 key`. */
export function renderLoss({ models, keys }: User): string {
  return `${countOf(models.length, 'model')}, ${countOf(keys.length, 'key')}`
}

/** `aiproxy users …` as it would be typed. */
export function command(...words: readonly string[]): string {
  return ['aiproxy users', ...words.map(quoteForShell)].join(' ')
}

// Words

function additions(added: ReadonlyMap<string, string>): Edit[] {
  return [...added].map(([model, provider]) => ({ kind: 'add-model', model, provider }))
}

function notesOf({ added, spread }: Pick<NamedModels, 'added' | 'spread'>): Note[] {
  return [
    ...spread.map((text): Note => ({ kind: 'note', text })),
    ...[...added].map(([model, provider]): Note => ({
      kind: 'note',
      text: `new model ${model}, answered by ${provider}`,
    })),
  ]
}

function renderGrant({ name, failover }: UserModel): string {
  return [name, ...failover].join(' → ')
}

function parseChain(text: string): { model: string; backups: string[] } {
  const [model = '', list, ...more] = text.split('=')
  if (model === '' || list === undefined || more.length > 0) {
    throw new ProxyError(
      'usage_wrong',
      `--failover '${text}' is not <model>=<m1,m2>, such as gpt-5=claude-sonnet-4-20250514`,
    )
  }
  return { model, backups: parseBackups(list) }
}

function parseBackups(list: string): string[] {
  const backups = list.split(',').map((name) => name.trim())
  if (backups.includes('')) {
    throw new ProxyError('usage_wrong', `'${list}' is not a list of models: write m1,m2 or off`)
  }
  const twice = backups.find((name, index) => backups.indexOf(name) !== index)
  if (twice !== undefined) throw new ProxyError('usage_wrong', `${twice} stands twice in '${list}'`)
  return backups
}

function checkChain(model: string, backups: readonly string[]): void {
  if (backups.includes(model)) {
    throw new ProxyError('usage_wrong', `${model} cannot be its own backup`)
  }
}
