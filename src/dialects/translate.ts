import type { Dialect, EncodedRequest, Notes, TargetTraits } from './dialect.ts'
import { reviewFields } from './fidelity.ts'
import type { ChatRequest, JsonObject } from './neutral.ts'

/**
 * A caller's body in another dialect: reviewed by the fidelity table, decoded, encoded. `request` goes
 * on into the ReplyContext, as do `encoded.hints`. Pure; the body is not changed. `decode` may remember
 * what it read for the next target.
 * Throws ProxyError `request_invalid`, `untranslatable` or `model_missing` with the field's path.
 */
export function translateRequest(
  caller: Dialect,
  target: Dialect,
  body: JsonObject,
  traits: TargetTraits,
  notes: Notes,
  decode: () => ChatRequest = () => caller.decodeRequest(body),
): { readonly request: ChatRequest; readonly encoded: EncodedRequest } {
  reviewFields(body, caller.name, target.name, notes)
  const request = decode()
  for (const [field, what] of request.losses ?? []) notes.add(field, what)
  return { request, encoded: target.encodeRequest(request, traits, notes) }
}
