/** From a request to what goes back: paths, credentials, checks and the reserved models. Knows no socket. */
import { checkAnthropic, notAnObject } from './anthropic-check.ts'
import { countAnthropicTokens, renderAnthropic } from './anthropic.ts'
import { tokensOf } from './answers.ts'
import { checkCredential } from './credential.ts'
import type { DemandedKeys } from './credential.ts'
import { faultOf, replacingFault, streamFaultKind } from './faults.ts'
import type { FaultFacts } from './faults.ts'
import { tokenOf } from './identity.ts'
import { isObject, stringOf } from './json.ts'
import type { JsonObject } from './json.ts'
import {
  anthropicModel,
  checkEmbeddings,
  listAnthropicModels,
  listOpenAiModels,
  openAiModel,
  renderEmbeddings,
} from './lists.ts'
import { behaviourOf } from './models.ts'
import type { MockBehaviour } from './models.ts'
import { checkChat } from './openai-chat-check.ts'
import { renderChat } from './openai-chat.ts'
import { wrongType } from './openai-check.ts'
import { checkResponses } from './openai-responses-check.ts'
import { countResponsesTokens, renderResponses } from './openai-responses.ts'
import { invalid, Refused, renderRefused } from './refused.ts'
import type { Provider } from './refused.ts'
import type { Rendering } from './rendering.ts'
import { commonHeaders, retryAdvice } from './reply-headers.ts'
import { deliverBody, deliverFrames } from './spoil.ts'
import type { Delivery } from './spoil.ts'

/** A request as it arrived; `body` is `undefined` where it was larger than the provider takes. */
export interface MockRequest {
  readonly method: string
  /** Path and query, as in the request line. */
  readonly target: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string | undefined
}

/** What a route needs to know beyond the request. */
export interface MockRules {
  readonly credential: DemandedKeys
  /** How often this caller has asked for `mock-flaky` before; counts the call. */
  countFlaky(caller: string): number
  /** Milliseconds since the epoch; only for reset times in headers. */
  now(): number
}

/** The decided reply. `mute` stands for a head that never comes. */
export interface MockReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly delivery: Delivery
  /** Waits that a stream of this answer has; its unary form waits for all of them at once. */
  readonly paces: number
  readonly isMute: boolean
  readonly isSlow: boolean
}

type Api =
  | 'chat'
  | 'responses'
  | 'responses-tokens'
  | 'embeddings'
  | 'messages'
  | 'messages-tokens'
  | 'models'
  | 'model'

interface Place {
  readonly api: Api
  readonly method: 'GET' | 'POST'
}

const PLACES: ReadonlyMap<string, Place> = new Map([
  ['/v1/chat/completions', { api: 'chat', method: 'POST' }],
  ['/v1/responses', { api: 'responses', method: 'POST' }],
  ['/v1/responses/input_tokens', { api: 'responses-tokens', method: 'POST' }],
  ['/v1/embeddings', { api: 'embeddings', method: 'POST' }],
  ['/v1/messages', { api: 'messages', method: 'POST' }],
  ['/v1/messages/count_tokens', { api: 'messages-tokens', method: 'POST' }],
  ['/v1/models', { api: 'models', method: 'GET' }],
])

const MODEL_PATH = '/v1/models/'

interface Visit {
  readonly request: MockRequest
  readonly rules: MockRules
  readonly provider: Provider
  readonly path: string
  readonly query: URLSearchParams
  readonly requestId: string
}

/** The reply to one request. Never throws: whatever goes wrong becomes a reply in the provider's shape. */
export function replyTo(request: MockRequest, rules: MockRules): MockReply {
  const [path = '', query = ''] = request.target.split('?', 2)
  const isAnthropic = path.startsWith('/v1/messages') || 'anthropic-version' in request.headers
  const provider = isAnthropic ? 'anthropic' : 'openai'
  const salt = [request.method, request.target, request.body ?? '']
  const visit: Visit = {
    request,
    rules,
    provider,
    path,
    query: new URLSearchParams(query),
    requestId: isAnthropic
      ? `req_011C${tokenOf(20, provider, ...salt)}`
      : `req_${tokenOf(32, provider, ...salt)}`,
  }
  try {
    return answerVisit(visit)
  } catch (thrown) {
    const refused =
      thrown instanceof Refused
        ? thrown
        : new Refused(
            500,
            provider === 'openai' ? 'server_error' : 'api_error',
            'mock: internal error',
          )
    return refusal(visit, refused)
  }
}

function answerVisit(visit: Visit): MockReply {
  const place = placeOf(visit.path)
  if (place === undefined) throw notFound(visit)
  if (place.method !== visit.request.method) throw notAllowed(visit, place.method)
  const credential = checkCredential(visit.provider, visit.request.headers, visit.rules.credential)
  if (place.method === 'GET') return json(visit, readList(visit, place.api))

  const raw = visit.request.body
  if (raw === undefined) throw tooLarge(visit.provider)
  const body = parse(visit.provider, raw)
  check(visit, place.api, body)
  const behaviour = settle(visit, credential, behaviourOf(stringOf(body['model'])))
  const facts: FaultFacts = {
    model: stringOf(body['model']),
    credential,
    promptTokens: tokensOf(raw.length),
    api:
      place.api === 'chat' || place.api === 'responses' || place.api === 'embeddings'
        ? place.api
        : 'messages',
  }
  const fault = replacingFault(behaviour)
  if (fault !== undefined) throw faultOf(visit.provider, fault, facts)
  const rendering = renderingOf(visit, place.api, body, raw, behaviour)
  if (rendering === undefined) return json(visit, readCounts(place.api, body), behaviour)
  return spoken(visit, rendering, behaviour, facts)
}

