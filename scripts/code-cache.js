/**
 * Keeps beside the files of dist/aiproxy what V8 makes of them, which bin/aiproxy.js takes along. Runs some
 * commands first, because what is kept are the functions that have run: those that every start would compile.
 * scripts/bundle.js runs it in a folder of its own, which is its home too.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import vm from 'node:vm'

const require = createRequire(import.meta.url)
const PROGRAM = require.resolve('../bin/aiproxy.js')
const LOG = 'usage.jsonl'
const LOG_LINE = {
  ts: '2026-11-01T12:00:00.000Z',
  id: 'req_01JBKG4S00XJ7B5N0V3Q9W2Y4Z',
  user: 'user-a',
  api: 'chat',
  stream: false,
  model: 'gpt-5',
  served_model: 'gpt-5',
  provider: 'openai',
  status: 200,
  outcome: 'ok',
  prompt_tokens: 12_000,
  completion_tokens: 340,
  total_tokens: 12_340,
  cached_tokens: 0,
  ms: 840,
  attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 840 }],
}
const COMMANDS = [
  ['--version'],
  ['users', '-c', 'none'],
  ['usage', '-c', 'none', '--log', LOG],
  ['ask', '--explain', '-c', 'none', '-m', 'gpt-5'],
  ['serve', '-c', 'none', '--port', '0'],
]

const scripts = new Map()
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options)
    scripts.set(options.filename, this)
  }
}

// Nobody reads what the commands say. A server says where it is as soon as it has begun.
for (const stream of [process.stdout, process.stderr]) {
  stream.write = (text, written) => {
    written?.()
    if (text.includes('http://127.0.0.1:')) process.emit('SIGTERM')
    return true
  }
}

const { load, cacheOf } = require(PROGRAM)
process.on('exit', () => {
  for (const [filename, script] of scripts) {
    writeFileSync(cacheOf(filename), script.createCachedData())
  }
})
writeFileSync(LOG, `${JSON.stringify(LOG_LINE)}\n`.repeat(3))
for (const words of COMMANDS) {
  process.argv = [process.execPath, PROGRAM, ...words]
  // oxlint-disable-next-line no-await-in-loop -- each is a whole run of the program
  await load('./start.cjs').start()
}
