import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPaint } from '../../src/cli/paint.ts'
import { chooseUserColumns, createRequestLines, shortId } from '../../src/cli/request-lines.ts'
import { displayWidth } from '../../src/cli/table.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { createRecord } from './fake-world.ts'

const PLAIN = createPaint({ flag: 'never', env: {}, isTTY: false })
const COLOUR = createPaint({ flag: 'always', env: {}, isTTY: true })
const AT = new Date(2026, 10, 22, 15, 12, 3).getTime()
const CLAUDE = 'claude-sonnet-4-20250514'

function line(
  record: UsageRecord,
  columns: number,
  costUsd?: number,
  userColumns: number = 6,
): string {
  return createRequestLines({ columns, userColumns, paint: PLAIN }).request(record, AT, costUsd)
}

/** The record without the counts: nobody reported any. */
function uncounted(changes: Partial<UsageRecord>): UsageRecord {
  const { prompt_tokens: _prompt, completion_tokens: _completion, ...rest } = createRecord(changes)
  return rest
}

test('a request line tells time, short id, user, model, status, duration, first token, tokens, cost', () => {
  assert.equal(
    line(createRecord(), 120, 0.0032),
    '15:12:03 7f3a user-a gpt-5                                         200  1.9s   ttft 0.4s         812+214   $0.0032',
  )
})

test('at 80 columns the first token goes and the numbers stay', () => {
  assert.equal(
    line(createRecord(), 80, 0.0032),
    '15:12:03 7f3a user-a gpt-5                    200  1.9s       812+214   $0.0032',
  )
})

test('who answered instead stands beside who was asked, names cut in the middle', () => {
  const changes = { served_model: CLAUDE, provider: 'anthropic' }
  assert.match(line(createRecord(changes), 120), / user-a gpt-5 ↪ claude-sonnet-4-20250514 +200 /)
  assert.match(line(createRecord(changes), 80), / user-a gpt-5 ↪ claude-\S*…\S*0514 +200 /)
})

test('an estimate is marked beside the digits, which stay below the others', () => {
  const exact = line(createRecord(), 100, 0.0008)
  const about = line(
    createRecord({ estimated: true, outcome: 'aborted', status: 499 }),
    100,
    0.0008,
  )
  assert.match(about, /client left +812\+214~ +\$0\.0008$/)
  assert.equal(exact.indexOf('812+214'), about.indexOf('812+214'))
})

test('a refusal says why in the place of the counts', () => {
  const refused = uncounted({ status: 404, outcome: 'refused', error: 'model_not_found', ms: 2 })
  for (const columns of [80, 120]) {
    assert.match(line(refused, columns, 0), / 404 {2}2ms +not allowed$/)
  }
})

test('a stream that was cut says so even where there is little room', () => {
  assert.match(
    line(createRecord({ outcome: 'truncated' }), 120, 0.001),
    / cut short +812\+214 +\$0\.0010$/,
  )
  assert.match(line(createRecord({ outcome: 'truncated' }), 80, 0.001), / 812\+214 +cut$/)
})

test('a mocked answer is marked and has no price, and one that was cut is marked as both', () => {
  for (const columns of [80, 120])
    assert.match(line(createRecord({ mock: true }), columns, 0.5), /812\+214 +mock$/)
  const cut = createRecord({ mock: true, outcome: 'truncated' })
  assert.match(line(cut, 120), / cut short +812\+214 +mock$/)
  assert.match(line(cut, 80), / 812\+214 +mock cut$/)
})

test('a price nobody knows is a dash, no price at all is nothing, and none moves the columns', () => {
  const starts: number[] = []
  for (const costUsd of [undefined, 0, 0.000_001, 0.0032, 2.5, 123.456]) {
    const text = line(createRecord(), 120, costUsd)
    assert.ok(displayWidth(text) <= 120)
    starts.push(text.indexOf(' 200 '))
  }
  assert.equal(new Set(starts).size, 1, starts.join(' '))
  assert.match(line(createRecord(), 120, undefined), /812\+214 {3}–$/)
  assert.match(line(createRecord(), 120, 0.000_001), /812\+214 {3}<\$0\.0001$/)
  assert.match(line(uncounted({}), 120, undefined), / {3}ttft 0\.4s +–$/)
  const unanswered = uncounted({ outcome: 'failed', status: 503, attempts: [] })
  assert.match(line(unanswered, 120, 0), / 503 {2}1\.9s {3}failed$/)
})

function failed(provider: string): UsageRecord {
  return uncounted({
    outcome: 'failed',
    status: 502,
    attempts: [{ model: 'm', provider, status: 401, class: 'credential', ms: 3 }],
  })
}

