/**
 * A shape says once what may stand at a place of the config file: it reads the tree there, reports what is
 * wrong with its position, and knows the JSON Schema of the same thing. From these file.ts is built.
 */
import { expand } from './interpolate.ts'
import type { Environment } from './interpolate.ts'
import { show } from './problems.ts'
import type { Problems } from './problems.ts'
import type { MapEntry, Node, Position } from './tree.ts'
import type { Parsed } from './values.ts'

/** What one reading of a file shares. */
export interface Reading {
  readonly env: Environment
  readonly problems: Problems
  /** Nodes that may still be read; aliases let a small file unfold into any number of them. */
  budget: number
}

/** JSON Schema, draft 2020-12, as far as it is used here. */
export interface JsonSchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean'
  readonly description?: string
  readonly default?: string | number | boolean
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: false | JsonSchema
  readonly propertyNames?: JsonSchema
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly JsonSchema[]
}

export interface Shape<T> {
  /**
   * The value at `node`; `undefined` after a problem was reported. `path` is where we are, for people:
   * `users.user-a.models[0]`.
   */
  read(node: Node, path: string, reading: Reading): T | undefined
  readonly schema: JsonSchema
}

/** The value a shape reads. */
export type ReadBy<S> = S extends Shape<infer T> ? T : never

/** A value that has to be checked against others later, and where it stands. */
export interface Located<T> {
  readonly value: T
  readonly at: Position | undefined
  readonly path: string
}

/** How many nodes one reading may visit. A file of the largest size has half as many. */
export const READING_BUDGET = 1_000_000

const REFERENCE = String.raw`\$\{`

// Scalars

type ScalarType = 'string' | 'number' | 'boolean'

interface ScalarShape<T> {
  /** What belongs here, to follow "must be": `a duration such as 10m`. */
  readonly expects: string
  /** How it may be written in YAML; a number or boolean may also come out of a `${NAME}`. */
  readonly types: readonly ScalarType[]
  readonly parse: (text: string) => Parsed<T>
  readonly schema: JsonSchema
}

/** A single value, `${NAME}` filled in, in its own small language (values.ts). */
export function scalar<T>(shape: ScalarShape<T>): Shape<T> {
  return {
    schema: allowingReference(shape.schema),
    read(node, path, reading) {
      const found = readScalar(node, path, shape.expects, shape.types, reading)
      if (found === undefined) return undefined
      const parsed = shape.parse(found.text)
      if ('value' in parsed) return parsed.value
      reading.problems.add(node.at, `${path}: ${parsed.wrong}${found.provenance}`)
      return undefined
    },
  }
}

/** One of a closed set of words. */
export function oneOf<const T extends string>(words: readonly T[]): Shape<T> {
  // By hand: Intl.ListFormat takes 10 ms to load.
  const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return {
    schema: allowingReference({ enum: words }),
    read(node, path, reading) {
      const found = readScalar(node, path, list, ['string'], reading)
      if (found === undefined) return undefined
      const word = words.find((one) => one === found.text)
      if (word === undefined) {
        const suggestion = reading.problems.suggest(found.text, words, 'allowed')
        const what = `${path}: ${show(found.text)} is not one of ${list}`
        // The words themselves are already there; only a near one adds something.
        const near = suggestion.includes('did you mean') ? suggestion : ''
        reading.problems.add(node.at, `${what}${near}${found.provenance}`)
      }
      return word
    },
  }
}

/** `true` or `false`. */
export const flag: Shape<boolean> = scalar<boolean>({
  expects: 'true or false',
  types: ['boolean'],
  parse: (text) =>
    text === 'true' || text === 'false'
      ? { value: text === 'true' }
      : { wrong: `${show(text)} is not true or false` },
  schema: { type: 'boolean' },
})

/** A decimal number between two bounds, both included. */
export function numberBetween(
  minimum: number,
  maximum: number,
  type: 'number' | 'integer',
): Shape<number> {
  const noun = type === 'integer' ? 'a whole number' : 'a number'
  return scalar<number>({
    expects: noun,
    types: ['number'],
    parse(text) {
      const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
      if (Number.isNaN(value) || (type === 'integer' && !Number.isInteger(value))) {
        return { wrong: `${show(text)} is not ${noun}` }
      }
      return value >= minimum && value <= maximum
        ? { value }
        : { wrong: `${text} is out of range; it goes from ${minimum} to ${maximum}` }
    },
    schema: { type, minimum, maximum },
  })
}

/** Something that is read past: accepted in whatever form, and not used. */
export const ignored: Shape<true> = { schema: {}, read: () => true }

