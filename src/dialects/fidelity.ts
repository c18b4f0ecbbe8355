/**
 * THE table: what becomes of every field when it crosses from one dialect to another. The announcements
 * come from it, the refusals come from it, and the documentation is rendered from it. Values that need a
 * look at the model (sampling, effort, forced tools) are decided and announced by the target's encoder;
 * their rows say so with `adapt`.
 */
import {
  ANTHROPIC_TO_RESPONSES,
  CHAT_TO_RESPONSES,
  RESPONSES_TO_ANTHROPIC,
  RESPONSES_TO_CHAT,
} from './openai-responses/fidelity-rows.ts'
import { isJsonObject, readArray, readObject } from '../wire/json.ts'
import type { DialectName, Notes } from './dialect.ts'
import { liftExtraBody } from './extra-body.ts'
import { untranslatable } from './fields.ts'
import { MESSAGES_TO_CHAT } from './messages-fidelity.ts'
import type { JsonObject, JsonValue } from './neutral.ts'

/**
 * map: same meaning on the other side. adapt: carried over with a change that the encoder announces.
 * note: left out and announced. refuse: leaving it out would break a promise. pass: the target's own
 * field in a foreign request, forwarded.
 */
export type Verdict = 'map' | 'adapt' | 'note' | 'refuse' | 'pass'

export interface FidelityRow {
  /** `messages[].content[].input_audio`; `[]` stands for every item. */
  readonly path: string
  readonly verdict: Verdict
  /** Where it goes, or why it does not. */
  readonly reason: string
  /** Values that ask for nothing, and are left out without a word; `words` for the documentation. */
  readonly silent?: { readonly words: string; is(value: JsonValue): boolean }
}

export interface FidelityTable {
  readonly from: DialectName
  readonly to: DialectName
  readonly rows: readonly FidelityRow[]
}

const FALSE = { words: '`false`', is: (value: JsonValue) => value === false }
const ZERO = { words: '`0`', is: (value: JsonValue) => value === 0 }
const EMPTY = {
  words: 'empty',
  is: (value: JsonValue) =>
    value === '' ||
    (Array.isArray(value) && value.length === 0) ||
    (isJsonObject(value) && Object.keys(value).length === 0),
}

function equals(expected: JsonValue): { words: string; is(value: JsonValue): boolean } {
  return { words: `\`${JSON.stringify(expected)}\``, is: (value) => value === expected }
}

