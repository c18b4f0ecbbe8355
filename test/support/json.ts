/** Looking into JSON somebody else wrote, without believing any of it. */

export type JsonMap = Record<string, unknown>

/** The value at a path of keys and indices; `undefined` where the path leads nowhere. */
export function dig(value: unknown, ...path: ReadonlyArray<string | number>): unknown {
  let here = value
  for (const step of path) {
    if (typeof here !== 'object' || here === null) return undefined
    here = Object.hasOwn(here, step) ? Reflect.get(here, step) : undefined
  }
  return here
}

/** The text at a path; '' where there is none. */
export function digText(value: unknown, ...path: ReadonlyArray<string | number>): string {
  const found = dig(value, ...path)
  return typeof found === 'string' ? found : ''
}

/** The value as a list; throws where it is none. */
export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`not a list: ${JSON.stringify(value)}`)
  return value
}

/** The value as an object; throws where it is none. */
export function map(value: unknown): JsonMap {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`not an object: ${JSON.stringify(value)}`)
  }
  return Object.fromEntries(Object.entries(value))
}

/** Parsed JSON, with the text in the error where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`not JSON: ${text.slice(0, 400)}`, { cause: error })
  }
}
