/**
 * What a person may write: the one description of `aiproxy.yaml` (design §4). Reading, checking, the
 * `ConfigFile` type and the JSON Schema all come from here.
 */
import type { FaultClass } from './config.ts'
import { expand } from './interpolate.ts'
import {
  flag,
  ignored,
  listOf,
  located,
  mapOf,
  numberBetween,
  object,
  oneOf,
  oneOrMany,
  readScalar,
  scalar,
} from './shapes.ts'
import type { JsonSchema, Located, ReadBy, Shape } from './shapes.ts'
import {
  parseAllowedHost,
  parseBaseUrl,
  parseBeta,
  parseDuration,
  parseKeyDigest,
  parseLimit,
  parseListen,
  parseAuditPath,
  parseLogPath,
  parseModelName,
  parseOrigin,
  parseProviderName,
  parseSize,
  parseUserName,
} from './values.ts'
import type { LimitKind, Parsed } from './values.ts'

// Single values

function text<T>(expects: string, parse: (text: string) => Parsed<T>): Shape<T> {
  return scalar({ expects, types: ['string'], parse, schema: { type: 'string' } })
}

/** A number with a unit; a bare number is let through to `parse`, which can say what is missing. */
function quantity<T>(
  expects: string,
  parse: (text: string) => Parsed<T>,
  schema: JsonSchema = { type: 'string' },
): Shape<T> {
  return scalar({ expects, types: ['string', 'number'], parse, schema })
}

/** A name may look like a number (`4`) or a word that YAML knows (`true`): it is taken as written. */
function name(expects: string, parse: (text: string) => Parsed<string>): Shape<Located<string>> {
  const types = ['string', 'number', 'boolean'] as const
  return located(scalar({ expects, types, parse, schema: { type: 'string' } }))
}

const duration = quantity('a duration such as 10m', parseDuration, {
  type: 'string',
  pattern: String.raw`^\d+(\.\d+)? ?(ms|s|m|h)$`,
})
const modelName = name('the name of a model', parseModelName)

const size = quantity('a size such as 64MiB', parseSize, {
  anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }],
})

const listen = quantity('an address such as 127.0.0.1:4242', parseListen, {
  anyOf: [{ type: 'integer', minimum: 0, maximum: 65_535 }, { type: 'string' }],
})

/** What `api_key:` says, before anyone asks whether a key is needed. */
export type WrittenKey =
  | {
      readonly kind: 'key'
      readonly value: string
      readonly source: string
      readonly literal: boolean
    }
  | { readonly kind: 'missing'; readonly source: string }
  /** `api_key: ""`: the provider asks for none. */
  | { readonly kind: 'none' }

// The one value that may refer to an unset variable, and that is never shown.
const apiKey: Shape<WrittenKey> = {
  schema: { type: 'string' },
  read(node, path, reading) {
    const expects = 'a reference such as "${OPENAI_API_KEY}"'
    if (node.kind !== 'scalar' || typeof node.value !== 'string') {
      const isReal = node.kind === 'scalar' && node.value !== null
      // A key of digits alone must not end up in the message either.
      if (isReal) reading.problems.add(node.at, `${path} must be ${expects}`)
      else readScalar(node, path, expects, ['string'], reading)
      return undefined
    }
    const expanded = expand(node.value, reading.env)
    if (expanded.kind === 'malformed') {
      reading.problems.add(node.at, `${path}: ${expanded.wrong}`)
      return undefined
    }
    const { references } = expanded
    const absent = references.find(({ state }) => state === 'unset' || state === 'empty')
    const value = expanded.text.trim()
    const [first] = references
    if (absent !== undefined || (value === '' && first !== undefined)) {
      return { kind: 'missing', source: `env ${(absent ?? first)?.name}` }
    }
    if (value === '') return { kind: 'none' }
    if (/^\$[A-Z][A-Z0-9_]*$/.test(value) && first === undefined) {
      const fixed = `"\${${value.slice(1)}}"`
      reading.problems.add(node.at, `${path}: ${value} is not a reference; write ${fixed}`)
      return undefined
    }
    const fromEnv = references.filter(({ state }) => state === 'set').map((one) => one.name)
    const source = fromEnv.length > 0 ? `env ${fromEnv.join(', ')}` : 'config file'
    // It goes out in a header (RFC 9110 §5.5).
    if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(value)) {
      const what = 'holds a character that cannot stand in a header (the value is not shown)'
      reading.problems.add(node.at, `${path}: the key from ${source} ${what}`)
      return undefined
    }
    return { kind: 'key', value, source, literal: fromEnv.length === 0 }
  },
}

