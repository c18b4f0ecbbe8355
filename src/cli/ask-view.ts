/**
 * What a person or a program sees of one answer: raw text as it streams, one JSON document, or one JSON
 * object a line. The answer is stdout; everything about it is stderr (cli.md §1, §3).
 */
import type { ChatPiece } from '../app.ts'
import type { Config } from '../config/config.ts'
import type { ExchangeHooks } from '../exchange/call.ts'
import type { ProxyError } from '../errors/proxy-error.ts'
import type { UsageRecord } from '../usage/record.ts'
import type { Answer } from './ask-answer.ts'
import { createFenceReader, extractFenced } from './ask-extract.ts'
import type { AskOptions } from './ask-options.ts'
import { exitAfter, exitCodeOf } from './exit-codes.ts'
import { cutEnd } from './fit.ts'
import type { ProgramIo, StopSignal } from './io.ts'
import { errorDocument } from './report-error.ts'
import { displayWidth } from './table.ts'
import { startSpinner } from './spinner.ts'
import type { Spinner } from './spinner.ts'
import { cleanForTerminal } from './clean.ts'
import { jsonLine, keySource, renderCost, renderCount, renderDuration } from './words.ts'

export type FailoverEvent = Parameters<NonNullable<ExchangeHooks['onFailover']>>[0]

/** What is known when an exchange is over, however it ended. */
export interface AskOutcome {
  readonly id: string
  readonly user: string
  readonly model: string
  readonly answer: Answer
  readonly record: UsageRecord | undefined
  /** `undefined` where no price is known. */
  readonly costUsd: number | undefined
  /** Why it failed or was cut. */
  readonly error: ProxyError | undefined
  /** The signal that ended it early. */
  readonly stoppedBy: StopSignal | undefined
}

export interface AskView {
  start(): void
  failover(event: FailoverEvent): void
  /** False when stdout is behind. */
  piece(piece: ChatPiece): boolean
  /** The exchange is over; an error is rendered by main(), after this. */
  end(outcome: AskOutcome): void
}

/** The view that the flags ask for. */
export function createAskView(
  io: ProgramIo,
  config: Config,
  model: string,
  options: AskOptions,
): AskView {
  const views = {
    text: () => createTextView(io, config, model, options.extract),
    json: () => createJsonView(io, options.extract),
    jsonl: () => createJsonLinesView(io, options.extract),
  }
  return views[options.format]()
}

// ── text ────────────────────────────────────────────────────────────────────────────────────────

function createTextView(io: ProgramIo, config: Config, model: string, extract: boolean): AskView {
  const quiet = io.flags.quiet === true
  const { dim, yellow } = io.paintErr
  let spinner: Spinner = { stop() {} }
  // Whether what stdout got so far ends in a line break; an answer always does.
  let atLineStart = true
  let anything = false
  const fence = extract ? createFenceReader() : undefined
  // On a terminal the answer must not move the cursor about or repaint what stands there; bytes for a
  // pipe or a file are left as they came.
  const clean = io.stdout.isTTY === true ? disarm : (text: string): string => text

  function print(text: string): boolean {
    if (text === '') return true
    spinner.stop()
    anything = true
    atLineStart = text.endsWith('\n')
    return io.stdout.write(clean(text))
  }

  function note(line: string): void {
    spinner.stop()
    io.stderr.write(`${line}\n`)
  }

  return {
    start() {
      spinner = startSpinner(io, cleanForTerminal(model))
    },
    failover(event) {
      if (!quiet) note(yellow(renderFailover(event, config, io.stderr.columns)))
      if (!anything) spinner = startSpinner(io, cleanForTerminal(event.next))
    },
    piece(piece) {
      switch (piece.type) {
        case 'text':
        case 'refusal':
          return print(fence === undefined ? piece.text : fence.push(piece.text))
        case 'tool-call':
          return extract || print(`${atLineStart ? '' : '\n'}${piece.name}(${piece.input})\n`)
        case 'reasoning':
          if (io.flags.verbose > 0 && !quiet) {
            spinner.stop()
            io.stderr.write(dim(disarm(piece.text)))
          }
          break
        case 'finish':
        case 'error':
          break
      }
      return true
    },
    end(outcome) {
      const { answer, record, error } = outcome
      spinner.stop()
      print(fence?.end() ?? '')
      if (!atLineStart) io.stdout.write('\n')
      // Nobody may mistake a made-up answer for a model's, -q or not.
      if (quiet && record?.mock === true && anything) note(yellow('MOCK: no model was asked'))
      if (quiet) return
      // Not on stdout, where a shell may be waiting for a script; and not lost, for it was paid for.
      const isWithoutBlock = error?.code === 'block_missing'
      if (isWithoutBlock && answer.text !== '') note(disarm(answer.text.replace(/\n$/, '')))
      if (error !== undefined && !isWithoutBlock) return
      const crossing = answer.headers.get('x-aiproxy-notes')
      if (crossing !== undefined) {
        note(dim(`note: could not cross as it was: ${cleanForTerminal(crossing)}`))
      }
      if (answer.finish === 'length') {
        note(dim('note: stopped at the limit of output tokens; --max-tokens sets it'))
      }
      const footer = renderFooter(outcome)
      note(record?.mock === true ? `${yellow.bold('MOCK')} ${dim(`· ${footer}`)}` : dim(footer))
    },
  }
}

