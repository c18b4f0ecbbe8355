/**
 * `serve` follows its config: watches the file, takes SIGHUP, loads and checks the whole of it, and puts it
 * in force or says why not. A reload never ends the run.
 */
import { isDeepStrictEqual } from 'node:util'
import type { App } from '../app.ts'
import type { Config } from '../config/config.ts'
import { compareConfigs, compareFixed } from '../config/difference.ts'
import { findCandidates, showPath } from '../config/find.ts'
import type { ConfigWatch, Sighting } from '../config/watch.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import type { ConfigOverrides, CostOf, ProgramIo } from './io.ts'
import type { Reload } from './serve-changes.ts'
import { countOf } from './words.ts'

export interface FollowPlan {
  readonly app: Pick<App, 'config' | 'reload'>
  /** What the command line says over every config. */
  readonly overrides: ConfigOverrides
  /** `--no-watch`: only SIGHUP reloads. */
  readonly watch: boolean
  readonly report: ReloadReport
}

export interface ReloadReport {
  reloaded(reload: Reload, costOf: CostOf | undefined): void
  /** The config in force stays. */
  reloadRefused(error: ProxyError): void
}

export interface ConfigFollower {
  /** Reloads at once, and says what came of it. */
  reloadNow(): void
  /** No reload begins after this. */
  close(): void
}

/** Follows the config of a running `serve` until closed. */
export async function followConfig(io: ProgramIo, plan: FollowPlan): Promise<ConfigFollower> {
  const { app, report, overrides } = plan
  let closed = false
  let running = false
  // Asked for while one was running; `loud` says the outcome even where it is no news.
  let waiting: { loud: boolean } | undefined
  // What was last complained of, so that a file that is only touched is not complained of again.
  let lastComplaint: string | undefined
  let watch = await startWatch()

  function startWatch(): Promise<ConfigWatch> {
    const paths = pathsToFollow(io, app.config)
    return io.watchConfig({
      paths,
      automatic: plan.watch && paths.length > 0,
      onSettled,
    })
  }

  function onSettled({ kind, isNews }: Sighting): void {
    if (kind === 'file') request(isNews)
    // Without a file there was none to begin with.
    else if (app.config.source.kind === 'file') complain(isGone(io, app.config.source.path), true)
  }

  function request(loud: boolean): void {
    if (closed) return
    if (running) {
      waiting = { loud: loud || waiting?.loud === true }
      return
    }
    running = true
    void reloadUntilQuiet(loud)
  }

  async function reloadUntilQuiet(loud: boolean): Promise<void> {
    waiting = { loud }
    while (waiting !== undefined) {
      const next: { readonly loud: boolean } = waiting
      waiting = undefined
      // oxlint-disable-next-line no-await-in-loop -- one config after the other
      await reload(next.loud)
    }
    running = false
  }

  async function reload(loud: boolean): Promise<void> {
    const before = app.config
    try {
      const { config, needsRestart } = await loadNext(io, before, overrides)
      const costOf = await io.loadCosts?.(config)
      if (closed) return
      if (!isDeepStrictEqual(before, config)) await app.reload(config)
      lastComplaint = undefined
      const changes = compareConfigs(before, config)
      if (loud || changes.length > 0) {
        const warnings = config.warnings.filter((warning) => !before.warnings.includes(warning))
        report.reloaded({ config, changes, needsRestart, warnings }, costOf)
      }
      if (!isDeepStrictEqual(before.source, config.source)) {
        watch.close()
        watch = await startWatch()
        if (closed) watch.close()
      }
    } catch (thrown) {
      complain(toProxyError(thrown), loud)
    }
  }

  function complain(error: ProxyError, loud: boolean): void {
    if (closed || (!loud && error.message === lastComplaint)) return
    lastComplaint = error.message
    report.reloadRefused(error)
  }

  return {
    reloadNow() {
      if (closed) return
      const { source } = app.config
      const found = watch.takeNow()
      if (source.kind === 'file' && found === 'gone') complain(isGone(io, source.path), true)
      else if (found === 'irregular') complain(cannotBeReread(io, app.config), true)
      else request(true)
    },
    close() {
      closed = true
      watch.close()
    },
  }
}

/** The file in use; without one, the files that would be found at a start, unless none is wanted. */
function pathsToFollow(io: ProgramIo, { source }: Config): readonly string[] {
  if (source.kind === 'file') return [source.path]
  return findCandidates({ flag: io.flags.config, env: io.env, cwd: io.cwd, home: io.home })
}

interface NextConfig {
  readonly config: Config
  readonly needsRestart: Reload['needsRestart']
}

/**
 * The config as it is written now, with what cannot change as it is. Throws ProxyError where it must not be
 * put in force.
 */
async function loadNext(
  io: ProgramIo,
  before: Config,
  overrides: ConfigOverrides,
): Promise<NextConfig> {
  const path = before.source.kind === 'file' ? before.source.path : undefined
  const written = await io.reloadConfig(path, overrides)
  if (written.users.size === 0 && before.users.size > 0) {
    throw new ProxyError(
      'config_invalid',
      `${shownSource(io, written)}: no users are left of ${countOf(before.users.size, 'user')}; is it half written?`,
      { hint: 'To run without users: stop aiproxy, then start it again.' },
    )
  }
  const needsRestart = compareFixed(before, written)
  if (needsRestart.length === 0) return { config: written, needsRestart }
  // Checked against the address we do listen on: elsewhere a user without a key might be in order.
  const fixed = {
    ...overrides,
    ...before.listen,
    ...(needsRestart.some(({ name }) => name === 'log') ? { log: before.log } : {}),
  }
  return { config: await io.reloadConfig(path, fixed), needsRestart }
}

function isGone(io: ProgramIo, path: string): ProxyError {
  return new ProxyError('config_missing', `${showPath(path, io.cwd)}: the config file is gone`, {
    hint: 'Put it back, and it is read again.',
  })
}

function cannotBeReread(io: ProgramIo, config: Config): ProxyError {
  return new ProxyError(
    'config_invalid',
    `${shownSource(io, config)}: is no file that could be read again`,
    { hint: 'Stop aiproxy, then start it again.' },
  )
}

function shownSource(io: ProgramIo, { source }: Config): string {
  return source.kind === 'file' ? showPath(source.path, io.cwd) : 'the starter config'
}
