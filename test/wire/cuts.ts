import { readdirSync, readFileSync } from 'node:fs'

/** The project root, seen from compiled tests in `dist/test/<room>/`. */
export const ROOT = new URL('../../../', import.meta.url)

export function readFixture(path: string): Uint8Array {
  return readFileSync(new URL(`test/fixtures/${path}`, ROOT))
}

/** Names of the fixtures in a folder that end in `suffix`. */
export function listFixtures(folder: string, suffix: string): string[] {
  return readdirSync(new URL(`test/fixtures/${folder}/`, ROOT))
    .filter((name) => name.endsWith(suffix))
    .map((name) => `${folder}/${name}`)
}

export interface Cut {
  readonly name: string
  readonly chunks: readonly Uint8Array[]
}

/** The same bytes whole, one at a time, and at random places that are the same in every run. */
export function cuts(bytes: Uint8Array): Cut[] {
  const all: Cut[] = [
    { name: 'whole', chunks: [bytes] },
    { name: 'one byte at a time', chunks: [...bytes].map((byte) => Uint8Array.of(byte)) },
  ]
  for (let seed = 1; seed <= 12; seed += 1) {
    all.push({ name: `random cuts, seed ${seed}`, chunks: cutRandomly(bytes, seed) })
  }
  return all
}

function cutRandomly(bytes: Uint8Array, seed: number): Uint8Array[] {
  // A linear congruential generator: good enough to choose places, and the same everywhere.
  let state = seed * 2_654_435_761
  const chunks: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    const length = 1 + (Math.floor(state / 8) % (seed % 3 === 0 ? 400 : 23))
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
  return chunks
}