const CHAT_TO_ANTHROPIC: readonly FidelityRow[] = [
  { path: 'model', verdict: 'map', reason: '`model`, after routing' },
  { path: 'messages', verdict: 'map', reason: '`system` and `messages`' },
  {
    path: 'messages[].name',
    verdict: 'note',
    reason: 'no counterpart; never written into the text',
    silent: EMPTY,
  },
  {
    path: 'messages[].refusal',
    verdict: 'adapt',
    reason: 'a text block',
  },
  {
    path: 'messages[].reasoning_content',
    verdict: 'adapt',
    reason: 'dropped: thinking without its signature is a 400',
  },
  {
    path: 'messages[].thinking_blocks',
    verdict: 'map',
    reason: '`thinking` and `redacted_thinking`, byte for byte',
  },
  {
    path: 'messages[].reasoning_details',
    verdict: 'map',
    reason: '`thinking` and `redacted_thinking` where signed by Anthropic',
  },
  {
    path: 'messages[].audio',
    verdict: 'note',
    reason: 'the words of an earlier spoken answer are not in the request',
  },
  {
    path: 'messages[].content[].image_url.detail',
    verdict: 'note',
    reason: 'no counterpart',
    silent: equals('auto'),
  },
  {
    path: 'messages[].content[].input_audio',
    verdict: 'refuse',
    reason: 'Claude takes no audio',
  },
  {
    path: 'max_completion_tokens',
    verdict: 'adapt',
    reason: '`max_tokens`, capped at what the model has',
  },
  { path: 'max_tokens', verdict: 'adapt', reason: '`max_tokens`, capped at what the model has' },
  {
    path: 'temperature',
    verdict: 'adapt',
    reason: '`temperature` up to 1 where the model still has sampling',
  },
  { path: 'top_p', verdict: 'adapt', reason: '`top_p` where the model takes it beside the rest' },
  { path: 'top_k', verdict: 'pass', reason: '`top_k` where the model still has sampling' },
  { path: 'stop', verdict: 'adapt', reason: '`stop_sequences`, without blank ones' },
  { path: 'stop_sequences', verdict: 'pass', reason: 'joined with `stop`' },
  { path: 'stream', verdict: 'map', reason: '`stream`' },
  { path: 'stream_options', verdict: 'map', reason: 'decides whether the usage chunk is written' },
  {
    path: 'stream_options.include_obfuscation',
    verdict: 'note',
    reason: 'no padding is ever added',
    silent: FALSE,
  },
  {
    path: 'n',
    verdict: 'refuse',
    reason: 'there is one answer to a request',
    silent: equals(1),
  },
  { path: 'tools', verdict: 'map', reason: '`tools`' },
  {
    path: 'tools[].function.strict',
    verdict: 'adapt',
    reason: '`strict` where the schema is in Anthropic’s subset',
  },
  {
    path: 'tools[].custom.format',
    verdict: 'adapt',
    reason: 'a grammar is described, not enforced',
  },
  { path: 'tool_choice', verdict: 'adapt', reason: '`tool_choice`; newer models cannot be forced' },
  { path: 'parallel_tool_calls', verdict: 'map', reason: '`disable_parallel_tool_use`' },
  { path: 'functions', verdict: 'map', reason: '`tools`; the reply uses `function_call`' },
  { path: 'function_call', verdict: 'map', reason: '`tool_choice`' },
  {
    path: 'response_format',
    verdict: 'adapt',
    reason: '`output_config.format`, a forced tool, or an instruction',
  },
  { path: 'reasoning_effort', verdict: 'adapt', reason: '`thinking` and `output_config.effort`' },
  { path: 'safety_identifier', verdict: 'map', reason: '`metadata.user_id`' },
  { path: 'user', verdict: 'map', reason: '`metadata.user_id`' },
  {
    path: 'metadata',
    verdict: 'note',
    reason: 'only `user_id` has a counterpart',
    silent: {
      words: 'empty, or only `user_id`',
      is: (value) => Object.keys(readObject(value) ?? {}).every((key) => key === 'user_id'),
    },
  },
  { path: 'service_tier', verdict: 'adapt', reason: '`auto` or `standard_only`' },
  { path: 'prompt_cache_key', verdict: 'note', reason: 'Anthropic routes its caches itself' },
  { path: 'prompt_cache_options', verdict: 'adapt', reason: 'a top-level `cache_control`' },
  { path: 'prompt_cache_retention', verdict: 'note', reason: 'no counterpart' },
  { path: 'store', verdict: 'note', reason: 'nothing is stored', silent: FALSE },
  { path: 'seed', verdict: 'note', reason: 'best effort at OpenAI too' },
  {
    path: 'logprobs',
    verdict: 'refuse',
    reason: 'Anthropic gives no log probabilities',
    silent: FALSE,
  },
  {
    path: 'top_logprobs',
    verdict: 'refuse',
    reason: 'Anthropic gives no log probabilities',
    silent: ZERO,
  },
  { path: 'logit_bias', verdict: 'note', reason: 'no counterpart', silent: EMPTY },
  { path: 'presence_penalty', verdict: 'note', reason: 'no counterpart', silent: ZERO },
  { path: 'frequency_penalty', verdict: 'note', reason: 'no counterpart', silent: ZERO },
  {
    path: 'modalities',
    verdict: 'refuse',
    reason: 'Claude answers in text only',
    silent: { words: 'without `audio`', is: (value) => !readArray(value).includes('audio') },
  },
  { path: 'audio', verdict: 'refuse', reason: 'Claude answers in text only' },
  { path: 'prediction', verdict: 'note', reason: 'only a hint for speed' },
  {
    path: 'web_search_options',
    verdict: 'refuse',
    reason: 'the promised search would not happen',
  },
  { path: 'verbosity', verdict: 'note', reason: 'no counterpart', silent: equals('medium') },
  { path: 'moderation', verdict: 'refuse', reason: 'the promised check would not happen' },
  { path: 'thinking', verdict: 'pass', reason: 'wins over `reasoning_effort`' },
  { path: 'system', verdict: 'pass', reason: 'stands before the other system messages' },
  { path: 'output_config', verdict: 'pass', reason: 'wins over what is derived' },
  { path: 'cache_control', verdict: 'pass', reason: 'on the request, messages, parts and tools' },
  { path: 'mcp_servers', verdict: 'pass', reason: '`mcp_servers`' },
  { path: 'container', verdict: 'pass', reason: '`container`' },
  { path: 'context_management', verdict: 'pass', reason: '`context_management`' },
  { path: 'inference_geo', verdict: 'pass', reason: '`inference_geo`' },
  { path: 'speed', verdict: 'pass', reason: '`speed`' },
  { path: 'betas', verdict: 'pass', reason: 'joined with the `anthropic-beta` header' },
  { path: 'extra_body', verdict: 'pass', reason: 'its members are lifted to the top' },
]

