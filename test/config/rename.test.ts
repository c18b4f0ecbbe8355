import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renameOver } from '../../src/config/rename.ts'

/** Renames that fail with these codes, one after the other, before they work. */
function tryRename(platform: NodeJS.Platform, codes: readonly string[]) {
  const left = [...codes]
  const paused: number[] = []
  let calls = 0
  const run = (): void => {
    renameOver('/a', '/b', {
      platform,
      rename(from, to) {
        calls++
        assert.deepEqual([from, to], ['/a', '/b'])
        const code = left.shift()
        if (code !== undefined) throw Object.assign(new Error(code), { code })
      },
      pause: (ms) => paused.push(ms),
    })
  }
  return { run, paused, calls: () => calls }
}

test('on Windows a file that is held open for a moment is renamed a moment later', () => {
  for (const code of ['EPERM', 'EACCES', 'EBUSY']) {
    const held = tryRename('win32', [code, code, code])
    held.run()
    assert.equal(held.calls(), 4)
    assert.deepEqual(held.paused, [10, 20, 40])
  }
})

test('a file that stays held open is given up on, after less than two seconds', () => {
  const held = tryRename(
    'win32',
    Array.from({ length: 99 }, () => 'EPERM'),
  )
  assert.throws(held.run, { code: 'EPERM' })
  const waited = held.paused.reduce((sum, ms) => sum + ms, 0)
  assert.ok(waited > 1000 && waited < 2000, `${waited} ms`)
})

test('what waiting cannot mend is not waited for', () => {
  for (const [platform, code] of [
    ['win32', 'ENOENT'],
    ['win32', 'ENOSPC'],
    ['linux', 'EACCES'],
    ['darwin', 'EPERM'],
  ] as const) {
    const failing = tryRename(platform, [code])
    assert.throws(failing.run, { code })
    assert.deepEqual([failing.calls(), failing.paused], [1, []])
  }
})
