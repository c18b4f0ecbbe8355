/**
 * The page of a command that brings none of its own (help-page.ts): made of its declaration and of the
 * examples it adds, so that every page has the same parts in the same order.
 */
import { EventEmitter } from 'node:events'
import type { Argument, Command, Help, Option } from 'commander'
import { renderHelpPage } from './help-page.ts'

// `user,model,…` as it is typed, which no line could be broken in.
const UNBROKEN_LIST = /[\w,]{40,}/g

/** For commander's `configureHelp`. */
export const HELP_FORMAT = {
  formatHelp: renderPage,
  optionDescription: describeOption,
  argumentDescription: describeArgument,
} as const satisfies Partial<Help>

function renderPage(command: Command, helper: Help): string {
  const page = { about: sentence(command.description()), examples: takeExamples(command) }
  return renderHelpPage(command, page, helper.helpWidth)
}

/** What a command adds after its help are its examples: taken away from there, because they come first. */
function takeExamples(command: Command): Array<readonly [line: string]> {
  let text = ''
  const write = (more: string): void => {
    text += more
  }
  // Its types do not say so.
  if (command instanceof EventEmitter) {
    command.emit('afterHelp', { error: false, command, write })
    command.removeAllListeners('afterHelp')
  }
  const lines = text.split('\n').filter((line) => line.startsWith('  '))
  return lines.map((line) => [line.slice(2)])
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
  return argChoices.length === 0 ? description : `${description}: ${argChoices.join(', ')}`
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(first) ? first : `${first}.`
}
