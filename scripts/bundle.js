/**
 * Packs what tsc wrote to dist/src, and what that uses of the runtime packages, into the few CommonJS
 * files of dist/aiproxy which `bin/aiproxy.js` runs. Node finds, opens and compiles the files of a program
 * one by one: our four hundred small ones and undici's hundred are most of a start. CommonJS, because
 * an `import` of `node:fs` evaluates all that it exports, streams included.
 *
 * Two passes. The first has esbuild cut the program along its `import()`s, without what nobody uses. The
 * second makes a file of each large piece, and puts the many small ones together: in `start.cjs` what
 * `--version` needs, in a command's own file what only that needs, and the others in `main.cjs`, where each
 * is still evaluated only when it is asked for. At last, what V8 makes of the files is kept beside them.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist', 'aiproxy')
const CODE_CACHE = join(ROOT, 'scripts', 'code-cache.js')
const START = 'start.js'
// The program of a thread of its own: a file whatever its size.
const SECOND = 'second-worker.js'
const SECOND_FILE = 'dist/src/usage/second-file.js'
// To open a file takes about as long as to compile this much; all numbers of bytes are without comments.
const SMALL_BYTES = 16_000
// The piece a command begins with brings others along.
const SMALL_COMMAND_BYTES = 4000

const settings = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  write: false,
  metafile: true,
  logLevel: 'warning',
}

// ── what is packed otherwise than it is written ─────────────────────────────────────────────────

/** A plugin: files whose path fits have this text in place of their own. */
function replace(path, contents) {
  return {
    name: `replace ${path}`,
    setup(run) {
      run.onLoad({ filter: path }, () => ({ contents }))
    },
  }
}

/** A plugin: a module that is empty for the files whose path fits. */
function leaveOut(module, importer) {
  return {
    name: `leave out ${module}`,
    setup(run) {
      run.onResolve({ filter: new RegExp(`^${module}$`) }, (from) =>
        importer.test(from.importer) ? { path: module, namespace: 'left-out' } : undefined,
      )
      run.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: '' }))
    },
  }
}

const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

const REPLACEMENTS = [
  replace(/[\\/]cli[\\/]version\.js$/, `export const readVersion = () => '${VERSION}'`),
  // commander can run commands that are programs of their own; ours are not.
  leaveOut('node:child_process', /[\\/]node_modules[\\/]commander[\\/]/),
  // What colours a stream takes is decided in cli/paint.ts.
  replace(/[\\/]chalk[\\/].*[\\/]supports-color[\\/]index\.js$/, 'export default {}'),
  replace(
    /[\\/]usage[\\/]second-file\.js$/,
    `export const secondWorkerFile = () => require('node:path').join(__dirname, 'second-worker.cjs')`,
  ),
  // Of undici we use one client; its index loads fetch, WebSocket, caches and mocks beside it.
  replace(
    /[\\/]undici[\\/]index\.js$/,
    `exports.Client = require('./lib/dispatcher/client.js')
    exports.buildConnector = require('./lib/core/connect.js')`,
  ),
  // Which it offers to no server unless `allowH2` is set.
  replace(
    /[\\/]undici[\\/]lib[\\/]dispatcher[\\/]client-h2\.js$/,
    `module.exports = () => { throw new Error('packed without HTTP/2: see scripts/bundle.js') }`,
  ),
]

// ── the two passes ──────────────────────────────────────────────────────────────────────────────

/** The program in pieces: by name, the text of each and what esbuild knows about it. */
async function cut() {
  const { outputFiles, metafile } = await build({
    ...settings,
    entryPoints: ['dist/src/cli/start.js', 'dist/src/usage/second-worker.js'],
    entryNames: '[name]',
    splitting: true,
    format: 'esm',
    outdir: 'pieces',
    // Takes the comments away; the second pass breaks the lines again, so that a stack still says where.
    minifyWhitespace: true,
    legalComments: 'none',
    plugins: REPLACEMENTS,
  })
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
  return new Map(
    Object.entries(metafile.outputs).map(([path, facts]) => {
      const name = basename(path)
      return [name, { ...facts, text: texts.get(name) }]
    }),
  )
}

/** The names of the pieces that this one leads to, itself among them: by all its imports, or but those by `import()`. */
function reach(name, pieces, { lazily, without }, found = new Set()) {
  if (found.has(name) || name === without) return found
  found.add(name)
  const { imports, inputs } = pieces.get(name)
  for (const { path, kind, external } of imports) {
    if (external === true || !(lazily || kind === 'import-statement')) continue
    reach(basename(path), pieces, { lazily, without }, found)
  }
  if (lazily && SECOND_FILE in inputs) reach(SECOND, pieces, { lazily, without }, found)
  return found
}

