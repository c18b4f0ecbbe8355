/**
 * Carries out what the writers of `aiproxy users` mean to do: read the file, plan, edit, check, and then
 * write, or show what would be written.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { mintKey } from '../access/keys.ts'
import type { Config } from '../config/config.ts'
import { createFile, openForEdit, replaceFile } from '../config/edit-file.ts'
import { firstConfigAt } from '../config/edit-new.ts'
import { editConfigText, loadForEdit } from '../config/edit.ts'
import { findConfig, namedPath } from '../config/find.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { cleanForTerminal } from './clean.ts'
import { EXIT } from './exit-codes.ts'
import type { ProgramIo } from './io.ts'
import { planNewKey, planRevoke } from './users-keys.ts'
import {
  command,
  planAdd,
  planAllow,
  planDeny,
  planFailover,
  planLimit,
  planRemove,
  renderLoss,
} from './users-plan.ts'
import type { Plan } from './users-plan.ts'
import { notesOnFile, report } from './users-report.ts'
import type { FileToEdit, Writing } from './users-report.ts'
import { renderPath } from './words.ts'

interface DryRun {
  readonly dryRun?: boolean | undefined
}

/** `users add`. Throws ProxyError like every function here; main() renders it. */
export async function addUser(
  io: ProgramIo,
  request: DryRun & {
    readonly user: string
    readonly models: readonly string[]
    readonly failover?: readonly string[] | undefined
    readonly limit?: readonly string[] | undefined
    readonly provider?: string | undefined
    readonly key?: boolean | undefined
  },
): Promise<void> {
  const file = openFile(io, true)
  const minted = request.key === true ? mintKey(randomBytes) : undefined
  const { user, models, provider } = request
  const makePlan = (config: Config): Plan =>
    planAdd(config, {
      user,
      models,
      provider,
      failover: request.failover ?? [],
      limits: request.limit ?? [],
      key: minted,
      starterModels: file.opened === undefined ? STARTER_MODELS : undefined,
    })
  try {
    await write(io, file, { name: 'add', makePlan, minted, dryRun: request.dryRun })
  } catch (thrown) {
    // For someone who is not there yet, a key can only be made together with them.
    const isKeyMissing = thrown instanceof ProxyError && thrown.hint === command('key', user)
    throw isKeyMissing
      ? new ProxyError(thrown.code, thrown.message, { cause: thrown, hint: withKey(request) })
      : thrown
  }
}

function withKey({
  user,
  models,
  failover = [],
  limit = [],
  provider,
}: Parameters<typeof addUser>[1]): string {
  const words = [
    ...models.flatMap((model) => ['--model', model]),
    ...failover.flatMap((chain) => ['--failover', chain]),
    ...limit.flatMap((one) => ['--limit', one]),
    ...(provider === undefined ? [] : ['--provider', provider]),
  ]
  return command('add', user, ...words, '--key')
}

/** `users allow`. */
export async function allowModels(
  io: ProgramIo,
  request: DryRun & {
    readonly user: string
    readonly models: readonly string[]
    readonly provider?: string | undefined
  },
): Promise<void> {
  const provider = request.provider
  const makePlan = (config: Config): Plan => planAllow(config, { ...request, provider })
  await write(io, openFile(io, false), { name: 'allow', makePlan, dryRun: request.dryRun })
}

/** `users deny`. */
export async function denyModels(
  io: ProgramIo,
  request: DryRun & { readonly user: string; readonly models: readonly string[] },
): Promise<void> {
  const makePlan = (config: Config): Plan => planDeny(config, request)
  await write(io, openFile(io, false), { name: 'deny', makePlan, dryRun: request.dryRun })
}

/** `users failover`. */
export async function setFailover(
  io: ProgramIo,
  request: DryRun & {
    readonly user: string
    readonly model: string
    readonly chain: string
    readonly provider?: string | undefined
  },
): Promise<void> {
  const provider = request.provider
  const makePlan = (config: Config): Plan => planFailover(config, { ...request, provider })
  await write(io, openFile(io, false), { name: 'failover', makePlan, dryRun: request.dryRun })
}

/** `users limit`. */
export async function setLimits(
  io: ProgramIo,
  request: DryRun & { readonly user: string; readonly limits: readonly string[] },
): Promise<void> {
  const makePlan = (config: Config): Plan => planLimit(config, request)
  await write(io, openFile(io, false), { name: 'limit', makePlan, dryRun: request.dryRun })
}

