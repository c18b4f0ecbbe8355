/**
 * Runs the built tests. The list is made here because not every shell expands `*`, and Node 20 does not do it
 * for them. Arguments are handed on to `node --test`.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../dist/test', import.meta.url))
const files = readdirSync(root, { withFileTypes: true })
  .filter((room) => room.isDirectory())
  .flatMap((room) => readdirSync(join(root, room.name)).map((name) => join(root, room.name, name)))
  .filter((file) => file.endsWith('.test.js'))
  .toSorted()
const { status } = spawnSync(process.execPath, ['--test', ...process.argv.slice(2), ...files], {
  stdio: 'inherit',
})
process.exitCode = status ?? 1
