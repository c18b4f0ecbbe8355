import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import type { Config } from '../../src/config/config.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { CLAUDE, configWith, mockUpDay, record, run } from './usage-run.ts'
import type { RunOptions } from './usage-run.ts'

async function failToLoad(): Promise<Config> {
  throw new ProxyError('config_invalid', 'aiproxy.yaml:3:1 unknown key "modles".')
}

/** The shape of cli.md §5, as far as these tests read it. */
interface UsageJson {
  readonly schema: string
  readonly window: unknown
  readonly by: readonly string[]
  readonly rows: readonly {
    readonly user?: string
    readonly model?: string
    readonly served?: string
    readonly requests: number
    readonly tokens: unknown
    readonly costUsd: number | null
    readonly unpricedRequests: number
  }[]
  readonly totals: {
    readonly requests: number
    readonly costUsd: number | null
    readonly costIsMinimum: boolean
  }
  readonly rowsLeftOut: number
  readonly unpricedModels: readonly string[]
  readonly prices: unknown
  readonly source: { readonly files: readonly string[]; readonly lines: number }
}

async function json(
  t: TestContext,
  args: readonly string[],
  options: RunOptions,
): Promise<UsageJson> {
  const { stdout } = await run(t, ['--json', ...args], options)
  return JSON.parse(stdout)
}

test('on a terminal of 80 columns the table is the mock-up’s', async (t) => {
  const ran = await run(t, ['--since', 'today'], { records: mockUpDay(), terminal: 80 })
  assert.equal(
    ran.stdout,
    `Usage · today · Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)

USER    MODEL                     REQS   INPUT  OUTPUT  CACHED    COST  SHARE
──────────────────────────────────────────────────────────────────────────────
user-a  claude-sonnet-4-20250514    33  288.4K   41.2K  120.0K   $1.16  █████▌
user-a  gpt-5                       65  433.3K   61.0K  201.7K   $0.97  ████▌
user-b  local                        4    9.1K    1.2K       0       –
──────────────────────────────────────────────────────────────────────────────
TOTAL                              102  730.8K  103.4K  321.7K  ≥$2.13
`,
  )
  assert.equal(
    ran.stderr,
    `
4 by failover (gpt-5 → claude-sonnet-4-20250514) · 3 failed · p50 1.9s
list prices: OpenAI 2026-11-18, Anthropic 2026-10-24
! local has no price: 4 requests shown as –, the total is a minimum.   → price: in aiproxy.yaml
`,
  )
  assert.equal(ran.exitCode, 0)
})

test('piped it is the same table without bars, at its natural width, and without colour', async (t) => {
  const { stdout } = await run(t, ['--since', 'today'], { records: mockUpDay() })
  const lines = stdout.split('\n')
  assert.equal(lines[2], 'USER    MODEL                     REQS   INPUT  OUTPUT  CACHED    COST')
  assert.equal(lines[4], 'user-a  claude-sonnet-4-20250514    33  288.4K   41.2K  120.0K   $1.16')
  assert.equal(lines[8], 'TOTAL                              102  730.8K  103.4K  321.7K  ≥$2.13')
  assert.ok(!stdout.includes('\u001b'))
})

