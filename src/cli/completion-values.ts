/**
 * What may stand at the cursor. Commands and flags come from the declarations; only what a value means
 * (a user, a model, a time) is said here, by the name of its flag or argument.
 */
import type { Argument, Command, Option } from 'commander'
import type { Config, User } from '../config/config.ts'
import { cleanForTerminal } from './clean.ts'
import { nameOf, optionsOf } from './completion-line.ts'
import type { TypedLine } from './completion-line.ts'

export interface Candidate {
  readonly value: string
  readonly about?: string | undefined
}

export interface Answer {
  /** `open`: more may follow in the same word, so no space after it. `files`: the shell knows them. */
  readonly kind: 'words' | 'open' | 'files'
  readonly candidates: readonly Candidate[]
}

/** What the candidates are chosen by, beside the line. */
export interface Surroundings {
  /** `undefined` where there is none that can be used. */
  readonly loadConfig: () => Promise<Config | undefined>
  /** Who `ask` would ask as, if it is said or there is only one. */
  readonly askerOf: (config: Config) => Promise<User | undefined>
  /** The words `aiproxy help` takes beside the commands. */
  readonly topics: readonly string[]
}

type Source = (line: TypedLine, around: Surroundings) => Promise<Answer>

const NOTHING: Answer = { kind: 'words', candidates: [] }
const FILES: Answer = { kind: 'files', candidates: [] }

/** Everything that may stand at the cursor, whatever was typed of it so far. */
export async function listCandidates(line: TypedLine, around: Surroundings): Promise<Answer> {
  const { place, command, operands } = line
  switch (place.kind) {
    case 'flag':
      return words(listFlags(line))
    case 'value': {
      const answer = await valuesOf(place.option, line, around)
      const { before } = place
      return {
        ...answer,
        candidates: answer.candidates.map((one) => ({ ...one, value: before + one.value })),
      }
    }
    case 'operand':
      break
  }
  if (operands[0] === 'help' && command.commands.length > 0) return words(listHelp(line, around))
  if (operands.length === 0 && command.commands.length > 0) return words(listCommands(command))
  const argument = command.registeredArguments.at(
    Math.min(operands.length, command.registeredArguments.length - 1),
  )
  if (argument === undefined) return NOTHING
  if (operands.length >= command.registeredArguments.length && !argument.variadic) return NOTHING
  const answer = await argumentValues(command, argument, line, around)
  return {
    ...answer,
    // Said already, or a flag to whoever reads it.
    candidates: answer.candidates.filter(
      ({ value }) => !operands.includes(value) && !value.startsWith('-'),
    ),
  }
}

// ── commands and flags ──────────────────────────────────────────────────────────────────────────

function listCommands(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), about: child.summary() || child.description() }))
    .concat(command.parent === null ? [{ value: 'help', about: 'commands and topics' }] : [])
}

function listHelp({ command, operands }: TypedLine, { topics }: Surroundings): Candidate[] {
  if (operands.length === 1) {
    const known = listCommands(command).filter(({ value }) => value !== 'help')
    return command.parent === null ? [...known, ...topics.map((value) => ({ value }))] : known
  }
  const child = command.commands.find((one) => one.name() === operands[1])
  return operands.length === 2 && child !== undefined && child.commands.length > 0
    ? listCommands(child).filter(({ value }) => value !== 'help')
    : []
}

/** Long flags; one that was given and cannot be repeated is not offered again. */
function listFlags({ command, given, typed }: TypedLine): Candidate[] {
  const seen = new Set<string>()
  return optionsOf(command).flatMap((option) => {
    const name = nameOf(option)
    const isSpent = given.has(name) && option.parseArg === undefined
    if (seen.has(name) || isSpent || option.hidden) return []
    seen.add(name)
    if (option.long === '--version' && command.parent !== null) return []
    const about = option.description
    // One letter is typed as fast as completed; it is listed for who looks for it.
    const short = typed === '-' && option.short !== undefined ? [option.short] : []
    return [...short, name].map((value) => ({ value, about }))
  })
}

