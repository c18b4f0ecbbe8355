/**
 * The front door: bytes in → a plain Call, and replies or errors out, over node:http.
 * Order of checks: framing and repeated headers → Host → Origin → route and method → media type →
 * (in the exchange:) who → body → JSON → model. Nothing is said about a later step by an earlier one.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { anthropicOverflow } from '../dialects/anthropic-overflow.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { renderAnthropic, renderOpenAi } from '../errors/render.ts'
import type { Call, ReplySink } from '../exchange.ts'
import { readBody } from './body.ts'
import { checkHost, checkMediaType, checkOrigin } from './guards.ts'
import type { DoorPolicy } from './guards.ts'
import { readHeaders } from './headers.ts'
import type { RequestHeaders } from './headers.ts'
import { anthropicModel, anthropicModels, openAiModel, openAiModels } from './models.ts'
import type { ListedModel } from './models.ts'
import { acceptableRequestId, mintRequestId } from './request-id.ts'
import { allowedMethods, findRoute } from './routes.ts'
import type { Route, Shape } from './routes.ts'
import { createSink } from './sink.ts'

export interface FrontDoorOptions {
  readonly host: string
  readonly port: number
  /** Asked for at each request: a reloaded config may have changed them. */
  readonly settings: () => {
    readonly bodyLimitBytes: number
    readonly allowedHosts: ReadonlySet<string>
    readonly allowedOrigins: ReadonlySet<string>
  }
  readonly exchange: (call: Call, sink: ReplySink) => Promise<void>
  /** The models of the user these headers prove; throws who-is-asking errors. */
  readonly modelsFor: (headers: RequestHeaders) => readonly ListedModel[]
  /** The page of `GET /metrics`; throws who-is-asking errors where it is not for everybody. */
  readonly metrics: (headers: RequestHeaders) => { readonly type: string; readonly text: string }
  /** A defect of ours, with its stack. */
  readonly onUnexpected: (error: Error) => void
}

export interface FrontDoor {
  /** Resolves with the real port once listening; rejects with `port_in_use`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Refuses new connections, lets replies under way end for up to `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>
}

// A whole head within 10 s and a whole request within 60 s, looked at each second (reliability §2C).
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 65_000,
}

const MAX_HEADER_BYTES = 16 * 1024

/** Creates the server; it opens its port with `listen`. */
export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  let draining = false
  let port = options.port

  const server = createServer(
    { ...TIMEOUTS, maxHeaderSize: MAX_HEADER_BYTES },
    (request, response) => {
      void answer(request, response)
    },
  )

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedMs = performance.now()
    let id = mintRequestId(Date.now())
    let shape: Shape = 'openai'
    let origin: string | undefined
    const common = (): [string, string][] => {
      const pairs: [string, string][] = [['x-request-id', id]]
      if (shape === 'anthropic') pairs.push(['request-id', id])
      if (origin !== undefined) {
        pairs.push(['access-control-allow-origin', origin], ['vary', 'origin'])
      }
      if (draining) pairs.push(['connection', 'close'])
      return pairs
    }
    try {
      const target = request.url ?? '/'
      const headers = readHeaders(request.rawHeaders)
      id = acceptableRequestId(headers['x-request-id']) ?? id
      const route = findRoute(target, headers['anthropic-version'])
      shape = route.shape
      if (!target.startsWith('/')) {
        throw new ProxyError('request_malformed', 'The request target must be a path.')
      }
      const settings = options.settings()
      const policy: DoorPolicy = { ...settings, host: options.host, port }
      checkHost(headers, policy)
      origin = checkOrigin(headers, policy)

      if (request.method === 'OPTIONS') {
        sendOptions(response, route, common(), origin !== undefined)
        return
      }
      if (route.kind === 'none') {
        throw new ProxyError(
          'route_not_found',
          `There is no ${request.method} ${pathOf(target)} here.`,
        )
      }
      if (!allowedMethods(route).includes(request.method ?? '')) {
        throw new ProxyError(
          'method_not_allowed',
          `${pathOf(target)} takes ${allowedMethods(route).join(' or ')}, not ${request.method}.`,
        )
      }
      if (route.kind !== 'api') {
        sendDocument(request, response, route, headers, common())
        return
      }
      checkMediaType(headers)
      await options.exchange(
        {
          id,
          api: route.api,
          headers,
          readBody: () => readBody(request, headers['content-length'], settings.bodyLimitBytes),
          startedMs,
        },
        createSink(response, common),
      )
    } catch (thrown) {
      const thrownError = toProxyError(thrown)
      // Anthropic's own words, relayed as they came, need no rewording.
      const reworded = shape === 'anthropic' && thrownError.raw === undefined
      const error = reworded ? anthropicOverflow(thrownError) : thrownError
      if (error.code === 'internal') {
        options.onUnexpected(error.cause instanceof Error ? error.cause : error)
      }
      sendError(request, response, error, shape, id, common())
    }
  }

  function sendDocument(
    request: IncomingMessage,
    response: ServerResponse,
    route: Exclude<Route, { kind: 'api' | 'none' }>,
    headers: RequestHeaders,
    common: [string, string][],
  ): void {
    let status = 200
    let document: object
    switch (route.kind) {
      case 'metrics': {
        const { type, text } = options.metrics(headers)
        sendText(request, response, status, text, type, common)
        return
      }
      case 'models': {
        const models = options.modelsFor(headers)
        document = route.shape === 'openai' ? openAiModels(models) : anthropicModels(models)
        break
      }
      case 'model': {
        const model = options.modelsFor(headers).find((candidate) => candidate.id === route.id)
        if (model === undefined) {
          throw new ProxyError(
            'model_not_found',
            `The model '${route.id}' was not found or is not accessible to this user`,
            { param: 'model' },
          )
        }
        document = route.shape === 'openai' ? openAiModel(model) : anthropicModel(model)
        break
      }
      case 'root':
      case 'health':
        document = { status: 'ok', name: 'aiproxy' }
        break
      case 'ready':
        status = draining ? 503 : 200
        document = { status: draining ? 'draining' : 'ok', name: 'aiproxy' }
        break
    }
    sendJson(request, response, status, document, common)
  }

  return {
    listen() {
      return new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          reject(describeListenError(error, options))
        })
        server.listen({ host: options.host, port: options.port, exclusive: true }, () => {
          server.removeAllListeners('error')
          server.on('error', options.onUnexpected)
          const address = server.address()
          if (typeof address === 'object' && address !== null) port = address.port
          resolve({ host: options.host, port })
        })
      })
    },

    async close(graceMs) {
      draining = true
      await closeServer(server, graceMs)
    },
  }
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    // A connection that never sent anything counts as active: only the deadline ends it.
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(deadline)
      resolve()
    })
    server.closeIdleConnections()
  })
}

