import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { findCandidates, findConfig, showPath } from '../../src/config/find.ts'

/** A fresh directory with `home/` and `work/` in it. */
function createPlace(t: TestContext): { home: string; cwd: string; root: string } {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'aiproxy-find-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const home = join(root, 'home')
  const cwd = join(root, 'work')
  mkdirSync(home)
  mkdirSync(cwd)
  return { root, home, cwd }
}

function put(path: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, 'users: {}\n')
  return path
}

test('each place is looked at only after all before it', (t) => {
  const { root, home, cwd } = createPlace(t)
  const xdg = join(root, 'xdg')
  const env = { AIPROXY_CONFIG: 'env.yaml', XDG_CONFIG_HOME: xdg }
  const inOrder = [
    put(join(cwd, 'flag.yaml')),
    put(join(cwd, 'env.yaml')),
    put(join(cwd, 'aiproxy.yaml')),
    put(join(cwd, 'aiproxy.yml')),
    put(join(cwd, 'aiproxy.json')),
    put(join(cwd, 'rbac.json')),
    put(join(xdg, 'aiproxy', 'config.yaml')),
  ]
  // By name first, then with nothing named and one file fewer each time.
  assert.equal(pathOf(findConfig({ flag: 'flag.yaml', env, cwd, home })), inOrder[0])
  assert.equal(pathOf(findConfig({ env, cwd, home })), inOrder[1])
  for (const expected of inOrder.slice(2)) {
    const found = findConfig({ env: { XDG_CONFIG_HOME: xdg }, cwd, home })
    assert.equal(pathOf(found), expected)
    rmSync(expected)
  }
  const nothing = findConfig({ env: { XDG_CONFIG_HOME: xdg }, cwd, home })
  assert.deepEqual(nothing, { kind: 'none' })
})

test('without XDG_CONFIG_HOME, or with a relative one, ~/.config is meant', (t) => {
  const { home, cwd } = createPlace(t)
  const path = put(join(home, '.config', 'aiproxy', 'config.yaml'))
  for (const env of [{}, { XDG_CONFIG_HOME: '' }, { XDG_CONFIG_HOME: 'relative' }]) {
    assert.equal(pathOf(findConfig({ env, cwd, home })), path)
  }
})

test('"none" means no file, from the flag and from the environment', (t) => {
  const { home, cwd } = createPlace(t)
  put(join(cwd, 'aiproxy.yaml'))
  assert.deepEqual(findConfig({ flag: 'none', env: {}, cwd, home }), { kind: 'none' })
  const env = { AIPROXY_CONFIG: 'none' }
  assert.deepEqual(findConfig({ env, cwd, home }), { kind: 'none' })
})

test('an empty AIPROXY_CONFIG is one that is not set', (t) => {
  const { home, cwd } = createPlace(t)
  const path = put(join(cwd, 'aiproxy.yaml'))
  assert.equal(pathOf(findConfig({ env: { AIPROXY_CONFIG: '' }, cwd, home })), path)
})

test('~ stands for the home directory in a named file', (t) => {
  const { home, cwd } = createPlace(t)
  const path = put(join(home, 'my.yaml'))
  assert.equal(pathOf(findConfig({ flag: '~/my.yaml', env: {}, cwd, home })), path)
})

test('a named file that is not there is config_missing, with its path and who named it', (t) => {
  const { home, cwd } = createPlace(t)
  put(join(cwd, 'aiproxy.yaml'))
  const missing = (flag: string | undefined, env: Record<string, string>) =>
    messageOf(() => findConfig({ flag, env, cwd, home }))
  assert.equal(missing('no.yaml', {}), 'no.yaml: no such file (named by --config)')
  assert.equal(
    missing(undefined, { AIPROXY_CONFIG: '/no/where.yaml' }),
    '/no/where.yaml: no such file (named by AIPROXY_CONFIG)',
  )
  assert.equal(missing('', {}), '--config names no config file.')
})

test('a path is shown relative only inside the working directory', () => {
  assert.equal(showPath('/w/a/b.yaml', '/w'), join('a', 'b.yaml'))
  assert.equal(showPath('/w/..b.yaml', '/w'), '..b.yaml')
  assert.equal(showPath('/x/b.yaml', '/w'), '/x/b.yaml')
  assert.equal(showPath('/w', '/w'), '/w')
})

function pathOf(found: ReturnType<typeof findConfig>): string | undefined {
  return found.kind === 'file' ? found.path : undefined
}

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    assert.equal(error.code, 'config_missing')
    assert.ok(error.hint)
    return error.message
  }
  throw new Error('nothing was thrown')
}

test('a file may still appear in the unnamed places, in their order; a named one stands alone', () => {
  const place = { cwd: '/desk', home: '/home/ann' }
  assert.deepEqual(findCandidates({ ...place, env: { AIPROXY_CONFIG: '' } }), [
    '/desk/aiproxy.yaml',
    '/desk/aiproxy.yml',
    '/desk/aiproxy.json',
    '/desk/rbac.json',
    '/home/ann/.config/aiproxy/config.yaml',
  ])
  assert.deepEqual(findCandidates({ ...place, env: {}, flag: 'none' }), [])
  assert.deepEqual(findCandidates({ ...place, env: { AIPROXY_CONFIG: 'none' } }), [])
})
