/**
 * What a scanner has learnt, as numbers in one piece of memory: two programs read it, the one in
 * TypeScript (`scan.ts`, `shapes.ts`) and the kernel (`kernel.ts`), in whose memory it then stands.
 * Places are in bytes from the beginning.
 */

/** What the last line said in numbers: `FIGURES` of 64 bits, floating, and one for what nobody asks for. */
export const FIGURES_AT = 0
export const FIGURE_PLACES = 16
/** The last hour seen: the first 21 bytes of a line as words of eight, and, fourth, when it begins. */
export const HOUR_AT = 128
export const HOUR_BEGINS = 3
/** Of the last line: the number of its user, 0 for none, and its shape, which is its last node. */
export const FOUND_AT = 160
export const FOUND_USER = 0
export const FOUND_NODE = 1
/** For the kernel alone: so many bytes of ones, and as many of zeros. */
export const MASKS_AT = 192
export const MASK_BYTES = 32

/** More than any log of ours has; of a log with more than that, the rest is read the slow way. */
export const USER_LIMIT = 1 << 14
/** The numbers of users, from 1, by hash; where one is taken the next is theirs. */
export const USER_PLACES = USER_LIMIT * 2
export const USER_PLACES_AT = 256
/** By number of user: where the name stands among the texts, and its length. */
export const USERS_AT = USER_PLACES_AT + USER_PLACES * 4
export const USER_WORDS = 2

/** By hash: the first nodes of shapes. */
export const HASH_PLACES = 1 << 12
export const FIRSTS_AT = USERS_AT + USER_LIMIT * USER_WORDS * 4
/** More nodes than any log of ours needs; beyond that nothing is learnt. Node 0 stands for none. */
export const NODE_LIMIT = 1 << 15
export const NODES_AT = FIRSTS_AT + HASH_PLACES * 4
/** Words of four bytes per node, of which these are used. */
export const NODE_WORDS = 8
export const TEXT = 0
export const LENGTH = 1
/** The figure that follows the text; `IGNORED`, or `END`. */
export const FOLLOWS = 2
export const CHILD = 3
export const SIBLING = 4

/** The texts themselves, in UTF-8. */
export const TEXTS_AT = NODES_AT + NODE_LIMIT * NODE_WORDS * 4
export const TEXT_LIMIT_BYTES = 1 << 20
/** With room behind the last text, where the kernel looks without reading. */
export const TABLE_BYTES = TEXTS_AT + TEXT_LIMIT_BYTES + 64

/** The tables as views. */
export interface Tables {
  readonly figures: Float64Array
  readonly hour: Float64Array
  readonly found: Int32Array
  readonly userPlaces: Int32Array
  readonly users: Int32Array
  readonly firsts: Int32Array
  readonly nodes: Int32Array
  readonly texts: DataView
}

/** Empty tables at the beginning of a memory that holds only NULs. */
export function createTables(memory: ArrayBuffer = new ArrayBuffer(TABLE_BYTES)): Tables {
  new Uint8Array(memory, MASKS_AT, MASK_BYTES).fill(0xff)
  return {
    figures: new Float64Array(memory, FIGURES_AT, FIGURE_PLACES),
    hour: new Float64Array(memory, HOUR_AT, 4).fill(NaN),
    found: new Int32Array(memory, FOUND_AT, 2),
    userPlaces: new Int32Array(memory, USER_PLACES_AT, USER_PLACES),
    users: new Int32Array(memory, USERS_AT, USER_LIMIT * USER_WORDS),
    firsts: new Int32Array(memory, FIRSTS_AT, HASH_PLACES),
    nodes: new Int32Array(memory, NODES_AT, NODE_LIMIT * NODE_WORDS),
    texts: new DataView(memory, TEXTS_AT, TABLE_BYTES - TEXTS_AT),
  }
}
