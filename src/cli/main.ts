/**
 * The top of the command line: reads the shared flags, loads the one command that was named, renders
 * what goes wrong and turns it into an exit code. A command file is imported only when it is used, so
 * `--help` and `users` never pay for the server or the HTTP client.
 */
import { Command, CommanderError, Option } from 'commander'
import { nearest } from '../errors/nearest.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { EXIT } from './exit-codes.ts'
import { HELP_FORMAT } from './help-format.ts'
import { FULL_HELP, SHORT_HELP, TOPICS, asAnswer, renderTopic } from './help.ts'
import type { GlobalFlags, ProgramIo, World } from './io.ts'
import { createPaint } from './paint.ts'
import type { ColorFlag } from './paint.ts'
import { explainMisuse, isHelpShown, reportError } from './report-error.ts'
import { createWorld } from './world.ts'
import { wrapSentences } from './wrap-stream.ts'

interface CommandEntry {
  readonly summary: string
  readonly load: (io: ProgramIo) => Promise<Command>
}

const COMMANDS: ReadonlyMap<string, CommandEntry> = new Map([
  [
    'serve',
    {
      summary: 'run the proxy',
      load: async (io: ProgramIo) => (await import('./serve.ts')).createServeCommand(io),
    },
  ],
  [
    'ask',
    {
      summary: 'one prompt to one model',
      load: async (io: ProgramIo) => (await import('./ask.ts')).createAskCommand(io),
    },
  ],
  [
    'users',
    {
      summary: 'the users and their models',
      load: async (io: ProgramIo) => (await import('./users.ts')).createUsersCommand(io),
    },
  ],
  [
    'usage',
    {
      summary: 'requests, tokens and cost from the log',
      load: async (io: ProgramIo) => (await import('./usage.ts')).createUsageCommand(io),
    },
  ],
  [
    'completion',
    {
      summary: 'a script that completes commands, flags, users and models',
      load: async (io: ProgramIo) => (await import('./completion.ts')).createCompletionCommand(io),
    },
  ],
])

// What the completion scripts call.
const COMPLETE = '__complete'

/**
 * Runs one command line (`argv` without node and script) and sets the process's exit code, which it
 * also returns. Never throws.
 */
export async function main(
  argv: readonly string[] = process.argv.slice(2),
  world?: World,
): Promise<number> {
  const outside = world ?? createRealWorld()
  const code = await run(argv, outside)
  outside.setExitCode(code)
  return code
}

async function run(argv: readonly string[], world: World): Promise<number> {
  // First: the rest is somebody's unfinished command line, not ours to check.
  if (argv[0] === COMPLETE) return completeLine(argv.slice(1), world)
  const seen = scan(argv)
  const io = createIo(world, seen)
  try {
    if (seen.error !== undefined) throw seen.error
    await dispatch(argv, seen, io)
    return io.exitCode
  } catch (thrown) {
    if (isHelpShown(thrown)) return EXIT.done
    const command = seen.operands.slice(0, 1).filter((word) => COMMANDS.has(word))
    const { text, exitCode } = reportError(
      thrown instanceof CommanderError
        ? explainMisuse(thrown, { words: argv, command, flags: io.knownFlags })
        : pointToHelp(thrown, command),
      { json: io.flags.json === true, verbose: io.flags.verbose, paint: io.paintErr },
    )
    io.stderr.write(text)
    return exitCode
  }
}

async function completeLine(words: readonly string[], world: World): Promise<number> {
  const { complete } = await import('./complete.ts')
  const io = createIo(world, scan([]))
  world.stdout.write(await complete(words, world, (name) => createProgram(io, name)))
  return EXIT.done
}

/** A wrong value has no one command that fixes it; the command's own help comes nearest. */
function pointToHelp(thrown: unknown, command: readonly string[]): unknown {
  if (!(thrown instanceof ProxyError) || thrown.code !== 'usage_wrong') return thrown
  if (thrown.hint !== undefined) return thrown
  return new ProxyError('usage_wrong', thrown.message, {
    cause: thrown.cause,
    hint: ['aiproxy', ...command, '--help'].join(' '),
  })
}

