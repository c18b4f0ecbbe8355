import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { Chalk } from 'chalk'
import type { StopSignal } from '../../src/cli/io.ts'
import { createUsageCommand } from '../../src/cli/usage.ts'
import type { FollowIo } from '../../src/cli/usage-follow.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'
import { createSmallTerminal } from './small-terminal.ts'
import type { SmallTerminal } from './small-terminal.ts'
import { configWith, NOW, record } from './usage-run.ts'

const immediate = promisify(setImmediate)
// The command loads it when it is needed; here nothing may wait for the disk.
await import('../../src/cli/usage-follow.ts')

interface FollowSetup {
  readonly records?: readonly UsageRecord[]
  /** A terminal of so many columns and rows; absent: a pipe. */
  readonly terminal?: readonly [columns: number, rows: number]
  readonly quiet?: boolean
  /** Every write says that the reader is behind. */
  readonly slow?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly colour?: 0 | 1
  /** When it begins; default `NOW`. */
  readonly nowMs?: number
  /** ^C at once, before the log is read. */
  readonly interrupt?: boolean
}

interface Following {
  readonly path: string
  readonly stdin: PassThrough
  readonly terminal: SmallTerminal | undefined
  readonly stdout: () => string
  readonly stderr: () => string
  readonly writes: string[]
  /** Adds a record to the log, and tells that something changed. */
  log(...records: readonly UsageRecord[]): void
  /** A change that was noticed. */
  wake(): void
  /** Turns the clock on. */
  advance(ms: number): Promise<void>
  signal(name: StopSignal): void
  suspend(): void
  resume(): void
  resize(columns: number, rows: number): void
  drain(): Promise<void>
  /** When the command is over: its exit code. */
  readonly done: Promise<number>
  readonly watched: Set<string>
}

function linesOf(records: readonly UsageRecord[]): string {
  return records.map((one) => `${renderLine(one)}\n`).join('')
}

