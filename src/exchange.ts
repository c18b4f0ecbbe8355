/**
 * The story: one request, out and home again. This file has the order of steps, and only that.
 */
import { performance } from 'node:perf_hooks'
import type { Limiter } from './access/limits.ts'
import { Allowance } from './exchange/allowance.ts'
import type { UseOf } from './usage/past-use.ts'
import type { Config, User } from './config/config.ts'
import { failedAttempt, localAttempt, startAttempt } from './exchange/attempt.ts'
import type { AttemptResult, RunningAttempt } from './exchange/attempt.ts'
import { NO_HINTS } from './dialects/dialect.ts'
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
import type { Trail } from './exchange/trail.ts'
import { pause } from './exchange/pause.ts'
import { STREAM_HEADERS, TargetPlan, bodyHeaders, passOn } from './exchange/plan.ts'
import type { Surroundings } from './exchange/plan.ts'
import { createWitness } from './exchange/witness.ts'
import type { Witness } from './exchange/witness.ts'
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
export function runExchange(call: Call, sink: ReplySink, rooms: Rooms): Promise<void> {
  return new Exchange(call, sink, rooms).run()
}

/** What comes next: another try, or the end, with its line where the caller was answered or left. */
type Next = Step<Target> | { readonly kind: 'over'; readonly record: UsageRecord }

/** A class because it has a lifetime, and one object a request costs less than a dozen functions. */
class Exchange {
  readonly #rooms: Rooms
  readonly #call: Call
  readonly #trail: Trail
  readonly #allowance: Allowance
  readonly #held: HeldSink
  readonly #seen: Witness | undefined
  readonly #deadlineAtMs: number
  // Where the reply goes.
  #sink: ReplySink
  #live: LiveSink | undefined
  #targets: readonly Target[] = []
  #journey: Journey<Target> | undefined
  #running: RunningAttempt | undefined
  // The caller left.
  #gone = false
  // Ends the pause under way.
  #wake: (() => void) | undefined
  #requestedError: ProxyError | undefined
  #lastError: ProxyError | undefined

  constructor(call: Call, sink: ReplySink, rooms: Rooms) {
    this.#rooms = rooms
    this.#trail = createTrail(call)
    this.#allowance = new Allowance(call.api, rooms)
    this.#held = new HeldSink(sink)
    const { audit } = rooms
    this.#seen = audit && createWitness(call, this.#held, { ...rooms, audit })
    this.#call = this.#seen?.call ?? call
    this.#sink = this.#seen?.sink ?? this.#held
    this.#deadlineAtMs = call.startedMs + (call.deadlineMs ?? rooms.config.failover.deadlineMs)
  }

