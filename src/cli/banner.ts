/**
 * What `serve` says when it listens: where, with which config and keys, and what to try first. A mock is
 * said plainly. Pure; never a key, only where it comes from.
 */
import type { ChalkInstance } from 'chalk'
import { isLoopback } from '../config/address.ts'
import type { Config, Provider, User } from '../config/config.ts'
import { padEnd, visibleWidth, wrapPieces } from './fit.ts'
import { displayWidth } from './table.ts'
import { cleanForTerminal } from './clean.ts'
import { listTargets, mayUse, readinessOf } from './who.ts'
import { countOf, quoteForShell, renderKeySource, renderPath, renderSource } from './words.ts'

export interface BannerFacts {
  readonly config: Config
  readonly version: string
  /** Reachable from this machine, without a trailing slash. */
  readonly url: string
  readonly readyMs: number
  /** `-c` as it was given, for the commands to try. */
  readonly configFlag: string | undefined
  readonly mockFlag: boolean
  readonly cwd: string
  readonly home: string
}

const LABEL_COLUMNS = 13

/** The banner's lines, each within `columns` where names allow it. */
export function renderBanner(facts: BannerFacts, columns: number, paint: ChalkInstance): string[] {
  const { config, url } = facts
  const mocked = describeMock(config, facts.mockFlag)
  const log = config.log === '-' ? 'stdout' : renderPath(config.log, facts)
  return [
    '',
    `  ${paint.bold(`aiproxy ${facts.version}`)}  ready in ${Math.round(facts.readyMs)} ms`,
    '',
    entry('OpenAI', withExport(`${url}/v1`, `export OPENAI_BASE_URL=${url}/v1`, columns), paint),
    entry('Anthropic', withExport(url, `export ANTHROPIC_BASE_URL=${url}`, columns), paint),
    ...(isLoopback(config.listen.host)
      ? []
      : [entry('Open to', describeReach(config.listen.host), paint)]),
    entry('Config', describeConfig(facts), paint),
    ...renderProviders(config, columns, paint),
    entry('Usage log', log, paint),
    ...(config.audit === undefined
      ? []
      : [entry('Audit', describeAudit(config.audit, facts), paint)]),
    '',
    ...(mocked === undefined
      ? []
      : [
          ...wrapPieces(mocked.split(' '), ' ', columns - 4).map(
            (line) => `  ${paint.yellow.bold(line)}`,
          ),
          '',
        ]),
    ...renderTries(facts, paint),
    '',
  ]
}

function entry(label: string, text: string, paint: ChalkInstance): string {
  return `  ${paint.green('➜')}  ${padEnd(label, LABEL_COLUMNS)}${text}`
}

/** Who else may knock. Every user has a key then, or the program would not have started. */
function describeReach(host: string): string {
  const everywhere = host === '0.0.0.0' || host === '::'
  return `${everywhere ? 'every network of this machine' : `whoever reaches ${host}`}, with a key`
}

/** Who reads this has a right to know that prompts are kept. */
function describeAudit(path: string, facts: BannerFacts): string {
  return `${renderPath(path, facts)}   requests and replies are kept`
}

function withExport(url: string, command: string, columns: number): string {
  const row = `${padEnd(url, 34)}${command}`
  return displayWidth(row) + LABEL_COLUMNS + 5 <= columns ? row : url
}

function describeConfig(facts: BannerFacts): string {
  const { config } = facts
  if (config.source.kind === 'starter') {
    return `no config file: starter users ${[...config.users.keys()].join(', ')}`
  }
  const counts = `${countOf(config.users.size, 'user')} · ${countOf(config.models.size, 'model')}`
  return `${renderSource(config.source, facts)}   ${counts}`
}

// ── providers ───────────────────────────────────────────────────────────────────────────────────

/** The providers that some model uses, in the order of the config. */
export function usedProviders(config: Config): Provider[] {
  const used = new Set([...config.models.values()].map(({ provider }) => provider))
  return [...config.providers.values()].filter(({ name }) => used.has(name))
}

