/**
 * Follows the config file. A directory's events say that it is worth looking, a slow poll makes up for
 * the events that get lost (network file systems, bind mounts, too many watches), and what counts is only
 * what the file looks like: a new look that stays the same for a while is a finished edit.
 *
 * The directory is watched, not the file: editors and `mv` put another inode in its place. Where the path
 * is a symbolic link the directories along the way are watched too.
 */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** What the watch sees of the system; a test hands in another one. */
export interface WatchLayer {
  /**
   * A text that changes with identity, size and times of the file, links followed. `undefined` where
   * nothing is; `irregular` for what cannot be read twice (a pipe, a device).
   */
  stamp(path: string): string | undefined
  /** A text that changes with the file's bytes. Never throws. */
  digest(path: string): string
  /** Directories in which something changes when the file does, each with its identity. */
  directoriesOf(path: string): ReadonlyMap<string, string>
  /** Calls back whenever something in the directory may have changed; returns how to stop. Never throws. */
  watchDirectory(directory: string, onEvent: () => void): () => void
  /** Runs `action` once after `ms`; returns how to cancel it. */
  after(ms: number, action: () => void): () => void
}

export interface ConfigWatchOptions {
  /** Absolute. The first that exists is looked at: more than one only while there is none yet. */
  readonly paths: readonly string[]
  /** False: nothing is watched, and only `takeNow` looks. */
  readonly automatic: boolean
  /** A finished edit, or the file's absence. */
  readonly onSettled: (sighting: Sighting) => void
}

export interface Sighting {
  readonly kind: SightingKind
  /**
   * False for a file that was only touched, and for what was found at the beginning: it may be just what
   * was loaded, or an edit made in between.
   */
  readonly isNews: boolean
}

export type SightingKind = 'file' | 'gone'

export interface ConfigWatch {
  /** Takes what is there now for settled, without `onSettled`, and says what it is. */
  takeNow(): SightingKind | 'irregular'
  close(): void
}

// Half a file does not keep its size this long (reliability §2D).
const STABLE_MS = 100
// Between the removal of the old file and the arrival of the new one some editors take their time.
const GONE_MS = 1000
// A log beside the config makes an event a line.
const COALESCE_MS = 20
const POLL_MS = 2000
// As the kernel has it (path_resolution(7)).
const MAX_LINKS = 40
// No config is larger; reading such a file in one go would hold everything up.
const MAX_DIGEST_BYTES = 8n * 1024n * 1024n

const IRREGULAR = 'irregular'
const GONE = 'gone'

/** Begins to follow; the first sighting comes when what is there has been stable. */
export function watchConfig(
  { paths, automatic, onSettled }: ConfigWatchOptions,
  layer: WatchLayer = diskLayer,
): ConfigWatch {
  const directories = new Map<string, { readonly identity: string; readonly stop: () => void }>()
  // What was last told, or taken; undefined before the first time.
  let settled: { readonly look: string; readonly digest: string } | undefined
  // A look that differs from the settled one, on trial.
  let candidate: string | undefined
  let cancelTrial = nothing
  let cancelLook: (() => void) | undefined
  let cancelPoll = nothing
  let closed = false

  function present(): { readonly look: string; readonly path: string | undefined } {
    for (const path of paths) {
      const stamp = layer.stamp(path)
      if (stamp !== undefined) {
        return { look: stamp === IRREGULAR ? IRREGULAR : `${path}\n${stamp}`, path }
      }
    }
    return { look: GONE, path: undefined }
  }

  function followDirectories(): void {
    const wanted = new Map<string, string>()
    for (const path of paths) {
      for (const [directory, identity] of layer.directoriesOf(path)) wanted.set(directory, identity)
    }
    for (const [directory, { identity, stop }] of directories) {
      // A directory that was made anew has the old name, and none of the old events.
      if (wanted.get(directory) === identity) continue
      stop()
      directories.delete(directory)
    }
    for (const [directory, identity] of wanted) {
      if (directories.has(directory)) continue
      directories.set(directory, { identity, stop: layer.watchDirectory(directory, lookSoon) })
    }
  }

  function lookSoon(): void {
    if (closed) return
    cancelLook ??= layer.after(COALESCE_MS, () => {
      cancelLook = undefined
      look()
    })
  }

  function look(): void {
    const now = present().look
    if (now === candidate) return
    endTrial()
    if (now === settled?.look || now === IRREGULAR) return
    candidate = now
    followDirectories()
    cancelTrial = layer.after(now === GONE ? GONE_MS : STABLE_MS, confirm)
  }

  function confirm(): void {
    const { look: now, path } = present()
    if (now !== candidate) {
      look()
      return
    }
    endTrial()
    const before = settled
    settled = { look: now, digest: path === undefined ? GONE : layer.digest(path) }
    onSettled({
      kind: path === undefined ? 'gone' : 'file',
      isNews: before !== undefined && before.digest !== settled.digest,
    })
  }

  function endTrial(): void {
    cancelTrial()
    cancelTrial = nothing
    candidate = undefined
  }

  function poll(): void {
    followDirectories()
    look()
    cancelPoll = layer.after(POLL_MS, poll)
  }

  if (automatic) poll()

  return {
    takeNow() {
      endTrial()
      const { look: now, path } = present()
      if (now === IRREGULAR) return IRREGULAR
      settled = { look: now, digest: path === undefined ? GONE : layer.digest(path) }
      return path === undefined ? 'gone' : 'file'
    },
    close() {
      closed = true
      endTrial()
      cancelLook?.()
      cancelPoll()
      for (const { stop } of directories.values()) stop()
      directories.clear()
    },
  }
}

function nothing(): void {}

/** The real file system and clock. Nothing here keeps the program alive. */
export const diskLayer: WatchLayer = {
  stamp(path) {
    try {
      const facts = statSync(path, { bigint: true, throwIfNoEntry: false })
      if (facts === undefined) return undefined
      // A directory is an edit gone wrong, and loading it says so.
      if (!facts.isFile() && !facts.isDirectory()) return IRREGULAR
      // The change time too: `cp -p` and `mv` keep the modification time of another day.
      return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(':')
    } catch (error) {
      const code = codeOf(error)
      // Behind a directory that may not be searched, or links in a circle: loading it says which.
      return code === 'ENOTDIR' ? undefined : code
    }
  },

  digest(path) {
    try {
      const facts = statSync(path, { bigint: true })
      if (facts.size > MAX_DIGEST_BYTES) return `large ${facts.size} ${facts.mtimeNs}`
      return createHash('sha256').update(readFileSync(path)).digest('hex')
    } catch (error) {
      return codeOf(error)
    }
  },

  directoriesOf(path) {
    const found = new Map<string, string>()
    let here = path
    for (let links = 0; links < MAX_LINKS; links += 1) {
      const directory = dirname(here)
      try {
        const facts = statSync(directory, { bigint: true })
        found.set(directory, `${facts.dev}:${facts.ino}`)
        if (!lstatSync(here).isSymbolicLink()) break
        // `..` in a link means the parent of the real directory.
        here = resolve(realpathSync(directory), readlinkSync(here))
      } catch {
        // Not there yet, or no more: the poll finds out.
        break
      }
    }
    return found
  },

  watchDirectory(directory, onEvent) {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent)
      // A watch that breaks later leaves the poll.
      watcher.on('error', () => {
        watcher.close()
      })
      return () => {
        watcher.close()
      }
    } catch {
      return nothing
    }
  },

  after(ms, action) {
    const timer = setTimeout(action, ms)
    timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
