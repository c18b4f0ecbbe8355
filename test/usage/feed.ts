import type { LineReader } from '../../src/usage/lines.ts'

/** A whole log, given to a reader in pieces of `pieceBytes`. */
export function feed(reader: LineReader, log: Buffer, pieceBytes: number): void {
  for (let at = 0; at < log.length;) {
    const space = reader.space()
    const piece = log.subarray(at, at + Math.min(space.length, pieceBytes))
    space.set(piece)
    reader.filled(piece.length)
    at += piece.length
  }
  reader.end()
}