test('colour is there where the terminal has it, and changes no width', async (t) => {
  const plain = await run(t, [], { records: mockUpDay(), terminal: 100 })
  const painted = await run(t, [], { records: mockUpDay(), terminal: 100, colour: 1 })
  assert.ok(painted.stdout.includes('\u001b[2m'))
  // oxlint-disable-next-line no-control-regex
  assert.equal(painted.stdout.replace(/\u001b\[\d+m/g, ''), plain.stdout)
})

test('no line is wider than the terminal; numbers stay whole on a narrow one', async (t) => {
  const records = mockUpDay().map((one, i) => ({
    ...one,
    user: `somebody-with-a-long-name-${i % 2}`,
  }))
  for (const terminal of [44, 60, 80, 120, 200]) {
    for (const args of [[], ['--wide'], ['--by', 'user,served'], ['--by', 'user', '--exact']]) {
      const { stdout } = await run(t, ['--since', 'today', ...args], { records, terminal })
      const table = stdout.split('\n').slice(2)
      for (const line of table) assert.ok(displayWidth(line) <= terminal, `${terminal}: ${line}`)
      assert.ok(/730\.8K|730,777/.test(stdout), stdout)
    }
  }
  const wide = await run(t, ['--wide'], { records: mockUpDay(), terminal: 160 })
  assert.match(
    wide.stdout,
    /REQS {2}FAILED {2}FAILOVERS +INPUT +OUTPUT +CACHED +WRITTEN +REASONING +TOTAL +COST +P50 +P95 +SHARE/,
  )
})

test('--json agrees with the log to the token', async (t) => {
  const records = mockUpDay()
  const { rows, totals, source } = await json(t, ['--by', 'user,served'], { records })
  for (const row of rows) {
    const own = records.filter((one) => one.user === row.user && one.served_model === row.served)
    const sum = (read: (one: UsageRecord) => number | undefined): number =>
      own.reduce((total, one) => total + (read(one) ?? 0), 0)
    assert.equal(row.requests, own.length)
    assert.deepEqual(row.tokens, {
      prompt: sum((one) => one.prompt_tokens),
      completion: sum((one) => one.completion_tokens),
      cached: sum((one) => one.cached_tokens),
      cacheWrite: sum((one) => one.cache_write_tokens),
      reasoning: sum((one) => one.reasoning_tokens),
      total: sum((one) => one.total_tokens),
    })
  }
  assert.equal(totals.requests, records.length)
  assert.equal(source.lines, records.length)
})

test('--json has the contract’s shape, whatever the grouping', async (t) => {
  for (const by of ['user,model', 'served', 'day,outcome', 'hour', 'week,provider', 'month']) {
    const report = await json(t, ['--since', 'today', '--by', by], { records: mockUpDay() })
    assert.deepEqual(Object.keys(report), [
      'schema',
      'window',
      'by',
      'rows',
      'rowsLeftOut',
      'totals',
      'unpricedModels',
      'prices',
      'source',
    ])
    assert.equal(report.schema, 'aiproxy.usage/1')
    assert.deepEqual(report.window, {
      since: '2026-11-22T00:00:00.000Z',
      until: '2026-11-22T15:12:00.000Z',
      tz: 'Europe/London',
    })
    assert.deepEqual(report.by, by.split(','))
    for (const row of report.rows) {
      assert.deepEqual(Object.keys(row), [
        ...by.split(','),
        'requests',
        'failed',
        'failovers',
        'tokens',
        'costUsd',
        'unpricedRequests',
        'latencyMs',
      ])
    }
    assert.equal(report.totals.requests, 102)
    assert.equal(report.totals.costIsMinimum, true)
    assert.deepEqual(report.unpricedModels, ['local'])
    assert.deepEqual(report.source, { files: ['usage.jsonl'], lines: 102, skipped: 0 })
  }
})

test('--json says null for an unknown price, and zero for nothing at all', async (t) => {
  const { rows, totals } = await json(t, [], { records: mockUpDay() })
  const local = rows.find((row) => row.model === 'local')
  assert.equal(local?.costUsd, null)
  assert.equal(local?.unpricedRequests, 4)
  assert.equal(typeof totals.costUsd, 'number')
  const only = await json(t, ['-m', 'local'], { records: mockUpDay() })
  assert.equal(only.totals.costUsd, null)
  assert.equal(only.totals.costIsMinimum, true)
  const none = await json(t, ['-m', 'nobody'], { records: mockUpDay() })
  assert.equal(none.totals.costUsd, 0)
  assert.equal(none.totals.costIsMinimum, false)
})

test('no log yet: the shape stays, the exit code is 0, and stderr says where it was looked for', async (t) => {
  const table = await run(t, [])
  assert.equal(table.stdout, 'No usage recorded yet.\n')
  assert.equal(table.stderr, 'log: usage.jsonl\n')
  assert.equal(table.exitCode, 0)
  const report = await json(t, [], {})
  assert.deepEqual(report.rows, [])
  assert.deepEqual(report.window, {
    since: null,
    until: '2026-11-22T15:12:00.000Z',
    tz: 'Europe/London',
  })
  assert.equal(report.totals.requests, 0)
  assert.deepEqual(report.source, { files: ['usage.jsonl'], lines: 0, skipped: 0 })
  assert.equal((await run(t, ['--format', 'jsonl'])).stdout, '')
})

test('nothing in the window: the window, and what the log does cover', async (t) => {
  const ran = await run(t, ['--since', 'yesterday', '--until', 'yesterday'], {
    records: mockUpDay(),
  })
  assert.equal(
    ran.stdout,
    `Usage · yesterday · Sat 21 Nov 2026 00:00 → Sun 22 Nov 2026 00:00 (Europe/London)

No usage in this window.
`,
  )
  assert.equal(
    ran.stderr,
    'log: usage.jsonl covers Sun 22 Nov 2026 12:00 → Sun 22 Nov 2026 12:00, 102 lines\n',
  )
  assert.equal(ran.exitCode, 0)
})

test('rows are ordered by cost with the unknown last, by time where there is one, else as asked', async (t) => {
  const records = [
    record({ ts: '2026-11-21T12:00:00.000Z', user: 'b' }),
    record({ ts: '2026-11-20T12:00:00.000Z', user: 'c', prompt_tokens: 50_000 }),
    record({ ts: '2026-11-22T12:00:00.000Z', user: 'a', served_model: 'unknown' }),
  ]
  const users = async (...args: string[]): Promise<unknown[]> =>
    (await json(t, args, { records })).rows.map((row) => row.user)
  assert.deepEqual(await users('--by', 'user'), ['c', 'b', 'a'])
  assert.deepEqual(await users('--by', 'day,user'), ['c', 'b', 'a'])
  assert.deepEqual(await users('--by', 'user,day'), ['c', 'b', 'a'])
  assert.deepEqual(await users('--by', 'user,day', '-r'), ['a', 'b', 'c'])
  assert.deepEqual(await users('--by', 'user', '--sort', 'user'), ['a', 'b', 'c'])
  assert.deepEqual(await users('--by', 'user', '--sort', 'INPUT'), ['c', 'b', 'a'])
  assert.deepEqual(await users('--by', 'user', '--sort', 'cost', '-r'), ['a', 'b', 'c'])
  assert.deepEqual(await users('--by', 'user', '--top', '2'), ['c', 'b'])
  const top = await run(t, ['--by', 'user', '--top', '2'], { records })
  assert.match(top.stderr, /… 1 more row, all in the total/)
  assert.match(top.stdout, /TOTAL +3 /)
})

test('filters narrow the rows and stand in the header', async (t) => {
  const { stdout } = await run(t, ['-u', 'user-a', '-m', 'claude-*', '--outcome', 'ok'], {
    records: mockUpDay(),
  })
  assert.match(stdout, /· user user-a · model claude-\* · outcome ok\n/)
  assert.match(stdout, /TOTAL +33 /)
  assert.ok(!stdout.includes('gpt-5'))
})

test('--exact writes numbers out, --no-cost leaves costs away everywhere', async (t) => {
  const exact = await run(t, ['--exact', '--by', 'user'], { records: mockUpDay() })
  assert.match(exact.stdout, /user-a +98 +721,677 +102,154 +321,683 +\$2\.129232/)
  const without = await run(t, ['--no-cost'], { records: mockUpDay(), terminal: 80 })
  assert.ok(!/COST|SHARE|\$/.test(without.stdout + without.stderr))
  const report = await json(t, ['--no-cost'], { records: mockUpDay() })
  assert.equal(report.rows[0]?.costUsd, null)
  assert.equal(report.totals.costIsMinimum, false)
  const csv = await run(t, ['--csv', '--no-cost'], { records: mockUpDay() })
  assert.ok(!csv.stdout.includes('cost_usd'))
})

test('a mocked answer shows no price and raises no warning', async (t) => {
  const { stdout, stderr } = await run(t, [], { records: [record({ mock: true })] })
  assert.match(stdout, /gpt-5 +1 .* –\n/)
  assert.ok(!stdout.includes('≥'))
  assert.equal(stderr, '1 mocked · p50 1.9s\n')
})

test('CSV and TSV have whole figures, empty cells for the unknown, and run no formulas', async (t) => {
  const records = [
    record({ user: '=cmd|calc', model: 'a,"b"' }),
    record({ user: '@x', model: '-1+2', served_model: 'unknown' }),
    record({ user: '+x', model: 'x\ty' }),
  ]
  const csv = await run(t, ['--csv', '--sort', 'user'], { records })
  assert.equal(
    csv.stdout,
    [
      'user,model,requests,failed,failovers,prompt_tokens,completion_tokens,cached_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,p50_ms,p95_ms,unpriced_requests',
      "'+x,x\ufffdy,1,0,1,6666,938,3103,0,0,7604,0.014221625,1900,1900,0",
      `'=cmd|calc,"a,""b""",1,0,1,6666,938,3103,0,0,7604,0.014221625,1900,1900,0`,
      "'@x,'-1+2,1,0,1,6666,938,3103,0,0,7604,,1900,1900,1",
      '',
    ].join('\n'),
  )
  const tsv = await run(t, ['--format', 'tsv', '--by', 'user'], { records })
  for (const line of tsv.stdout.trimEnd().split('\n')) assert.equal(line.split('\t').length, 14)
})

test('JSON lines are the rows alone, Markdown is a table', async (t) => {
  const lines = await run(t, ['--format', 'jsonl'], { records: mockUpDay() })
  const rows = lines.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(rows, (await json(t, [], { records: mockUpDay() })).rows)
  const md = await run(t, ['--format', 'md', '--by', 'user'], {
    records: [record({ user: 'a|b' })],
  })
  assert.match(md.stdout, /\| USER \| REQS \|.*\n\| --- \| ---: \|.*\n\| a\\\|b \| 1 \|/)
})

test('hostile names never reach a terminal raw, in any format', async (t) => {
  const hostile = '\u001b[2J\u001b]8;;http://x\u0007\r\n\u009b31m\u202e\u2028\u200b\u{e0041}x'
  const records = [
    record({ user: hostile, model: hostile, served_model: hostile, provider: hostile }),
  ]
  // oxlint-disable-next-line no-control-regex
  const stray = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\u0000-\u0008\u000b-\u001f\u007f-\u009f]/u
  for (const format of ['table', 'json', 'jsonl', 'csv', 'tsv', 'md']) {
    for (const terminal of [80, undefined]) {
      const args = ['--format', format, '--by', 'user,model,served,provider', '-u', `*${hostile}*`]
      const ran = await run(t, args, { records, ...(terminal === undefined ? {} : { terminal }) })
      assert.doesNotMatch(ran.stdout + ran.stderr, stray, format)
      assert.equal(ran.stdout.includes('\t') && format !== 'tsv', false)
    }
  }
  assert.equal((await json(t, [], { records })).rows[0]?.user, hostile)
})

