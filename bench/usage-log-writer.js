/**
 * Logs to read, the same ones on every run: our own, by the ledger's renderer, and the transcripts of
 * Claude Code with as many requests, for programs that read those.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { renderLine } from '../dist/src/usage/ledger.js'

const FIRST_MS = Date.UTC(2026, 0, 1)
const ULID_DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LINES_PER_WRITE = 2000
const REQUESTS_PER_SESSION = 2000

const USERS = Array.from({ length: 25 }, (_, i) => `${['user', 'team', 'ci'][i % 3]}-${i + 1}`)
const MODELS = [
  { name: 'gpt-5', provider: 'openai', api: 'chat' },
  { name: 'gpt-5-mini', provider: 'openai', api: 'responses' },
  { name: 'gpt-4o', provider: 'openai', api: 'chat' },
  { name: 'claude-sonnet-4-20250514', provider: 'anthropic', api: 'messages' },
  { name: 'claude-opus-4-6', provider: 'anthropic', api: 'messages' },
  { name: 'claude-haiku-4-5', provider: 'anthropic', api: 'chat' },
  { name: 'local', provider: 'ollama', api: 'chat' },
]

/**
 * Writes a usage log of at least `bytes`: streams and whole answers, failovers, failures, refusals,
 * callers who left, cached tokens. Gives what stands in it, and the time at which its last hundredth begins.
 */
export function writeUsageLog(path, bytes) {
  const random = createRandom(1)
  const file = openSync(path, 'w')
  let written = 0
  let requests = 0
  let tsMs = FIRST_MS
  // When each hundredth of a log of this size began.
  const times = []
  while (written < bytes) {
    times.push({ at: written, tsMs })
    let block = ''
    for (let line = 0; line < LINES_PER_WRITE; line += 1) {
      tsMs += random(8000)
      block += `${renderLine(makeRecord(tsMs, random))}\n`
      requests += 1
    }
    written += writeSync(file, block)
  }
  closeSync(file)
  const last = times.findLast(({ at }) => at <= written * 0.99) ?? times[0]
  return { bytes: written, requests, lastPercent: new Date(last.tsMs).toISOString() }
}

function makeRecord(tsMs, random) {
  const asked = MODELS[random(MODELS.length)]
  const kind = random(100)
  const stream = random(10) < 6
  const ms = 200 + random(20_000)
  const beginning = {
    // A line is written when its request ends: arrivals are out of order by as much.
    ts: new Date(tsMs - ms).toISOString(),
    id: makeId(tsMs, random),
    user: USERS[random(USERS.length)],
    api: asked.api,
    ...(stream && { stream: true }),
    model: asked.name,
  }
  if (kind < 3) {
    return { ...beginning, status: 429, outcome: 'refused', error: 'limit_reached', ms: random(3) }
  }
  const failed = (model, more) => ({
    model: model.name,
    provider: model.provider,
    status: 503,
    class: 'server',
    ms: random(900),
    ...more,
  })
  if (kind < 6) {
    const attempts = [failed(asked), failed(asked)]
    return { ...beginning, status: 502, outcome: 'failed', error: 'upstream_error', ms, attempts }
  }
  const served = kind < 14 ? MODELS[random(MODELS.length)] : asked
  const prompt = 20 + random(30_000)
  const completion = 1 + random(4000)
  const left = kind >= 98
  return {
    ...beginning,
    served_model: served.name,
    provider: served.provider,
    status: left ? 499 : 200,
    outcome: left ? 'aborted' : 'ok',
    ...(left && { error: 'client_closed' }),
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cached_tokens: random(3) === 0 ? random(prompt) : 0,
    ...(served.provider === 'anthropic' && { cache_write_tokens: random(4) === 0 ? 512 : 0 }),
    ...(served.provider === 'openai' && { reasoning_tokens: random(completion) }),
    ...(left && { estimated: true }),
    ms,
    ...(stream && { ttft_ms: 50 + random(900) }),
    attempts: [
      ...(served === asked ? [] : [failed(asked, { maybe_billed: true })]),
      { model: served.name, provider: served.provider, status: 200, ms: ms - 3 },
    ],
  }
}

/** Writes transcripts of Claude Code below `directory`, as short as they come. Gives their bytes. */
export function writeClaudeLogs(directory, requests) {
  const random = createRandom(2)
  const folder = join(directory, 'projects', '-home-someone-project')
  mkdirSync(folder, { recursive: true })
  let tsMs = FIRST_MS
  let written = 0
  for (let begun = 0; begun < requests; begun += REQUESTS_PER_SESSION) {
    const sessionId = makeUuid(random)
    let text = ''
    for (let at = begun; at < Math.min(requests, begun + REQUESTS_PER_SESSION); at += 1) {
      tsMs += random(8000)
      text += `${JSON.stringify(makeTurn(tsMs, sessionId, random))}\n`
    }
    const file = openSync(join(folder, `${sessionId}.jsonl`), 'w')
    written += writeSync(file, text)
    closeSync(file)
  }
  return written
}

function makeTurn(tsMs, sessionId, random) {
  return {
    parentUuid: makeUuid(random),
    isSidechain: false,
    userType: 'external',
    cwd: '/home/someone/project',
    sessionId,
    version: '2.1.0',
    gitBranch: 'main',
    message: {
      model: ['claude-sonnet-4-20250514', 'claude-opus-4-5-20251101'][random(2)],
      id: `msg_${makeId(tsMs, random).slice(4)}`,
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'Done.' }],
      stop_reason: null,
      stop_sequence: null,
      usage: {
        input_tokens: 1 + random(50),
        cache_creation_input_tokens: random(4000),
        cache_read_input_tokens: random(90_000),
        output_tokens: 1 + random(4000),
        service_tier: 'standard',
      },
    },
    requestId: makeId(tsMs, random),
    type: 'assistant',
    uuid: makeUuid(random),
    timestamp: new Date(tsMs).toISOString(),
  }
}

/** Whole numbers from 0 up to a bound, the same ones for the same seed (a linear congruential generator). */
function createRandom(seed) {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function makeId(tsMs, random) {
  let time = ''
  for (let rest = tsMs, digit = 0; digit < 10; digit += 1, rest = Math.floor(rest / 32)) {
    time = ULID_DIGITS[rest % 32] + time
  }
  let noise = ''
  for (let digit = 0; digit < 16; digit += 1) noise += ULID_DIGITS[random(32)]
  return `req_${time}${noise}`
}

function makeUuid(random) {
  let digits = ''
  for (let at = 0; at < 32; at += 1) digits += random(16).toString(16)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
