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
import {
  CHILD,
  FOLLOWS,
  FOUND_NODE,
  HASH_PLACES,
  LENGTH,
  NODE_LIMIT,
  NODE_WORDS,
} from './tables.ts'
import { SIBLING, TEXT, TEXT_LIMIT_BYTES } from './tables.ts'
import type { Tables } from './tables.ts'

/** A line as JSON.parse has read it. */
export type ParsedLine = Readonly<Record<string, unknown>>

/** The tree, and the texts that stand in it. */
export interface Shapes {
  /** The lines; a buffer that is filled again and again. */
  readonly bytes: Buffer
  readonly view: DataView
  readonly tables: Tables
  /** By last node: what such lines say besides user and figures. */
  readonly names: (LoggedNames | undefined)[]
  /** Where the texts stand. */
  readonly places: Map<string, number>
  textBytes: number
  nodeCount: number
}

/** Matching looks up to so many bytes behind the limit it is given, whatever stands there. */
export const LOOK_AHEAD_BYTES = 4096
// In UTF-8 a text is at most three times as long.
const TEXT_LIMIT_CHARS = LOOK_AHEAD_BYTES / 4
// The first text of a shape is found by a hash of its beginning; all of ours are longer.
export const HASHED_BYTES = 48
const MAX_DIGITS = 9

const ZERO = 0x30
const NONE = 0
// Where a number goes that nobody asks for.
const IGNORED = FIGURES
export const END = FIGURES + 1

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
export function createShapes(bytes: Buffer, tables: Tables): Shapes {
  return {
    bytes,
    view: viewOf(bytes),
    tables,
    names: [],
    places: new Map(),
    textBytes: 0,
    nodeCount: 1,
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * Compares what stands at `start` with the known shapes, and reads its numbers into the figures. Gives the
 * place behind the line's closing brace, or -1 for a shape that is not known or not whole before `limit`.
 */
export function matchShape(shapes: Shapes, start: number, limit: number): number {
  const { bytes, view, tables } = shapes
  const { figures, nodes, firsts } = tables
  figures.fill(ABSENT, PROMPT, FIGURES)
  if (start >= limit) return -1
  let at = start
  // Where the number of the next node stands.
  let list = firsts
  let place = hashAt(view, at)
  while (at < limit) {
    const node = findText(shapes, list, place, at)
    if (node === NONE) return -1
    at += nodes[node * NODE_WORDS + LENGTH]!
    const figure = nodes[node * NODE_WORDS + FOLLOWS]!
    if (figure === END) {
      tables.found[FOUND_NODE] = node
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
    list = nodes
    place = node * NODE_WORDS + CHILD
  }
  return -1
}

/**
 * Of the siblings that begin at a place of a list, the one whose text stands at `at`. It moves one place
 * forward, so the frequent ones lead.
 */
function findText(shapes: Shapes, list: Int32Array, place: number, at: number): number {
  const { nodes } = shapes.tables
  const first = list[place]!
  if (first === NONE || isNode(shapes, first, at)) return first
  let previous = first
  for (;;) {
    const node = nodes[previous * NODE_WORDS + SIBLING]!
    if (node === NONE) return NONE
    if (isNode(shapes, node, at)) {
      nodes[previous * NODE_WORDS + SIBLING] = nodes[node * NODE_WORDS + SIBLING]!
      nodes[node * NODE_WORDS + SIBLING] = previous
      list[place] = node
      return node
    }
    list = nodes
    place = previous * NODE_WORDS + SIBLING
    previous = node
  }
}

function isNode({ view, tables }: Shapes, node: number, at: number): boolean {
  const { nodes, texts } = tables
  return isText(
    view,
    at,
    texts,
    nodes[node * NODE_WORDS + TEXT]!,
    nodes[node * NODE_WORDS + LENGTH]!,
  )
}

/** Whether the text that begins at `text` of the texts stands at `at`. */
export function isText(
  view: DataView,
  at: number,
  texts: DataView,
  text: number,
  length: number,
): boolean {
  if (length < 8) {
    const first = view.getInt32(at, true) ^ texts.getInt32(text, true)
    if (length < 4) return (first & ((1 << (length * 8)) - 1)) === 0
    const last = length - 4
    return first === 0 && view.getInt32(at + last, true) === texts.getInt32(text + last, true)
  }
  // Eight bytes at a time, as numbers: no text holds eight NULs, so that equal numbers are equal bytes.
  const last = at + length - 8
  const lastOfText = text + length - 8
  while (at < last) {
    if (view.getFloat64(at, true) !== texts.getFloat64(text, true)) return false
    at = (at + 8) | 0
    text = (text + 8) | 0
  }
  return view.getFloat64(last, true) === texts.getFloat64(lastOfText, true)
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
  { tables, places }: Shapes,
  parent: number,
  place: number,
  { text, figure }: ShapePart,
): number | undefined {
  const { nodes, firsts } = tables
  const at = places.get(text)
  let node = parent === NONE ? firsts[place]! : nodes[parent * NODE_WORDS + CHILD]!
  while (node !== NONE) {
    const row = node * NODE_WORDS
    if (nodes[row + TEXT] === at && nodes[row + FOLLOWS] === figure) return node
    node = nodes[row + SIBLING]!
  }
  return undefined
}

/** `undefined` where there is no room for more. */
function addChild(
  shapes: Shapes,
  parent: number,
  place: number,
  { text, figure }: ShapePart,
): number | undefined {
  const at = keepText(shapes, text)
  if (at === undefined || shapes.nodeCount >= NODE_LIMIT) return undefined
  const node = shapes.nodeCount++
  const { nodes, firsts } = shapes.tables
  const list = parent === NONE ? firsts : nodes
  const from = parent === NONE ? place : parent * NODE_WORDS + CHILD
  const row = node * NODE_WORDS
  nodes[row + TEXT] = at
  nodes[row + LENGTH] = Buffer.byteLength(text)
  nodes[row + FOLLOWS] = figure
  nodes[row + SIBLING] = list[from]!
  list[from] = node
  return node
}

/** Where the text stands among the texts; `undefined` where there is no room for more. */
export function keepText(shapes: Shapes, text: string): number | undefined {
  const { places, tables, textBytes: at } = shapes
  const known = places.get(text)
  if (known !== undefined) return known
  const bytes = Buffer.from(text)
  if (at + bytes.length > TEXT_LIMIT_BYTES) return undefined
  bytes.forEach((byte, i) => tables.texts.setUint8(at + i, byte))
  shapes.textBytes += bytes.length
  places.set(text, at)
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
