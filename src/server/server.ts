/**
 * The front door: bytes in → a plain Call, and replies or errors out, over node:http.
 * Order of checks: framing and repeated headers → Host → Origin → route and method → media type →
 * (in the exchange:) who → body → JSON → model. Nothing is said about a later step by an earlier one.
 */
import { performance } from 'node:perf_hooks'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { Socket } from 'node:net'
import { anthropicOverflow } from '../dialects/anthropic-overflow.ts'
import type { ErrorCode } from '../errors/catalog.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import type { Call, ReplySink } from '../exchange/call.ts'
import { createBodyBudget, readBody } from './body.ts'
import { createConnections } from './connection.ts'
import { announcedBytes, checkExpectation, checkFraming } from './framing.ts'
import { checkHost, checkMediaType, checkOrigin } from './guards.ts'
import { readHeaders } from './headers.ts'
import type { RequestHeaders } from './headers.ts'
import { renderLastWords } from './last-words.ts'
import { defaultLimits, readOpenFilesLimit } from './limits.ts'
import type { DoorLimits } from './limits.ts'
import { anthropicModel, anthropicModels, openAiModel, openAiModels } from './models.ts'
import type { ListedModel } from './models.ts'
import { sendError, sendJson, sendWhole } from './reply.ts'
import type { HeaderPairs, Manner } from './reply.ts'
import { acceptableRequestId, createRequestIdMint } from './request-id.ts'
import { allowedMethods, findRoute } from './routes.ts'
import type { Route } from './routes.ts'
import { SocketSink } from './sink.ts'
import { createVisit } from './visit.ts'
import type { Visit } from './visit.ts'
import { createWholeReplies } from './whole-reply.ts'

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
  /** What differs from {@link defaultLimits}; for tests. */
  readonly limits?: Partial<DoorLimits>
}

export interface FrontDoor {
  /** Resolves with the real port once listening; rejects with `port_in_use`. */
  listen(): Promise<{ readonly host: string; readonly port: number }>
  /** Refuses new connections, lets replies under way end for up to `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>
}

// After these it is not certain where the next request begins, or not worth finding out.
const LAST_ON_CONNECTION: ReadonlySet<ErrorCode> = new Set([
  'request_malformed',
  'transfer_encoding_unsupported',
  'headers_too_large',
  'body_too_large',
  'request_timeout',
  'overloaded',
])

/** Creates the server; it opens its port with `listen`. */
export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const limits: DoorLimits = { ...defaultLimits(readOpenFilesLimit()), ...options.limits }
  const budget = createBodyBudget(limits.bufferedBytes)
  const mintRequestId = createRequestIdMint()
  const wholeReplies = createWholeReplies(limits.idleMs)
  let draining = false
  let closed: Promise<void> | undefined
  let port = options.port
  // The Host header that passed last, and under which settings: nearly every request has the same.
  let trusted: { readonly host: string; readonly settings: object } | undefined

  const server = createServer({
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    keepAliveTimeout: limits.idleMs,
    // What one turn of a stream brings is usually less: it need not be told to wait.
    highWaterMark: 64 * 1024,
    // Whatever flags this process was started with.
    insecureHTTPParser: false,
    // A missing Host is refused in the caller's shape, like a wrong one.
    requireHostHeader: false,
  })
  // Node 20 drops headers past its limit without a word; we count them ourselves (reliability §0.2).
  server.maxHeadersCount = 0
  server.maxConnections = limits.connections

  const connections = createConnections({
    limits,
    mintId: () => mintRequestId(Date.now()),
    answer,
  })
  server.on('request', (request, response) => {
    connections.enter(createVisit(request, response, false))
  })
  // Without this listener Node says `100 Continue` before anybody has looked at the request.
  server.on('checkContinue', (request, response) => {
    connections.enter(createVisit(request, response, true))
  })
  server.on('checkExpectation', (request, response) => {
    connections.enter(createVisit(request, response, true))
  })
  server.on('clientError', (error: Error, socket) => {
    if (socket instanceof Socket) connections.broken(error, socket)
  })
  server.on('connect', (_request, socket) => {
    if (socket instanceof Socket) refuseTunnel(socket)
  })

  function answer(visit: Visit): void {
    visit.startedMs = performance.now()
    visit.id = mintRequestId(Date.now())
    let exchange: Promise<void>
    try {
      const call = receive(visit)
      if (call === undefined) return
      const sink = new SocketSink(visit, headersOfReply, limits.stallMs, wholeReplies)
      exchange = options.exchange(call, sink)
    } catch (thrown) {
      refuse(visit, thrown)
      return
    }
    exchange.then(
      () => budget.giveBack(visit.heldBytes),
      (thrown: unknown) => {
        refuse(visit, thrown)
        budget.giveBack(visit.heldBytes)
      },
    )
  }

