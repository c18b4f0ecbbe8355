#!/usr/bin/env node
/**
 * Runs the files of dist/aiproxy (scripts/bundle.js). Node's own require() compiles them at every start, which
 * is half of a short command. Here V8 may take what it made of them at build time (scripts/code-cache.cjs):
 * it does where it is the same V8 with the same flags, and else compiles them as ever.
 */
const { readFileSync } = require('node:fs')
const { Module } = require('node:module')
const path = require('node:path')
const { Script } = require('node:vm')

const FOLDER = path.join(__dirname, '..', 'dist', 'aiproxy')

/** The `require` of those files: Node's modules, and each other. */
function load(id) {
  if (!id.startsWith('./')) return require(id)
  const filename = path.join(FOLDER, id)
  const known = require.cache[filename]
  if (known !== undefined) return known.exports
  const module = new Module(filename)
  require.cache[filename] = module
  const source = Module.wrap(readFileSync(filename, 'utf8'))
  const script = new Script(source, { filename, cachedData: readCache(filename) })
  script.runInThisContext()(module.exports, load, module, filename, FOLDER)
  return module.exports
}

function readCache(filename) {
  try {
    return readFileSync(cacheOf(filename))
  } catch {
    return undefined
  }
}

/** The compiled code of a file is of use to one version of Node on one platform. */
function cacheOf(filename) {
  return `${filename}.${process.version}-${process.platform}-${process.arch}`
}

if (require.main === module) load('./start.cjs').start()
else module.exports = { load, cacheOf }
