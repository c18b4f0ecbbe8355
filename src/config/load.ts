/**
 * From the command line's words to one frozen Config: find, parse, check, decide. The parser is loaded
 * only where there is a file to parse, because start-up is felt.
 */
import { readFileSync, statSync } from 'node:fs'
import { ProxyError } from '../errors/proxy-error.ts'
import { starterTree, withBuiltInProviders } from './builtin.ts'
import type { Config, ConfigSource } from './config.ts'
import { decideConfig } from './decide.ts'
import type { ConfigOverrides } from './decide.ts'
import { FILE } from './file.ts'
import { findConfig, showPath } from './find.ts'
import { deepFreeze } from './freeze.ts'
import { secretsIn } from './interpolate.ts'
import type { Environment } from './interpolate.ts'
import { createProblems } from './problems.ts'
import type { Problems } from './problems.ts'
import { READING_BUDGET } from './shapes.ts'
import type { Node } from './tree.ts'
import { warningsAboutPrices } from './unpriced.ts'
import type { LoadPrices } from './unpriced.ts'
import { parseHost, parsePort } from './values.ts'

export type { ConfigOverrides }

export interface LoadOptions {
  /** `--config`: a path, or `none` for no file. */
  readonly flag?: string | undefined
  /** Environment with the .env file already merged in (env-file.ts). */
  readonly env: Environment
  readonly cwd: string
  readonly home: string
  readonly overrides?: ConfigOverrides | undefined
  /** For a warning where cost is limited and a price is not known; without it there is none. */
  readonly loadPrices?: LoadPrices | undefined
}

// A thousand users take some 60 KB. Anything near this is not a config.
const MAX_FILE_BYTES = 4 * 1024 * 1024

/**
 * Finds and reads the config, or makes the starter one. Throws ProxyError `config_missing` for a named file
 * that is not there, `config_invalid` with every problem of the file, one `path:line:column: what` a line,
 * `usage_wrong` for an override that is no port or host.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const found = findConfig(options)
  if (found.kind === 'none') {
    const problems = createProblems(
      undefined,
      'Check the environment variables named above.',
      secretsIn(options.env),
    )
    return decide(starterTree(options.env), { kind: 'starter' }, options, problems, false)
  }
  const file = readFile(found.path, found.shown)
  return loadText(file.text, found.path, options, file.readableByOthers)
}

/**
 * A config from text that need not be on disk yet: what an editor of the file is about to write. `path` is
 * where it will be. Throws ProxyError `config_invalid` like `loadConfig`.
 */
export async function loadConfigText(
  text: string,
  path: string,
  options: Omit<LoadOptions, 'flag'>,
): Promise<Config> {
  return loadText(text, path, options, false)
}

async function loadText(
  text: string,
  path: string,
  options: LoadOptions,
  readableByOthers: boolean,
): Promise<Config> {
  const shown = showPath(path, options.cwd)
  const argument = options.flag === undefined ? '' : ` --config ${shown}`
  const problems = createProblems(
    shown,
    `Mend it, then: aiproxy serve --check${argument}`,
    secretsIn(options.env),
  )
  const { parseTree } = await import('./parse.ts')
  const tree = parseTree(text.replace(/^\uFEFF/, ''), problems)
  if (tree === undefined) throw problems.toError()
  return decide(tree, { kind: 'file', path }, options, problems, readableByOthers)
}

async function decide(
  tree: Node,
  source: ConfigSource,
  { env, cwd, home, overrides: given = {}, loadPrices }: LoadOptions,
  problems: Problems,
  readableByOthers: boolean,
): Promise<Config> {
  const overrides = checkOverrides(given)
  const reading = { env, problems, budget: READING_BUDGET }
  const file = FILE.read(withBuiltInProviders(tree), '', reading)
  // Of a file read in part, every other complaint would be about what was not read.
  if (file === undefined || reading.budget <= 0) throw problems.toError()
  const config = decideConfig(file, {
    source,
    env,
    cwd,
    home,
    overrides,
    readableByOthers,
    problems,
  })
  if (problems.count > 0) throw problems.toError()
  const more = loadPrices === undefined ? [] : await warningsAboutPrices(config, loadPrices)
  return deepFreeze({ ...config, warnings: [...config.warnings, ...more] })
}

/** What the command line said, in the form a config has it. Throws ProxyError `usage_wrong`. */
function checkOverrides(overrides: ConfigOverrides): ConfigOverrides {
  const { host: hostText, port } = overrides
  if (port !== undefined) {
    const parsed = parsePort(String(port))
    if ('wrong' in parsed) throw new ProxyError('usage_wrong', `--port ${parsed.wrong}`)
  }
  if (hostText === undefined) return overrides
  const host = parseHost(hostText)
  if ('wrong' in host) throw new ProxyError('usage_wrong', `--host ${host.wrong}`)
  return { ...overrides, host: host.value }
}

function readFile(path: string, shown: string): { text: string; readableByOthers: boolean } {
  try {
    const stat = statSync(path)
    if (stat.isDirectory()) throw invalid(`${shown}: is a directory, not a file`)
    if (stat.size > MAX_FILE_BYTES) throw invalid(`${shown}: larger than 4 MiB; that is no config`)
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
    // Windows keeps permissions elsewhere and reports 0666 for every file.
    const readableByOthers = process.platform !== 'win32' && (stat.mode & 0o044) !== 0
    return { text, readableByOthers }
  } catch (thrown) {
    if (thrown instanceof ProxyError) throw thrown
    throw invalid(`${shown}: ${reasonOf(thrown)}`, thrown)
  }
}

function reasonOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  switch (code) {
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'is not UTF-8 text'
    case 'EACCES':
    case 'EPERM':
      return 'may not be read (permission denied)'
    case 'ENOENT':
      return 'no such file'
    default:
      return `cannot be read (${String(code ?? thrown)})`
  }
}

function invalid(message: string, cause?: unknown): ProxyError {
  return new ProxyError('config_invalid', message, cause === undefined ? {} : { cause })
}