test('unreadable lines are counted and named; --strict fails on them', async (t) => {
  const log = `${renderLine(record())}\nnonsense\n${renderLine(record())}\n{"half":`
  const lenient = await run(t, [], { log })
  assert.match(lenient.stderr, /note: skipped 1 unreadable line, first: usage\.jsonl:2\n/)
  assert.equal(lenient.exitCode, 0)
  const strict = await run(t, ['--strict'], { log })
  assert.match(strict.stderr, /error: skipped 1 unreadable line, first: usage\.jsonl:2\n/)
  assert.match(strict.stdout, /TOTAL +2 /)
  assert.equal(strict.exitCode, 1)
  assert.equal((await run(t, ['--strict'], { records: mockUpDay() })).exitCode, 0)
})

test('-q leaves stderr empty but for what could not be read', async (t) => {
  const quiet = { flags: { quiet: true } }
  assert.equal((await run(t, [], { records: mockUpDay(), ...quiet })).stderr, '')
  assert.match((await run(t, [], { log: 'x\n', ...quiet })).stderr, /skipped 1 unreadable line/)
})

test('a named log needs no config; without one the config must load', async (t) => {
  const loadConfig = failToLoad
  const named = await run(t, ['--log', 'usage.jsonl'], { records: mockUpDay(), loadConfig })
  assert.match(named.stdout, /TOTAL +102 /)
  assert.match(
    named.stderr,
    /^note: without the config's own prices: aiproxy\.yaml:3:1 unknown key/,
  )
  await assert.rejects(run(t, [], { records: mockUpDay(), loadConfig }), { code: 'config_invalid' })
})

