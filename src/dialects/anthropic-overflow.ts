/**
 * “The prompt is too long” in the words that Anthropic clients act on (wire-formats E.4). Claude Code
 * knows an overflow by its message alone: `prompt is too long: N tokens > M maximum` makes it compact
 * the conversation, ``input length and `max_tokens` exceed context limit: A + B > C`` makes it ask again
 * with fewer output tokens. Any other provider's wording switches both off.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import type { UpstreamError } from '../errors/proxy-error.ts'

// A count on its own: no part of a model's name, a date or a version.
const COUNT = String.raw`(?<![\w.,-])(\d{1,3}(?:,\d{3})+|\d+)(?![\w-]|[.,]\d)`

const LIMITS = patterns([
  `maximum context length(?: of| is)?:? ${COUNT}`,
  `${COUNT} maximum context length`,
  `maximum prompt length is ${COUNT}`,
  `context (?:window|limit|size)(?: of| is)?:? \\(?${COUNT}`,
  `exceeds? the limit of ${COUNT}`,
  `exceed(?:s|ed)? model token limit:? ${COUNT}`,
  `maximum number of tokens allowed \\(?${COUNT}`,
])
const INPUTS = patterns([
  `${COUNT} (?:tokens )?in the messages`,
  `${COUNT} (?:tokens )?of text input`,
  `${COUNT} input tokens`,
])
/** Input that is counted apart from the messages. */
const MORE_INPUTS = patterns([
  `${COUNT} (?:tokens )?in the (?:functions|tools)`,
  `${COUNT} (?:tokens )?of tool input`,
])
const OUTPUTS = patterns([
  `${COUNT} (?:tokens )?in the (?:completion|output)`,
  `${COUNT} output tokens`,
  `max_(?:completion_)?tokens'?"?\`? is too large: ${COUNT}`,
])
const ANY = new RegExp(COUNT, 'g')
// A smaller number is a status, an index, anything but the size of a prompt.
const SMALLEST_COUNT = 512

/** Already said as Anthropic says it. */
const ANTHROPIC =
  /prompt is too long: \d+ tokens > \d+ maximum|input length and `max_tokens` exceed context limit: \d+ \+ \d+ > \d+/i

function patterns(sources: readonly string[]): RegExp[] {
  return sources.map((source) => new RegExp(source, 'i'))
}

/**
 * The message for an Anthropic caller, of an upstream error whose kind is `context`. With the input,
 * the output and the limit known, and the input alone inside the limit: the wording that asks for fewer
 * output tokens. Else the one that asks for a shorter prompt, with both counts where they can be read.
 */
export function anthropicOverflowMessage(upstream: UpstreamError): string {
  const { message } = upstream
  if (ANTHROPIC.test(message)) return message
  const limit = findCount(message, LIMITS)
  const said = findCount(message, INPUTS)
  const input = said === undefined ? undefined : said + (findCount(message, MORE_INPUTS) ?? 0)
  const output = findCount(message, OUTPUTS)
  if (limit !== undefined && input !== undefined && output !== undefined && input < limit) {
    return `input length and \`max_tokens\` exceed context limit: ${input} + ${output} > ${limit}`
  }
  const pair = readPair(message, input, limit)
  if (pair !== undefined) {
    return `prompt is too long: ${pair.tokens} tokens > ${pair.maximum} maximum`
  }
  return /prompt is too long/i.test(message) ? message : `prompt is too long: ${message}`
}

/** How much was sent and how much is allowed; the larger of two numbers is what was sent. */
function readPair(
  message: string,
  input: number | undefined,
  limit: number | undefined,
): { tokens: number; maximum: number } | undefined {
  if (limit !== undefined && input !== undefined && input > limit) {
    return { tokens: input, maximum: limit }
  }
  const counts = [...message.matchAll(ANY)].map((match) => toNumber(match[1]))
  const largest = Math.max(...counts)
  if (limit !== undefined) return largest > limit ? { tokens: largest, maximum: limit } : undefined
  const distinct = [...new Set(counts)]
  const smallest = Math.min(...counts)
  return distinct.length === 2 && smallest >= SMALLEST_COUNT
    ? { tokens: largest, maximum: smallest }
    : undefined
}

function findCount(message: string, wordings: readonly RegExp[]): number | undefined {
  for (const wording of wordings) {
    const match = wording.exec(message)
    if (match !== null) return toNumber(match[1])
  }
  return undefined
}

function toNumber(digits: string | undefined): number {
  return Number((digits ?? '').replaceAll(',', ''))
}

/**
 * The error as an Anthropic caller must get it: a provider's context overflow becomes status 400 with
 * the message above; every other error is returned as it is.
 */
export function anthropicOverflow(error: ProxyError): ProxyError {
  const { upstream } = error
  if (error.code !== 'upstream_error' || upstream?.kind !== 'context') return error
  const message = anthropicOverflowMessage(upstream)
  const rewritten = new ProxyError('upstream_error', message, {
    cause: error,
    hint: error.hint,
    param: error.param,
    retryAfterSeconds: error.retryAfterSeconds,
    upstream: { ...upstream, status: 400, message },
  })
  rewritten.headers = error.headers
  return rewritten
}
