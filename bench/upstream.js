/**
 * The provider of the bench: answers at once, with bytes prepared before. It reads HTTP/1.1 from raw
 * sockets, so that it costs as little as possible beside the program that is measured. The path says
 * what to answer: /<kind>/…, where kind is unary, sse, paced or gone, and …/messages is Anthropic's.
 * Prints its port as one JSON line.
 */
import { createServer } from 'node:net'
import { STREAM_CHUNKS, PACED_CHUNKS, PACE_MS } from './settings.js'

const CREATED = 1_795_305_600
const TEXT =
  'The quick brown fox jumps over the lazy dog while the proxy between them adds next to nothing at all. '

const json = (status, body) => {
  const text = JSON.stringify(body)
  const head = `HTTP/1.1 ${status} OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nx-request-id: req_bench\r\n\r\n`
  return Buffer.from(head + text)
}

const openaiUnary = json(200, {
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: CREATED,
  model: 'bench-model',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: TEXT.repeat(3), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 25, completion_tokens: 60, total_tokens: 85 },
})
const anthropicUnary = json(200, {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'bench-model',
  content: [{ type: 'text', text: TEXT.repeat(3) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 25, output_tokens: 60 },
})
const gone = json(404, {
  error: {
    message: 'The model `bench-gone` does not exist.',
    type: 'invalid_request_error',
    param: null,
    code: 'model_not_found',
  },
})

const SSE_HEAD = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nx-request-id: req_bench\r\n\r\n',
)
const SSE_END = Buffer.from('0\r\n\r\n')

// One SSE event as one chunk of the HTTP transfer coding, as the providers write them.
const httpChunk = (frame) => {
  const bytes = Buffer.from(frame)
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
}
const openaiEvent = (choices, usage = null) =>
  httpChunk(
    `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: CREATED, model: 'bench-model', choices, usage })}\n\n`,
  )
const anthropicEvent = (event) =>
  httpChunk(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)

const openaiStream = (count) => [
  openaiEvent([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
  ...Array.from({ length: count }, (_, index) =>
    openaiEvent([{ index: 0, delta: { content: ` word${index}` }, finish_reason: null }]),
  ),
  openaiEvent([{ index: 0, delta: {}, finish_reason: 'stop' }]),
  openaiEvent([], { prompt_tokens: 25, completion_tokens: count, total_tokens: 25 + count }),
  httpChunk('data: [DONE]\n\n'),
]
const anthropicStream = (count) => [
  anthropicEvent({
    type: 'message_start',
    message: {
      id: 'msg_bench',
      type: 'message',
      role: 'assistant',
      model: 'bench-model',
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 25, output_tokens: 1 },
    },
  }),
  anthropicEvent({
    type: 'content_block_start',
    index: 0,
    content_block: { type: 'text', text: '' },
  }),
  ...Array.from({ length: count }, (_, index) =>
    anthropicEvent({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: ` word${index}` },
    }),
  ),
  anthropicEvent({ type: 'content_block_stop', index: 0 }),
  anthropicEvent({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: count },
  }),
  anthropicEvent({ type: 'message_stop' }),
]

const STREAMS = {
  openai: { burst: openaiStream(STREAM_CHUNKS), paced: openaiStream(PACED_CHUNKS) },
  anthropic: { burst: anthropicStream(STREAM_CHUNKS), paced: anthropicStream(PACED_CHUNKS) },
}

// Streams that get one chunk at every tick of one shared timer.
const pacedStreams = new Set()
setInterval(() => {
  for (const stream of pacedStreams) {
    const chunk = stream.chunks[stream.next]
    stream.next += 1
    if (chunk !== undefined && !stream.socket.destroyed) stream.socket.write(chunk)
    else {
      pacedStreams.delete(stream)
      if (!stream.socket.destroyed) stream.socket.write(SSE_END)
    }
  }
}, PACE_MS)

const answer = (socket, path) => {
  const dialect = path.endsWith('/messages') ? 'anthropic' : 'openai'
  if (path.startsWith('/unary/')) {
    socket.write(dialect === 'openai' ? openaiUnary : anthropicUnary)
  } else if (path.startsWith('/gone/')) {
    socket.write(gone)
  } else if (path.startsWith('/sse/')) {
    socket.write(SSE_HEAD)
    for (const chunk of STREAMS[dialect].burst) socket.write(chunk)
    socket.write(SSE_END)
  } else {
    // The role and the first content at once: what the first byte then takes is the proxy's doing.
    const chunks = STREAMS[dialect].paced
    socket.write(Buffer.concat([SSE_HEAD, chunks[0], chunks[1]]))
    pacedStreams.add({ socket, chunks, next: 2 })
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  // Bytes of a request head that is not whole yet; '' between requests.
  let head = ''
  let path = ''
  // Bytes of the current request's body that are still to come.
  let missing = 0
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    let at = 0
    while (at < bytes.length || (missing === 0 && path !== '')) {
      if (path !== '') {
        const taken = Math.min(missing, bytes.length - at)
        at += taken
        missing -= taken
        if (missing > 0) return
        answer(socket, path)
        path = ''
        continue
      }
      const before = head.length
      head += bytes.latin1Slice(at)
      const end = head.indexOf('\r\n\r\n', Math.max(0, before - 3))
      if (end < 0) return
      at += end + 4 - before
      path = head.slice(head.indexOf(' ') + 1, head.indexOf(' ', head.indexOf(' ') + 1))
      const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end + 2))
      missing = length === null ? 0 : Number(length[1])
      head = ''
    }
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ event: 'listening', port: server.address().port }))
})