interface FoundScalar {
  readonly text: string
  /** Where the text came from when not from the file, to end a sentence: ` (set by PORT)`. */
  readonly provenance: string
}

/** The text of a single value after interpolation; the common part of all scalar shapes. */
export function readScalar(
  node: Node,
  path: string,
  expects: string,
  types: readonly ScalarType[],
  reading: Reading,
): FoundScalar | undefined {
  if (!spend(reading, node)) return undefined
  if (node.kind !== 'scalar' || node.value === null) {
    reading.problems.add(node.at, `${path} must be ${expects}, not ${kindOf(node)}`)
    return undefined
  }
  if (typeof node.value !== 'string') {
    const type = typeof node.value === 'number' ? 'number' : 'boolean'
    if (types.includes(type)) return { text: node.source, provenance: '' }
    const written = `${kindOf(node)}: ${node.source}`
    const advice = types.includes('string') ? '; put it in quotes' : ''
    reading.problems.add(node.at, `${path} must be ${expects}, not ${written}${advice}`)
    return undefined
  }
  const expanded = expand(node.value, reading.env)
  if (expanded.kind === 'malformed') {
    reading.problems.add(node.at, `${path}: ${expanded.wrong}`)
    return undefined
  }
  const unset = expanded.references.filter((reference) => reference.state === 'unset')
  for (const { name } of unset) {
    reading.problems.add(
      node.at,
      `${path} needs the environment variable ${name}, which is not set; set it, or write \${${name}:-default}`,
    )
  }
  if (unset.length > 0) return undefined
  if (expanded.references.length === 0 && !types.includes('string')) {
    reading.problems.add(node.at, `${path} must be ${expects}, not text: ${show(node.value)}`)
    return undefined
  }
  const setBy = expanded.references.filter((reference) => reference.state !== 'default')
  const names = setBy.map((reference) => reference.name).join(' and ')
  return { text: expanded.text, provenance: names === '' ? '' : ` (set by ${names})` }
}

// What holds others

/** The same as `shape`, and where it stood. */
export function located<T>(shape: Shape<T>): Shape<Located<T>> {
  return {
    schema: shape.schema,
    read(node, path, reading) {
      const value = shape.read(node, path, reading)
      return value === undefined ? undefined : { value, at: node.at, path }
    },
  }
}

/** A list. Items with a problem are left out. */
export function listOf<T>(shape: Shape<T>, expects: string): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: shape.schema },
    read(node, path, reading) {
      if (!spend(reading, node)) return undefined
      if (node.kind !== 'list') {
        reading.problems.add(node.at, `${path} must be ${expects}, not ${kindOf(node)}`)
        return undefined
      }
      const values: T[] = []
      for (const [index, item] of node.items.entries()) {
        const value = shape.read(item, `${path}[${index}]`, reading)
        if (value !== undefined) values.push(value)
        if (reading.budget <= 0) break
      }
      return values
    },
  }
}

/** One of a thing, or a list of them. */
export function oneOrMany<T>(shape: Shape<T>): Shape<readonly T[]> {
  const list = listOf(shape, 'a list')
  return {
    schema: { anyOf: [shape.schema, list.schema] },
    read(node, path, reading) {
      if (node.kind === 'list') return list.read(node, path, reading)
      const value = shape.read(node, path, reading)
      return value === undefined ? undefined : [value]
    },
  }
}

/** One entry of a map whose keys are names. */
export interface Entry<T> {
  readonly name: string
  /** Of the name. */
  readonly at: Position | undefined
  readonly path: string
  /** `undefined` where it had a problem: the name still counts as known. */
  readonly value: T | undefined
}

/**
 * A map from names to one shape each, in the order written. Repeated names and names outside their
 * character set are problems; nothing written (`users:`) is an empty map.
 */
export function mapOf<T>(
  shape: Shape<T>,
  parseName: (text: string) => Parsed<string>,
  expects: string,
): Shape<readonly Entry<T>[]> {
  return {
    schema: { type: 'object', additionalProperties: shape.schema },
    read(node, path, reading) {
      const entries = readMap(node, path, expects, reading)
      if (entries === undefined) return undefined
      const read: Array<Entry<T>> = []
      for (const entry of entries) {
        const name = parseName(entry.key)
        if ('wrong' in name) {
          reading.problems.add(entry.at, `${path}: ${name.wrong}`)
          continue
        }
        const entryPath = joinPath(path, entry.key)
        const value = shape.read(emptyMapForNothing(entry.value), entryPath, reading)
        read.push({ name: entry.key, at: entry.at, path: entryPath, value })
        if (reading.budget <= 0) break
      }
      return read
    },
  }
}