/** By file of the bundle, the names of the pieces in it. */
function distribute(pieces) {
  const homes = new Map()
  for (const name of reach(START, pieces, { lazily: false })) homes.set(name, 'start.cjs')
  for (const [name, piece] of pieces) {
    const limit = piece.entryPoint === undefined ? SMALL_BYTES : SMALL_COMMAND_BYTES
    if (homes.has(name) || (piece.bytes <= limit && name !== SECOND)) continue
    homes.set(name, nameFile(piece))
  }
  // What only one command leads to goes with that command; of several such, with the one that leads to fewest.
  const all = reach(START, pieces, { lazily: true })
  const owners = [...homes.keys()]
    .filter((name) => name !== SECOND && pieces.get(name).entryPoint !== undefined)
    .filter((name) => homes.get(name) !== 'start.cjs')
    .map((name) => [homes.get(name), reach(START, pieces, { lazily: true, without: name })])
    .toSorted(([, one], [, other]) => other.size - one.size)
  for (const name of all) {
    if (homes.has(name)) continue
    const [file] = owners.find(([, others]) => !others.has(name)) ?? ['main.cjs']
    homes.set(name, file)
  }
  const files = new Map()
  for (const [name, file] of homes) files.set(file, [...(files.get(file) ?? []), name])
  return files
}

/** Writes one file: its own pieces, and where those of other files are. */
async function pack(file, { pieces, files }) {
  const own = files.get(file)
  const bringPieces = {
    name: 'pieces',
    setup(run) {
      run.onResolve({ filter: /^\.\/.*\.js$/ }, ({ path }) => ({
        path: basename(path),
        namespace: 'piece',
      }))
      run.onLoad({ filter: /.*/, namespace: 'piece' }, ({ path: name }) => ({
        contents: own.includes(name) ? pieces.get(name).text : fetchPiece(name, { pieces, files }),
      }))
    },
  }
  const { outputFiles } = await build({
    ...settings,
    stdin: { contents: exportPieces(own), resolveDir: ROOT },
    format: 'cjs',
    // So that `import()` of another piece becomes a require() too.
    supported: { 'dynamic-import': false },
    external: ['./*.cjs'],
    plugins: [bringPieces],
  })
  writeFileSync(join(OUT, file), outputFiles[0].text)
}

/** What a file gives to the others: its only piece, or each of its pieces when it is asked for. */
function exportPieces(names) {
  if (names.length === 1) return `export * from './${names[0]}'`
  const thunks = names.map((name) => `  '${name}': () => require('./${name}'),`)
  const start = names.includes(START) ? `export { start } from './${START}'\n` : ''
  return `${start}export const pieces = {\n${thunks.join('\n')}\n}`
}

/** A piece for those who are in another file: its exports under their names, taken once. */
function fetchPiece(name, { pieces, files }) {
  const [file, { length }] = [...files].find(([, names]) => names.includes(name))
  const names = pieces.get(name).exports.join(', ')
  const piece = `require('./${file}')${length === 1 ? '' : `.pieces['${name}']()`}`
  return `const { ${names} } = ${piece}\nexport { ${names} }`
}

/** The file of a large piece: called after where it begins, or after what most of it is. */
function nameFile({ entryPoint, inputs }) {
  if (entryPoint !== undefined) return `${basename(entryPoint, '.js')}.cjs`
  const [[largest]] = Object.entries(inputs).toSorted(
    ([, one], [, other]) => other.bytesInOutput - one.bytesInOutput,
  )
  return `${packageOf(largest) ?? basename(largest, '.js')}.cjs`
}

function packageOf(path) {
  return /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]
}

/** The licences of the packages of which something is packed. Throws where one has none. */
function renderLicences(pieces) {
  const paths = [...pieces.values()].flatMap(({ inputs }) => Object.keys(inputs))
  const names = new Set(paths.map(packageOf).filter((name) => name !== undefined))
  const texts = [...names].toSorted().map((name) => {
    const folder = join(ROOT, 'node_modules', name)
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    if (file === undefined) throw new Error(`${name} has no licence that could go along`)
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}

/** See scripts/code-cache.js. The program runs without, only slower: where it fails, that is said, and all. */
function keepCode() {
  const home = join(OUT, 'home')
  mkdirSync(home)
  const { status, stderr, error } = spawnSync(process.execPath, [CODE_CACHE], {
    cwd: home,
    env: { HOME: home, USERPROFILE: home, SystemRoot: process.env.SystemRoot },
    encoding: 'utf8',
    timeout: 60_000,
  })
  rmSync(home, { recursive: true })
  if (status !== 0) console.warn(`no compiled code is kept: ${error?.message ?? stderr}`)
}

const pieces = await cut()
const files = distribute(pieces)

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
for (const file of files.keys()) {
  // oxlint-disable-next-line no-await-in-loop -- one after the other is quick enough: 0.1 s in all
  await pack(file, { pieces, files })
}
writeFileSync(join(OUT, 'LICENCES.txt'), renderLicences(pieces))
keepCode()
