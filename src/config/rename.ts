/**
 * Renaming a file over another one. On Windows that is refused for as long as somebody holds the other one
 * open without sharing it, and virus scanners and indexers do so for a moment after every change.
 */
import { renameSync } from 'node:fs'

export interface RenameLayer {
  readonly platform: NodeJS.Platform
  readonly rename: (from: string, to: string) => void
  /** Stands still for so many milliseconds. */
  readonly pause: (ms: number) => void
}

// Together 1.5 s: longer than a scanner takes for a small file, and not yet annoying.
const PAUSES_MS = [10, 20, 40, 80, 150, 300, 400, 500]
const HELD_OPEN = new Set<unknown>(['EPERM', 'EACCES', 'EBUSY'])

/** Renames, and on Windows tries again for a while where the target is held open. Throws like `renameSync`. */
export function renameOver(from: string, to: string, layer: RenameLayer = diskLayer): void {
  for (const ms of layer.platform === 'win32' ? PAUSES_MS : []) {
    try {
      layer.rename(from, to)
      return
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
      if (!HELD_OPEN.has(code)) throw thrown
      layer.pause(ms)
    }
  }
  layer.rename(from, to)
}

const diskLayer: RenameLayer = {
  platform: process.platform,
  rename: renameSync,
  pause(ms) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  },
}
