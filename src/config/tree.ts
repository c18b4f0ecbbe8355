/**
 * A config file as a tree of plain values that know where they stand. The parser makes it from text,
 * `treeOf` from our own built-in settings, and everything after reads both alike.
 */

/** Where something stands in a file, both counted from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export type Node = MapNode | ListNode | ScalarNode

export interface MapNode {
  readonly kind: 'map'
  readonly at: Position | undefined
  /** In the order written, repeated keys included: an object would lose them, and trip over `__proto__`. */
  readonly entries: readonly MapEntry[]
}

export interface MapEntry {
  readonly key: string
  /** Of the key. `undefined` for what no file says. */
  readonly at: Position | undefined
  readonly value: Node
}

export interface ListNode {
  readonly kind: 'list'
  readonly at: Position | undefined
  readonly items: readonly Node[]
}

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly at: Position | undefined
  readonly value: string | number | boolean | null
  /** As written: keeps `1.10` from turning into 1.1 where a name is meant. */
  readonly source: string
}

/** Plain settings of our own: what JSON can say. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain }

/** The tree of plain settings that stand in no file. */
export function treeOf(plain: Plain): Node {
  if (isList(plain)) return { kind: 'list', at: undefined, items: plain.map(treeOf) }
  if (typeof plain !== 'object' || plain === null) {
    return { kind: 'scalar', at: undefined, value: plain, source: String(plain) }
  }
  const entries = Object.entries(plain).map(([key, value]) => ({
    key,
    at: undefined,
    value: treeOf(value),
  }))
  return { kind: 'map', at: undefined, entries }
}

// Array.isArray does not narrow a readonly array out of a union.
function isList(plain: Plain): plain is readonly Plain[] {
  return Array.isArray(plain)
}
