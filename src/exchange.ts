/**
 * The story: one request, out and home again. This file has the order of steps, and only that.
 */
import type { Limiter } from './access/limits.ts'
import { Allowance } from './exchange/allowance.ts'
import type { UseOf } from './usage/past-use.ts'
import type { Config, User } from './config/config.ts'
import { failedAttempt, localAttempt, startAttempt } from './exchange/attempt.ts'
import type { RunningAttempt } from './exchange/attempt.ts'
import { createAnswerPipe } from './dialects/answer-pipe.ts'
import { NO_HINTS } from './dialects/dialect.ts'
import type { Dialect } from './dialects/dialect.ts'
import { mapReplyHeaders } from './dialects/headers.ts'
import { renderNotes } from './dialects/notes.ts'
import { answerLocally } from './dialects/local-answers.ts'
import type { Inbound } from './dialects/prepare.ts'
import { callerDialect } from './dialects/registry.ts'
import { ProxyError, toProxyError } from './errors/proxy-error.ts'
import type { Redact } from './errors/redact.ts'
import { HeldSink } from './exchange/held-end.ts'
import { createLiveSink } from './exchange/live-sink.ts'
import type { LiveSink } from './exchange/live-sink.ts'
import { createInbound, dialectOf, missingKeyError, prepareFor } from './exchange/ready.ts'
import { classifyFault } from './routing/fault.ts'
import type { Health } from './routing/health.ts'
import { createJourney } from './routing/journey.ts'
import type { Failure, Journey, Step } from './routing/journey.ts'
import { restingError } from './routing/rest-error.ts'
import { adviseRetry } from './routing/retry.ts'
import type { Routes, Target } from './routing/targets.ts'
import type { Upstream, UpstreamHeaders } from './upstream/upstream.ts'
import type { Audit } from './usage/audit.ts'
import type { Ledger } from './usage/ledger.ts'
import type { UsageRecord } from './usage/record.ts'
import type { Call, ExchangeHooks, ReplySink } from './exchange/call.ts'
import { createTrail } from './exchange/trail.ts'
import type { HeaderPairs, Trail } from './exchange/trail.ts'
import { pause } from './exchange/pause.ts'
import { createWitness } from './exchange/witness.ts'
import { parseJsonObject } from './wire/json.ts'
import { parseRetryAfter } from './wire/retry-after.ts'

/** What an exchange is run with; the config and what was built from it stay the same to its end. */
export interface Rooms {
  readonly config: Config
  readonly routes: Routes
  readonly health: Health
  readonly limits: Limiter
  readonly useOf: UseOf
  readonly upstream: Upstream
  readonly ledger: Ledger
  /** `undefined` where the payload audit is off. */
  readonly audit: Audit | undefined
  readonly redact: Redact
  readonly hooks: ExchangeHooks
  /** Silence after which a streaming caller gets a sign of life, milliseconds; default 15 s. */
  readonly quietMs?: number
  identify(headers: Call['headers']): User
  /** An exchange with these is over, whatever its end. */
  onOver?(): void
}

/**
 * Runs one request. Resolves when the reply has ended and its line is logged; rejects with ProxyError,
 * its reply headers attached, where no reply was begun (its line is logged all the same).
 */
export async function runExchange(call: Call, sink: ReplySink, rooms: Rooms): Promise<void> {
  const trail = createTrail(call)
  const allowance = new Allowance(call.api, rooms)
  let record: UsageRecord
  const held = new HeldSink(sink)
  const seen = rooms.audit && createWitness(call, held, { ...rooms, audit: rooms.audit })
  const heard = seen?.sink ?? held
  let live: LiveSink | undefined
  const keepAlive = (headers: () => HeaderPairs): LiveSink => {
    live = createLiveSink(heard, callerDialect(call.api).name, headers, rooms.quietMs)
    return live
  }
  try {
    try {
      record = await answer(seen?.call ?? call, heard, keepAlive, { rooms, trail, allowance })
    } catch (thrown) {
      const error = toProxyError(thrown)
      record = trail.refused(error)
      finish(rooms, record, allowance)
      const told = trail.failureHeaders()
      const said = error.headers.filter(([name]) => !told.some(([other]) => other === name))
      error.headers = [...said, ...allowance.headers(said), ...told]
      live?.still()
      if (live?.begun !== true) {
        seen?.refused(record, error)
        throw error
      }
      // The caller has its 200 already: what went wrong is told as the dialect's error event.
      live.end(callerDialect(call.api).createStreamTap().fail(error, call.id))
      seen?.ended(record)
      held.release()
      return
    }
    live?.still()
    finish(rooms, record, allowance)
    seen?.ended(record)
    held.release()
  } finally {
    rooms.onOver?.()
  }
}

