/** The flags of `aiproxy ask`, checked: what a person typed becomes an AskOptions or a `usage_wrong`. */
import { parseDuration } from '../config/values.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { JsonValue } from '../dialects/neutral.ts'

/** As commander leaves them. */
export interface AskFlags {
  readonly user?: string
  readonly model?: string
  readonly system?: string
  readonly file?: readonly string[]
  readonly temperature?: string
  readonly maxTokens?: string
  readonly option?: readonly string[]
  readonly stream: boolean
  readonly extract?: boolean
  readonly failover: boolean
  readonly timeout?: string
  readonly explain?: boolean
  readonly stdin: boolean
  readonly log: boolean
  readonly jsonl?: boolean
}

export interface AskOptions {
  readonly user: string | undefined
  readonly model: string | undefined
  readonly system: string | undefined
  readonly files: readonly string[]
  readonly temperature: number | undefined
  readonly maxTokens: number | undefined
  /** Fields of the request passed through as they are. */
  readonly extras: ReadonlyMap<string, JsonValue>
  readonly stream: boolean
  readonly extract: boolean
  readonly failover: boolean
  readonly timeoutMs: number | undefined
  readonly explain: boolean
  readonly readStdin: boolean
  readonly log: boolean
  readonly format: 'text' | 'json' | 'jsonl'
}

/** Checks the flags of one call. Throws `usage_wrong` that names the value. */
export function parseAskFlags(flags: AskFlags, json: boolean): AskOptions {
  if (json && flags.jsonl === true)
    throw new ProxyError('usage_wrong', '--json or --jsonl, not both')
  const { file: files = [], option = [] } = flags
  if (files.filter((path) => path === '-').length > 1) {
    throw new ProxyError('usage_wrong', '--file - is stdin, which can be read only once')
  }
  const extras = new Map<string, JsonValue>()
  for (const text of option) addExtra(extras, text, flags)
  return {
    user: flags.user,
    model: flags.model,
    system: flags.system,
    files,
    temperature: flags.temperature === undefined ? undefined : parseTemperature(flags.temperature),
    maxTokens: flags.maxTokens === undefined ? undefined : parseMaxTokens(flags.maxTokens),
    extras,
    stream: flags.stream,
    extract: flags.extract === true,
    failover: flags.failover,
    timeoutMs: flags.timeout === undefined ? undefined : parseTimeoutMs(flags.timeout),
    explain: flags.explain === true,
    readStdin: flags.stdin,
    log: flags.log,
    format: flags.jsonl === true ? 'jsonl' : json ? 'json' : 'text',
  }
}

function parseTemperature(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new ProxyError('usage_wrong', `--temperature '${text}' is not a number from 0 up`)
  }
  return value
}

function parseMaxTokens(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ProxyError('usage_wrong', `--max-tokens '${text}' is not a whole number from 1 up`)
  }
  return value
}

// Fields that `ask` decides, and what to say to those who would set them.
const OWN_FIELDS: ReadonlyMap<string, string> = new Map([
  ['model', 'that is what -m is for'],
  ['messages', 'that is what the prompt is for'],
  ['stream', 'that is what --no-stream is for'],
  ['stream_options', 'that is what --no-stream is for'],
  ['n', 'one answer is asked for and shown'],
])

// Fields with a flag of their own, which may be given either way.
const FLAGGED: ReadonlyMap<string, keyof AskFlags> = new Map([
  ['temperature', 'temperature'],
  ['max_tokens', 'maxTokens'],
  ['max_completion_tokens', 'maxTokens'],
])
const FLAG_NAMES: Partial<Record<keyof AskFlags, string>> = {
  temperature: '--temperature',
  maxTokens: '--max-tokens',
}

function addExtra(extras: Map<string, JsonValue>, text: string, flags: AskFlags): void {
  const equals = text.indexOf('=')
  const name = text.slice(0, Math.max(0, equals)).trim()
  if (name === '') {
    throw new ProxyError('usage_wrong', `--option '${text}' is not of the form key=value`)
  }
  const why = OWN_FIELDS.get(name)
  if (why !== undefined) {
    throw new ProxyError('usage_wrong', `--option cannot set '${name}'; ${why}`)
  }
  const [field = '', member] = name.split('.')
  if (member !== undefined) {
    throw new ProxyError('usage_wrong', `--option '${name}' has a dot: write the whole field`, {
      hint: `aiproxy ask -o '${field}={"${member}": …}'`,
    })
  }
  if (extras.has(name)) {
    throw new ProxyError('usage_wrong', `--option '${name}' is given twice`)
  }
  const flag = FLAGGED.get(name)
  if (flag !== undefined && flags[flag] !== undefined) {
    throw new ProxyError('usage_wrong', `${FLAG_NAMES[flag] ?? ''} or --option '${name}', not both`)
  }
  const value = parseJsonOrText(text.slice(equals + 1))
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new ProxyError('usage_wrong', `--option '${text}' is too large to be sent exactly`)
  }
  extras.set(name, value)
}

function parseJsonOrText(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

function parseTimeoutMs(text: string): number {
  const parsed = parseDuration(text)
  if ('wrong' in parsed) throw new ProxyError('usage_wrong', `--timeout ${parsed.wrong}`)
  return parsed.value
}
