import type { TopLevelEdit } from '../../wire/json-edit.ts'
import { isJsonObject, readArray, readText } from '../../wire/json.ts'
import { isMarker } from '../marker.ts'
import type { JsonObject, JsonValue } from '../neutral.ts'

/**
 * A conversation that another dialect's model answered before holds thinking blocks with our own mark,
 * which Anthropic refuses (*Invalid signature in thinking block*): `messages` without them. A message
 * that held nothing else goes with them.
 */
export function relayEdits(body: JsonObject): TopLevelEdit[] {
  let changed = false
  const messages: JsonValue[] = []
  for (const message of readArray(body['messages'])) {
    const content = isJsonObject(message) ? message['content'] : undefined
    if (!isJsonObject(message) || !Array.isArray(content)) {
      messages.push(message)
      continue
    }
    const kept = content.filter((block) => !isOurs(block))
    if (kept.length === content.length) messages.push(message)
    else {
      changed = true
      if (kept.length > 0) messages.push({ ...message, content: kept })
    }
  }
  return changed ? [['messages', JSON.stringify(messages)]] : []
}

function isOurs(block: JsonValue): boolean {
  if (!isJsonObject(block) || block['type'] !== 'thinking') return false
  const signature = readText(block['signature'])
  return signature !== undefined && isMarker(signature)
}
