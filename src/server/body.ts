/** A request body, whole, up to a limit. */
import type { IncomingMessage } from 'node:http'
import { ProxyError } from '../errors/proxy-error.ts'

/** Reads the body. Rejects with `body_too_large` as soon as that is known, `request_malformed` when it breaks off. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const tooLarge = new ProxyError(
    'body_too_large',
    `The request body is larger than ${limitBytes} bytes.`,
  )
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limitBytes) {
        chunks.length = 0
        reject(tooLarge)
        return
      }
      chunks.push(chunk)
    })
    request.on('end', () => {
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
    })
    request.on('error', (cause) => {
      reject(new ProxyError('request_malformed', 'The request body broke off.', { cause }))
    })
  })
}