async function dispatch(argv: readonly string[], seen: Scan, io: MainIo): Promise<void> {
  const [word] = seen.operands
  if (word === undefined && !seen.more) {
    io.stdout.write(asAnswer(SHORT_HELP, io.flags))
    return
  }
  if (word === 'help') {
    await showHelp(seen.operands.slice(1), io)
    return
  }
  const program = await createProgram(io, word)
  await program.parseAsync([...argv], { from: 'user' })
}

/** The whole program, with the command called `word` loaded and the others only named. */
async function createProgram(io: MainIo, word: string | undefined): Promise<Command> {
  const program = declareSharedFlags(new Command('aiproxy'))
  program.version(io.version(), '-V, --version').helpCommand(false)
  program.helpInformation = () => FULL_HELP
  for (const [name, entry] of COMMANDS) {
    program.addCommand(
      name === word ? await entry.load(io) : new Command(name).summary(entry.summary), // oxlint-disable-line no-await-in-loop -- at most one is loaded
    )
  }
  // Here and not earlier: a wrong flag should not be hidden behind an unreadable .env file.
  program.hook('preAction', async () => {
    io.env = await io.loadEnv()
    takeLogLevel(io.env['AIPROXY_LOG'], io.flags)
  })
  adopt(program, io)
  const loaded = program.commands.filter((command) => command.name() === word)
  io.knownFlags = [program, ...loaded, ...loaded.flatMap((command) => command.commands)]
    .flatMap((command) => command.options)
    .flatMap((option) => option.long ?? [])
  return program
}

