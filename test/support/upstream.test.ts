import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openReply, send } from './http.ts'
import { createGate } from './owner.ts'
import { HELLO, openaiAnswers, openaiFrames, streams } from './replies.ts'
import { readFrames } from './sse.ts'
import { parseStructuredList } from './structured.ts'
import type { Script } from './upstream.ts'
import { createUpstream, inTurn, refusedPort, withAnthropicKey, withOpenAiKey } from './upstream.ts'
import { dig } from './json.ts'

const answers =
  (status: number): Script =>
  (reply) => {
    reply.json(status, {})
  }

test('the scripted upstream remembers what it received, byte for byte', async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const body = '{ "model" : "m",\n "temperature": 1.0 }'

  await send(`${upstream.origin}/v1/chat/completions?x=1`, { body, headers: { 'x-user': 'a' } })

  const [received] = upstream.requests
  assert.equal(received?.body.toString(), body)
  assert.equal(received?.path, '/v1/chat/completions?x=1')
  assert.equal(received?.headers['x-user'], 'a')
  assert.equal((await received?.over)?.how, 'answered')
})

test('a scripted stream is held by its gate, frame after frame', async (t) => {
  const gate = createGate()
  const upstream = await createUpstream(t, async (reply) => {
    reply.openStream()
    await reply.write('data: 1\n\n')
    await gate.opened
    await reply.write('data: 2\n\n')
    reply.end()
  })

  const reply = await openReply(upstream.origin)
  assert.deepEqual(await reply.next(), { event: '', data: '1' })
  gate.open()
  assert.deepEqual(await reply.next(), { event: '', data: '2' })
  assert.equal(await reply.next(), undefined)
  assert.equal((await reply.rest()).complete, true)
})

test('a reader that hangs up is seen by the script at once', async (t) => {
  const upstream = await createUpstream(t, async (reply) => {
    reply.openStream()
    await reply.write('data: 1\n\n')
    await reply.stall()
  })

  const reply = await openReply(upstream.origin)
  await reply.next()
  reply.leave()

  assert.equal((await upstream.requests[0]?.over)?.how, 'cut')
})

test('a reset, a cut body and a refused port are told apart from a reply', async (t) => {
  const upstream = await createUpstream(t)
  upstream.on('/reset', (reply) => {
    reply.reset()
  })
  upstream.on('/cut', async (reply) => {
    reply.openStream()
    await reply.write('data: 1\n\n')
    reply.hangUp()
  })
  const port = await refusedPort()

  await assert.rejects(send(`${upstream.origin}/reset`), { code: 'ECONNRESET' })
  assert.equal((await send(`${upstream.origin}/cut`)).complete, false)
  await assert.rejects(send(`http://127.0.0.1:${port}`), { code: 'ECONNREFUSED' })
})

test('scripts take turns, and the longest path prefix wins', async (t) => {
  const upstream = await createUpstream(t)
  upstream.on('/a', inTurn(answers(500), answers(503)))
  upstream.on('/a/b', answers(200))

  const statuses: number[] = []
  for (const path of ['/a', '/a/b', '/a', '/a', '/nowhere']) {
    statuses.push((await send(upstream.origin + path)).status)
  }

  assert.deepEqual(statuses, [500, 200, 503, 503, 599])
})

test('a wrong key is refused in the words of its provider', async (t) => {
  const upstream = await createUpstream(t)
  upstream.on('/openai', withOpenAiKey('sk-good', openaiAnswers))
  upstream.on('/anthropic', withAnthropicKey('sk-ant-good', openaiAnswers))
  const body = {}

  const openai = await send(`${upstream.origin}/openai`, {
    body,
    headers: { authorization: 'Bearer bad' },
  })
  assert.equal(openai.status, 401)
  assert.equal(dig(openai.json(), 'error', 'code'), 'invalid_api_key')
  const anthropic = await send(`${upstream.origin}/anthropic`, { body })
  assert.equal(anthropic.status, 401)
  assert.equal(dig(anthropic.json(), 'error', 'type'), 'authentication_error')
  const good = await send(`${upstream.origin}/openai`, {
    body,
    headers: { authorization: 'Bearer sk-good' },
  })
  assert.equal(dig(good.json(), 'choices', 0, 'message', 'content'), HELLO)
})

test('the canned stream spells the canned text', async (t) => {
  const upstream = await createUpstream(t, streams(openaiFrames()))

  const frames = (await send(upstream.origin)).frames()

  assert.equal(frames.at(-1)?.data, '[DONE]')
  const text = frames
    .slice(0, -1)
    .map((frame) => dig(JSON.parse(frame.data), 'choices', 0, 'delta', 'content'))
    .filter((piece) => typeof piece === 'string')
    .join('')
  assert.equal(text, HELLO)
})

test('the reader of events refuses an unfinished frame', () => {
  assert.throws(() => readFrames('data: 1\n\ndata: 2\n'), /inside a frame/)
  assert.deepEqual(readFrames(': hello\n\nevent: x\ndata: 1\ndata: 2\n\n'), [
    { event: 'x', data: '1\n2' },
  ])
})

test('the reader of structured lists takes RFC 8941 and nothing else', () => {
  const [first, second] = parseStructuredList('gpt-5;provider=openai;status=401;ms=120, "7b x";ok')
  assert.equal(first?.value, 'gpt-5')
  assert.equal(first?.params.get('status'), 401)
  assert.equal(second?.value, '7b x')
  assert.equal(second?.params.get('ok'), true)
  assert.throws(() => parseStructuredList('a,'), /trailing comma/)
  assert.throws(() => parseStructuredList('a b'), /no comma/)
  assert.throws(() => parseStructuredList('a;B=1'), /parameter name/)
})

test('the scripted upstream speaks plain HTTP over a raw socket too', async (t) => {
  const upstream = await createUpstream(t, (reply) => {
    reply.bytes(200, 'pong', { 'content-type': 'text/plain' })
  })
  const socket = connect(upstream.port, '127.0.0.1')
  socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  assert.match(text, /pong$/)
})