/** Starts `aiproxy usage --follow` and lets it print its first answer. */
async function follow(
  t: TestContext,
  args: readonly string[],
  setup: FollowSetup = {},
): Promise<Following> {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-follow-'))
  t.after(() => rmSync(cwd, { recursive: true, force: true }))
  const path = join(cwd, 'usage.jsonl')
  if (setup.records !== undefined) writeFileSync(path, linesOf(setup.records))
  let nowMs = setup.nowMs ?? NOW
  const timers = new Set<{ readonly atMs: number; readonly action: () => void }>()
  const watched = new Set<string>()
  const events = new EventEmitter()
  const resizes = new EventEmitter()
  const signals = new Set<(name: StopSignal) => void>()
  let suspension: { leave: () => void; resume: () => void } | undefined
  let size = setup.terminal
  let terminal = size === undefined ? undefined : createSmallTerminal(...size)
  const writes: string[] = []
  const drains: (() => void)[] = []
  let stderr = ''
  const stdin = new PassThrough()
  const io: FollowIo = {
    stdout: {
      write(text) {
        writes.push(text)
        terminal?.write(text)
        return setup.slow !== true
      },
      get isTTY() {
        return size !== undefined
      },
      get columns() {
        return size?.[0]
      },
      get rows() {
        return size?.[1]
      },
      once: (_event, listener) => drains.push(listener),
      on: (event, listener) => resizes.on(event, listener),
      off: (event, listener) => resizes.off(event, listener),
    },
    stderr: { write: (text) => ((stderr += text), true) },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what any stream has is used of it
    stdin: stdin as unknown as NodeJS.ReadStream,
    env: setup.env ?? {},
    cwd,
    home: cwd,
    now: () => nowMs,
    paintOut: new Chalk({ level: setup.colour ?? 0 }),
    paintErr: new Chalk({ level: setup.colour ?? 0 }),
    flags: { verbose: 0, quiet: setup.quiet },
    loadConfig: async () => configWith(path),
    exitCode: 0,
    onSignal(listener) {
      signals.add(listener)
      if (setup.interrupt === true) setImmediate(() => listener('SIGINT'))
      return () => signals.delete(listener)
    },
    onSuspend(listener) {
      suspension = listener
      return () => {
        suspension = undefined
      }
    },
    follow: {
      watchDirectory(directory, onEvent) {
        watched.add(directory)
        events.on('change', onEvent)
        return () => {
          watched.delete(directory)
          events.off('change', onEvent)
        }
      },
      after(ms, action) {
        const timer = { atMs: nowMs + ms, action }
        timers.add(timer)
        return () => timers.delete(timer)
      },
    },
  }
  const running = createUsageCommand(io)
    .exitOverride()
    .parseAsync(['--tz', 'Europe/London', '--follow', ...args], { from: 'user' })
  const done = running.then(() => io.exitCode)
  // A failure is looked at where it is awaited.
  done.catch(() => {})
  const following: Following = {
    path,
    stdin,
    get terminal() {
      return terminal
    },
    stdout: () => writes.join(''),
    stderr: () => stderr,
    writes,
    log(...records) {
      appendFileSync(path, linesOf(records))
      events.emit('change')
    },
    wake: () => events.emit('change'),
    async advance(ms) {
      const untilMs = nowMs + ms
      for (;;) {
        const [due] = [...timers]
          .filter((timer) => timer.atMs <= untilMs)
          .toSorted((a, b) => a.atMs - b.atMs)
        if (due === undefined) break
        timers.delete(due)
        nowMs = due.atMs
        due.action()
        // oxlint-disable-next-line no-await-in-loop -- one timer after the other
        await settle()
      }
      nowMs = untilMs
      await settle()
    },
    signal(name) {
      for (const listener of signals) listener(name)
    },
    suspend: () => suspension?.leave(),
    resume: () => suspension?.resume(),
    resize(columns, rows) {
      size = [columns, rows]
      terminal = createSmallTerminal(columns, rows)
      // What a real one would have kept.
      terminal.write('\u001b[?1049h')
      resizes.emit('resize')
    },
    async drain() {
      for (const listener of drains.splice(0)) listener()
      await settle()
    },
    done,
    watched,
  }
  await settle()
  return following
}

/** Nothing waits for the disk here: a few turns of the event loop and all is still. */
async function settle(): Promise<void> {
  // oxlint-disable-next-line no-await-in-loop -- turns follow each other
  for (let turn = 0; turn < 12; turn++) await immediate()
}

function at(iso: string, rest: Partial<UsageRecord> = {}): UsageRecord {
  return record({ ts: iso, ...rest })
}

function totalOf(lines: readonly string[] | undefined): string | undefined {
  return lines?.find((line) => line.startsWith('TOTAL'))?.split(/\s+/)[1]
}

test('on a terminal the table is drawn on a screen of its own, again when the log grows', async (t) => {
  const run = await follow(t, ['--since', 'today'], { records: [record()], terminal: [80, 24] })
  assert.equal(
    run.terminal?.screen?.[0],
    'Usage · today · Sun 22 Nov 2026 00:00 → now 15:12 (Europe/London)',
  )
  assert.equal(totalOf(run.terminal?.screen), '1')
  assert.equal(
    run.terminal?.screen?.findLast((line) => line !== ''),
    'following usage.jsonl · ^C ends',
  )
  assert.equal(run.terminal?.cursorShown, false)
  assert.equal(run.writes.length, 1)
  run.log(record(), record())
  assert.equal(run.writes.length, 1)
  await run.advance(250)
  assert.equal(totalOf(run.terminal?.screen), '3')
  assert.equal(run.writes.length, 2)
  run.signal('SIGINT')
  assert.equal(await run.done, 0)
})

