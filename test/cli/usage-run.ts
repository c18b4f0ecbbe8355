/** Runs `aiproxy usage` over a log in a folder of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { Chalk } from 'chalk'
import type { GlobalFlags } from '../../src/cli/io.ts'
import { createUsageCommand } from '../../src/cli/usage.ts'
import type { FollowIo } from '../../src/cli/usage-follow.ts'
import type { Config, Model } from '../../src/config/config.ts'
import { renderLine } from '../../src/usage/ledger.ts'
import type { UsageRecord } from '../../src/usage/record.ts'

// Sunday 22 November 2026, 15:12 in London.
export const NOW = Date.UTC(2026, 10, 22, 15, 12)
export const CLAUDE = 'claude-sonnet-4-20250514'

/** A request of user-a to gpt-5 that went well. */
export function record(rest: Partial<UsageRecord> = {}): UsageRecord {
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
export function mockUpDay(): UsageRecord[] {
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

export interface RunOptions {
  readonly records?: readonly UsageRecord[]
  readonly log?: string
  /** Other files beside the log. */
  readonly files?: Readonly<Record<string, string>>
  /** Columns of a terminal; absent: a pipe. */
  readonly terminal?: number
  readonly flags?: Partial<GlobalFlags>
  readonly stdin?: string
  readonly loadConfig?: () => Promise<Config>
  readonly colour?: 0 | 1
}

export interface Ran {
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
export function configWith(log: string): Config {
  const models = new Map([['local', LOCAL_MODEL]])
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { log, models, providers: new Map() } as unknown as Config
}

/** Runs the command over a log in a folder of its own; the log is the config's unless `--log` is given. */
export async function run(
  t: TestContext,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const cwd = mkdtempSync(join(tmpdir(), 'aiproxy-usage-'))
  t.after(() => rmSync(cwd, { recursive: true, force: true }))
  const path = join(cwd, 'usage.jsonl')
  const log = options.log ?? options.records?.map((one) => `${renderLine(one)}\n`).join('')
  if (log !== undefined) writeFileSync(path, log)
  for (const [name, text] of Object.entries(options.files ?? {})) {
    writeFileSync(join(cwd, name), text)
  }
  const written = { stdout: '', stderr: '' }
  const stdin = Readable.from(options.stdin === undefined ? [] : [options.stdin])
  const io: FollowIo = {
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
    onSignal: () => () => {},
    onSuspend: () => () => {},
    exitCode: 0,
  }
  const zone = args.includes('--tz') ? [] : ['--tz', 'Europe/London']
  await createUsageCommand(io)
    .exitOverride()
    .parseAsync([...zone, ...args], { from: 'user' })
  return { ...written, exitCode: io.exitCode }
}
