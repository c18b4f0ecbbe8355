/** Whoever cleans up afterwards: a test context. */
export interface Owner {
  after(cleanUp: () => void | Promise<void>): void
}

/** The project's root directory, seen from the compiled tests in dist/test/<room>/. */
export const projectRoot = new URL('../../../', import.meta.url)

/**
 * The promise's value, or a rejection that says what was waited for. Not a sleep: the limit is only
 * reached where the thing under test hangs, and then a test must fail with a sentence, not with a stall.
 */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  limitMs: number = 10_000,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`waited ${limitMs} ms in vain for ${what}`))
    }, limitMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Does nothing: a place for a function that is not there yet. */
export function nothing(): void {}

/** A promise and the function that opens it: how a test holds a scripted upstream at one point. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function createGate(): Gate {
  let open = nothing
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
