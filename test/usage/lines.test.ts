import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderLine } from '../../src/usage/ledger.ts'
import { createCounts, createLineReader } from '../../src/usage/lines.ts'
import type { LineCounts, TimeSpan } from '../../src/usage/lines.ts'
import type { LoggedUsage } from '../../src/usage/logged.ts'
import { feed } from './feed.ts'

const EVERYTHING: TimeSpan = { sinceMs: -Infinity, untilMs: Infinity }

function line(user: string, ts = '2026-11-22T15:12:11.034Z'): string {
  return renderLine({
    ts,
    id: `req_${user}`,
    user,
    api: 'chat',
    model: 'gpt-5',
    served_model: 'gpt-5',
    provider: 'openai',
    status: 200,
    outcome: 'ok',
    prompt_tokens: 13,
    completion_tokens: 39,
    ms: 840,
    attempts: [{ model: 'gpt-5', provider: 'openai', status: 200, ms: 840 }],
  })
}

interface Reading {
  readonly users: string[]
  readonly usages: LoggedUsage[]
  readonly counts: LineCounts
}

/** Everything the reader makes of some bytes, given to it in pieces of `pieceBytes`: the same for a large log. */
function read(bytes: Buffer | string, span = EVERYTHING, pieceBytes = Infinity): Reading {
  const small = readAs(0, Buffer.from(bytes), span, pieceBytes)
  const large = readAs(Infinity, Buffer.from(bytes), span, pieceBytes)
  assert.deepEqual(large, small)
  return small
}

function readAs(expectedBytes: number, bytes: Buffer, span: TimeSpan, pieceBytes: number): Reading {
  const counts = createCounts()
  const usages: LoggedUsage[] = []
  const add = (usage: LoggedUsage): number => usages.push(usage)
  const reader = createLineReader('usage.jsonl', span, counts, add, expectedBytes)
  feed(reader, bytes, pieceBytes)
  return { users: usages.map((usage) => usage.user ?? ''), usages, counts }
}

const DAMAGE: readonly {
  readonly title: string
  readonly text: string
  readonly users: readonly string[]
  readonly skipped: number
  readonly first?: string
}[] = [
  {
    title: 'blank lines are passed over',
    text: `\n\n${line('a')}\n\n${line('b')}\n\n`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'CRLF is tolerated',
    text: `${line('a')}\r\n${line('b')}\r\n`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'a whole last line without line feed counts',
    text: `${line('a')}\n${line('b')}`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'a torn last line is silent',
    text: `${line('a')}\n${line('b').slice(0, 60)}`,
    users: ['a'],
    skipped: 0,
  },
  {
    title: 'a torn line in the middle is counted, with its place',
    text: `${line('a')}\n${line('b').slice(0, 60)}\n${line('c')}\n`,
    users: ['a', 'c'],
    skipped: 1,
    first: 'usage.jsonl:2',
  },
  {
    title: 'a record glued behind a torn one is recovered',
    text: `${line('a').slice(0, 90)}${line('b')}\n${line('c')}\n`,
    users: ['b', 'c'],
    skipped: 1,
    first: 'usage.jsonl:1',
  },
  {
    title: 'two whole records on one line are both read',
    text: `${line('a')}${line('b')}\n`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'a record glued behind two torn ones is recovered',
    text: `${line('a').slice(0, 20)}${line('b').slice(0, 120)}${line('c')}\n`,
    users: ['c'],
    skipped: 1,
  },
  {
    title: 'a NUL run before a record is passed over',
    text: `${line('a')}\n${'\0'.repeat(4096)}${line('b')}\n`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'a line of NULs is blank',
    text: `${line('a')}\n${'\0'.repeat(100)}\n${line('b')}\n`,
    users: ['a', 'b'],
    skipped: 0,
  },
  {
    title: 'a torn record, NULs, a record: the record is recovered',
    text: `${line('a').slice(0, 70)}${'\0'.repeat(50)}${line('b')}\n`,
    users: ['b'],
    skipped: 1,
  },
  {
    title: 'JSON that is no record is counted',
    text: `{"hello":1}\n[1,2]\n"x"\nnull\n${line('a')}\n`,
    users: ['a'],
    skipped: 4,
    first: 'usage.jsonl:1',
  },
  {
    title: 'a line over a mebibyte is thrown away and counted once',
    text: `${line('a')}\n{"ts":"${'x'.repeat(3 * 1024 * 1024)}"}\n${line('b')}\n`,
    users: ['a', 'b'],
    skipped: 1,
    first: 'usage.jsonl:2',
  },
]

