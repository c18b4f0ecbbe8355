/**
 * The shapes of a log's lines, learnt while reading. Behind time, id and user few texts recur in all
 * lines, with numbers between them:
 *
 *     ,"api":"chat","model":"gpt-5", … ,"outcome":"ok","prompt_tokens": 13 ,"completion_tokens": 39 … ]}
 *
 * A line whose texts are known is read by comparing bytes and reading digits, with no JSON in between.
 * Nothing is known from the start: a shape is learnt from a line that JSON.parse has read, and only where
 * putting other whole numbers in the places of its numbers cannot make it invalid or mean anything else
 * than those numbers. So a line of a known shape says what JSON.parse would say, whoever wrote it.
 *
 * Shapes are kept as a tree of texts: each text is followed by one number, or by the end of the line.
 */
import { ABSENT, CACHED, CACHE_WRITE, CACHE_WRITE_HOUR, COMPLETION, FIGURES, MS } from './logged.ts'
import { PROMPT, REASONING, TOTAL, TS_MS } from './logged.ts'
import type { Figures, LoggedNames } from './logged.ts'

/** A line as JSON.parse has read it. */
export type ParsedLine = Readonly<Record<string, unknown>>

/** The tree, as columns: node 0 stands for none. */
export interface Shapes {
  /** The lines; a buffer that is filled again and again. */
  readonly bytes: Buffer
  readonly view: DataView
  /** All texts in words of eight bytes; the last word of a text is its last eight bytes. */
  readonly words: Float64Array
  /** The same, as halves of words: a text under eight bytes is its first four and its last four. */
  readonly halves: Int32Array
  readonly textAt: Int32Array
  readonly textLength: Int32Array
  /** The figure that follows the text; `IGNORED`, or `END`. */
  readonly follows: Int32Array
  readonly firstChild: Int32Array
  readonly nextSibling: Int32Array
  /** By hash: the first texts. */
  readonly firsts: Int32Array
  /** By last node: what such lines say besides user and figures. */
  readonly names: (LoggedNames | undefined)[]
  /** Where the texts stand among the words. */
  readonly texts: Map<string, number>
  wordsUsed: number
  nodes: number
  /** After a successful match: the last node, which stands for the shape. */
  matched: number
}

/** Matching looks up to so many bytes behind the limit it is given, whatever stands there. */
export const LOOK_AHEAD_BYTES = 4096
/** More nodes than any log of ours needs; beyond that nothing is learnt. */
export const NODE_LIMIT = 1 << 15
// In UTF-8 a text is at most three times as long.
const TEXT_LIMIT_CHARS = LOOK_AHEAD_BYTES / 4
const WORD_LIMIT = 1 << 17
// The first text of a shape is found by a hash of its beginning; all of ours are longer.
const HASHED_BYTES = 48
const HASH_PLACES = 1 << 12
const MAX_DIGITS = 9

const ZERO = 0x30
const NONE = 0
// Where a number goes that nobody asks for.
const IGNORED = FIGURES
const END = FIGURES + 1

const FIGURE_KEYS: ReadonlyMap<string, number> = new Map([
  ['prompt_tokens', PROMPT],
  ['completion_tokens', COMPLETION],
  ['total_tokens', TOTAL],
  ['cached_tokens', CACHED],
  ['cache_write_tokens', CACHE_WRITE],
  ['cache_write_1h_tokens', CACHE_WRITE_HOUR],
  ['reasoning_tokens', REASONING],
  ['ms', MS],
])

