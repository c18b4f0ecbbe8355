/** `aiproxy ask --explain` in words: a head, the limits, then a block for each target. Pure. */
import { cleanForTerminal } from './clean.ts'
import type { ExplainedTarget, Explanation } from './explain.ts'
import { padEnd, wrapWords } from './fit.ts'
import type { ProgramIo } from './io.ts'
import { renderLeft } from './limits-left.ts'
import { cutMiddle, displayWidth } from './table.ts'
import { hostOf } from './who.ts'
import { renderDuration, renderSource } from './words.ts'

const LABEL_COLUMNS = 10
const GAP = '  '
const LEAST_NAME = 8
// Narrower than this, wrapping helps nobody.
const LEAST_TEXT = 20

/** All lines, wrapped to the terminal; off one, each as long as it is. */
export function renderExplanation(io: ProgramIo, explanation: Explanation): string {
  const { question, config, isAllowed, targets, rehearsal } = explanation
  const { green, red, dim } = io.paintOut
  const columns = io.stdout.isTTY === true ? (io.stdout.columns ?? Infinity) : Infinity
  const place = wrapper(columns, '')
  const verdict = isAllowed ? green('yes') : red('no')
  const [user, model] = [question.user.name, question.model].map(cleanForTerminal)
  const width = Math.max(displayWidth(user ?? ''), displayWidth(model ?? ''))
  const named = (label: string, name: string, how: string): string[] =>
    place(label, [padEnd(name, width), cleanForTerminal(how)])
  const lines = [
    ...named('user', user ?? '', `${question.userFrom}; no key is asked for here`),
    ...named('model', model ?? '', question.modelFrom),
    ...place('config', [renderSource(config.source, io)]),
    ...place('allowed', [verdict, cleanForTerminal(explanation.reason)]),
    ...limitLines(io, explanation, place),
  ]
  if (isAllowed) {
    if (targets.length > 1) lines.push(...place('moves on', [[...config.failover.on].join(', ')]))
    lines.push(
      ...place('deadline', [`${renderDuration(explanation.deadlineMs)} for all attempts together`]),
      '',
      ...targetLines(io, targets, columns),
      '',
    )
    if (rehearsal?.limitsUnknown === undefined && rehearsal?.overLimit === undefined) {
      lines.push(...place('asks', [firstWords(io, explanation)]))
    }
  }
  lines.push(dim('Nothing was sent.'))
  return `${lines.join('\n')}\n`
}

type Place = (label: string, words: readonly string[]) => string[]

function limitLines(io: ProgramIo, { question, rehearsal }: Explanation, place: Place): string[] {
  if (rehearsal === undefined) return []
  const { red } = io.paintOut
  const { limits, limitsUnknown, overLimit, targets } = rehearsal
  if (limitsUnknown !== undefined)
    return place('limits', [red(cleanForTerminal(limitsUnknown.message))])
  const tried = new Set(targets.map(({ target }) => target.model.name))
  const named = question.user.models.flatMap(({ name, limits: own }) =>
    own === undefined || !tried.has(name) ? [] : [{ model: name, limits: own }],
  )
  const rows = renderLeft(
    limits,
    [{ model: undefined, limits: question.user.limits }, ...named],
    io.paintOut,
  )
  const width = Math.max(0, ...rows.map(([limit]) => displayWidth(limit)))
  return [
    ...rows.flatMap(([limit, left], index) =>
      place(index === 0 ? 'limits' : '', [`${padEnd(limit, width)}${GAP}${left}`]),
    ),
    ...(overLimit === undefined ? [] : place('', [red(cleanForTerminal(overLimit.message))])),
  ]
}

