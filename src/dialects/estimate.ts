/**
 * Token counts for when nobody told them: a caller who left early, a server without usage. Never shown
 * without being marked as an estimate.
 */
import type { JsonObject, JsonValue } from './neutral.ts'

const CHARS_PER_TOKEN = 4
// What an image costs at the providers that publish a formula, roughly; its bytes say nothing.
const TOKENS_PER_IMAGE = 1_600
// Where the text of a request stands, in all dialects.
const PROMPT_FIELDS = ['system', 'instructions', 'messages', 'input', 'tools', 'functions']

/** Tokens of a text of so many characters. */
export function estimateTokens(chars: number): number {
  return Math.ceil(chars / CHARS_PER_TOKEN)
}

/** Prompt tokens of a request body in any dialect. */
export function estimatePromptTokens(body: JsonObject): number {
  let chars = 0
  let images = 0
  function measure(value: JsonValue | undefined): void {
    if (typeof value === 'string') {
      if (value.startsWith('data:')) images += 1
      else chars += value.length
    } else if (Array.isArray(value)) {
      for (const item of value) measure(item)
    } else if (typeof value === 'object' && value !== null) {
      // Anthropic's base64 sources carry the bytes bare.
      if (value['type'] === 'base64') images += 1
      else for (const key of Object.keys(value)) measure(value[key])
    }
  }
  for (const field of PROMPT_FIELDS) measure(body[field])
  return estimateTokens(chars) + images * TOKENS_PER_IMAGE
}
