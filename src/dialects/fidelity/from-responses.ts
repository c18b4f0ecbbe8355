/** Responses callers: what is the same wherever their request goes (wire-formats F.1 to F.3). */
import { ALWAYS, adapt, EMPTY, equals, FALSE, hint, map, note, pass, refuse, ZERO } from './rows.ts'
import type { FidelityRow } from './rows.ts'
import { DROPPED_ITEMS, isDroppedTool, SEALED_REASONING } from './responses-left-out.ts'

export const FROM_RESPONSES: readonly FidelityRow[] = [
  refuse('previous_response_id', 'responses are not kept; `input` must hold the whole history'),
  refuse('conversation', 'conversations are kept at OpenAI'),
  refuse('prompt', 'prompts by id are kept at OpenAI'),
  refuse('background', 'a response in the background would have to be kept', FALSE),
  refuse('moderation', 'the promised check would not happen'),
  refuse('top_logprobs', 'log probabilities cannot be carried over', ZERO),
  map('model', '`model`, after routing'),
  map('input', 'the messages; items of one assistant turn become one message'),
  note('input[].type', 'what OpenAI’s own tools did is left out', {
    words: 'a message, a call, a result or reasoning',
    is: (value) => typeof value !== 'string' || !DROPPED_ITEMS.has(value),
  }),
  note('input[].phase', 'known to this API only', ALWAYS),
  map('instructions', 'the first system message'),
  map('stream', '`stream`'),
  hint('stream_options.include_obfuscation', 'no padding is ever added', FALSE),
  map('tools', '`tools`, namespaces flattened to `namespace__tool`'),
  note('tools[].type', 'web and tool search are left out; other tools of OpenAI’s are refused', {
    words: 'a tool that the caller runs',
    is: (value) => typeof value !== 'string' || !isDroppedTool(value),
  }),
  adapt('tools[].strict', '`strict` where the schema allows it'),
  adapt('reasoning.effort', 'a reasoning effort, as near as the model has it'),
  note('reasoning.context', 'no counterpart'),
  note('reasoning.mode', 'no counterpart'),
  note('include[]', 'no counterpart', equals(SEALED_REASONING)),
  note('store', 'nothing is stored', FALSE),
  note('truncation', 'nothing is cut from the history', equals('disabled')),
  note('max_tool_calls', 'counts calls of OpenAI’s own tools only'),
  note('context_management', 'no counterpart', EMPTY),
  note('access_programs', 'no counterpart', EMPTY),
  note('image', 'no counterpart', EMPTY),
  pass('extra_body', 'its members are lifted to the top'),
]
