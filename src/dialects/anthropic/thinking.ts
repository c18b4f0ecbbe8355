/**
 * What the caller wished of the model's reasoning → `thinking`, `output_config.effort` and the token
 * limit they share (wire-formats A.7). The budgets are ours; the rules are the models'.
 */
import { readNumber, readString } from '../../wire/json.ts'
import type { Notes } from '../dialect.ts'
import type { ChatRequest, JsonObject, ReasoningEffort } from '../neutral.ts'
import type { ClaudeModel, Effort } from '../model-rules.ts'

export interface ThinkingPlan {
  readonly thinking: JsonObject | undefined
  readonly effort: Effort | undefined
  readonly maxTokens: number
  /** A token budget is on: no sampling, no forced tools. */
  readonly manual: boolean
  /** Thinking is asked for in any form. */
  readonly on: boolean
}

/** The smallest budget that is taken. */
const MIN_BUDGET = 1024

const BUDGETS: Record<Exclude<ReasoningEffort, 'none'>, number> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 32_768,
  max: 63_999,
}

/** Room for the answer itself where a defaulted limit is raised for a budget. */
const ANSWER_TOKENS = 8192

/** Anthropic's SDKs refuse longer unary calls as expected to exceed ten minutes. */
const UNARY_DEFAULT_TOKENS = 21_333

const ADAPTIVE: JsonObject = { type: 'adaptive', display: 'summarized' }

/**
 * The plan. `modelMax` is the ceiling for output tokens; `lastCallUnsigned`: the last assistant turn
 * called a tool and its thinking is not there, which a budget does not allow.
 */
export function planThinking(
  request: ChatRequest,
  model: ClaudeModel,
  modelMax: number,
  lastCallUnsigned: boolean,
  notes: Notes,
): ThinkingPlan {
  const defaulted = request.maxTokens === undefined
  let maxTokens =
    request.maxTokens ?? (request.stream ? modelMax : Math.min(modelMax, UNARY_DEFAULT_TOKENS))
  if (maxTokens > modelMax) {
    maxTokens = modelMax
    notes.add('max_tokens', 'adapted')
  }
  const plan = (thinking: JsonObject | undefined, effort?: Effort): ThinkingPlan => {
    const type = thinking?.['type']
    return {
      thinking,
      effort,
      maxTokens,
      manual: type === 'enabled',
      on: type === 'enabled' || type === 'adaptive',
    }
  }
  const budget = (wanted: number, given: JsonObject, field: string): ThinkingPlan => {
    if (lastCallUnsigned) {
      notes.add(field, 'adapted')
      return plan(undefined)
    }
    if (defaulted && wanted >= maxTokens) maxTokens = Math.min(modelMax, wanted + ANSWER_TOKENS)
    let tokens = wanted
    if (tokens >= maxTokens) {
      // A fifth is left for the answer: a budget of all but one token would leave none.
      tokens = Math.max(MIN_BUDGET, Math.floor(maxTokens * 0.8))
      notes.add(field, 'adapted')
    }
    if (tokens >= maxTokens) {
      notes.add(field, 'dropped')
      return plan(undefined)
    }
    return plan({ ...given, type: 'enabled', budget_tokens: tokens })
  }

  const given = request.reasoning?.thinking
  if (given !== undefined) return planGiven(given)
  const effort = request.reasoning?.effort
  if (effort === undefined) {
    // Its text is left out by default; the summary also keeps a long silence from looking dead.
    return plan(model.thinksByDefault && request.stream ? ADAPTIVE : undefined)
  }
  return planEffort(effort)

  function planEffort(word: ReasoningEffort): ThinkingPlan {
    switch (model.thinking) {
      case 'none':
      case 'given':
        if (word !== 'none') notes.add('reasoning_effort', 'dropped')
        return plan(undefined)
      case 'budget':
        return word === 'none'
          ? plan({ type: 'disabled' })
          : budget(BUDGETS[word], {}, 'reasoning_effort')
      case 'adaptive':
        return word === 'none' ? planOff('reasoning_effort') : plan(ADAPTIVE, capEffort(word))
      default:
        return model.thinking satisfies never
    }
  }

  function planOff(field: string): ThinkingPlan {
    if (model.thinkingOff === 'disabled') return plan({ type: 'disabled' })
    notes.add(field, 'adapted')
    return model.thinkingOff === 'between_tools'
      ? plan({ type: 'between_tools' })
      : plan(undefined, 'low')
  }

  function capEffort(word: Exclude<ReasoningEffort, 'none'>): Effort {
    const wanted: Effort = word === 'minimal' ? 'low' : word
    if (model.efforts.includes(wanted)) return wanted
    notes.add('reasoning_effort', 'adapted')
    return 'high'
  }

  /** The caller spoke Anthropic's own words: kept where the model takes them. */
  function planGiven(thinking: JsonObject): ThinkingPlan {
    const type = readString(thinking['type'])
    if (model.thinking === 'given') return plan(thinking)
    if (model.thinking === 'none') {
      if (type !== 'disabled') notes.add('thinking', 'dropped')
      return plan(undefined)
    }
    if (type === 'enabled') {
      const tokens = readNumber(thinking['budget_tokens']) ?? BUDGETS.medium
      if (model.takesBudget) return budget(tokens, thinking, 'thinking')
      notes.add('thinking', 'adapted')
      return plan(ADAPTIVE, effortOfBudget(tokens))
    }
    if (type === 'disabled' && model.thinkingOff !== 'disabled') return planOff('thinking')
    if (type === 'adaptive' && model.thinking === 'budget') {
      notes.add('thinking', 'adapted')
      const word = request.reasoning?.effort ?? 'medium'
      return budget(BUDGETS[word === 'none' ? 'minimal' : word], {}, 'thinking')
    }
    const word = request.reasoning?.effort
    return plan(
      thinking,
      type === 'adaptive' && word !== undefined && word !== 'none' ? capEffort(word) : undefined,
    )
  }
}

function effortOfBudget(tokens: number): Effort {
  if (tokens < BUDGETS.medium) return 'low'
  if (tokens < BUDGETS.high) return 'medium'
  return tokens < BUDGETS.xhigh ? 'high' : 'xhigh'
}
