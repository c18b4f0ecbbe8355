/** Model names as typed for `aiproxy users`: patterns spread out, slips caught, new ones given a provider. */
import { MOCK_MODELS } from '../config/builtin.ts'
import type { Config } from '../config/config.ts'
import { providerByName } from '../config/edit-new.ts'
import { nearest } from '../errors/nearest.ts'
import { parseModelName } from '../config/values.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { globToRegExp } from '../usage/glob.ts'
import { listNames } from './who.ts'
import { quoteForShell } from './words.ts'

export interface NamedModels {
  /** Once each, in the order typed. */
  readonly names: readonly string[]
  /** Not in the config so far, and who will answer. */
  readonly added: ReadonlyMap<string, string>
  /** What patterns came to, for people. */
  readonly spread: readonly string[]
}

export interface NamingContext {
  readonly config: Pick<Config, 'models' | 'providers'>
  /** Models that are in no file but would do: for patterns, and put into the file where one is named. */
  readonly offered?: ReadonlyMap<string, string> | undefined
  /** `--provider`: new models are meant, and this is who answers. */
  readonly provider: string | undefined
  /** The command as it would be typed with other words in place of these, for hints. */
  readonly commandWith: (words: readonly string[]) => string
}

const NONE: ReadonlyMap<string, string> = new Map()

/** A pattern, as a shell knows them. */
export function isPattern(word: string): boolean {
  return /[*?[]/.test(word)
}

/**
 * The models that the words mean. One that the config does not know is added where its name says whose it
 * is (and is near to no known name: that would be a slip), or `--provider` does. Throws `model_not_found`.
 */
export function resolveModels(words: readonly string[], context: NamingContext): NamedModels {
  const { config, provider, offered = NONE } = context
  const known = new Set([...config.models.keys(), ...offered.keys()])
  if (provider !== undefined) requireProvider(config, provider)
  const names = new Set<string>()
  const added = new Map<string, string>()
  const spread: string[] = []
  for (const word of words) {
    if (isPattern(word)) {
      const matching = matchingModels(word, known)
      if (matching.length === 0) throw noneMatches(word, known)
      spread.push(`${word} is ${matching.join(', ')}`)
      for (const name of matching) names.add(name)
    } else {
      if (!known.has(word)) added.set(word, providerOfNew(word, words, context))
      names.add(word)
    }
  }
  for (const [name, by] of offered) {
    if (names.has(name) && !config.models.has(name)) added.set(name, provider ?? by)
  }
  return { names: [...names], added, spread }
}

/** The names that a pattern means. */
export function matchingModels(pattern: string, names: Iterable<string>): string[] {
  const matcher = globToRegExp(pattern)
  return [...names].filter((name) => matcher.test(name))
}

export function noneMatches(pattern: string, names: Iterable<string>): ProxyError {
  return new ProxyError(
    'model_not_found',
    `no model matches '${pattern}'\n  models: ${listNames(names)}`,
    { hint: 'aiproxy users' },
  )
}

function providerOfNew(
  word: string,
  words: readonly string[],
  { config, provider, offered = NONE, commandWith }: NamingContext,
): string {
  const parsed = parseModelName(word)
  if ('wrong' in parsed) throw new ProxyError('usage_wrong', parsed.wrong)
  if (provider !== undefined) return provider
  const known = MOCK_MODELS.some((name) => name === word) ? 'mock' : providerByName(word)
  const near =
    nearest(word, config.models.keys()) ??
    (known === undefined ? nearest(word, offered.keys()) : undefined)
  if (near !== undefined) {
    const corrected = words.map((other) => (other === word ? near : other))
    throw new ProxyError(
      'model_not_found',
      `no model '${word}'; did you mean ${near}?\n  if it is a new one, say who answers: --provider <name>`,
      { hint: commandWith(corrected) },
    )
  }
  if (known !== undefined) return known
  const [example = 'openai'] = [...config.providers.keys()]
    .filter((name) => name !== 'mock')
    .slice(-1)
  throw new ProxyError(
    'model_not_found',
    `no model '${word}'\n  models: ${listNames(config.models.keys())}\n  if it is a new one, say who answers: --provider <name>`,
    { hint: `${commandWith(words)} --provider ${quoteForShell(example)}` },
  )
}

function requireProvider({ providers }: Pick<Config, 'providers'>, name: string): void {
  if (providers.has(name)) return
  const near = nearest(name, providers.keys())
  throw new ProxyError(
    'usage_wrong',
    near === undefined
      ? `no provider '${name}'\n  providers: ${listNames(providers.keys())}`
      : `no provider '${name}'; did you mean ${near}?`,
    near === undefined
      ? {
          hint: `in the config file: providers: { ${quoteForShell(name)}: { dialect: openai, base_url: "http://…/v1" } }`,
        }
      : {},
  )
}
