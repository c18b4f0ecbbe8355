/**
 * The text of a config file with its nodes and where each stands. An edit is a few splices of the text at
 * those places; the document is never written out anew, so every line an edit does not concern stays as it
 * is, to the byte.
 *
 * Only for text that `loadConfigText` has accepted: its reader refuses the nesting that ends the process.
 */
import { isAlias, isMap, isPair, isScalar, isSeq, parseDocument } from 'yaml'
import type { Alias, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import type { TextStyle } from './edit-render.ts'

export type Collection = YAMLMap | YAMLSeq
export type TextNode = Collection | Scalar | Alias

export interface Source {
  readonly text: string
  readonly root: Collection
  readonly style: TextStyle
}

/** A key of a map, or an index of a list. */
export type Path = ReadonlyArray<string | number>

/** One place in a collection: a pair of a map, or an item of a list. */
export interface Entry {
  readonly parent: Collection
  readonly index: number
  /** `undefined` for an item of a list. */
  readonly key: Scalar | undefined
  /** `undefined` where nothing at all is written. */
  readonly value: TextNode | undefined
}

/** Replaces `text.slice(from, to)`. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly by: string
}

/** Reads text that the config reader has accepted. */
export function readSource(text: string): Source {
  const document = parseDocument(text, {
    version: '1.2',
    uniqueKeys: false,
    resolveKnownTags: false,
  })
  const root = document.contents
  if (!isMap(root) && !isSeq(root)) throw new TypeError('a config file is a map')
  return { text, root, style: styleOf(text, root) }
}

/** Makes all the splices, which may not overlap; an insertion before a deletion at the same place. */
export function splice(text: string, splices: readonly Splice[]): string {
  let result = ''
  let done = 0
  for (const { from, to, by } of splices.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    result += text.slice(done, from) + by
    done = Math.max(done, to)
  }
  return result + text.slice(done)
}

/** The entry at `path`; `undefined` where the text has none. Aliases are not followed. */
export function findEntry(source: Source, path: Path): Entry | undefined {
  let found: Entry | undefined
  let node: TextNode | undefined = source.root
  for (const step of path) {
    found = isMap(node) || isSeq(node) ? entriesOf(node).find((one) => names(one, step)) : undefined
    if (found === undefined) return undefined
    node = found.value
  }
  return found
}

/** The list or map at `path`, where there is one with brackets or entries. */
export function findCollection(source: Source, path: Path): Collection | undefined {
  const node = path.length === 0 ? source.root : findEntry(source, path)?.value
  return isMap(node) || isSeq(node) ? node : undefined
}

/** All entries of a collection, in order. */
export function entriesOf(parent: Collection): Entry[] {
  const items: readonly unknown[] = parent.items
  return items.map((item, index) => {
    if (!isPair(item)) return { parent, index, key: undefined, value: asNode(item) }
    const { key, value }: Pair = item
    return { parent, index, key: isScalar(key) ? key : undefined, value: asNode(value) }
  })
}

/** A key as the config reader takes it: as written, even where YAML sees a number. */
export function nameOf(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/** Nothing written, or a `null` by any name. */
export function isNothing(node: TextNode | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null)
}

/** Offset of the first character of a node, after its anchor. */
export function startOf(node: TextNode): number {
  return rangeOf(node)[0]
}

/** Offset after the last character of a node's own text: no comment, no line end. */
export function endOf(node: TextNode): number {
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last = entriesOf(node).at(-1)
    return last === undefined ? rangeOf(node)[1] : endOfEntry(last)
  }
  return rangeOf(node)[1]
}

/** Offset after an entry's own text. */
export function endOfEntry({ key, value }: Entry): number {
  const ends = [key, value].flatMap((node) => (node === undefined ? [] : [endOf(node)]))
  return Math.max(...ends)
}

/** Offset where an entry begins: its key or value, anchors and tags before it included, dashes not. */
export function startOfEntry(text: string, { key, value }: Entry): number {
  const first = key ?? value
  if (first === undefined) return 0
  const start = startOf(first)
  const before = text.slice(lineStart(text, start), start)
  return start - (/(?:[&!]\S*[ \t]+)+$/.exec(before)?.[0].length ?? 0)
}

/** Whether all of a node stands on one line. */
export function isOnOneLine(text: string, node: TextNode): boolean {
  return !text.slice(startOf(node), endOf(node)).includes('\n')
}

export function lineStart(text: string, offset: number): number {
  // lastIndexOf takes -1 for 0, and would find a line end there.
  if (offset <= 0) return 0
  return text.lastIndexOf('\n', offset - 1) + 1
}

/** Offset after the line end that follows `offset`; the end of the text where none does. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

/** Offset of the line end, `\r\n` or `\n`, that follows `offset`. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  if (end < 0) return text.length
  return end > offset && text[end - 1] === '\r' ? end - 1 : end
}

export function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset)
}

/** Whether nothing but space stands before `offset` on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  return text.slice(lineStart(text, offset), offset).trim() === ''
}

/** The space a line begins with, as far as `offset`. */
export function indentAt(text: string, offset: number): string {
  return /^[ \t]*/.exec(text.slice(lineStart(text, offset), offset))?.[0] ?? ''
}

/** Offset of the next character that is neither space nor comment. */
export function skipSpace(text: string, offset: number): number {
  let at = offset
  for (;;) {
    while (/\s/.test(text.charAt(at))) at += 1
    if (text[at] !== '#') return at
    at = nextLine(text, at)
  }
}

function names({ key, index }: Entry, step: string | number): boolean {
  return typeof step === 'number' ? index === step : key !== undefined && nameOf(key) === step
}

function asNode(value: unknown): TextNode | undefined {
  if (isMap(value) || isSeq(value) || isScalar(value) || isAlias(value)) return value
  return undefined
}

function rangeOf(node: TextNode): readonly [number, number, number] {
  if (!node.range) throw new TypeError('a node without a place in the text')
  return node.range
}

function styleOf(text: string, root: Collection): TextStyle {
  const json = root.flow === true
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const first = entriesOf(root)[0]
  if (json) {
    const unit =
      first !== undefined && isFirstOnLine(text, startOfEntry(text, first))
        ? indentAt(text, startOfEntry(text, first))
        : ''
    return { json, eol, unit: unit === '' ? '  ' : unit, listIndent: '  ' }
  }
  const { unit, listIndent } = measureIndents(text, root)
  return { json, eol, unit: unit ?? '  ', listIndent: listIndent ?? unit ?? '  ' }
}

/** How far the first nested block map, and the first block list, stand in. */
function measureIndents(
  text: string,
  map: Collection,
): { unit: string | undefined; listIndent: string | undefined } {
  let unit: string | undefined
  let listIndent: string | undefined
  for (const { key, value } of entriesOf(map)) {
    if (key === undefined || value === undefined) continue
    if (!(isMap(value) || isSeq(value)) || value.flow === true || value.items.length === 0) continue
    // `? key` and the like: not something to imitate.
    const step = Math.max(0, columnOf(text, startOf(value)) - columnOf(text, startOf(key)))
    if (isSeq(value)) listIndent ??= ' '.repeat(step)
    else {
      if (step > 0) unit ??= ' '.repeat(step)
      const deeper = measureIndents(text, value)
      listIndent ??= deeper.listIndent
    }
    if (unit !== undefined && listIndent !== undefined) break
  }
  return { unit, listIndent }
}
