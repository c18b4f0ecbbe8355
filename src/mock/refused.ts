/** The mock provider's own error: what a provider says when it does not answer, before its dialect words it. */

/** Which of the two providers is being played. */
export type Provider = 'openai' | 'anthropic'

export interface RefusedDetails {
  /** OpenAI's `param`. */
  readonly param?: string
  /** OpenAI's `code`. */
  readonly code?: string
  /** Reply headers that belong to this refusal, such as `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Thrown where a request is turned down, and used as plain data for an error event inside a stream. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  /** The provider's error type, as on the wire. */
  readonly type: string
  readonly param: string | null
  readonly code: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, type: string, message: string, details: RefusedDetails = {}) {
    super(message)
    this.status = status
    this.type = type
    this.param = details.param ?? null
    this.code = details.code ?? null
    this.headers = details.headers ?? {}
  }
}

/** The 400 of either provider: `message` in its words, and for OpenAI `param` and `code`. */
export function invalid(message: string, param?: string, code?: string): Refused {
  return new Refused(400, 'invalid_request_error', message, {
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { code }),
  })
}

/** The JSON body of a refusal in the provider's shape (wire-formats E.1). */
export function renderRefused(provider: Provider, refused: Refused, requestId: string): object {
  if (provider === 'anthropic') {
    return {
      type: 'error',
      error: { type: refused.type, message: refused.message },
      request_id: requestId,
    }
  }
  return {
    error: {
      message: refused.message,
      type: refused.type,
      param: refused.param,
      code: refused.code,
    },
  }
}