test('--log - reads stdin', async (t) => {
  const stdin = mockUpDay()
    .map((one) => `${renderLine(one)}\n`)
    .join('')
  const { totals, source } = await json(t, ['--log', '-'], { stdin })
  assert.equal(totals.requests, 102)
  assert.deepEqual(source.files, ['-'])
})

test('a log that goes to stdout has to be named', async (t) => {
  await assert.rejects(run(t, [], { loadConfig: async () => configWith('-') }), {
    code: 'usage_wrong',
    hint: 'aiproxy usage --log <file>',
  })
})

test('flags that mean nothing are named, with the nearest that does', async (t) => {
  const wrong: readonly (readonly [readonly string[], string, string | undefined])[] = [
    [
      ['--since', 'yestrday'],
      '--since "yestrday" is not a time.',
      'aiproxy usage --since yesterday',
    ],
    [
      ['--tz', 'Europe/Londn'],
      'There is no time zone "Europe/Londn".',
      'aiproxy usage --tz Europe/London',
    ],
    [['--by', 'usr'], '--by "usr" is not one of', 'aiproxy usage --by user'],
    [['--by', ''], '--by needs at least one column.', 'aiproxy usage --by user,model'],
    [['--sort', 'cots'], 'There is no column "cots" to sort by.', 'aiproxy usage --sort cost'],
    [['--format', 'jsno'], '--format "jsno" is not one of', 'aiproxy usage --format json'],
    [['--outcome', 'fialed'], '--outcome "fialed" is not one of', 'aiproxy usage --outcome failed'],
    [['--top', '0'], '--top "0" is not a number of rows.', 'aiproxy usage --top 10'],
    [['--json', '--csv'], 'Two formats at once: json and csv.', 'aiproxy usage --format json'],
  ]
  for (const [args, message, hint] of wrong) {
    await assert.rejects(run(t, args, { records: [record()] }), (error) => {
      assert.ok(error instanceof ProxyError)
      assert.equal(error.code, 'usage_wrong')
      assert.ok(error.message.startsWith(message), error.message)
      assert.equal(error.hint, hint)
      return true
    })
  }
})

