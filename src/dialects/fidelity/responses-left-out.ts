/**
 * What a Responses request may hold only because OpenAI itself runs it, and what is left out on the way
 * to any other dialect (wire-formats F.2, F.3). Decided here, obeyed by the decoder.
 */

/** Traces of tools that OpenAI ran itself. What they found stands in the text that followed. */
export const DROPPED_ITEMS: ReadonlySet<string> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
  'computer_call',
  'computer_call_output',
  'mcp_list_tools',
  'mcp_call',
  'mcp_approval_request',
  'mcp_approval_response',
  'tool_search_call',
  'tool_search_output',
])

/** Run by OpenAI and optional to the answer: clients send them routinely. Dated variants count too. */
const DROPPED_TOOL = /^(web_search(_preview)?(_\d{4}_\d{2}_\d{2})?|tool_search)$/

/** A tool of this type is left out on the way to another dialect. */
export function isDroppedTool(type: string): boolean {
  return DROPPED_TOOL.test(type)
}

/** The one value of `include` that is kept everywhere: reasoning comes back sealed. */
export const SEALED_REASONING = 'reasoning.encrypted_content'
