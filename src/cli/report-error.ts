/**
 * Errors as the command line shows them: one line with the value, a reason, then one command that
 * fixes it (cli.md §1); with --json the same as one JSON object. A stack only with -vv.
 */
import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import type { ChalkInstance } from 'chalk'
import { nearest } from '../errors/nearest.ts'
import { ProxyError, toProxyError } from '../errors/proxy-error.ts'
import { renderTerminal } from '../errors/render.ts'
import { exitCodeOf } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { cleanForTerminal } from './clean.ts'
import { jsonLine, quoteForShell } from './words.ts'

export interface ErrorReport {
  /** What stderr gets, its last newline included. */
  readonly text: string
  readonly exitCode: ExitCode
}

export interface ReportOptions {
  readonly json: boolean
  /** 2 and more: with the stack. */
  readonly verbose: number
  readonly paint: ChalkInstance
}

/**
 * Any thrown value as text for stderr and an exit code. Lines after the first of one of our own
 * messages are reasons; a provider's message is always one line, whatever it contains.
 */
export function reportError(thrown: unknown, options: ReportOptions): ErrorReport {
  const error = explainUnexpected(toProxyError(thrown))
  const exitCode = exitCodeOf(error.code)
  const lines = renderTerminal(error)
    .flatMap((line) => (error.upstream === undefined ? line.split('\n') : [line]))
    .map((line) => cleanForTerminal(line).trimEnd())
    .filter((line) => line !== '')
  if (options.json) return { text: `${jsonLine(errorDocument(error, exitCode))}\n`, exitCode }

  const painted = lines.map((line, index) => {
    if (index === 0) return line.replace(/^error:/, options.paint.red.bold('error:'))
    return line.startsWith('  →') ? options.paint.cyan(line) : line
  })
  if (options.verbose >= 2) painted.push(...stackLines(error))
  return { text: `${painted.join('\n')}\n`, exitCode }
}

/** The JSON form of an error, also part of documents that carry one. */
export function errorDocument(error: ProxyError, exitCode: ExitCode): object {
  const [message = '', ...details] =
    error.upstream === undefined ? error.message.split('\n') : [error.message]
  return {
    error: {
      code: error.code,
      message,
      ...(details.length > 0 ? { details: details.map((line) => line.trim()) } : {}),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.param === undefined ? {} : { param: error.param }),
      ...(error.upstream === undefined ? {} : { upstreamStatus: error.upstream.status }),
    },
    exitCode,
  }
}

/** True for the "errors" by which commander says that help or the version was printed. */
export function isHelpShown(thrown: unknown): boolean {
  return thrown instanceof CommanderError && thrown.exitCode === 0
}

/** What explainMisuse needs beside the complaint. */
export interface CommandLine {
  /** After the program's name. */
  readonly words: readonly string[]
  /** The words that name the command; empty where none was recognised. */
  readonly command: readonly string[]
  /** Long names of the flags that would have been understood. */
  readonly flags: readonly string[]
}

/** What commander complains of, as `usage_wrong` with the corrected command line as its hint. */
export function explainMisuse(
  error: CommanderError,
  { words, command, flags }: CommandLine,
): ProxyError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const said = first.replace(/\.$/, '')
  const help = ['aiproxy', ...command, '--help'].map(quoteForShell).join(' ')

  const wrong = /^unknown (?:option|command) '(.+)'$/.exec(first)?.[1]
  if (wrong !== undefined) {
    const [name = ''] = wrong.split('=')
    const suggested = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(rest.join(' '))?.[1]?.split(', ')
    // Commander compares `--modle=gpt-5` as a whole.
    const near = suggested ?? [nearest(name, flags)].filter((flag) => flag !== undefined)
    const [right] = name.startsWith('-') && !name.startsWith('--') ? [] : near
    if (right !== undefined) {
      return new ProxyError('usage_wrong', `${said}; did you mean ${near.join(' or ')}?`, {
        hint: renderCommand(words.map((word) => replaceName(word, name, right))),
      })
    }
    // A prompt that begins with a dash: `ask "-5 dogs"`.
    const position = words.indexOf(wrong)
    if (command[0] === 'ask' && position > 0 && !/^--?[a-z][\w-]*(=|$)/i.test(wrong)) {
      const example = `aiproxy ask -- ${quoteForShell(wrong)}`
      return new ProxyError('usage_wrong', `${said}; after -- it is a prompt: ${example}`, {
        hint: renderCommand([...words.slice(0, position), '--', ...words.slice(position)]),
      })
    }
  }
  return new ProxyError('usage_wrong', said === '' ? 'what to do?' : said, { hint: help })
}

function renderCommand(words: readonly string[]): string {
  return ['aiproxy', ...words].map(quoteForShell).join(' ')
}

function replaceName(word: string, wrong: string, right: string): string {
  if (word === wrong) return right
  return word.startsWith(`${wrong}=`) ? `${right}${word.slice(wrong.length)}` : word
}

/** An error nobody threw on purpose says in one line what it was. */
function explainUnexpected(error: ProxyError): ProxyError {
  if (error.code !== 'internal' || error.cause === undefined) return error
  const cause = error.cause instanceof Error ? error.cause.message : inspect(error.cause)
  const [first = ''] = cause.split('\n')
  return new ProxyError('internal', `something went wrong inside aiproxy: ${first}`, {
    cause: error.cause,
    hint: 'the same command with -vv shows where',
  })
}

function stackLines(error: ProxyError): string[] {
  const lines: string[] = []
  let current: unknown = error
  // A chain of causes longer than this is a loop.
  for (let depth = 0; current instanceof Error && depth < 8; depth++) {
    const frames = (current.stack ?? '').split('\n').map((line) => cleanForTerminal(line))
    lines.push(
      ...(depth === 0 ? frames : frames.map((line, at) => (at === 0 ? `cause: ${line}` : line))),
    )
    current = current.cause
  }
  return lines.map((line) => `  ${line}`)
}
