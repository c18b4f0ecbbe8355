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

/**
 * The most output tokens a request body asks for, in any dialect and over all its choices; `fallback` for
 * each choice where it does not say.
 */
export function readOutputCeiling(body: JsonObject, fallback: number): number {
  const asked = OUTPUT_FIELDS.map((field) => body[field]).find(isCount)
  const choices = body['n']
  return (asked ?? fallback) * (isCount(choices) ? choices : 1)
}

// Chat's two names, Messages', Responses'.
const OUTPUT_FIELDS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens']

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
