/**
 * The four ways to change a config file's text: set a value, add to a list, replace a list, take something
 * out. Comments stay, and what is new is written the way its neighbours are.
 *
 * What a comment belongs to: one at the end of a line, and one deeper than an entry, to the entry; comment
 * lines right above an entry, at its own indent, too, except above the first one: those may speak for the
 * whole list.
 */
import { isMap, isSeq } from 'yaml'
import {
  mapOfValues,
  renderAfterKey,
  renderBlockItem,
  renderBlockPair,
  renderFlow,
  renderFlowPair,
  renderInline,
} from './edit-render.ts'
import type { Value } from './edit-render.ts'
import { unshare } from './edit-share.ts'
import {
  columnOf,
  endOf,
  endOfEntry,
  entriesOf,
  findCollection,
  findEntry,
  indentAt,
  isFirstOnLine,
  isNothing,
  isOnOneLine,
  lineEnd,
  lineStart,
  nextLine,
  readSource,
  skipSpace,
  splice,
  startOf,
  startOfEntry,
} from './edit-source.ts'
import type { Collection, Entry, Path, Source, Splice } from './edit-source.ts'

/** Sets the value at `path`, whose last step is a key; maps on the way are made where they are missing. */
export function setValue(text: string, path: Path, value: Value): string {
  const own = unshare(text, path, true)
  const source = readSource(own)
  const entry = findEntry(source, path)
  if (entry !== undefined) return splice(own, replaceValue(source, entry, value))
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const key = path[depth]
    if (typeof key !== 'string') break
    const wanted = path
      .slice(depth + 1)
      .reduceRight<Value>((inner, step) => mapOfValues([[String(step), inner]], false), value)
    const parentPath = path.slice(0, depth)
    const parent = findCollection(source, parentPath)
    if (parent !== undefined && parent.items.length > 0) {
      return splice(own, insertEntries(source, parent, [[key, wanted]]))
    }
    const holder = findEntry(source, parentPath)
    if (holder !== undefined) {
      const inline = holder.parent.flow === true && isOnOneLine(own, holder.parent)
      return splice(own, replaceValue(source, holder, mapOfValues([[key, wanted]], inline)))
    }
  }
  throw new TypeError(`no such place: ${path.join('.')}`)
}

/** Adds to the end of the list at `path`, which is made, as `fresh` has it, where there is none. */
export function appendItems(
  text: string,
  path: Path,
  items: readonly Value[],
  fresh: (items: readonly Value[]) => Value,
): string {
  const own = unshare(text, path, false)
  const source = readSource(own)
  const list = findCollection(source, path)
  if (list === undefined || list.items.length === 0) return setValue(own, path, fresh(items))
  const wanted = items.map((item) => [undefined, item] as const)
  return splice(own, insertEntries(source, list, wanted))
}

/**
 * Makes the value at `path`, one thing or a list of them, say `wanted`. `present` names what it says now, in
 * its order; what stays in its place stays untouched.
 */
export function setItems(
  text: string,
  path: Path,
  present: readonly string[],
  wanted: ReadonlyArray<{ readonly name: string; readonly value: Value }>,
  fresh: (items: readonly Value[]) => Value,
): string {
  let current = unshare(text, path, true)
  const source = readSource(current)
  const list = findCollection(source, path)
  const names = wanted.map(({ name }) => name)
  const kept = present.filter((name) => names.includes(name))
  const isPrefix = kept.length > 0 && kept.every((name, index) => names[index] === name)
  if (list !== undefined && isSeq(list) && isPrefix) {
    for (const [index, name] of [...present.entries()].toReversed()) {
      if (!names.includes(name)) current = removeEntry(current, [...path, index])
    }
    const more = wanted.slice(kept.length).map(({ value }) => value)
    return more.length === 0 ? current : appendItems(current, path, more, fresh)
  }
  if (list !== undefined && isSeq(list) && list.flow !== true) {
    // In place and in its own form: brackets at the dashes' indent might stand too far left.
    const indent = ' '.repeat(columnOf(current, startOf(list)))
    const lines = wanted.map(({ value }) => renderBlockItem(value, indent, source.style))
    const by = lines.join(source.style.eol + indent)
    return splice(current, [{ from: startOf(list), to: endOf(list), by }])
  }
  return setValue(current, path, fresh(wanted.map(({ value }) => value)))
}

