import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { diskLayer, watchConfig } from '../../src/config/watch.ts'
import type { ConfigWatchOptions, Sighting, WatchLayer } from '../../src/config/watch.ts'

const PATH = '/desk/aiproxy.yaml'
// From a write to the news of it: the event is coalesced, then the file must be stable.
const SOON_MS = 120

interface FakeFile {
  text: string
  /** A new one with each write; the stamp. */
  version: number
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

/** A file system of a few files and a clock that is turned by hand. */
function createDisk() {
  const files = new Map<string, FakeFile | 'irregular'>()
  const timers = new Set<{ readonly atMs: number; readonly action: () => void }>()
  const watchers = new Map<string, Set<() => void>>()
  const identities = new Map<string, string>()
  let nowMs = 0
  let version = 0
  let stamps = 0

  const tell = (path: string): void => {
    for (const listener of watchers.get(directoryOf(path)) ?? []) listener()
  }
  const layer: WatchLayer = {
    stamp(path) {
      stamps += 1
      const file = files.get(path)
      return typeof file === 'object' ? String(file.version) : file
    },
    digest(path) {
      const file = files.get(path)
      return typeof file === 'object' ? file.text : 'ENOENT'
    },
    directoriesOf: (path) =>
      new Map([[directoryOf(path), identities.get(directoryOf(path)) ?? '1']]),
    watchDirectory(directory, onEvent) {
      const here = watchers.get(directory) ?? new Set()
      watchers.set(directory, here)
      here.add(onEvent)
      return () => {
        here.delete(onEvent)
      }
    },
    after(ms, action) {
      const timer = { atMs: nowMs + ms, action }
      timers.add(timer)
      return () => {
        timers.delete(timer)
      }
    },
  }
  return {
    layer,
    get timers() {
      return timers.size
    },
    get stamps() {
      return stamps
    },
    watched: () => [...watchers].filter(([, here]) => here.size > 0).map(([name]) => name),
    /** `silent`: no event comes of it. */
    write(path: string, text: string, silent = false) {
      files.set(path, { text, version: ++version })
      if (!silent) tell(path)
    },
    remove(path: string) {
      files.delete(path)
      tell(path)
    },
    makePipe(path: string) {
      files.set(path, 'irregular')
      tell(path)
    },
    /** Something else changed in the directory. */
    noise: tell,
    /** The directory was removed and made again: its watch sees nothing any more. */
    replaceDirectory(directory: string) {
      identities.set(directory, `${identities.get(directory) ?? '1'}+`)
    },
    advance(ms: number) {
      const untilMs = nowMs + ms
      for (;;) {
        const [due] = [...timers]
          .filter(({ atMs }) => atMs <= untilMs)
          .toSorted((a, b) => a.atMs - b.atMs)
        if (due === undefined) break
        timers.delete(due)
        nowMs = due.atMs
        due.action()
      }
      nowMs = untilMs
    },
  }
}

type Disk = ReturnType<typeof createDisk>

/** Follows `PATH`, already there and already settled; `seen` begins empty. */
function follow(disk: Disk, options: Partial<ConfigWatchOptions> = {}) {
  const seen: Sighting[] = []
  const watch = watchConfig(
    { paths: [PATH], automatic: true, onSettled: (sighting) => seen.push(sighting), ...options },
    disk.layer,
  )
  return { watch, seen }
}

function followSettled(disk: Disk) {
  disk.write(PATH, 'one')
  const followed = follow(disk)
  disk.advance(SOON_MS)
  followed.seen.length = 0
  return followed
}

const NEWS: Sighting = { kind: 'file', isNews: true }
const NO_NEWS: Sighting = { kind: 'file', isNews: false }

test('what is there at the beginning is told once, as no news', () => {
  const disk = createDisk()
  disk.write(PATH, 'one')
  const { seen } = follow(disk)
  disk.advance(99)
  assert.deepEqual(seen, [])
  disk.advance(1)
  assert.deepEqual(seen, [NO_NEWS])
  disk.advance(3_600_000)
  assert.deepEqual(seen, [NO_NEWS])
})

test('an edit is told once the file has been the same for 100 ms', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.write(PATH, 'tw')
  disk.advance(110)
  disk.write(PATH, 'two')
  disk.advance(99)
  assert.deepEqual(seen, [], 'half of it is not taken')
  disk.advance(21)
  assert.deepEqual(seen, [NEWS])
})

