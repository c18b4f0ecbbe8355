/**
 * Server-sent events, read and written. Reading follows the WHATWG rules
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation):
 * lines end in LF, CRLF or CR, a BOM is skipped, comments are ignored, several `data:` lines are joined.
 * One difference, as the OpenAI SDK has it: a last event without its blank line is delivered at the end.
 *
 * Every byte of the input stands in the `raw` of exactly one event, in order, so a relay that writes
 * `raw` writes what it read. A frame that only holds comments or unknown fields is therefore delivered
 * too, with empty `event` and `data`; blank lines stand before the event that follows them.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { readPlainEvents } from './sse-plain.ts'

/** One dispatched event, or a frame without meaning (a comment) with `event` and `data` both ''. */
export interface SseEvent {
  /** The `event:` field, or '' where there was none. */
  readonly event: string
  /** The `data:` lines joined by LF. */
  readonly data: string
  /** The exact bytes of the event, its blank line included, for relaying. */
  readonly raw: Uint8Array
}

/** Cuts a byte stream into events. Events carry views of the given chunks where they can. */
export interface SseDecoder {
  /** The events that this chunk completes. Throws ProxyError `upstream_protocol` when one event outgrows the cap. */
  push(chunk: Uint8Array): SseEvent[]
  /** The stream is over: the rest, as one last event, or nothing. */
  end(): SseEvent[]
  /** An event has begun in the chunks so far and not ended. */
  readonly holding: boolean
}

/** 16 MiB: no provider's event comes near it, and memory stays bounded. */
export const MAX_EVENT_BYTES = 16 * 1024 * 1024

// The global stands behind a getter: it is asked for once, and not for every chunk.
const Bytes = Buffer

const LF = 10
const CR = 13
const COLON = 58
const SPACE = 32

/** A decoder for one stream. `maxEventBytes` caps one event, default {@link MAX_EVENT_BYTES}. */
export function createSseDecoder(maxEventBytes: number = MAX_EVENT_BYTES): SseDecoder {
  // Whole chunks that belong to the event now being read; its end is not among them.
  let held: Buffer[] = []
  let heldBytes = 0
  // The next byte stands at the start of a line.
  let atLineStart = true
  // The event now being read has a line that is not blank.
  let hasLine = false
  // The previous chunk ended in '\r': a leading '\n' belongs to the same line end.
  let skipLineFeed = false
  // A byte order mark may stand before the very first line.
  let first = true

  function take(tail: Buffer): SseEvent {
    const raw = held.length === 0 ? tail : Buffer.concat([...held, tail], heldBytes + tail.length)
    held = []
    heldBytes = 0
    decoder.holding = false
    hasLine = false
    const start = first && raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf ? 3 : 0
    first = false
    return parseFrame(raw, start)
  }

  const decoder = {
    holding: false,
    push(bytes: Uint8Array) {
      const events: SseEvent[] = []
      const chunk =
        bytes instanceof Bytes
          ? bytes
          : Bytes.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      // Asked for once a chunk, where its first event begins.
      let mayBePlain = true
      let frameStart = 0
      if (heldBytes === 0 && !first && !skipLineFeed) {
        mayBePlain = false
        frameStart = readPlainEvents(chunk, 0, events)
        if (frameStart === chunk.length) return events
      }
      let at = frameStart
      if (skipLineFeed && chunk.length > 0) {
        if (chunk[0] === LF) at = 1
        skipLineFeed = false
      }
      // Next line ends of either kind at or after `at`; the chunk's length when there is none left, so
      // that a stream without '\r' is searched for it once per chunk and not once per line.
      let lineFeed = seek(chunk, LF, at)
      let carriageReturn = seek(chunk, CR, at)
      while (at < chunk.length) {
        if (lineFeed < at) lineFeed = seek(chunk, LF, at)
        if (carriageReturn < at) carriageReturn = seek(chunk, CR, at)
        const lineEnd = Math.min(lineFeed, carriageReturn)
        if (lineEnd === chunk.length) {
          atLineStart = false
          break
        }
        const blank = atLineStart && lineEnd === at
        at = lineEnd + 1
        if (lineEnd === carriageReturn) {
          if (at === chunk.length) skipLineFeed = true
          else if (chunk[at] === LF) at += 1
        }
        atLineStart = true
        if (!blank) {
          hasLine = true
        } else if (hasLine) {
          events.push(take(chunk.subarray(frameStart, at)))
          if (mayBePlain && !skipLineFeed) {
            mayBePlain = false
            at = readPlainEvents(chunk, at, events)
          }
          frameStart = at
        }
      }
      if (frameStart < chunk.length) {
        const rest = chunk.subarray(frameStart)
        held.push(rest)
        heldBytes += rest.length
        decoder.holding = true
        if (heldBytes > maxEventBytes) {
          throw new ProxyError(
            'upstream_protocol',
            `The provider sent one event of more than ${maxEventBytes} bytes.`,
          )
        }
      }
      return events
    },
    end() {
      return heldBytes === 0 ? [] : [take(Buffer.alloc(0))]
    },
  }
  return decoder
}

function seek(chunk: Buffer, byte: number, from: number): number {
  const found = chunk.indexOf(byte, from)
  return found === -1 ? chunk.length : found
}

function parseFrame(raw: Buffer, start: number): SseEvent {
  let event = ''
  let data: string | undefined
  let lineStart = start
  let carriageReturn = seek(raw, CR, start)
  while (lineStart < raw.length) {
    if (carriageReturn < lineStart) carriageReturn = seek(raw, CR, lineStart)
    const lineEnd = Math.min(seek(raw, LF, lineStart), carriageReturn)
    if (startsField(raw, lineStart, lineEnd, DATA)) {
      const value = fieldValue(raw, lineStart + DATA.length, lineEnd)
      data = data === undefined ? value : `${data}\n${value}`
    } else if (startsField(raw, lineStart, lineEnd, EVENT)) {
      event = fieldValue(raw, lineStart + EVENT.length, lineEnd)
    }
    lineStart = lineEnd + 1
  }
  // Without a data line nothing is dispatched, whatever else the frame says.
  return data === undefined ? { event: '', data: '', raw } : { event, data, raw }
}

const DATA = Buffer.from('data')
const EVENT = Buffer.from('event')

/** The line is this field: its name followed by a colon, or the bare name. */
function startsField(raw: Buffer, start: number, end: number, name: Buffer): boolean {
  const afterName = start + name.length
  if (afterName > end) return false
  for (let index = 0; index < name.length; index += 1) {
    if (raw[start + index] !== name[index]) return false
  }
  return afterName === end || raw[afterName] === COLON
}

function fieldValue(raw: Buffer, colon: number, end: number): string {
  if (colon >= end) return ''
  const start = raw[colon + 1] === SPACE && colon + 1 < end ? colon + 2 : colon + 1
  return raw.toString('utf8', start, end)
}

/** One event of JSON text, which has no line ends in it, so nobody looks for them. */
export function encodeJsonEvent(event: string, json: string): string {
  return event === '' ? `data: ${json}\n\n` : `event: ${event}\ndata: ${json}\n\n`
}

/** One event as SSE text; no `event:` line when `event` is ''. `data` may have several lines. */
export function encodeSse(event: string, data: string): string {
  const name = event === '' ? '' : `event: ${event}\n`
  if (!data.includes('\n')) return `${name}data: ${data}\n\n`
  return `${name}${data
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`
}