/** No shapes yet, for lines in `bytes`. */
export function createShapes(bytes: Buffer): Shapes {
  const words = new Float64Array(WORD_LIMIT)
  return {
    bytes,
    view: viewOf(bytes),
    words,
    halves: new Int32Array(words.buffer),
    textAt: new Int32Array(NODE_LIMIT),
    textLength: new Int32Array(NODE_LIMIT),
    follows: new Int32Array(NODE_LIMIT),
    firstChild: new Int32Array(NODE_LIMIT),
    nextSibling: new Int32Array(NODE_LIMIT),
    firsts: new Int32Array(HASH_PLACES),
    names: [],
    texts: new Map(),
    wordsUsed: 0,
    nodes: 1,
    matched: NONE,
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * Compares what stands at `start` with the known shapes, and reads its numbers into `figures`. Gives the
 * place behind the line's closing brace, or -1 for a shape that is not known or not whole before `limit`.
 */
export function matchShape(shapes: Shapes, start: number, limit: number, figures: Figures): number {
  const { bytes, view, textAt, textLength, follows, firstChild } = shapes
  figures[PROMPT] = ABSENT
  figures[COMPLETION] = ABSENT
  figures[TOTAL] = ABSENT
  figures[CACHED] = ABSENT
  figures[CACHE_WRITE] = ABSENT
  figures[CACHE_WRITE_HOUR] = ABSENT
  figures[REASONING] = ABSENT
  figures[MS] = ABSENT
  if (start >= limit) return -1
  let at = start
  const place = hashAt(view, at)
  let parent = NONE
  let node = shapes.firsts[place]!
  while (at < limit) {
    if (node === NONE) return -1
    let length = textLength[node]!
    if (!isText(shapes, at, textAt[node]!, length)) {
      node = findSibling(shapes, node, at, parent, place)
      if (node === NONE) return -1
      length = textLength[node]!
    }
    at += length
    const figure = follows[node]!
    if (figure === END) {
      shapes.matched = node
      return at <= limit ? at : -1
    }
    const from = at
    let value = bytes[at++]! - ZERO
    if (value !== 0) {
      if (value >>> 0 > 9) return -1
      for (;;) {
        const digit = (bytes[at]! - ZERO) >>> 0
        if (digit > 9) break
        value = (value * 10 + digit) | 0
        at++
      }
      if (at - from > MAX_DIGITS) return -1
    }
    figures[figure] = value
    parent = node
    node = firstChild[node]!
  }
  return -1
}

/** The sibling behind `first` that stands at `at`. It moves one place forward, so the frequent ones lead. */
function findSibling(
  shapes: Shapes,
  first: number,
  at: number,
  parent: number,
  place: number,
): number {
  const { textAt, textLength, firstChild, nextSibling, firsts } = shapes
  let before = NONE
  let previous = first
  for (let node = nextSibling[first]!; node !== NONE; node = nextSibling[node]!) {
    if (isText(shapes, at, textAt[node]!, textLength[node]!)) {
      nextSibling[previous] = nextSibling[node]!
      nextSibling[node] = previous
      if (before !== NONE) nextSibling[before] = node
      else if (parent !== NONE) firstChild[parent] = node
      else firsts[place] = node
      return node
    }
    before = previous
    previous = node
  }
  return NONE
}

function isText(shapes: Shapes, at: number, word: number, length: number): boolean {
  const { view, words, halves } = shapes
  if (length < 8) {
    const half = word * 2
    if (length < 4)
      return ((view.getInt32(at, true) ^ halves[half]!) & ((1 << (length * 8)) - 1)) === 0
    return (
      view.getInt32(at, true) === halves[half]! &&
      view.getInt32(at + length - 4, true) === halves[half + 1]!
    )
  }
  // Eight bytes at a time, as numbers: no text holds eight NULs, so that equal numbers are equal bytes.
  const last = at + length - 8
  while (at < last) {
    if (view.getFloat64(at, true) !== words[word]!) return false
    at = (at + 8) | 0
    word = (word + 1) | 0
  }
  return view.getFloat64(last, true) === words[word]!
}

/** Keeps the shape of a line: `text` is what stands behind time, id and user, `line` is all of it. */
export function learnShape(shapes: Shapes, text: string, line: ParsedLine): void {
  const parts = splitShape(text)
  const first = Buffer.from(parts?.[0]?.text ?? '')
  if (parts === undefined || first.length < HASHED_BYTES) return
  const place = hashAt(viewOf(first), 0)
  let parent = NONE
  for (const part of parts) {
    const node = findChild(shapes, parent, place, part) ?? addChild(shapes, parent, place, part)
    if (node === undefined) return
    parent = node
  }
  shapes.names[parent] = namesIn(line)
}

function findChild(
  { texts, textAt, follows, firstChild, nextSibling, firsts }: Shapes,
  parent: number,
  place: number,
  { text, figure }: ShapePart,
): number | undefined {
  const at = texts.get(text)
  let node = parent === NONE ? firsts[place]! : firstChild[parent]!
  while (node !== NONE && !(textAt[node] === at && follows[node] === figure)) {
    node = nextSibling[node]!
  }
  return node === NONE ? undefined : node
}

/** `undefined` where there is no room for more. */
function addChild(
  shapes: Shapes,
  parent: number,
  place: number,
  { text, figure }: ShapePart,
): number | undefined {
  const at = keepText(shapes, text)
  if (at === undefined || shapes.nodes >= NODE_LIMIT) return undefined
  const node = shapes.nodes++
  const { textAt, textLength, follows, firstChild, nextSibling, firsts } = shapes
  textAt[node] = at
  textLength[node] = Buffer.byteLength(text)
  follows[node] = figure
  const elder = parent === NONE ? firsts : firstChild
  const from = parent === NONE ? place : parent
  nextSibling[node] = elder[from]!
  elder[from] = node
  return node
}

/** The first of the text's words. */
function keepText(shapes: Shapes, text: string): number | undefined {
  const { texts, words, halves } = shapes
  const known = texts.get(text)
  if (known !== undefined) return known
  const bytes = Buffer.from(text)
  const at = shapes.wordsUsed
  const count = Math.ceil(bytes.length / 8)
  if (at + count > words.length) return undefined
  if (bytes.length < 8) {
    const padded = Buffer.alloc(8)
    bytes.copy(padded)
    halves[at * 2] = padded.readInt32LE()
    halves[at * 2 + 1] = padded.readInt32LE(Math.max(0, bytes.length - 4))
  } else {
    for (let i = 0; i < count; i++) {
      words[at + i] = bytes.readDoubleLE(Math.min(i * 8, bytes.length - 8))
    }
  }
  shapes.wordsUsed += count
  texts.set(text, at)
  return at
}

// Every other four bytes: enough to tell most apart, and the rest is compared anyway.
function hashAt(view: DataView, at: number): number {
  let hash = view.getInt32(at + 4, true)
  hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(at + 12, true)
  hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(at + 20, true)
  hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(at + 28, true)
  hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(at + 36, true)
  hash = Math.imul(hash, 0x9e3779b1) ^ view.getInt32(at + 44, true)
  hash = Math.imul(hash, 0x9e3779b1)
  return (hash ^ (hash >>> 15)) & (HASH_PLACES - 1)
}

interface ShapePart {
  readonly text: string
  /** Where the number behind the text goes, or `END`. */
  readonly figure: number
}

const TOKEN = /"(?:[^"\\]|\\.)*"|\d+|[[\]{}]/g

