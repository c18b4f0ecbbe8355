/**
 * What people see, on a real pseudo-terminal of 80 and of 120 columns and through a pipe, under NO_COLOR,
 * FORCE_COLOR and neither: no line wider than the terminal, no escape where none belongs, no digit cut.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { displayWidth } from '../../src/cli/table.ts'
import { createDesk, providerEnv } from '../support/desk.ts'
import type { Desk } from '../support/desk.ts'
import { dig, list, parseJson } from '../support/json.ts'
import { createGate, within } from '../support/owner.ts'
import { startCli } from '../support/proxy.ts'
import { CLAUDE, HELLO, anthropicAnswers, openaiAnswers, openaiError } from '../support/replies.ts'
import { drawScreen, startOnTerminal, whyNoTerminal, withoutColors } from '../support/terminal.ts'
import { createUpstream } from '../support/upstream.ts'
import type { Upstream } from '../support/upstream.ts'
import { createRecord } from './fake-world.ts'

// Only reached where something hangs; many programs start at the same time here.
const PATIENCE_MS = 30_000

const LONG_MODEL = 'organisation/a-model-with-a-name-that-nobody-remembers-20250514:free'
const LONG_USER = 'service-account-nightly'

const CONFIG = `log: ./usage.jsonl
models:
  gpt-5: { provider: openai }
  ${CLAUDE}: { provider: anthropic }
  ${LONG_MODEL}: { provider: openai }
users:
  user-a:
    models:
      - { name: gpt-5, failover: ${CLAUDE} }
      - ${CLAUDE}
    limits: { requests: 1234567/day }
  user-b:
    models: [gpt-5]
  ${LONG_USER}:
    models: [${LONG_MODEL}, gpt-5, ${CLAUDE}]
`

// One row each: small, long names, wide characters, large numbers, nothing but ones.
const USED: ReadonlyArray<readonly [user: string, model: string, prompt: number, out: number]> = [
  ['user-a', 'gpt-5', 433_314, 61_001],
  ['user-a', CLAUDE, 123_456_789_012, 98_765_432],
  [LONG_USER, LONG_MODEL, 812, 214],
  ['ユーザー', '日本語のとても長いモデル名がここに書いてあります:8b', 999_949, 1],
  ['user-b', 'gpt-5', 1, 0],
]

function writeUsage(desk: Desk): void {
  const lines = USED.map(([user, model, prompt, out], at) =>
    JSON.stringify(
      createRecord({
        ts: '2026-11-20T12:00:00.000Z',
        id: `req_${at}`,
        user,
        model,
        served_model: model,
        provider: model === CLAUDE ? 'anthropic' : 'openai',
        prompt_tokens: prompt,
        completion_tokens: out,
        total_tokens: prompt + out,
        cached_tokens: prompt - 1,
        reasoning_tokens: out,
        ms: 123_456,
      }),
    ),
  )
  writeFileSync(join(desk.options.cwd, 'seen.jsonl'), `${lines.join('\n')}\n`)
}

interface Cell {
  /** `undefined`: a pipe. */
  readonly columns: number | undefined
  readonly colors: 'NO_COLOR' | 'FORCE_COLOR' | 'none'
}

const CELLS: readonly Cell[] = [80, 120, undefined].flatMap((columns) =>
  (['none', 'NO_COLOR', 'FORCE_COLOR'] as const).map((colors) => ({ columns, colors })),
)

interface Seen {
  readonly lines: readonly string[]
  readonly text: string
}

