/**
 * `aiproxy ask`: one prompt through the very path a proxied request takes: the same call, the same
 * exchange, in this process. parse → call → render.
 */
import { Command } from 'commander'
import type { Config, User } from '../config/config.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { ASK_PAGE, ASK_SHORT_HELP } from './ask-help.ts'
import { parseAskFlags } from './ask-options.ts'
import type { AskFlags, AskOptions } from './ask-options.ts'
import { isPromptMissing, readPrompt } from './ask-prompt.ts'
import { sendQuestion } from './ask-send.ts'
import { EXIT } from './exit-codes.ts'
import { setHelpPage } from './help-page.ts'
import type { ProgramIo } from './io.ts'
import { cleanForTerminal } from './clean.ts'
import { requireUser } from './who.ts'

/** The `ask` command. */
export function createAskCommand(io: ProgramIo): Command {
  const command = new Command('ask')
    .summary('one prompt to one model')
    .description('one prompt to one model')
    .argument('[prompt...]', 'words of the prompt, joined')
    .option('-u, --user <name>', 'default: $AIPROXY_USER, default_user, or the only user')
    .option('-m, --model <id>', "default: the user's first model")
    .option('-s, --system <text>', 'system prompt')
    .option('-f, --file <path>', 'text, PNG, JPEG, GIF, WebP, PDF; repeatable', collect)
    .option('-t, --temperature <n>', '0 is 0')
    .option('--max-tokens <n>', 'most output tokens')
    .option('-o, --option <k=v>', 'a field of the request, JSON or text; repeatable', collect)
    .option('--no-stream', 'ask for the answer in one piece')
    .option('-x, --extract', 'only the first fenced block')
    .option('--no-failover', 'only the model asked for')
    .option('--timeout <dur>', 'deadline of all attempts together, such as 30s')
    .option('--explain', 'the path this would take; sends nothing')
    .option('--no-stdin', 'do not read stdin')
    .option('--no-log', 'no line in the usage log, nor in the audit')
    .option('--jsonl', 'one JSON object a line, as it comes')
    .action(async (words: string[], flags: AskFlags) => {
      const json = io.flags.json === true
      // Whoever reads lines of JSON wants the errors so, too.
      if (flags.jsonl === true) io.flags.json = true
      await ask(io, words, parseAskFlags(flags, json))
    })
  setHelpPage(command, io.stdout, ASK_PAGE)
  return command
}

function collect(value: string, list: readonly string[] = []): readonly string[] {
  return [...list, value]
}

async function ask(io: ProgramIo, words: readonly string[], options: AskOptions): Promise<void> {
  const source = { words, files: options.files, readStdin: options.readStdin }
  if (!options.explain && isPromptMissing({ ...source, limitBytes: 0 }, io)) {
    if (options.format !== 'text') throw new ProxyError('usage_wrong', 'no prompt')
    io.stderr.write(ASK_SHORT_HELP)
    io.exitCode = EXIT.misused
    return
  }
  const config = await io.loadConfig()
  if (io.flags.verbose > 0) {
    for (const warning of config.warnings)
      io.stderr.write(`warning: ${cleanForTerminal(warning)}\n`)
  }
  const { user, userFrom } = chooseUser(io, config, options.user)
  const { model, modelFrom } = chooseModel(user, options.model)
  const prompt = await readPrompt({ ...source, limitBytes: config.bodyLimitBytes }, io)
  const question = { user, model, prompt, options }
  if (!options.explain) {
    await sendQuestion(io, config, question)
    return
  }
  const { explain } = await import('./explain.ts')
  // Without a prompt yet, the path of any short one.
  const stand = prompt.parts.length > 0 ? prompt : { content: 'Hello', parts: [] }
  await explain(io, config, { ...question, prompt: stand, userFrom, modelFrom })
}

// ── who asks, and whom ──────────────────────────────────────────────────────────────────────────

/** Who asks: `--user`, $AIPROXY_USER, default_user, or the only user. Throws `usage_wrong` where none is meant. */
export function chooseUser(
  io: Pick<ProgramIo, 'env'>,
  config: Config,
  flag: string | undefined,
): { user: User; userFrom: string } {
  if (flag !== undefined) return { user: requireUser(config, flag), userFrom: '--user' }
  const fromEnv = io.env['AIPROXY_USER']
  if (fromEnv !== undefined && fromEnv !== '') {
    return { user: requireUser(config, fromEnv), userFrom: '$AIPROXY_USER' }
  }
  if (config.defaultUser !== undefined) {
    return { user: requireUser(config, config.defaultUser), userFrom: 'default_user' }
  }
  const [first, ...others] = config.users.values()
  if (first !== undefined && others.length === 0) return { user: first, userFrom: 'the only user' }
  // The starter users are examples: whoever has no config yet should not have to choose one.
  if (first !== undefined && config.source.kind === 'starter') {
    return { user: first, userFrom: 'the first starter user' }
  }
  const names = [...config.users.keys()]
  throw new ProxyError(
    'usage_wrong',
    `which user? none was named and there are several\n  users: ${names.join(', ')}`,
    { hint: `aiproxy ask --user ${names[0] ?? 'NAME'} …` },
  )
}

function chooseModel(user: User, flag: string | undefined): { model: string; modelFrom: string } {
  if (flag !== undefined) return { model: flag, modelFrom: '--model' }
  const [first] = user.models
  if (first === undefined) {
    throw new ProxyError('not_allowed', `${user.name} may not use any model`, {
      hint: `aiproxy users allow ${user.name} <model>`,
    })
  }
  return { model: first.name, modelFrom: `the first of ${user.name}` }
}
