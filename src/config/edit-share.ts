/**
 * Anchors and aliases out of an edit's way. What an alias repeats is one thing in the file and several in
 * the config: an edit of one user must not change another who shares a list with them.
 */
import { isAlias, isScalar } from 'yaml'
import type { Alias } from 'yaml'
import { ProxyError } from '../errors/proxy-error.ts'
import { listOfValues, mapOfValues, renderInline } from './edit-render.ts'
import type { Value } from './edit-render.ts'
import { endOf, entriesOf, findEntry, nameOf, readSource, splice, startOf } from './edit-source.ts'
import type { Entry, Path, Source, TextNode } from './edit-source.ts'

// A copy longer than this is nothing a person wrote.
const MAX_COPIED_NODES = 5000

/**
 * The same config in a text where what stands at `path` is written there and repeated nowhere: an alias on
 * the way becomes a copy of what it repeats; where something on the way is repeated elsewhere, the first
 * repetition gets the content and the anchor. `deep`: nothing inside it is repeated outside it, either.
 */
export function unshare(text: string, path: Path, deep: boolean): string {
  let current = text
  // Every round takes away one alias.
  for (;;) {
    const source = readSource(current)
    const next = unshareOnce(source, path, deep)
    if (next === undefined) return current
    current = next
  }
}

interface Repetition {
  readonly alias: Alias
  readonly target: TextNode
}

function unshareOnce(source: Source, path: Path, deep: boolean): string | undefined {
  const repetitions = findRepetitions(source)
  if (repetitions.length === 0) return undefined
  const way = path.flatMap((_, index) => {
    const node = findEntry(source, path.slice(0, index + 1))?.value
    return node === undefined ? [] : [node]
  })
  const alias = way.find((node) => isAlias(node))
  if (alias !== undefined) {
    const target = repetitions.find((one) => one.alias === alias)?.target
    return target === undefined ? undefined : replaceAlias(source, alias, target, '')
  }
  const last = findEntry(source, path)
  const inside = deep && last !== undefined ? [...nodesOf(last)] : []
  const changing = new Set([source.root, ...way, ...inside])
  const shared = repetitions.find((one) => changing.has(one.target) && !inside.includes(one.alias))
  if (shared === undefined) return undefined
  return replaceAlias(source, shared.alias, shared.target, `&${shared.alias.source} `)
}

function replaceAlias(source: Source, alias: Alias, target: TextNode, anchor: string): string {
  const { text, style } = source
  const splices = [
    {
      from: startOf(alias),
      to: endOf(alias),
      by: anchor + renderInline(copyOf(source, target), style),
    },
  ]
  if (anchor !== '') {
    const own = findAnchor(text, alias.source, startOf(target))
    if (own !== undefined) splices.push({ ...own, by: '' })
  }
  return splice(text, splices)
}

/** Where the anchor of the node that begins at `start` stands, and the space on one side of it. */
function findAnchor(
  text: string,
  name: string,
  start: number,
): { from: number; to: number } | undefined {
  const mark = `&${name}`
  for (let from = text.lastIndexOf(mark, start); from >= 0;) {
    if (leadsTo(text, from + mark.length, start)) {
      const to = from + mark.length
      const space = /^[ \t]*/.exec(text.slice(to, start))?.[0].length ?? 0
      // No space is left at the end of a line.
      const isLast = /^[ \t]*\r?\n/.test(text.slice(to, start))
      const before = isLast ? (/[ \t]*$/.exec(text.slice(0, from))?.[0].length ?? 0) : 0
      return { from: from - before, to: to + space }
    }
    if (from === 0) break
    from = text.lastIndexOf(mark, from - 1)
  }
  return undefined
}

/** Nothing but space, comments and tags from `at` to `end`. */
function leadsTo(text: string, at: number, end: number): boolean {
  let here = at
  while (here < end) {
    const rest = text.slice(here, end)
    const step = /^(?:\s+(?:#.*|!\S*)?)/.exec(rest)?.[0].length ?? 0
    if (step === 0) return false
    here += step
  }
  return here === end
}

/** All aliases and what they repeat, in the order of the text; an anchor may be used again for another node. */
function findRepetitions(source: Source): Repetition[] {
  const anchors = new Map<string, TextNode>()
  const repetitions: Repetition[] = []
  const visit = (node: TextNode | undefined): void => {
    if (node === undefined) return
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target !== undefined) repetitions.push({ alias: node, target })
      return
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isScalar(node)) return
    for (const { key, value } of entriesOf(node)) {
      visit(key)
      visit(value)
    }
  }
  visit(source.root)
  return repetitions
}

function* nodesOf({ key, value }: Entry): Generator<TextNode> {
  if (key !== undefined) yield key
  if (value === undefined) return
  yield value
  if (isAlias(value) || isScalar(value)) return
  for (const entry of entriesOf(value)) yield* nodesOf(entry)
}

/** What a node says, with what its aliases repeat, to be written at another place. */
function copyOf(source: Source, original: TextNode): Value {
  const targets = new Map(findRepetitions(source).map((one) => [one.alias, one.target]))
  let budget = MAX_COPIED_NODES
  const copy = (node: TextNode | undefined): Value => {
    budget -= 1
    if (budget < 0) {
      throw new ProxyError(
        'usage_wrong',
        'an alias there repeats more than can be written out; take it out by hand first',
      )
    }
    if (node === undefined) return { kind: 'raw', text: 'null' }
    if (isAlias(node)) return copy(targets.get(node))
    if (isScalar(node)) return { kind: 'raw', text: copyScalar(source, node) }
    const entries = entriesOf(node)
    if (node.items.length > 0 && entries[0]?.key === undefined) {
      return listOfValues(
        entries.map(({ value }) => copy(value)),
        true,
      )
    }
    if (entries.length === 0) {
      return { kind: 'raw', text: source.text.charAt(startOf(node)) === '[' ? '[]' : '{}' }
    }
    return mapOfValues(
      entries.map(({ key, value }) => [key === undefined ? '' : nameOf(key), copy(value)] as const),
      true,
    )
  }
  return copy(original)
}

/** A scalar as it is written, where that means the same in brackets on one line. */
function copyScalar({ text }: Source, node: Extract<TextNode, { value: unknown }>): string {
  const written = text.slice(startOf(node), endOf(node))
  if (written === '') return 'null'
  const isQuoted = /^["']/.test(written)
  if (!written.includes('\n') && (isQuoted || !/[,[\]{}|>]/.test(written))) return written
  return typeof node.value === 'string' ? JSON.stringify(node.value) : String(node.value)
}