/** A base URL, and as it was written: a variable that points back at ourselves is taken out again. */
export interface WrittenUrl {
  readonly url: string
  readonly written: string
}

const baseUrlText = text('a URL', parseBaseUrl)
const baseUrl: Shape<Located<WrittenUrl>> = located({
  schema: baseUrlText.schema,
  read(node, path, reading) {
    const url = baseUrlText.read(node, path, reading)
    if (url === undefined || node.kind !== 'scalar') return undefined
    return { url, written: String(node.value) }
  },
})

function limit(kind: LimitKind, example: string) {
  return oneOrMany(quantity(`a limit such as ${example}`, (written) => parseLimit(written, kind)))
}

const limits = object({
  requests: { shape: limit('requests', '60/minute'), about: 'Such as 60/minute.' },
  tokens: { shape: limit('tokens', '200k/day'), about: 'In and out together, such as 200k/day.' },
  cost: { shape: limit('cost', '5 USD/day'), about: 'Where a price is known, such as 5 USD/day.' },
  concurrency: {
    shape: numberBetween(1, 100_000, 'integer'),
    about: 'Requests under way at the same time.',
  },
})

const LIMITS_ABOUT =
  'Ceilings per minute or hour (the last 60 s or 3600 s), day or month (of the UTC calendar); one each or a list.'

// Maps

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const

/** What a model takes, where our tables do not know it or are wrong. */
const rules = object({
  like: {
    shape: modelName,
    about: 'The model whose rules hold, for a deployment with another name.',
  },
  sampling: { shape: flag, about: 'temperature and top_p.' },
  top_k: { shape: flag, about: 'top_k, in Chat Completions.' },
  stop: { shape: flag, about: 'stop, in Chat Completions.' },
  forced_tools: { shape: flag, about: 'A tool_choice that demands a call.' },
  parallel_tools: { shape: flag, about: 'parallel_tool_calls.' },
  tools_with_reasoning: {
    shape: flag,
    about: 'Function tools beside reasoning in Chat Completions; false takes Responses for them.',
  },
  prefill: { shape: flag, about: 'Messages: goes on with a last message of the assistant.' },
  mid_system: { shape: flag, about: 'Messages: system messages inside the conversation.' },
  structured_outputs: { shape: flag, about: 'Messages: output_config.format and strict tools.' },
  thinking: {
    shape: oneOf(['none', 'budget', 'adaptive', 'given']),
    about: 'Messages: how thinking is asked for; given passes what came.',
  },
  efforts: { shape: listOf(oneOf(EFFORTS), 'a list of efforts'), about: 'Reasoning efforts.' },
  max_output: {
    shape: numberBetween(1, 100_000_000, 'integer'),
    about: 'Most output tokens; a request that asks for more is cut to it.',
  },
  max_tokens_field: {
    shape: oneOf(['max_tokens', 'max_completion_tokens']),
    about: 'What Chat Completions calls the limit.',
  },
  replay_reasoning: {
    shape: flag,
    about: 'Chat Completions: its own reasoning is sent back to it (DeepSeek, Kimi, vLLM).',
  },
  tool_call_ids: {
    shape: oneOf(['any', 'mistral']),
    about: 'Chat Completions: mistral wants ids of nine letters and digits.',
  },
  drop_betas: {
    shape: oneOrMany(text('a beta such as context-1m-2025-08-07 or context-1m-*', parseBeta)),
    about: 'Messages: values of anthropic-beta that it refuses.',
  },
})