/** Commands made elsewhere do not inherit these settings by themselves. */
function adopt(command: Command, io: ProgramIo): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureHelp(HELP_FORMAT)
    .configureOutput({
      writeOut: (text) => io.stdout.write(asAnswer(text, io.flags)),
      writeErr: (text) => io.stderr.write(text),
      // reportError() says it, in our form.
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  for (const child of command.commands) adopt(child, io)
}

async function showHelp(words: readonly string[], io: MainIo): Promise<void> {
  const [name, ...deeper] = words
  if (name === undefined) {
    io.stdout.write(asAnswer(FULL_HELP, io.flags))
    return
  }
  const topic = await renderTopic(name, io.stdout.isTTY === true ? io.stdout.columns : undefined)
  if (topic !== undefined) {
    io.stdout.write(asAnswer(topic, io.flags))
    return
  }
  if (!COMMANDS.has(name)) {
    const known = [...COMMANDS.keys(), ...TOPICS]
    const near = nearest(name, known)
    const meant = near === undefined ? `there is: ${known.join(', ')}` : `did you mean ${near}?`
    throw new ProxyError('usage_wrong', `no help on '${name}'; ${meant}`, {
      hint: near === undefined ? 'aiproxy help' : `aiproxy help ${near}`,
    })
  }
  const program = await createProgram(io, name)
  let command = program
  for (const word of [name, ...deeper]) {
    const found = command.commands.find((child) => child.name() === word)
    if (found === undefined) {
      const near = nearest(
        word,
        command.commands.map((child) => child.name()),
      )
      const meant = near === undefined ? '' : `; did you mean ${near}?`
      throw new ProxyError('usage_wrong', `${command.name()} has no command '${word}'${meant}`, {
        hint: ['aiproxy help', name, ...(near === undefined ? [] : [near])].join(' '),
      })
    }
    command = found
  }
  command.outputHelp()
}

// ── the shared flags ────────────────────────────────────────────────────────────────────────────

interface Scan {
  readonly flags: GlobalFlags
  readonly color: ColorFlag | undefined
  /** Words that are no shared flag; the first names the command. */
  readonly operands: readonly string[]
  /** Something stands there that is neither a shared flag nor a plain word. */
  readonly more: boolean
  readonly error: CommanderError | undefined
}

interface SharedFlags {
  readonly config?: string
  readonly envFile?: string | boolean
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose: number
  readonly color?: ColorFlag
}

/** Before or after the command, they belong to the program: commander takes them out anywhere. */
function declareSharedFlags(program: Command): Command {
  return program
    .option('-c, --config <file>', 'config file; "none" is no file')
    .option('--env-file <file>', 'variables from here in place of ./.env')
    .option('--no-env-file', 'read no .env file')
    .option('--json', 'pure JSON on stdout, errors as JSON on stderr')
    .option('-q, --quiet', 'only what was asked for, and errors')
    .option('-v, --verbose', 'say more; -vv with stacks', (_, count: number) => count + 1, 0)
    .addOption(
      new Option('--color <when>', 'colour: auto, always, never').choices([
        'auto',
        'always',
        'never',
      ]),
    )
}

/** A first look at the command line: the shared flags, and which command to load. */
function scan(argv: readonly string[]): Scan {
  const program = declareSharedFlags(new Command('aiproxy'))
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  let operands: readonly string[] = []
  let more = false
  let error: CommanderError | undefined
  try {
    const parsed = program.parseOptions([...argv])
    operands = parsed.operands
    more = parsed.unknown.length > 0
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    error = thrown
  }
  const flags = program.opts<SharedFlags>()
  return {
    flags: {
      config: flags.config,
      // Commander's default for a negatable flag is `true`: nothing was said.
      envFile: flags.envFile === true ? undefined : flags.envFile,
      json: flags.json,
      quiet: flags.quiet,
      verbose: flags.verbose,
    },
    color: flags.color,
    operands,
    more,
    error,
  }
}

/** `AIPROXY_LOG` counts only where neither -q nor -v was given. */
function takeLogLevel(level: string | undefined, flags: GlobalFlags): void {
  if (flags.quiet === true || flags.verbose > 0) return
  switch (level) {
    case 'quiet':
    case 'error':
    case 'warn':
      flags.quiet = true
      break
    case 'debug':
      flags.verbose = 1
      break
    case 'trace':
      flags.verbose = 2
      break
    default:
  }
}

// ── io ──────────────────────────────────────────────────────────────────────────────────────────

interface MainIo extends ProgramIo {
  /** Long names of the flags of the command that was loaded, the shared ones included. */
  knownFlags: readonly string[]
  loadEnv(): Promise<ProgramIo['env']>
}

function createIo(world: World, { flags, color }: Scan): MainIo {
  const { env, cwd, home, openStdin } = world
  const io: MainIo = {
    ...world,
    stderr: wrapSentences(world.stderr),
    get stdin() {
      return openStdin()
    },
    paintOut: createPaint({ flag: color, env, isTTY: world.stdout.isTTY }),
    paintErr: createPaint({ flag: color, env, isTTY: world.stderr.isTTY }),
    flags,
    exitCode: EXIT.done,
    knownFlags: [],
    loadEnv: () => world.readEnvFile({ envFile: flags.envFile, env, cwd, home }),
    loadConfig: (overrides) =>
      world.loadConfig({ flag: flags.config, env: io.env, cwd, home, overrides }),
    async reloadConfig(path, overrides) {
      const flag = path ?? flags.config
      return world.loadConfig({ flag, env: await io.loadEnv(), cwd, home, overrides })
    },
  }
  return io
}

function createRealWorld(): World {
  const world = createWorld()
  // Until main() knows better: a program that stops in the middle has not done its work.
  world.setExitCode(EXIT.failed)
  process.on('uncaughtException', (error) => {
    // The state is unknown: say so and end; whoever watches us starts a new one.
    const { text, exitCode } = reportError(error, {
      json: process.argv.includes('--json'),
      verbose: process.argv.includes('-vv') ? 2 : 0,
      paint: createPaint({ flag: 'never', env: {}, isTTY: false }),
    })
    world.stderr.write(text)
    world.exit(exitCode)
  })
  return world
}