/** Takes out the entry at `path`; a list or map left without entries is written `[]` or `{}`. */
export function removeEntry(text: string, path: Path): string {
  const own = unshare(text, path, true)
  const source = readSource(own)
  const entry = findEntry(source, path)
  if (entry === undefined) return own
  const { parent } = entry
  if (parent.flow === true) return splice(own, removeFlowEntry(source, entry))
  if (parent.items.length > 1) return splice(own, [removeBlockEntry(source, entry)])
  const holder = findEntry(source, path.slice(0, -1))
  return splice(own, emptyBlock(source, entry, holder))
}

// Adding

type NewEntry = readonly [key: string | undefined, value: Value]

function insertEntries(source: Source, parent: Collection, entries: readonly NewEntry[]): Splice[] {
  return parent.flow === true
    ? insertFlow(source, parent, entries)
    : [insertBlock(source, parent, entries)]
}

function insertBlock(
  { text, style }: Source,
  parent: Collection,
  entries: readonly NewEntry[],
): Splice {
  const present = entriesOf(parent)
  const last = present.at(-1)
  const column = columnOf(text, isMap(parent) ? startOf(parent) : dashOf(text, parent))
  const indent = ' '.repeat(column)
  const from = last === undefined ? startOf(parent) : endOfBlockEntry(text, last, column)
  const isSpaced =
    isMap(parent) && present.length > 1 && last !== undefined && isBlankAbove(text, last, column)
  const lines = entries.map(([key, value]) => {
    const line =
      key === undefined
        ? renderBlockItem(value, indent, style)
        : renderBlockPair(key, value, indent, style)
    return `${isSpaced ? style.eol : ''}${indent}${line}${style.eol}`
  })
  const isOpenEnd = from > 0 && text[from - 1] !== '\n'
  return { from, to: from, by: (isOpenEnd ? style.eol : '') + lines.join('') }
}

function insertFlow(
  { text, style }: Source,
  parent: Collection,
  entries: readonly NewEntry[],
): Splice[] {
  const last = entriesOf(parent).at(-1)
  if (last === undefined) throw new TypeError('an empty collection is replaced')
  const end = endOfEntry(last)
  const after = skipSpace(text, end)
  const comma = text[after] === ',' ? after + 1 : undefined
  const begin = startOfEntry(text, last)
  const isOwnLine = isFirstOnLine(text, begin)
  const indent = indentOfLine(text, isOwnLine ? begin : end)
  const rendered = entries.map(([key, value]) => {
    const written = isOwnLine ? value : flattened(value)
    return key === undefined
      ? renderFlow(written, indent, style)
      : renderFlowPair(key, written, indent, style)
  })
  const separator = isOwnLine ? `,${style.eol}${indent}` : ', '
  const items = rendered.join(separator)
  if (!isOwnLine) {
    return comma === undefined
      ? [{ from: end, to: end, by: `, ${items}` }]
      : [{ from: comma, to: comma, by: ` ${items},` }]
  }
  // After a comment on the last one's line, or it would seem to speak of the new ones.
  const place = lineEnd(text, comma ?? end)
  const isCommented = /^[ \t]*#/.test(text.slice(comma ?? end, place))
  const by = `${style.eol}${indent}${items}`
  if (comma !== undefined) {
    const from = isCommented ? place : comma
    return [{ from, to: from, by: `${by},` }]
  }
  return isCommented
    ? [
        { from: end, to: end, by: ',' },
        { from: place, to: place, by },
      ]
    : [{ from: end, to: end, by: `,${by}` }]
}

/** The same value on one line, for brackets that are on one. */
function flattened(value: Value): Value {
  return typeof value === 'string' || value.kind === 'raw' ? value : { ...value, inline: true }
}

// Setting

