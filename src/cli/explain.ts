/**
 * `aiproxy ask --explain`: the path this very request would take, told offline from the config and the usage
 * log: who asks, whether they may, what is left of their limits, and what each target would be asked. Sends
 * nothing and shows no key, only where it comes from.
 */
import type { Config } from '../config/config.ts'
import type { Note } from '../dialects/notes.ts'
import type { DialectName } from '../dialects/dialect.ts'
import type { RehearsedTarget, Rehearsal } from '../offline.ts'
import { encodeBody, listParts } from './ask-call.ts'
import type { Question, RequestPart } from './ask-call.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { renderExplanation } from './explain-view.ts'
import type { ProgramIo } from './io.ts'
import { describeLeft } from './limits-left.ts'
import { allowedText, hostOf, listTargets, nearestModel } from './who.ts'
import type { TargetView } from './who.ts'
import { jsonLine } from './words.ts'

export interface ExplainQuestion extends Question {
  readonly userFrom: string
  readonly modelFrom: string
}

/** One target as it would be asked. */
export interface ExplainedTarget extends TargetView {
  /** The API that is spoken to it. */
  readonly speaks: 'chat' | 'messages' | 'responses'
  readonly isRelayed: boolean
  /** Names of parts, and of fields, that … */
  readonly kept: readonly string[]
  readonly adapted: readonly string[]
  readonly dropped: readonly string[]
  /** Why it is not asked, or could not answer. */
  readonly refusal: string | undefined
  readonly overLimit: string | undefined
}

/** All that is told, before it is put into words. */
export interface Explanation {
  readonly question: ExplainQuestion
  readonly config: Config
  readonly isAllowed: boolean
  readonly reason: string
  readonly targets: readonly ExplainedTarget[]
  readonly rehearsal: Rehearsal | undefined
  /** The target that would be sent to, as far as can be told. */
  readonly first: string | undefined
  readonly deadlineMs: number
}

/** Prints the path. The exit code is the one that the request would end with, as far as can be told offline. */
export async function explain(
  io: ProgramIo,
  config: Config,
  question: ExplainQuestion,
): Promise<void> {
  const { user, model, options } = question
  const views = listTargets(config, user, model)
  const isAllowed = views.length > 0
  const rehearsal = isAllowed ? await rehearseQuestion(io, config, question) : undefined
  const parts = listParts(config, question)
  const explanation: Explanation = {
    question,
    config,
    isAllowed,
    reason: reasonOf(config, question, isAllowed),
    targets: (rehearsal?.targets ?? []).flatMap((rehearsed, index) => {
      const view = views[index]
      return view === undefined ? [] : [explainTarget(view, rehearsed, parts)]
    }),
    rehearsal,
    first: rehearsal?.first?.model.name,
    deadlineMs: options.timeoutMs ?? config.failover.deadlineMs,
  }
  io.exitCode = exitCodeFor(explanation)
  io.stdout.write(
    io.flags.json === true
      ? `${jsonLine(describe(explanation, io.exitCode))}\n`
      : renderExplanation(io, explanation),
  )
}

async function rehearseQuestion(
  io: ProgramIo,
  config: Config,
  question: ExplainQuestion,
): Promise<Rehearsal> {
  const { rehearse } = await import('../offline.ts')
  const { user, model, options } = question
  return rehearse(config, {
    user,
    model,
    body: encodeBody(config, question),
    failover: options.failover,
    clock: { monotonicMs: io.monotonic, wallMs: io.now },
  })
}

function reasonOf(config: Config, { user, model }: ExplainQuestion, isAllowed: boolean): string {
  if (isAllowed) return `${model} is in ${user.name}'s list`
  if (config.models.has(model))
    return `${model} is not in ${user.name}'s list: ${allowedText(user)}`
  const near = nearestModel(config, model)
  const meant = near === undefined ? '' : `; did you mean ${near}?`
  return `no model is called ${model}${meant}`
}

function explainTarget(
  view: TargetView,
  { dialect, isRelayed, notes, refusal, overLimit }: RehearsedTarget,
  parts: readonly RequestPart[],
): ExplainedTarget {
  const fates = parts.map(({ label, field }) => ({
    label,
    note: notes.find((note) => note.field === field && field !== 'messages'),
  }))
  const told = new Set(fates.map(({ note }) => note))
  const namesOf = (what: Note['what'] | undefined): string[] => [
    ...fates.filter(({ note }) => note?.what === what).map(({ label }) => label),
    // Deeper than what was typed, or of our own making.
    ...notes.filter((note) => note.what === what && !told.has(note)).map(({ field }) => field),
  ]
  return {
    ...view,
    speaks: API_NAMES[dialect],
    isRelayed,
    kept: refusal === undefined ? namesOf(undefined) : [],
    adapted: namesOf('adapted'),
    dropped: namesOf('dropped'),
    refusal: refusal?.message,
    overLimit: overLimit?.message,
  }
}

const API_NAMES: Readonly<Record<DialectName, ExplainedTarget['speaks']>> = {
  'openai-chat': 'chat',
  'openai-responses': 'responses',
  anthropic: 'messages',
}

function exitCodeFor({ config, question, isAllowed, rehearsal }: Explanation): ExitCode {
  if (!isAllowed) return config.models.has(question.model) ? EXIT.forbidden : EXIT.misused
  const wrong =
    rehearsal?.limitsUnknown ??
    rehearsal?.overLimit ??
    (rehearsal?.first === undefined ? rehearsal?.failure : undefined)
  return wrong === undefined ? EXIT.done : exitCodeOf(wrong.code)
}

function describe(explanation: Explanation, exitCode: number): object {
  const { config, question, rehearsal } = explanation
  const { user, model } = question
  const over = rehearsal?.limitsUnknown ?? rehearsal?.overLimit
  return {
    schema: 'aiproxy.explain/1',
    config: config.source.kind === 'file' ? config.source.path : null,
    user: { name: user.name, from: question.userFrom },
    model: { requested: model, from: question.modelFrom },
    allowed: explanation.isAllowed,
    reason: explanation.reason,
    targets: explanation.targets.map(describeTarget),
    first: explanation.first ?? null,
    failover: { on: [...config.failover.on] },
    deadlineMs: explanation.deadlineMs,
    limits: user.limits,
    modelLimits: user.models.find(({ name }) => name === model)?.limits ?? null,
    left: rehearsal?.limitsUnknown === undefined ? describeLeft(rehearsal?.limits ?? []) : null,
    overLimit: over === undefined ? null : { code: over.code, message: over.message },
    exitCode,
  }
}

function describeTarget(target: ExplainedTarget): object {
  const { model, provider, readiness, refusal, overLimit } = target
  const { credential } = provider
  return {
    model: model.name,
    upstreamName: model.upstreamName,
    provider: provider.name,
    dialect: provider.dialect,
    speaks: target.speaks,
    host: provider.mock ? null : hostOf(provider),
    key:
      credential.kind === 'none'
        ? null
        : { source: credential.source, set: credential.kind === 'key' },
    ready: readiness !== 'no-key',
    mock: provider.mock,
    request: {
      relayed: target.isRelayed && refusal === undefined,
      kept: target.kept,
      adapted: target.adapted,
      dropped: target.dropped,
      refused: refusal ?? null,
    },
    overLimit: overLimit ?? null,
  }
}
