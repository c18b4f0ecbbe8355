/** Things that stand in requests and replies of more than one test file. */
import { openaiChunk } from './replies.ts'
import type { Script } from './upstream.ts'

/** The smallest PNG there is: one transparent pixel, base64. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

/** Arguments of a weather tool. */
export const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
}

/** A request odd on purpose: spacing, number forms, escapes, key order, fields nobody has heard of. */
export const oddRequest = (model: string): string =>
  `{ "vendor_x" : {"b":1,"a":[1.0,2e3, -0]} ,\n\t"messages":[{"content":"caf\\u00e9 \\ud83d\\ude00 ☃","role":"user"}],` +
  `"model":"${model}","temperature":1.0,"note":"\\"model\\": \\"gpt-5\\"","nested":{"model":"gpt-5"}, "max_tokens":16 }`
/** A function tool as OpenAI writes it. */
export const openaiTool = (name: string, parameters: unknown = WEATHER): unknown => ({
  type: 'function',
  function: { name, description: `Calls ${name}.`, parameters },
})

/** The same tool as Anthropic writes it. */
export const anthropicTool = (name: string, schema: unknown = WEATHER): unknown => ({
  name,
  description: `Calls ${name}.`,
  input_schema: schema,
})

/** Answers every request with this JSON. */
export const answersWith =
  (body: unknown): Script =>
  (reply) => {
    reply.json(200, body)
  }

/** One fragment of a streamed Chat tool call. */
export function callChunk(index: number, more: Record<string, unknown>): string {
  return openaiChunk({ tool_calls: [{ index, ...more }] })
}