const timeouts = object({
  connect: { shape: duration, about: 'TCP and TLS. Default 5s.' },
  first_byte: { shape: duration, about: 'Until a stream begins. Default 60s.' },
  idle: { shape: duration, about: 'Between two pieces of a reply. Default 120s.' },
})

const providerFields = object({
  dialect: {
    shape: oneOf(['openai', 'anthropic']),
    about: 'The wire language it speaks. Needed, except for the built-in providers.',
  },
  base_url: {
    shape: baseUrl,
    about:
      'Where it is: for openai with /v1, for anthropic without. https, or http in a private network.',
  },
  api_key: {
    shape: apiKey,
    about: 'Its key, as "${VARIABLE}". Left out, or "": none is needed.',
  },
  api: {
    shape: oneOf(['auto', 'chat', 'responses']),
    about: 'Which OpenAI API to speak. Default auto; most compatible servers know only chat.',
  },
  mock: { shape: flag, about: 'Answered by the embedded mock. Default false.' },
  timeouts: { shape: timeouts, about: 'How long to wait.' },
  rules: { shape: rules, about: 'What all its models take; a model’s own rules go first.' },
})

/** Checked here and not by `required`, because the built-in providers are filled in before. */
const provider: Shape<ReadBy<typeof providerFields>> = {
  schema: providerFields.schema,
  read(node, path, reading) {
    const read = providerFields.read(node, path, reading)
    if (read === undefined || node.kind !== 'map') return read
    const written = new Set(node.entries.map(({ key }) => key))
    if (!written.has('dialect')) {
      reading.problems.add(node.at, `${path} needs a dialect: openai or anthropic`)
    }
    if (!written.has('base_url') && read.mock !== true) {
      reading.problems.add(node.at, `${path} needs a base_url, such as http://127.0.0.1:11434/v1`)
    }
    return read
  },
}

const dollars = numberBetween(0, 1_000_000, 'number')

const price = object({
  input: { shape: dollars, about: 'Prompt tokens.', required: true },
  output: { shape: dollars, about: 'Completion tokens.', required: true },
  cached_input: { shape: dollars, about: 'Prompt tokens read from a cache. Default: as input.' },
  cache_write: {
    shape: dollars,
    about: 'Prompt tokens written to a cache. Default: 1.25 times input.',
  },
  cache_write_1h: {
    shape: dollars,
    about: 'Those written to a cache for an hour, where the provider tells. Default: twice input.',
  },
  reasoning: {
    shape: dollars,
    about: 'Completion tokens that were reasoning. Default: as output.',
  },
})

const model = object({
  provider: {
    shape: name('the name of a provider', parseProviderName),
    about: 'Who answers.',
    required: true,
  },
  model: { shape: modelName, about: 'The name the provider knows it by. Default: our name.' },
  max_tokens: {
    shape: numberBetween(1, 100_000_000, 'integer'),
    about: 'Completion tokens where a request names no limit and the provider demands one.',
  },
  strict: {
    shape: flag,
    about:
      'Refuse what cannot cross to another dialect, instead of dropping and announcing it. Default false.',
  },
  price: { shape: price, about: 'US dollars per million tokens.' },
  rules: { shape: rules, about: 'What it takes, over what is known of it by its name.' },
  location: { shape: ignored, about: 'Accepted for rbac.json; not needed.' },
})

const grant = object({
  name: { shape: modelName, about: 'A model from models.', required: true },
  failover: {
    shape: oneOrMany(modelName),
    about: 'One model or a list, tried in order when it is unavailable.',
  },
  limits: { shape: limits, about: `For this model, beside the user's own. ${LIMITS_ABOUT}` },
})

/** One of a user's models: a bare name, or a name with its failover. */
const userModel: Shape<ReadBy<typeof grant>> = {
  schema: { anyOf: [modelName.schema, grant.schema] },
  read(node, path, reading) {
    if (node.kind !== 'scalar') return grant.read(node, path, reading)
    const found = modelName.read(node, path, reading)
    return found === undefined ? undefined : { name: found, failover: undefined, limits: undefined }
  },
}

