/** `aiproxy serve`: opens the port, tells what happens, and ends in order. parse → run → render. */
import { Command, Option } from 'commander'
import type { App } from '../app.ts'
import type { Config } from '../config/config.ts'
import { parseHost, parsePort } from '../config/values.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { describeMock, renderReadiness, usedProviders } from './banner.ts'
import { EXIT, exitAfter } from './exit-codes.ts'
import type { ConfigOverrides, ProbeReply, ProgramIo, StopSignal } from './io.ts'
import { followConfig } from './serve-reload.ts'
import type { ConfigFollower } from './serve-reload.ts'
import { createServeReport } from './serve-report.ts'
import type { LogFormat, ServeReport } from './serve-report.ts'
import { cleanForTerminal } from './clean.ts'
import { readinessOf } from './who.ts'
import { countOf, jsonLine, quoteForShell, renderPath, renderSource } from './words.ts'

interface ServeFlags {
  readonly port?: string
  readonly host?: string
  readonly log?: string
  readonly logFormat: LogFormat
  readonly mock?: boolean
  readonly check?: boolean
  /** False for `--no-watch`. */
  readonly watch: boolean
}

// Requests in flight get this long, like under a supervisor that sends SIGKILL after 30 s.
const DRAIN_MS = 25_000
// The second signal still lets aborted requests be logged, if they are quick about it.
const HURRY_MS = 500
// How long the last lines may take on their way out.
const SETTLE_MS = 1000
// A mocked stream should be seen streaming.
const MOCK_PACE_MS = 20

const EXAMPLES = `
Examples
  aiproxy serve
  aiproxy serve --check -c aiproxy.yaml
  aiproxy serve --mock --port 0
`

/** The `serve` command. */
export function createServeCommand(io: ProgramIo): Command {
  return new Command('serve')
    .summary('run the proxy')
    .description('Runs the proxy until ^C or SIGTERM; one line for each finished request.')
    .option('-p, --port <port>', 'default 4242; 0 takes a free one and prints it')
    .option('--host <host>', 'address to listen on, default 127.0.0.1')
    .option('--log <file>', 'usage log; - is stdout')
    .addOption(
      new Option('--log-format <format>', 'request lines: auto is pretty on a terminal, else JSON')
        .choices(['auto', 'pretty', 'json'])
        .default('auto'),
    )
    .option('--mock', 'every provider answered by the embedded mock')
    .option('--check', 'check the config, print a summary, and exit')
    .option('--no-watch', 'leave the config as it was at the start; SIGHUP still reloads it')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ServeFlags) => {
      await serve(io, flags)
    })
}

async function serve(io: ProgramIo, flags: ServeFlags): Promise<void> {
  const overrides = parseOverrides(flags)
  const config = await io.loadConfig(overrides)
  for (const warning of config.warnings) {
    io.stderr.write(`${io.paintErr.yellow('warning:')} ${cleanForTerminal(warning)}\n`)
  }
  if (flags.check === true) {
    printSummary(io, config, flags.mock === true)
    return
  }
  const report = createServeReport(io, {
    config,
    format: io.flags.json === true ? 'json' : flags.logFormat,
    mockFlag: flags.mock === true,
    costOf: await io.loadCosts?.(config),
  })
  const module = await io.loadApp()
  const app = await module.createApp(config, { ...report.options, mockPaceMs: MOCK_PACE_MS })
  const follower = await followConfig(io, { app, report, overrides, watch: flags.watch })
  let at: { readonly host: string; readonly port: number }
  try {
    at = await app.listen()
  } catch (thrown) {
    follower.close()
    await app.close(0)
    throw await explainListenFailure(thrown, config, io)
  }
  const stopped = untilStopped(io, app, report, follower)
  report.listening(at)
  await stopped
}

function parseOverrides({ port, host, log, mock }: ServeFlags): ConfigOverrides {
  return {
    port: port === undefined ? undefined : valueOf('--port', parsePort(port)),
    host: host === undefined ? undefined : valueOf('--host', parseHost(host)),
    log,
    mock,
  }
}

