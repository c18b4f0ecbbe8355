/**
 * Mutated HTTP on raw sockets against the front door. Nothing may crash or hang, no reply may be a 5xx
 * (501 for a transfer coding and 503 for too long a line in the pipeline are refusals), and no body may
 * reach the exchange that a strict reading of the same bytes would not let through.
 *
 *   npm run check:http -- [--seed 1] [--count 200000]
 */
import { openDoor, rawClient, readReplies } from '../../dist/test/attack/door.js'
import { createFindings, createRandom, readOptions } from './run.js'
import { readRequests } from './reference.js'

const options = readOptions('http', 200_000)
const findings = createFindings(options)
const DOORS = 8
const HANG_MS = 10_000
const ALLOWED_5XX = new Set([501, 503])

const PIECES = [
  '\r\n', '\n', '\r', '\r\n\r\n', '\0', ' ', '\t', ':', ';', ',', '\x1b', '\x7f', '\xff', '%00', '0', '-1', 'chunked',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'transfer-encoding:\tchunked\r\n',
  'Content-Length: 0\r\n', 'Content-Length: 5\r\n', 'content-length: 2\r\n', 'Host: evil.com\r\n', 'Host:\r\n',
  'X-User: alice\r\n', 'X_User: alice\r\n', 'Origin: null\r\n', 'Sec-Fetch-Site: cross-site\r\n', 'Expect: 100-continue\r\n',
  'Expect: x\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: upgrade\r\nUpgrade: h2c\r\n',
  'Content-Type: text/plain\r\n', 'Content-Encoding: gzip\r\n', ' folded\r\n', '2\r\n{}\r\n', '0\r\n\r\n', 'ffffffffffffffff\r\n',
  'GET /healthz HTTP/1.1\r\n', 'POST /v1/chat/completions HTTP/1.1\r\n', 'HTTP/1.0', 'HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'CONNECT a:1 HTTP/1.1\r\n\r\n', 'http://evil.com', '/../', '__proto__: x\r\n', `A: ${'a'.repeat(17_000)}\r\n`, 'a:\r\n'.repeat(120),
] // prettier-ignore

const right = (port) => {
  const host = `127.0.0.1:${port}`
  const head = (line, ...more) =>
    [line, `Host: ${host}`, 'X-User: alice', 'Content-Type: application/json', ...more].join('\r\n')
  const post = 'POST /v1/chat/completions HTTP/1.1'
  return [
    `${head(post, 'Content-Length: 13')}\r\n\r\n{"model":"m"}`,
    `${head(post, 'Transfer-Encoding: chunked')}\r\n\r\n5\r\n{"a":\r\n3;x=y\r\n12}\r\n0\r\nT: v\r\n\r\n`,
    `${head('POST /v1/messages HTTP/1.1', 'anthropic-version: 2023-06-01', 'Content-Length: 2')}\r\n\r\n{}`,
    `${head('POST /v1/chat/completions HTTP/1.0', 'Content-Length: 2')}\r\n\r\n{}`,
    `${head(post, 'Expect: 100-continue', 'Content-Length: 2')}\r\n\r\n{}`,
    `${head('GET /v1/models HTTP/1.1')}\r\n\r\n`,
    `${head('HEAD /healthz HTTP/1.1')}\r\n\r\n`,
    `${head('OPTIONS /v1/responses HTTP/1.1')}\r\n\r\n`,
  ]
}

function mutate(random, corpus) {
  let text = ''
  for (let n = random.pick([1, 1, 1, 2, 3]); n > 0; n -= 1) text += random.pick(corpus)
  for (let n = random.pick([0, 1, 1, 1, 2, 3, 6]); n > 0; n -= 1) {
    const at = random.below(text.length + 1)
    const length = random.pick([1, 1, 2, random.below(40)])
    switch (random.below(7)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length)
        break
      case 1:
        text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1)
        break
      case 2:
        text = text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
        break
      case 3:
        text = text.slice(0, at)
        break
      case 4: {
        // Between two lines, where a header may stand.
        const line = text.indexOf('\r\n', at)
        if (line !== -1) text = text.slice(0, line + 2) + random.pick(PIECES) + text.slice(line + 2)
        break
      }
      default:
        text = text.slice(0, at) + random.pick(PIECES) + text.slice(at)
    }
  }
  return text
}

