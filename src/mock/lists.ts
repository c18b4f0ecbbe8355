/**
 * The two APIs without a conversation: embeddings (https://platform.openai.com/docs/api-reference/embeddings)
 * and the list of models, in both providers' shapes.
 */
import { tokensOf } from './answers.ts'
import { claudeRules } from './anthropic-models.ts'
import { CREATED_S, digestOf } from './identity.ts'
import { isGiven, listOf, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import { MOCK_MODELS } from './models.ts'
import { checkInteger, missing, wrongType, wrongValue } from './openai-check.ts'
import { invalid, Refused } from './refused.ts'

const FIELDS = new Set(['input', 'model', 'dimensions', 'encoding_format', 'user'])
const DIMENSIONS = 1536
const MAX_DIMENSIONS = 3072
const MAX_INPUTS = 2048

/** Throws `Refused` where the real API would answer 400. */
export function checkEmbeddings(body: JsonObject): void {
  const stranger = Object.keys(body).find((key) => !FIELDS.has(key))
  if (stranger !== undefined) {
    throw invalid(`Unrecognized request argument supplied: ${stranger}`)
  }
  if (!isGiven(body['model']) || body['model'] === '') {
    throw invalid('you must provide a model parameter')
  }
  if (typeof body['model'] !== 'string') throw wrongType('model', 'a string', body['model'])
  if (!isGiven(body['input'])) throw missing('input')
  const inputs = inputsOf(body['input'])
  const isEmpty = inputs.length === 0 || inputs.some((input) => input === '' || input === '[]')
  if (isEmpty || inputs.length > MAX_INPUTS) {
    throw invalid(
      "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
    )
  }
  checkInteger(body, 'dimensions', 1)
  if (Number(body['dimensions'] ?? 1) > MAX_DIMENSIONS) {
    throw invalid(
      `Invalid value for 'dimensions' = ${Number(body['dimensions'])}. Must be less than or equal to ${MAX_DIMENSIONS}.`,
      'dimensions',
    )
  }
  const format = body['encoding_format']
  if (isGiven(format) && format !== 'float' && format !== 'base64') {
    throw wrongValue('encoding_format', format, ['float', 'base64'])
  }
}

/** The reply to a checked request: one unit vector per input, the same for the same input. */
export function renderEmbeddings(body: JsonObject): object {
  const inputs = inputsOf(body['input'])
  const dimensions = Number(body['dimensions'] ?? DIMENSIONS)
  const tokens = inputs.reduce((sum, input) => sum + tokensOf(input.length), 0)
  return {
    object: 'list',
    data: inputs.map((input, index) => {
      const vector = vectorOf(input, dimensions)
      return {
        object: 'embedding',
        index,
        embedding:
          body['encoding_format'] === 'base64'
            ? Buffer.from(vector.buffer).toString('base64')
            : [...vector],
      }
    }),
    model: stringOf(body['model']),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

/** Each input as text; a list of token numbers counts as the JSON of it. */
function inputsOf(input: unknown): readonly string[] {
  if (typeof input === 'string') return [input]
  const list = listOf(input)
  if (typeof list[0] === 'number') return [JSON.stringify(list)]
  return list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
}

function vectorOf(input: string, dimensions: number): Float32Array {
  const values: number[] = []
  for (let block = 0; values.length < dimensions; block += 1) {
    for (const byte of digestOf('embedding', input, String(block))) values.push(byte - 127.5)
  }
  const kept = values.slice(0, dimensions)
  const length = Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0))
  return Float32Array.from(kept, (value) => value / length)
}

/** What the lists name besides the reserved models; any other name is answered all the same. */
const PLAYED_MODELS = ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-20250514', 'claude-haiku-4-5']

const ALL_MODELS: readonly string[] = [...MOCK_MODELS.map((model) => model.name), ...PLAYED_MODELS]

/** `GET /v1/models` as OpenAI answers. */
export function listOpenAiModels(): object {
  return { object: 'list', data: ALL_MODELS.map(openAiModel) }
}

/** `GET /v1/models/{id}` as OpenAI answers: any name exists but `mock-404`. */
export function openAiModel(id: string): object {
  return { id, object: 'model', created: CREATED_S, owned_by: 'mock' }
}

const PAGE_SIZE = 20
const MAX_PAGE_SIZE = 1000

/** `GET /v1/models` as Anthropic answers, a page at a time. Throws `Refused` for a bad `limit`. */
export function listAnthropicModels(query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? PAGE_SIZE)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_SIZE) {
    throw new Refused(
      400,
      'invalid_request_error',
      `limit: Input should be between 1 and ${MAX_PAGE_SIZE}`,
    )
  }
  const after = ALL_MODELS.indexOf(query.get('after_id') ?? '')
  const before = ALL_MODELS.indexOf(query.get('before_id') ?? '')
  const end = before < 0 ? ALL_MODELS.length : before
  const start = before < 0 ? after + 1 : Math.max(0, end - limit)
  const page = ALL_MODELS.slice(start, Math.min(end, start + limit))
  return {
    data: page.map(anthropicModel),
    has_more: before < 0 ? start + page.length < ALL_MODELS.length : start > 0,
    first_id: page[0] ?? null,
    last_id: page.at(-1) ?? null,
  }
}

/** `GET /v1/models/{id}` as Anthropic answers: any name exists but `mock-404`. */
export function anthropicModel(id: string): object {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(CREATED_S * 1000).toISOString().replace('.000Z', 'Z'),
    lifecycle: 'active',
    max_input_tokens: 200_000,
    max_tokens: claudeRules(id)?.maxOutputTokens ?? 64_000,
    capabilities: null,
    deprecated_at: null,
    line: null,
    retires_at: null,
  }
}
