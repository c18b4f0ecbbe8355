/**
 * Finding out what a provider's error says, whoever wrote it (wire-formats E.3): OpenAI's and
 * Anthropic's envelopes, FastAPI's lists, Gemini's arrays, a proxy's HTML page. Nothing here throws.
 */
import { isJsonObject, parseJson, readArray, readObject, readText } from '../wire/json.ts'
import type { JsonObject, JsonValue } from '../wire/json.ts'

/** The words of an error, before its dialect gives them a meaning. */
export interface ForeignError {
  readonly message: string
  readonly type: string | undefined
  /** A number is kept as its digits. */
  readonly code: string | undefined
  readonly param: string | undefined
  /** Anthropic's `error.details.error_code`. */
  readonly detailCode: string | undefined
}

// Long enough for every message seen; a page of HTML or a stack trace is cut.
const MAX_MESSAGE_CHARS = 4000
const MAX_TEXT_CHARS = 300

/** What the body of an error reply says; `status` is named where it says nothing. */
export function readErrorText(status: number, body: string): ForeignError {
  const parsed = parseJson(body)
  const value = Array.isArray(parsed) ? parsed[0] : parsed
  const read = isJsonObject(value) ? readErrorObject(value) : undefined
  if (read !== undefined) return read
  const text = parsed === undefined ? plainText(body) : ''
  return {
    message: text === '' ? `The provider answered with status ${status} and no message.` : text,
    type: undefined,
    code: undefined,
    param: undefined,
    detailCode: undefined,
  }
}

/** What an error object says, or `undefined` where no message is in it. */
export function readErrorObject(body: JsonObject): ForeignError | undefined {
  const error = readObject(body['error'])
  const message = findMessage(body, error)
  if (message === undefined) return undefined
  // vLLM writes the members of `error` at the top level.
  const told = error ?? body
  return {
    message: message.slice(0, MAX_MESSAGE_CHARS),
    type: readText(told['type']),
    code: wordOf(told['code']),
    param: readText(told['param']),
    detailCode: wordOf(readObject(told['details'])?.['error_code']),
  }
}

/** The error in a reply or event that claims to be a success: a truthy `error`, or vLLM's `object: "error"`. */
export function findInBandError(body: JsonObject): ForeignError | undefined {
  const error = body['error']
  const present = typeof error === 'string' ? error !== '' : isJsonObject(error)
  if (!present && body['object'] !== 'error') return undefined
  return (
    readErrorObject(body) ?? {
      message: 'The provider reported an error without a message.',
      type: readText(readObject(error)?.['type']),
      code: wordOf(readObject(error)?.['code']),
      param: undefined,
      detailCode: undefined,
    }
  )
}

/** An HTTP status that stands in an error's `code`, as OpenRouter, Gemini and llama.cpp have it. */
export function statusInCode(code: string | undefined): number | undefined {
  return code !== undefined && /^[45]\d\d$/.test(code) ? Number(code) : undefined
}

function findMessage(body: JsonObject, error: JsonObject | undefined): string | undefined {
  const message = readText(error?.['message']) ?? readText(error?.['msg'])
  if (message !== undefined) {
    // OpenRouter keeps the real provider's words apart.
    const raw = readText(readObject(error?.['metadata'])?.['raw'])
    return raw === undefined || message.includes(raw) ? message : `${message}: ${raw}`
  }
  const detail = body['detail']
  return (
    readText(body['error']) ??
    readText(body['message']) ??
    readText(detail) ??
    joinDetails(readArray(detail)) ??
    firstMessage(readArray(body['errors']))
  )
}

function joinDetails(details: readonly JsonValue[]): string | undefined {
  const words = details.flatMap((item) => readText(readObject(item)?.['msg']) ?? [])
  return words.length === 0 ? undefined : words.join('; ')
}

function firstMessage(errors: readonly JsonValue[]): string | undefined {
  const [first] = errors
  return readText(first) ?? readText(readObject(first)?.['message'])
}

function wordOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'number' ? String(value) : readText(value)
}

/** A page's title, or the first words of a text. */
function plainText(body: string): string {
  const title = /<title[^>]*>([^<]*)<\/title>/i.exec(body.slice(0, 20_000))?.[1]
  const text = title ?? body.slice(0, 20_000).replaceAll(/<[^>]*>/g, ' ')
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_TEXT_CHARS)
}
