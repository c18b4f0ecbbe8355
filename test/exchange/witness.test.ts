import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { NO_LIMITS } from '../../src/config/no-limits.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { createRedactor } from '../../src/errors/redact.ts'
import type { Call, ReplySink } from '../../src/exchange/call.ts'
import { createWitness } from '../../src/exchange/witness.ts'
import type { Witness } from '../../src/exchange/witness.ts'
import type { AuditRecord } from '../../src/usage/audit.ts'
import type { UsageRecord } from '../../src/usage/record.ts'

const MIB = 1024 * 1024
const PROVIDER_KEY = 'provider-secret-0123456789'
const USER_KEY = 'correct horse battery'

const users: Config['users'] = new Map([
  ['ann', { name: 'ann', models: [], keys: ['0'.repeat(64)], limits: NO_LIMITS }],
  ['bob', { name: 'bob', models: [], keys: [], limits: NO_LIMITS }],
])

const RECORD: UsageRecord = {
  ts: '2026-11-22T15:12:11.034Z',
  id: 'req-1',
  user: 'ann',
  api: 'chat',
  model: 'gpt-5',
  served_model: 'claude',
  provider: 'anthropic',
  status: 200,
  outcome: 'ok',
  prompt_tokens: 3,
  ms: 12,
}

interface Stage {
  readonly witness: Witness
  readonly lines: AuditRecord[]
  /** What the caller got. */
  readonly got: string[]
}

function stage(body: string, more: Partial<Call> = {}): Stage {
  const lines: AuditRecord[] = []
  const got: string[] = []
  const target: ReplySink = {
    head: (status) => got.push(String(status)),
    write: (chunk) => got.push(Buffer.from(chunk).toString()) < 3,
    end: (chunk) => got.push(chunk === undefined ? 'end' : Buffer.from(chunk).toString()),
    onDrain() {},
    onGone() {},
  }
  const call: Call = {
    id: 'req-1',
    api: 'chat',
    headers: { authorization: `Bearer ${USER_KEY}` },
    readBody: async () => Buffer.from(body),
    startedMs: 0,
    ...more,
  }
  const audit = {
    append(line: AuditRecord) {
      lines.push(line)
      return ''
    },
    available: true,
    check: () => true,
    close() {},
  }
  const redact = createRedactor([PROVIDER_KEY])
  return { witness: createWitness(call, target, { audit, redact, config: { users } }), lines, got }
}

test('what goes through is passed on as it is, and stands in one line', async () => {
  const { witness, lines, got } = stage('{"model":"gpt-5"}')
  await witness.call.readBody()
  witness.sink.head(200, [])
  const bytes = Buffer.from('data: ü\n\n')
  // A character cut in two by a chunk.
  assert.equal(witness.sink.write(bytes.subarray(0, 7)), true)
  assert.equal(witness.sink.write(bytes.subarray(7)), false)
  witness.sink.end('data: [DONE]\n\n')
  witness.ended(RECORD)
  assert.equal(got.length, 4)
  assert.deepEqual(lines, [
    {
      ts: RECORD.ts,
      id: 'req-1',
      user: 'ann',
      api: 'chat',
      model: 'gpt-5',
      served_model: 'claude',
      provider: 'anthropic',
      status: 200,
      request: '{"model":"gpt-5"}',
      reply: 'data: ü\n\ndata: [DONE]\n\n',
    },
  ])
})

test('keys of providers and of the caller are taken out of all that others wrote', async () => {
  const { witness, lines } = stage(`mine ${USER_KEY}, theirs ${PROVIDER_KEY}`)
  await witness.call.readBody()
  // In two pieces of the body.
  witness.sink.write(`a ${PROVIDER_KEY.slice(0, 9)}`)
  witness.sink.end(`${PROVIDER_KEY.slice(9)} b ${USER_KEY} c sk-ant-0123456789`)
  witness.ended({ ...RECORD, model: USER_KEY })
  assert.equal(lines[0]?.request, 'mine [redacted], theirs [redacted]')
  assert.equal(lines[0]?.reply, 'a [redacted] b [redacted] c [redacted]')
  assert.equal(lines[0]?.model, '[redacted]')
})

test('a user without keys cannot choose words to be blanked out', async () => {
  const { witness, lines } = stage('launch the missiles', {
    headers: { 'x-user': 'bob', authorization: 'Bearer missiles' },
  })
  await witness.call.readBody()
  witness.ended({ ...RECORD, user: 'bob' })
  assert.equal(lines[0]?.request, 'launch the missiles')
})

test('a mebibyte is kept whole; of more the beginning, and no half of a key', async () => {
  const whole = stage('x'.repeat(MIB))
  await whole.witness.call.readBody()
  whole.witness.ended(RECORD)
  assert.equal(whole.lines[0]?.request?.length, MIB)
  assert.equal(whole.lines[0]?.truncated, undefined)

  // The cap goes through the middle of a key, and much before it is redacted.
  const secrets = `${PROVIDER_KEY} `.repeat(1000)
  const start = secrets + 'x'.repeat(MIB - secrets.length - 10)
  const long = stage('{}')
  long.witness.sink.write(start + PROVIDER_KEY)
  long.witness.sink.write('more')
  long.witness.ended(RECORD)
  const reply = long.lines[0]?.reply ?? ''
  assert.equal(long.lines[0]?.truncated, true)
  assert.ok(reply.length > MIB / 2 && reply.length < MIB)
  assert.equal(reply.includes(PROVIDER_KEY.slice(0, 8)), false)
})

test('a refusal stands there as the caller is told it; a body never read does not', () => {
  const openai = stage('{}')
  openai.witness.refused(RECORD, new ProxyError('model_missing', 'Model not specified'))
  assert.equal(openai.lines[0]?.request, undefined)
  assert.match(openai.lines[0]?.reply ?? '', /^\{"error":\{"message":"Model not specified"/)
  const anthropic = stage('{}', { api: 'messages' })
  anthropic.witness.refused(RECORD, new ProxyError('model_missing', 'Model not specified'))
  assert.match(anthropic.lines[0]?.reply ?? '', /^\{"type":"error".*"request_id":"req-1"\}$/)
  const relayed = stage('{}', { api: 'messages' })
  const raw = { contentType: 'text/plain', body: Buffer.from(`no: ${PROVIDER_KEY}`) }
  relayed.witness.refused(RECORD, new ProxyError('upstream_error', 'no', { raw }))
  assert.equal(relayed.lines[0]?.reply, 'no: [redacted]')
})

test('a caller who got nothing has no reply in the line', async () => {
  const { witness, lines } = stage('{}')
  await witness.call.readBody()
  witness.ended({ ...RECORD, status: 499, outcome: 'aborted' })
  assert.deepEqual(['reply' in (lines[0] ?? {}), lines[0]?.request], [false, '{}'])
})