/** Runs one command in one cell and checks what holds everywhere. `steer` may answer what it shows. */
async function look(
  desk: Desk,
  cell: Cell,
  args: readonly string[],
  more: {
    readonly code?: number
    readonly steer?: (run: {
      readonly shows: (pattern: RegExp) => Promise<RegExpExecArray>
      readonly stop: () => void
    }) => Promise<void>
  } = {},
): Promise<Seen> {
  const env = { ...desk.options.env, ...(cell.colors === 'none' ? {} : { [cell.colors]: '1' }) }
  const what = `${args.join(' ')} (${cell.columns ?? 'pipe'}, ${cell.colors})`
  const { columns } = cell
  const run =
    columns === undefined
      ? startInPipe(args, { ...desk.options, env })
      : startOnTerminal(args, { ...desk.options, env, columns })
  try {
    await more.steer?.({
      shows: (pattern) => run.shows(pattern),
      stop: () => {
        run.type('\u0003')
      },
    })
    const code = await within(run.exited, `the end of ${what}`, PATIENCE_MS)
    assert.equal(code, more.code ?? 0, `${what}: ${run.output()}`)
  } finally {
    run.kill()
  }
  const output = run.output()
  const screen = drawScreen(output)
  if (columns === undefined) {
    assert.doesNotMatch(output, /[\r\u2800-\u28ff]/, `${what}: no line is redrawn, no spinner`)
  } else {
    assert.ok(
      screen.widest <= columns,
      `${what}: ${screen.widest} columns\n${screen.lines.join('\n')}`,
    )
    assert.ok(screen.isCursorShown, what)
    assert.doesNotMatch(screen.lines.join('\n'), /[\u2800-\u28ff]/u, `${what}: a spinner was left`)
  }
  const isPiped = columns === undefined
  const isColored = cell.colors === 'FORCE_COLOR' || (!isPiped && cell.colors === 'none')
  assert.equal(screen.isColored, isColored, `${what}: ${JSON.stringify(output)}`)
  for (const line of output.split('\n')) {
    // oxlint-disable-next-line no-control-regex -- exactly what must not be there
    if (line.startsWith('{')) assert.doesNotMatch(line, /\u001b/, `${what}: JSON has no colour`)
  }
  return { lines: screen.lines, text: screen.lines.join('\n') }
}

/** The same through pipes, in the terms of a terminal run; ^C is SIGINT. */
function startInPipe(
  args: readonly string[],
  options: Desk['options'],
): Pick<ReturnType<typeof startOnTerminal>, 'output' | 'shows' | 'type' | 'kill' | 'exited'> {
  const child = startCli(args, options)
  let output = ''
  const wakes = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      for (const wake of wakes) wake()
    })
  }
  return {
    output: () => output,
    shows: (pattern) =>
      within(
        new Promise((resolve) => {
          const wake = (): void => {
            const found = pattern.exec(withoutColors(output))
            if (found !== null) resolve(found)
          }
          wakes.add(wake)
          wake()
        }),
        `${pattern} in the pipe`,
        PATIENCE_MS,
      ),
    type: () => {
      child.kill('SIGINT')
    },
    kill: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    },
    exited: new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    }),
  }
}

interface Stage {
  readonly desk: Desk
  readonly openai: Upstream
  readonly anthropic: Upstream
}

async function createStage(t: TestContext): Promise<Stage> {
  const openai = await createUpstream(t, async (reply, request) => {
    const model = dig(request.json(), 'model')
    if (model === LONG_MODEL) reply.json(500, openaiError('It broke.', 'server_error', null))
    else reply.json(401, openaiError('Bad key.', 'invalid_request_error', 'invalid_api_key'))
    await Promise.resolve()
  })
  const anthropic = await createUpstream(t, anthropicAnswers)
  const desk = createDesk(t, providerEnv(openai, anthropic), CONFIG)
  writeUsage(desk)
  return { desk, openai, anthropic }
}

const SKIP = { skip: whyNoTerminal(), timeout: 120_000 }

// ── the four commands ───────────────────────────────────────────────────────────────────────────

