/** The two tables of model-rules.ts as a document for people: part of `docs/model-rules.md`. */
import { renderTable } from './markdown.ts'
import { CLAUDE_MODELS, OPENAI_MODELS } from './model-rules.ts'

const yes = (is: boolean): string => (is ? 'yes' : 'no')
const words = (list: readonly string[] | 'any'): string =>
  list === 'any' ? 'any' : list.length === 0 ? 'none' : list.join(' ')

/** Both tables; ends with a line end. */
export function renderModelTables(): string {
  const claude = [...CLAUDE_MODELS].map(([name, model]) => [
    `\`${name}\``,
    `${model.maxOutputTokens / 1000}k`,
    model.thinking,
    model.thinkingOff,
    words(model.efforts),
    model.sampling,
    yes(model.forcedTools),
    yes(model.prefill),
    yes(model.midSystem),
    yes(model.structuredOutputs),
  ])
  const openai = OPENAI_MODELS.map(([pattern, model]) => [
    `\`${pattern.source.replaceAll('|', ' or ')}\``,
    words(model.efforts),
    model.sampling,
    yes(model.toolsWithReasoning),
    yes(model.stop),
    yes(model.parallelTools),
    model.maxTokensField,
    yes(model.replayReasoning),
    model.toolCallIds,
  ])
  return [
    '## Behind Anthropic’s API',
    '',
    'By a part of the name; the longest that fits wins. A Claude that is not listed is taken for the newest; any other',
    'name is a foreign model’s, which gets everything as it was asked and 4k output tokens at most.',
    '',
    renderTable(
      [
        'name contains',
        'max_output',
        'thinking',
        'switched off by',
        'efforts',
        'sampling',
        'forced_tools',
        'prefill',
        'mid_system',
        'structured_outputs',
      ],
      claude,
    ),
    '## Behind OpenAI’s APIs',
    '',
    'By the beginning of the name without a vendor’s prefix; the first that fits wins. Any other name is a foreign',
    'model’s: nothing is known of it, so nothing is taken away.',
    '',
    renderTable(
      [
        'name',
        'efforts',
        'sampling',
        'tools_with_reasoning',
        'stop',
        'parallel_tools',
        'max_tokens_field',
        'replay_reasoning',
        'tool_call_ids',
      ],
      openai,
    ),
  ].join('\n')
}