export const FIDELITY: readonly FidelityTable[] = [
  { from: 'openai-chat', to: 'anthropic', rows: CHAT_TO_ANTHROPIC },
  { from: 'openai-chat', to: 'openai-responses', rows: CHAT_TO_RESPONSES },
  { from: 'anthropic', to: 'openai-chat', rows: MESSAGES_TO_CHAT },
  { from: 'anthropic', to: 'openai-responses', rows: ANTHROPIC_TO_RESPONSES },
  { from: 'openai-responses', to: 'openai-chat', rows: RESPONSES_TO_CHAT },
  { from: 'openai-responses', to: 'anthropic', rows: RESPONSES_TO_ANTHROPIC },
]

/**
 * Applies the table to a caller's body before it is decoded: throws ProxyError `untranslatable` for the
 * first field that is refused, adds a note for each one that is left out, unknown top-level fields
 * included. `null` counts as absent. Does nothing for a pair without a table.
 */
export function reviewFields(
  rawBody: JsonObject,
  from: DialectName,
  to: DialectName,
  notes: Notes,
): void {
  const table = FIDELITY.find((candidate) => candidate.from === from && candidate.to === to)
  if (table === undefined) return
  const body = liftExtraBody(rawBody)
  for (const row of table.rows) {
    if (row.verdict === 'refuse') refuseRow(row, body)
  }
  for (const row of table.rows) {
    if (row.verdict !== 'note') continue
    const said = findValues(body, row.path).some(({ value }) => row.silent?.is(value) !== true)
    if (said) notes.add(row.path.replaceAll('[]', ''), 'dropped')
  }
  const known = new Set(table.rows.map((row) => row.path.split(/[.[]/)[0]))
  for (const [field, value] of Object.entries(body)) {
    if (value !== null && !known.has(field)) notes.add(field, 'dropped')
  }
}

function refuseRow(row: FidelityRow, body: JsonObject): void {
  for (const { path, value } of findValues(body, row.path)) {
    if (row.silent?.is(value) === true) continue
    throw untranslatable(
      path,
      `\`${path}\` cannot be translated for the model that answers: ${row.reason}.`,
    )
  }
}

interface Found {
  /** With the indices filled in. */
  readonly path: string
  readonly value: JsonValue
}

function findValues(body: JsonObject, pattern: string): Found[] {
  let found: Found[] = [{ path: '', value: body }]
  for (const step of pattern.split('.')) {
    const every = step.endsWith('[]')
    const key = every ? step.slice(0, -2) : step
    found = found.flatMap(({ path, value }) => {
      const member = readObject(value)?.[key]
      if (member === undefined || member === null) return []
      const at = path === '' ? key : `${path}.${key}`
      if (!every) return [{ path: at, value: member }]
      return readArray(member).map((item, index) => ({ path: `${at}[${index}]`, value: item }))
    })
  }
  return found.filter(({ value }) => value !== null)
}

/** All tables as Markdown, for the documentation. */
export function renderFidelityTable(): string {
  const sections = FIDELITY.map(({ from, to, rows }) => {
    const lines = rows.map(
      ({ path, verdict, reason, silent }) =>
        `| \`${path}\` | ${verdict} | ${reason} | ${silent === undefined ? '' : silent.words} |`,
    )
    return [
      `### ${from} → ${to}`,
      '',
      '| field | verdict | becomes, or why not | left out silently when |',
      '|---|---|---|---|',
      ...lines,
      '| any other | note | unknown to both sides | |',
    ].join('\n')
  })
  return `${sections.join('\n\n')}\n`
}