function finish(rooms: Rooms, record: UsageRecord, allowance: Allowance): void {
  allowance.settle(record)
  const line = rooms.ledger.append(record)
  rooms.hooks.onFinished?.(record, line)
}

/** From the first check to the last byte. Throws what the caller must be told where no reply has begun. */
async function answer(
  call: Call,
  sink: ReplySink,
  keepAlive: (headers: () => HeaderPairs) => LiveSink,
  surroundings: Surroundings,
): Promise<UsageRecord> {
  const { rooms, trail, allowance } = surroundings
  let running: RunningAttempt | undefined
  let gone = false
  // Ends the pause under way.
  let wake: (() => void) | undefined
  sink.onGone(() => {
    gone = true
    wake?.()
    running?.leave()
  })

  // Who is asking, for what, and may they.
  const user = whoIsCalling(call, rooms)
  trail.from(user.name)
  const body = await call.readBody()
  const json = parseJsonObject(body)
  const model = json['model']
  if (typeof model !== 'string' || model === '') {
    throw new ProxyError('model_missing', 'Model not specified in request', { param: 'model' })
  }
  const inbound = createInbound(call, body, json)
  trail.asks(model, inbound)
  const chain = rooms.routes.resolve(user, model)
  const targets = call.noFailover === true ? chain.slice(0, 1) : chain
  if (!rooms.ledger.check() && rooms.config.onLogFailure === 'refuse') {
    throw new ProxyError('usage_log_unavailable', 'The usage log cannot be written.')
  }
  if (targets[0] !== undefined) allowance.open(user, targets[0], inbound)

  // Who answers: each target in turn, until one has.
  const deadlineAtMs = call.startedMs + (call.deadlineMs ?? rooms.config.failover.deadlineMs)
  const mocked = targets.some(({ provider }) => provider.mock)
  const reply = inbound.stream
    ? keepAlive(() => [...STREAM_HEADERS, ...(mocked ? [['x-aiproxy-mock', 'true'] as const] : [])])
    : sink
  const journey = startJourney(targets, deadlineAtMs, rooms)
  let requestedError: ProxyError | undefined
  let lastError: ProxyError | undefined
  const tellFailover = (message: string, { model: next }: Target): void => {
    const failed = trail.lastAttempt()
    rooms.hooks.onFailover?.({ id: call.id, user: user.name, failed, message, next: next.name })
  }
  try {
    let step = journey.begin(performance.now())
    notePassedOver(step, targets, journey, trail)
    while (step.kind === 'try') {
      const { target } = step
      if (step.waitMs > 0 && !gone) {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other is the point
        await pause(step.waitMs, (stop) => {
          wake = stop
        })
      }
      if (gone) return trail.abandoned()
      const overLimit = allowance.moveTo(target)
      if (overLimit !== undefined) {
        trail.overLimit(target)
        lastError = overLimit
        step = journey.failed(noRoom(overLimit), performance.now())
        if (step.kind === 'try') tellFailover(overLimit.message, step.target)
        continue
      }
      journey.departed(performance.now())
      trail.tries(target)
      const remainingMs = deadlineAtMs - performance.now()
      running = tryTarget(target, inbound, remainingMs, step.left > 0, reply, surroundings)
      if (gone) running.leave()
      // oxlint-disable-next-line no-await-in-loop
      const result = await running.result
      const error =
        result.error && explain(result.error, result.headers, target, inbound, rooms.redact)
      const fault = error === undefined ? undefined : classifyFault(error)
      trail.tried(result, fault)
      if (result.end === 'gone') return trail.abandoned()
      if (error === undefined || fault === undefined) {
        journey.answered(performance.now())
        return trail.answered()
      }

      const failure: Failure = {
        error,
        fault,
        advice: adviseRetry(error, fault, result.reach, result.status),
        reach: result.reach,
        retryAfterMs: parseRetryAfter(result.headers ?? {}, Date.now()),
        skip: target !== targets[0] && error.code === 'untranslatable',
      }
      if (result.end === 'truncated') {
        journey.broke(failure, performance.now())
        return trail.truncated(error)
      }
      lastError = error
      if (target === targets[0]) requestedError = error
      step = journey.failed(failure, performance.now())
      if (step.kind === 'stop' && step.why === 'budget') {
        // Said where everything is said that was not done as usual.
        error.headers = [...error.headers, ['x-aiproxy-notes', 'retry;dropped']]
      }
      if (step.kind === 'try' && !step.again) tellFailover(error.message, step.target)
    }
  } finally {
    journey.end()
  }

  // Nobody did: the requested model's own error.
  throw (
    requestedError ??
    errorOfRest(targets[0], journey) ??
    lastError ??
    new ProxyError('internal', 'No target was tried for this model.')
  )
}