/** `users key`: a new key, or with `revoke` one less. */
export async function changeKeys(
  io: ProgramIo,
  request: DryRun & {
    readonly user: string | undefined
    readonly revoke?: string | boolean | undefined
    readonly all?: boolean | undefined
  },
): Promise<void> {
  const { revoke, all = false, dryRun } = request
  // `key --revoke user-a`: the flag took the name for its key.
  const isSwallowed = request.user === undefined && typeof revoke === 'string'
  const user = isSwallowed ? revoke : request.user
  const which = isSwallowed || typeof revoke !== 'string' ? undefined : revoke
  if (user === undefined) {
    throw new ProxyError('usage_wrong', 'whose key?', { hint: 'aiproxy users key <user>' })
  }
  if (revoke === undefined) {
    if (all) throw new ProxyError('usage_wrong', '--all goes with --revoke')
    const minted = mintKey(randomBytes)
    const makePlan = (config: Config): Plan => planNewKey(config, user, minted)
    await write(io, openFile(io, false), { name: 'key', makePlan, minted, dryRun })
    return
  }
  if (all && which !== undefined) {
    throw new ProxyError('usage_wrong', `--all, or '${which}': not both`)
  }
  const makePlan = (config: Config): Plan => planRevoke(config, { user, which, all })
  await write(io, openFile(io, false), { name: 'key', makePlan, dryRun })
}

/** `users remove`; asks first on a terminal, and wants `--yes` elsewhere. */
export async function removeUser(
  io: ProgramIo,
  request: DryRun & { readonly user: string; readonly yes?: boolean | undefined },
): Promise<void> {
  const { user: name, yes = false, dryRun } = request
  const makePlan = (config: Config): Plan => planRemove(config, request)
  const confirm = async (config: Config, shown: string): Promise<boolean> => {
    const user = config.users.get(name)
    const loss = user === undefined ? '' : ` (${renderLoss(user)})`
    if (yes) return true
    if (io.stderr.isTTY !== true || !io.stdin.isTTY) {
      throw new ProxyError('usage_wrong', `remove ${name}${loss}? Nobody is there to ask`, {
        hint: `${command('remove', name)} --yes`,
      })
    }
    return ask(io, `remove ${name}${loss} from ${shown}? [y/N] `)
  }
  await write(io, openFile(io, false), { name: 'remove', makePlan, confirm, dryRun })
}

// The file

const NEW_NAME = 'aiproxy.yaml'

function openFile(io: ProgramIo, mayBeMade: boolean): FileToEdit {
  const { env, cwd, home } = io
  const where = { flag: io.flags.config, env, cwd, home }
  const named = namedPath(where)
  if (mayBeMade && named !== undefined && !existsSync(named)) {
    return { path: named, shown: renderPath(named, { cwd, home }), opened: undefined }
  }
  const found = findConfig(where)
  if (found.kind === 'file') {
    const shown = renderPath(found.path, { cwd, home })
    return { path: found.path, shown, opened: openForEdit(found.path, shown) }
  }
  if ((io.flags.config ?? env['AIPROXY_CONFIG']) === 'none') {
    throw new ProxyError(
      'usage_wrong',
      'no config file is used (config: none), so none is edited',
      {
        hint: 'the same command without `none`',
      },
    )
  }
  if (!mayBeMade) {
    throw new ProxyError(
      'config_missing',
      'there is no config file yet; the starter users stand in none',
      { hint: 'aiproxy users add <user> --model gpt-5' },
    )
  }
  const path = resolve(cwd, NEW_NAME)
  return { path, shown: renderPath(path, { cwd, home }), opened: undefined }
}

/** What patterns mean where there is no file yet, and what a first file offers to someone who names no model. */
const STARTER_MODELS: ReadonlyMap<string, string> = new Map([
  ['gpt-5', 'openai'],
  ['claude-sonnet-4-20250514', 'anthropic'],
])

// Doing it

async function write(io: ProgramIo, file: FileToEdit, writing: Writing): Promise<void> {
  const { env, cwd, home } = io
  const { opened, path } = file
  const options = { env, cwd, home }
  const text = opened?.text ?? firstConfigAt(path)
  const { config } = await loadForEdit(text, path, options)
  const plan = writing.makePlan(config)
  if (plan.edits.length === 0) {
    report(io, file, { writing, plan, notes: plan.notes, result: undefined, old: text })
    return
  }
  const result = await editConfigText({ text, path, edits: plan.edits, options })
  const notes = [...plan.notes, ...notesOnFile(io, file, writing, result)]
  if (writing.dryRun !== true) {
    const isWanted = (await writing.confirm?.(config, file.shown)) ?? true
    if (!isWanted) {
      io.stderr.write('nothing was written\n')
      io.exitCode = EXIT.failed
      return
    }
    if (opened === undefined) createFile(path, file.shown, result.text, io.now())
    else replaceFile(opened, result.text, io.now())
  }
  report(io, file, { writing, plan, notes, result, old: opened?.text ?? '' })
}

/** One line from the terminal; true for yes. The end of input is a no. */
async function ask(io: ProgramIo, question: string): Promise<boolean> {
  io.stderr.write(cleanForTerminal(question))
  const lines = createInterface({ input: io.stdin, terminal: false })
  const answer = await new Promise<string | undefined>((settle) => {
    lines.once('line', settle)
    lines.once('close', () => {
      settle(undefined)
    })
  })
  lines.close()
  if (answer === undefined) io.stderr.write('\n')
  return /^\s*y(?:es)?\s*$/i.test(answer ?? '')
}
