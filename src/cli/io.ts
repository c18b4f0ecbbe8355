/**
 * What every command gets from the outside world, so that a test can hand it another one.
 * A command file exports `create<Name>Command(io): Command`; its action returns nothing and sets
 * `io.exitCode`, or throws ProxyError, which main() renders and turns into an exit code.
 */
import type { ChalkInstance } from 'chalk'
import type { App, AppOptions, ChatPiece, ChatReader } from '../app.ts'
import type { Config } from '../config/config.ts'
import type { ConfigWatch, ConfigWatchOptions } from '../config/watch.ts'
import type { UsageRecord } from '../usage/record.ts'
import type { Sink } from './line-writer.ts'
import type { PortHolder, TakenPort } from './port-holder.ts'

export interface OutputStream {
  /** False when the reader is behind; `drain` follows. */
  write(text: string): boolean
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  once?(event: 'drain', listener: () => void): unknown
  /** Of a terminal, after `columns` or `rows` have changed. */
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

export interface CommandIo {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: NodeJS.ReadStream
  /** The process's own variables; before a command acts, those of `.env` that were not set are added. */
  env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  /** Wall clock, milliseconds since the epoch. */
  readonly now: () => number
  /** Decided once per stream by paint.ts; level 0 off a terminal and under NO_COLOR. */
  readonly paintOut: ChalkInstance
  readonly paintErr: ChalkInstance
  /** The flags every command shares, already read from the command line (cli.md §1). */
  readonly flags: GlobalFlags
  /** Loads the config by the shared flags; throws ProxyError config_missing or config_invalid. */
  loadConfig(overrides?: ConfigOverrides): Promise<Config>
  exitCode: number
}

export interface GlobalFlags {
  config?: string | undefined
  envFile?: string | false | undefined
  json?: boolean | undefined
  quiet?: boolean | undefined
  /** 0, 1 (-v), 2 (-vv: stacks). */
  verbose: number
}

export interface ConfigOverrides {
  readonly port?: number | undefined
  readonly host?: string | undefined
  readonly log?: string | undefined
  /** Every provider answered by the embedded mock (`serve --mock`). */
  readonly mock?: boolean | undefined
}

/** The parts of app.ts that a command uses; loaded only by the commands that send something. */
export interface AppModule {
  createApp(config: Config, options?: AppOptions): Promise<App>
  readChatStream(): ChatReader
  readChatReply(body: string): ChatPiece[]
}

/** US dollars of one finished request; `undefined` where no price is known. */
export type CostOf = (record: UsageRecord) => number | undefined

/** What one user did since local midnight. */
export interface TodayUse {
  readonly requests: number
  /** `undefined` where some request has no known price, or none has one. */
  readonly costUsd: number | undefined
}

export type StopSignal = 'SIGINT' | 'SIGTERM'

/** Everything that reaches outside the program; main() makes the real one, a test hands in another. */
export interface World {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** A function, because only touching it opens the descriptor. */
  readonly openStdin: () => NodeJS.ReadStream
  /** stdin is a pipe, a socket or a file: something with an end. */
  readonly stdinIsPiped: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  /**
   * Another way to a stream, for a program that must go on while its reader stands still: nothing waits,
   * and `done` says when the text is out.
   */
  readonly openSink: (name: 'stdout' | 'stderr') => Sink
  /** Runs `action` in the next turn of the event loop. */
  readonly soon: (action: () => void) => void
  /** Runs `action` at the very end, however the program ends by itself; nothing may be waited for then. */
  readonly onExit: (action: () => void) => void
  readonly now: () => number
  /** Milliseconds since the program started, never going back. */
  readonly monotonic: () => number
  /** Runs `action` once after `ms`; the returned function cancels it. Never keeps the program alive. */
  readonly after: (ms: number, action: () => void) => () => void
  /** Takes over ^C and SIGTERM until the returned function is called. */
  readonly onSignal: (listener: (signal: StopSignal) => void) => () => void
  /**
   * Takes over SIGHUP, where the platform has it, until the returned function is called. It comes from
   * `kill -HUP`, and also when the terminal that the program was started from is closed.
   */
  readonly onHangUp: (listener: (terminalIsGone: boolean) => void) => () => void
  /**
   * Around ^Z: `leave` is called before the program stands still, `resume` when it goes on, until the
   * returned function is called.
   */
  readonly onSuspend: (listener: {
    readonly leave: () => void
    readonly resume: () => void
  }) => () => void
  /** Begins to follow config files; loaded only where it is used. */
  readonly watchConfig: (options: ConfigWatchOptions) => Promise<ConfigWatch>
  /** Takes over the end of whoever reads stdout; without a listener the program ends with 0. */
  readonly onStdoutGone: (listener: () => void) => () => void
  /** Ends the program at once. */
  readonly exit: (code: number) => void
  /** The exit code of an orderly end. */
  readonly setExitCode: (code: number) => void
  readonly version: () => string
  /** `GET` on loopback with a short limit; `undefined` where nothing answers in HTTP. */
  readonly probe: (url: string) => Promise<ProbeReply | undefined>
  /** Which program listens on a TCP port of this machine, where the platform tells without delay. */
  readonly findPortHolder: (taken: TakenPort) => Promise<PortHolder | undefined>
  readonly readEnvFile: (options: {
    /** `undefined`: `./.env` where there is one. `false`: none. */
    readonly envFile: string | false | undefined
    readonly env: Readonly<Record<string, string | undefined>>
    readonly cwd: string
    readonly home: string
  }) => Promise<Readonly<Record<string, string | undefined>>>
  readonly loadConfig: (options: {
    readonly flag: string | undefined
    readonly env: Readonly<Record<string, string | undefined>>
    readonly cwd: string
    readonly home: string
    readonly overrides?: ConfigOverrides | undefined
  }) => Promise<Config>
  readonly loadApp: () => Promise<AppModule>
  /** Prices, where they are wired; without it no cost is shown. */
  readonly loadCosts?: ((config: Config) => Promise<CostOf>) | undefined
  /** Today's use by user, where it is wired; without it the column is not shown. */
  readonly readToday?:
    | ((config: Config, nowMs: number) => Promise<ReadonlyMap<string, TodayUse> | undefined>)
    | undefined
}

export interface ProbeReply {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A command's io with the rest of the world beside it, for the commands that run things. */
export interface ProgramIo
  extends CommandIo, Omit<World, keyof CommandIo | 'setExitCode' | 'readEnvFile' | 'openStdin'> {
  /**
   * Loads the config anew, with `.env` as it is now: the file at `path`, or without one whatever would be
   * found at a start. Throws like `loadConfig`.
   */
  reloadConfig(path: string | undefined, overrides: ConfigOverrides): Promise<Config>
}