/** `openai ✓ OPENAI_API_KEY`, `anthropic ✗ ANTHROPIC_API_KEY not set`, `openai MOCK`. */
export function renderReadiness(provider: Provider, paint: ChalkInstance): string {
  const name = cleanForTerminal(provider.name)
  const source = renderKeySource(provider.credential)
  const marks = {
    ready: `${paint.green('✓')} ${source}`,
    'no-key': `${paint.red('✗')} ${source} not set`,
    // The provider called mock says it by its name.
    mock: name === 'mock' ? paint.dim('made up') : paint.yellow('MOCK'),
  }
  return `${name} ${marks[readinessOf(provider)]}`
}

function renderProviders(config: Config, columns: number, paint: ChalkInstance): string[] {
  const marks = usedProviders(config).map((provider) => renderReadiness(provider, paint))
  const rows: string[] = []
  for (const mark of marks) {
    const last = rows.at(-1)
    const joined = last === undefined ? mark : `${last}   ${mark}`
    if (last !== undefined && visibleWidth(joined) + LABEL_COLUMNS + 5 <= columns) {
      rows[rows.length - 1] = joined
    } else {
      rows.push(mark)
    }
  }
  return rows.map((row, index) =>
    index === 0 ? entry('Providers', row, paint) : `${' '.repeat(LABEL_COLUMNS + 5)}${row}`,
  )
}

/**
 * What is made up, as a sentence, or `undefined` where only the provider called `mock` is: that one
 * says so by its name.
 */
export function describeMock(config: Config, mockFlag: boolean): string | undefined {
  const providers = usedProviders(config)
  const posing = providers.filter(({ mock, name }) => mock && name !== 'mock')
  if (posing.length === 0) return undefined
  const made = 'made up by the embedded mock provider'
  if (config.source.kind === 'starter' && !mockFlag) {
    return `MOCK: no API key is set: every answer is ${made}; set OPENAI_API_KEY or ANTHROPIC_API_KEY to talk to models`
  }
  if (providers.every(({ mock }) => mock)) {
    return `MOCK: every answer is ${made}${mockFlag ? ' (--mock)' : ''}`
  }
  const names = posing.map(({ name }) => cleanForTerminal(name)).join(', ')
  return `MOCK: answers of ${names} are ${made}`
}

// ── what to try ─────────────────────────────────────────────────────────────────────────────────

function renderTries(facts: BannerFacts, paint: ChalkInstance): string[] {
  const { config, url } = facts
  const user = chooseUser(config)
  const model = user?.models[0]?.name
  if (user === undefined || model === undefined) return []
  const shared = facts.configFlag === undefined ? '' : ` -c ${quoteForShell(facts.configFlag)}`
  const ask = `aiproxy ask${shared} --user ${quoteForShell(user.name)}`
  // Who has a key must show it, and it is not ours to print.
  const identity =
    user.keys.length === 0 ? `-H 'X-User: ${user.name}'` : '-H "Authorization: Bearer $AIPROXY_KEY"'
  const body = `{"model": ${JSON.stringify(model)}, "stream": true,`
  const commands = [
    [
      String.raw`curl -N ${url}/v1/chat/completions \ `.trimEnd(),
      String.raw`  -H 'Content-Type: application/json' ${identity} \ `.trimEnd(),
      `  -d '${body}`,
      `       "messages": [{"role": "user", "content": "Hello"}]}'`,
    ],
    [`${ask} --model ${quoteForShell(model)} "Hello"`],
    ...(showsFailover(config, user) ? [[`${ask} --model mock-529 "Hello"   # fails over`]] : []),
  ]
  return commands.flatMap((lines, index) =>
    lines.map(
      (line, row) =>
        `  ${index + row === 0 ? paint.bold('try') : '   '}   ${cleanForTerminal(line)}`,
    ),
  )
}

function chooseUser(config: Config): User | undefined {
  const users = [...config.users.values()].filter(({ models }) => models.length > 0)
  return (
    users.find(({ name }) => name === config.defaultUser) ??
    users.find(({ keys }) => keys.length === 0) ??
    users[0]
  )
}

function showsFailover(config: Config, user: User): boolean {
  return mayUse(user, 'mock-529') && listTargets(config, user, 'mock-529').length > 1
}
