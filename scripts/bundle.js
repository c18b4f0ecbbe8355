/**
 * Packs what tsc wrote to dist/src, and what that uses of the runtime packages, into the few CommonJS
 * files of dist/aiproxy which `bin/aiproxy.js` runs. Node finds, opens and compiles the files of a program
 * one by one: our four hundred small ones and undici's hundred are most of a start. CommonJS, because
 * an `import` of `node:fs` evaluates all that it exports, streams included.
 *
 * Two passes. The first has esbuild cut the program along its `import()`s, without what nobody uses. The
 * second puts the many small pieces together in `start.cjs`, where each is still evaluated only when it
 * is asked for, and makes a file of each large one.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OUT = join(ROOT, 'dist', 'aiproxy')
const START = 'start.js'
// The program of a thread of its own: a file whatever its size.
const SECOND = 'second-worker.js'
// To open a file takes about as long as to compile this much; all numbers of bytes are without comments.
const SMALL_BYTES = 16_000

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

/** Writes one file: `contents` with every piece it needs, but for those that another file has. */
async function pack(file, contents, { pieces, files }) {
  const hasPiece = (name) => (files.get(name) ?? 'start.cjs') === file
  const bringPieces = {
    name: 'pieces',
    setup(run) {
      run.onResolve({ filter: /^\.\/.*\.js$/ }, ({ path }) => {
        const name = basename(path)
        return files.has(name) && !hasPiece(name)
          ? { path: `./${files.get(name)}`, external: true }
          : { path: name, namespace: 'piece' }
      })
      run.onLoad({ filter: /.*/, namespace: 'piece' }, ({ path: name }) => ({
        contents: hasPiece(name) ? pieces.get(name).text : fromStart(name, pieces.get(name)),
      }))
    },
  }
  const { outputFiles } = await build({
    ...settings,
    stdin: { contents, resolveDir: ROOT },
    format: 'cjs',
    // So that `import()` of another file becomes a require() too.
    supported: { 'dynamic-import': false },
    external: ['./start.cjs'],
    plugins: [bringPieces],
  })
  writeFileSync(join(OUT, file), outputFiles[0].text)
}

/** A small piece for those who are not in start.cjs: its exports under their names, taken once. */
function fromStart(name, { exports }) {
  const names = exports.join(', ')
  return `const { ${names} } = require('./start.cjs').pieces['${name}']()\nexport { ${names} }`
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

const pieces = await cut()
const files = new Map()
const small = []
for (const [name, piece] of pieces) {
  if (name === START) continue
  if (piece.bytes > SMALL_BYTES || name === SECOND) files.set(name, nameFile(piece))
  else small.push(name)
}
const names = [...files.values(), 'start.cjs']
if (new Set(names).size < names.length)
  throw new Error(`two files of one name: ${names.join(', ')}`)

rmSync(OUT, { recursive: true, force: true })
mkdirSync(OUT, { recursive: true })
const start = `export { start } from './${START}'
export const pieces = {
${small.map((name) => `  '${name}': () => require('./${name}'),`).join('\n')}
}`
await pack('start.cjs', start, { pieces, files })
for (const [name, file] of files) {
  // oxlint-disable-next-line no-await-in-loop -- one after the other is quick enough: 0.1 s in all
  await pack(file, `export * from './${name}'`, { pieces, files })
}
writeFileSync(join(OUT, 'LICENCES.txt'), renderLicences(pieces))
