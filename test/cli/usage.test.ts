import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Chalk } from 'chalk'
import type { CommandIo, GlobalFlags } from '../../src/cli/io.ts'
import { displayWidth } from '../../src/cli/table.ts'
import { createUsageCommand } from '../../src/cli/usage.ts'
import type { Config, Model } from '../../src/config/config.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'

// Sunday 22 November 2026, 15:12 in London.
const NOW = Date.UTC(2026, 10, 22, 15, 12)
const CLAUDE = 'claude-sonnet-4-20250514'

function record(rest: Partial<UsageRecord> = {}): UsageRecord {
  return {
    ts: '2026-11-22T12:00:00.000Z',
    id: 'req_1',
    user: 'user-a',
    api: 'chat',
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 6666,
    completion_tokens: 938,
    total_tokens: 7604,
    cached_tokens: 3103,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    ms: 1900,
    ...rest,
  }
}

/** The day of the mock-up in cli.md: 65 requests for gpt-5 (4 answered by Claude), 33 for Claude, 4 for local. */
function mockUpDay(): UsageRecord[] {
  const claude = { model: CLAUDE, served_model: CLAUDE, provider: 'anthropic' }
  const local = { user: 'user-b', model: 'local', served_model: 'local', provider: 'ollama' }
  return [
    ...Array.from({ length: 58 }, () => record()),
    ...Array.from({ length: 4 }, () => record({ ...claude, model: 'gpt-5' })),
    ...Array.from({ length: 3 }, () => record({ outcome: 'failed', status: 502 })),
    ...Array.from({ length: 33 }, () =>
      record({
        ...claude,
        prompt_tokens: 8739,
        completion_tokens: 1248,
        cached_tokens: 3636,
        total_tokens: 9987,
      }),
    ),
    ...Array.from({ length: 4 }, () =>
      record({
        ...local,
        prompt_tokens: 2275,
        completion_tokens: 300,
        cached_tokens: 0,
        total_tokens: 2575,
      }),
    ),
  ]
}

interface RunOptions {
  readonly records?: readonly UsageRecord[]
  readonly log?: string
  /** Columns of a terminal; absent: a pipe. */
  readonly terminal?: number
  readonly flags?: Partial<GlobalFlags>
  readonly stdin?: string
  readonly loadConfig?: () => Promise<Config>
  readonly colour?: 0 | 1
}

interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

const LOCAL_MODEL: Model = {
  name: 'local',
  provider: 'ollama',
  upstreamName: 'qwen3:8b',
  maxTokens: undefined,
  strict: false,
  price: undefined,
  rules: {},
}

/** As much of a config as the command reads. */
function configWith(log: string): Config {
  const models = new Map([['local', LOCAL_MODEL]])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { log, models } as unknown as Config
}

async function failToLoad(): Promise<Config> {
  throw new ProxyError('config_invalid', 'aiproxy.yaml:3:1 unknown key "modles".')
}

/** Runs the command over a log in a folder of its own; the log is the config's unless `--log` is given. */
async function run(
  t: TestContext,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-usage-'))
  t.after(() => rmSync(cwd, { recursive: true, force: true }))
  const path = join(cwd, 'usage.jsonl')
  const log = options.log ?? options.records?.map((one) => `${renderLine(one)}\n`).join('')
  if (log !== undefined) writeFileSync(path, log)
  const written = { stdout: '', stderr: '' }
  const stdin = Readable.from(options.stdin === undefined ? [] : [options.stdin])
  const io: CommandIo = {
    stdout: {
      write: (text) => ((written.stdout += text), true),
      isTTY: options.terminal !== undefined,
      columns: options.terminal,
    },
    stderr: { write: (text) => ((written.stderr += text), true) },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    stdin: stdin as unknown as NodeJS.ReadStream,
    env: {},
    cwd,
    home: cwd,
    now: () => NOW,
    paintOut: new Chalk({ level: options.colour ?? 0 }),
    paintErr: new Chalk({ level: options.colour ?? 0 }),
    flags: { verbose: 0, ...options.flags },
    loadConfig: options.loadConfig ?? (async () => configWith(path)),
    exitCode: 0,
  }
  const zone = args.includes('--tz') ? [] : ['--tz', 'Europe/London']
  await createUsageCommand(io)
    .exitOverride()
    .parseAsync([...zone, ...args], { from: 'user' })
  return { ...written, exitCode: io.exitCode }
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
  readonly unpricedModels: readonly string[]
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
      'totals',
      'unpricedModels',
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
  assert.equal(table.stderr, '\nlog: usage.jsonl\n')
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
    '\nlog: usage.jsonl covers Sun 22 Nov 2026 12:00 → Sun 22 Nov 2026 12:00, 102 lines\n',
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
  assert.match(top.stderr, /… 1 more rows, all in the total/)
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
  assert.equal(stderr, '\n1 mocked · p50 1.9s\n')
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
      tokens: { prompt: 13, completion: 39, cached: 0, reasoning: 0, total: 52 },
      costUsd: 0.000624,
      unpricedRequests: 0,
      latencyMs: { p50: 840, p95: 840 },
    },
  ])
})
