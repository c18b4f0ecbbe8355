/**
 * Every setting decided: no optional fields, so nobody downstream invents a default. Frozen.
 * What a person may write is `ConfigFile`, which dies inside this room.
 */

export interface Config {
  readonly source: ConfigSource
  readonly listen: { readonly host: string; readonly port: number }
  /** Path of the usage log; '-' is stdout. */
  readonly log: string
  /** Path of the payload audit; `undefined` is off. */
  readonly audit: string | undefined
  readonly providers: ReadonlyMap<string, Provider>
  readonly models: ReadonlyMap<string, Model>
  readonly users: ReadonlyMap<string, User>
  /** sha256 hex digest of a user key → user name. */
  readonly keys: ReadonlyMap<string, string>
  /** sha256 hex digest → how the key ends, for people; only for keys of which the file says it. */
  readonly keyHints: ReadonlyMap<string, string>
  readonly defaultUser: string | undefined
  readonly failover: FailoverPolicy
  /** `refuse`: nothing that costs money is begun while its line could not be written. */
  readonly onLogFailure: 'refuse' | 'continue'
  readonly bodyLimitBytes: number
  /** Host names accepted beside the loopback ones, lower case, without port. */
  readonly allowedHosts: ReadonlySet<string>
  readonly allowedOrigins: ReadonlySet<string>
  /** Things a user should know that are no errors: literal secrets, unused models, mocked providers. */
  readonly warnings: readonly string[]
}

export type ConfigSource =
  | { readonly kind: 'file'; readonly path: string }
  /** No file: the seed's own users and models. */
  | { readonly kind: 'starter' }

export interface Provider {
  readonly name: string
  readonly dialect: 'openai' | 'anthropic'
  /** Which OpenAI API to speak; `auto` relays what the caller speaks. Meaningless for anthropic. */
  readonly api: 'auto' | 'chat' | 'responses'
  /** Without trailing slash; ignored for a mocked provider. */
  readonly baseUrl: string
  readonly credential: Credential
  /** Answered by the embedded mock. */
  readonly mock: boolean
  readonly timeouts: Timeouts
}

export type Credential =
  /** `source` is for people: `env OPENAI_API_KEY` or `config file`. Never print `value`. */
  | { readonly kind: 'key'; readonly value: string; readonly source: string }
  /** A key is needed and not set: every attempt is a `credential` failure. */
  | { readonly kind: 'missing'; readonly source: string }
  | { readonly kind: 'none' }

export interface Timeouts {
  /** TCP and TLS, milliseconds; default 5 s. */
  readonly connectMs: number
  /** Until the reply's head, for streams; default 60 s. Unary replies have the whole deadline. */
  readonly firstByteMs: number
  /** Between two pieces of a reply; default 120 s. */
  readonly idleMs: number
}

export interface Model {
  readonly name: string
  readonly provider: string
  /** The provider's own name for it. */
  readonly upstreamName: string
  readonly maxTokens: number | undefined
  readonly strict: boolean
  readonly price: Price | undefined
  /** The provider's `rules`, and over them the model's own. */
  readonly rules: ModelRules
}

/**
 * What is said over the tables of what models take (dialects/model-rules.ts). What is absent is not
 * undecided: the tables decide it.
 */
export interface ModelRules {
  /** The name of the model whose rules hold. */
  readonly like?: string
  readonly sampling?: boolean
  readonly topK?: boolean
  readonly stop?: boolean
  readonly forcedTools?: boolean
  readonly parallelTools?: boolean
  readonly toolsWithReasoning?: boolean
  readonly prefill?: boolean
  readonly midSystem?: boolean
  readonly structuredOutputs?: boolean
  readonly thinking?: 'none' | 'budget' | 'adaptive' | 'given'
  readonly efforts?: readonly Effort[]
  /** Output tokens. */
  readonly maxOutput?: number
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens'
  readonly replayReasoning?: boolean
  readonly toolCallIds?: 'any' | 'mistral'
  /** Values of `anthropic-beta`; a `*` at the end stands for any rest. */
  readonly dropBetas?: readonly string[]
}

export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** US dollars per million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  readonly cachedInput: number | undefined
  readonly cacheWrite: number | undefined
  /** For a cache entry that lives an hour. */
  readonly cacheWriteHour: number | undefined
  readonly reasoning: number | undefined
}

export interface User {
  readonly name: string
  /** In the order of the file; the first is the user's default. */
  readonly models: readonly UserModel[]
  /** sha256 hex digests. Empty: a name-only user. */
  readonly keys: readonly string[]
  readonly limits: Limits
}

export interface UserModel {
  readonly name: string
  /** Tried in order after `name`; naming a model here is the grant for it. */
  readonly failover: readonly string[]
  /** Of this user for this model, beside the user's own; it holds wherever the model is a backup, too. */
  readonly limits: Limits | undefined
}

/** One ceiling over one window. */
export interface Limit {
  readonly amount: number
  readonly window: 'minute' | 'hour' | 'day' | 'month'
}
export interface Limits {
  readonly requests: readonly Limit[]
  readonly tokens: readonly Limit[]
  readonly costUsd: readonly Limit[]
  /** Requests under way at the same time. */
  readonly concurrency: number | undefined
}

export type FaultClass =
  | 'transport'
  | 'timeout'
  | 'rate'
  | 'overload'
  | 'server'
  | 'credential'
  | 'billing'
  | 'model'
  | 'context'
  | 'request'

export interface FailoverPolicy {
  /** The classes that move on to the next target. `any` is every non-2xx (the seed's literal rule). */
  readonly on: ReadonlySet<FaultClass>
  readonly deadlineMs: number
}