const ONCE_ONLY = ['host', 'authorization', 'x-user', 'x-api-key', 'content-type', 'origin']
const APIS = new Set(
  ['/chat/completions', '/messages', '/messages/count_tokens', '/responses', '/embeddings'].flatMap(
    (path) => [path, `/v1${path}`],
  ),
)

/** What the door makes of a well-formed request: `answer` it, refuse and go on, or refuse and `end`. */
const verdictFor = (port) => (head) => {
  const one = (name) => (head.headers.get(name) ?? []).join(', ')
  if (ONCE_ONLY.some((name) => (head.headers.get(name) ?? []).length > 1)) return 'end'
  if (!head.target.startsWith('/')) return 'end'
  const host = one('host').toLowerCase()
  if (host === '') return 'end'
  const ours = host === `127.0.0.1:${port}` || /^(?:[a-z0-9-]+\.)*localhost:/.test(host)
  if (!ours || head.headers.has('origin')) return 'refuse'
  const site = one('sec-fetch-site')
  if (head.headers.has('sec-fetch-site') && site !== 'none' && site !== 'same-origin')
    return 'refuse'
  const expect = one('expect').toLowerCase()
  if (head.headers.has('expect') && expect !== '100-continue') return 'end'
  const path = head.target.split('?', 1)[0].replace(/\/+$/, '')
  if (head.method !== 'POST' || !APIS.has(path)) return 'refuse'
  if (one('content-type').split(';', 1)[0].trim().toLowerCase() !== 'application/json')
    return 'refuse'
  if (!['', 'identity'].includes(one('content-encoding').toLowerCase())) return 'refuse'
  return one('x-user') === 'alice' ? 'answer' : 'refuse'
}

const cleanUps = []
const owner = { after: (cleanUp) => cleanUps.push(cleanUp) }
let current = ''
process.on('uncaughtException', (error) => {
  findings.add('crash', `${error.stack}\n${JSON.stringify(current)}`)
  findings.end({ done })
})

const statuses = new Map()
let done = 0
let delivered = 0
let silent = 0

async function drive(worker) {
  const random = createRandom(options.seed + worker)
  const door = await openDoor(owner, { limits: { lingerMs: 20 } })
  const corpus = right(door.port)
  const allows = verdictFor(door.port)
  while (done < options.count && findings.count < 20) {
    done += 1
    const text = mutate(random, corpus)
    current = text
    const before = door.seen.bodies.length
    const client = rawClient(door.port)
    const cut = random.below(4) === 0 ? random.below(text.length + 1) : text.length
    client.write(text.slice(0, cut))
    if (cut < text.length) {
      await new Promise(setImmediate)
      client.write(text.slice(cut))
    }
    client.socket.end()
    const timer = setTimeout(() => client.socket.destroy(new Error('hang')), HANG_MS)
    const startedMs = performance.now()
    const over = await client.over
    clearTimeout(timer)
    const detail = () => `${JSON.stringify(text.slice(0, 3_000))} -> ${over.text.slice(0, 600)}`
    if (performance.now() - startedMs >= HANG_MS) findings.add('hang', detail())
    const replies = readReplies(over.text)
    if (replies.length === 0) silent += 1
    for (const { status } of replies) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status >= 500 && !ALLOWED_5XX.has(status)) findings.add('5xx', detail())
    }
    const got = door.seen.bodies.slice(before)
    delivered += got.length
    const allowed = readRequests(text, allows)
    // The caller left at the end of its bytes, so fewer may have come through; never others.
    if (got.some((body, index) => body !== allowed[index])) {
      findings.add('came through', `${JSON.stringify({ got, allowed })} ${detail()}`)
    }
    if (door.unexpected.length > 0) {
      findings.add('defect', `${door.unexpected[0].stack} ${detail()}`)
      door.unexpected.length = 0
    }
    // The lists of one long run would be all that grows.
    if (before > 1_000) door.seen.bodies.length = 0
    door.seen.failures.length = 0
  }
}

await Promise.all(Array.from({ length: DOORS }, (_, worker) => drive(worker)))
for (const cleanUp of cleanUps) await cleanUp()
await new Promise(setImmediate)
const handles = process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
if (handles > 0) findings.add('leak', `${handles} sockets are open after the doors have closed`)
findings.end({
  done,
  delivered,
  silent,
  statuses: Object.fromEntries([...statuses].toSorted(([a], [b]) => a - b)),
  socketsLeft: handles,
})
