/** How a reply that has begun is spoiled, for the reserved models that break off. */
import type { MockBehaviour } from './models.ts'
import type { Frame } from './rendering.ts'

/** How a reply ends: as HTTP should, by a reset, or never. */
export type Ending = 'clean' | 'reset' | 'silence'

/** A reply body as it goes out: pieces, one per pace, and the ending. */
export interface Delivery {
  readonly pieces: readonly string[]
  readonly ending: Ending
  /** Promised in the head although fewer bytes may follow; `undefined` for a chunked body. */
  readonly contentLength: number | undefined
}

/** Content events that a spoiled stream lets through; fewer where the answer is shorter. */
const CONTENT_BEFORE_FAULT = 4

/** A stream's frames, spoiled as the behaviour says. `errorFrame` words the error after so many frames. */
export function deliverFrames(
  frames: readonly Frame[],
  behaviour: MockBehaviour,
  errorFrame: (framesBefore: number) => string,
): Delivery {
  const whole = frames.map((frame) => frame.text)
  if (behaviour === 'error-first') return chunked([errorFrame(0)], 'clean')
  const broken = breakingPoint(frames)
  const before = whole.slice(0, broken)
  switch (behaviour) {
    case 'cut':
      return chunked(before, 'reset')
    case 'eof':
      return chunked(before, 'clean')
    case 'stall':
      return chunked(before, 'silence')
    case 'error-in-stream':
      return chunked([...before, errorFrame(broken)], 'clean')
    case 'half-frame': {
      const next = whole[broken] ?? ''
      return chunked([...before, next.slice(0, Math.floor(next.length / 2))], 'clean')
    }
    default:
      return chunked(whole, 'clean')
  }
}

/** A unary body, spoiled as the behaviour says. */
export function deliverBody(body: string, behaviour: MockBehaviour): Delivery {
  const contentLength = Buffer.byteLength(body)
  const half = body.slice(0, Math.floor(body.length / 2))
  switch (behaviour) {
    case 'cut':
      return { pieces: [half], ending: 'reset', contentLength }
    case 'stall':
      return { pieces: [half], ending: 'silence', contentLength }
    case 'eof':
      return { pieces: [], ending: 'clean', contentLength: 0 }
    case 'half-frame':
      return { pieces: [half], ending: 'clean', contentLength: undefined }
    default:
      return { pieces: [body], ending: 'clean', contentLength }
  }
}

function chunked(pieces: readonly string[], ending: Ending): Delivery {
  return { pieces, ending, contentLength: undefined }
}

/** Index of the first frame that a spoiled stream does not send whole: after some content, before its end. */
function breakingPoint(frames: readonly Frame[]): number {
  const contents = frames.flatMap((frame, index) => (frame.isContent ? [index] : []))
  const last = contents[Math.min(CONTENT_BEFORE_FAULT, contents.length - 1) - 1] ?? contents[0]
  return (last ?? Math.max(0, frames.length - 2)) + 1
}
