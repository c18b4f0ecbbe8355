/** Prompt-cache breakpoints: at most four in one request (wire-formats A.8). */
import { isJsonObject, readArray } from '../../wire/json.ts'
import type { Notes } from '../dialect.ts'
import type { JsonObject, JsonValue } from '../neutral.ts'

const MAX_BREAKPOINTS = 4

/**
 * Takes the earliest breakpoints away until no more than four are left: the last ones cover the most.
 * One at the top level counts too. Changes the body in place.
 */
export function limitBreakpoints(body: JsonObject, notes: Notes): void {
  const holders = findHolders(body)
  const allowed = MAX_BREAKPOINTS - (body['cache_control'] === undefined ? 0 : 1)
  if (holders.length <= allowed) return
  for (const holder of holders.slice(0, holders.length - allowed)) delete holder['cache_control']
  notes.announce('cache_control', 'adapted')
}

/** The request marks some place for the cache. */
export function hasBreakpoint(body: JsonObject): boolean {
  return body['cache_control'] !== undefined || findHolders(body).length > 0
}

/** Everything with a breakpoint, in the order of the cached prefix: tools, system, messages. */
function findHolders(body: JsonObject): JsonObject[] {
  const holders: JsonObject[] = []
  collect(readArray(body['tools']), holders)
  collect(readArray(body['system']), holders)
  for (const message of readArray(body['messages'])) {
    if (!isJsonObject(message)) continue
    for (const block of readArray(message['content'])) {
      // The parts of a tool result can carry their own.
      if (isJsonObject(block)) collect(readArray(block['content']), holders)
      collectOne(block, holders)
    }
  }
  return holders
}

function collect(values: readonly JsonValue[], holders: JsonObject[]): void {
  for (const value of values) collectOne(value, holders)
}

function collectOne(value: JsonValue, holders: JsonObject[]): void {
  if (isJsonObject(value) && isJsonObject(value['cache_control'])) holders.push(value)
}
