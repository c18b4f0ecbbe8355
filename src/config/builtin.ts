/**
 * What holds without a file: the built-in providers, and the starter config. Written in the very language
 * of the config file and read by the same code, so that a file can change any part of it.
 */
import { lookUp } from './interpolate.ts'
import type { Environment } from './interpolate.ts'
import { treeOf } from './tree.ts'
import type { MapEntry, MapNode, Node, Plain } from './tree.ts'

/** Reserved names of the embedded mock (mock.md), in the order in which they are listed. */
export const MOCK_MODELS = [
  'mock',
  'mock-slow',
  'mock-flaky',
  'mock-429',
  'mock-529',
  'mock-500',
  'mock-401',
  'mock-timeout',
  'mock-error-first',
  'mock-error-in-stream',
  'mock-half-frame',
  'mock-cut',
  'mock-eof',
  'mock-stall',
] as const

// Each fails before its first content, each in another way, so that a failover can be watched. Left bare:
// mock-500, for a failure to look at; mock-flaky, which gets well by itself; and those that fail after
// their first content, where nothing may take over any more.
const MOCK_FAILOVER: ReadonlySet<string> = new Set<(typeof MOCK_MODELS)[number]>([
  'mock-429',
  'mock-529',
  'mock-401',
  'mock-timeout',
  'mock-error-first',
])

const PROVIDERS: { readonly [name: string]: { readonly [key: string]: Plain } } = {
  openai: {
    dialect: 'openai',
    base_url: '${OPENAI_BASE_URL:-https://api.openai.com/v1}',
    api_key: '${OPENAI_API_KEY}',
  },
  anthropic: {
    dialect: 'anthropic',
    base_url: '${ANTHROPIC_BASE_URL:-https://api.anthropic.com}',
    api_key: '${ANTHROPIC_API_KEY}',
  },
  // Nobody should have to wait out a real provider's timeouts to see mock-timeout and mock-stall.
  mock: { dialect: 'openai', mock: true, timeouts: { first_byte: '10s', idle: '10s' } },
}

const KEY_VARIABLES = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY']

/**
 * The config of someone who has written none: the users and models of "Using NGINX as an AI proxy" and the
 * mock's own models. Without any provider key the real providers are mocked too; with one, nothing real is.
 */
export function starterTree(env: Environment): Node {
  const hasKey = KEY_VARIABLES.some((name) => (lookUp(env, name) ?? '').trim() !== '')
  const mockedProviders = { openai: { mock: true }, anthropic: { mock: true } }
  const mockModels = MOCK_MODELS.map((name): [string, Plain] => [name, { provider: 'mock' }])
  const mockGrants = MOCK_MODELS.map((name): Plain =>
    MOCK_FAILOVER.has(name) ? { name, failover: 'mock' } : { name },
  )
  return treeOf({
    providers: hasKey ? {} : mockedProviders,
    models: {
      'gpt-5': { provider: 'openai' },
      'claude-sonnet-4-20250514': { provider: 'anthropic' },
      ...Object.fromEntries(mockModels),
    },
    users: {
      'user-a': {
        models: [
          { name: 'gpt-5', failover: 'claude-sonnet-4-20250514' },
          { name: 'claude-sonnet-4-20250514' },
          ...mockGrants,
        ],
      },
      'user-b': { models: [{ name: 'gpt-5' }, ...mockGrants] },
    },
  })
}

/**
 * The file's tree with the built-in providers filled in: whole where the file does not name one, field by
 * field where it does. What is no map is left for the reader to complain about.
 */
export function withBuiltInProviders(root: Node): Node {
  const written =
    root.kind === 'map' ? root.entries.find(({ key }) => key === 'providers') : undefined
  if (root.kind !== 'map') return root
  const providers = written === undefined ? emptyMap() : asMap(written.value)
  if (providers === undefined) return root
  const builtIn = Object.entries(PROVIDERS).map(([name, fields]): MapEntry => {
    const own = providers.entries.find(({ key }) => key === name)
    if (own === undefined) return { key: name, at: undefined, value: treeOf(fields) }
    const map = asMap(own.value)
    return map === undefined ? own : { ...own, value: withFields(map, fields) }
  })
  // A name written twice stays twice: that is the reader's to report.
  const replaced = new Set(
    builtIn.map(({ key }) => providers.entries.find((entry) => entry.key === key)),
  )
  const others = providers.entries.filter((entry) => !replaced.has(entry))
  const filled: MapEntry = {
    key: 'providers',
    at: written?.at,
    value: { ...providers, entries: [...builtIn, ...others] },
  }
  const rest = root.entries.filter((entry) => entry !== written)
  return { ...root, entries: [filled, ...rest] }
}

function withFields(map: MapNode, fields: { readonly [key: string]: Plain }): MapNode {
  const missing = Object.entries(fields)
    .filter(([key]) => !map.entries.some((entry) => entry.key === key))
    .map(([key, value]): MapEntry => ({ key, at: undefined, value: treeOf(value) }))
  return { ...map, entries: [...map.entries, ...missing] }
}

function asMap(node: Node): MapNode | undefined {
  if (node.kind === 'map') return node
  return node.kind === 'scalar' && node.value === null ? { ...emptyMap(), at: node.at } : undefined
}

function emptyMap(): MapNode {
  return { kind: 'map', at: undefined, entries: [] }
}
