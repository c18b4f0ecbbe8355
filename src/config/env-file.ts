/** `.env`: lines of NAME=value, with quotes, `#` comments and `export`, as Node's own parser reads them. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { ProxyError } from '../errors/proxy-error.ts'
import { showPath } from './find.ts'
import type { Environment } from './interpolate.ts'

export interface EnvFileOptions {
  /** `--env-file`: a path; `false` for `--no-env-file`; `undefined` for `./.env` when it is there. */
  readonly envFile?: string | false | undefined
  readonly env: Environment
  readonly cwd: string
  readonly home: string
}

/**
 * The environment with the .env file's variables behind it: one that is already set, be it empty, is never
 * overridden. Throws ProxyError `config_missing` for a named file that is not there, `config_invalid` for one
 * that cannot be read.
 */
export function readEnvFile({ envFile, env, cwd, home }: EnvFileOptions): Environment {
  if (envFile === false) return env
  const named = envFile ?? '.env'
  const path = named.startsWith('~/') ? join(home, named.slice(2)) : resolve(cwd, named)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    const isAbsent = code === 'ENOENT' || code === 'ENOTDIR'
    if (envFile === undefined && (isAbsent || code === 'EISDIR')) return env
    const shown = showPath(path, cwd)
    if (isAbsent) {
      throw new ProxyError('config_missing', `${shown}: no such file (named by --env-file)`, {
        cause,
      })
    }
    throw new ProxyError('config_invalid', `${shown}: cannot be read (${code})`, {
      cause,
      hint: 'Leave the file out with `--no-env-file`.',
    })
  }
  return { ...parseVariables(text), ...env }
}

/** The variables of a .env text. What is no variable is passed over. */
export function parseVariables(text: string): Environment {
  const variables: Array<[string, string]> = []
  for (const [key, value] of Object.entries(parseEnv(text.replace(/^\uFEFF/, '')))) {
    // Node's parser takes a line without `=` for the beginning of the next line's name.
    const name = key.split('\n').at(-1)?.trim() ?? ''
    if (value !== undefined && /^[A-Za-z_]\w*$/.test(name)) variables.push([name, value])
  }
  return Object.fromEntries(variables)
}
