/**
 * Golden transcripts: each folder of test/fixtures/transcripts/<caller>-to-<target>/ is one exchange of that
 * pair, `request.json` and what the upstream answered, with what the caller must see. UPDATE_GOLDEN=1
 * rewrites the expected files.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect, ReplyContext } from '../../src/dialects/dialect.ts'
import type { ChatRequest } from '../../src/dialects/neutral.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat as chat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { prepareCall } from '../../src/dialects/prepare.ts'
import {
  convertReply,
  createReplyCollector,
  createStreamPipe,
  replyToStream,
} from '../../src/dialects/reply-pipe.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { parseJsonObject, readString } from '../../src/wire/json.ts'
import { cuts, ROOT } from '../wire/cuts.ts'

const TRANSCRIPTS = new URL('test/fixtures/transcripts/', ROOT)
const UPDATE = process.env['UPDATE_GOLDEN'] === '1'

type ApiName = 'chat' | 'messages' | 'responses'

const DIALECTS: ReadonlyMap<string, { readonly api: ApiName; readonly dialect: Dialect }> = new Map(
  [
    ['chat', { api: 'chat' as const, dialect: chat }],
    ['messages', { api: 'messages' as const, dialect: anthropic }],
    ['responses', { api: 'responses' as const, dialect: openaiResponses }],
  ],
)

/** One pair of languages, as a folder's name says it. */
interface Pair {
  readonly api: ApiName
  readonly caller: Dialect
  readonly target: Dialect
}

function pairOf(folder: string): Pair {
  const [caller, target] = folder.split('-to-').map((name) => DIALECTS.get(name))
  assert.ok(caller !== undefined && target !== undefined, `no pair of languages: ${folder}`)
  return { api: caller.api, caller: caller.dialect, target: target.dialect }
}

interface Played extends ReplyContext {
  readonly stripUsage: boolean
}

function contextFor({ api, caller, target }: Pair, request: Uint8Array): Played {
  const json = parseJsonObject(request)
  let decoded: ChatRequest | undefined
  const prepared = prepareCall(
    {
      api,
      caller,
      headers: {},
      body: request,
      json,
      stream: json['stream'] === true,
      request: () => (decoded ??= caller.decodeRequest(json)),
      decoded: () => decoded,
    },
    target,
    { model: readString(json['model']) ?? '', maxTokens: undefined, strict: false },
    createNotes(false),
  )
  return {
    request: decoded,
    hints: prepared.hints,
    stripUsage: prepared.stripUsage,
    nowSeconds: 1_795_305_600,
    requestId: 'req_golden',
  }
}

/** What the caller sees of a stream: everything the pipe lets out, and the error event of a failed end. */
function play({ caller, target }: Pair, chunks: readonly Uint8Array[], context: Played): string {
  const pipe = createStreamPipe(caller, target, context)
  let seen = ''
  for (const chunk of chunks) {
    seen += Buffer.from(pipe.push(chunk)).toString()
    if (pipe.finished) return seen
  }
  try {
    return seen + Buffer.from(pipe.end()).toString()
  } catch (error) {
    assert.ok(error instanceof ProxyError)
    return seen + pipe.fail(error)
  }
}

function subfolders(folder: URL): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

test('every pair of languages has transcripts', () => {
  const names = [...DIALECTS.keys()]
  const pairs = names.flatMap((caller) => names.map((target) => `${caller}-to-${target}`))
  assert.deepEqual(subfolders(TRANSCRIPTS).toSorted(), pairs.toSorted())
})

for (const pairName of subfolders(TRANSCRIPTS)) {
  const pair = pairOf(pairName)
  for (const name of subfolders(new URL(`${pairName}/`, TRANSCRIPTS))) {
    const folder = new URL(`${pairName}/${name}/`, TRANSCRIPTS)
    const request = readFileSync(new URL('request.json', folder))
    const streamed = existsSync(new URL('upstream.sse', folder))
    const upstream = readFileSync(new URL(streamed ? 'upstream.sse' : 'upstream.json', folder))
    const expectedFile = new URL(streamed ? 'expected.sse' : 'expected.json', folder)

    if (streamed) {
      test(`transcript ${pairName}, ${name}: the caller sees the same stream however the upstream's is cut`, () => {
        const context = contextFor(pair, request)
        if (UPDATE) writeFileSync(expectedFile, play(pair, [upstream], context))
        const expected = readFileSync(expectedFile, 'utf8')
        for (const cut of cuts(upstream)) {
          assert.equal(play(pair, cut.chunks, context), expected, cut.name)
        }
      })
    } else {
      test(`transcript ${pairName}, ${name}: the caller gets the whole reply in its own form`, () => {
        const context = contextFor(pair, request)
        const { body } = convertReply(pair.caller, pair.target, upstream, context)
        const text = Buffer.from(body).toString()
        if (UPDATE) {
          writeFileSync(expectedFile, `${JSON.stringify(JSON.parse(text), undefined, 2)}\n`)
        }
        assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(expectedFile, 'utf8')))
      })
    }
  }
}

const CHAT_FROM_MESSAGES = pairOf('chat-to-messages')
const FOLDER = new URL('chat-to-messages/', TRANSCRIPTS)

test('a stream collected for a unary caller is the reply that the provider would have given whole', () => {
  const context = contextFor(
    CHAT_FROM_MESSAGES,
    readFileSync(new URL('unary-thinking-and-two-tools/request.json', FOLDER)),
  )
  const collector = createReplyCollector(chat, anthropic, context)
  collector.push(readFileSync(new URL('thinking-and-two-tools/upstream.sse', FOLDER)))
  assert.equal(collector.finished, true)
  const { body, usage } = collector.end()
  assert.deepEqual(
    JSON.parse(Buffer.from(body).toString()),
    JSON.parse(readFileSync(new URL('unary-thinking-and-two-tools/expected.json', FOLDER), 'utf8')),
  )
  assert.equal(usage?.totalTokens, 584)
})

test('a whole reply for a streaming caller is a complete stream', () => {
  const context = contextFor(
    CHAT_FROM_MESSAGES,
    readFileSync(new URL('thinking-and-two-tools/request.json', FOLDER)),
  )
  const { body } = replyToStream(
    chat,
    anthropic,
    readFileSync(new URL('unary-thinking-and-two-tools/upstream.json', FOLDER)),
    context,
  )
  const text = Buffer.from(body).toString()
  assert.ok(text.includes('"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]'))
  assert.ok(text.endsWith('data: [DONE]\n\n'))
  assert.ok(text.includes('"total_tokens":584'))
})