/** The texts and numbers of valid JSON that JSON.stringify has written; `undefined` where it is no shape. */
function splitShape(text: string): ShapePart[] | undefined {
  const parts: ShapePart[] = []
  let from = 0
  let depth = 1
  let key = ''
  for (const match of text.matchAll(TOKEN)) {
    const [token] = match
    const to = match.index + token.length
    if (token === '{' || token === '[') depth++
    else if (token === '}' || token === ']') depth--
    else if (token.startsWith('"')) {
      if (text[to] === ':') key = token.slice(1, -1)
    } else if (key !== 'status') {
      const figure = depth === 1 ? FIGURE_KEYS.get(key) : undefined
      const plain = text[match.index - 1] === ':' && /[,}]/.test(text[to] ?? '')
      if (figure !== undefined && !plain) return undefined
      if (token.length > MAX_DIGITS || match.index - from > TEXT_LIMIT_CHARS) return undefined
      parts.push({ text: text.slice(from, match.index), figure: figure ?? IGNORED })
      from = to
    }
  }
  if (text.length - from > TEXT_LIMIT_CHARS) return undefined
  parts.push({ text: text.slice(from), figure: END })
  return parts
}

/** What a parsed line says besides its figures. */
export function namesIn(line: ParsedLine): LoggedNames {
  return {
    user: textIn(line, 'user'),
    api: textIn(line, 'api'),
    model: textIn(line, 'model'),
    served_model: textIn(line, 'served_model'),
    provider: textIn(line, 'provider'),
    outcome: textIn(line, 'outcome'),
    estimated: line['estimated'] === true,
    mock: line['mock'] === true,
  }
}

function textIn(line: ParsedLine, key: string): string | undefined {
  const found = line[key]
  return typeof found === 'string' ? found : undefined
}

/** Puts the numbers of a parsed line into `figures`; what is no count is as good as untold. */
export function readFigures(line: ParsedLine, tsMs: number, figures: Figures): void {
  figures[TS_MS] = tsMs
  for (const [key, place] of FIGURE_KEYS) {
    const found = line[key]
    const isCount = typeof found === 'number' && found >= 0 && found <= Number.MAX_SAFE_INTEGER
    figures[place] = isCount ? found : ABSENT
  }
}
