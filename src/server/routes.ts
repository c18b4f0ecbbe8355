/** The routes of design §3: each answers with and without `/v1`, any query string, a trailing slash. */
import type { Api } from '../dialects/dialect.ts'

/** Whose error shape and model list a caller reads. */
export type Shape = 'openai' | 'anthropic'

export type Route =
  | { readonly kind: 'api'; readonly api: Api; readonly shape: Shape }
  | { readonly kind: 'models'; readonly shape: Shape }
  | { readonly kind: 'model'; readonly id: string; readonly shape: Shape }
  | { readonly kind: 'health' | 'ready' | 'metrics' | 'root'; readonly shape: Shape }
  | { readonly kind: 'none'; readonly shape: Shape }

const APIS: ReadonlyMap<string, Api> = new Map([
  ['/chat/completions', 'chat'],
  ['/messages', 'messages'],
  ['/messages/count_tokens', 'count_tokens'],
  ['/responses', 'responses'],
  ['/embeddings', 'embeddings'],
])

// The targets as nearly all clients write them.
const USUAL: ReadonlyMap<string, Route> = new Map(
  [...APIS.keys()].flatMap((path) =>
    [path, `/v1${path}`].map((target) => [target, readTarget(target, undefined)] as const),
  ),
)
const POST_ONLY: readonly string[] = ['POST']
const READ_ONLY: readonly string[] = ['GET', 'HEAD']

/** What a request's target means. Never throws; an unknown path is `none` in the nearest API's shape. */
export function findRoute(target: string, anthropicVersion: string | undefined): Route {
  return USUAL.get(target) ?? readTarget(target, anthropicVersion)
}

function readTarget(target: string, anthropicVersion: string | undefined): Route {
  const path = normalPath(target)
  const shape: Shape =
    anthropicVersion !== undefined || path.startsWith('/messages') ? 'anthropic' : 'openai'
  const api = APIS.get(path)
  if (api !== undefined) {
    const ofAnthropic = api === 'messages' || api === 'count_tokens'
    return { kind: 'api', api, shape: ofAnthropic ? 'anthropic' : 'openai' }
  }
  switch (path) {
    case '/models':
      return { kind: 'models', shape }
    case '/healthz':
      return { kind: 'health', shape }
    case '/readyz':
      return { kind: 'ready', shape }
    case '/metrics':
      return { kind: 'metrics', shape }
    case '':
      return { kind: 'root', shape }
    default:
      return path.startsWith('/models/')
        ? { kind: 'model', id: decoded(path.slice('/models/'.length)), shape }
        : { kind: 'none', shape }
  }
}

/** Methods a route takes, for 405 and `Allow`. */
export function allowedMethods(route: Route): readonly string[] {
  return route.kind === 'api' ? POST_ONLY : READ_ONLY
}

function normalPath(target: string): string {
  const query = target.indexOf('?')
  let path = query === -1 ? target : target.slice(0, query)
  while (path.endsWith('/')) path = path.slice(0, -1)
  return path === '/v1' || path.startsWith('/v1/') ? path.slice(3) : path
}

/** Model ids may hold slashes and escapes; what cannot be decoded names no model. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
