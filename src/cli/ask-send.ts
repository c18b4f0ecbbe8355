/**
 * One question through the exchange: builds the call a server would have made of the same request, runs
 * it in this process, and says in the words of the command line what went wrong.
 */
import type { Config } from '../config/config.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import type { AttemptRecord, UsageRecord } from '../usage/record.ts'
import { createAnswer } from './ask-answer.ts'
import type { Answer } from './ask-answer.ts'
import { createCall, encodeBody } from './ask-call.ts'
import type { Question } from './ask-call.ts'
import { extractFenced } from './ask-extract.ts'
import { createAskView } from './ask-view.ts'
import type { AskOutcome } from './ask-view.ts'
import { exitAfter } from './exit-codes.ts'
import type { ProgramIo, StopSignal } from './io.ts'
import { cleanForTerminal } from './clean.ts'
import { mayUse, refuse, requireModel } from './who.ts'
import { keySource } from './words.ts'

// After ^C the provider call is aborted and its line is logged; more than this is a hang.
const LEAVE_LIMIT_MS = 2000
// A made-up answer streams visibly to a person and at once to a program.
const MOCK_PACE_MS = 20

/**
 * Sends the question and shows the answer as it comes. Throws ProxyError where there is none or it was
 * cut; sets the exit code where someone left.
 */
export async function sendQuestion(
  io: ProgramIo,
  config: Config,
  question: Question,
): Promise<void> {
  const { user, model, options } = question
  const body = encodeBody(config, question)
  const view = createAskView(io, config, model, options)
  const module = await io.loadApp()
  const costOf = await io.loadCosts?.(config)
  let record: UsageRecord | undefined
  // Here stdout is the answer; a server's collector is not listening to it.
  const logIsStdout = config.log === '-'
  if (logIsStdout && options.log && io.flags.quiet !== true && io.flags.json !== true) {
    io.stderr.write('note: the usage log of this config is stdout: this request is not logged\n')
  }
  const app = await module.createApp(config, {
    hooks: {
      onFailover: (event) => {
        view.failover(event)
      },
      onFinished: (finished) => {
        record = finished
      },
    },
    onLogFailure: (error) => {
      io.stderr.write(`warning: the usage log: ${cleanForTerminal(error.message)}\n`)
    },
    onAuditFailure: (error) => {
      io.stderr.write(`warning: ${cleanForTerminal(error.message)}\n`)
    },
    noLog: !options.log || logIsStdout,
    noAudit: !options.log,
    mockPaceMs: options.format === 'text' && io.stdout.isTTY === true ? MOCK_PACE_MS : 0,
  })
  const answer = createAnswer({
    app: module,
    onPiece: (piece) => view.piece(piece),
    whenDrained: (action) => {
      io.stdout.once?.('drain', action)
    },
  })
  const leaving = watchForLeaving(io, answer)
  const call = createCall(io, question, body, app.newRequestId())
  let thrown: unknown
  try {
    view.start()
    await Promise.race([app.exchange(call, answer.sink), leaving.late])
  } catch (error) {
    thrown = error
  } finally {
    await app.close(0)
    leaving.forget()
  }

  // Nobody is there to be told anything.
  if (leaving.who === 'reader') return
  const outcome = {
    id: call.id,
    user: user.name,
    model,
    answer,
    record,
    costUsd: record === undefined ? undefined : costOf?.(record),
    stoppedBy: leaving.who,
  }
  const error =
    leaving.who === undefined ? failureOf(config, question, { ...outcome, thrown }) : undefined
  view.end({ ...outcome, error })
  if (error !== undefined) throw error
  if (leaving.who !== undefined) io.exitCode = exitAfter(leaving.who)
}

interface Leaving {
  /** Who left before the end, if anyone. */
  readonly who: StopSignal | 'reader' | undefined
  /** Resolves when the exchange had time enough to end after someone left. */
  readonly late: Promise<void>
  forget(): void
}

/** ^C, SIGTERM or a closed pipe abort the provider call; a second ^C ends the program at once. */
function watchForLeaving(io: ProgramIo, answer: Answer): Leaving {
  let who: Leaving['who']
  let letGo: Array<() => void> = []
  const late = new Promise<void>((resolve) => {
    const leave = (one: StopSignal | 'reader'): void => {
      if (who !== undefined) {
        if (one !== 'reader') io.exit(exitAfter(one))
        return
      }
      who = one
      io.after(LEAVE_LIMIT_MS, resolve)
      answer.leave()
    }
    letGo = [
      io.onSignal(leave),
      io.onStdoutGone(() => {
        leave('reader')
      }),
    ]
  })
  return {
    get who() {
      return who
    },
    late,
    forget() {
      for (const off of letGo) off()
    },
  }
}

/** What went wrong, in the words of the command line; `undefined` where the answer is whole. */
function failureOf(
  config: Config,
  { user, model, options }: Question,
  { answer, record, thrown }: Omit<AskOutcome, 'error'> & { readonly thrown: unknown },
): ProxyError | undefined {
  if (thrown !== undefined) {
    const error = toProxyError(thrown)
    // On the port "unknown" and "not yours" are one; the operator may know which (cli.md §1).
    if (error.code === 'model_not_found' && error.upstream === undefined && !mayUse(user, model)) {
      requireModel(config, model, user)
      return refuse(user, model)
    }
    return namingAttempts(config, error, record)
  }
  const failed = answer.failure !== undefined || record?.outcome === 'truncated'
  if (!failed && answer.finish !== undefined) {
    if (!options.extract || extractFenced(answer.text) !== undefined) return undefined
    return new ProxyError('block_missing', 'there is no fenced block in the answer')
  }
  const reason = flatten(answer.failure ?? 'the stream ended early').replace(/\.$/, '')
  const shown = options.extract ? (extractFenced(answer.text) ?? '') : answer.text
  return new ProxyError(
    'upstream_truncated',
    shown === ''
      ? `${reason}: it was cut before any ${options.extract ? 'block' : 'text'} came`
      : `${reason}: the answer above is incomplete`,
  )
}

/**
 * The error with whose it is: on the port a header tells which provider said it, here the line must.
 * Where several were tried each is named, since one error alone would hide the others.
 */
function namingAttempts(
  config: Config,
  error: ProxyError,
  record: UsageRecord | undefined,
): ProxyError {
  const attempts = record?.attempts ?? []
  const [first] = attempts
  if (first === undefined || error.code === 'internal') return error
  const said =
    error.upstream === undefined
      ? flatten(error.message)
      : `${nameAttempt(first)}: ${flatten(error.message)}`
  const tried = attempts.length < 2 ? '' : `\n  tried: ${attempts.map(nameAttempt).join(', ')}`
  return new ProxyError(error.code, said + tried, {
    cause: error,
    hint: hintOf(config, error, first.provider),
  })
}

/** `gpt-5 (openai 401 credential)` */
function nameAttempt({ model, provider, status, class: fault }: AttemptRecord): string {
  return `${model} (${[provider, status, fault].filter((word) => word !== undefined).join(' ')})`
}

/** For a key that is missing, the command that sets it. */
function hintOf(config: Config, error: ProxyError, provider: string): string | undefined {
  const credential = config.providers.get(provider)?.credential
  if (error.code !== 'upstream_credential' || credential?.kind !== 'missing') return error.hint
  return credential.source.startsWith('env ') ? `export ${keySource(credential)}=…` : error.hint
}

/** A provider's words on one line: a line break in them must not look like a line of ours. */
function flatten(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