test('a file that is written to all the time is not taken before it rests', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  for (let i = 0; i < 100; i++) {
    disk.write(PATH, `part ${i}`)
    disk.advance(50)
  }
  assert.deepEqual(seen, [])
  disk.advance(SOON_MS)
  assert.deepEqual(seen, [NEWS])
})

test('an edit without an event is found by the poll', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.write(PATH, 'two', true)
  disk.advance(2100)
  assert.deepEqual(seen, [NEWS])
})

test('a file that was only touched is no news', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.write(PATH, 'one')
  disk.advance(SOON_MS)
  assert.deepEqual(seen, [NO_NEWS])
})

test('an edit taken back before it rested is not told', () => {
  const disk = createDisk()
  disk.write(PATH, 'one')
  const versions = [7n, 8n, 7n].map(String)
  let at = 0
  const layer: WatchLayer = { ...disk.layer, stamp: () => versions[at] }
  const seen: Sighting[] = []
  watchConfig(
    { paths: [PATH], automatic: true, onSettled: (sighting) => seen.push(sighting) },
    layer,
  )
  disk.advance(SOON_MS)
  at = 1
  disk.noise(PATH)
  disk.advance(50)
  at = 2
  disk.noise(PATH)
  disk.advance(5000)
  assert.deepEqual(seen, [NO_NEWS])
})

test('an editor that removes the file for a moment is not told as its end', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.remove(PATH)
  disk.advance(900)
  disk.write(PATH, 'two')
  disk.advance(SOON_MS)
  assert.deepEqual(seen, [NEWS])
})

test('a file that stays away is gone, told once; when it is back that is news', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.remove(PATH)
  disk.advance(10_000)
  assert.deepEqual(seen, [{ kind: 'gone', isNews: true }])
  disk.write(PATH, 'one')
  disk.advance(SOON_MS)
  assert.deepEqual(seen.slice(1), [NEWS])
})

test('a busy directory costs a look each 20 ms, and nothing is told', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  const before = disk.stamps
  for (let i = 0; i < 1000; i++) {
    disk.noise(PATH)
    disk.advance(1)
  }
  assert.deepEqual(seen, [])
  assert.ok(disk.stamps - before <= 51, `${disk.stamps - before} looks`)
})

test('a directory made anew is watched anew', () => {
  const disk = createDisk()
  const { seen } = followSettled(disk)
  disk.replaceDirectory('/desk')
  disk.advance(2000)
  disk.write(PATH, 'two')
  disk.advance(SOON_MS)
  assert.deepEqual(seen, [NEWS])
  assert.deepEqual(disk.watched(), ['/desk'])
})

test('without a file, the first that appears where one would be looked for is told', () => {
  const disk = createDisk()
  const { seen } = follow(disk, { paths: [PATH, '/home/config.yaml'] })
  disk.advance(1000)
  assert.deepEqual(seen, [{ kind: 'gone', isNews: false }])
  disk.write('/home/config.yaml', 'one')
  disk.advance(SOON_MS)
  assert.deepEqual(seen.slice(1), [NEWS])
  disk.write(PATH, 'two')
  disk.advance(SOON_MS)
  assert.deepEqual(seen.slice(2), [NEWS], 'the earlier name wins')
})

test('a pipe is never read again', () => {
  const disk = createDisk()
  disk.makePipe(PATH)
  const { seen, watch } = follow(disk)
  disk.advance(10_000)
  assert.deepEqual(seen, [])
  assert.equal(watch.takeNow(), 'irregular')
})

test('what was taken by hand is not told again', () => {
  const disk = createDisk()
  const { seen, watch } = followSettled(disk)
  disk.write(PATH, 'two')
  disk.advance(30)
  assert.equal(watch.takeNow(), 'file')
  disk.advance(10_000)
  assert.deepEqual(seen, [])
  disk.write(PATH, 'three')
  disk.advance(SOON_MS)
  assert.deepEqual(seen, [NEWS])
  disk.remove(PATH)
  assert.equal(watch.takeNow(), 'gone')
  disk.advance(10_000)
  assert.equal(seen.length, 1)
})

