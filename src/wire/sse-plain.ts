/**
 * Events in the form that every provider writes them, read faster. Most of a proxy's work is to read one
 * short event after the other, and going through its bytes line by line costs several times as much as
 * decoding them once and cutting the text. What is not in that form is left to the full reader (sse.ts),
 * which gives the same events for these bytes, too.
 *
 * The form: an `event: ` line or none, one `data: ` line, a blank line; every line ends in LF.
 */
import type { SseEvent } from './sse.ts'

const LF = 10
const CR = 13
const NAME = 'event: '
const DATA = 'data: '

/** A class for the sake of `raw`: cutting the bytes costs as much as reading them, and few ask for them. */
class PlainEvent implements SseEvent {
  readonly event: string
  readonly data: string
  readonly chunk: Buffer
  readonly start: number
  readonly end: number

  constructor(event: string, data: string, chunk: Buffer, start: number, end: number) {
    this.event = event
    this.data = data
    this.chunk = chunk
    this.start = start
    this.end = end
  }

  get raw(): Uint8Array {
    return this.chunk.subarray(this.start, this.end)
  }
}

/**
 * Adds the plain events that stand whole in `chunk` from `from` on, where an event must begin, up to the
 * first that is not plain or not whole. Returns where it stopped.
 */
export function readPlainEvents(chunk: Buffer, from: number, events: SseEvent[]): number {
  if (chunk.indexOf(CR, from) !== -1) return from
  const text = chunk.toString('utf8', from)
  // As many units as bytes: each stands where its byte stands.
  const aligned = text.length === chunk.length - from
  let at = 0
  let byteAt = from
  while (at < text.length) {
    let dataAt = at
    let name = ''
    if (text.startsWith(NAME, at)) {
      const nameEnd = text.indexOf('\n', at)
      if (nameEnd === -1) break
      name = text.slice(at + NAME.length, nameEnd)
      dataAt = nameEnd + 1
    }
    if (!text.startsWith(DATA, dataAt)) break
    const dataEnd = text.indexOf('\n', dataAt)
    if (dataEnd === -1 || text.charCodeAt(dataEnd + 1) !== LF) break
    const byteEnd = aligned ? from + dataEnd + 2 : afterLines(chunk, byteAt, dataAt === at ? 2 : 3)
    const data = text.slice(dataAt + DATA.length, dataEnd)
    events.push(new PlainEvent(name, data, chunk, byteAt, byteEnd))
    at = dataEnd + 2
    byteAt = byteEnd
  }
  return byteAt
}

/** The bytes of these events, of plain ones that stand side by side in one piece. */
export function rawOf(events: readonly SseEvent[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let first: PlainEvent | undefined
  let end = 0
  for (const event of events) {
    if (!(event instanceof PlainEvent)) {
      if (first !== undefined) pieces.push(first.chunk.subarray(first.start, end))
      first = undefined
      pieces.push(event.raw)
    } else if (first !== undefined && event.chunk === first.chunk && event.start === end) {
      end = event.end
    } else {
      if (first !== undefined) pieces.push(first.chunk.subarray(first.start, end))
      first = event
      end = event.end
    }
  }
  if (first !== undefined) pieces.push(first.chunk.subarray(first.start, end))
  return pieces
}

/** Where the line begins that stands so many lines further down. */
function afterLines(chunk: Buffer, from: number, lines: number): number {
  let at = from
  for (let line = 0; line < lines; line += 1) at = chunk.indexOf(LF, at) + 1
  return at
}
