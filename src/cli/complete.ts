/**
 * The command that the completion scripts call: `aiproxy __complete <shell> …`. Its answer is one line
 * that says how to go on (`words`, `open`: no space follows, `files`), then one candidate a line; for zsh
 * and fish each with a tab and a description. It never complains: a shell that completes has no place for
 * it. What the scripts and this file say to each other may only be added to: scripts stay installed.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { findConfig } from '../config/find.ts'
import { readTypedLine } from './completion-line.ts'
import type { TypedLine } from './completion-line.ts'
import { quoteForBash, readBashLine, readWord } from './completion-shell.ts'
import type { BashLine } from './completion-shell.ts'
import { listCandidates, typeable } from './completion-values.ts'
import type { Answer, Surroundings } from './completion-values.ts'
import { cutEnd } from './fit.ts'
import { TOPICS } from './help.ts'
import type { World } from './io.ts'

/** The whole program with the command of that name loaded, if there is one. */
export type LoadProgram = (command: string | undefined) => Promise<Command>

const ABOUT_COLUMNS = 60

/** Answers `words` (all after `__complete`); '' for whatever cannot be answered. Never throws. */
export async function complete(
  [shell, ...words]: readonly string[],
  world: World,
  loadProgram: LoadProgram,
): Promise<string> {
  try {
    switch (shell) {
      case 'bash': {
        const [typed = '', breaks = ''] = words
        const line = readBashLine(typed, breaks)
        return line.isRedirect
          ? 'files\n'
          : renderForBash(await answer(line.words, world, loadProgram), line)
      }
      case 'fish':
        // The last word is raw: fish cannot unquote one whose quote is still open.
        return renderWithAbout(
          await answer([...words.slice(0, -1), readWord(words.at(-1) ?? '')], world, loadProgram),
        )
      case 'zsh':
        return renderWithAbout(await answer(words, world, loadProgram))
      default:
        return ''
    }
  } catch {
    return ''
  }
}

async function answer(
  words: readonly string[],
  world: World,
  loadProgram: LoadProgram,
): Promise<Answer> {
  // Which command it is decides which flags there are: a first reading without them finds it. Of `help
  // users` it is the command that help is wanted on.
  const first = readTypedLine(await loadProgram(undefined), words)
  const { command, operands } = first
  const name = command.parent === null ? operands[1] : command.name()
  const line = readTypedLine(await loadProgram(name), words)
  return listCandidates(line, surroundingsOf(line, world))
}

function surroundingsOf(line: TypedLine, world: World): Surroundings {
  const { cwd, home } = world
  const flag = line.given.get('--config')?.at(-1)

  async function readEnv(): Promise<World['env']> {
    const named = line.given.get('--env-file')?.at(-1)
    if (line.given.has('--no-env-file') || !isFile(resolve(cwd, named ?? '.env'))) return world.env
    return world.readEnvFile({ envFile: named, env: world.env, cwd, home })
  }

  return {
    topics: TOPICS,
    async loadConfig() {
      try {
        const env = await readEnv()
        const found = findConfig({ flag, env, cwd, home })
        if (found.kind === 'file' && !isFile(found.path)) return undefined
        return await world.loadConfig({ flag, env, cwd, home })
      } catch {
        return undefined
      }
    },
    async askerOf(config) {
      const { chooseUser } = await import('./ask.ts')
      try {
        const named = line.given.get('--user')?.at(-1)
        return chooseUser({ env: await readEnv() }, config, named).user
      } catch {
        return undefined
      }
    },
  }
}

/** Reading anything else, such as a named pipe, could wait for ever, and the shell with it. */
function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function renderWithAbout({ kind, candidates }: Answer): string {
  const lines = typeable(candidates).map(({ value, about }) =>
    about === undefined ? value : `${value}\t${cutEnd(about, ABOUT_COLUMNS)}`,
  )
  return [kind, ...lines, ''].join('\n')
}

/** bash neither chooses nor quotes: it inserts what it is given. */
function renderForBash({ kind, candidates }: Answer, line: BashLine): string {
  const word = line.words.at(-1) ?? ''
  const lines = typeable(candidates)
    .filter(({ value }) => value.startsWith(word))
    .map(({ value }) => quoteForBash(value, line))
  return [kind, ...lines, ''].join('\n')
}
