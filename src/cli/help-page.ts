/**
 * The help of one command as a page of a manual: what it is for, examples, then usage, arguments and options as
 * they were declared. Never wider than 80 columns.
 */
import type { Argument, Command } from 'commander'
import { padEnd, wrapWords } from './fit.ts'
import type { OutputStream } from './io.ts'
import { displayWidth } from './table.ts'

const MOST_COLUMNS = 80
const LEAST_COLUMNS = 40
const INDENT = '  '
// In the place of `-x, `.
const NO_SHORT = '    '
// A space at which no line is broken.
const HARD_SPACE = /\u00a0/g
// A term longer than this has its description below it.
const MOST_TERM = 28

export interface HelpPage {
  /** What it is for, in a sentence or two. */
  readonly about: string
  /** Command lines as they are typed, each with what it does where that is not plain. */
  readonly examples: ReadonlyArray<readonly [line: string, what?: string]>
  /** What an option list cannot say, each under a title. */
  readonly sections?: ReadonlyArray<readonly [title: string, text: string]>
}

/** Gives the command this page for `--help`. */
export function setHelpPage(command: Command, stdout: OutputStream, page: HelpPage): void {
  command.helpInformation = () => renderHelpPage(command, page, stdout.columns)
}

/** The page as text; `columns` is the terminal's width, `undefined` off one. */
export function renderHelpPage(
  command: Command,
  page: HelpPage,
  columns: number = MOST_COLUMNS,
): string {
  const width = Math.max(LEAST_COLUMNS, Math.min(MOST_COLUMNS, columns))
  const help = command.createHelp()
  const options = help
    .visibleOptions(command)
    .map((option): Pair => [
      option.short === undefined
        ? `${NO_SHORT}${help.optionTerm(option)}`
        : help.optionTerm(option),
      option.long === '--help' ? 'this page' : help.optionDescription(option),
    ])
  const blocks = [
    wrapWords(page.about, width),
    renderExamples(page.examples, width),
    ['Usage', `${INDENT}${usageOf(command)}`],
    titled(
      'Arguments',
      command.registeredArguments
        .filter(({ description }) => description !== '')
        .map((argument): Pair => [termOf(argument), argument.description]),
      width,
    ),
    titled(
      'Commands',
      help
        .visibleCommands(command)
        .filter((child) => child.name() !== 'help')
        .map((child): Pair => [child.name(), child.description()]),
      width,
    ),
    titled('Options', options, width),
    ...(page.sections ?? []).map(([title, text]) => [
      title,
      ...wrapWords(text, width - INDENT.length).map((line) => INDENT + line),
    ]),
    wrapWords('For every command: --config, --json, --quiet, --color; see aiproxy --help', width),
  ]
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join('\n')}\n`)
    .join('\n')
    .replace(HARD_SPACE, ' ')
}

type Pair = readonly [term: string, description: string]

/** What it does stands behind the line where there is room for all of them, else below it. */
function renderExamples(examples: HelpPage['examples'], width: number): string[] {
  const longest = Math.max(
    0,
    ...examples.map(([line, what]) => (what === undefined ? 0 : displayWidth(line))),
  )
  return examples.flatMap(([line, what]) => {
    if (what === undefined) return [INDENT + line]
    const beside = `${INDENT}${padEnd(line, longest)}   ${what}`
    return displayWidth(beside) <= width ? [beside] : [INDENT + line, `${INDENT}    ${what}`]
  })
}

function titled(title: string, pairs: readonly Pair[], width: number): string[] {
  if (pairs.length === 0) return []
  const terms = pairs.map(([term]) => displayWidth(term)).filter((term) => term <= MOST_TERM)
  const margin = INDENT.length + Math.max(0, ...terms) + 2
  const lines = pairs.flatMap(([term, description]) => {
    const words = wrapWords(description, width - margin)
    const isLong = displayWidth(term) > MOST_TERM
    return words.map((line, index) =>
      index === 0 && !isLong
        ? padEnd(INDENT + term, margin) + line
        : `${index === 0 ? `${INDENT}${term}\n` : ''}${' '.repeat(margin)}${line}`,
    )
  })
  return [title, ...lines]
}

function usageOf(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name())
  const child = command.commands.length > 0 ? ['[command]'] : []
  // An optional one without a description is there to be understood, not to be given.
  const given = command.registeredArguments.filter(
    ({ required, description }) => required || description !== '',
  )
  return [...names, '[options]', ...child, ...given.map(termOf)].join(' ')
}

function termOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '…' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}
