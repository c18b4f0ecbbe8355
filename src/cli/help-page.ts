/**
 * The page of one command's `--help`: what it does, examples, how it is written, then every flag. The
 * texts stand with the commands; the order and the widths are the same for all of them.
 */
import { EventEmitter } from 'node:events'
import type { Argument, Command, Help, Option } from 'commander'

// Lines longer than this are hard to read; a wider terminal stays empty on the right.
const MOST_COLUMNS = 100
const DEFAULT_COLUMNS = 80
// `user,model,…` as it is typed, which no line could be broken in.
const UNBROKEN_LIST = /[\w,]{40,}/g

/** Columns of a page; `columns` is the terminal's width, `undefined` off one. */
export function choosePageColumns(columns: number | undefined): number {
  return Math.min(columns ?? DEFAULT_COLUMNS, MOST_COLUMNS)
}

/** For commander's `configureHelp`. */
export const HELP_PAGE = {
  showGlobalOptions: true,
  minWidthToWrap: 20,
  formatHelp: renderPage,
  optionTerm,
  optionDescription: describeOption,
  argumentDescription: describeArgument,
  subcommandTerm: renderSubcommand,
  visibleGlobalOptions: listSharedOptions,
} as const satisfies Partial<Help>

/** What a command adds after its help are its examples: taken away from there, because they come first. */
function takeExamples(command: Command): string {
  let text = ''
  const write = (more: string): void => {
    text += more
  }
  // Its types do not say so.
  if (command instanceof EventEmitter) {
    command.emit('afterHelp', { error: false, command, write })
    command.removeAllListeners('afterHelp')
  }
  return text.trim() === '' ? examplesFromAbove(command) : text.trim()
}

/** The examples of the command above in which this one is used. */
function examplesFromAbove(command: Command): string {
  const above = command.parent
  if (above === null || above.parent === null) return ''
  const start = `  ${pathOf(command)}`
  const lines = takeExamples(above)
    .split('\n')
    .filter((line) => line === start || line.startsWith(`${start} `))
  return lines.length === 0 ? '' : ['Examples', ...lines].join('\n')
}

function renderPage(command: Command, helper: Help): string {
  const examples = takeExamples(command)
  const columns = helper.helpWidth ?? DEFAULT_COLUMNS
  const sections = [
    helper.boxWrap(sentence(helper.commandDescription(command)), columns),
    examples.replace(/^Examples:/, 'Examples'),
    `Usage: ${helper.commandUsage(command).replaceAll('...', '…')}`,
    renderItems('Arguments', helper, helper.visibleArguments(command), (argument) => [
      helper.argumentTerm(argument),
      helper.argumentDescription(argument),
    ]),
    renderItems('Commands', helper, helper.visibleCommands(command), (child) => [
      helper.subcommandTerm(child),
      helper.subcommandDescription(child),
    ]),
    renderItems('Options', helper, helper.visibleOptions(command), (option) => [
      helper.optionTerm(option),
      helper.optionDescription(option),
    ]),
    renderItems('Everywhere', helper, helper.visibleGlobalOptions(command), (option) => [
      helper.optionTerm(option),
      helper.optionDescription(option),
    ]),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function renderItems<Item>(
  title: string,
  helper: Help,
  items: readonly Item[],
  describe: (item: Item) => [term: string, about: string],
): string {
  if (items.length === 0) return ''
  const described = items.map(describe)
  const widest = Math.max(...described.map(([term]) => helper.displayWidth(term)))
  const lines = described.map(([term, about]) =>
    helper.formatItem(term, widest, about, helper).trimEnd(),
  )
  return [title, ...lines].join('\n')
}

/** A flag without a short form stands below the long forms of the others. */
function optionTerm(option: Option): string {
  return option.short === undefined ? `    ${option.flags}` : option.flags
}

function describeOption({ description, argChoices = [], defaultValue }: Option): string {
  const said = description.toLowerCase()
  const isListed = argChoices.every((choice) => said.includes(choice))
  const choices = isListed ? '' : `: ${argChoices.join(', ')}`
  // A list or a switch that nobody gave is nothing to mention.
  const isWorth = typeof defaultValue === 'string' && !said.includes('default')
  const about = `${description}${choices}${isWorth ? `; default ${defaultValue}` : ''}`
  return about.replace(UNBROKEN_LIST, (list) => list.replaceAll(',', ', '))
}

function describeArgument({ description, argChoices = [] }: Argument): string {
  if (argChoices.length === 0) return description
  return `${description}: ${argChoices.join(', ')}`
}

function renderSubcommand(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '…' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [command.name(), ...words].join(' ')
}

/** The flags every command shares, but for those it has a text of its own for. */
function listSharedOptions(command: Command): Option[] {
  const own = new Set(command.options.map(({ long }) => long))
  const shared: Option[] = []
  for (let above = command.parent; above !== null; above = above.parent) {
    shared.push(...above.options)
  }
  return shared.filter(({ long, hidden }) => !hidden && long !== '--version' && !own.has(long))
}

function sentence(text: string): string {
  if (text === '') return ''
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(first) ? first : `${first}.`
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}
