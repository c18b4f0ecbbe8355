/**
 * The writers of `aiproxy users` as commander has them: words and flags only. What they do is loaded when
 * one of them runs, so that reading the users never pays for it.
 */
import { Command } from 'commander'
import type { ProgramIo } from './io.ts'

interface DryRun {
  readonly dryRun?: boolean
}

interface Naming extends DryRun {
  readonly provider?: string
}

/** add, allow, deny, failover, limit, key, remove. */
export function createWriterCommands(io: ProgramIo): Command[] {
  return [
    withNaming(new Command('add'))
      .description('a new user; the config file is made where there is none')
      .argument('<user>')
      .argument('[model...]', 'like --model')
      .option('-m, --model <id|glob>', 'may be called; repeatable', collect)
      .option('--failover <model=m1,m2>', 'backups of a model; repeatable', collect)
      .option('--limit <kind=amount/window>', 'such as tokens=200k/day; repeatable', collect)
      .option('--key', 'make a key at once, alone on stdout')
      .action(async (user: string, models: string[], flags: AddFlags) => {
        const { addUser } = await import('./users-write.ts')
        await addUser(io, { user, models: [...(flags.model ?? []), ...models], ...flags })
      }),
    withNaming(new Command('allow'))
      .description('let a user call more models')
      .argument('<user>')
      .argument('<model...>', 'names or patterns')
      .action(async (user: string, models: string[], flags: Naming) => {
        await (await import('./users-write.ts')).allowModels(io, { user, models, ...flags })
      }),
    withDryRun(new Command('deny'))
      .description('take models away from a user')
      .argument('<user>')
      .argument('<model...>', "names or patterns of the user's own")
      .action(async (user: string, models: string[], flags: DryRun) => {
        await (await import('./users-write.ts')).denyModels(io, { user, models, ...flags })
      }),
    withNaming(new Command('failover'))
      .description('the backups of a model, in the order in which they are tried')
      .argument('<user>')
      .argument('<model>')
      .argument('<m1,m2|off>')
      .action(async (user: string, model: string, chain: string, flags: Naming) => {
        await (await import('./users-write.ts')).setFailover(io, { user, model, chain, ...flags })
      }),
    withDryRun(new Command('limit'))
      .description('requests, tokens, cost, requests at a time; or off')
      .argument('<user>')
      .argument('<limit...>', 'kind=amount/window, kind=a,b for two windows, kind=off, off')
      .action(async (user: string, limits: string[], flags: DryRun) => {
        await (await import('./users-write.ts')).setLimits(io, { user, limits, ...flags })
      }),
    withDryRun(new Command('key'))
      .description('make a key, shown once and alone on stdout; or revoke keys')
      .argument('[user]', 'whose')
      .option('--revoke [key]', 'take a key away, named by its last four characters')
      .option('--all', 'with --revoke: all keys of the user')
      .action(async (user: string | undefined, flags: KeyFlags) => {
        await (await import('./users-write.ts')).changeKeys(io, { user, ...flags })
      }),
    withDryRun(new Command('remove'))
      .description('take a user out')
      .argument('<user>')
      .option('-y, --yes', 'without asking')
      .action(async (user: string, flags: DryRun & { readonly yes?: boolean }) => {
        await (await import('./users-write.ts')).removeUser(io, { user, ...flags })
      }),
  ]
}

interface AddFlags extends Naming {
  readonly model?: readonly string[]
  readonly failover?: readonly string[]
  readonly limit?: readonly string[]
  readonly key?: boolean
}

interface KeyFlags extends DryRun {
  readonly revoke?: string | boolean
  readonly all?: boolean
}

function withDryRun(command: Command): Command {
  return command.option('-n, --dry-run', 'show the change, write nothing')
}

function withNaming(command: Command): Command {
  return withDryRun(command).option(
    '--provider <name>',
    'who answers for models that are new to the file',
  )
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
