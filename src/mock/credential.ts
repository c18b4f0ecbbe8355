/** Who may ask: OpenAI wants a bearer token, Anthropic `x-api-key` or, from newer SDKs, a bearer token. */
import { faultOf } from './faults.ts'
import { Refused } from './refused.ts'
import type { Provider } from './refused.ts'

/** Keys that are demanded; where one is absent, any key will do, but there must be one. */
export interface DemandedKeys {
  readonly openai?: string
  readonly anthropic?: string
}

/** The credential as sent. Throws the provider's 401 where there is none, or not the demanded one. */
export function checkCredential(
  provider: Provider,
  headers: Readonly<Record<string, string | undefined>>,
  demands: DemandedKeys,
): string {
  const bearer = /^bearer +(\S+) *$/iu.exec(headers['authorization'] ?? '')?.[1] ?? ''
  if (provider === 'openai') {
    if (bearer === '') {
      throw new Refused(
        401,
        'invalid_request_error',
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
      )
    }
    const demanded = demands.openai
    if (demanded !== undefined && demanded !== bearer) {
      throw faultOf('openai', 'authentication', {
        model: '',
        credential: bearer,
        promptTokens: 0,
        api: 'chat',
      })
    }
    return bearer
  }
  const key = (headers['x-api-key'] ?? '').trim()
  if (key === '' && bearer === '') {
    throw new Refused(401, 'authentication_error', 'x-api-key header is required')
  }
  const demanded = demands.anthropic
  const given = key === '' ? bearer : key
  if (demanded !== undefined && demanded !== given) {
    const message = key === '' ? 'Invalid bearer token' : 'invalid x-api-key'
    throw new Refused(401, 'authentication_error', message)
  }
  return given
}
