/**
 * The provider of the long runs: both dialects, unary and streamed, paced, and faulty on demand. What it
 * does with a request stands in the request's own text (`renderPlan` in load.js), so that the one who asked
 * knows what to expect:
 *
 *   soak id=17 fault=reset-body times=1 chunks=20 pace=10
 *
 * `times` is how many attempts of this request meet the fault; the next one is answered. Below /well/ it
 * has no faults. Prints its port as one JSON line.
 */
import { createServer } from 'node:http'

const PLAN = /soak id=(\S+) fault=(\S+) times=(\d+) chunks=(\d+) pace=(\d+)/
const CREATED = 1_795_305_600
const MODEL = 'soak-model'
// Requests whose faults are still counted; the oldest are forgotten, so that a long run stays small.
const REMEMBERED = 20_000
const BODY_LIMIT_CHARS = 1_000_000

const sse = {
  openai: (choices, usage = null) =>
    `data: ${JSON.stringify({ id: 'chatcmpl-soak', object: 'chat.completion.chunk', created: CREATED, model: MODEL, choices, usage })}\n\n`,
  anthropic: (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
}

const words = (count) => Array.from({ length: count }, (_, index) => ` word${index}`)

const UNARY = {
  openai: (count) => ({
    id: 'chatcmpl-soak',
    object: 'chat.completion',
    created: CREATED,
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: words(count).join(''), refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 25, completion_tokens: count, total_tokens: 25 + count },
  }),
  anthropic: (count) => ({
    id: 'msg_soak',
    type: 'message',
    role: 'assistant',
    model: MODEL,
    content: [{ type: 'text', text: words(count).join('') }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 25, output_tokens: count },
  }),
}

// A stream is its opening, one piece a word, and its end.
const STREAM = {
  openai: (count) => ({
    opening: sse.openai([
      { index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null },
    ]),
    piece: (text) => sse.openai([{ index: 0, delta: { content: text }, finish_reason: null }]),
    end:
      sse.openai([{ index: 0, delta: {}, finish_reason: 'stop' }]) +
      sse.openai([], { prompt_tokens: 25, completion_tokens: count, total_tokens: 25 + count }) +
      'data: [DONE]\n\n',
  }),
  anthropic: (count) => ({
    opening:
      sse.anthropic({
        type: 'message_start',
        message: {
          ...UNARY.anthropic(0),
          content: [],
          stop_reason: null,
          usage: { input_tokens: 25, output_tokens: 1 },
        },
      }) +
      sse.anthropic({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
    piece: (text) =>
      sse.anthropic({
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', text },
      }),
    end:
      sse.anthropic({ type: 'content_block_stop', index: 0 }) +
      sse.anthropic({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: count },
      }) +
      sse.anthropic({ type: 'message_stop' }),
  }),
}

const ERRORS = {
  openai: (status) => ({
    error: { message: `Scripted ${status}.`, type: 'server_error', param: null, code: null },
  }),
  anthropic: (status) => ({
    type: 'error',
    error: {
      type: status === 429 ? 'rate_limit_error' : status === 503 ? 'overloaded_error' : 'api_error',
      message: `Scripted ${status}.`,
    },
  }),
}

// Faults met so far, by request id, in the order the requests came.
const met = new Map()
const isFaulty = (id, times) => {
  const before = met.get(id) ?? 0
  if (before >= times) {
    met.delete(id)
    return false
  }
  met.set(id, before + 1)
  if (met.size > REMEMBERED) met.delete(met.keys().next().value)
  return true
}

const sendJson = (reply, status, body) => {
  reply.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'req_soak' })
  reply.end(JSON.stringify(body))
}

const answerUnary = (reply, dialect, plan) => {
  const text = JSON.stringify(UNARY[dialect](plan.chunks))
  if (plan.fault !== 'reset-body' && plan.fault !== 'stall-body') {
    reply.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    reply.end(text)
    return
  }
  reply.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  reply.write(text.slice(0, text.length / 2))
  if (plan.fault === 'reset-body') setTimeout(() => reply.socket?.resetAndDestroy(), 5)
}

const answerStream = (reply, dialect, plan) => {
  const stream = STREAM[dialect](plan.chunks)
  const pieces = words(plan.chunks)
  const half = Math.floor(plan.chunks / 2)
  reply.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'x-request-id': 'req_soak',
  })
  reply.write(stream.opening)
  let next = 0
  const timer = setInterval(() => {
    if (next === half && plan.fault === 'reset-body') {
      clearInterval(timer)
      reply.socket?.resetAndDestroy()
    } else if (next === half && plan.fault === 'stall-body') clearInterval(timer)
    else if (next < pieces.length) {
      reply.write(stream.piece(pieces[next]))
      next += 1
    } else {
      clearInterval(timer)
      reply.end(stream.end)
    }
  }, plan.pace)
  reply.on('close', () => clearInterval(timer))
}

const answer = (reply, path, body) => {
  const dialect = path.endsWith('/messages') ? 'anthropic' : 'openai'
  const found = PLAN.exec(body)
  if (found === null) {
    sendJson(reply, 400, ERRORS[dialect](400))
    return
  }
  const [, id, fault, times, chunks, pace] = found
  const faulty = fault !== 'none' && !path.startsWith('/well/') && isFaulty(id, Number(times))
  const plan = { fault: faulty ? fault : 'none', chunks: Number(chunks), pace: Number(pace) }
  switch (plan.fault) {
    case '429':
    case '500':
    case '503':
      sendJson(reply, Number(plan.fault), ERRORS[dialect](Number(plan.fault)))
      return
    case 'reset-head':
      reply.socket?.resetAndDestroy()
      return
    case 'stall-head':
      return
    default:
  }
  if (/"stream": *true/.test(body)) answerStream(reply, dialect, plan)
  else answerUnary(reply, dialect, plan)
}

const server = createServer((request, reply) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (text) => {
    body += text
    if (body.length > BODY_LIMIT_CHARS) request.destroy()
  })
  request.on('end', () => answer(reply, request.url ?? '', body))
  request.on('error', () => {})
  reply.on('error', () => {})
})
server.on('clientError', (_error, socket) => socket.destroy())
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.stdout.write(
    `${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${server.address().port}` })}\n`,
  )
})