export interface Field<T> {
  readonly shape: Shape<T>
  /** For editors, and for the reader of file.ts: what it is, unit and default. */
  readonly about: string
  /** A problem where it is missing. */
  readonly required?: boolean
}

type Fields = Readonly<Record<string, Field<unknown>>>

/** Fields as read: `undefined` where not written, or where there was a problem. */
type ReadFields<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer T> ? T | undefined : never
}

/** A map with known keys. Unknown and repeated keys are problems; nothing written is no keys. */
export function object<F extends Fields>(fields: F): Shape<ReadFields<F>> {
  // The keys come from a file: a Map knows no `constructor`.
  const known = new Map<string, Field<unknown>>(Object.entries(fields))
  const required = [...known].flatMap(([key, field]) => (field.required === true ? [key] : []))
  return {
    schema: objectSchema(known, required),
    read(node, path, reading) {
      const expects = `a map of ${path === '' ? 'settings' : [...known.keys()].join(', ')}`
      const entries = readMap(node, path, expects, reading)
      if (entries === undefined) return undefined
      const values = new Map<string, unknown>()
      for (const entry of entries) {
        const field = known.get(entry.key)
        if (field === undefined) {
          const place = path === '' ? '' : ` in ${path}`
          const suggestion = entry.key.startsWith('//')
            ? '; comments start with #'
            : reading.problems.suggest(entry.key, known.keys(), 'keys')
          reading.problems.add(entry.at, `unknown key ${show(entry.key)}${place}${suggestion}`)
          continue
        }
        values.set(entry.key, field.shape.read(entry.value, joinPath(path, entry.key), reading))
      }
      const missing = required.filter((key) => !values.has(key))
      if (missing.length > 0) {
        reading.problems.add(node.at, `${path} needs ${missing.join(' and ')}`)
        return undefined
      }
      const record = Object.fromEntries([...known.keys()].map((key) => [key, values.get(key)]))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each value was read by its own field's shape
      return record as ReadFields<F>
    },
  }
}

/** The entries of a map, once each; repeated keys and what is no map are reported. */
function readMap(
  node: Node,
  path: string,
  expects: string,
  reading: Reading,
): readonly MapEntry[] | undefined {
  const map = emptyMapForNothing(node)
  if (!spend(reading, map)) return undefined
  if (map.kind !== 'map') {
    const place = path === '' ? 'the file' : path
    reading.problems.add(node.at, `${place} must be ${expects}, not ${kindOf(node)}`)
    return undefined
  }
  const first = new Map<string, MapEntry>()
  for (const entry of map.entries) {
    const earlier = first.get(entry.key)
    if (earlier === undefined) {
      first.set(entry.key, entry)
      continue
    }
    const place = path === '' ? '' : ` in ${path}`
    const line = earlier.at === undefined ? '' : `; first at line ${earlier.at.line}`
    reading.problems.add(entry.at, `${show(entry.key)} stands twice${place}${line}`)
  }
  return [...first.values()]
}

function objectSchema(
  known: ReadonlyMap<string, Field<unknown>>,
  required: readonly string[],
): JsonSchema {
  const properties = [...known].map(([key, { shape, about }]) => [
    key,
    { description: about, ...shape.schema },
  ])
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
  }
}

/** Any single value may be written as a reference to the environment. */
function allowingReference(schema: JsonSchema): JsonSchema {
  const isFreeText = schema.type === 'string' && schema.pattern === undefined
  return isFreeText ? schema : { anyOf: [schema, { type: 'string', pattern: REFERENCE }] }
}

/** `users:` with nothing behind it is a map without entries, as a file with everything commented out has. */
function emptyMapForNothing(node: Node): Node {
  if (node.kind !== 'scalar' || node.value !== null) return node
  return { kind: 'map', at: node.at, entries: [] }
}

/** Counts a node against the budget; false, with one problem, when it is used up. */
function spend(reading: Reading, node: Node): boolean {
  if (reading.budget <= 0) return false
  reading.budget -= 1
  if (reading.budget > 0) return true
  reading.problems.add(node.at, `aliases unfold into more than ${READING_BUDGET} values`)
  return false
}

/** What stands there, to follow "not": `a list`. */
function kindOf(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list'
  if (node.value === null) return 'empty'
  if (typeof node.value === 'string') return 'text'
  return typeof node.value === 'number' ? 'a number' : 'true or false'
}

/** `a.b`, and `a["b.c"]` where a name has dots or worse. */
export function joinPath(path: string, key: string): string {
  if (!/^[\w-]+$/.test(key)) return `${path}[${show(key)}]`
  return path === '' ? key : `${path}.${key}`
}
