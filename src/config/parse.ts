/**
 * YAML 1.2 or JSON → tree with positions. JSON is read as the YAML it is, which is what lets trailing
 * commas pass. Specification: https://yaml.org/spec/1.2.2/
 *
 * The only file that loads the `yaml` package, which costs some 35 ms: import it when there is a file.
 */
import { Composer, LineCounter, Parser, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml'
import type { CST, Document, ErrorCode, YAMLError } from 'yaml'
import { show } from './problems.ts'
import type { Problems } from './problems.ts'
import type { MapEntry, Node, Position } from './tree.ts'

// A config nests 7 deep at most. The composer recurses, and `[` some 20,000 times over ends the whole
// process (out of memory while compiling a regular expression on a full stack), not only the parse.
const MAX_DEPTH = 32

/**
 * Reads one document. `undefined` after a problem was reported: a syntax error (the first of each line),
 * an empty file, too deep a nesting, an alias to nowhere or into itself.
 */
export function parseTree(text: string, problems: Problems): Node | undefined {
  const lines = new LineCounter()
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const tokens = [...new Parser(lines.addNewLine).parse(text)]
  const tooDeep = findTooDeep(tokens)
  if (tooDeep !== undefined) {
    problems.add(positionAt(tooDeep), `nested more than ${MAX_DEPTH} levels deep`)
    return undefined
  }
  // Repeated keys are found while reading, where the first one's line can be named.
  const composer = new Composer({ uniqueKeys: false, resolveKnownTags: false, version: '1.2' })
  const documents = [...composer.compose(tokens, true, text.length)]
  const [document, second] = documents
  if (document === undefined) return undefined

  const reported = new Set<number>()
  for (const error of [...document.errors, ...document.warnings]) {
    const at = positionAt(error.pos[0])
    // One slip makes several errors; the first on a line names it, the others confuse.
    if (reported.has(at.line)) continue
    reported.add(at.line)
    problems.add(at, explain(error, text))
  }
  if (second !== undefined && reported.size === 0) {
    problems.add(
      positionAt(second.range[0]),
      'a second document starts here; one file is one config',
    )
    reported.add(0)
  }
  if (reported.size > 0) return undefined
  if (document.contents === null) {
    problems.add({ line: 1, column: 1 }, 'the file is empty')
    return undefined
  }
  return convert(document, positionAt, problems)
}

function convert(
  document: Document.Parsed,
  positionAt: (offset: number) => Position,
  problems: Problems,
): Node | undefined {
  // Anchors may be redefined, so an alias means the last one before it: document order decides.
  const anchors = new Map<string, Node | 'open'>()
  const before = problems.count

  const convertNode = (node: unknown, fallback: Position | undefined): Node => {
    if (isAlias(node)) {
      const at = node.range ? positionAt(node.range[0]) : fallback
      const target = anchors.get(node.source)
      if (target !== undefined && target !== 'open') return { ...target, at }
      const why =
        target === 'open' ? 'stands inside what it repeats' : 'repeats nothing: no such anchor'
      problems.add(at, `the alias *${node.source} ${why}`)
      return { kind: 'scalar', at, value: null, source: '' }
    }
    const at = isNode(node) && node.range ? positionAt(node.range[0]) : fallback
    const anchor = isNode(node) ? node.anchor : undefined
    if (anchor !== undefined) anchors.set(anchor, 'open')
    const converted = convertContent(node, at)
    if (anchor !== undefined) anchors.set(anchor, converted)
    return converted
  }

  const convertContent = (node: unknown, at: Position | undefined): Node => {
    if (isMap(node)) {
      const entries = node.items.flatMap((pair) => convertPair(pair))
      return { kind: 'map', at, entries }
    }
    if (isSeq(node)) {
      return { kind: 'list', at, items: node.items.map((item) => convertNode(item, at)) }
    }
    const value = isScalar(node) ? node.value : null
    const source = isScalar(node) ? (node.source ?? String(value)) : ''
    const known =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return { kind: 'scalar', at, value: known ? value : null, source }
  }

  const convertPair = (pair: unknown): MapEntry[] => {
    if (!isPair(pair)) return []
    const { key, value } = pair
    const at = isNode(key) && key.range ? positionAt(key.range[0]) : undefined
    if (!isScalar(key)) {
      problems.add(at, 'a key must be a plain name')
      return []
    }
    const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
    return [{ key: name, at, value: convertNode(value, at) }]
  }

  const root = convertNode(document.contents, { line: 1, column: 1 })
  return problems.count > before ? undefined : root
}

interface RangedNode {
  readonly range?: readonly [number, number, number] | null
  readonly anchor?: string
}

function isNode(value: unknown): value is RangedNode {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value)
}

/** Offset of the first token nested too deep. Walks with its own stack, for the reason given above. */
function findTooDeep(tokens: readonly CST.Token[]): number | undefined {
  const open: Array<readonly [unknown, number]> = tokens.map((token) => [token, 0])
  while (open.length > 0) {
    const [token, depth] = open.pop() ?? [undefined, 0]
    if (typeof token !== 'object' || token === null) continue
    if (depth > MAX_DEPTH) {
      return 'offset' in token && typeof token.offset === 'number' ? token.offset : 0
    }
    if ('value' in token) open.push([token.value, depth])
    if (!('items' in token) || !Array.isArray(token.items)) continue
    for (const item of token.items as unknown[]) {
      if (typeof item !== 'object' || item === null) continue
      if ('key' in item) open.push([item.key, depth + 1])
      if ('value' in item) open.push([item.value, depth + 1])
    }
  }
  return undefined
}

/** A syntax error in the words of someone who wrote a config, not a parser. */
function explain(error: YAMLError, text: string): string {
  const [offset] = error.pos
  if (text[offset] === '{' && text[offset - 1] === '$') {
    return 'inside { } a reference needs quotes: "${NAME}"'
  }
  const words = WORDS.get(error.code)
  if (words !== undefined) return words
  const flow = /^Flow (map|sequence)/.exec(error.message)
  if (flow !== null && /must end with|and end with/.test(error.message)) {
    return flow[1] === 'map' ? 'a { is not closed: } is missing' : 'a [ is not closed: ] is missing'
  }
  const token = /^Unexpected \S+ token in YAML stream: "(.*)"$/s.exec(error.message)
  if (token !== null) return `unexpected ${show(token[1] ?? '')}`
  const tag = /^Unresolved tag: (.*)$/s.exec(error.message)
  if (tag !== null) return `the tag ${show(tag[1] ?? '')} means nothing here; leave it out`
  const quote = /^Missing closing (["'])/.exec(error.message)
  if (quote !== null) return `a ${quote[1]} quote is not closed`
  // The package's own words, made to continue a sentence.
  const [first = '', ...rest] = error.message
  return show(first.toLowerCase() + rest.join('')).slice(1, -1)
}

const WORDS: ReadonlyMap<ErrorCode, string> = new Map<ErrorCode, string>([
  ['BLOCK_IN_FLOW', 'a comma is missing after this value'],
  ['TAB_AS_INDENT', 'a tab indents this line; YAML wants spaces'],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    'a second ": " in one value, or a wrong indent below it; quote the value',
  ],
  ['MULTILINE_IMPLICIT_KEY', 'a ":" is missing, or the indent is wrong'],
  ['MULTIPLE_DOCS', 'a second document starts here; one file is one config'],
])
