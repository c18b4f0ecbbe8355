/** The caller's wish for reasoning as one of OpenAI's effort words (wire-formats D.4). */
import type { Notes } from './dialect.ts'
import type { OpenAiModel } from './model-rules.ts'
import type { JsonObject, ReasoningEffort, ReasoningWish } from './neutral.ts'

const ORDER: readonly ReasoningEffort[] = [
  'none',
  'minimal',
  'low',
  'medium',
  'high',
  'xhigh',
  'max',
]

/** The effort that was asked for: said, or read from Anthropic's `thinking`. */
export function askedEffort(wish: ReasoningWish | undefined): ReasoningEffort | undefined {
  return wish?.effort ?? effortOfThinking(wish?.thinking)
}

/** The nearest effort that the model takes; `undefined` where nothing was asked or it takes none. */
export function fitEffort(
  asked: ReasoningEffort | undefined,
  model: OpenAiModel,
  notes: Notes,
): ReasoningEffort | undefined {
  // Compatible servers know the field or ignore it; nothing is known about their models.
  if (asked === undefined || model.efforts === 'any') return asked
  if (model.efforts.length === 0) {
    if (asked !== 'none') notes.add('reasoning_effort', 'dropped')
    return undefined
  }
  if (model.efforts.includes(asked)) return asked
  notes.add('reasoning_effort', 'adapted')
  // The nearest one below, else the lowest there is.
  const below = model.efforts.filter((word) => ORDER.indexOf(word) < ORDER.indexOf(asked))
  return below.at(-1) ?? model.efforts[0]
}

function effortOfThinking(thinking: JsonObject | undefined): ReasoningEffort | undefined {
  switch (thinking?.['type']) {
    case 'disabled':
      return 'none'
    case 'between_tools':
      return 'low'
    case 'enabled': {
      const budget = Number(thinking['budget_tokens'])
      if (!(budget >= 2048)) return 'minimal'
      if (budget < 8192) return 'low'
      if (budget < 16_384) return 'medium'
      return budget < 32_768 ? 'high' : 'xhigh'
    }
    default:
      return undefined
  }
}
