/**
 * YAML 1.2 or JSON → tree with positions. JSON is read as the YAML it is, which is what lets trailing
 * commas pass. Specification: https://yaml.org/spec/1.2.2/
 *
 * The only file that loads the `yaml` package, which costs some 35 ms: import it when there is a file.
 */
import { Composer, LineCounter, Parser, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml'
import type { CST, Document, YAMLError } from 'yaml'
import { clean, show } from './problems.ts'
import type { Problems } from './problems.ts'
import type { MapEntry, Node, Position } from './tree.ts'

// A config nests 7 deep at most. The composer recurses, and `[` some 20,000 times over ends the whole
// process (out of memory while compiling a regular expression on a full stack), not only the parse.
const MAX_DEPTH = 32

// Each costs a walk through the file, and nobody reads more.
const MAX_SYNTAX_ERRORS = 20

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
  let documents: Document.Parsed[]
  try {
    documents = [...composer.compose(tokens, true, text.length)]
  } catch (thrown) {
    // It reports errors rather than throw them; should it ever throw, that too is the file's doing.
    problems.add({ line: 1, column: 1 }, `is no YAML (${clean(String(thrown))})`)
    return undefined
  }
  const [document, second] = documents
  if (document === undefined) return undefined
  const errors = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])

  const reported = new Set<number>()
  for (const error of errors) {
    const at = positionAt(error.pos[0])
    const what = explain(error, text)
    // One slip makes several errors: the first on a line names it, the others confuse, and after any of
    // them something usually seems unclosed.
    if (reported.has(at.line) || (reported.size > 0 && what.includes('not closed'))) continue
    reported.add(at.line)
    problems.add(at, what + whereOpened(error, tokens, positionAt))
    if (reported.size >= MAX_SYNTAX_ERRORS) break
  }
  if (second !== undefined && reported.size === 0) {
    problems.add(
      positionAt(second.range[0]),
      'a second document starts here; one file is one config',
    )
    reported.add(0)
  }
  if (reported.size > 0) return undefined
  if (isNothing(document.contents)) {
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

/** Nothing but space and comments, or a lone `null`. */
function isNothing(contents: unknown): boolean {
  return contents === null || (isScalar(contents) && contents.value === null)
}

interface RangedNode {
  readonly range?: readonly [number, number, number] | null
  readonly anchor?: string
}

function isNode(value: unknown): value is RangedNode {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value)
}

/** Offset of a token nested too deep. */
function findTooDeep(tokens: readonly CST.Token[]): number | undefined {
  for (const { token, depth } of walk(tokens)) {
    if (depth > MAX_DEPTH) return offsetOf(token)
  }
  return undefined
}

/** The parser sees that something is not closed at the end of the file; people look where it was opened. */
function whereOpened(
  { code, message, pos }: YAMLError,
  tokens: readonly CST.Token[],
  positionAt: (offset: number) => Position,
): string {
  const closing = /(?:with a|closing) ([}\]"'])/.exec(message)?.[1]
  if (code !== 'MISSING_CHAR' && code !== 'BAD_INDENT') return ''
  const openings = [...walk(tokens)]
    .filter(({ token }) => closing !== undefined && missingEnd(token) === closing)
    .map(({ token }) => offsetOf(token))
    .filter((offset) => offset < pos[0])
  // The innermost: what is around it is unclosed on its account.
  const last = openings.toSorted((a, b) => a - b).at(-1)
  return last === undefined ? '' : `; opened at line ${positionAt(last).line}`
}

/** The character a token lacks at its end. */
function missingEnd(token: object): string | undefined {
  if (!('type' in token)) return undefined
  if (token.type === 'flow-collection' && 'end' in token && 'start' in token) {
    const isMapStart = isRecord(token.start) && token.start['type'] === 'flow-map-start'
    const wanted = isMapStart ? 'flow-map-end' : 'flow-seq-end'
    const end: unknown = Array.isArray(token.end) ? token.end[0] : undefined
    if (isRecord(end) && end['type'] === wanted) return undefined
    return isMapStart ? '}' : ']'
  }
  const quote = token.type === 'double-quoted-scalar' ? '"' : "'"
  const isQuoted = token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar'
  if (!isQuoted || !('source' in token) || typeof token.source !== 'string') return undefined
  return token.source.length > 1 && token.source.endsWith(quote) ? undefined : quote
}

function offsetOf(token: object): number {
  return 'offset' in token && typeof token.offset === 'number' ? token.offset : 0
}

/** Every token and how deep it stands. With its own stack, for the reason given at MAX_DEPTH. */
function* walk(tokens: readonly CST.Token[]): Generator<{ token: object; depth: number }> {
  const open: Array<readonly [unknown, number]> = tokens.map((token) => [token, 0])
  while (open.length > 0) {
    const [token, depth] = open.pop() ?? [undefined, 0]
    if (!isRecord(token)) continue
    yield { token, depth }
    open.push([token['value'], depth])
    if (!Array.isArray(token['items'])) continue
    for (const item of token['items']) {
      if (isRecord(item)) open.push([item['key'], depth + 1], [item['value'], depth + 1])
    }
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A syntax error in the words of someone who wrote a config, not a parser. */
function explain({ code, message, pos: [offset] }: YAMLError, text: string): string {
  if (text[offset] === '{' && text[offset - 1] === '$') {
    return 'inside { } a reference needs quotes: "${NAME}"'
  }
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(`${code} ${message}`)
    if (match !== null) return words(match[1] ?? '')
  }
  // The package's own words, made to continue a sentence.
  return clean(message.slice(0, 1).toLowerCase() + message.slice(1)).slice(0, 160)
}

// Code and message of the parser → what to say, given what the pattern caught. First match wins.
const WORDS: ReadonlyArray<readonly [RegExp, (caught: string) => string]> = [
  [/^BLOCK_IN_FLOW /, () => 'a comma is missing after this value'],
  [/^TAB_AS_INDENT /, () => 'a tab indents this line; YAML wants spaces'],
  [
    /^BLOCK_AS_IMPLICIT_KEY /,
    () => 'a second ": " in one value, or a wrong indent below it; quote the value',
  ],
  [/^MULTILINE_IMPLICIT_KEY /, () => 'a ":" is missing, or the indent is wrong'],
  [/^MULTIPLE_DOCS /, () => 'a second document starts here; one file is one config'],
  [
    /^BAD_SCALAR_START .*character (.)$/,
    (character) => `a value with ${character} first needs quotes`,
  ],
  [
    /^BAD_DQ_ESCAPE .*sequence (.*)$/,
    (escape) => `${clean(escape)} is no escape; a backslash is \\\\`,
  ],
  [/Flow map.* with a \}/, () => 'a { is not closed: } is missing'],
  [/Flow sequence.* with a \]/, () => 'a [ is not closed: ] is missing'],
  [/Missing closing (["'])/, (quote) => `a ${quote} quote is not closed`],
  [/Missing , between/, () => 'a comma is missing before this'],
  [/Missing , or : between/, () => 'a comma or colon is missing before this'],
  [/same column$/, () => 'the indent differs from that of the lines it belongs to'],
  [
    /^TAG_RESOLVE_FAILED .*: (.*)$/s,
    (tag) => `the tag ${show(tag)} means nothing here; leave it out`,
  ],
  [/token in YAML stream: "(.*)"$/s, (token) => `unexpected ${show(token)}`],
  [
    /Unexpected (\S+) at node end$/,
    (token) => `unexpected ${token}; what stands before it is complete`,
  ],
]
