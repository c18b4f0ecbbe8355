/** One proxy whose models are reached in each of the three languages, and one caller of each kind. */
import type { Owner } from '../owner.ts'
import { startProxy } from '../proxy.ts'
import type { Proxy } from '../proxy.ts'
import type { Caller } from './callers.ts'
import { createChatCaller } from './chat-caller.ts'
import { createMessagesCaller } from './messages-caller.ts'
import { createResponsesCaller } from './responses-caller.ts'
import { API_NAMES } from './said.ts'
import type { ApiName } from './said.ts'

/**
 * What kind of model answers. `plain`: takes sampling and reasons only when asked. `thinker`: reasons and
 * shows it. `newest`: refuses sampling and forced tools, where its provider has such models.
 */
export type Flavour = 'plain' | 'thinker' | 'newest'

export const FLAVOURS: readonly Flavour[] = ['plain', 'thinker', 'newest']

/** The provider's own names. OpenAI's models tell no reasoning in Chat; a compatible server's do. */
export const UPSTREAM_MODELS: Readonly<Record<ApiName, Readonly<Record<Flavour, string>>>> = {
  chat: { plain: 'gpt-4.1', thinker: 'deepseek-chat', newest: 'gpt-5' },
  messages: { plain: 'claude-sonnet-4-6', thinker: 'claude-opus-5', newest: 'claude-opus-5-5' },
  responses: { plain: 'gpt-4.1', thinker: 'gpt-5', newest: 'gpt-6' },
}

/** The name a caller asks for. */
export function modelName(target: ApiName, flavour: Flavour): string {
  return `${target}-${flavour}`
}

export interface GridStage {
  readonly proxy: Proxy
  /** A `plain` model whose provider nobody has asked before: one that failed often is left alone. */
  fresh(target: ApiName): string
  readonly callers: Readonly<Record<ApiName, Caller>>
}

/** Starts the proxy; every provider of its config is at `origin`, `extra` are more models of `p-<api>`. */
export async function startGrid(
  owner: Owner,
  origin: string,
  extra: readonly string[] = [],
  freshModels = 0,
): Promise<GridStage> {
  const freshNumbers = Array.from({ length: freshModels }, (_, number) => number + 1)
  const providers = API_NAMES.flatMap((api) => [
    { name: `p-${api}`, api },
    ...freshNumbers.map((number) => ({ name: `p-${api}-${number}`, api })),
  ])
  const models = API_NAMES.flatMap((api) => [
    ...FLAVOURS.map((flavour) => ({
      name: modelName(api, flavour),
      provider: `p-${api}`,
      upstream: UPSTREAM_MODELS[api][flavour],
    })),
    ...extra.map((upstream) => ({ name: `${api}-${upstream}`, provider: `p-${api}`, upstream })),
    ...freshNumbers.map((number) => ({
      name: `${api}-fresh-${number}`,
      provider: `p-${api}-${number}`,
      upstream: UPSTREAM_MODELS[api].plain,
    })),
  ])
  const config = [
    'providers:',
    ...providers.map(({ name, api }) => {
      const speech = api === 'messages' ? 'dialect: anthropic' : `dialect: openai, api: ${api}`
      const base = api === 'messages' ? origin : `${origin}/v1`
      return `  ${name}: { ${speech}, base_url: "${base}", api_key: "\${TEST_KEY}" }`
    }),
    'models:',
    ...models.map(
      ({ name, provider, upstream }) => `  ${name}: { provider: ${provider}, model: ${upstream} }`,
    ),
    'users:',
    `  dev: { models: [${models.map(({ name }) => name).join(', ')}] }`,
    '',
  ].join('\n')
  const proxy = await startProxy(owner, { config, env: { TEST_KEY: 'sk-test-0123456789abcdef' } })
  let used = 0
  return {
    proxy,
    fresh(target) {
      used += 1
      if (used > freshModels) throw new Error(`more than ${freshModels} fresh models`)
      return `${target}-fresh-${used}`
    },
    callers: {
      chat: createChatCaller(proxy.url, 'dev'),
      messages: createMessagesCaller(proxy.url, 'dev'),
      responses: createResponsesCaller(proxy.url, 'dev'),
    },
  }
}