test('^C gives the terminal back and leaves the last table and its notes', async (t) => {
  const run = await follow(t, [], { records: [record()], terminal: [80, 24] })
  run.log(record({ outcome: 'failed' }))
  await run.advance(250)
  run.signal('SIGINT')
  assert.equal(await run.done, 0)
  assert.equal(run.terminal?.screen, undefined)
  assert.equal(run.terminal?.cursorShown, true)
  const left = run.terminal?.scrollback.split('\n') ?? []
  assert.match(left[0] ?? '', /^Usage · whole log/)
  assert.equal(totalOf(left), '2')
  assert.match(run.stderr(), /1 failed/)
  assert.deepEqual([...run.watched], [])
})

test('an event that never comes is made up for by a look every second', async (t) => {
  const run = await follow(t, [], { records: [record()], terminal: [80, 24] })
  appendFileSync(run.path, linesOf([record()]))
  await run.advance(900)
  assert.equal(totalOf(run.terminal?.screen), '1')
  await run.advance(100)
  assert.equal(totalOf(run.terminal?.screen), '2')
  run.signal('SIGTERM')
  assert.equal(await run.done, 0)
})

test('a hundred changes are no more than four frames a second', async (t) => {
  const run = await follow(t, [], { records: [record()], terminal: [80, 24] })
  for (let i = 0; i < 100; i++) {
    run.log(record())
    // oxlint-disable-next-line no-await-in-loop -- time goes on between them
    await run.advance(10)
  }
  assert.ok(run.writes.length <= 5, String(run.writes.length))
  await run.advance(250)
  assert.equal(totalOf(run.terminal?.screen), '101')
  run.signal('SIGINT')
  await run.done
})

test('where nothing changes nothing is written, until the minute does', async (t) => {
  const run = await follow(t, ['--since', 'today'], { records: [record()], terminal: [80, 24] })
  await run.advance(59_000)
  assert.equal(run.writes.length, 1)
  await run.advance(1000)
  assert.equal(run.writes.length, 2)
  assert.match(run.terminal?.screen?.[0] ?? '', /now 15:13/)
  run.signal('SIGINT')
  await run.done
})

test('nothing of an earlier frame is left, however much shorter the next one is', async (t) => {
  const users = Array.from({ length: 8 }, (_, i) =>
    at('2026-11-22T23:59:00.000Z', { user: `user-${i}` }),
  )
  const run = await follow(t, ['--since', 'today'], {
    terminal: [100, 24],
    colour: 1,
    nowMs: Date.UTC(2026, 10, 22, 23, 59, 29),
  })
  assert.equal(run.terminal?.screen?.[0], 'No usage recorded yet.')
  run.log(...users)
  await run.advance(1000)
  assert.equal(totalOf(run.terminal?.screen), '8')
  await run.advance(32_000)
  const screen = run.terminal?.screen ?? []
  assert.match(screen[0] ?? '', /^Usage · today · Mon 23 Nov 2026 00:00:00 → now 00:00:0\d \(/)
  assert.equal(screen[2], 'No usage in this window.')
  assert.ok(!screen.join('\n').includes('user-'), screen.join('\n'))
  run.signal('SIGINT')
  await run.done
})

test('today begins again at midnight of the zone', async (t) => {
  const run = await follow(t, ['--since', 'today', '--by', 'user'], {
    records: [record()],
    terminal: [80, 24],
    nowMs: Date.UTC(2026, 10, 22, 23, 59, 55),
  })
  assert.equal(totalOf(run.terminal?.screen), '1')
  await run.advance(10_000)
  run.log(at('2026-11-23T00:00:01.000Z', { user: 'user-b' }))
  await run.advance(250)
  assert.equal(totalOf(run.terminal?.screen), '1')
  assert.ok(!run.terminal?.screen?.join('\n').includes('user-a'))
  run.signal('SIGINT')
  await run.done
})

test('a screen that is too low keeps the head and the total, and says what has no room', async (t) => {
  const records = Array.from({ length: 40 }, (_, i) => record({ user: `user-${i}` }))
  for (const rows of [3, 5, 8, 10, 14, 24, 60]) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const run = await follow(t, [], { records, terminal: [80, rows] })
    const screen = run.terminal?.screen ?? []
    assert.equal(screen.length, rows)
    if (rows >= 14) assert.equal(totalOf(screen), '40', String(rows))
    if (rows === 14 || rows === 24) {
      const shown = screen.filter((line) => line.startsWith('user-')).length
      assert.ok(screen.includes(`… ${40 - shown} more rows, all in the total`), screen.join('\n'))
    }
    run.signal('SIGINT')
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await run.done
    assert.equal(totalOf(run.terminal?.scrollback.split('\n')), '40')
  }
})