test('the fixture log of the contract’s own line reads as the contract says', async (t) => {
  const fixture = new URL('../../../test/fixtures/usage/contract.jsonl', import.meta.url)
  const { rows } = await json(t, ['--by', 'user,model,served'], {
    log: readFileSync(fixture, 'utf8'),
  })
  assert.deepEqual(rows, [
    {
      user: 'user-a',
      model: 'gpt-5',
      served: CLAUDE,
      requests: 1,
      failed: 0,
      failovers: 1,
      tokens: { prompt: 13, completion: 39, cached: 0, cacheWrite: 0, reasoning: 0, total: 52 },
      costUsd: 0.000624,
      unpricedRequests: 0,
      latencyMs: { p50: 840, p95: 840 },
    },
  ])
})

test('what failed and cost nothing does not make an unknown price look like $0.00', async (t) => {
  const local = { model: 'local', served_model: 'local', provider: 'ollama' }
  const { prompt_tokens: _p, completion_tokens: _c, total_tokens: _t, ...untold } = record(local)
  const records = [record(local), { ...untold, outcome: 'failed' } as const]
  const { stdout } = await run(t, [], { records })
  assert.ok(!stdout.includes('$'), stdout)
  const { rows, totals } = await json(t, [], { records })
  assert.equal(rows[0]?.costUsd, null)
  assert.equal(totals.costUsd, null)
  const csv = await run(t, ['--csv'], { records })
  assert.match(csv.stdout, /,7604,,1900,1900,1\n$/)
})

