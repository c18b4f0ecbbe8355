/**
 * A command line that is still being typed, read by the declarations of the very commands that will read
 * it when it is complete: which command it is, what was given so far, and what the word at the cursor
 * would be. Reads leniently: what commander would refuse is passed over.
 */
import type { Command, Option } from 'commander'

/** What the word at the cursor is to be. */
export type Place =
  | { readonly kind: 'flag' }
  | { readonly kind: 'operand' }
  | {
      readonly kind: 'value'
      readonly option: Option
      /** What stands before the value in the same word: `--by=`, `-u`, or nothing. */
      readonly before: string
    }

export interface TypedLine {
  /** The deepest command named so far. */
  readonly command: Command
  /** Its plain words, the one at the cursor not among them. */
  readonly operands: readonly string[]
  /** What flags were given, by their long name; a flag without a value has an empty list. */
  readonly given: ReadonlyMap<string, readonly string[]>
  readonly place: Place
  /** The word at the cursor, without what stands before the value. */
  readonly typed: string
}

/** The line's words after the program's name; the last is the one at the cursor, and may be empty. */
export function readTypedLine(program: Command, words: readonly string[]): TypedLine {
  let command = program
  const operands: string[] = []
  const given = new Map<string, string[]>()
  // The flag whose value the next word is.
  let waiting: Option | undefined
  let onlyOperands = false

  const give = (option: Option, value: string | undefined): void => {
    const name = nameOf(option)
    const values = given.get(name) ?? []
    if (value !== undefined) values.push(value)
    given.set(name, values)
  }

  for (const word of words.slice(0, -1)) {
    if (waiting !== undefined && (waiting.required || !word.startsWith('-'))) {
      give(waiting, word)
      waiting = undefined
      continue
    }
    waiting = undefined
    if (onlyOperands || !isFlag(word)) {
      const child = onlyOperands || operands.length > 0 ? undefined : findCommand(command, word)
      if (child === undefined) operands.push(word)
      else command = child
    } else if (word === '--') {
      onlyOperands = true
    } else {
      const read = readFlag(command, word)
      for (const option of read.switches) give(option, undefined)
      if (read.last !== undefined) {
        give(read.last, read.value)
        if (read.value === undefined && takesValue(read.last)) waiting = read.last
      }
    }
  }

  const current = words.at(-1) ?? ''
  const found = { command, operands, given }
  if (waiting !== undefined && (waiting.required || !current.startsWith('-'))) {
    return { ...found, place: { kind: 'value', option: waiting, before: '' }, typed: current }
  }
  if (onlyOperands || !current.startsWith('-')) {
    return { ...found, place: { kind: 'operand' }, typed: current }
  }
  const { last, value } = readFlag(command, current)
  if (last !== undefined && value !== undefined) {
    const before = current.slice(0, current.length - value.length)
    return { ...found, place: { kind: 'value', option: last, before }, typed: value }
  }
  return { ...found, place: { kind: 'flag' }, typed: current }
}

/** The name by which a flag's values are looked up: the long one, where it has one. */
export function nameOf(option: Option): string {
  return option.long ?? option.short ?? ''
}

/** True for a flag that is followed by a value, needed or not. */
export function takesValue(option: Option): boolean {
  return option.required || option.optional
}

/** Of the command and those above it: shared flags are taken anywhere. */
export function optionsOf(command: Command): Option[] {
  const own = command.createHelp().visibleOptions(command)
  return command.parent === null ? own : [...own, ...optionsOf(command.parent)]
}

interface FlagWord {
  /** One-letter flags without a value, before the last: the `x` of `-xu`. */
  readonly switches: readonly Option[]
  readonly last: Option | undefined
  /** In the same word: `--by=user`, `-uuser-a`. */
  readonly value: string | undefined
}

function readFlag(command: Command, word: string): FlagWord {
  const options = optionsOf(command)
  const find = (name: string): Option | undefined =>
    options.find((option) => option.long === name || option.short === name)
  if (word.startsWith('--')) {
    const equals = word.indexOf('=')
    if (equals === -1) return { switches: [], last: find(word), value: undefined }
    const last = find(word.slice(0, equals))
    const value = last !== undefined && takesValue(last) ? word.slice(equals + 1) : undefined
    return { switches: [], last, value }
  }
  const switches: Option[] = []
  for (let at = 1; at < word.length; at++) {
    const option = find(`-${word.charAt(at)}`)
    if (option === undefined) break
    const rest = word.slice(at + 1)
    if (takesValue(option)) {
      return { switches, last: option, value: rest === '' ? undefined : rest }
    }
    switches.push(option)
  }
  return { switches, last: undefined, value: undefined }
}

function isFlag(word: string): boolean {
  return word.length > 1 && word.startsWith('-')
}

function findCommand(command: Command, word: string): Command | undefined {
  return command.commands.find((child) => child.name() === word)
}
