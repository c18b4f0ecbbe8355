import { isJsonObject, parseJson } from '../../wire/json.ts'
import type { JsonObject } from '../neutral.ts'

/**
 * A call's arguments as the object a `tool_use` block must hold. `cut`: the answer ended at a length
 * limit, so text that is no JSON is a beginning of it, and its complete members are kept; otherwise the
 * model wrote it so, and the whole text is (wire-formats D.6).
 */
export function readToolInput(text: string, cut: boolean): JsonObject {
  if (text.trim() === '') return {}
  const parsed = parseJson(text)
  if (isJsonObject(parsed)) return parsed
  if (parsed !== undefined) return { value: parsed }
  return cut ? completeMembers(text) : { _raw_arguments: text }
}

/** The members of an object text before its last comma at the top level. */
function completeMembers(text: string): JsonObject {
  let depth = 0
  let inString = false
  let escaped = false
  let lastComma = -1
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (escaped) escaped = false
    else if (inString) {
      if (char === '\\') escaped = true
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') depth -= 1
    else if (char === ',' && depth === 1) lastComma = at
  }
  const members = lastComma === -1 ? undefined : parseJson(`${text.slice(0, lastComma)}}`)
  return isJsonObject(members) ? members : {}
}
