/** A request body, whole, up to a limit. */
import type { IncomingMessage } from 'node:http'
import { ProxyError } from '../errors/proxy-error.ts'

/**
 * Reads the body. Rejects with `body_too_large` as soon as that is known, `request_malformed` when it
 * breaks off. `declaredBytes` is the Content-Length, where there is one.
 */
export function readBody(
  request: IncomingMessage,
  declaredBytes: string | undefined,
  limitBytes: number,
): Promise<Buffer> {
  if (Number(declaredBytes ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limitBytes) {
        chunks.length = 0
        reject(tooLarge(limitBytes))
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

function tooLarge(limitBytes: number): ProxyError {
  return new ProxyError('body_too_large', `The request body is larger than ${limitBytes} bytes.`)
}
