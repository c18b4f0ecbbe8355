/**
 * What people and crashes leave on disk: config files and usage logs with anything in them. A config is
 * either frozen or refused with `config_invalid`, and says where; a log is read to its end, loses only
 * the lines that were touched, and never invents one.
 *
 *   npm run check:texts -- [--seed 1] [--count 100000]
 */
import { readFileSync } from 'node:fs'
import { loadConfigText } from '../../dist/src/config/load.js'
import { ProxyError } from '../../dist/src/errors/proxy-error.js'
import { createLineReader } from '../../dist/src/usage/lines.js'
import { createFindings, createRandom, readOptions } from './run.js'

const options = readOptions('texts', 100_000)
const findings = createFindings(options)
const random = createRandom(options.seed)
const SLOW_MS = 1_000
const root = new URL('../../', import.meta.url)

const CONFIGS = [
  readFileSync(new URL('test/fixtures/config/complete.yaml', root), 'utf8'),
  readFileSync(new URL('test/fixtures/seed/rbac-failover.json', root), 'utf8'),
  `models:\n  a: { provider: openai, price: { input: 1, output: 2 } }\n  b: { provider: anthropic, strict: true }\nusers:\n  u:\n    models:\n      - { name: a, failover: b }\n    limits: { requests: 60/minute, tokens: 200k/day, cost: 5 USD/day }\n  k:\n    keys: ["sha256:${'0'.repeat(64)}"]\n    models: [b]\nfailover: { on: unavailable, deadline: 10m }\nallowed_hosts: [x.example]\n`,
]
const CONFIG_PIECES = [
  '\n', '\n  ', '\n    ', '\t', ': ', ', ', '- ', '? ', '{', '}', '[', ']', '"', "'", '#', '|', '>', '&a ', '*a', '<<: *a', '!t ', '---\n', '...\n', '%YAML 1.1\n',
  '${A}', '${A:-b}', '${', '$$', '${OPENAI_API_KEY}', '__proto__: 1', 'constructor', 'users', 'models', 'failover', 'provider', 'price', 'null', '~', '1e999', '-1', '.inf', '0x1F',
  '\0', '\r', '\ufeff', '\u2028', '\u202e', '\ud800', '😀', 'http://[::1]:1/v1', '0.0.0.0:1', '60/minute', 'x'.repeat(300), '{'.repeat(200), 'a: &x [*x]', 'listen: ${A}',
] // prettier-ignore
const ENV = { A: 'x: {y: [', OPENAI_API_KEY: 'sk-test-0123456789abcdef', B: '\0' }

function mutateText(text, pieces) {
  for (let n = random.pick([0, 1, 1, 2, 4, 10]); n > 0; n -= 1) {
    const at = random.below(text.length + 1)
    const length = random.below(40)
    switch (random.below(6)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 1:
        text = text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + String.fromCharCode(random.below(0x180)) + text.slice(at + 1)
        break
      default:
        text = text.slice(0, at) + random.pick(pieces) + text.slice(at)
    }
  }
  return text
}

let loaded = 0
async function tryConfig() {
  const text = mutateText(random.pick(CONFIGS), CONFIG_PIECES)
  const startedMs = performance.now()
  const detail = () => JSON.stringify(text.slice(0, 3_000))
  try {
    const config = await loadConfigText(text, '/w/c.yaml', { env: ENV, cwd: '/w', home: '/h' })
    loaded += 1
    if (!Object.isFrozen(config)) findings.add('a config that is not frozen', detail())
    if (config.warnings.join('').includes(ENV.OPENAI_API_KEY))
      findings.add('a key in a warning', detail())
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code !== 'config_invalid') {
      findings.add('config', `${detail()} ${error.stack}`)
    } else if (/\p{C}/u.test(error.message.replaceAll('\n', ''))) {
      findings.add(
        'control characters in a message',
        `${detail()} ${JSON.stringify(error.message)}`,
      )
    } else if (`${error.message}${error.hint}`.includes(ENV.OPENAI_API_KEY.slice(0, 12))) {
      findings.add('a key in a message', detail())
    }
  }
  const ms = performance.now() - startedMs
  if (ms > SLOW_MS) findings.add('slow config', `${Math.round(ms)} ms ${detail()}`)
}

const RECORDS = Array.from({ length: 40 }, (_, n) =>
  JSON.stringify({
    ts: new Date(1_795_000_000_000 + n * 1_000).toISOString(),
    id: `req_${n}`,
    user: n % 2 ? 'user-a' : 'user-b',
    api: 'chat',
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: n + 1,
    completion_tokens: 2,
    total_tokens: n + 3,
    ms: 5,
    attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 4 }],
  }),
)
const LINE_PIECES = ['\0\0\0', '\n', '\r\n', '\r', '{"ts":"', '}', '"', '\\', '\u202e', '1e400', '-5', 'null', '[', '{"a":', '\x1b[31m', 'ü'] // prettier-ignore
const SPAN = { sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY }

function readLog(bytes) {
  const counts = {
    lines: 0,
    skipped: 0,
    firstSkipped: undefined,
    earliestMs: undefined,
    latestMs: undefined,
  }
  const seen = []
  const reader = createLineReader('usage.jsonl', SPAN, counts, (usage) => {
    seen.push(usage.prompt_tokens ?? 'none')
  })
  let from = 0
  while (from < bytes.length) {
    const space = reader.space()
    const count = Math.min(space.length, bytes.length - from, 1 + random.below(700))
    space.set(bytes.subarray(from, from + count))
    reader.filled(count)
    from += count
  }
  reader.end()
  return { counts, seen }
}

let records = 0
function tryLog() {
  const count = 1 + random.below(8)
  const first = random.below(RECORDS.length - count)
  const lines = RECORDS.slice(first, first + count)
  // One line is touched; all others must come through whole.
  const touched = random.below(count + 1)
  const spoiled = lines.map((line, index) =>
    index === touched ? mutateText(line, LINE_PIECES) : line,
  )
  const text = spoiled.join('\n') + (random.below(5) === 0 ? '' : '\n')
  const detail = () => JSON.stringify(text)
  try {
    const { counts, seen } = readLog(Buffer.from(text))
    records += seen.length
    const whole = lines.flatMap((_, index) => (index === touched ? [] : [first + index + 1]))
    for (const tokens of whole) {
      if (!seen.includes(tokens))
        findings.add('a line was lost', `${detail()} ${tokens} of ${seen.join(',')}`)
    }
    // A mutation may well split one line into several; it may not make more records than lines.
    if (seen.length + counts.skipped > counts.lines + count) {
      findings.add('counts', `${detail()} ${JSON.stringify(counts)}`)
    }
    if (touched === count && (seen.length !== count || counts.skipped > 0)) {
      findings.add('an untouched log', `${detail()} ${JSON.stringify({ seen, counts })}`)
    }
  } catch (error) {
    findings.add('log', `${detail()} ${error.stack}`)
  }
}

for (let done = 0; done < options.count && findings.count < 20; done += 1) {
  await tryConfig()
  tryLog()
}
findings.end({ configs: options.count, loaded, logs: options.count, records })
