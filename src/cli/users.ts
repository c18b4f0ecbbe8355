/**
 * `aiproxy users`: who may use what, read from the config. `list` (the default), `show`, and `can`, which
 * answers with its exit code. The commands that change something are declared in users-commands.ts.
 */
import { Command } from 'commander'
import type { Config, User } from '../config/config.ts'
import { nearest } from '../errors/nearest.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { EXIT } from './exit-codes.ts'
import type { ProgramIo, TodayUse } from './io.ts'
import { cleanForTerminal } from './clean.ts'
import { describeLeft } from './limits-left.ts'
import { setHelpPage } from './help-page.ts'
import { createWriterCommands } from './users-commands.ts'
import { usersPage } from './users-help.ts'
import { describeKeys, describeUser, renderUserPage, renderUserTable } from './users-view.ts'
import type { UserNews } from './users-view.ts'
import { allowedText, listTargets, requireModel, requireUser } from './who.ts'
import type { TargetView } from './who.ts'
import { jsonLine } from './words.ts'

/** The `users` command with its subcommands. */
export function createUsersCommand(io: ProgramIo): Command {
  const command = new Command('users')
    .summary('the users and their models')
    .description('who may use which model, with which backups and limits')

  command
    .command('list', { isDefault: true })
    .description('all users (this is the default)')
    .argument('[word]')
    .allowExcessArguments()
    .action(async (word: string | undefined) => {
      if (word !== undefined) throw notACommand(word, await io.loadConfig(), command)
      await list(io)
    })
  command
    .command('show')
    .description("one user: chains, limits and what is left, keys, today's use")
    .argument('<user>')
    .action(async (name: string) => {
      await show(io, name)
    })
  command
    .command('can')
    .description('yes or no, and the chain; exit 0 or 4')
    .argument('<user>')
    .argument('<model>')
    .action(async (name: string, model: string) => {
      await can(io, name, model)
    })
  for (const writer of createWriterCommands(io)) command.addCommand(writer)
  setHelpPage(command, io.stdout, usersPage(''))
  for (const child of command.commands) setHelpPage(child, io.stdout, usersPage(child.name()))
  return command
}

async function list(io: ProgramIo): Promise<void> {
  const config = await io.loadConfig()
  const today = await io.readToday?.(config, io.now())
  const users = [...config.users.values()]
  if (io.flags.json === true) {
    io.stdout.write(
      `${jsonLine({
        schema: 'aiproxy.users/1',
        config: pathOf(config),
        users: users.map((user) => describeUser(user, todayOf(today, user))),
      })}\n`,
    )
    return
  }
  if (users.length === 0) io.stderr.write('no users yet\n')
  else
    io.stdout.write(
      renderUserTable(config, { today, columns: io.stdout.columns, paint: io.paintOut }),
    )
  if (config.source.kind === 'starter' && io.flags.quiet !== true) {
    io.stderr.write(io.paintErr.dim(STARTER_NOTE))
  }
}

const STARTER_NOTE = `
no config file: these are the starter users. Your own go into ./aiproxy.yaml:
  aiproxy users add me --model gpt-5 --failover gpt-5=claude-sonnet-4-20250514
`

async function show(io: ProgramIo, name: string): Promise<void> {
  const config = await io.loadConfig()
  const user = requireUser(config, name)
  const today = todayOf(await io.readToday?.(config, io.now()), user)
  const left = await readLeft(io, config, user)
  if (io.flags.json !== true) {
    io.stdout.write(renderUserPage(config, user, { today, left }, io.paintOut))
    return
  }
  const isKnown = !(left instanceof ProxyError)
  io.stdout.write(
    `${jsonLine({
      schema: 'aiproxy.user/1',
      config: pathOf(config),
      ...describeUser(user, today),
      keyNames: describeKeys(user, config),
      left: isKnown ? describeLeft(left) : null,
      ...(isKnown ? {} : { leftUnknown: left.message }),
      chains: user.models.map((entry) => ({
        model: entry.name,
        chain: describeChain(listTargets(config, user, entry.name)),
      })),
    })}\n`,
  )
}

/** What is left of a user's limits; where the log cannot be read, the reason, which is no reason to show nothing. */
async function readLeft(io: ProgramIo, config: Config, user: User): Promise<UserNews['left']> {
  try {
    const { readLimits } = await import('../offline.ts')
    return await readLimits(config, user, { monotonicMs: io.monotonic, wallMs: io.now })
  } catch (thrown) {
    return toProxyError(thrown)
  }
}

function describeChain(targets: readonly TargetView[]): object[] {
  return targets.map(({ model, provider, readiness }) => ({
    model: model.name,
    provider: provider.name,
    ready: readiness !== 'no-key',
    mock: provider.mock,
  }))
}

async function can(io: ProgramIo, name: string, model: string): Promise<void> {
  const config = await io.loadConfig()
  const user = requireUser(config, name)
  requireModel(config, model, user)
  const targets = listTargets(config, user, model)
  const allowed = targets.length > 0
  if (!allowed) io.exitCode = EXIT.forbidden
  const chain = targets.map((target) => target.model.name)
  if (io.flags.json === true) {
    io.stdout.write(
      `${jsonLine({
        schema: 'aiproxy.can/1',
        user: user.name,
        model,
        allowed,
        chain: describeChain(targets),
      })}\n`,
    )
    return
  }
  const { green, red } = io.paintOut
  const line = allowed
    ? `${green('yes')}  ${cleanForTerminal(chain.join(' → '))}`
    : `${red('no')}   ${cleanForTerminal(`allowed: ${allowedText(user)}`)}`
  io.stdout.write(`${line}\n`)
}

/** `aiproxy users user-a` or `aiproxy users shwo`: what was probably meant. */
function notACommand(word: string, config: Config, command: Command): ProxyError {
  if (config.users.has(word)) {
    return new ProxyError('usage_wrong', `'${word}' is a user, not a command of aiproxy users`, {
      hint: `aiproxy users show ${word}`,
    })
  }
  const names = command.commands.map((child) => child.name())
  const near = nearest(word, names)
  return new ProxyError(
    'usage_wrong',
    near === undefined
      ? `unknown command '${word}'; there is: ${names.join(', ')}`
      : `unknown command '${word}'; did you mean ${near}?`,
    { hint: near === undefined ? 'aiproxy users --help' : `aiproxy users ${near}` },
  )
}

function pathOf(config: Config): string | null {
  return config.source.kind === 'file' ? config.source.path : null
}

function todayOf(
  today: ReadonlyMap<string, TodayUse> | undefined,
  user: User,
): TodayUse | undefined {
  return today === undefined ? undefined : (today.get(user.name) ?? { requests: 0, costUsd: 0 })
}
