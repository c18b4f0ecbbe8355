/** A reload as a person reads it: one short block, a line for each change. Pure; never a secret. */
import type { ChalkInstance } from 'chalk'
import type { Config } from '../config/config.ts'
import type { Change } from '../config/difference.ts'
import { cleanForTerminal } from './clean.ts'
import { cutEnd, padEnd } from './fit.ts'
import { displayWidth } from './table.ts'
import { countOf, renderClock, renderSource } from './words.ts'

/** What a reload did. */
export interface Reload {
  /** The config now in force. */
  readonly config: Config
  readonly changes: readonly Change[]
  /** Written in the file, and not in force before the next start. */
  readonly needsRestart: readonly Change[]
  /** Warnings that the config before did not have. */
  readonly warnings: readonly string[]
}

export interface ChangesStyle {
  readonly columns: number
  readonly paint: ChalkInstance
  readonly cwd: string
  readonly home: string
}

// More is no longer a difference but another config.
const SHOWN_CHANGES = 12

/** The block, its first line stamped with `at`. */
export function renderReload(reload: Reload, at: number, style: ChangesStyle): string[] {
  const { paint } = style
  const { config, changes, needsRestart } = reload
  const counts = `${countOf(config.users.size, 'user')} · ${countOf(config.models.size, 'model')}`
  const source = renderSource(config.source, style)
  const nothing = changes.length + needsRestart.length === 0 ? '   nothing changed' : ''
  const head = `${paint.dim(renderClock(at))} config reloaded   ${source}   ${counts}${nothing}`
  const shown = changes.slice(0, SHOWN_CHANGES)
  const more = changes.length - shown.length
  return [
    head,
    ...shown.flatMap((change) => renderChange(change, style)),
    ...(more > 0 ? [`  … and ${countOf(more, 'more change')}`] : []),
    ...needsRestart.map((change) => {
      const text = `${change.name} ${change.details.join(' · ')}: needs a restart`
      return `  ${paint.yellow.bold('!')} ${fitted(text, style)}`
    }),
  ]
}

/** One line; where that is wider than the terminal, a line for each detail. */
function renderChange({ kind, name, mark, details }: Change, style: ChangesStyle): string[] {
  const { paint } = style
  const marks = { added: paint.green('+'), removed: paint.red('-'), changed: paint.yellow('~') }
  const what = cleanForTerminal(kind === 'setting' ? name : `${kind} ${name}`)
  const phrases = details.map(cleanForTerminal)
  const line = phrases.length === 0 ? what : `${padEnd(what, 20)}  ${phrases.join(' · ')}`
  if (displayWidth(line) + 4 <= style.columns) return [`  ${marks[mark]} ${line}`]
  return [
    `  ${marks[mark]} ${fitted(what, style)}`,
    ...phrases.map((phrase) => `      ${fitted(phrase, style)}`),
  ]
}

/** One line, and no wider than the terminal. */
function fitted(text: string, { columns }: ChangesStyle): string {
  return cutEnd(cleanForTerminal(text), Math.max(20, columns - 6))
}