test('a resize is drawn at once and at its width, wide or narrow', async (t) => {
  const run = await follow(t, [], {
    records: [record({ user: 'somebody-with-a-long-name' })],
    terminal: [120, 24],
    colour: 1,
  })
  for (const [columns, rows] of [
    [60, 12],
    [40, 24],
    [200, 50],
    [79, 10],
  ] as const) {
    run.resize(columns, rows)
    // The small terminal throws where a line is too wide.
    assert.equal(totalOf(run.terminal?.screen), '1')
  }
  run.signal('SIGINT')
  await run.done
})

test('^Z gives the terminal back, and going on takes it again', async (t) => {
  const run = await follow(t, [], { records: [record()], terminal: [80, 24] })
  run.suspend()
  assert.equal(run.terminal?.screen, undefined)
  assert.equal(run.terminal?.cursorShown, true)
  run.resume()
  assert.equal(totalOf(run.terminal?.screen), '1')
  run.signal('SIGINT')
  await run.done
})

test('rotation and truncation are followed, and nothing is counted twice', async (t) => {
  const run = await follow(t, [], { records: [record({ id: 'req_a' })], terminal: [80, 24] })
  renameSync(run.path, `${run.path}.1`)
  run.log(record({ id: 'req_b' }))
  await run.advance(250)
  assert.equal(totalOf(run.terminal?.screen), '2')
  truncateSync(run.path)
  run.log(record({ id: 'req_c' }))
  await run.advance(1250)
  assert.equal(totalOf(run.terminal?.screen), '3')
  run.signal('SIGINT')
  await run.done
})

test('--json: one document a line, one for each change and none for anything else', async (t) => {
  const run = await follow(t, ['--json', '--since', '1m'], {
    records: [at('2026-11-22T15:11:30.000Z')],
  })
  await run.advance(3000)
  run.log(at('2026-11-22T15:12:01.000Z'))
  await run.advance(1000)
  // A line that no report is about.
  run.log(at('2026-11-21T15:12:01.000Z'))
  await run.advance(1000)
  // Half a minute later the first one has left the window.
  await run.advance(30_000)
  run.signal('SIGINT')
  assert.equal(await run.done, 0)
  const documents: { schema: string; totals: { requests: number } }[] = run
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    documents.map(({ schema, totals }) => [schema, totals.requests]),
    [
      ['aiproxy.usage/1', 1],
      ['aiproxy.usage/1', 2],
      ['aiproxy.usage/1', 1],
    ],
  )
})

test('jsonl, csv and tsv: the rows that changed, with one heading', async (t) => {
  const records = [record({ user: 'a' }), record({ user: 'b' })]
  const jsonl = await follow(t, ['--format', 'jsonl', '--by', 'user'], { records })
  const csv = await follow(t, ['--csv', '--by', 'user'], { records })
  for (const run of [jsonl, csv]) {
    run.log(record({ user: 'b' }), record({ user: 'c' }))
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await run.advance(1000)
    run.signal('SIGINT')
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await run.done
  }
  const rows: { user: string; requests: number }[] = jsonl
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  const expected = [
    ['a', 1],
    ['b', 1],
    ['b', 2],
    ['c', 1],
  ]
  assert.deepEqual(
    rows.map(({ user, requests }) => [user, requests]),
    expected,
  )
  const lines = csv.stdout().trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^user,requests/)
  assert.deepEqual(
    lines.slice(1).map((line) => line.split(',').slice(0, 2)),
    expected.map((row) => row.map(String)),
  )
})

