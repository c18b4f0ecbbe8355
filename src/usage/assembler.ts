/**
 * Just enough of WebAssembly's binary format to write one small function in TypeScript:
 * https://webassembly.github.io/spec/core/binary/. Nothing has to be built or installed for it, and what
 * runs stands in the repository as it is read. Types are checked where the engine compiles the module.
 */

/**
 * Instructions as bytes, in as many layers as they were put together in. Those that give a value leave it
 * on the stack; those that stand one behind the other run one after the other.
 */
export type Code = readonly (number | Code)[]
/** What an instruction works on: a variable, code that gives a value, or a constant of 32 bits. */
export type Operand = Local | Code | number
export type ValueType = keyof typeof VALUE_TYPES

/** A variable of a function, 0 at first. */
export interface Local {
  readonly get: Code
  set(value: Operand): Code
}

/** A function from two numbers of 32 bits to one, while it is written. */
export interface FunctionDraft {
  readonly parameters: readonly [Local, Local]
  local(type: ValueType): Local
}

const VALUE_TYPES = { i32: 0x7f, i64: 0x7e, f64: 0x7c, v128: 0x7b }
const MAGIC = [...Buffer.from('\0asm'), 1, 0, 0, 0]
const FUNCTION = 0x60
const MEMORY = 0x02
const BLOCK = 0x02
const LOOP = 0x03
const IF = 0x04
const VOID = 0x40
const END = 0x0b
const BRANCH = 0x0c
const BRANCH_IF = 0x0d
const RETURN = 0x0f
const VECTOR = 0xfd

// ── what functions are written with ─────────────────────────────────────────────────────────────

/** Runs `body` as long as `condition` is not 0. */
export function loopWhile(condition: Operand, ...body: readonly Code[]): Code {
  const leave = [i32.eqz(condition), BRANCH_IF, 1]
  return [BLOCK, VOID, LOOP, VOID, leave, body, BRANCH, 0, END, END]
}

/** Runs `body` if `condition` is not 0. */
export function when(condition: Operand, ...body: readonly Code[]): Code {
  return [operand(condition), IF, VOID, body, END]
}

/** Leaves the function with a value. */
export function giveBack(value: Operand): Code {
  return [operand(value), RETURN]
}

/** Numbers of 32 bits without sign; comparisons give 0 or 1. A place in memory is one, aligned or not. */
export const i32 = {
  eqz: unary(0x45),
  eq: binary(0x46),
  ne: binary(0x47),
  gt: binary(0x4b),
  trailingZeros: unary(0x68),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shl: binary(0x74),
  shr: binary(0x76),
  low: unary(0xa7),
  load: load(0x28),
  loadByte: load(0x2d),
  store: store(0x36),
}

/** Of 64 bits. */
export const i64 = {
  of: (value: bigint): Code => [0x42, signed(BigInt.asIntN(64, value))],
  eqz: unary(0x50),
  eq: binary(0x51),
  trailingZeros: unary(0x7a),
  add: binary(0x7c),
  sub: binary(0x7d),
  mul: binary(0x7e),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  shr: binary(0x88),
  load: load(0x29),
}

/** Floating. */
export const f64 = {
  of: (value: number): Code => [0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
  from: unary(0xb8),
  eq: binary(0x61),
  add: binary(0xa0),
  load: load(0x2b),
  store: store(0x39),
}

/** Sixteen bytes at once; comparisons give 0xff for each byte for which they hold. */
export const v128 = {
  each: unary(VECTOR, unsigned(0x0f)),
  eq: binary(VECTOR, unsigned(0x23)),
  lt: binary(VECTOR, unsigned(0x26)),
  and: binary(VECTOR, unsigned(0x4e)),
  or: binary(VECTOR, unsigned(0x50)),
  xor: binary(VECTOR, unsigned(0x51)),
  /** 1 if any bit is set. */
  any: unary(VECTOR, unsigned(0x53)),
  /** The highest bit of each byte, as sixteen bits. */
  highestBits: unary(VECTOR, unsigned(0x64)),
  load: load(VECTOR, 0x00),
}

function unary(...instruction: Code): (value: Operand) => Code {
  return (value) => [operand(value), instruction]
}

function binary(...instruction: Code): (one: Operand, other: Operand) => Code {
  return (one, other) => [operand(one), operand(other), instruction]
}

function load(...instruction: Code): (place: Operand, offset?: number) => Code {
  return (place, offset = 0) => [operand(place), instruction, 0, unsigned(offset)]
}

function store(...instruction: Code): (place: Operand, offset: number, value: Operand) => Code {
  return (place, offset, value) => [
    operand(place),
    operand(value),
    instruction,
    0,
    unsigned(offset),
  ]
}

function operand(value: Operand): Code {
  if (typeof value === 'number') return [0x41, signed(BigInt(value))]
  return 'get' in value ? value.get : value
}

// ── the module ──────────────────────────────────────────────────────────────────────────────────

/** A module that takes `env.memory` and exports one function under `name`; `write` gives its body. */
export function assembleFunction(
  name: string,
  write: (draft: FunctionDraft) => Code,
): Uint8Array<ArrayBuffer> {
  const types: number[] = []
  let count = 0
  function addLocal(): Local {
    const index = unsigned(count++)
    return { get: [0x20, index], set: (value) => [operand(value), 0x21, index] }
  }
  const body = write({
    parameters: [addLocal(), addLocal()],
    local(type) {
      types.push(VALUE_TYPES[type])
      return addLocal()
    },
  })
  const number = [VALUE_TYPES.i32]
  const bytes = flatten([
    MAGIC,
    section(1, [FUNCTION, list([number, number]), list([number])]),
    section(2, [text('env'), text('memory'), MEMORY, 0, 1]),
    section(3, [0]),
    section(7, [text(name), 0, 0]),
    section(10, sized([list(types.map((type) => [1, type])), body, END])),
  ])
  return Uint8Array.from(bytes)
}

function section(id: number, entry: Code): Code {
  return [id, sized(list([entry]))]
}

function list(entries: readonly Code[]): Code {
  return [unsigned(entries.length), entries]
}

function sized(code: Code): Code {
  const bytes = flatten(code)
  return [unsigned(bytes.length), bytes]
}

function text(value: string): Code {
  return sized([...Buffer.from(value)])
}

function flatten(code: Code, into: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') into.push(part)
    else flatten(part, into)
  }
  return into
}

/** LEB128: seven bits per byte, the lowest first. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, unsigned(value >>> 7)]
}

function signed(value: bigint): Code {
  const low = Number(value & 0x7fn)
  const rest = value >> 7n
  // The second highest bit of the last byte is the sign.
  const isLast = rest === (low < 0x40 ? 0n : -1n)
  return isLast ? [low] : [low | 0x80, signed(rest)]
}