test('a watch that is not automatic looks only when told to', () => {
  const disk = createDisk()
  disk.write(PATH, 'one')
  const { seen, watch } = follow(disk, { automatic: false })
  assert.deepEqual([disk.timers, disk.watched()], [0, []])
  assert.equal(watch.takeNow(), 'file')
  disk.write(PATH, 'two')
  disk.advance(10_000)
  assert.deepEqual(seen, [])
})

test('after close nothing is watched and no timer is left', () => {
  const disk = createDisk()
  const { seen, watch } = followSettled(disk)
  disk.write(PATH, 'two')
  disk.advance(30)
  disk.noise(PATH)
  watch.close()
  assert.deepEqual([disk.timers, disk.watched()], [0, []])
  disk.advance(10_000)
  assert.deepEqual(seen, [])
})

// ── the real file system ────────────────────────────────────────────────────────────────────────

function createDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'aiproxy-watch-'))
  t.after(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

test('another file renamed into place, a growing one, and a missing one have other stamps', (t) => {
  const base = createDirectory(t)
  const path = join(base, 'a.yaml')
  assert.equal(diskLayer.stamp(path), undefined)
  writeFileSync(path, 'one')
  const one = diskLayer.stamp(path)
  assert.equal(diskLayer.stamp(path), one)
  writeFileSync(`${path}.new`, 'one')
  renameSync(`${path}.new`, path)
  const two = diskLayer.stamp(path)
  assert.notEqual(two, one)
  writeFileSync(path, 'one more')
  assert.notEqual(diskLayer.stamp(path), two)
  assert.notEqual(diskLayer.digest(path), diskLayer.digest(base))
  assert.equal(diskLayer.stamp('/dev/null'), 'irregular')
  assert.equal(diskLayer.stamp(join(path, 'below')), undefined)
})

test('every directory on the way through symbolic links is watched', (t) => {
  const base = createDirectory(t)
  // As a mounted ConfigMap has it: file → ..data/file, ..data → the version of today.
  mkdirSync(join(base, '..1'))
  mkdirSync(join(base, '..2'))
  writeFileSync(join(base, '..1', 'a.yaml'), 'one')
  writeFileSync(join(base, '..2', 'a.yaml'), 'two')
  symlinkSync('..1', join(base, '..data'))
  symlinkSync(join('..data', 'a.yaml'), join(base, 'a.yaml'))
  const path = join(base, 'a.yaml')
  const before = diskLayer.directoriesOf(path)
  assert.deepEqual([...before.keys()], [base, join(base, '..data')])
  const stamp = diskLayer.stamp(path)

  unlinkSync(join(base, '..data'))
  symlinkSync('..2', join(base, '..data'))
  const after = diskLayer.directoriesOf(path)
  assert.deepEqual([...after.keys()], [...before.keys()])
  assert.notEqual(after.get(join(base, '..data')), before.get(join(base, '..data')))
  assert.notEqual(diskLayer.stamp(path), stamp)
})

test('links in a circle end, and a missing directory is no directory', (t) => {
  const base = createDirectory(t)
  symlinkSync('b', join(base, 'a'))
  symlinkSync('a', join(base, 'b'))
  assert.deepEqual([...diskLayer.directoriesOf(join(base, 'a')).keys()], [base])
  assert.equal(diskLayer.stamp(join(base, 'a')), 'ELOOP')
  assert.deepEqual([...diskLayer.directoriesOf(join(base, 'none', 'a')).keys()], [])
  // Nothing to watch there, and no throw.
  diskLayer.watchDirectory(join(base, 'none'), () => {})()
})

test('an event of the real directory comes for a file renamed into place', async (t) => {
  const base = createDirectory(t)
  const path = join(base, 'a.yaml')
  writeFileSync(path, 'one')
  const sighted = new Promise<Sighting>((resolve) => {
    const watch = watchConfig({
      paths: [path],
      automatic: true,
      onSettled(sighting) {
        if (sighting.isNews) resolve(sighting)
        else {
          writeFileSync(`${path}.new`, 'two')
          renameSync(`${path}.new`, path)
        }
      },
    })
    t.after(() => {
      watch.close()
    })
  })
  // The watch itself keeps nothing alive.
  const alive = setInterval(() => {}, 1000)
  t.after(() => {
    clearInterval(alive)
  })
  assert.deepEqual(await sighted, NEWS)
})
