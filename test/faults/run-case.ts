/** One fault, played against the whole program but its sockets to the caller: what came of it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import type { App } from '../../src/app.ts'
import { loadConfigText } from '../../src/config/load.ts'
import { toProxyError } from '../../src/errors/proxy-error.ts'
import type { ProxyError } from '../../src/errors/proxy-error.ts'
import type { Call, ReplySink } from '../../src/exchange/call.ts'
import { parseJson, map } from '../support/json.ts'
import type { JsonMap } from '../support/json.ts'
import { HELLO_MESSAGES } from '../support/calls.ts'

export interface Place {
  readonly name: string
  readonly dialect: 'openai' | 'anthropic'
  readonly origin: string
}

export interface Circumstances {
  readonly places: readonly Place[]
  readonly stream: boolean
  readonly deadlineMs: number
  /** YAML flow members. */
  readonly timeouts: string
}

export interface Ending {
  /** Thrown before any reply was begun. */
  readonly error: ProxyError | undefined
  readonly status: number | undefined
  readonly text: string
  readonly ended: boolean
  /** What no caller should ever see: a second head or end, bytes before the head or after the end. */
  readonly violations: readonly string[]
  /** Lines of the usage log. */
  readonly log: readonly JsonMap[]
  readonly ms: number
  readonly headers: ReadonlyMap<string, string>
}

export interface Stand {
  readonly app: App
  run(stream: boolean, api?: Call['api']): Promise<Ending>
  /** A call whose sink is in the test's hands. */
  start(stream: boolean): {
    readonly over: Promise<Ending>
    /** Bytes written so far. */
    bytes(): number
    leave(): void
    stall(): void
    drain(): void
  }
  close(): Promise<void>
}

/** Builds the program around the places; the first one is asked for, the others are its backups. */
export async function createStand(circumstances: Circumstances): Promise<Stand> {
  const directory = mkdtempSync(join(tmpdir(), 'aiproxy-fault-'))
  const log = join(directory, 'usage.jsonl')
  const { places, timeouts, deadlineMs } = circumstances
  const names = places.map(({ name }) => name)
  const yaml = [
    `log: ${log}`,
    `failover: { deadline: ${deadlineMs}ms }`,
    'providers:',
    ...places.map(
      ({ name, dialect, origin }) =>
        `  p-${name}: { dialect: ${dialect}, base_url: "${origin}${dialect === 'openai' ? '/v1' : ''}", api_key: "\${TEST_KEY}", timeouts: { ${timeouts} } }`,
    ),
    'models:',
    ...places.map(({ name }) => `  ${name}: { provider: p-${name}, max_tokens: 100 }`),
    'users:',
    '  caller:',
    '    models:',
    `      - { name: ${names[0]}, failover: [${names.slice(1).join(', ')}] }`,
  ].join('\n')
  const config = await loadConfigText(yaml, join(directory, 'aiproxy.yaml'), {
    env: { TEST_KEY: 'sk-test-0123456789abcdefghijklmnop' },
    cwd: directory,
    home: directory,
  })
  const app = await createApp(config)

  function start(stream: boolean, api: Call['api'] = 'chat') {
    const id = app.newRequestId()
    const body = Buffer.from(
      JSON.stringify({ model: names[0], max_tokens: 64, messages: HELLO_MESSAGES, stream }),
    )
    const startedMs = performance.now()
    const sink = createRecordingSink()
    const call: Call = {
      id,
      api,
      headers: {},
      readBody: async () => body,
      startedMs,
      trustedUser: 'caller',
    }
    const over = app.exchange(call, sink.sink).then(
      () => undefined,
      (thrown: unknown) => toProxyError(thrown),
    )
    return {
      bytes: () => sink.bytes(),
      leave: () => {
        sink.leave()
      },
      stall: () => {
        sink.stall()
      },
      drain: () => {
        sink.drain()
      },
      over: over.then((error) => ({
        error,
        status: sink.status(),
        headers: sink.headers(),
        text: sink.text(),
        ended: sink.ended(),
        violations: sink.violations(),
        log: readLines(log).filter((line) => line['id'] === id),
        ms: performance.now() - startedMs,
      })),
    }
  }

  return {
    app,
    start,
    run: (stream, api) => start(stream, api).over,
    async close() {
      await app.close(0)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function readLines(path: string): JsonMap[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => map(parseJson(line)))
}

function createRecordingSink() {
  let status: number | undefined
  let headers = new Map<string, string>()
  let text = ''
  let ended = false
  let ready = true
  let bytes = 0
  const violations: string[] = []
  const drains: Array<() => void> = []
  const gone: Array<() => void> = []
  const take = (chunk: string | Uint8Array): void => {
    if (status === undefined) violations.push('bytes before the head')
    if (ended) violations.push('bytes after the end')
    bytes += chunk.length
    // Enough to judge by; a flood is only counted.
    if (text.length < 1_000_000) {
      text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    }
  }
  const sink: ReplySink = {
    head(code, pairs) {
      if (status !== undefined) violations.push('a second head')
      status = code
      headers = new Map(pairs.map(([name, value]) => [name, value]))
    },
    write(chunk) {
      take(chunk)
      return ready
    },
    end(chunk) {
      if (chunk !== undefined) take(chunk)
      if (ended) violations.push('a second end')
      ended = true
    },
    onDrain(listener) {
      drains.push(listener)
    },
    onGone(listener) {
      gone.push(listener)
    },
  }
  return {
    sink,
    status: () => status,
    headers: () => headers,
    text: () => text,
    ended: () => ended,
    violations: () => violations,
    bytes: () => bytes,
    leave() {
      for (const listener of gone) listener()
    },
    stall() {
      ready = false
    },
    drain() {
      ready = true
      for (const listener of drains) listener()
    },
  }
}