/** `mock-flaky` decided for this call; every other behaviour is what it is. */
function settle(visit: Visit, credential: string, behaviour: MockBehaviour): MockBehaviour {
  if (behaviour !== 'flaky') return behaviour
  const before = visit.rules.countFlaky(credential)
  return before === 0 ? 'rate' : before === 1 ? 'overloaded' : 'answer'
}

function placeOf(path: string): Place | undefined {
  const place = PLACES.get(path)
  if (place !== undefined) return place
  return path.startsWith(MODEL_PATH) && path.length > MODEL_PATH.length
    ? { api: 'model', method: 'GET' }
    : undefined
}

function notFound(visit: Visit): Refused {
  return visit.provider === 'anthropic'
    ? new Refused(404, 'not_found_error', 'Not Found')
    : new Refused(
        404,
        'invalid_request_error',
        `Invalid URL (${visit.request.method} ${visit.path})`,
      )
}

function notAllowed(visit: Visit, allowed: string): Refused {
  const headers = { allow: allowed }
  return visit.provider === 'anthropic'
    ? new Refused(405, 'invalid_request_error', 'Method Not Allowed', { headers })
    : new Refused(
        405,
        'invalid_request_error',
        `Not allowed to ${visit.request.method} on ${visit.path}.`,
        { code: 'method_not_supported', headers },
      )
}

function tooLarge(provider: Provider): Refused {
  return provider === 'anthropic'
    ? new Refused(413, 'request_too_large', 'Request exceeds the maximum size')
    : new Refused(413, 'invalid_request_error', 'Request body is too large.', {
        code: 'request_too_large',
      })
}

function parse(provider: Provider, raw: string): JsonObject {
  let body: unknown
  try {
    body = JSON.parse(raw)
  } catch {
    throw invalid(
      provider === 'anthropic'
        ? 'The request body is not valid JSON'
        : "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)",
    )
  }
  if (isObject(body)) return body
  throw provider === 'anthropic' ? notAnObject(body) : wrongType('body', 'an object', body)
}

function check(visit: Visit, api: Api, body: JsonObject): void {
  switch (api) {
    case 'chat':
      return checkChat(body)
    case 'responses':
    case 'responses-tokens':
      return checkResponses(body)
    case 'embeddings':
      return checkEmbeddings(body)
    case 'messages':
    case 'messages-tokens':
      return checkAnthropic(
        body,
        {
          version: visit.request.headers['anthropic-version'],
          beta: visit.request.headers['anthropic-beta'],
        },
        api === 'messages-tokens',
      )
    case 'models':
    case 'model':
  }
}

function renderingOf(
  visit: Visit,
  api: Api,
  body: JsonObject,
  raw: string,
  behaviour: MockBehaviour,
): Rendering | undefined {
  switch (api) {
    case 'chat':
      return renderChat(body, raw, behaviour, visit.requestId)
    case 'responses':
      return renderResponses(body, raw, behaviour)
    case 'messages':
      return renderAnthropic(body, raw, behaviour, visit.requestId)
    default:
      return undefined
  }
}

function readCounts(api: Api, body: JsonObject): object {
  if (api === 'embeddings') return renderEmbeddings(body)
  return api === 'messages-tokens' ? countAnthropicTokens(body) : countResponsesTokens(body)
}

function readList(visit: Visit, api: Api): object {
  const isAnthropic = visit.provider === 'anthropic'
  if (api === 'models') {
    return isAnthropic ? listAnthropicModels(visit.query) : listOpenAiModels()
  }
  const id = decoded(visit.path.slice(MODEL_PATH.length))
  if (behaviourOf(id) === 'not-found') {
    throw faultOf(visit.provider, 'not-found', {
      model: id,
      credential: '',
      promptTokens: 0,
      api: 'chat',
    })
  }
  return isAnthropic ? anthropicModel(id) : openAiModel(id)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function spoken(
  visit: Visit,
  rendering: Rendering,
  behaviour: MockBehaviour,
  facts: FaultFacts,
): MockReply {
  const error = faultOf(visit.provider, streamFaultKind(visit.provider), facts)
  const frames = rendering.frames()
  if (rendering.isStream) {
    return {
      status: 200,
      headers: {
        ...headersOf(visit),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache',
      },
      delivery: deliverFrames(frames, behaviour, (before) => rendering.errorFrame(error, before)),
      paces: 0,
      isMute: behaviour === 'timeout',
      isSlow: behaviour === 'slow',
    }
  }
  if (behaviour === 'error-in-stream') throw error
  const body =
    behaviour === 'error-first'
      ? renderRefused(visit.provider, error, visit.requestId)
      : rendering.body()
  return json(visit, body, behaviour, frames.length - 1)
}

function json(
  visit: Visit,
  body: object,
  behaviour: MockBehaviour = 'answer',
  paces = 0,
): MockReply {
  return {
    status: 200,
    headers: { ...headersOf(visit), 'content-type': 'application/json' },
    delivery: deliverBody(JSON.stringify(body), behaviour),
    paces,
    isMute: behaviour === 'timeout',
    isSlow: behaviour === 'slow',
  }
}

function refusal(visit: Visit, refused: Refused): MockReply {
  const body = renderRefused(visit.provider, refused, visit.requestId)
  return {
    status: refused.status,
    headers: {
      ...headersOf(visit),
      ...retryAdvice(visit.provider, refused.status),
      ...refused.headers,
      'content-type': 'application/json',
    },
    delivery: deliverBody(JSON.stringify(body), 'answer'),
    paces: 0,
    isMute: false,
    isSlow: false,
  }
}

function headersOf(visit: Visit): Record<string, string> {
  return commonHeaders(visit.provider, visit.requestId, visit.rules.now())
}