/** This user's limits leave no room at a target: nothing is wrong with it, and others may have room. */
function noRoom(error: ProxyError): Failure {
  return {
    error,
    fault: 'rate',
    advice: 'elsewhere',
    reach: 'none',
    retryAfterMs: undefined,
    skip: true,
  }
}

function whoIsCalling(call: Call, rooms: Rooms): User {
  if (call.trustedUser === undefined) return rooms.identify(call.headers)
  const user = rooms.config.users.get(call.trustedUser)
  if (user === undefined) {
    throw new ProxyError('user_unknown', `There is no user "${call.trustedUser}".`)
  }
  return user
}

function startJourney(
  targets: readonly Target[],
  deadlineAtMs: number,
  { config, health, routes }: Rooms,
): Journey<Target> {
  return createJourney({
    targets,
    keyOf,
    siblingsOf: routes.siblingsOf,
    tireless: isTireless,
    on: config.failover.on,
    deadlineAtMs,
    health,
    random: Math.random,
  })
}

function keyOf({ key }: Target): string {
  return key
}

/** The mock shows faults on purpose. */
function isTireless({ provider }: Target): boolean {
  return provider.mock
}

/** The targets ahead of the first one tried: they rest. A backup behind it is nobody's concern yet. */
function notePassedOver(
  step: Step<Target>,
  targets: readonly Target[],
  journey: Journey<Target>,
  trail: Trail,
): void {
  for (const target of targets) {
    if (step.kind === 'try' && target === step.target) return
    const rest = journey.restOf(target, performance.now())
    if (rest !== undefined) trail.passedOver(target, rest)
  }
}

/** The requested model was not asked because it rests: the error it rests for. */
function errorOfRest(target: Target | undefined, journey: Journey<Target>): ProxyError | undefined {
  const rest = target && journey.restOf(target, performance.now())
  return rest && target && restingError(target.model.name, rest)
}

/** What is the same for every target of one exchange. */
interface Surroundings {
  readonly rooms: Rooms
  readonly trail: Trail
  readonly allowance: Allowance
}