for (const { title, text, users, skipped, first } of DAMAGE) {
  test(title, () => {
    for (const pieceBytes of [Infinity, 4096, 7]) {
      if (pieceBytes === 7 && text.length > 100_000) continue
      const seen = read(text, EVERYTHING, pieceBytes)
      assert.deepEqual(seen.users, users)
      assert.equal(seen.counts.skipped, skipped)
      if (first !== undefined) assert.equal(seen.counts.firstSkipped, first)
    }
  })
}

test('a log cut at any byte loses nothing but the line that was cut', () => {
  const text = ['a', 'b', 'c'].map((user) => `${line(user)}\n`).join('')
  for (let cut = 0; cut <= text.length; cut++) {
    const { users, counts } = read(text.slice(0, cut))
    const ends = text.slice(0, cut).split('}\n').length - 1
    const whole = text.slice(0, cut).endsWith(']}') ? ends + 1 : ends
    assert.deepEqual(users, ['a', 'b', 'c'].slice(0, whole))
    assert.equal(counts.skipped, 0)
  }
})

test('a flipped bit never makes the reader throw, nor touches any other line', () => {
  const lines = ['a', 'b', 'c'].map((user) => `${line(user)}\n`)
  const before = lines[0]?.length ?? 0
  const length = lines[1]?.length ?? 0
  const all = Buffer.from(lines.join(''))
  // Without the line feed at its end: losing that glues two lines, which is the test above.
  for (let bit = 0; bit < (length - 1) * 8; bit++) {
    const broken = Buffer.from(all)
    const at = before + (bit >> 3)
    broken[at] = broken[at]! ^ (1 << (bit & 7))
    const { users, usages } = read(broken)
    assert.equal(users[0], 'a')
    assert.equal(users.at(-1), 'c')
    assert.ok(usages.length <= 3)
  }
})

test('records outside the window are counted and covered but not given', () => {
  const text = [
    line('early', '2026-11-20T00:00:00.000Z'),
    line('start', '2026-11-21T00:00:00.000Z'),
    line('end', '2026-11-22T00:00:00.000Z'),
    line('late', '2026-11-23T00:00:00.000Z'),
  ].join('\n')
  const span = { sinceMs: Date.UTC(2026, 10, 21), untilMs: Date.UTC(2026, 10, 22) }
  const { users, counts } = read(text, span)
  assert.deepEqual(users, ['start'])
  assert.equal(counts.lines, 4)
  assert.equal(counts.earliestMs, Date.UTC(2026, 10, 20))
  assert.equal(counts.latestMs, Date.UTC(2026, 10, 23))
})

test('a record of the window glued behind a torn one outside it is still found', () => {
  const torn = line('torn', '2026-11-01T00:00:00.000Z').slice(0, 80)
  const span = { sinceMs: Date.UTC(2026, 10, 21), untilMs: Infinity }
  const { users } = read(
    `${line('old', '2026-11-01T00:00:00.000Z')}\n${torn}${line('new')}\n`,
    span,
  )
  assert.deepEqual(users, ['new'])
})

test('other writers are read too: other key orders, spaces, fractions, other forms of time', () => {
  const text = [
    '{"user":"a","ts":"2026-11-22T15:12:11.034Z","prompt_tokens":5}',
    '{ "ts": "2026-11-22T16:12:11+01:00", "user": "b", "ms": 12.5, "prompt_tokens": null }',
    '{"ts":"2026-11-22T15:12:11.034Z","user":"\\u0063","total_tokens":-1,"mock":true}',
  ].join('\n')
  const { usages, counts } = read(text)
  assert.deepEqual(
    usages.map((usage) => usage.user),
    ['a', 'b', 'c'],
  )
  assert.equal(usages[0]?.prompt_tokens, 5)
  assert.equal(usages[1]?.ts_ms, Date.UTC(2026, 10, 22, 15, 12, 11))
  assert.equal(usages[1]?.ms, 12.5)
  assert.equal(usages[1]?.prompt_tokens, undefined)
  assert.equal(usages[2]?.total_tokens, undefined)
  assert.equal(usages[2]?.mock, true)
  assert.equal(counts.skipped, 0)
})