function targetLines(
  io: ProgramIo,
  targets: readonly ExplainedTarget[],
  columns: number,
): string[] {
  const heads = fitHeads(targets, columns)
  const place = wrapper(columns, '     ')
  return targets.flatMap((target, index) => {
    const { kept, adapted, dropped, refusal, overLimit } = target
    const { red, yellow, bold } = io.paintOut
    const rows: Array<readonly [label: string, words: string]> = [['key', keyWords(io, target)]]
    if (overLimit !== undefined) rows.push(['limit', red(cleanForTerminal(overLimit))])
    if (refusal !== undefined) rows.push(['refused', red(cleanForTerminal(refusal))])
    else if (target.isRelayed) rows.push(['relayed', `as it is: ${namesOf(kept)}`])
    else rows.push(['crosses', namesOf(kept)])
    if (adapted.length > 0) rows.push(['adapted', yellow(namesOf(adapted))])
    if (dropped.length > 0) rows.push(['dropped', yellow(namesOf(dropped))])
    return [bold(heads[index] ?? ''), ...rows.flatMap(([label, words]) => place(label, [words]))]
  })
}

/** `1  gpt-5  openai  chat  api.openai.com` in columns; the host goes first, then names are cut. */
function fitHeads(targets: readonly ExplainedTarget[], columns: number): string[] {
  const rows = targets.map(({ model, provider, speaks }, index) => [
    `  ${index + 1}`,
    cleanForTerminal(
      model.upstreamName === model.name ? model.name : `${model.name} (${model.upstreamName})`,
    ),
    cleanForTerminal(provider.name),
    speaks,
    provider.mock ? 'embedded mock' : cleanForTerminal(hostOf(provider)),
  ])
  const widthsOf = (of: typeof rows): number[] =>
    (of[0] ?? []).map((_, at) => Math.max(...of.map((row) => displayWidth(row[at] ?? ''))))
  const fitting = totalOf(widthsOf(rows)) <= columns ? rows : rows.map((row) => row.slice(0, -1))
  const widths = widthsOf(fitting)
  const excess = Math.max(0, totalOf(widths) - columns)
  widths[1] = Math.max(LEAST_NAME, (widths[1] ?? 0) - excess)
  return fitting.map((row) =>
    row
      .map((cell, at) => padEnd(at === 1 ? cutMiddle(cell, widths[1] ?? 0) : cell, widths[at] ?? 0))
      .join(GAP)
      .trimEnd(),
  )
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1))
}

function keyWords({ paintOut }: ProgramIo, { provider, readiness }: ExplainedTarget): string {
  const { green, red, yellow } = paintOut
  const { credential } = provider
  const source = credential.kind === 'none' ? 'none needed' : cleanForTerminal(credential.source)
  switch (readiness) {
    case 'mock':
      return `${yellow('MOCK')} the answer is made up`
    case 'no-key':
      return `${red('✗')} ${source} not set: a credential failure`
    case 'ready':
      return `${green('✓')} ${source}${credential.kind === 'none' ? '' : ' set'}`
  }
}

function firstWords({ paintOut }: ProgramIo, { first, rehearsal }: Explanation): string {
  const [asked] = rehearsal?.targets ?? []
  const why = rehearsal?.failure?.message.replace(/\.$/, '')
  if (first === undefined) return paintOut.red(`nobody: ${cleanForTerminal(why ?? '')}`)
  const name = cleanForTerminal(first)
  return asked?.target.model.name === first ? name : `${name}: ${cleanForTerminal(why ?? '')}`
}

/** Without a prompt yet there may be no names at all. */
function namesOf(names: readonly string[]): string {
  return names.length === 0 ? 'any prompt' : names.map((name) => cleanForTerminal(name)).join(', ')
}

/** A label, words two spaces apart, and what does not fit on lines below, under the first word. */
function wrapper(columns: number, indent: string): Place {
  const room = Math.max(LEAST_TEXT, columns - indent.length - LABEL_COLUMNS)
  return (label, words) =>
    wrapWords(words.join(GAP), room).map((line, index) =>
      (indent + padEnd(index === 0 ? label : '', LABEL_COLUMNS) + line).trimEnd(),
    )
}