function tryTarget(
  target: Target,
  inbound: Inbound,
  remainingMs: number,
  othersLeft: boolean,
  sink: ReplySink,
  { rooms, trail, allowance }: Surroundings,
): RunningAttempt {
  const { provider } = target
  if (remainingMs <= 0) {
    return failedAttempt(
      new ProxyError('upstream_timeout', 'The deadline passed before any target answered.'),
    )
  }
  const withoutKey = missingKeyError(provider)
  if (withoutKey !== undefined) return failedAttempt(withoutKey)
  const dialect = dialectOf(target, inbound)
  // Objects are written out and not spread: that is a slow copy, and these are made for every request.
  const nowSeconds = Math.floor(Date.now() / 1000)
  const requestId = trail.id
  let ready: ReturnType<typeof prepareFor>
  try {
    const own = answerLocally(inbound, dialect, { nowSeconds, requestId, hints: NO_HINTS })
    if (own !== undefined) {
      const headers = [
        ...trail.commits(200, own.notes),
        ...bodyHeaders(inbound.stream, {}, rooms.redact),
      ]
      return localAttempt(sink, headers, own.body)
    }
    ready = prepareFor(target, dialect, inbound)
  } catch (thrown) {
    return failedAttempt(toProxyError(thrown))
  }
  const { prepared, notes } = ready

  return startAttempt(
    {
      target,
      dialect,
      prepared,
      caller: inbound.caller,
      stream: inbound.stream,
      deadlineMs: remainingMs,
      // Long reasoning may be silent for minutes; half the time is enough where another could answer.
      firstContentMs: othersLeft
        ? Math.max(remainingMs / 2, Math.min(provider.timeouts.idleMs, remainingMs))
        : remainingMs,
      redact: rooms.redact,
      createPipe: (targetStreams) =>
        createAnswerPipe(
          {
            caller: inbound.caller,
            target: dialect,
            callerStreams: inbound.stream,
            targetStreams,
            stripUsage: prepared.stripUsage,
          },
          { nowSeconds, requestId, request: inbound.decoded(), hints: prepared.hints },
        ),
      replyHeaders(status, headers) {
        const passed = passOn(headers, dialect, inbound, rooms.redact)
        return [
          ...trail.commits(status, renderNotes(notes)),
          ...bodyHeaders(inbound.stream, headers, rooms.redact),
          ...passed,
          ...allowance.headers(passed),
        ]
      },
    },
    rooms.upstream,
    sink,
  )
}

/** wire-formats G.3: nothing between us and the caller may hold a stream back or compress it. */
const STREAM_HEADERS: HeaderPairs = [
  ['content-type', 'text/event-stream; charset=utf-8'],
  ['cache-control', 'no-cache, no-transform'],
  ['x-accel-buffering', 'no'],
]
const JSON_HEADERS: HeaderPairs = [['content-type', 'application/json']]

function bodyHeaders(stream: boolean, upstream: UpstreamHeaders, redact: Redact): HeaderPairs {
  if (stream) return STREAM_HEADERS
  const type = upstream['content-type'] ?? ''
  if (type === 'application/json' || !type.includes('json')) return JSON_HEADERS
  return [['content-type', redact(type)]]
}

/** What of a provider's headers the caller gets: one that echoes a key must not have it passed on. */
function passOn(
  headers: UpstreamHeaders,
  dialect: Dialect,
  { caller }: Inbound,
  redact: Redact,
): [string, string][] {
  return mapReplyHeaders(headers, dialect.name, caller.name, Date.now()).map(([name, value]) => [
    name,
    redact(value),
  ])
}

/** The error as the caller will read it, with the headers of the reply it came in. */
function explain(
  error: ProxyError,
  headers: UpstreamHeaders | undefined,
  target: Target,
  inbound: Inbound,
  redact: Redact,
): ProxyError {
  const explained = aboutOurKey(error, target.provider.name)
  if (headers !== undefined) {
    const dialect = dialectOf(target, inbound)
    // Whether a client should retry is for us to say: we have.
    explained.headers = passOn(headers, dialect, inbound, redact).filter(
      ([name]) => name !== 'x-should-retry',
    )
  }
  return explained
}

/** A provider's 401 or 403 is about our key, not about the caller's: it must not look like theirs. */
function aboutOurKey(error: ProxyError, provider: string): ProxyError {
  if (error.code !== 'upstream_error' || classifyFault(error) !== 'credential') return error
  return new ProxyError(
    'upstream_credential',
    `${provider} refused the key of this proxy: ${error.message}`,
    { cause: error, upstream: error.upstream },
  )
}