  /** From the first check to the last byte. */
  async run(): Promise<void> {
    let record: UsageRecord | undefined
    let refusal: unknown
    try {
      this.#sink.onGone(() => this.#leave())
      const user = this.#identify()
      const around = this.#admit(user, await this.#call.readBody())
      const journey = this.#setOut(around.inbound)
      let next: Next = this.#begin(journey)
      while (next.kind === 'try') {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other is the point
        if (next.waitMs > 0 && !this.#gone) await this.#pause(next.waitMs)
        const overLimit = this.#gone ? undefined : this.#allowance.moveTo(next.target)
        if (this.#gone) next = { kind: 'over', record: this.#trail.abandoned() }
        else if (overLimit !== undefined) next = this.#passBy(next.target, overLimit, journey)
        else {
          const running = this.#depart(next, around, journey)
          // oxlint-disable-next-line no-await-in-loop
          next = this.#judge(next.target, await running.result, around.inbound, journey)
        }
      }
      if (next.kind === 'over') ({ record } = next)
      else refusal = this.#whyNobody(journey)
    } catch (thrown) {
      refusal = thrown
    }
    try {
      this.#journey?.end()
      if (record === undefined) this.#refuse(toProxyError(refusal))
      else this.#conclude(record)
    } finally {
      this.#rooms.onOver?.()
    }
  }

  #leave(): void {
    this.#gone = true
    this.#wake?.()
    this.#running?.leave()
  }

  // ── who is asking, for what, and may they ─────────────────────────────────────────────────────

  #identify(): User {
    const user = whoIsCalling(this.#call, this.#rooms)
    this.#trail.from(user.name)
    return user
  }

  #admit(user: User, body: Uint8Array): Surroundings {
    const call = this.#call
    const { routes, ledger, config, redact } = this.#rooms
    const json = parseJsonObject(body)
    const model = json['model']
    if (typeof model !== 'string' || model === '') {
      throw new ProxyError('model_missing', 'Model not specified in request', { param: 'model' })
    }
    const inbound = createInbound(call, body, json)
    this.#trail.asks(model, inbound)
    const chain = routes.resolve(user, model)
    this.#targets = call.noFailover === true ? chain.slice(0, 1) : chain
    if (!ledger.check() && config.onLogFailure === 'refuse') {
      throw new ProxyError('usage_log_unavailable', 'The usage log cannot be written.')
    }
    const asked = this.#targets[0]
    if (asked !== undefined) this.#allowance.open(user, asked, inbound)
    return { inbound, trail: this.#trail, allowance: this.#allowance, redact }
  }

  // ── who answers: each target in turn, until one has ───────────────────────────────────────────

  #setOut({ stream }: Inbound): Journey<Target> {
    const { config, health, routes, quietMs } = this.#rooms
    if (stream) {
      const mocked = this.#targets.some(({ provider }) => provider.mock)
      const headers = mocked ? [...STREAM_HEADERS, MOCKED] : STREAM_HEADERS
      const caller = callerDialect(this.#call.api).name
      this.#live = createLiveSink(this.#sink, caller, headers, quietMs)
      this.#sink = this.#live
    }
    this.#journey = createJourney({
      targets: this.#targets,
      keyOf,
      siblingsOf: routes.siblingsOf,
      tireless: isTireless,
      on: config.failover.on,
      deadlineAtMs: this.#deadlineAtMs,
      health,
      random: Math.random,
    })
    return this.#journey
  }

  /** The first step; noted are the targets ahead of it, which rest. A backup behind it is nobody's concern yet. */
  #begin(journey: Journey<Target>): Step<Target> {
    const step = journey.begin(performance.now())
    for (const target of this.#targets) {
      if (step.kind === 'try' && target === step.target) break
      const rest = journey.restOf(target, performance.now())
      if (rest !== undefined) this.#trail.passedOver(target, rest)
    }
    return step
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, (stop) => {
      this.#wake = stop
    })
  }

  #passBy(target: Target, overLimit: ProxyError, journey: Journey<Target>): Step<Target> {
    this.#trail.overLimit(target)
    this.#lastError = overLimit
    const step = journey.failed(noRoom(overLimit), performance.now())
    if (step.kind === 'try') this.#tellFailover(overLimit.message, step.target)
    return step
  }

  #depart(
    { target, left }: Step<Target> & { kind: 'try' },
    around: Surroundings,
    journey: Journey<Target>,
  ): RunningAttempt {
    const nowMs = performance.now()
    journey.departed(nowMs)
    this.#trail.tries(target)
    const running = this.#try(target, around, this.#deadlineAtMs - nowMs, left > 0)
    this.#running = running
    if (this.#gone) running.leave()
    return running
  }

  #try(
    target: Target,
    around: Surroundings,
    deadlineMs: number,
    othersLeft: boolean,
  ): RunningAttempt {
    if (deadlineMs <= 0) {
      return failedAttempt(
        new ProxyError('upstream_timeout', 'The deadline passed before any target answered.'),
      )
    }
    const withoutKey = missingKeyError(target.provider)
    if (withoutKey !== undefined) return failedAttempt(withoutKey)
    const { inbound, trail, redact } = around
    const dialect = dialectOf(target, inbound)
    const nowSeconds = Math.floor(Date.now() / 1000)
    let plan: TargetPlan
    try {
      const context = { nowSeconds, requestId: trail.id, hints: NO_HINTS }
      const own = answerLocally(inbound, dialect, context)
      if (own !== undefined) {
        const headers = trail.commits(200, own.notes)
        headers.push(...bodyHeaders(inbound.stream, {}, redact))
        return localAttempt(this.#sink, headers, own.body)
      }
      const ready = prepareFor(target, dialect, inbound)
      const time = { nowSeconds, deadlineMs, othersLeft }
      plan = new TargetPlan(around, target, dialect, ready, time)
    } catch (thrown) {
      return failedAttempt(toProxyError(thrown))
    }
    return startAttempt(plan, this.#rooms.upstream, this.#sink)
  }

  #judge(target: Target, result: AttemptResult, inbound: Inbound, journey: Journey<Target>): Next {
    const trail = this.#trail
    const { redact } = this.#rooms
    const error = result.error && explain(result.error, result.headers, target, inbound, redact)
    const fault = error === undefined ? undefined : classifyFault(error)
    trail.tried(result, fault)
    if (result.end === 'gone') return { kind: 'over', record: trail.abandoned() }
    const nowMs = performance.now()
    if (error === undefined || fault === undefined) {
      journey.answered(nowMs)
      return { kind: 'over', record: trail.answered() }
    }

    const failure: Failure = {
      error,
      fault,
      advice: adviseRetry(error, fault, result.reach, result.status),
      reach: result.reach,
      retryAfterMs: parseRetryAfter(result.headers ?? {}, Date.now()),
      skip: target !== this.#targets[0] && error.code === 'untranslatable',
    }
    if (result.end === 'truncated') {
      journey.broke(failure, nowMs)
      return { kind: 'over', record: trail.truncated(error) }
    }
    this.#lastError = error
    if (target === this.#targets[0]) this.#requestedError = error
    const step = journey.failed(failure, nowMs)
    if (step.kind === 'stop' && step.why === 'budget') {
      // Said where everything is said that was not done as usual.
      error.headers = [...error.headers, ['x-aiproxy-notes', 'retry;dropped']]
    }
    if (step.kind === 'try' && !step.again) this.#tellFailover(error.message, step.target)
    return step
  }

  #tellFailover(message: string, { model: next }: Target): void {
    const failed = this.#trail.lastAttempt()
    const { user } = this.#trail
    const { id } = this.#call
    this.#rooms.hooks.onFailover?.({ id, user, failed, message, next: next.name })
  }

  /** Nobody answered: the requested model's own error, or the one it rests for. */
  #whyNobody(journey: Journey<Target>): ProxyError {
    const asked = this.#targets[0]
    const rest = asked && journey.restOf(asked, performance.now())
    return (
      this.#requestedError ??
      (rest && asked && restingError(asked.model.name, rest)) ??
      this.#lastError ??
      new ProxyError('internal', 'No target was tried for this model.')
    )
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────

  #conclude(record: UsageRecord): void {
    this.#live?.still()
    this.#log(record)
    this.#seen?.ended(record)
    this.#held.release()
  }

  /** Throws the error, its headers attached, where no reply has begun. */
  #refuse(error: ProxyError): void {
    const trail = this.#trail
    const record = trail.refused(error)
    this.#log(record)
    const told = trail.failureHeaders()
    const said = error.headers.filter(([name]) => !told.some(([other]) => other === name))
    error.headers = [...said, ...this.#allowance.headers(said), ...told]
    const live = this.#live
    live?.still()
    if (live?.begun !== true) {
      this.#seen?.refused(record, error)
      throw error
    }
    // The caller has its 200 already: what went wrong is told as the dialect's error event.
    const { api, id } = this.#call
    live.end(callerDialect(api).createStreamTap().fail(error, id))
    this.#seen?.ended(record)
    this.#held.release()
  }

  #log(record: UsageRecord): void {
    this.#allowance.settle(record)
    const line = this.#rooms.ledger.append(record)
    this.#rooms.hooks.onFinished?.(record, line)
  }
}

const MOCKED: readonly [string, string] = ['x-aiproxy-mock', 'true']

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

function keyOf({ key }: Target): string {
  return key
}

/** The mock shows faults on purpose. */
function isTireless({ provider }: Target): boolean {
  return provider.mock
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
    explained.headers = passOn(headers, dialect, inbound.caller, redact).filter(
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
