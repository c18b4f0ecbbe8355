/**
 * A reply that came compressed although identity was asked for: one layer is unpacked, within bounds.
 * A small reply that unpacks into an endless one is broken off, not waited out.
 */
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

export type Packing = 'gzip' | 'deflate' | 'br'

/** What a `content-encoding` means for us; two layers, and everything else, are `unknown`. */
export function readEncoding(header: string | undefined): Packing | 'identity' | 'unknown' {
  if (header === undefined) return 'identity'
  const layers = header
    .split(',')
    .map((layer) => layer.trim().toLowerCase())
    .filter((layer) => layer !== '' && layer !== 'identity')
  const [only, second] = layers
  if (only === undefined) return 'identity'
  if (second !== undefined) return 'unknown'
  switch (only) {
    case 'gzip':
    case 'x-gzip':
      return 'gzip'
    case 'deflate':
    case 'br':
      return only
    default:
      return 'unknown'
  }
}

export interface UnpackListener {
  onBytes(bytes: Uint8Array): void
  onEnd(): void
  /** The bytes are damaged, cut short, or grow beyond all measure. */
  onBroken(why: string): void
  /** More has come in than was unpacked: wait for `onCaughtUp`. */
  onBehind(): void
  onCaughtUp(): void
}

export interface Unpacker {
  push(chunk: Uint8Array): void
  end(): void
  pause(): void
  resume(): void
  destroy(): void
}

// JSON packs ten to one; an attack packs a thousand to one.
const MAX_RATIO = 100
// Below this much nobody is hurt, whatever the ratio.
const FREE_BYTES = 1024 * 1024

/** Unpacks one body. After `onEnd`, `onBroken` or `destroy` nothing more is called. */
export function createUnpacker(packing: Packing, listener: UnpackListener): Unpacker {
  const stream = createStream(packing)
  let bytesIn = 0
  let bytesOut = 0
  let over = false

  function destroy(): void {
    over = true
    stream.destroy()
  }

  function breakOff(why: string): void {
    if (over) return
    destroy()
    listener.onBroken(why)
  }

  stream.on('data', (bytes: Buffer) => {
    if (over) return
    bytesOut += bytes.length
    if (bytesOut > FREE_BYTES && bytesOut > bytesIn * MAX_RATIO) {
      breakOff('it unpacks into far more than it is')
      return
    }
    listener.onBytes(bytes)
  })
  stream.on('end', () => {
    if (over) return
    over = true
    listener.onEnd()
  })
  stream.on('error', () => breakOff(`damaged ${packing}`))
  stream.on('drain', () => {
    if (!over) listener.onCaughtUp()
  })

  return {
    push(chunk) {
      if (over) return
      bytesIn += chunk.length
      if (!stream.write(chunk)) listener.onBehind()
    },
    end() {
      if (!over) stream.end()
    },
    pause() {
      stream.pause()
    },
    resume() {
      stream.resume()
    },
    destroy,
  }
}

function createStream(packing: Packing) {
  switch (packing) {
    case 'gzip':
      return createGunzip()
    case 'deflate':
      return createInflate()
    case 'br':
      return createBrotliDecompress()
  }
}