// ── values ──────────────────────────────────────────────────────────────────────────────────────

async function valuesOf(option: Option, line: TypedLine, around: Surroundings): Promise<Answer> {
  if (option.argChoices !== undefined) return words(option.argChoices.map((value) => ({ value })))
  return (await sourceOf(option)?.(line, around)) ?? NOTHING
}

/** Where the values of a flag come from; `undefined` for one that this file does not know. */
export function sourceOf(option: Option): Source | undefined {
  return FLAG_VALUES.get(nameOf(option)) ?? (/<(file|path)>/.test(option.flags) ? files : undefined)
}

async function argumentValues(
  command: Command,
  argument: Argument,
  line: TypedLine,
  around: Surroundings,
): Promise<Answer> {
  if (argument.argChoices !== undefined) {
    return words(argument.argChoices.map((value) => ({ value })))
  }
  const source =
    ARGUMENT_VALUES.get(`${command.name()} ${argument.name()}`) ??
    ARGUMENT_VALUES.get(argument.name())
  return (await source?.(line, around)) ?? NOTHING
}

const files: Source = () => Promise.resolve(FILES)
/** What nobody but the person at the keyboard can know. */
const free: Source = () => Promise.resolve(NOTHING)

/** From the config; nothing where there is none. */
function named(
  list: (
    config: Config,
    line: TypedLine,
    around: Surroundings,
  ) => readonly Candidate[] | Promise<readonly Candidate[]>,
  kind: Answer['kind'] = 'words',
): Source {
  return async (line, around) => {
    const config = await around.loadConfig()
    return config === undefined ? NOTHING : { kind, candidates: await list(config, line, around) }
  }
}

const users = named((config) =>
  [...config.users.values()].map((user) => ({
    value: user.name,
    about: user.models.map((model) => model.name).join(' '),
  })),
)

const models = named((config) => listModels(config))

/** Of the user whose name stands before, or who would be asking. */
const ownModels = named(async (config, line, around) => {
  const user =
    line.command.name() === 'ask'
      ? await around.askerOf(config)
      : config.users.get(line.operands[0] ?? '')
  return user === undefined ? listModels(config) : listModels(config, modelsOf(user))
})

/** Those the user may not call yet. */
const otherModels = named((config, { operands }) => {
  const user = config.users.get(operands[0] ?? '')
  const own = new Set(user === undefined ? [] : modelsOf(user))
  return listModels(config).filter(({ value }) => !own.has(value))
})

const chain = named((config, { typed, operands }) => {
  const list = typed.includes(',') ? [] : [{ value: 'off', about: 'no backup' }]
  return [...listed(typed, listModels(config), operands.slice(1)), ...list]
}, 'open')

/** `users add --failover gpt-5=claude-sonnet-4-20250514`. */
const chainOfModel = named((config, { typed }) => {
  const split = typed.indexOf('=') + 1
  if (split === 0) return listModels(config).map((one) => ({ ...one, value: `${one.value}=` }))
  const head = typed.slice(0, split)
  return listed(typed.slice(split), listModels(config), [head.slice(0, -1)]).map((one) => ({
    ...one,
    value: head + one.value,
  }))
}, 'open')

const providers = named((config) =>
  [...config.providers.values()].map(({ name, dialect }) => ({ value: name, about: dialect })),
)

const keyNames = named((config, { operands }) => {
  const user = config.users.get(operands[0] ?? '')
  return (user?.keys ?? []).flatMap((digest) => config.keyHints.get(digest) ?? []).map(bare)
})

const times: Source = async () => {
  const { WORDS } = await import('../usage/window.ts')
  return words([...WORDS, ...LENGTHS].map(bare))
}
const LENGTHS = ['15m', '1h', '24h', '7d', '30d', '3mo']

const zones: Source = ({ typed }) => {
  const here = new Intl.DateTimeFormat().resolvedOptions().timeZone
  // Four hundred of them help only who has begun to type one.
  const others = typed === '' ? [] : Intl.supportedValuesOf('timeZone')
  return Promise.resolve(words([...new Set(['local', 'UTC', here, ...others])].map(bare)))
}

