import type { Notes } from './dialect.ts'
import type { OpenAiModel } from './model-rules.ts'
import type { ToolChoice } from './neutral.ts'

/** The choice as far as the model's server takes one: a forced call becomes a free one, announced. */
export function loosenChoice(choice: ToolChoice, model: OpenAiModel, notes: Notes): ToolChoice {
  if (model.forcedTools || choice.type === 'auto' || choice.type === 'none') return choice
  if (choice.type !== 'allowed' || choice.required) notes.add('tool_choice', 'adapted')
  return choice.type === 'allowed' ? { ...choice, required: false } : { type: 'auto' }
}
