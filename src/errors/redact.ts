/**
 * The one redaction for everything printed, logged or sent on. Exact known secrets first, then whatever
 * is shaped like a key: providers echo parts of a refused key in their error messages.
 */

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