const groupKeys: Source = async ({ typed }) => {
  const { GROUP_KEYS } = await import('../usage/report.ts')
  return { kind: 'open', candidates: listed(typed, GROUP_KEYS.map(bare), []) }
}

const sortColumns: Source = async () => {
  const { GROUP_KEYS } = await import('../usage/report.ts')
  const { METRICS } = await import('./usage-metrics.ts')
  return words([...METRICS.map(({ header }) => header.toLowerCase()), ...GROUP_KEYS].map(bare))
}

const outcomes: Source = async () => words((await import('./usage-flags.ts')).OUTCOMES.map(bare))
const formats: Source = async () => words((await import('./usage-flags.ts')).FORMATS.map(bare))

/** `tokens=`, and after an amount the windows: `tokens=200k/day`. */
const limits: Source = async ({ typed, command }) => {
  const { KINDS } = await import('./users-limits.ts')
  const { WINDOWS } = await import('../config/values.ts')
  const amount = /^(?!concurrency)\w+=(?:[^/]*,|[^/]*\/[^,]*,)*[^/,]*\d[^/,]*/.exec(typed)?.[0]
  const candidates =
    amount === undefined
      ? [
          ...KINDS.map(([kind]) => ({ value: `${kind}=`, about: 'amount/window' })),
          { value: 'concurrency=', about: 'requests at once' },
        ]
      : WINDOWS.map((window) => ({ value: `${amount}/${window}` }))
  const off = command.name() === 'limit' && amount === undefined ? [bare('off')] : []
  return { kind: amount === undefined ? 'open' : 'words', candidates: [...candidates, ...off] }
}

const FLAG_VALUES: ReadonlyMap<string, Source> = new Map([
  ['--config', files],
  ['--user', users],
  ['--model', ownModels],
  ['--provider', providers],
  ['--failover', chainOfModel],
  ['--limit', limits],
  ['--revoke', keyNames],
  ['--since', times],
  ['--until', times],
  ['--tz', zones],
  ['--by', groupKeys],
  ['--sort', sortColumns],
  ['--outcome', outcomes],
  ['--format', formats],
  ['--system', free],
  ['--temperature', free],
  ['--max-tokens', free],
  ['--option', free],
  ['--timeout', free],
  ['--top', free],
  ['--port', free],
  ['--host', free],
])

// By the argument's name, or by the command's and the argument's.
const ARGUMENT_VALUES: ReadonlyMap<string, Source> = new Map([
  ['user', users],
  ['add user', free],
  ['model', models],
  ['allow model', otherModels],
  ['deny model', ownModels],
  ['failover model', ownModels],
  ['m1,m2|off', chain],
  ['limit', limits],
])

function listModels(config: Config, names: Iterable<string> = config.models.keys()): Candidate[] {
  return Array.from(names, (value) => ({ value, about: config.models.get(value)?.provider }))
}

function modelsOf(user: User): string[] {
  return user.models.map(({ name }) => name)
}

/** Candidates for the next word of a list with commas; what is in it already is left out. */
function listed(
  typed: string,
  candidates: readonly Candidate[],
  used: readonly string[],
): Candidate[] {
  const head = typed.slice(0, typed.lastIndexOf(',') + 1)
  const taken = new Set([...head.split(','), ...used])
  return candidates
    .filter(({ value }) => !taken.has(value))
    .map((one) => ({ ...one, value: head + one.value }))
}

function words(candidates: readonly Candidate[]): Answer {
  return { kind: 'words', candidates }
}

function bare(value: string): Candidate {
  return { value }
}

/** Candidates that can be typed, each on one line: names with control characters cannot. */
export function typeable(candidates: readonly Candidate[]): Candidate[] {
  return candidates
    .filter(({ value }) => value !== '' && cleanForTerminal(value) === value)
    .map(({ value, about }) =>
      (about ?? '') === '' ? { value } : { value, about: cleanForTerminal(about ?? '') },
    )
}
