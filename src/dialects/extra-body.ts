import { isJsonObject } from '../wire/json.ts'
import type { JsonObject } from '../wire/json.ts'

/**
 * The body with the members of a left-over `extra_body` lifted to the top: Python clients' keyword for
 * vendor fields, sent as a field by mistake. What stands at the top already wins.
 */
export function liftExtraBody(body: JsonObject): JsonObject {
  const extra = body['extra_body']
  if (!isJsonObject(extra)) return body
  const { extra_body: _, ...rest } = body
  return { ...extra, ...rest }
}