const keyDigest = located(
  scalar({
    expects: '"sha256:" and 64 hex digits',
    types: ['string', 'number', 'boolean'],
    parse: parseKeyDigest,
    schema: { type: 'string', pattern: '^sha256:[0-9a-fA-F]{64}(:[0-9A-Za-z_-]{1,8})?$' },
  }),
)

const user = object({
  models: {
    shape: listOf(userModel, 'a list of models'),
    about: 'What this user may call; the first is the default.',
  },
  limits: { shape: limits, about: `For all models together. ${LIMITS_ABOUT}` },
  key: { shape: keyDigest, about: 'Digest of the one key, in the form of keys.' },
  keys: {
    shape: listOf(keyDigest, 'a list of key digests'),
    about: 'Digests of the keys, as `aiproxy users key` writes them.',
  },
})

/** The classes of design §5, in its order. */
export const FAULT_CLASSES = [
  'transport',
  'timeout',
  'rate',
  'overload',
  'server',
  'credential',
  'billing',
  'model',
  'context',
  'request',
] as const satisfies readonly FaultClass[]

const failover = object({
  on: {
    shape: oneOrMany(oneOf(['unavailable', 'any', ...FAULT_CLASSES])),
    about: 'What moves on to the next model: unavailable (default), any, or a list of classes.',
  },
  deadline: { shape: duration, about: 'For all attempts together. Default 10m.' },
})

/** The whole file. */
export const FILE = object({
  listen: { shape: located(listen), about: 'Address and port. Default 127.0.0.1:4242.' },
  log: {
    shape: text('a path', parseLogPath),
    about:
      'The usage log; relative to this file, "-" is stdout. Default $XDG_STATE_HOME/aiproxy/usage.jsonl.',
  },
  audit: {
    shape: located(text('a path', parseAuditPath)),
    about: 'Requests and replies, whole; relative to this file. Off unless named.',
  },
  providers: {
    shape: mapOf(provider, parseProviderName, 'a map of providers by name'),
    about: 'Who answers. openai, anthropic and mock are built in; name one to change it.',
  },
  models: {
    shape: mapOf(model, parseModelName, 'a map of models by name'),
    about: 'Models by the name that callers use.',
  },
  users: {
    shape: mapOf(user, parseUserName, 'a map of users by name'),
    about: 'Who may call which models.',
  },
  default_user: {
    shape: name('the name of a user', parseUserName),
    about: 'For `aiproxy ask` without --user; never for the port.',
  },
  failover: { shape: failover, about: 'When to move on to the next model.' },
  allowed_hosts: {
    shape: listOf(text('a host name', parseAllowedHost), 'a list of host names'),
    about: 'Host names accepted beside the loopback ones.',
  },
  allowed_origins: {
    shape: listOf(text('an origin such as https://app.example', parseOrigin), 'a list of origins'),
    about: 'Browser origins that may call.',
  },
  body_limit: { shape: size, about: 'Largest request body. Default 64MiB.' },
  mock: { shape: flag, about: 'Every provider answered by the embedded mock. Default false.' },
  on_log_failure: {
    shape: oneOf(['refuse', 'continue']),
    about: 'Whether requests are refused while the usage log cannot be written. Default refuse.',
  },
  $schema: { shape: ignored, about: 'For editors.' },
})

/** What the file says; `undefined` for what it does not say. */
export type ConfigFile = ReadBy<typeof FILE>
export type ProviderFile = ReadBy<typeof provider>
export type ModelFile = ReadBy<typeof model>
export type RulesFile = ReadBy<typeof rules>
export type UserFile = ReadBy<typeof user>
export type LimitsFile = ReadBy<typeof limits>

/** JSON Schema (draft 2020-12) of the config file, for editors: the text of `aiproxy.schema.json`. */
export function renderJsonSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'aiproxy config',
    ...FILE.schema,
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}