  /** From the head of a request to a call; `undefined` where it asked for no model and is answered. */
  function receive(visit: Visit): Call | undefined {
    const { request } = visit
    const target = request.url ?? ''
    const headers = readHeaders(request.rawHeaders)
    visit.headers = headers
    visit.id = acceptableRequestId(headers['x-request-id']) ?? visit.id
    const route = findRoute(target, headers['anthropic-version'])
    visit.route = route
    visit.shape = route.shape
    if (visit.problem !== undefined) throw visit.problem
    checkFraming(request, headers, limits.headers)
    const settings = options.settings()
    const { host } = headers
    if (host !== trusted?.host || settings !== trusted?.settings) {
      const { allowedHosts } = settings
      checkHost(headers, { allowedHosts, host: options.host, port })
      trusted = host === undefined ? undefined : { host, settings }
    }
    visit.origin = checkOrigin(headers, settings)
    checkExpectation(headers)

    if (request.method === 'OPTIONS') {
      sendOptions(visit, route, mannerOf(visit))
      return undefined
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
      sendDocument(visit, route, mannerOf(visit))
      return undefined
    }
    checkMediaType(headers)
    const announced = announcedBytes(headers)
    return {
      id: visit.id,
      api: route.api,
      headers,
      readBody: () => readBody(visit, announced, settings.bodyLimitBytes, budget),
      startedMs: visit.startedMs,
    }
  }

  /** The error reply to a request of which no reply has begun. */
  function refuse(visit: Visit, thrown: unknown): void {
    const { shape, route } = visit
    try {
      const thrownError = toProxyError(thrown)
      // Anthropic's own words, relayed as they came, need no rewording.
      const reworded = shape === 'anthropic' && thrownError.raw === undefined
      const error = reworded ? anthropicOverflow(thrownError) : thrownError
      if (error.code === 'internal') {
        options.onUnexpected(error.cause instanceof Error ? error.cause : error)
      }
      if (error.code === 'method_not_allowed' && route !== undefined) {
        error.headers = [...error.headers, ['allow', allowedMethods(route).join(', ')]]
      }
      const closes = draining || LAST_ON_CONNECTION.has(error.code)
      sendError(visit, error, shape, visit.id, mannerOf(visit, closes))
    } catch (defect) {
      options.onUnexpected(defect instanceof Error ? defect : new Error(String(defect)))
      visit.response.destroy()
    }
  }

  function headersOfReply(visit: Visit): HeaderPairs {
    const pairs = commonHeaders(visit)
    if (draining) pairs.push(['connection', 'close'])
    return pairs
  }

  function mannerOf(visit: Visit, close = draining): Manner {
    return { headers: commonHeaders(visit), requestHeaders: visit.headers, limits, close }
  }

  function refuseTunnel(socket: Socket): void {
    const error = new ProxyError('method_not_allowed', 'This proxy makes no tunnels.')
    socket.on('error', () => {
      socket.destroy()
    })
    socket.setTimeout(limits.lingerMs, () => {
      socket.destroy()
    })
    socket.end(renderLastWords(error, mintRequestId(Date.now()), undefined))
  }

  function sendDocument(
    visit: Visit,
    route: Exclude<Route, { kind: 'api' | 'none' }>,
    manner: Manner,
  ): void {
    const { headers } = visit
    let status = 200
    let document: object
    switch (route.kind) {
      case 'metrics': {
        const { type, text } = options.metrics(headers)
        sendWhole(visit, status, [['content-type', type]], text, manner)
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
    sendJson(visit, status, [], document, manner)
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
      // A second call shortens the grace of the first.
      closed ??= stopListening(server)
      // A connection that never sent anything counts as active: only the deadline ends it.
      const deadline = setTimeout(() => server.closeAllConnections(), graceMs)
      await closed
      clearTimeout(deadline)
    },
  }
}

/** Resolves when the last connection is gone. */
function stopListening(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve()
  return new Promise((resolve) => {
    server.close(() => {
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

/** What goes on every reply to this request. */
function commonHeaders({ id, shape, origin }: Visit): [string, string][] {
  const pairs: [string, string][] = [['x-request-id', id]]
  if (shape === 'anthropic') pairs.push(['request-id', id])
  if (origin !== undefined) pairs.push(['access-control-allow-origin', origin], ['vary', 'origin'])
  return pairs
}

function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? target
}

function sendOptions(visit: Visit, route: Route, manner: Manner): void {
  const methods = [...(route.kind === 'none' ? [] : allowedMethods(route)), 'OPTIONS'].join(', ')
  const headers: [string, string][] = [['allow', methods]]
  if (visit.origin !== undefined) {
    headers.push(
      ['access-control-allow-methods', methods],
      [
        'access-control-allow-headers',
        'authorization, content-type, x-api-key, x-user, anthropic-version',
      ],
    )
  }
  sendWhole(visit, 204, headers, undefined, manner)
}
