/** Numbers and names that the upstream, the programs and the load must agree on. */

/** Content chunks of a burst stream: as fast as they go. */
export const STREAM_CHUNKS = 200

/** Paced streams: content chunks of each, and the time between two of them. */
export const PACES = {
  fast: { chunks: 50, periodMs: 10 },
  slow: { chunks: 40, periodMs: 50 },
}

/** A content chunk of a paced stream says when it was sent: `@`, microseconds in so many digits, `@`. */
export const STAMP_DIGITS = 16

/** The monotonic clock all processes of this machine share, in whole microseconds. */
export function nowMicroseconds() {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000)
}
