/** Where a provider is and with which credential: everything about its requests that never changes. */
import type { Provider } from '../config/config.ts'

export interface Door {
  readonly origin: string
  /** Path of the base URL, without trailing slash. */
  readonly pathPrefix: string
  /** Flat name-value list, sent with every request. */
  readonly headers: string[]
}

// The mock takes any credential, and like the providers refuses to work with none.
const MOCK_CREDENTIAL = 'mock'

/** Prepares a provider's door once; `mockUrl` stands in for the base URL of mocked providers. */
export function prepareDoor(provider: Provider, mockUrl: string | undefined): Door {
  const base =
    provider.mock && mockUrl !== undefined
      ? new URL(provider.dialect === 'openai' ? `${mockUrl}/v1` : mockUrl)
      : new URL(provider.baseUrl)
  const headers = [
    'content-type',
    'application/json',
    // A compressed reply would have to be unpacked before its usage could be read.
    'accept-encoding',
    'identity',
  ]
  const key = provider.mock
    ? MOCK_CREDENTIAL
    : provider.credential.kind === 'key'
      ? provider.credential.value
      : undefined
  if (key !== undefined) {
    if (provider.dialect === 'anthropic') headers.push('x-api-key', key)
    else headers.push('authorization', `Bearer ${key}`)
  }
  return { origin: base.origin, pathPrefix: base.pathname.replace(/\/+$/, ''), headers }
}
