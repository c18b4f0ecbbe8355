/** Which config file: the order of design §4, first hit wins. */
import { statSync } from 'node:fs'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { ProxyError } from '../errors/proxy-error.ts'
import { lookUp } from './interpolate.ts'
import type { Environment } from './interpolate.ts'

export interface FindOptions {
  /** `--config`: a path, or `none` for no file. */
  readonly flag?: string | undefined
  readonly env: Environment
  readonly cwd: string
  readonly home: string
}

export type Found =
  | {
      readonly kind: 'file'
      /** Absolute. */
      readonly path: string
      /** For people: relative to the working directory where that is shorter. */
      readonly shown: string
    }
  | { readonly kind: 'none' }

const NAMES = ['aiproxy.yaml', 'aiproxy.yml', 'aiproxy.json', 'rbac.json']

/**
 * Finds the config file. `none` when there is none, or none is wanted. Throws ProxyError `config_missing`
 * when a file was named that is not there.
 */
export function findConfig({ flag, env, cwd, home }: FindOptions): Found {
  const fromEnv = lookUp(env, 'AIPROXY_CONFIG')
  // An empty variable is one that was not set; an empty flag is a slip, often an unset shell variable.
  const named = flag ?? (fromEnv === '' ? undefined : fromEnv)
  if (named !== undefined) {
    const by = flag === undefined ? 'AIPROXY_CONFIG' : '--config'
    return named === 'none' ? { kind: 'none' } : findNamed(named, by, cwd, home)
  }
  const path = candidates({ env, cwd, home }).find(exists)
  return path === undefined ? { kind: 'none' } : { kind: 'file', path, shown: showPath(path, cwd) }
}

/** Where a config file would be found, in order, absolute; none where a file, or no file, was named. */
export function findCandidates({ flag, env, cwd, home }: FindOptions): readonly string[] {
  const isNamed = flag !== undefined || (lookUp(env, 'AIPROXY_CONFIG') ?? '') !== ''
  return isNamed ? [] : candidates({ env, cwd, home })
}

function candidates({ env, cwd, home }: FindOptions): string[] {
  return [
    ...NAMES.map((name) => resolve(cwd, name)),
    join(userConfigHome(env, home), 'aiproxy', 'config.yaml'),
  ]
}

/** The file that was named, whether or not it is there; `undefined` where none was. */
export function namedPath({ flag, env, cwd, home }: FindOptions): string | undefined {
  const named = flag ?? lookUp(env, 'AIPROXY_CONFIG') ?? ''
  return named === '' || named === 'none' ? undefined : placeOf(named, cwd, home)
}

// `--config=~/x` reaches us as it is: shells expand ~ only at the start of a word.
function placeOf(named: string, cwd: string, home: string): string {
  return named.startsWith('~/') ? join(home, named.slice(2)) : resolve(cwd, named)
}

function findNamed(named: string, by: string, cwd: string, home: string): Found {
  const hint = 'Name another file, or `none` to start without one.'
  if (named === '') throw new ProxyError('config_missing', `${by} names no config file.`, { hint })
  const path = placeOf(named, cwd, home)
  if (!exists(path)) {
    const shown = showPath(path, cwd)
    throw new ProxyError('config_missing', `${shown}: no such file (named by ${by})`, { hint })
  }
  return { kind: 'file', path, shown: showPath(path, cwd) }
}

/** `$XDG_CONFIG_HOME`, which counts only when absolute (XDG Base Directory Specification 0.8). */
function userConfigHome(env: Environment, home: string): string {
  const configHome = lookUp(env, 'XDG_CONFIG_HOME') ?? ''
  return isAbsolute(configHome) ? configHome : join(home, '.config')
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // A directory we may not search holds no config of ours. A file we may not read is another matter:
    // it is found here, and reading it says why it cannot be used.
    return false
  }
}

/** A path for people: relative when inside the working directory, absolute otherwise. */
export function showPath(path: string, cwd: string): string {
  const inside = relative(cwd, path)
  const isInside =
    inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)
  return isInside ? inside : path
}
