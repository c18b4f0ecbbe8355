/** One request of a long run: written, read to its end, and judged. */
import { request } from 'node:http'

const WORD = / word\d+/g
const END_MARK = { chat: 'data: [DONE]', messages: 'event: message_stop' }
const PATHS = { chat: '/v1/chat/completions', messages: '/v1/messages' }

/** The text by which the upstream knows what to do. */
export function renderPlan({ id, fault, times, chunks, paceMs }) {
  return `soak id=${id} fault=${fault} times=${times} chunks=${chunks} pace=${paceMs}`
}

/**
 * Sends `order`: `id`, `api`, `model`, `user`, `stream`, `plan`; optionally a `body` of its own, `abort`
 * ('at-content' or milliseconds) and `onFirst`, called at the reply's first bytes. Resolves, never rejects,
 * with how it ended:
 * `{ end, status, words, firstMs, maxGapMs, detail }`, where `words` is -1 when they came in another
 * order than they were sent, and `end` is one of
 * whole: a complete good answer. error: a whole error body. error-event: a stream that ended with its
 * dialect's error event. left: aborted as ordered. broken: anything else. hang: not ended within `hangMs`.
 */
export function play(agent, origin, order, hangMs) {
  return new Promise((resolve) => {
    const body =
      order.body ??
      JSON.stringify({
        model: order.model,
        max_tokens: 512,
        stream: order.stream,
        messages: [{ role: 'user', content: renderPlan(order.plan) }],
      })
    let status = 0
    let text = ''
    const startedMs = performance.now()
    // Until the first bytes of the reply, and the longest silence after them.
    let firstMs = 0
    let lastMs = startedMs
    let maxGapMs = 0
    let settled = false

    const settle = (end, detail = '') => {
      if (settled) return
      settled = true
      clearTimeout(hang)
      clearTimeout(leaving)
      resolve({ end, status, words: countWords(text), firstMs, maxGapMs, detail })
    }
    const sent = request(`${origin}${PATHS[order.api]}`, {
      agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-request-id': order.id,
        ...(order.user === undefined ? {} : { 'x-user': order.user }),
      },
    })
    const hang = setTimeout(() => {
      settle('hang', `${status} after ${text.length} characters`)
      sent.destroy()
    }, hangMs)
    const leave = () => {
      settle('left')
      sent.destroy()
    }
    const leaving = typeof order.abort === 'number' ? setTimeout(leave, order.abort) : undefined

    sent.on('error', (error) => settle('broken', `${error.code ?? error.message}`))
    sent.on('response', (reply) => {
      status = reply.statusCode ?? 0
      reply.setEncoding('utf8')
      reply.on('data', (more) => {
        text += more
        const nowMs = performance.now()
        if (firstMs === 0) {
          firstMs = nowMs - startedMs
          order.onFirst?.()
        } else maxGapMs = Math.max(maxGapMs, nowMs - lastMs)
        lastMs = nowMs
        if (order.abort === 'at-content' && text.includes(' word2')) leave()
      })
      reply.on('error', () => settle('broken', `cut after ${text.length} characters`))
      reply.on('aborted', () => settle('broken', `cut after ${text.length} characters`))
      reply.on('end', () => settle(...judge(order, status, reply.headers, text)))
    })
    sent.end(body)
  })
}

function countWords(text) {
  const words = text.match(WORD) ?? []
  return words.every((word, index) => word === ` word${index}`) ? words.length : -1
}

function judge(order, status, headers, text) {
  const said = text.slice(-200)
  if (!/text\/event-stream/.test(headers['content-type'] ?? '')) {
    try {
      const value = JSON.parse(text)
      if (status !== 200) {
        return typeof value.error === 'object' ? ['error', said] : ['broken', said]
      }
      return order.stream ? ['broken', 'a whole body instead of a stream'] : ['whole', '']
    } catch {
      return ['broken', `no JSON: ${said}`]
    }
  }
  if (!order.stream || status !== 200) return ['broken', `a stream with status ${status}`]
  const ended = text.includes(END_MARK[order.api])
  const failed = order.api === 'messages' ? /^event: error$/m.test(text) : /"error": *\{/.test(text)
  if (ended && !failed) return ['whole', '']
  if (failed && !ended) return ['error-event', said]
  return ['broken', said]
}
