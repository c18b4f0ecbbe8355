/**
 * A strict reading of HTTP/1 requests, made from RFC 9112 alone, to hold the real one against: it says
 * which requests of some bytes are whole, well-formed, and such that the door lets them through. Where
 * it is stricter than Node's parser on purpose, the difference is listed here:
 * several spaces in the request line (RFC 9112 §3 lets a server accept them), CR and LF before a request
 * (§2.2), blank around a field value (§5.1).
 */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// Everything but control characters; a tab may stand inside.
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const MAX_HEAD_BYTES = 16 * 1024
const MAX_HEADERS = 100

/** The bodies of the requests that may be answered, in order; `stopped` where the bytes went wrong. */
export function readRequests(text, allows) {
  const bodies = []
  let at = 0
  for (;;) {
    while (text[at] === '\r' || text[at] === '\n') at += 1
    if (at >= text.length) return bodies
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd === -1 || headEnd - at > MAX_HEAD_BYTES) return bodies
    const head = readHead(text.slice(at, headEnd))
    if (head === undefined) return bodies
    const body = readBody(text, headEnd + 4, head)
    if (body === undefined) return bodies
    const verdict = allows(head)
    if (verdict === 'answer') bodies.push(body.text)
    if (verdict === 'end' || head.last) return bodies
    at = body.end
  }
}

function readHead(text) {
  const [line, ...fields] = text.split('\r\n')
  const request = /^([A-Z]+) +(\S+) +HTTP\/1\.([01])$/.exec(line)
  if (request === null || fields.length > MAX_HEADERS) return undefined
  const headers = new Map()
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon)
    const value = field.slice(colon + 1)
    if (colon < 1 || !TOKEN.test(name) || !VALUE.test(value)) return undefined
    const key = name.toLowerCase()
    const earlier = headers.get(key) ?? []
    headers.set(key, [...earlier, value.replace(/^[\t ]+|[\t ]+$/g, '')])
  }
  const connection = (headers.get('connection') ?? [])
    .join(',')
    .toLowerCase()
    .split(/[\t ,]+/)
  const minor = Number(request[3])
  return {
    method: request[1],
    target: request[2],
    minor,
    headers,
    last: connection.includes('close') || (minor === 0 && !connection.includes('keep-alive')),
  }
}

function readBody(text, start, { headers, minor }) {
  const lengths = headers.get('content-length')
  const codings = headers.get('transfer-encoding')
  if (codings !== undefined) {
    const coding = codings.length === 1 ? codings[0].toLowerCase() : ''
    if (lengths !== undefined || coding !== 'chunked' || minor === 0) return undefined
    return readChunks(text, start)
  }
  if (lengths === undefined) return { text: '', end: start }
  if (lengths.length > 1 || !/^\d+$/.test(lengths[0])) return undefined
  const end = start + Number(lengths[0])
  return end > text.length ? undefined : { text: text.slice(start, end), end }
}

function readChunks(text, start) {
  let at = start
  let body = ''
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = /^([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?$/.exec(text.slice(at, lineEnd))
    if (size === null) return undefined
    at = lineEnd + 2
    const bytes = Number.parseInt(size[1], 16)
    if (bytes === 0) break
    if (at + bytes + 2 > text.length || !text.startsWith('\r\n', at + bytes)) return undefined
    body += text.slice(at, at + bytes)
    at += bytes + 2
  }
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const field = text.slice(at, lineEnd)
    at = lineEnd + 2
    if (field === '') return { text: body, end: at }
    const colon = field.indexOf(':')
    if (colon < 1 || !TOKEN.test(field.slice(0, colon)) || !VALUE.test(field.slice(colon + 1))) {
      return undefined
    }
  }
}
