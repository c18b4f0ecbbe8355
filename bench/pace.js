/**
 * Streams that get one chunk every period. They are spread over the period by when they came, as streams
 * of different callers are: a hundred chunks in one moment would measure a queue, not a proxy.
 */
import { nowMicroseconds } from './settings.js'

const SLOTS = 10

/**
 * A pace of one chunk every `periodMs`. `add(stream)` takes `{ socket, dialect, left, closing, last }`:
 * `left` chunks of `chunks[dialect]`, stamped with the time they are sent, then the bytes of `closing`, and
 * the end of the connection where it is the `last`. The clock
 * runs only while there are streams; where it was late it catches up, so that the rate holds.
 */
export function createPace(periodMs, chunks) {
  const slots = Array.from({ length: SLOTS }, () => new Set())
  const slotMs = periodMs / SLOTS
  let open = 0
  let slot = 0
  let dueMs = 0
  let timer

  const turn = () => {
    while (dueMs <= performance.now()) {
      dueMs += slotMs
      slot = (slot + 1) % SLOTS
      serve(slots[slot])
    }
    if (open > 0) return
    clearInterval(timer)
    timer = undefined
  }

  const serve = (streams) => {
    // One stamp for the streams of a slot, per dialect: they are sent within one turn.
    const stamped = new Map()
    for (const stream of streams) {
      const { socket, dialect } = stream
      if (!stamped.has(dialect)) stamped.set(dialect, chunks[dialect].stamp(nowMicroseconds()))
      if (!socket.destroyed) socket.write(stamped.get(dialect))
      stream.left -= 1
      if (stream.left > 0 && !socket.destroyed) continue
      if (!socket.destroyed) socket.write(stream.closing)
      if (stream.last) socket.end()
      streams.delete(stream)
      open -= 1
    }
  }

  return {
    add(stream) {
      slots[slot].add(stream)
      open += 1
      if (timer !== undefined) return
      dueMs = performance.now() + slotMs
      timer = setInterval(turn, slotMs)
    },
  }
}