test(
  'serve: banner, request, failover and refusal lines in every terminal and pipe',
  SKIP,
  async (t) => {
    const { desk } = await createStage(t)
    await Promise.all(
      CELLS.map(async (cell) => {
        const { text } = await look(desk, cell, ['serve', '--port', '0'], {
          async steer({ shows, stop }) {
            const [, url = ''] = await shows(/(http:\/\/127\.0\.0\.1:\d+)/)
            await shows(cell.columns === undefined ? /"listening".*\n/ : /curl [\s\S]*\n\r?\n/)
            for (const [user, model] of [
              ['user-a', 'gpt-5'],
              ['user-b', CLAUDE],
              [LONG_USER, LONG_MODEL],
            ] as const) {
              // oxlint-disable-next-line no-await-in-loop -- one line after the other
              const reply = await fetch(`${url}/v1/chat/completions`, {
                method: 'POST',
                headers: { 'content-type': 'application/json', 'x-user': user },
                body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
              })
              await reply.text() // oxlint-disable-line no-await-in-loop -- see above
            }
            await shows(/\b500\b[\s\S]*\n/)
            stop()
          },
        })
        if (cell.columns === undefined) {
          const events = text.split('\n').filter((line) => line.startsWith('{'))
          const names = events.map((line) => dig(parseJson(line), 'event'))
          for (const name of ['listening', 'failover', 'request', 'shutdown']) {
            assert.ok(names.includes(name), `${name} of ${names.join()}`)
          }
          return
        }
        const plain = text.replaceAll(/\s+/g, ' ')
        assert.match(plain, /401 credential ?↪ /)
        assert.match(plain, / 200 +[\d.]+m?s /)
        assert.match(plain, / 13\+39 /, 'the counts are whole')
        assert.match(plain, / 404 +[\d.]+m?s +not allowed/)
        assert.match(plain, / 500 /)
      }),
    )
  },
)

