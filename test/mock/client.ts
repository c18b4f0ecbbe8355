/** A plain HTTP client for the tests of the mock: real sockets, no SDK, and it notices how a reply ends. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { TestContext } from 'node:test'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { MockProvider, MockProviderOptions } from '../../src/mock/mock.ts'

export type Json = Record<string, unknown>

export interface Heard {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** clean: as HTTP should end; cut: the connection broke in the body; refused: it broke before the head. */
  readonly ending: 'clean' | 'cut' | 'refused'
  /** The socket error's code, where there was one. */
  readonly code: string | undefined
}

/** A provider for one test, closed with it. Silences are short unless the test says otherwise. */
export async function startMock(
  t: TestContext,
  options: MockProviderOptions = {},
): Promise<MockProvider> {
  const mock = await createMockProvider({ slowMs: 1, stallMs: 30, ...options })
  t.after(() => mock.close())
  return mock
}

export const OPENAI_HEADERS = { authorization: 'Bearer sk-test-1234567890' }
export const ANTHROPIC_HEADERS = { 'x-api-key': 'sk-ant-test', 'anthropic-version': '2023-06-01' }

/** One request; resolves however it ends. */
export function send(
  mock: MockProvider,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Buffer,
): Promise<Heard> {
  return new Promise((resolve) => {
    const agent = new Agent({ keepAlive: false })
    let code: string | undefined
    let hasHead = false
    const req = request(
      { host: '127.0.0.1', port: mock.port, method, path, headers, agent },
      (res) => {
        const chunks: Buffer[] = []
        hasHead = true
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', (error: NodeJS.ErrnoException) => {
          code = error.code
        })
        res.on('close', () =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text: Buffer.concat(chunks).toString('utf8'),
            ending: res.complete ? 'clean' : 'cut',
            code,
          }),
        )
      },
    )
    req.on('error', (error: NodeJS.ErrnoException) => {
      // Node reports a reset in the body here as well, before the response is closed.
      code = error.code
      if (hasHead) return
      resolve({ status: 0, headers: {}, text: '', ending: 'refused', code })
    })
    req.end(body)
  })
}

/** POST to the OpenAI side. */
export function postOpenAi(mock: MockProvider, path: string, body: unknown): Promise<Heard> {
  return send(
    mock,
    'POST',
    path,
    { ...OPENAI_HEADERS, 'content-type': 'application/json' },
    JSON.stringify(body),
  )
}

/** POST to the Anthropic side; extra headers win, an empty one takes the usual one out. */
export function postAnthropic(
  mock: MockProvider,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Heard> {
  return send(
    mock,
    'POST',
    path,
    Object.fromEntries(
      Object.entries({
        ...ANTHROPIC_HEADERS,
        'content-type': 'application/json',
        ...headers,
      }).filter(([, value]) => value !== ''),
    ),
    JSON.stringify(body),
  )
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON text that must be an object. */
export function parseObject(text: string): Json {
  const value: unknown = JSON.parse(text)
  assert.ok(isObject(value), `not a JSON object: ${text.slice(0, 200)}`)
  return value
}

/** What stands at a path such as `choices.0.message.content`; fails where a step is missing. */
export function at(value: unknown, path: string): unknown {
  let current = value
  for (const step of path.split('.')) {
    const next: unknown = Array.isArray(current)
      ? current.at(Number(step))
      : isObject(current) && Object.hasOwn(current, step)
        ? current[step]
        : assert.fail(`nothing at "${step}" of ${path} in ${JSON.stringify(value).slice(0, 400)}`)
    current = next
  }
  return current
}

/** The string at a path. */
export function textAt(value: unknown, path: string): string {
  const found = at(value, path)
  assert.equal(typeof found, 'string', path)
  return String(found)
}

/** The list at a path. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  const found = at(value, path)
  assert.ok(Array.isArray(found), path)
  return found
}

export interface SseFrame {
  readonly event: string | undefined
  readonly data: string
}

/** The whole frames of a stream; a trailing part that is no whole frame is returned apart. */
export function framesIn(text: string): {
  readonly frames: readonly SseFrame[]
  readonly rest: string
} {
  const parts = text.split('\n\n')
  const rest = parts.pop() ?? ''
  const frames = parts.map((part) => {
    const lines = part.split('\n')
    return {
      event: lines.find((line) => line.startsWith('event: '))?.slice(7),
      data: lines
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice(6))
        .join('\n'),
    }
  })
  return { frames, rest }
}

/** Every frame's data as JSON; the stream must be whole, and `[DONE]` is left out. */
export function eventsIn(text: string): readonly Json[] {
  const { frames, rest } = framesIn(text)
  assert.equal(rest, '', 'the stream ends inside a frame')
  return frames.filter((frame) => frame.data !== '[DONE]').map((frame) => parseObject(frame.data))
}

const FIXTURES = new URL('../../../test/fixtures/mock/', import.meta.url)

/** Compares with a golden file, or rewrites it under UPDATE_GOLDEN=1. */
export function assertGolden(name: string, actual: string): void {
  const file = new URL(name, FIXTURES)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, actual)
  assert.equal(actual, readFileSync(file, 'utf8'))
}
