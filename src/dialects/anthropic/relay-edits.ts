/**
 * What a relayed Messages body must lose before Anthropic sees it, because another provider's model
 * answered an earlier turn (wire-formats D.4, A.3): our own signatures, and call ids that Anthropic
 * refuses. Nothing else of the body is touched, and most bodies have neither.
 */
import type { TopLevelEdit } from '../../wire/json-edit.ts'
import { isJsonObject, readArray, readString } from '../../wire/json.ts'
import { isMarker } from '../marker.ts'
import type { JsonObject, JsonValue } from '../neutral.ts'
import { fitName } from './ids.ts'

/** A replacement of `messages` where one is needed; a turn that only held our thinking is left out. */
export function relayEdits(body: JsonObject): TopLevelEdit[] {
  const messages = readArray(body['messages'])
  // Plain text has nothing to look into.
  if (!messages.some((message) => isJsonObject(message) && Array.isArray(message['content']))) {
    return []
  }
  let changed = false
  const kept = messages.flatMap((message): JsonValue[] => {
    if (!isJsonObject(message) || !Array.isArray(message['content'])) return [message]
    const blocks = message['content']
    const cleaned = blocks.flatMap(cleanBlock)
    if (cleaned.length === blocks.length && cleaned.every((block, at) => block === blocks[at])) {
      return [message]
    }
    changed = true
    return cleaned.length === 0 ? [] : [{ ...message, content: cleaned }]
  })
  return changed ? [['messages', JSON.stringify(kept)]] : []
}

/** The block itself where nothing is wrong with it. */
function cleanBlock(block: JsonValue): JsonValue[] {
  if (!isJsonObject(block)) return [block]
  switch (block['type']) {
    case 'thinking':
      return isMarker(readString(block['signature']) ?? '') ? [] : [block]
    case 'tool_use':
      return [withFittedId(block, 'id')]
    case 'tool_result':
      return [withFittedId(block, 'tool_use_id')]
    default:
      return [block]
  }
}

function withFittedId(block: JsonObject, key: 'id' | 'tool_use_id'): JsonObject {
  const id = readString(block[key])
  if (id === undefined || id === '') return block
  const fitted = fitName(id)
  return fitted === id ? block : { ...block, [key]: fitted }
}
