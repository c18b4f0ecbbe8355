/**
 * Request and reply bodies of any shape through every pair of dialects: parsed, decoded, encoded, and the
 * way back, streamed and in one piece. Only errors thrown on purpose may come out, and not ours; what is
 * sent on must be JSON, with headers that can be written; nothing may take longer than a second.
 *
 *   npm run check:bodies -- [--seed 1] [--count 200000]
 */
import { readFileSync, readdirSync } from 'node:fs'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { createAnswerPipe } from '../../dist/src/dialects/answer-pipe.js'
import { answerLocally } from '../../dist/src/dialects/local-answers.js'
import { createNotes, renderNotes } from '../../dist/src/dialects/notes.js'
import { prepareCall } from '../../dist/src/dialects/prepare.js'
import { callerDialect, targetDialect } from '../../dist/src/dialects/registry.js'
import { ProxyError } from '../../dist/src/errors/proxy-error.js'
import { renderAnthropic, renderOpenAi } from '../../dist/src/errors/render.js'
import { NO_HINTS } from '../../dist/src/dialects/dialect.js'
import { parseJsonObject } from '../../dist/src/wire/json.js'
import { createFindings, createRandom, readOptions } from './run.js'

const options = readOptions('bodies', 200_000)
const findings = createFindings(options)
const random = createRandom(options.seed)
const SLOW_MS = 1_000
const root = new URL('../../', import.meta.url)

const PNG = 'data:image/png;base64,iVBORw0KGgo='
const SCHEMA = {
  type: 'object',
  properties: { city: { type: ['string', 'null'] } },
  required: ['city'],
}
const CHAT = {
  model: 'm',
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', name: 'bob', content: [{ type: 'text', text: 'Hi' }, { type: 'image_url', image_url: { url: PNG, detail: 'low' } }] },
    { role: 'assistant', content: null, refusal: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"city":"x"}' } }] },
    { role: 'tool', tool_call_id: 'c1', content: '12' },
    { role: 'user', content: [{ type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA==' } }] },
  ],
  tools: [{ type: 'function', function: { name: 'f', description: 'd', parameters: SCHEMA, strict: true } }, { type: 'custom', custom: { name: 'g', format: { type: 'text' } } }],
  tool_choice: { type: 'function', function: { name: 'f' } },
  response_format: { type: 'json_schema', json_schema: { name: 's', schema: SCHEMA, strict: true } },
  stream_options: { include_usage: true }, temperature: 0, top_p: 0.5, max_tokens: 5, max_completion_tokens: 6, stop: ['a'], n: 1,
  seed: 1, logit_bias: { 5: 1 }, reasoning_effort: 'low', parallel_tool_calls: false, user: 'u', metadata: { a: 'b' }, stream: true,
} // prettier-ignore
const MESSAGES = {
  model: 'm', max_tokens: 100, system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
  messages: [
    { role: 'user', content: [{ type: 'text', text: 'Hi' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } }, { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }] },
    { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }, { type: 'tool_use', id: 't1', name: 'f', input: { city: 'x' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', is_error: true, content: [{ type: 'text', text: '12' }] }] },
  ],
  tools: [{ name: 'f', description: 'd', input_schema: SCHEMA }],
  tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true }, thinking: { type: 'enabled', budget_tokens: 1024 },
  stop_sequences: ['a'], temperature: 0, top_k: 3, metadata: { user_id: 'u' }, service_tier: 'auto', stream: true,
} // prettier-ignore
const RESPONSES = {
  model: 'm', instructions: 'Be brief.', store: false, stream: true,
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }, { type: 'input_image', image_url: PNG }] },
    { type: 'reasoning', id: 'r', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'x' },
    { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"city":"x"}' },
    { type: 'function_call_output', call_id: 'c1', output: '12' },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'ok', annotations: [] }] },
  ],
  tools: [{ type: 'function', name: 'f', parameters: SCHEMA, strict: true }, { type: 'custom', name: 'g' }],
  tool_choice: 'auto', text: { format: { type: 'json_schema', name: 's', schema: SCHEMA }, verbosity: 'low' },
  reasoning: { effort: 'low', summary: 'auto' }, max_output_tokens: 9, temperature: 0, include: ['reasoning.encrypted_content'],
  parallel_tool_calls: true, metadata: { a: 'b' }, previous_response_id: null, truncation: 'disabled', user: 'u',
} // prettier-ignore
const REQUESTS = [
  ['chat', CHAT],
  ['chat', CHAT],
  ['messages', MESSAGES],
  ['responses', RESPONSES],
  ['messages', MESSAGES],
  ['responses', RESPONSES],
  ['count_tokens', MESSAGES],
  ['embeddings', { model: 'm', input: ['a', 'b'], dimensions: 3, encoding_format: 'float' }],
]
const PROVIDERS = [
  { dialect: 'anthropic', api: 'auto' },
  { dialect: 'openai', api: 'auto' },
  { dialect: 'openai', api: 'chat' },
  { dialect: 'openai', api: 'responses' },
]
const TARGET_MODELS = [
  'm',
  'gpt-5',
  'gpt-5.2',
  'o3',
  'gpt-4o',
  'claude-opus-4-1',
  'claude-sonnet-4-20250514',
]

