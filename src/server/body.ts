/** A request body, whole, up to a limit. */
import { ProxyError } from '../errors/proxy-error.ts'
import type { Visit } from './visit.ts'

/** What all request bodies in memory may take together. */
export interface BodyBudget {
  /** True where these bytes fit; they count until given back. */
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

/** A budget of this many bytes. */
export function createBodyBudget(limitBytes: number): BodyBudget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > limitBytes) return false
      taken += bytes
      return true
    },
    giveBack(bytes) {
      taken -= bytes
    },
  }
}

/**
 * Reads the body; asks for it first where the caller waits to be asked. Rejects with `body_too_large` as
 * soon as that is known, `overloaded` where the budget is spent, `request_timeout` or `request_malformed`
 * when it breaks off. What was taken from the budget stands in `visit.heldBytes`, until the visit is over.
 */
export function readBody(
  visit: Visit,
  announcedBytes: number,
  limitBytes: number,
  budget: BodyBudget,
): Promise<Buffer> {
  const { request, response } = visit
  if (Number.isFinite(announcedBytes) && announcedBytes > limitBytes) {
    return Promise.reject(tooLarge(limitBytes))
  }
  if (visit.problem !== undefined) return Promise.reject(visit.problem)
  if (visit.awaitsContinue) {
    visit.awaitsContinue = false
    response.writeContinue()
  }
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = []
    let bytes = 0
    const stop = (reason: ProxyError): void => {
      chunks = []
      request.off('data', collect)
      reject(reason)
    }
    const collect = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > limitBytes) {
        stop(tooLarge(limitBytes))
        return
      }
      if (!budget.take(chunk.length)) {
        stop(
          new ProxyError('overloaded', 'Too many request bodies are in memory at once.', {
            retryAfterSeconds: 1,
          }),
        )
        return
      }
      visit.heldBytes += chunk.length
      chunks.push(chunk)
    }
    visit.failBody = stop
    request.on('data', collect)
    request.on('end', () => {
      visit.failBody = undefined
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks))
    })
    request.on('error', (cause) => {
      stop(new ProxyError('request_malformed', 'The request body broke off.', { cause }))
    })
  })
}

function tooLarge(limitBytes: number): ProxyError {
  return new ProxyError('body_too_large', `The request body is larger than ${limitBytes} bytes.`)
}
