/**
 * The one redaction for everything printed, logged or sent on. Exact known secrets first, then whatever
 * is shaped like a key: providers echo parts of a refused key in their error messages.
 */

import { ProxyError } from './proxy-error.ts'

// Prefixes of the keys OpenAI, Anthropic, compatible providers and aiproxy itself hand out. A masked
// echo such as `sk-abc***wxyz` counts too.
const KEY_SHAPED =
  /\b(?:sk-ant-|sk-proj-|sk-or-|sk-|aip_|gsk_|xai-|AIza)[A-Za-z0-9_*.-]{6,}|\bBearer\s+[^\s"',;]{6,}/g

export type Redact = (text: string) => string

/** A function that replaces every given secret, and key-shaped text, by `[redacted]`. */
export function createRedactor(secrets: Iterable<string>): Redact {
  // A very short "secret" (`x`, `none`, `ollama`) would blank out ordinary words.
  const exact = [...new Set(secrets)].filter((secret) => secret.length >= 8)
  return (text) => {
    let clean = text
    for (const secret of exact) {
      if (clean.includes(secret)) clean = clean.replaceAll(secret, '[redacted]')
    }
    return clean.replace(KEY_SHAPED, '[redacted]')
  }
}

/** The same error with nothing secret in any of its words; the very same where there was nothing to redact. */
export function redactError(error: ProxyError, redact: Redact): ProxyError {
  const { upstream, cause } = error
  const words = (text: string | undefined) => text && redact(text)
  const message = redact(error.message)
  const param = words(error.param)
  const clean = upstream && {
    ...upstream,
    message: redact(upstream.message),
    type: words(upstream.type),
    code: words(upstream.code),
    param: words(upstream.param),
  }
  // A parser quotes what it could not read.
  const quotes = cause instanceof Error && redact(cause.message) !== cause.message
  const same =
    message === error.message &&
    param === error.param &&
    clean?.message === upstream?.message &&
    clean?.type === upstream?.type &&
    clean?.code === upstream?.code &&
    clean?.param === upstream?.param
  if (same && !quotes) return error
  const redacted = new ProxyError(error.code, message, {
    cause: quotes ? undefined : cause,
    hint: error.hint,
    param,
    retryAfterSeconds: error.retryAfterSeconds,
    upstream: clean,
    raw: error.raw,
  })
  redacted.headers = error.headers
  return redacted
}