function valueOf<T>(flag: string, parsed: { readonly value: T } | { readonly wrong: string }): T {
  if ('wrong' in parsed) throw new ProxyError('usage_wrong', `${flag} ${parsed.wrong}`)
  return parsed.value
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────

/**
 * Resolves when the proxy has stopped. The first signal drains; the second ends at once. Exit 0 where
 * every request had its end, the signal's code where some were cut. A reader of stdout that leaves ends
 * the run like a signal: nobody is watching any more. SIGHUP reloads the config, unless it says that the
 * terminal was closed.
 */
function untilStopped(
  io: ProgramIo,
  app: App,
  report: ServeReport,
  follower: ConfigFollower,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false
    let hurried = false
    // Requests that were not waited for.
    let cut = 0
    const stop = (why: StopSignal | 'reader'): void => {
      if (stopping) {
        if (why !== 'reader') hurry(why)
        return
      }
      stopping = true
      drain(why).then(resolve, reject)
    }
    const letGoOfSignals = io.onSignal(stop)
    const letGoOfStdout = io.onStdoutGone(() => {
      stop('reader')
    })
    const letGoOfHangUp = io.onHangUp((terminalIsGone) => {
      if (terminalIsGone) stop('reader')
      else follower.reloadNow()
    })

    async function drain(why: StopSignal | 'reader'): Promise<void> {
      const startedMs = io.monotonic()
      follower.close()
      report.draining(app.inFlight, why === 'SIGINT')
      const forget = io.after(DRAIN_MS, noteCut)
      await app.close(DRAIN_MS)
      forget()
      // From then on the second signal ends it.
      if (hurried) return new Promise(() => {})
      const overdue = io.monotonic() - startedMs >= DRAIN_MS
      report.stopped(cut)
      io.exitCode = overdue && why !== 'reader' ? exitAfter(why) : EXIT.done
      // A terminal that was halted must not keep the program from ending.
      if (!(await report.settle(SETTLE_MS))) io.exit(io.exitCode)
      letGoOfSignals()
      letGoOfStdout()
      letGoOfHangUp()
    }

    function noteCut(): void {
      cut = app.inFlight
    }

    function hurry(signal: StopSignal): void {
      const leave = (): void => {
        io.exit(exitAfter(signal))
      }
      io.after(HURRY_MS, leave)
      if (hurried) return
      hurried = true
      if (signal === 'SIGINT') report.hurrying()
      noteCut()
      const finish = (): Promise<boolean> => {
        report.stopped(cut)
        return report.settle(HURRY_MS)
      }
      app.close(0).then(finish).then(leave, leave)
    }
  })
}

// ── a port that cannot be had ───────────────────────────────────────────────────────────────────

async function explainListenFailure(
  thrown: unknown,
  config: Config,
  io: ProgramIo,
): Promise<unknown> {
  const { host, port } = config.listen
  const place = renderAddress(config.listen)
  if (thrown instanceof ProxyError && thrown.code === 'port_in_use') {
    const shared = io.flags.config === undefined ? '' : ` -c ${quoteForShell(io.flags.config)}`
    const holder = await nameHolder(host, port, io)
    return new ProxyError('port_in_use', `port ${port} is taken on ${host}: ${holder}`, {
      cause: thrown,
      hint: `aiproxy serve${shared} --port ${port < 65_535 ? port + 1 : 0}`,
    })
  }
  switch (codeOf(thrown)) {
    case 'EACCES':
      return new ProxyError('port_in_use', `may not listen on ${place}: permission denied`, {
        cause: thrown,
        // Windows keeps ranges of ports to itself, and 4242 may be in one.
        hint: `aiproxy serve --port ${port === 4242 ? 8142 : 4242}`,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ProxyError('config_invalid', `${host} is no address of this machine`, {
        cause: thrown,
        hint: 'aiproxy serve --host 127.0.0.1',
      })
    default:
      return thrown
  }
}

function renderAddress({ host, port }: Config['listen']): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

async function nameHolder(host: string, port: number, io: ProgramIo): Promise<string> {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${port}/healthz`
  const [reply, holder] = await Promise.all([io.probe(url), io.findPortHolder({ host, port })])
  const who =
    holder === undefined ? '' : ` (${cleanForTerminal(holder.name)}, process ${holder.pid})`
  if (reply === undefined) return `another program listens there${who}`
  return isAiproxy(reply)
    ? `an aiproxy already answers there${who}`
    : `another web server answers there${who}`
}

function isAiproxy({ headers, body }: ProbeReply): boolean {
  return (
    [...headers.keys()].some((name) => name.startsWith('x-aiproxy-')) || body.includes('aiproxy')
  )
}

// ── --check ─────────────────────────────────────────────────────────────────────────────────────

function printSummary(io: ProgramIo, config: Config, mockFlag: boolean): void {
  const providers = usedProviders(config)
  if (io.flags.json === true) {
    io.stdout.write(
      `${jsonLine({
        schema: 'aiproxy.check/1',
        ok: true,
        config: config.source.kind === 'file' ? config.source.path : null,
        listen: config.listen,
        log: config.log,
        users: [...config.users.keys()],
        models: [...config.models.keys()],
        providers: providers.map((provider) => ({
          name: provider.name,
          dialect: provider.dialect,
          ready: readinessOf(provider) !== 'no-key',
          mock: provider.mock,
          keySource: provider.credential.kind === 'none' ? null : provider.credential.source,
        })),
        warnings: config.warnings,
      })}\n`,
    )
    return
  }
  const mocked = describeMock(config, mockFlag)
  const counts = [
    countOf(config.users.size, 'user'),
    countOf(config.models.size, 'model'),
    countOf(providers.length, 'provider'),
  ]
  const lines = [
    `${io.paintOut.green('ok')}  ${renderSource(config.source, io)}   ${counts.join(' · ')}`,
    ...providers.map((provider) => `    ${renderReadiness(provider, io.paintOut)}`),
    `    listens on ${renderAddress(config.listen)}   usage log ${config.log === '-' ? 'stdout' : renderPath(config.log, io)}`,
    ...(mocked === undefined ? [] : [`    ${io.paintOut.yellow(mocked)}`]),
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
}
