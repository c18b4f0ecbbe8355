/** Numbers that the upstream, the load and the report must agree on. */

/** Content chunks of a burst stream: as fast as they go. */
export const STREAM_CHUNKS = 200
/** Content chunks of a paced stream, and the pace. */
export const PACED_CHUNKS = 50
export const PACE_MS = 10