test('ask: answer, failover and footer; a failure', SKIP, async (t) => {
  const { desk } = await createStage(t)
  for (const cell of CELLS) {
    // oxlint-disable-next-line no-await-in-loop -- two cores
    const [answered, failed] = await Promise.all([
      look(desk, cell, ['ask', '-u', 'user-a', '-m', 'gpt-5', 'Hello']),
      cell.colors === 'none'
        ? look(desk, cell, ['ask', '-u', LONG_USER, '-m', LONG_MODEL, 'Hello'], { code: 5 })
        : undefined,
    ])
    assert.ok(answered.lines.includes(HELLO), answered.text)
    assert.match(answered.text, /↪ gpt-5: openai 401 \(credential/)
    assert.match(answered.text, /13 in \+ 39 out · \$0\.0\d+ · [\d.]+m?s/)
    if (failed !== undefined) assert.match(failed.text, /error: [\s\S]*It broke\./)
  }
})

test(
  'ask: the spinner turns, fits the terminal, and is gone with the first word',
  SKIP,
  async (t) => {
    const { desk, openai } = await createStage(t)
    for (const colors of ['none', 'NO_COLOR'] as const) {
      const gate = createGate()
      openai.on('/v1/chat/completions', async (reply, request) => {
        await gate.opened
        await openaiAnswers(reply, request)
      })
      const args = ['ask', '-u', LONG_USER, '-m', LONG_MODEL, 'Hello']
      // oxlint-disable-next-line no-await-in-loop -- one terminal after the other
      const { lines } = await look(desk, { columns: 40, colors }, args, {
        async steer({ shows }) {
          await shows(/[\u2800-\u28ff][\s\S]*\r[\s\S]*[\u2800-\u28ff]/u)
          gate.open()
        },
      })
      assert.equal(lines[0], HELLO)
    }
  },
)

test('users: table and page', SKIP, async (t) => {
  const { desk } = await createStage(t)
  for (const cell of CELLS) {
    // oxlint-disable-next-line no-await-in-loop -- two cores
    const [table, page] = await Promise.all([
      look(desk, cell, ['users']),
      look(desk, cell, ['users', 'show', 'user-b']),
    ])
    assert.equal(table.lines.filter((line) => line !== '').length, 4, 'a line for each user')
    assert.match(table.text, /^user-a .* 1234567 req\/day/m)
    assert.match(page.text, /gpt-5/)
  }
})

test('usage: long names, wide characters, large numbers, unknown prices', SKIP, async (t) => {
  const { desk } = await createStage(t)
  const log = ['--log', 'seen.jsonl']
  const document = parseJson((await desk.run(['usage', ...log, '--json'])).stdout)
  for (const cell of CELLS) {
    // oxlint-disable-next-line no-await-in-loop -- two cores
    const [usual, exact, many] = await Promise.all([
      look(desk, cell, ['usage', ...log]),
      look(desk, cell, ['usage', ...log, '--exact', '--wide']),
      cell.colors === 'none'
        ? look(desk, cell, ['usage', ...log, '--by', 'user,model,served,provider,day'])
        : undefined,
    ])
    const what = JSON.stringify(cell)
    assertWhole(usual.lines, document, what)
    assertWhole(exact.lines, document, what)
    assert.ok(exact.text.includes('123,456,789,012'), what)
    if (many !== undefined) assert.match(many.text, /2026-11-20/)
    if (cell.columns === undefined)
      assert.ok(usual.text.includes(LONG_MODEL), 'a pipe cuts nothing')
  }
})

// ── numbers ─────────────────────────────────────────────────────────────────────────────────────

const FIGURES: ReadonlyArray<readonly [header: string, ...path: string[]]> = [
  ['REQS', 'requests'],
  ['INPUT', 'tokens', 'prompt'],
  ['OUTPUT', 'tokens', 'completion'],
  ['CACHED', 'tokens', 'cached'],
  ['REASONING', 'tokens', 'reasoning'],
  ['TOTAL', 'tokens', 'total'],
  ['COST', 'costUsd'],
]

/** Every figure of the table says what the JSON says, to the last digit it shows. */
function assertWhole(lines: readonly string[], document: unknown, what: string): void {
  const head = lines.findIndex((line) => line.startsWith('USER '))
  const header = places(lines[head] ?? '')
  const rows = list(dig(document, 'rows'))
  let checked = 0
  for (const [at, row] of rows.entries()) {
    // The order is the same: by cost.
    const cells = places(lines[head + 2 + at] ?? '')
    for (const [name, ...path] of FIGURES) {
      const end = header.join('').indexOf(` ${name}`) + 1 + name.length
      if (end === name.length) continue
      // Figures stand below the end of their heading, and hold no space.
      assert.equal(cells[end] ?? ' ', ' ', `${what} ${name}: more than its column`)
      const shown = cells.slice(0, end).join('').split(' ').at(-1) ?? ''
      assertShows(shown, dig(row, ...path), `${what} ${name} of row ${at}: ${lines[head + 2 + at]}`)
      checked++
    }
  }
  assert.ok(
    checked >= rows.length * 4,
    `${what}: requests, input, output and cost are never dropped`,
  )
}

function assertShows(shown: string, value: unknown, what: string): void {
  if (value === null) {
    assert.equal(shown, '–', what)
    return
  }
  assert.ok(typeof value === 'number', what)
  const parts = /^[≥<]?(\$?)([\d,]+)(?:\.(\d+))?([KMBT]?)$/.exec(shown)
  assert.ok(parts !== null, `${what}: ${shown} is no figure`)
  const [, , whole = '', decimals = '', unit = ''] = parts
  const scale = { K: 1e3, M: 1e6, B: 1e9, T: 1e12 }[unit] ?? 1
  const figure = Number(`${whole.replaceAll(',', '')}.${decimals}`) * scale
  if (shown.startsWith('<')) {
    assert.ok(value > 0 && value < figure, `${what}: ${shown} for ${value}`)
    return
  }
  const slack = (0.5 * scale) / 10 ** decimals.length + value * 1e-9
  assert.ok(Math.abs(figure - value) <= slack, `${what}: ${shown} for ${value}`)
}

/** One entry for each column of the line; a wide character has an empty one behind it. */
function places(line: string): string[] {
  return Array.from(line).flatMap((char) => [
    displayWidth(char) === 0 ? '' : char,
    ...(displayWidth(char) === 2 ? [' '] : []),
  ])
}

// ── help ────────────────────────────────────────────────────────────────────────────────────────

test('help fits a terminal of 80 columns', SKIP, async (t) => {
  const { desk } = await createStage(t)
  const pages = [
    ['--help'],
    ['serve', '--help'],
    ['ask', '--help'],
    ['users', '--help'],
    ['usage', '--help'],
    ['help', 'times'],
  ]
  await Promise.all(
    pages.map(async (args) => {
      const run = startOnTerminal(args, { ...desk.options, columns: 80 })
      assert.equal(await within(run.exited, args.join(' ')), 0)
      const { widest, lines } = drawScreen(run.output())
      assert.ok(widest <= 80 && lines.length > 10, `${args.join(' ')}: ${widest}`)
    }),
  )
})