function describeListenError(error: NodeJS.ErrnoException, options: FrontDoorOptions): ProxyError {
  const where = `${options.host}:${options.port}`
  if (error.code === 'EADDRINUSE') {
    return new ProxyError('port_in_use', `${where} is already in use.`, {
      cause: error,
      hint: `aiproxy serve --port ${options.port + 1}`,
    })
  }
  return new ProxyError('port_in_use', `Cannot listen on ${where} (${error.code}).`, {
    cause: error,
  })
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? target
}

function sendOptions(
  response: ServerResponse,
  route: Route,
  common: [string, string][],
  preflight: boolean,
): void {
  const methods = [...(route.kind === 'none' ? [] : allowedMethods(route)), 'OPTIONS'].join(', ')
  const headers = [...common, ['allow', methods]]
  if (preflight) {
    headers.push(
      ['access-control-allow-methods', methods],
      [
        'access-control-allow-headers',
        'authorization, content-type, x-api-key, x-user, anthropic-version',
      ],
    )
  }
  response.writeHead(204, headers.flat())
  response.end()
}

function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  document: object,
  headers: ReadonlyArray<readonly [string, string]>,
): void {
  sendText(request, response, status, JSON.stringify(document), 'application/json', headers)
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
  type: string,
  headers: ReadonlyArray<readonly [string, string]>,
): void {
  response.writeHead(status, [
    ...headers.flat(),
    'content-type',
    type,
    'content-length',
    String(Buffer.byteLength(body)),
  ])
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Writes the error in the caller's shape. After the head is sent there is nothing left to say but the end. */
function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: ProxyError,
  shape: Shape,
  id: string,
  common: [string, string][],
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const headers: [string, string][] = [
    ...common,
    ...error.headers.map(([name, value]): [string, string] => [name, value]),
    ['x-aiproxy-error', error.source],
  ]
  if (error.retryAfterSeconds !== undefined) {
    headers.push(['retry-after', String(error.retryAfterSeconds)])
  }
  if (error.code === 'method_not_allowed') {
    headers.push(['allow', allowedMethods(findRoute(request.url ?? '/', undefined)).join(', ')])
  }
  // What is left of an oversized or unread body is not read to keep the connection.
  if (error.code === 'body_too_large') headers.push(['connection', 'close'])
  if (error.raw !== undefined) {
    response.writeHead(error.status, [
      ...headers.flat(),
      'content-type',
      error.raw.contentType,
      'content-length',
      String(error.raw.body.length),
    ])
    response.end(error.raw.body)
    return
  }
  const body = shape === 'openai' ? renderOpenAi(error) : renderAnthropic(error, id)
  sendJson(request, response, error.status, body, headers)
}
