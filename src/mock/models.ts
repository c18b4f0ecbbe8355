/**
 * The reserved model names, and what each does instead of answering well. Every other name is answered
 * as if it existed. Each works in both dialects, unary and streamed; where the two differ, the
 * description says so.
 */

/** How the provider behaves for a model. */
export type MockBehaviour =
  | 'answer'
  | 'slow'
  | 'thinking'
  | 'empty'
  | 'refusal'
  | 'authentication'
  | 'billing'
  | 'quota'
  | 'permission'
  | 'not-found'
  | 'rate'
  | 'server'
  | 'overloaded'
  | 'context'
  | 'flaky'
  | 'timeout'
  | 'cut'
  | 'eof'
  | 'stall'
  | 'error-in-stream'
  | 'error-first'
  | 'half-frame'

export interface MockModel {
  readonly name: string
  readonly behaviour: MockBehaviour
  /** One line for `users`, `--help` and the documentation. */
  readonly description: string
}

export const MOCK_MODELS: readonly MockModel[] = [
  {
    name: 'mock',
    behaviour: 'answer',
    description: 'answers, as any name without a special meaning does',
  },
  { name: 'mock-slow', behaviour: 'slow', description: 'answers after a few seconds of silence' },
  {
    name: 'mock-thinking',
    behaviour: 'thinking',
    description: 'reasons visibly before it answers',
  },
  { name: 'mock-empty', behaviour: 'empty', description: 'ends its turn without any content' },
  {
    name: 'mock-refusal',
    behaviour: 'refusal',
    description: 'declines to answer, with status 200',
  },
  { name: 'mock-401', behaviour: 'authentication', description: 'says that the API key is wrong' },
  {
    name: 'mock-402',
    behaviour: 'billing',
    description: 'says that the account has no credit (402)',
  },
  {
    name: 'mock-quota',
    behaviour: 'quota',
    description: 'says the same as the two providers do: 429 at OpenAI, 400 at Anthropic',
  },
  { name: 'mock-403', behaviour: 'permission', description: 'says that the key may not do this' },
  { name: 'mock-404', behaviour: 'not-found', description: 'says that the model does not exist' },
  { name: 'mock-429', behaviour: 'rate', description: 'is over its rate limit, with retry-after' },
  { name: 'mock-500', behaviour: 'server', description: 'has an internal error' },
  {
    name: 'mock-529',
    behaviour: 'overloaded',
    description: 'is overloaded (529 in both dialects)',
  },
  { name: 'mock-context', behaviour: 'context', description: 'finds the prompt too long' },
  {
    name: 'mock-flaky',
    behaviour: 'flaky',
    description: 'fails with 429, then with 529, then answers; counted per API key',
  },
  { name: 'mock-timeout', behaviour: 'timeout', description: 'never sends a reply head' },
  { name: 'mock-cut', behaviour: 'cut', description: 'resets the connection after some content' },
  {
    name: 'mock-eof',
    behaviour: 'eof',
    description: 'ends a stream cleanly but without its end mark; not streamed: an empty 200',
  },
  { name: 'mock-stall', behaviour: 'stall', description: 'falls silent after some content' },
  {
    name: 'mock-error-in-stream',
    behaviour: 'error-in-stream',
    description:
      'sends an error event after some content; not streamed: the same error with its status',
  },
  {
    name: 'mock-error-first',
    behaviour: 'error-first',
    description:
      'sends 200 and then an error as the first event; not streamed: an error body with 200',
  },
  {
    name: 'mock-half-frame',
    behaviour: 'half-frame',
    description: 'ends in the middle of an event; not streamed: in the middle of the body',
  },
]

const BEHAVIOURS: ReadonlyMap<string, MockBehaviour> = new Map(
  MOCK_MODELS.map((model) => [model.name, model.behaviour]),
)

/** What the provider does for this model name. */
export function behaviourOf(model: string): MockBehaviour {
  return BEHAVIOURS.get(model) ?? 'answer'
}
