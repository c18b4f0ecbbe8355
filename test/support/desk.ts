/** A working directory with a config in it, and commands run there. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from './owner.ts'
import { createDirectory, runCli } from './proxy.ts'
import type { CliOptions, CliResult } from './proxy.ts'
import { CLAUDE } from './replies.ts'
import type { Upstream } from './upstream.ts'

/** Two users as in the published example; the first one has a backup. Comments are part of it. */
export const DESK_CONFIG = `# Who may use what. This comment stays.
log: ./usage.jsonl
models:
  gpt-5: { provider: openai }          # the usual one
  ${CLAUDE}: { provider: anthropic }
users:
  # the one with a backup
  user-a:
    models:
      - { name: gpt-5, failover: ${CLAUDE} }
      - ${CLAUDE}
  user-b:
    models: [gpt-5]
`

export interface Desk {
  readonly options: CliOptions
  readonly configPath: string
  readonly logPath: string
  run(args: readonly string[], more?: Partial<CliOptions>): Promise<CliResult>
  config(): string
}

/** A home, a working directory with an aiproxy.yaml in it, and a way to run commands there. */
export function createDesk(t: Owner, env: Record<string, string> = {}, config = DESK_CONFIG): Desk {
  const base = createDirectory(t)
  const home = join(base, 'home')
  const cwd = join(base, 'work')
  mkdirSync(home)
  mkdirSync(cwd)
  const configPath = join(cwd, 'aiproxy.yaml')
  writeFileSync(configPath, config)
  const options = { cwd, home, env: { TZ: 'UTC', ...env } }
  return {
    options,
    configPath,
    logPath: join(cwd, 'usage.jsonl'),
    run: (args, more) => runCli(args, { ...options, ...more }),
    config: () => readFileSync(configPath, 'utf8'),
  }
}

/** The environment that points both built-in providers at scripted ones. */
export function providerEnv(openai: Upstream, anthropic: Upstream): Record<string, string> {
  return {
    OPENAI_API_KEY: 'sk-test-openai',
    ANTHROPIC_API_KEY: 'sk-ant-test',
    OPENAI_BASE_URL: `${openai.origin}/v1`,
    ANTHROPIC_BASE_URL: anthropic.origin,
  }
}

/** Asserts a failed command: one error line, then a next step; no stack, nothing on stdout. */
export function assertFailed(result: CliResult, code: number, words: RegExp): void {
  assert.equal(result.code, code, result.stdout + result.stderr)
  assert.equal(result.stdout, '')
  assert.match(result.stderr, words)
  assert.doesNotMatch(result.stderr, /^ +at /m, 'no stack')
}
