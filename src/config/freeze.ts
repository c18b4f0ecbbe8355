/** A config is shared by everything that runs, and a reload swaps it whole: nobody may change one in place. */

/** Freezes plain objects and arrays to any depth, and Maps and Sets so that they can only be read. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map || value instanceof Set) {
    for (const method of ['set', 'add', 'delete', 'clear']) {
      // Object.freeze does not reach what a Map holds.
      if (method in value) Object.defineProperty(value, method, { value: refuse })
    }
    for (const [key, item] of value.entries()) {
      deepFreeze(key)
      deepFreeze(item)
    }
  }
  Object.freeze(value)
  for (const item of Object.values(value)) deepFreeze(item)
  return value
}

function refuse(): never {
  throw new TypeError('The config is frozen.')
}
