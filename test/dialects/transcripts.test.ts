/**
 * Golden transcripts: each folder of test/fixtures/transcripts/ is one exchange, `request.json` and what
 * the upstream answered, with what the caller must see. UPDATE_GOLDEN=1 rewrites the expected files.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { ReplyContext } from '../../src/dialects/dialect.ts'
import { createNotes } from '../../src/dialects/notes.ts'
import { openaiChat as chat } from '../../src/dialects/openai-chat/openai-chat.ts'
import {
  convertReply,
  createReplyCollector,
  createStreamPipe,
  replyToStream,
} from '../../src/dialects/reply-pipe.ts'
import { translateRequest } from '../../src/dialects/translate.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { parseJsonObject, readString } from '../../src/wire/json.ts'
import { cuts, ROOT } from '../wire/cuts.ts'

const FOLDER = new URL('test/fixtures/transcripts/', ROOT)
const UPDATE = process.env['UPDATE_GOLDEN'] === '1'

function contextFor(request: Uint8Array): ReplyContext {
  const body = parseJsonObject(request)
  const { request: asked, encoded } = translateRequest(
    chat,
    anthropic,
    body,
    { model: readString(body['model']) ?? '', maxTokens: undefined, strict: false },
    createNotes(false),
  )
  return {
    request: asked,
    hints: encoded.hints,
    nowSeconds: 1_795_305_600,
    requestId: 'req_golden',
  }
}

/** What the caller sees of a stream: everything the pipe lets out, and the error event of a failed end. */
function play(chunks: readonly Uint8Array[], context: ReplyContext): string {
  const pipe = createStreamPipe(chat, anthropic, { ...context, stripUsage: false })
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

for (const name of readdirSync(FOLDER)) {
  const folder = new URL(`${name}/`, FOLDER)
  const request = readFileSync(new URL('request.json', folder))
  const streamed = existsSync(new URL('upstream.sse', folder))
  const upstream = readFileSync(new URL(streamed ? 'upstream.sse' : 'upstream.json', folder))
  const expectedFile = new URL(
    readdirSync(folder).find((file) => file.startsWith('expected.')) ??
      (streamed ? 'expected.sse' : 'expected.json'),
    folder,
  )

  if (streamed) {
    test(`transcript ${name}: the caller sees the same stream however the upstream's is cut`, () => {
      const context = contextFor(request)
      if (UPDATE) writeFileSync(expectedFile, play([upstream], context))
      const expected = readFileSync(expectedFile, 'utf8')
      for (const cut of cuts(upstream)) {
        assert.equal(play(cut.chunks, context), expected, cut.name)
      }
    })
  } else {
    test(`transcript ${name}: the caller gets the whole reply in its own form`, () => {
      const context = contextFor(request)
      const { body } = convertReply(chat, anthropic, upstream, context)
      const text = Buffer.from(body).toString()
      if (UPDATE) writeFileSync(expectedFile, `${JSON.stringify(JSON.parse(text), undefined, 2)}\n`)
      assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(expectedFile, 'utf8')))
    })
  }
}

test('a stream collected for a unary caller is the reply that the provider would have given whole', () => {
  const context = contextFor(
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
  const context = contextFor(readFileSync(new URL('thinking-and-two-tools/request.json', FOLDER)))
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