const REPLIES = ['openai-chat', 'anthropic', 'openai-responses', 'mock'].flatMap((folder) => {
  const directory = new URL(`test/fixtures/${folder}/`, root)
  return readdirSync(directory)
    .filter((name) => /\.(?:sse|json)$/.test(name))
    .map((name) => ({
      folder,
      sse: name.endsWith('.sse'),
      bytes: readFileSync(new URL(name, directory)),
    }))
})

const VALUES = [
  null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, '', ' ', 'x', '\r\nX-A: b', '\0', '\u202e', '\ud800', '😀', [], {}, [[]], [null], [{}], { type: 'text' },
  { __proto__: null, constructor: 1 }, 'text', 'user', 'tool', 'assistant', 'system', 'auto', 'none', 'required', 'function', 'custom', 'tool_use', 'thinking',
  'x'.repeat(5_000), 'data:,', 'data:image/png;base64,', 'http://a', Array.from({ length: 300 }, () => 'x'),
] // prettier-ignore
const KEYS = ['type', 'role', 'content', 'text', 'id', 'name', 'tool_calls', 'function', 'input', 'index', 'delta', 'usage', 'error', '__proto__', 'constructor', 'toString', 'a\r\nb', '\0', 'cache_control', 'stream', 'model'] // prettier-ignore

/** A copy with something wrong in it somewhere. */
function spoil(value, odds) {
  if (random.next() < odds) {
    switch (random.below(4)) {
      case 0:
        return random.pick(VALUES)
      case 1:
        return [value]
      case 2:
        return { [random.pick(KEYS)]: value }
      default:
        return Array.from({ length: random.below(4) }, () => value)
    }
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => spoil(item, odds)).filter(() => random.next() > odds)
    return random.next() < odds ? items.toReversed() : items
  }
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.create(null)
  for (const [key, member] of Object.entries(value)) {
    if (random.next() < odds) continue
    copy[random.next() < odds ? random.pick(KEYS) : key] = spoil(member, odds)
  }
  if (random.next() < odds * 3) copy[random.pick(KEYS)] = random.pick(VALUES)
  return copy
}

/** Bytes with something wrong in them; most often nothing. */
function spoilBytes(bytes) {
  if (random.below(6) !== 0 || bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  switch (random.below(4)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes, Buffer.from(random.pick(['}', ',{}', '\0', ' ', '\ufeff']))])
    case 2:
      return Buffer.concat([Buffer.from(random.pick(['\ufeff', ' ', '[', '\0'])), bytes])
    default: {
      const copy = Buffer.from(bytes)
      copy[at] = random.below(256)
      return copy
    }
  }
}

const counts = {
  requests: 0,
  relayed: 0,
  translated: 0,
  refused: 0,
  replies: 0,
  answered: 0,
  broken: 0,
}
let slowestMs = 0

/** Runs one case; an error that was not thrown on purpose is a finding. True where it ran through. */
function guarded(kind, detail, step) {
  const startedMs = performance.now()
  try {
    step()
    return true
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code === 'internal') {
      findings.add(kind, `${detail()} ${error.stack} ${error.cause?.stack ?? ''}`)
    } else if (kind === 'request' && (error.status < 400 || error.status > 499)) {
      findings.add('request refused as our fault', `${detail()} ${error.code}`)
    } else {
      JSON.stringify([renderOpenAi(error), renderAnthropic(error, 'r')])
    }
    return false
  } finally {
    const ms = performance.now() - startedMs
    slowestMs = Math.max(slowestMs, ms)
    if (ms > SLOW_MS) findings.add('slow', `${Math.round(ms)} ms: ${detail().slice(0, 500)}`)
  }
}

function checkHeaders(pairs) {
  for (const [name, value] of pairs) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
}

/** Some of the fields only: the fewer, the more often all of them can cross. */
function thin(body) {
  const share = random.pick([0.2, 0.5, 1])
  const always = new Set(['model', 'messages', 'input', 'max_tokens'])
  return Object.fromEntries(
    Object.entries(body).filter(([key]) => always.has(key) || random.next() < share),
  )
}

