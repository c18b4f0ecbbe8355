/**
 * Waits `ms` milliseconds, or until it is told to stop; resolves either way. `onStop` is handed what ends
 * the wait.
 */
export function pause(ms: number, onStop: (stop: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    onStop(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
