/**
 * One inbound request made ready for one target: relayed byte for byte where both speak the same
 * dialect, decoded and encoded again where they do not (design §6). Pure.
 */
import { NO_HINTS } from './dialect.ts'
import type { Api, Dialect, Notes, ReplyHints, TargetTraits } from './dialect.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { mapRequestHeaders } from './headers.ts'
import type { ChatRequest, JsonObject } from './neutral.ts'
import { translateRequest } from './translate.ts'
import {
  hasRepeatedKey,
  includeUsageEdit,
  scanTopLevel,
  setTopLevelValues,
} from '../wire/json-edit.ts'
import { writeBody } from '../wire/json-text.ts'

/** What a caller sent, read as far as every target needs it. */
export interface Inbound {
  readonly api: Api
  readonly caller: Dialect
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
  readonly json: JsonObject
  readonly stream: boolean
  /** Decoded at the first target of another dialect, then kept. Throws `request_invalid`. */
  request(): ChatRequest
  /** The same, where it has been decoded; a relay has no need of it. */
  decoded(): ChatRequest | undefined
}

export interface PreparedCall {
  /** Below the provider's base URL. */
  readonly path: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: Uint8Array | string
  /** We asked for usage where the caller did not: its chunk is kept from the caller. */
  readonly stripUsage: boolean
  /** What the reader of the reply must undo. */
  readonly hints: ReplyHints
}

/** Throws ProxyError `untranslatable` or `request_invalid` where the request cannot be put to this target. */
export function prepareCall(
  inbound: Inbound,
  dialect: Dialect,
  traits: TargetTraits,
  notes: Notes,
): PreparedCall {
  if (inbound.caller.name === dialect.name) return relay(inbound, dialect, traits)
  if (inbound.api === 'embeddings') {
    throw new ProxyError('untranslatable', 'Embeddings need a provider that speaks OpenAI’s API.')
  }
  return translate(inbound, dialect, traits, notes)
}

/** Where a relayed call goes below the base URL: its dialect has more endpoints than chat. */
function relayPath(api: Api, dialect: Dialect): string {
  switch (api) {
    case 'embeddings':
      return '/embeddings'
    case 'count_tokens':
      return `${dialect.path}/count_tokens`
    case 'chat':
    case 'messages':
    case 'responses':
      return dialect.path
  }
}

function relay(inbound: Inbound, dialect: Dialect, traits: TargetTraits): PreparedCall {
  const { body, stripUsage } = relayedBody(inbound, dialect, traits.model)
  return {
    path: relayPath(inbound.api, dialect),
    headers: mapRequestHeaders(
      inbound.headers,
      inbound.caller.name,
      dialect.name,
      [],
      traits.rules?.dropBetas,
    ),
    body,
    stripUsage,
    hints: NO_HINTS,
  }
}

/**
 * The caller's bytes, and in them what must differ. A key that occurs twice is refused even where nothing
 * does, because the provider may read the one that was not checked.
 */
function relayedBody(
  { api, body, json, stream }: Inbound,
  dialect: Dialect,
  model: string,
): Pick<PreparedCall, 'body' | 'stripUsage'> {
  const asked = dialect.relayEdits?.(json) ?? []
  const asksUsage = api === 'chat' && stream
  if (!asksUsage && asked.length === 0 && json['model'] === model && !hasRepeatedKey(body, json)) {
    return { body, stripUsage: false }
  }
  const members = scanTopLevel(body)
  const edits = [...asked]
  if (json['model'] !== model) edits.push(['model', JSON.stringify(model)])
  const usage = asksUsage ? includeUsageEdit(body, members) : undefined
  if (usage !== undefined) edits.push(usage)
  return {
    body: edits.length === 0 ? body : setTopLevelValues(body, edits, members),
    stripUsage: usage !== undefined,
  }
}

function translate(
  inbound: Inbound,
  dialect: Dialect,
  traits: TargetTraits,
  notes: Notes,
): PreparedCall {
  const { encoded } = translateRequest(inbound.caller, dialect, inbound.json, traits, notes, () =>
    inbound.request(),
  )
  return {
    path: encoded.path,
    headers: mapRequestHeaders(
      inbound.headers,
      inbound.caller.name,
      dialect.name,
      encoded.headers,
      traits.rules?.dropBetas,
    ),
    body: writeBody(encoded.body, inbound.body.length),
    stripUsage: false,
    hints: encoded.hints,
  }
}
