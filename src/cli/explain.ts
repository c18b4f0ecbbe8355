/**
 * `aiproxy ask --explain`: the path a prompt would take, told offline from the config. Sends nothing and
 * shows no key, only where it comes from.
 */
import type { Config, User } from '../config/config.ts'
import { EXIT } from './exit-codes.ts'
import { padEnd } from './fit.ts'
import { displayWidth } from './table.ts'
import type { ProgramIo } from './io.ts'
import { cleanForTerminal } from './clean.ts'
import { hostOf, listTargets } from './who.ts'
import type { TargetView } from './who.ts'
import { jsonLine, renderDuration, renderLimits, renderSource } from './words.ts'

export interface ExplainQuestion {
  readonly user: User
  readonly userFrom: string
  readonly model: string
  readonly modelFrom: string
  readonly failover: boolean
  readonly timeoutMs: number | undefined
}

/** Prints the path; exit 0 where the user may, 4 where not. */
export function explain(io: ProgramIo, config: Config, question: ExplainQuestion): void {
  const { user, model } = question
  const chain = listTargets(config, user, model)
  const targets = question.failover ? chain : chain.slice(0, 1)
  const allowed = targets.length > 0
  if (!allowed) io.exitCode = EXIT.forbidden
  const deadlineMs = question.timeoutMs ?? config.failover.deadlineMs

  if (io.flags.json === true) {
    io.stdout.write(
      `${jsonLine({
        schema: 'aiproxy.explain/1',
        config: config.source.kind === 'file' ? config.source.path : null,
        user: { name: user.name, from: question.userFrom },
        model: { requested: model, from: question.modelFrom },
        allowed,
        reason: reasonOf(config, question, allowed),
        targets: targets.map(describeTarget),
        failover: { on: [...config.failover.on] },
        deadlineMs,
        limits: user.limits,
        modelLimits: user.models.find(({ name }) => name === model)?.limits ?? null,
      })}\n`,
    )
    return
  }

  const { green, red, dim } = io.paintOut
  const ofModel = user.models.find(({ name }) => name === model)?.limits
  const limits = [
    renderLimits(user.limits),
    ofModel === undefined ? '' : renderLimits(ofModel),
  ].flatMap((text, at) => (text === '' ? [] : [at === 0 ? text : `${text} for this model`]))
  const paintVerdict = (_row: string, label: string, verdict: string): string =>
    label + (allowed ? green(verdict) : red(verdict))
  const lines = [
    ...wordRows([
      ['user', user.name, question.userFrom],
      ['model', model, question.modelFrom],
      ['config', renderSource(config.source, io), ''],
      ['allowed', allowed ? 'yes' : 'no', reasonOf(config, question, allowed)],
    ]).map((row) => row.trimEnd().replace(/^(allowed +)(yes|no)/, paintVerdict)),
    ...(allowed ? ['', ...renderTargets(targets, io), ''] : []),
    ...(targets.length > 1 ? [`moves on at  ${[...config.failover.on].join(', ')}`] : []),
    ...(allowed ? [`deadline     ${renderDuration(deadlineMs)} for all attempts together`] : []),
    ...(limits.length === 0 ? [] : [`limits       ${limits.join('; ')}`]),
    dim('Nothing was sent.'),
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
}

function reasonOf(config: Config, { user, model }: ExplainQuestion, allowed: boolean): string {
  const name = cleanForTerminal(model)
  if (allowed) return `${name} is in ${user.name}'s list`
  if (!config.models.has(model)) return `no model is called ${name}`
  return `${name} is not in ${user.name}'s list: ${user.models.map((entry) => entry.name).join(', ')}`
}

function describeTarget({ model, provider, readiness }: TargetView): object {
  const { credential } = provider
  return {
    model: model.name,
    upstreamName: model.upstreamName,
    provider: provider.name,
    dialect: provider.dialect,
    host: provider.mock ? null : hostOf(provider),
    key:
      credential.kind === 'none'
        ? null
        : { source: credential.source, set: credential.kind === 'key' },
    ready: readiness !== 'no-key',
    mock: provider.mock,
  }
}

function renderTargets(targets: readonly TargetView[], io: ProgramIo): string[] {
  const { green, red, yellow } = io.paintOut
  const rows = wordRows(
    targets.map(({ model, provider }, index) => [
      `  ${index + 1}`,
      model.upstreamName === model.name ? model.name : `${model.name} (${model.upstreamName})`,
      provider.name,
      provider.mock ? 'embedded mock' : hostOf(provider),
    ]),
  )
  return targets.map(({ provider, readiness }, index) => {
    const { credential } = provider
    const source =
      credential.kind === 'none' ? 'no key needed' : cleanForTerminal(credential.source)
    const marks = {
      ready: `${green('✓')} ${source}`,
      'no-key': `${red('✗')} ${source} not set: a credential failure`,
      mock: `${yellow('MOCK')} the answer is made up`,
    }
    return `${rows[index] ?? ''}${marks[readiness]}`
  })
}

/** Words in columns as wide as the widest, two spaces between; cleaned. */
function wordRows(rows: ReadonlyArray<readonly string[]>): string[] {
  const clean = rows.map((row) => row.map((cell) => cleanForTerminal(cell)))
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => displayWidth(row[column] ?? ''))),
  )
  return clean.map((row) =>
    row.map((cell, column) => `${padEnd(cell, widths[column] ?? 0)}  `).join(''),
  )
}
