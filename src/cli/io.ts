/**
 * What every command gets from the outside world, so that a test can hand it another one.
 * A command file exports `create<Name>Command(io): Command`; its action returns nothing and sets
 * `io.exitCode`, or throws ProxyError, which main() renders and turns into an exit code.
 */
import type { ChalkInstance } from 'chalk'
import type { Config } from '../config/config.ts'

export interface OutputStream {
  write(text: string): boolean
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface CommandIo {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly stdin: NodeJS.ReadStream
  readonly env: Readonly<Record<string, string | undefined>>
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