test('a table in a pipe is printed again after a blank line, without any control', async (t) => {
  const run = await follow(t, ['--by', 'user'], { records: [record()], colour: 0 })
  assert.match(run.stderr(), /p50 1\.9s/)
  run.log(record())
  await run.advance(1000)
  run.signal('SIGINT')
  assert.equal(await run.done, 0)
  const tables = run.stdout().split('\n\nUsage · ')
  assert.equal(tables.length, 2)
  assert.ok(!run.stdout().includes('\u001b'))
  assert.equal(run.stderr().match(/p50/g)?.length, 1)
})

test('a dumb terminal is written to as a pipe is', async (t) => {
  const run = await follow(t, [], {
    records: [record()],
    terminal: [80, 24],
    env: { TERM: 'dumb' },
  })
  assert.ok(!run.stdout().includes('\u001b'))
  run.signal('SIGINT')
  await run.done
})

test('a reader that is behind is waited for', async (t) => {
  const run = await follow(t, ['--json'], { records: [record()], slow: true })
  run.log(record())
  await run.advance(5000)
  assert.equal(run.writes.length, 1)
  await run.drain()
  await run.advance(1000)
  assert.equal(run.writes.length, 2)
  run.signal('SIGINT')
  await run.done
})

test('^C ends it also while a reader is behind, and while stdin is open', async (t) => {
  const slow = await follow(t, ['--json'], { records: [record()], slow: true })
  slow.signal('SIGINT')
  assert.equal(await slow.done, 0)
  const piped = await follow(t, ['--json', '--log', '-'], {})
  piped.signal('SIGINT')
  assert.equal(await piped.done, 0)
  assert.equal(piped.stdin.destroyed, true)
})

test('^C before there is anything to show is an interruption', async (t) => {
  const run = await follow(t, [], { records: [record()], terminal: [80, 24], interrupt: true })
  assert.equal(await run.done, 130)
  assert.deepEqual(run.writes, [])
})

test('a log that is not there yet is waited for', async (t) => {
  const run = await follow(t, ['--json'], {})
  assert.equal(run.stderr(), 'log: usage.jsonl\n')
  run.log(record())
  await run.advance(1000)
  run.signal('SIGINT')
  await run.done
  const counts = run
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).totals.requests)
  assert.deepEqual(counts, [0, 1])
})

test('stdin is followed to its end, and that is the end', async (t) => {
  const run = await follow(t, ['--json', '--log', '-'], {})
  run.stdin.write(linesOf([record()]))
  await settle()
  await run.advance(1000)
  run.stdin.end(linesOf([record()]))
  await settle()
  await run.advance(1000)
  assert.equal(await run.done, 0)
  const counts = run
    .stdout()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).totals.requests)
  assert.deepEqual(counts, [0, 1, 2])
})

test('what is wrong is said before anything is drawn', async (t) => {
  const missing = await follow(t, ['--log', 'nothing.jsonl'], { terminal: [80, 24] })
  await assert.rejects(missing.done, { code: 'usage_wrong' })
  assert.deepEqual(missing.writes, [])
  const window = await follow(t, ['--since', 'now', '--until', '1h'], { terminal: [80, 24] })
  await assert.rejects(window.done, { code: 'usage_wrong' })
  assert.deepEqual(window.writes, [])
})

test('--strict: unreadable lines end in exit code 1, told when it is over', async (t) => {
  const run = await follow(t, ['--strict'], { records: [record()], terminal: [80, 24] })
  appendFileSync(run.path, 'nonsense\n')
  await run.advance(1000)
  assert.ok(
    run.terminal?.screen?.some((line) => line.startsWith('error: skipped 1 unreadable line')),
  )
  run.signal('SIGINT')
  assert.equal(await run.done, 1)
  assert.match(run.stderr(), /error: skipped 1 unreadable line, first: usage\.jsonl:2/)
})
