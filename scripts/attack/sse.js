/**
 * The SSE decoder against a second reading of the WHATWG rules, over streams made of anything, cut
 * anywhere. Same events whatever the cuts; every byte in exactly one `raw`, in order; never a throw below
 * the cap of one event, always the one throw above it.
 *
 *   npm run check:sse -- [--seed 1] [--count 1000000]
 */
import { ProxyError } from '../../dist/src/errors/proxy-error.js'
import { createSseDecoder } from '../../dist/src/wire/sse.js'
import { createFindings, createRandom, readOptions } from './run.js'

const options = readOptions('sse', 1_000_000)
const findings = createFindings(options)
const random = createRandom(options.seed)

const PIECES = [
  'data: ', 'data:', 'data', 'event: ', 'event:x', 'id: 1', 'retry: 5', ': ping', ':', '\n', '\n\n', '\r\n', '\r\n\r\n', '\r', '\r\r',
  '{"a":1}', '[DONE]', ' ', '  ', 'ü', '😀', '\ufeff', '\u2028', '\0', 'dataX: y', ' data: z', 'data : q', 'event', 'x'.repeat(70),
] // prettier-ignore
const LIMIT_BYTES = 256

/** The rules, read with strings and without haste. Events that carry data, as [event, data]. */
function readSlowly(bytes) {
  const text = bytes.toString('utf8').replace(/^\ufeff/, '')
  const events = []
  let event = ''
  let data
  const lines = text.split(/\r\n|\n|\r/)
  for (const [index, line] of lines.entries()) {
    // The last piece has no line end behind it; it counts only where the stream ends inside a line.
    if (line === '') {
      if (data !== undefined) events.push([event, data])
      if (index < lines.length - 1 || data !== undefined) {
        event = ''
        data = undefined
      }
      continue
    }
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (name === 'event') event = value
  }
  if (data !== undefined) events.push([event, data])
  return events
}

function decode(bytes, cuts, limit) {
  const decoder = createSseDecoder(limit)
  const events = []
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    // A copy, as a socket gives: what the decoder keeps must not depend on its neighbours.
    events.push(...decoder.push(Uint8Array.from(bytes.subarray(from, to))))
    from = to
  }
  events.push(...decoder.end())
  return events
}

const told = (events) =>
  events.filter((event) => event.event !== '' || event.data !== '').map((e) => [e.event, e.data])
const spoken = (events) => events.filter(([event, data]) => event !== '' || data !== '')

let eventsSeen = 0
let capped = 0
for (let done = 0; done < options.count && findings.count < 20; done += 1) {
  let text = ''
  for (let n = random.below(24); n > 0; n -= 1) text += random.pick(PIECES)
  let bytes = Buffer.from(text)
  // Now and then bytes that are no UTF-8.
  if (random.below(8) === 0 && bytes.length > 0)
    bytes[random.below(bytes.length)] = random.below(256)
  if (random.below(50) === 0) bytes = bytes.subarray(0, random.below(bytes.length + 1))
  const cuts = Array.from({ length: random.below(6) }, () =>
    random.below(bytes.length + 1),
  ).toSorted((a, b) => a - b)
  const detail = () => `${JSON.stringify(bytes.toString('latin1'))} cut at ${cuts.join(',')}`
  try {
    const events = decode(bytes, cuts)
    eventsSeen += events.length
    const raw = Buffer.concat(events.map((event) => event.raw))
    if (!raw.equals(bytes)) findings.add('bytes', detail())
    const expected = JSON.stringify(spoken(readSlowly(bytes)))
    if (JSON.stringify(told(events)) !== expected) {
      findings.add('events', `${detail()} gave ${JSON.stringify(told(events))}, not ${expected}`)
    }
  } catch (error) {
    findings.add('throw', `${detail()} ${error.stack}`)
  }
  if (random.below(20) === 0) {
    try {
      const events = decode(bytes, cuts, LIMIT_BYTES)
      // One chunk may hold a whole event over the cap; what is kept between chunks may not.
      if (cuts.length === 0 && Buffer.concat(events.map((e) => e.raw)).length !== bytes.length) {
        findings.add('bytes under a cap', detail())
      }
    } catch (error) {
      capped += 1
      if (!(error instanceof ProxyError) || error.code !== 'upstream_protocol') {
        findings.add('throw', `${detail()} ${error.stack}`)
      } else if (bytes.length <= LIMIT_BYTES) findings.add('cap too early', detail())
    }
  }
}
findings.end({ events: eventsSeen, capped })