function tryRequest() {
  const [api, whole] = random.pick(REQUESTS)
  const base = thin(whole)
  const bytes = spoilBytes(
    Buffer.from(JSON.stringify(spoil(base, random.pick([0, 0.01, 0.02, 0.05, 0.2])))),
  )
  const provider = random.pick(PROVIDERS)
  const model = random.pick(TARGET_MODELS)
  const detail = () =>
    `${api} to ${JSON.stringify(provider)} ${model}: ${bytes.toString('utf8').slice(0, 4_000)}`
  let context
  counts.requests += 1
  const ran = guarded('request', detail, () => {
    const json = parseJsonObject(bytes)
    const caller = callerDialect(api)
    let decoded
    const inbound = {
      api,
      caller,
      headers: { 'user-agent': 'x', 'anthropic-beta': 'a,b', 'openai-organization': 'o' },
      body: bytes,
      json,
      stream: json.stream === true,
      request: () => (decoded ??= caller.decodeRequest(json)),
      decoded: () => decoded,
    }
    const dialect = targetDialect(provider, model, inbound)
    const notes = createNotes(random.below(10) === 0)
    const reading = { nowSeconds: 1, requestId: 'req_1' }
    const own = answerLocally(inbound, dialect, { ...reading, hints: NO_HINTS })
    if (own !== undefined) {
      checkHeaders([['x-aiproxy-notes', own.notes]])
      return
    }
    const prepared = prepareCall(
      inbound,
      dialect,
      { model, maxTokens: undefined, strict: false },
      notes,
    )
    const sent = JSON.parse(Buffer.from(prepared.body).toString('utf8'))
    if (sent.model !== model) findings.add('another model goes out', `${detail()} ${sent.model}`)
    checkHeaders([...prepared.headers, ['x-aiproxy-notes', renderNotes(notes)]])
    if (!/^\/[a-z0-9_/]+$/.test(prepared.path)) findings.add('path', prepared.path)
    counts[caller.name === dialect.name ? 'relayed' : 'translated'] += 1
    context = {
      ...reading,
      request: inbound.decoded(),
      hints: prepared.hints,
      inbound,
      dialect,
      prepared,
    }
  })
  if (!ran) counts.refused += 1
  return context
}

function spoilReply({ sse, bytes }) {
  const odds = random.pick([0, 0.01, 0.05])
  if (!sse) return Buffer.from(JSON.stringify(spoil(JSON.parse(bytes.toString('utf8')), odds)))
  const frames = bytes.toString('utf8').split(/(?<=\n\n)/)
  const spoiled = frames.flatMap((frame) => {
    if (random.next() < odds)
      return random.pick([[], [frame, frame], [frame.slice(0, random.below(frame.length))]])
    return [
      frame.replace(/^data: (\{.*\})$/gm, (line, json) => {
        if (odds === 0) return line
        try {
          return `data: ${JSON.stringify(spoil(JSON.parse(json), odds / 2))}`
        } catch {
          return line
        }
      }),
    ]
  })
  return Buffer.from(spoiled.join(''))
}

function tryReply(context) {
  const { inbound, dialect, prepared } = context
  // Mostly in the dialect it should be in.
  const fitting = REPLIES.filter(({ folder }) => folder === dialect.name)
  const reply = random.pick(random.below(8) === 0 ? REPLIES : fitting)
  const bytes = spoilBytes(spoilReply(reply))
  const detail = () =>
    `${dialect.name} ${reply.sse ? 'stream' : 'reply'} to ${inbound.caller.name}, stream ${inbound.stream}: ${bytes.toString('utf8').slice(0, 4_000)}`
  counts.replies += 1
  const ran = guarded('reply', detail, () => {
    const pipe = createAnswerPipe(
      {
        caller: inbound.caller,
        target: dialect,
        callerStreams: inbound.stream,
        targetStreams: reply.sse,
        stripUsage: prepared.stripUsage,
      },
      context,
    )
    const out = []
    for (let from = 0; from < bytes.length;) {
      const to = from + 1 + random.below(random.pick([4, 200, 5_000]))
      out.push(Buffer.from(pipe.push(bytes.subarray(from, to))))
      from = to
      if (pipe.failure !== undefined) break
    }
    if (pipe.failure === undefined) out.push(Buffer.from(pipe.end()))
    if (pipe.failure?.code === 'internal') throw pipe.failure
    const text = Buffer.concat(out).toString('utf8')
    if (inbound.caller.name === dialect.name || text === '') return
    if (!inbound.stream) JSON.parse(text)
    else for (const [, data] of text.matchAll(/^data: (?!\[DONE\])(.*)$/gm)) JSON.parse(data)
  })
  counts[ran ? 'answered' : 'broken'] += 1
}

for (let done = 0; done < options.count && findings.count < 20; done += 1) {
  const context = tryRequest()
  if (context !== undefined && context.inbound.api !== 'embeddings') tryReply(context)
}
findings.end({ ...counts, slowestMs: Math.round(slowestMs) })
