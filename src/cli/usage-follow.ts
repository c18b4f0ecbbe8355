/** `aiproxy usage --follow`: the answer again and again, as the log grows and time goes on. */
import { promisify } from 'node:util'
import { diskLayer } from '../config/watch.ts'
import { followUsageLogs } from '../usage/follow.ts'
import type { LogFollower } from '../usage/follow.ts'
import { createSlidingReport } from '../usage/sliding.ts'
import { EXIT } from './exit-codes.ts'
import { cleanForTerminal } from './clean.ts'
import { cutEnd } from './fit.ts'
import type { CommandIo, ProgramIo } from './io.ts'
import type { Query } from './usage-flags.ts'
import { createScreen } from './usage-screen.ts'
import { pricesOf, resolveSource } from './usage-source.ts'
import {
  createView,
  printView,
  renderBody,
  renderLeftOut,
  renderNotes,
  showsTrend,
} from './usage-view.ts'
import type { Answer, View } from './usage-view.ts'

/** What following needs of the outside beyond one answer. */
export interface FollowIo extends CommandIo, Pick<ProgramIo, 'onSignal' | 'onSuspend'> {
  /** What is known of changes, and the timers; a test hands in its own. */
  readonly follow?: FollowLayer
}

export interface FollowLayer {
  /** Calls back whenever something in the directory may have changed; returns how to stop. Never throws. */
  watchDirectory(directory: string, onEvent: () => void): () => void
  /** Runs `action` once after `ms`, and keeps the program alive until then; returns how to cancel it. */
  after(ms: number, action: () => void): () => void
}

// Events get lost (network file systems, too many watches), and the clock in the heading goes on.
const POLL_MS = 1000
// The eye follows four frames a second; a script wants no more than a line a second.
const TERMINAL_GAP_MS = 250
const PIPE_GAP_MS = 1000

/** Lets signals and timers have their turn. */
const nextTick = promisify(setImmediate)

const realLayer: FollowLayer = {
  watchDirectory: (directory, onEvent) => diskLayer.watchDirectory(directory, onEvent),
  after(ms, action) {
    const timer = setTimeout(action, ms)
    return () => {
      clearTimeout(timer)
    }
  },
}

/** Follows until ^C or SIGTERM, or the end of stdin where that is all there is. Throws like one answer. */
export async function runFollow(io: FollowIo, query: Query): Promise<void> {
  const layer = io.follow ?? realLayer
  const waker = createWaker(layer)
  const letGoOfSignals = io.onSignal(() => {
    waker.stop()
  })
  const onTerminal =
    io.stdout.isTTY === true && query.format === 'table' && io.env['TERM'] !== 'dumb'
  let follower: LogFollower | undefined
  let output: Output | undefined
  const watches = new Map<string, () => void>()
  try {
    const { sliding, source } = await prepare(io, query)
    follower = followUsageLogs({
      logs: source.logs,
      cwd: io.cwd,
      span: sliding.span,
      mayBeMissing: source.mayBeMissing,
      ...(source.logs.includes('-') ? { stdin: io.stdin } : {}),
      onUsage: (usage) => sliding.add(usage),
      onStdin: waker.wake,
      async pause() {
        await nextTick()
        if (waker.stopped && output?.hasShown !== true) throw new Error('interrupted')
      },
    })
    const { summary } = follower
    const answer = (): Answer => {
      const now = io.now()
      return { now, ...sliding.at(now), summary: follower?.summary ?? summary }
    }
    output = onTerminal
      ? createTerminalOutput(io, query, answer)
      : createPipeOutput(io, query, answer, waker.whenStopped)
    while (!waker.stopped) {
      // oxlint-disable-next-line no-await-in-loop -- one turn after the other
      await follower.readMore()
      for (const directory of follower.directories) {
        if (!watches.has(directory)) {
          watches.set(directory, layer.watchDirectory(directory, waker.wake))
        }
      }
      // oxlint-disable-next-line no-await-in-loop -- one turn after the other
      await output.show()
      if (follower.ended) break
      // oxlint-disable-next-line no-await-in-loop -- one turn after the other
      await waker.turn(onTerminal ? TERMINAL_GAP_MS : PIPE_GAP_MS)
    }
  } catch (error) {
    // ^C while a long log is read for the first time: there is nothing to leave behind.
    if (!waker.stopped || output?.hasShown === true) throw error
    io.exitCode = EXIT.interrupted
  } finally {
    letGoOfSignals()
    for (const stop of watches.values()) stop()
    output?.end()
    follower?.close()
    // An open pipe would keep the program alive.
    if (query.logs.includes('-')) io.stdin.destroy()
  }
  if (query.strict && (follower?.summary.skipped ?? 0) > 0) io.exitCode = 1
}

async function prepare(
  io: FollowIo,
  query: Query,
): Promise<{
  readonly sliding: ReturnType<typeof createSlidingReport>
  readonly source: Awaited<ReturnType<typeof resolveSource>>
}> {
  const options = { ...query, priceOf: undefined, nowMs: io.now() }
  // A window that means nothing should be said before a config that cannot be read.
  const { sinceMs } = createSlidingReport(options).span
  const source = await resolveSource(io, query, sinceMs)
  const priceOf = pricesOf(query, source.config)
  const trends = showsTrend(io, query)
  return { source, sliding: createSlidingReport({ ...options, priceOf, trends }) }
}

// ── when ────────────────────────────────────────────────────────────────────────────────────────

interface Waker {
  /** Something may have changed. */
  readonly wake: () => void
  stop(): void
  readonly stopped: boolean
  readonly whenStopped: Promise<void>
  /** Resolves when there is something to look at: not before `gapMs`, at the latest after the poll. */
  turn(gapMs: number): Promise<void>
}