test('a failure names the provider where there is room, and what went wrong in any case', () => {
  assert.match(line(failed('anthropic'), 80, 0), / 502 {2}1\.9s {3}anthropic credential$/)
  assert.match(line(failed('a-provider-with-a-long-name'), 80, 0), / 502 {2}1\.9s {3}credential$/)
  assert.match(line({ ...failed('anthropic'), mock: true }, 80), / 1\.9s {3}credential +mock$/)
})

test('names that come again are the same, and a flood of new ones changes nothing', () => {
  const lines = createRequestLines({ columns: 100, userColumns: 6, paint: PLAIN })
  const first = lines.request(createRecord(), AT, 0.1)
  for (let i = 0; i < 5000; i++) lines.request(createRecord({ model: `made-up-${i}` }), AT, 0.1)
  assert.equal(lines.request(createRecord(), AT, 0.1), first)
  assert.match(lines.request(createRecord(), AT + 61_000, 0.1), /^15:13:04 /)
})

test('status, duration and counts stand below each other, whatever the line says', () => {
  const records = [
    createRecord(),
    createRecord({ model: CLAUDE, served_model: CLAUDE }),
    createRecord({ served_model: CLAUDE, ms: 12_345 }),
    createRecord({ status: 499, outcome: 'aborted', estimated: true }),
    uncounted({ status: 404, outcome: 'refused', error: 'rate_limited', ms: 0 }),
  ]
  for (const columns of [80, 100, 120, 200]) {
    const starts = records.map(
      (record) => /\b(200|499|404) {2}\d/.exec(line(record, columns))?.index,
    )
    assert.equal(new Set(starts).size, 1, `${columns}: ${starts.join(' ')}`)
  }
})

const HOSTILE = [
  'm\u001b[31m\u001b]8;;http://x\u0007',
  'a\r\nb\u0008\u202e\u2028',
  'x'.repeat(300),
  '模型'.repeat(60),
  '🦊'.repeat(90),
  'e\u0301'.repeat(120),
  '__proto__',
  '',
]

test('no line is ever wider than the terminal, and none has a control character', () => {
  let lines = 0
  for (const columns of [20, 40, 60, 80, 95, 96, 120, 200]) {
    for (const name of HOSTILE) {
      for (const record of [
        createRecord({ model: name }),
        createRecord({ user: name, model: name, served_model: `${name}2` }),
        createRecord({ id: name, provider: name, outcome: 'failed', status: 503 }),
        createRecord({
          prompt_tokens: 999_949_999,
          completion_tokens: 123_456_789,
          served_model: name,
          ms: 9e6,
          estimated: true,
        }),
        uncounted({ outcome: 'refused', error: name, status: 429 }),
      ]) {
        const userColumns = chooseUserColumns([name])
        const text = line(record, columns, 1234.5, userColumns)
        assert.ok(displayWidth(text) <= columns, `${displayWidth(text)} > ${columns}: ${text}`)
        assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        lines++
      }
      const failover = createRequestLines({ columns, userColumns: 6, paint: PLAIN }).failover(
        {
          id: 'req_91c2',
          user: name,
          failed: { model: name, provider: name, status: 401, class: 'credential', ms: 3 },
          message: name,
          next: name,
        },
        AT,
      )
      assert.ok(displayWidth(failover) <= columns, failover)
      assert.doesNotMatch(failover, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }
  }
  assert.equal(lines, 320)
})

test('numbers are never cut where the terminal has 80 columns', () => {
  const changes = { prompt_tokens: 433_314, completion_tokens: 61_001, model: 'x'.repeat(99) }
  assert.match(line(createRecord(changes), 80, 12.5), / 433\.3K\+61\.0K +\$12\.50$/)
})

test('a failover line names the broken target, why, and who is next', () => {
  const event = {
    id: 'req_0123456789ab91c2',
    user: 'user-a',
    failed: { model: 'gpt-5', provider: 'openai', status: 401, class: 'credential', ms: 120 },
    message: 'Incorrect API key provided',
    next: CLAUDE,
  }
  const style = { columns: 80, userColumns: 6, paint: PLAIN }
  assert.equal(
    createRequestLines(style).failover(event, AT),
    '15:12:03 91c2 user-a gpt-5   openai 401 credential  ↪ claude-sonnet-4-20250514',
  )
  assert.equal(shortId(event.id), '91c2')
})

test('colour changes nothing but colour', () => {
  const records = [
    {},
    { outcome: 'truncated' as const },
    { status: 503, outcome: 'failed' as const },
  ]
  for (const changes of records) {
    const style = { columns: 100, userColumns: 6 }
    const render = (paint: typeof PLAIN): string =>
      createRequestLines({ ...style, paint }).request(createRecord(changes), AT, 0.1)
    const [painted, bare] = [render(COLOUR), render(PLAIN)]
    assert.notEqual(painted, bare)
    // oxlint-disable-next-line no-control-regex -- the escape character is what is removed
    assert.equal(painted.replace(/\u001b\[[\d;]*m/g, ''), bare)
  }
})
