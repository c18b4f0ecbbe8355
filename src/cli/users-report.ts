/** What the writers of `aiproxy users` say when they are done. */
import type { MintedKey } from '../access/keys.ts'
import type { Config } from '../config/config.ts'
import type { OpenedFile } from '../config/edit-file.ts'
import type { EditResult } from '../config/edit.ts'
import { showPath } from '../config/find.ts'
import { cleanForTerminal } from './clean.ts'
import type { ProgramIo } from './io.ts'
import { createPaint } from './paint.ts'
import { firstChangedLine, renderDiff } from './users-diff.ts'
import { fingerprintOf } from './users-key-names.ts'
import type { Note, Plan } from './users-plan.ts'
import { describeKeys, describeUser } from './users-view.ts'
import { readinessOf } from './who.ts'
import { jsonLine, quoteForShell, renderKeySource } from './words.ts'

/** The file a writer works on. */
export interface FileToEdit {
  readonly path: string
  readonly shown: string
  /** `undefined`: it is still to be made. */
  readonly opened: OpenedFile | undefined
}

/** One run of a writer. */
export interface Writing {
  readonly dryRun?: boolean | undefined
  readonly name: string
  readonly makePlan: (config: Config) => Plan
  readonly minted?: MintedKey | undefined
  readonly confirm?: (config: Config, shown: string) => Promise<boolean>
}

/** What is to be said of the file itself. */
export function notesOnFile(
  io: ProgramIo,
  { opened, shown }: FileToEdit,
  { minted, dryRun }: Writing,
  { after, refusal }: EditResult,
): Note[] {
  const notes: Note[] = []
  if (opened === undefined) notes.push(...notesOnNewFile(shown, after))
  if (minted !== undefined) {
    notes.push({
      kind: 'note',
      text:
        dryRun === true
          ? 'another key is made when it is written'
          : 'the key is shown this once: the file keeps its digest',
    })
  }
  if (minted !== undefined && opened?.readableByOthers === true) {
    notes.push({
      kind: 'warning',
      text: `${shown} can be read by others on this machine`,
      hint: `chmod 600 ${quoteForShell(showPath(opened.target, io.cwd))}`,
    })
  }
  if (refusal !== undefined) {
    const [first = ''] = refusal.message.split('\n')
    notes.push({
      kind: 'warning',
      text: `serve still refuses this config: ${first}`,
      hint: refusal.hint,
    })
  }
  return notes
}

/** It is theirs from now on, and what is still missing for the first answer. */
function notesOnNewFile(shown: string, config: Config): Note[] {
  const used = new Set([...config.models.values()].map(({ provider }) => provider))
  const missing = [...config.providers.values()].filter(
    (provider) => used.has(provider.name) && readinessOf(provider) === 'no-key',
  )
  const canAsk = [...config.users.values()].some(({ models }) => models.length > 0)
  return [
    {
      kind: 'note',
      text: `${shown} is the config from now on: no more starter users, nothing mocked`,
    },
    ...missing.flatMap(({ credential }): Note[] =>
      credential.kind === 'none'
        ? []
        : [
            {
              kind: 'note',
              text: `${renderKeySource(credential)} is not set yet`,
              hint: `export ${renderKeySource(credential)}=…`,
            },
          ],
    ),
    ...(canAsk ? [{ kind: 'note', text: 'try it', hint: 'aiproxy ask "Hello"' } as const] : []),
  ]
}

export interface Outcome {
  readonly writing: Writing
  readonly plan: Plan
  readonly notes: readonly Note[]
  /** `undefined`: there was nothing to change. */
  readonly result: EditResult | undefined
  /** What was there before. */
  readonly old: string
}

/** Prints an outcome: the change on stdout (or the diff, or the key), notes on stderr; with --json one document. */
export function report(io: ProgramIo, file: FileToEdit, outcome: Outcome): void {
  const { writing, plan, notes, result, old } = outcome
  const isDry = writing.dryRun === true
  const names = {
    before: file.opened === undefined ? undefined : file.shown,
    after: file.shown,
  }
  const line = result === undefined ? undefined : firstChangedLine(old, result.text)
  // Of a dry run the key is thrown away: showing it would make someone keep it.
  const key = isDry || result === undefined ? undefined : writing.minted
  if (io.flags.json === true) {
    const document = {
      schema: 'aiproxy.users.change/1',
      command: writing.name,
      config: file.path,
      line: line ?? null,
      written: result !== undefined && !isDry,
      dryRun: isDry,
      change: result === undefined ? null : plan.said,
      notes: notes.map((note) => withConfig(io, note)),
      ...(result === undefined ? {} : { user: describeChanged(plan.user, result.after) }),
      ...(key === undefined
        ? {}
        : { key: key.key, hint: key.hint, sha256: fingerprintOf(key.digest) }),
      ...(isDry && result !== undefined
        ? {
            diff: renderDiff(old, result.text, {
              names,
              paint: createPaint({ flag: 'never', env: {}, isTTY: false }),
            }),
          }
        : {}),
    }
    io.stdout.write(`${jsonLine(document)}\n`)
    return
  }
  const isQuiet = io.flags.quiet === true
  const isNew = file.opened === undefined
  const place = isNew || line === undefined ? file.shown : `${file.shown}:${line}`
  const said = `${cleanForTerminal(plan.said)}  ${place}${isNew ? ' (new)' : ''}\n`
  if (key !== undefined) io.stdout.write(`${key.key}\n`)
  if (isDry && result !== undefined) {
    io.stdout.write(
      renderDiff(old, result.text, {
        names,
        paint: io.paintOut,
        isTerminal: io.stdout.isTTY === true,
      }),
    )
    if (!isQuiet) io.stderr.write(`nothing written (--dry-run): ${said}`)
  } else if (!isQuiet) {
    const stream = key === undefined ? io.stdout : io.stderr
    stream.write(said)
  }
  for (const note of notes) {
    if (isQuiet && note.kind === 'note') continue
    io.stderr.write(`${renderNote(io, withConfig(io, note))}\n`)
  }
}

function describeChanged(name: string, config: Config): object | null {
  const user = config.users.get(name)
  if (user === undefined) return null
  return { ...describeUser(user, undefined), keyNames: describeKeys(user, config) }
}

/** The command of a note works on the same file as the one that was just run. */
function withConfig({ flags }: ProgramIo, note: Note): Note {
  if (flags.config === undefined || note.hint?.startsWith('aiproxy ') !== true) return note
  const file = quoteForShell(flags.config)
  return { ...note, hint: `${note.hint} -c ${file}` }
}

function renderNote({ paintErr }: ProgramIo, { kind, text, hint }: Note): string {
  const body = cleanForTerminal(text)
  const arrow = hint === undefined ? '' : paintErr.cyan(`  → ${cleanForTerminal(hint)}`)
  return kind === 'warning'
    ? `${paintErr.yellow('warning:')} ${body}${arrow}`
    : `${paintErr.dim(`  ${body}`)}${arrow}`
}