function createWaker(layer: FollowLayer): Waker {
  let woken = false
  let stopped = false
  let waiting: (() => void) | undefined
  let tellStopped: (() => void) | undefined
  const whenStopped = new Promise<void>((tell) => {
    tellStopped = tell
  })
  const wake = (): void => {
    woken = true
    waiting?.()
  }
  return {
    wake,
    stop() {
      stopped = true
      tellStopped?.()
      waiting?.()
    },
    get stopped() {
      return stopped
    },
    whenStopped,
    turn: (gapMs) =>
      new Promise((done) => {
        let early = true
        const proceed = (): void => {
          if (early && !stopped) return
          cancel()
          waiting = undefined
          woken = false
          done()
        }
        const endGap = (): void => {
          early = false
          if (woken || gapMs >= POLL_MS) proceed()
          else cancel = layer.after(POLL_MS - gapMs, proceed)
        }
        let cancel = layer.after(gapMs, endGap)
        waiting = proceed
        if (stopped) proceed()
      }),
  }
}

// ── what ────────────────────────────────────────────────────────────────────────────────────────

interface Output {
  /** Shows the present answer, where it is another one than last time. */
  show(): Promise<void>
  readonly hasShown: boolean
  /** Gives the terminal back. */
  end(): void
}

/** A screen with the table, its notes and a line about itself; when it is over, the last table stays. */
function createTerminalOutput(io: FollowIo, query: Query, answer: () => Answer): Output {
  const screen = createScreen(io.stdout)
  let shown = false
  const draw = (): void => {
    screen.draw(renderFrame(io, query, answer()), io.stdout.columns ?? DEFAULT_COLUMNS)
    shown = true
  }
  const onResize = (): void => {
    if (shown) draw()
  }
  io.stdout.on?.('resize', onResize)
  const letGoOfSuspension = io.onSuspend({ leave: () => screen.leave(), resume: onResize })
  return {
    async show() {
      draw()
    },
    get hasShown() {
      return shown
    },
    end() {
      letGoOfSuspension()
      io.stdout.off?.('resize', onResize)
      screen.leave()
      if (shown) printView(createView(io, query, answer()))
    },
  }
}

const DEFAULT_ROWS = 24
const DEFAULT_COLUMNS = 80
// A blank line and the one that says what is followed; the same for rows that have no room.
const FOOTER_LINES = 2
const MORE_LINES = 2

function renderFrame(io: CommandIo, query: Query, answer: Answer): string[] {
  const height = Math.max(1, io.stdout.rows ?? DEFAULT_ROWS)
  const width = io.stdout.columns ?? DEFAULT_COLUMNS
  const files = answer.summary.files.map(cleanForTerminal).join(', ')
  const footer = io.paintOut.dim(cutEnd(`following ${files} · ^C ends`, width))
  const room = height - FOOTER_LINES
  const whole = createView(io, query, answer)
  const notes = renderNotes(whole, { columns: width, paint: (line) => io.paintOut.dim(line) })
  let lines = [...renderBody(whole), ...notes]
  // Rows matter more than notes, and the total more than the last rows.
  if (lines.length > room) lines = renderBody(whole)
  if (lines.length > room) {
    const most = Math.max(1, whole.rows.length - (lines.length - room) - MORE_LINES)
    const cut = createView(io, query, answer, most)
    lines = [...renderBody(cut), '', renderLeftOut(cut)]
  }
  return [...lines.slice(0, Math.max(1, room)), '', footer].slice(0, height)
}

/** Off a terminal: what is new is appended. */
function createPipeOutput(
  io: FollowIo,
  query: Query,
  answer: () => Answer,
  whenStopped: Promise<void>,
): Output {
  let shown: string | undefined
  // Each row as it was last printed, by the names it stands for.
  let printed = new Map<string, string>()

  /** The lines of the rows that are not as they were. */
  function changedRows(view: View, lines: readonly string[]): string[] {
    const before = printed
    printed = new Map(lines.map((line, i) => [JSON.stringify(view.rows[i]?.group), line]))
    return [...printed].filter(([key, line]) => before.get(key) !== line).map(([, line]) => line)
  }

  function bodyOf(view: View, first: boolean): string[] {
    const body = renderBody(view)
    switch (query.format) {
      case 'json':
        return body
      case 'table':
      case 'md':
        return first ? body : ['', ...body]
      case 'jsonl':
        return changedRows(view, body)
      case 'csv':
      case 'tsv': {
        const rows = changedRows(view, body.slice(1))
        return first ? [...body.slice(0, 1), ...rows] : rows
      }
      default:
        return query.format satisfies never
    }
  }

  return {
    async show() {
      const view = createView(io, query, answer())
      // Rows and totals, and not the time of day.
      const figures = JSON.stringify([view.rows, view.report.totals], withoutSeries)
      if (figures === shown) return
      const first = shown === undefined
      shown = figures
      const body = bodyOf(view, first)
      const notes = first ? renderNotes(view) : []
      if (notes.length > 0) io.stderr.write(`${notes.join('\n')}\n`)
      if (body.length === 0 || io.stdout.write(`${body.join('\n')}\n`)) return
      const drained = new Promise<void>((go) => {
        if (io.stdout.once === undefined) go()
        else io.stdout.once('drain', go)
      })
      await Promise.race([drained, whenStopped])
    },
    get hasShown() {
      return shown !== undefined
    },
    end() {},
  }
}

function withoutSeries(key: string, value: unknown): unknown {
  return key === 'latency' || key === 'trend' ? undefined : value
}
