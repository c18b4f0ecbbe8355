/** The caller's own models, in either list shape (wire-formats D.8). */

export interface ListedModel {
  readonly id: string
  /** Provider name. */
  readonly ownedBy: string
  readonly maxTokens: number | undefined
}

// Nobody told us when a model was made; Anthropic documents the epoch for "unknown".
const UNKNOWN_SECONDS = 0
const UNKNOWN_DATE = '1970-01-01T00:00:00Z'

/** One entry as OpenAI's `GET /v1/models/{id}` returns it. */
export function openAiModel(model: ListedModel): object {
  return { id: model.id, object: 'model', created: UNKNOWN_SECONDS, owned_by: model.ownedBy }
}

/** One entry as Anthropic's `GET /v1/models/{id}` returns it. */
export function anthropicModel(model: ListedModel): object {
  return {
    type: 'model',
    id: model.id,
    display_name: model.id,
    created_at: UNKNOWN_DATE,
    ...(model.maxTokens !== undefined && { max_tokens: model.maxTokens }),
  }
}

/** The whole list as OpenAI returns it. */
export function openAiModels(models: readonly ListedModel[]): object {
  return { object: 'list', data: models.map(openAiModel) }
}

/** The whole list as Anthropic returns it, in one page. */
export function anthropicModels(models: readonly ListedModel[]): object {
  return {
    data: models.map(anthropicModel),
    has_more: false,
    first_id: models[0]?.id ?? null,
    last_id: models.at(-1)?.id ?? null,
  }
}