function replaceValue({ text, style }: Source, entry: Entry, wanted: Value): Splice[] {
  const { key, value: present, parent } = entry
  const inFlow = parent.flow === true
  const value = inFlow && isOnOneLine(text, parent) ? flattened(wanted) : wanted
  if (key === undefined) {
    if (present === undefined) throw new TypeError('an item without a value')
    const by = inFlow
      ? renderFlow(value, indentOfLine(text, startOf(present)), style)
      : renderInline(value, style)
    return [{ from: startOf(present), to: endOf(present), by }]
  }
  const isEmpty =
    isNothing(present) ||
    ((isMap(present) || isSeq(present)) && present.flow === true && present.items.length === 0)
  const indent = inFlow
    ? indentOfLine(text, startOf(key))
    : ' '.repeat(columnOf(text, startOf(key)))
  const rendered = inFlow
    ? ` ${renderFlow(value, indent, style)}`
    : renderAfterKey(value, indent, style)
  const isBlock = rendered.startsWith(style.eol)
  if (present !== undefined && !isEmpty) {
    const by = isBlock ? renderInline(value, style) : rendered.slice(1)
    return [{ from: startOf(present), to: endOf(present), by }]
  }
  // `{ user-a, user-b }`: a key alone is one, too.
  if (text[skipSpace(text, endOf(key))] !== ':') {
    return [{ from: endOf(key), to: endOf(key), by: `:${rendered}` }]
  }
  const afterKey = endOfKeyPart(text, entry)
  const splices: Splice[] = []
  if (present !== undefined && endOf(present) > startOf(present)) {
    // Down to its colon, or to its anchor; comments inside the brackets go to the line's end.
    const inside = text.slice(startOf(present), endOf(present))
    const comments = [...inside.matchAll(/#.*/g)].map(([comment]) => ` ${comment.trimEnd()}`)
    splices.push({ from: afterKey, to: endOf(present), by: comments.join('') })
  }
  const from = isBlock
    ? lineEnd(text, Math.max(afterKey, present === undefined ? 0 : endOf(present)))
    : afterKey
  return [...splices, { from, to: from, by: rendered }]
}

/** Offset after `key:` and after an anchor that stands behind it. */
function endOfKeyPart(text: string, { key }: Entry): number {
  if (key === undefined) throw new TypeError('an item has no key')
  const colon = text.indexOf(':', endOf(key)) + 1
  return (
    colon + (/^(?:[ \t]+[&!]\S+)*/.exec(text.slice(colon, lineEnd(text, colon)))?.[0].length ?? 0)
  )
}

// Taking out

function removeBlockEntry({ text }: Source, entry: Entry): Splice {
  const { parent, index } = entry
  const begin = beginOfEntry(text, entry)
  const column = columnOf(text, begin)
  const to = endOfBlockEntry(text, entry, column)
  if (!isFirstOnLine(text, begin)) {
    // `- name: x`: the next key comes up into its place.
    const next = entriesOf(parent)[index + 1]
    if (next !== undefined) return { from: begin, to: startOfEntry(text, next), by: '' }
  }
  const from = index > 0 ? leadOf(text, begin, column) : lineStart(text, begin)
  // Of two blank lines that now meet, one goes too.
  const isBlankBefore = from > 0 && isBlankLine(text, lineStart(text, from - 1))
  const isBlankAfter = to >= text.length || isBlankLine(text, to)
  if (isBlankBefore && isBlankAfter) return { from: lineStart(text, from - 1), to, by: '' }
  return { from, to, by: '' }
}

/** The last entry of a block goes: its lines, and `[]` or `{}` behind the key. */
function emptyBlock({ text }: Source, entry: Entry, holder: Entry | undefined): Splice[] {
  const { parent } = entry
  const empty = isMap(parent) ? '{}' : '[]'
  const begin = beginOfEntry(text, entry)
  const to = endOfBlockEntry(text, entry, columnOf(text, begin))
  const isOnKeyLine =
    holder?.key !== undefined && lineStart(text, begin) === lineStart(text, startOf(holder.key))
  if (holder?.key === undefined || isOnKeyLine) {
    return [{ from: startOf(parent), to: endOf(parent), by: empty }]
  }
  const place = endOfKeyPart(text, holder)
  return [
    { from: place, to: place, by: ` ${empty}` },
    { from: lineStart(text, begin), to, by: '' },
  ]
}

function removeFlowEntry({ text }: Source, entry: Entry): Splice[] {
  const { parent, index } = entry
  const siblings = entriesOf(parent)
  const previous = siblings[index - 1]
  const next = siblings[index + 1]
  const from = startOfEntry(text, entry)
  const end = endOfEntry(entry)
  const after = skipSpace(text, end)
  const comma = text[after] === ',' ? after + 1 : undefined
  // JSON allows no comma before the bracket; where the file's own last entry had one, it is welcome.
  const orphan = previous !== undefined && next === undefined && comma === undefined
  const splices: Splice[] = []
  if (orphan) {
    const at = skipSpace(text, endOfEntry(previous))
    if (text[at] === ',') splices.push({ from: at, to: at + 1, by: '' })
  }
  const rest = text.slice(comma ?? end, lineEnd(text, comma ?? end))
  const isOwnLines = isFirstOnLine(text, from) && /^[ \t]*(?:#.*)?$/.test(rest)
  if (siblings.length === 1 && !text.slice(startOf(parent), endOf(parent)).includes('#')) {
    return [{ from: startOf(parent) + 1, to: endOf(parent) - 1, by: '' }]
  }
  if (isOwnLines) {
    const lead = index > 0 ? leadOf(text, from, columnOf(text, from)) : lineStart(text, from)
    return [...splices, { from: lead, to: nextLine(text, comma ?? end), by: '' }]
  }
  if (next !== undefined) {
    const begin = startOfEntry(text, next)
    const isCommented = text.slice(end, begin).includes('#')
    return [{ from, to: isCommented ? (comma ?? end) : begin, by: '' }]
  }
  if (previous !== undefined && !text.slice(endOfEntry(previous), from).includes('#')) {
    return [{ from: endOfEntry(previous), to: end, by: '' }]
  }
  return [...splices, { from, to: comma ?? end, by: '' }]
}

// Lines

/** Offset where a block entry begins: at its key, or at its dash. */
function beginOfEntry(text: string, entry: Entry): number {
  if (entry.key !== undefined || entry.value === undefined) return startOfEntry(text, entry)
  const column = columnOf(text, dashOf(text, entry.parent))
  const floor = startOf(entry.parent)
  let line = lineStart(text, startOfEntry(text, entry))
  // `-` may stand above its value, with comments between.
  while (line > floor && text[line + column] !== '-') line = lineStart(text, line - 1)
  return Math.max(floor, line + column)
}

function dashOf(text: string, list: Collection): number {
  const start = startOf(list)
  return text[start] === '-' ? start : text.indexOf('-', start)
}

/**
 * Offset after the lines of a block entry whose key or dash stands at `column`: its own, and the comment
 * lines below that stand deeper than it.
 */
function endOfBlockEntry(text: string, entry: Entry, column: number): number {
  const end = endOfEntry(entry)
  // A block scalar's text ends with its line.
  let taken = end > 0 && text[end - 1] === '\n' ? end : nextLine(text, end)
  for (let at = taken; at < text.length;) {
    const line = text.slice(at, lineEnd(text, at))
    const comment = /^([ \t]*)#/.exec(line)
    if (comment === null && line.trim() !== '') break
    if (comment !== null && (comment[1] ?? '').length <= column) break
    at = nextLine(text, at)
    if (comment !== null) taken = at
  }
  return taken
}

/** Offset where the comment lines right above a line begin that stand at the same column; else of the line. */
function leadOf(text: string, offset: number, column: number): number {
  let from = lineStart(text, offset)
  while (from > 0) {
    const above = lineStart(text, from - 1)
    const indent = /^([ \t]*)#/.exec(text.slice(above, from))?.[1]
    if (indent?.length !== column) break
    from = above
  }
  return from
}

function isBlankAbove(text: string, entry: Entry, column: number): boolean {
  const from = leadOf(text, startOfEntry(text, entry), column)
  return from > 0 && isBlankLine(text, lineStart(text, from - 1))
}

function isBlankLine(text: string, from: number): boolean {
  return text.slice(from, lineEnd(text, from)).trim() === ''
}

/** The indent of the line on which `offset` stands. */
function indentOfLine(text: string, offset: number): string {
  return indentAt(text, lineEnd(text, offset))
}