/** Control characters other than line breaks and tabs, and the marks that reorder a line, made visible. */
function disarm(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}')
}

/** `↪ gpt-5: openai 401 (credential: OPENAI_API_KEY refused) → claude-sonnet-4-20250514` */
export function renderFailover(event: FailoverEvent, config: Config, columns = 200): string {
  const { failed, next } = event
  const what = [failed.provider, failed.status].filter((word) => word !== undefined).join(' ')
  const before = cleanForTerminal(`↪ ${failed.model}: ${what} (${failed.class ?? 'failed'}`)
  const after = `) → ${cleanForTerminal(next)}`
  const reason = cleanForTerminal(reasonOf(event, config))
  const room = columns - displayWidth(before) - displayWidth(after) - 2
  if (reason === '' || room < 8) return before + after
  return `${before}: ${cutEnd(reason, room)}${after}`
}

/** For a refused or missing key its source is the news; else the provider's words. */
function reasonOf({ failed, message }: FailoverEvent, config: Config): string {
  const credential = config.providers.get(failed.provider)?.credential
  if (failed.class === 'credential' && credential !== undefined && credential.kind !== 'none') {
    return `${keySource(credential)} ${credential.kind === 'key' ? 'refused' : 'not set'}`
  }
  return message
}

/** `claude-sonnet-4-20250514 · anthropic · 13 in + 39 out · $0.0006 · 0.8s` */
function renderFooter({ model, record, answer, costUsd, stoppedBy }: AskOutcome): string {
  const about = record?.estimated === true ? '~' : ''
  const tokens = (count: number | undefined): string =>
    count === undefined ? '?' : `${about}${renderCount(count)}`
  const prompt = record?.prompt_tokens ?? answer.usage?.promptTokens
  const completion = record?.completion_tokens ?? answer.usage?.completionTokens
  return [
    ...(stoppedBy === undefined ? [] : ['interrupted']),
    cleanForTerminal(record?.served_model ?? answer.servedModel ?? model),
    ...(record?.provider === undefined ? [] : [cleanForTerminal(record.provider)]),
    ...(prompt === undefined && completion === undefined
      ? []
      : [`${tokens(prompt)} in + ${tokens(completion)} out`]),
    ...(costUsd === undefined ? [] : [renderCost(costUsd)]),
    ...(record === undefined ? [] : [renderDuration(record.ms)]),
  ].join(' · ')
}

// ── JSON ────────────────────────────────────────────────────────────────────────────────────────

function createJsonView(io: ProgramIo, extract: boolean): AskView {
  return {
    start() {},
    failover() {},
    piece: () => true,
    end(outcome) {
      io.stdout.write(`${jsonLine(describeOutcome(outcome, extract))}\n`)
    },
  }
}

/** One object a line: `failover`, `text`, `reasoning`, `tool-call`, and last `end`, the whole document. */
function createJsonLinesView(io: ProgramIo, extract: boolean): AskView {
  const print = (value: object): boolean => io.stdout.write(`${jsonLine(value)}\n`)
  return {
    start() {},
    failover({ failed, message, next }) {
      print({ type: 'failover', failed, message, next })
    },
    piece(piece) {
      return piece.type === 'finish' || piece.type === 'error' || print(piece)
    },
    end(outcome) {
      print({ type: 'end', ...describeOutcome(outcome, extract) })
    },
  }
}

/** The document of `ask --json` (cli.md §3). Tokens nobody reported are null, never 0. */
function describeOutcome(outcome: AskOutcome, extract: boolean): object {
  const { id, user, model, answer, record, costUsd, error, stoppedBy } = outcome
  return {
    schema: 'aiproxy.ask/1',
    id,
    user,
    model: {
      requested: model,
      served: record?.served_model ?? answer.servedModel ?? null,
      provider: record?.provider ?? null,
    },
    ...(record?.mock === true ? { mock: true } : {}),
    text: answer.text,
    ...(extract ? { extracted: extractFenced(answer.text) ?? null } : {}),
    ...(answer.reasoning === '' ? {} : { reasoning: answer.reasoning }),
    ...(answer.toolCalls.length === 0 ? {} : { toolCalls: answer.toolCalls }),
    finish: answer.finish ?? null,
    usage: {
      prompt: record?.prompt_tokens ?? answer.usage?.promptTokens ?? null,
      completion: record?.completion_tokens ?? answer.usage?.completionTokens ?? null,
      total: record?.total_tokens ?? answer.usage?.totalTokens ?? null,
      cached: record?.cached_tokens ?? answer.usage?.cachedTokens ?? null,
      reasoning: record?.reasoning_tokens ?? answer.usage?.reasoningTokens ?? null,
      ...(record?.estimated === true ? { estimated: true } : {}),
    },
    cost: { usd: costUsd ?? null, priced: costUsd !== undefined },
    timing: { ttftMs: record?.ttft_ms ?? null, totalMs: record?.ms ?? null },
    attempts: record?.attempts ?? [],
    ...(answer.headers.has('x-aiproxy-notes')
      ? { notes: answer.headers.get('x-aiproxy-notes') }
      : {}),
    ...(stoppedBy === undefined ? {} : { interrupted: stoppedBy, exitCode: exitAfter(stoppedBy) }),
    ...(error === undefined ? {} : errorDocument(error, exitCodeOf(error.code))),
  }
}