test('a terminal with room shows how requests lie in time; a pipe, JSON and a table by time do not', async (t) => {
  const records = [
    record({ ts: '2026-11-22T00:30:00.000Z' }),
    ...Array.from({ length: 8 }, () => record({ ts: '2026-11-22T14:30:00.000Z' })),
    record({ ts: '2026-11-22T08:10:00.000Z', user: 'user-b' }),
  ]
  const { stdout } = await run(t, ['--since', 'today', '--by', 'user'], { records, terminal: 100 })
  const lines = stdout.split('\n')
  assert.match(lines[2] ?? '', /SHARE +TREND$/)
  // Twelve parts of 15 h 12 min: one request in the first, eight in the last, one in the middle.
  assert.match(lines[4] ?? '', /^user-a .* ▁ {10}█$/)
  assert.match(lines[5] ?? '', /^user-b .* {8}█$/)
  const total = lines.find((line) => line.startsWith('TOTAL')) ?? ''
  assert.equal(total.slice(-12), '▁     ▁    █'.slice(-12))
  for (const [args, options] of [
    [['--by', 'user'], {}],
    [['--by', 'user,day'], { terminal: 200 }],
    [['--by', 'user', '--format', 'md'], { terminal: 200 }],
    [['--by', 'user,model'], { terminal: 72 }],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const other = await run(t, args, { records, ...options })
    assert.ok(!other.stdout.includes('TREND') && !other.stdout.includes('▁'), other.stdout)
  }
})

test('PROVIDER goes after CACHED on a narrow terminal, where rows are told apart without it', async (t) => {
  const records = mockUpDay()
  const heads = async (by: string, terminal: number): Promise<string> =>
    (await run(t, ['--by', by], { records, terminal })).stdout
      .split('\n')
      .find((line) => line.includes('REQS')) ?? ''
  assert.match(await heads('user,served,provider', 100), /PROVIDER.*CACHED.*COST/)
  assert.match(await heads('user,served,provider', 76), /PROVIDER.*OUTPUT +COST$/)
  assert.doesNotMatch(await heads('user,served,provider', 66), /PROVIDER/)
  assert.match(await heads('provider', 40), /^PROVIDER/)
  assert.match(await heads('user,provider', 40), /^USER +PR/)
})

test('a heading with many filters is broken between them, not in them', async (t) => {
  const filters = ['user-a', 'user-b', 'user-c', 'user-d'].flatMap((name) => ['-u', name])
  const { stdout } = await run(t, ['--since', 'today', ...filters], {
    records: mockUpDay(),
    terminal: 60,
  })
  const heading = stdout.split('\n').slice(0, 4)
  assert.deepEqual(heading, [
    'Usage · today',
    '  Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)',
    '  user user-a · user user-b · user user-c · user user-d',
    '',
  ])
})

test('the config’s log is read with what a rotation made of it, not with its other neighbours', async (t) => {
  const line = `${renderLine(record())}\n`
  const files = {
    'usage.jsonl.1': line,
    'usage.jsonl-20261101': line,
    'usage.jsonl.bak': line,
    'other.jsonl': line,
  }
  const { totals, source } = await json(t, [], { records: [record()], files })
  assert.equal(totals.requests, 3)
  assert.deepEqual(source.files, ['usage.jsonl', 'usage.jsonl-20261101', 'usage.jsonl.1'])
  const named = await json(t, ['--log', 'usage.jsonl'], { records: [record()], files })
  assert.equal(named.totals.requests, 1)
})

test('JSON and the notes say of which day the list prices are; without costs they do not', async (t) => {
  const report = await json(t, [], { records: [record()] })
  assert.deepEqual(report.prices, { openai: '2026-11-18', anthropic: '2026-10-24' })
  assert.equal((await json(t, ['--no-cost'], { records: [record()] })).prices, null)
  const { stderr } = await run(t, [], { records: [record()] })
  assert.match(stderr, /list prices: OpenAI 2026-11-18, Anthropic 2026-10-24/)
  assert.ok(!(await run(t, ['--no-cost'], { records: [record()] })).stderr.includes('prices'))
})

test('--top says how many rows it leaves out, to programs too', async (t) => {
  const records = ['a', 'b', 'c'].map((user) => record({ user }))
  const report = await json(t, ['--by', 'user', '--top', '1'], { records })
  assert.equal(report.rows.length, 1)
  assert.equal(report.rowsLeftOut, 2)
  assert.equal(report.totals.requests, 3)
})
