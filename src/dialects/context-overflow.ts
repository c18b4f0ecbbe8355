/** Recognising “the prompt is too long for this model” in any provider's words (wire-formats E.4). */

const CODES: ReadonlySet<string> = new Set([
  'context_length_exceeded',
  'model_max_prompt_tokens_exceeded',
  'string_above_max_length',
  'exceed_context_size_error',
])

const WORDINGS: readonly RegExp[] = [
  /maximum context length/i,
  /context window[^.]{0,60}exceed|exceed[^.]{0,60}context window/i,
  /prompt (is )?too long/i,
  /longer than the model's context length/i,
  /exceeds the limit of \d+[^.]{0,40}token|token[^.]{0,60}exceeds the limit of \d+/i,
  /input is too long/i,
  /maximum prompt length/i,
  /exceeds? the available context size/i,
  /input length and `?max_tokens`? exceed context limit/i,
  // Gemini: “The input token count (N) exceeds the maximum number of tokens allowed (M).”
  /exceeds the maximum number of tokens allowed/i,
  // Kimi: “Your request exceeded model token limit: M (requested: N)”
  /exceed(s|ed)? model token limit/i,
]

/** The error means that the prompt did not fit, by its code or type, else by its words. */
export function isContextOverflow(
  code: string | undefined,
  type: string | undefined,
  message: string,
): boolean {
  if (code !== undefined && CODES.has(code)) return true
  if (type !== undefined && CODES.has(type)) return true
  return WORDINGS.some((wording) => wording.test(message))
}
