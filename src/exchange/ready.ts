/**
 * A request made ready for one target: what the exchange does before it sends, and all that is done where
 * nothing is sent (`ask --explain`). Pure.
 */
import type { Provider } from '../config/config.ts'
import type { Api, Dialect } from '../dialects/dialect.ts'
import type { ChatRequest, JsonObject } from '../dialects/neutral.ts'
import { createNotes } from '../dialects/notes.ts'
import type { NoteList } from '../dialects/notes.ts'
import { prepareCall } from '../dialects/prepare.ts'
import type { Inbound, PreparedCall } from '../dialects/prepare.ts'
import { callerDialect, targetDialect } from '../dialects/registry.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import type { Target } from '../routing/targets.ts'
import type { Call } from './call.ts'

/** A call with its body read: what is the same for every target. */
export function createInbound(
  call: Pick<Call, 'api' | 'headers'>,
  body: Uint8Array,
  json: JsonObject,
): Inbound {
  return new ReadCall(call, body, json)
}

/** A class because one object costs less, for every request, than two functions. */
class ReadCall implements Inbound {
  readonly api: Api
  readonly caller: Dialect
  readonly headers: Call['headers']
  readonly body: Uint8Array
  readonly json: JsonObject
  readonly stream: boolean
  #decoded: ChatRequest | undefined

  constructor({ api, headers }: Pick<Call, 'api' | 'headers'>, body: Uint8Array, json: JsonObject) {
    this.api = api
    this.caller = callerDialect(api)
    this.headers = headers
    this.body = body
    this.json = json
    this.stream = json['stream'] === true
  }

  request(): ChatRequest {
    return (this.#decoded ??= this.caller.decodeRequest(this.json))
  }

  decoded(): ChatRequest | undefined {
    return this.#decoded
  }
}

/** What an attempt at a provider without its key ends with; `undefined` where it has one, or needs none. */
export function missingKeyError({ name, credential, mock }: Provider): ProxyError | undefined {
  if (credential.kind !== 'missing' || mock) return undefined
  return new ProxyError(
    'upstream_credential',
    `${name} has no key: ${credential.source} is not set.`,
  )
}

/** The language in which this target is asked this. */
export function dialectOf({ model, provider }: Target, inbound: Inbound): Dialect {
  return targetDialect(provider, model.upstreamName, inbound, model.rules)
}

/**
 * The call as this target will get it, and what could not cross as it was. Throws ProxyError `untranslatable`
 * or `request_invalid` where the request cannot be put to it.
 */
export function prepareFor(
  { model }: Target,
  dialect: Dialect,
  inbound: Inbound,
): { readonly prepared: PreparedCall; readonly notes: NoteList } {
  const { upstreamName, maxTokens, strict, rules } = model
  const notes = createNotes(strict)
  const traits = { model: upstreamName, maxTokens, strict, rules }
  return { prepared: prepareCall(inbound, dialect, traits, notes), notes }
}
