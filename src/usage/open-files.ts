/** Files of records that are open, by path: a config that names one that is open already goes on with it. */
export interface OpenFiles<F> {
  /** The file at this path, opened where it is not; one that cannot be written is told and tried again later. */
  open(path: string): F
  /** The same for a config not in force yet: throws the reason where a new file cannot be written. */
  openNext(path: string): F
  /** Closes every other file. */
  retain(used: ReadonlySet<F | undefined>): void
}

/** `create` opens one and never throws; later failures go to `onFailure`. */
export function createOpenFiles<F extends { close(): void }>(
  create: (options: { readonly path: string; readonly onFailure: (error: Error) => void }) => F,
  onFailure: (error: Error) => void = () => {},
): OpenFiles<F> {
  const files = new Map<string, F>()

  function open(path: string, tell: (error: Error) => void): F {
    const file = files.get(path) ?? create({ path, onFailure: tell })
    files.set(path, file)
    return file
  }

  return {
    open: (path) => open(path, onFailure),
    openNext(path) {
      let failure: Error | undefined
      let adopted = false
      const isOpen = files.has(path)
      const file = open(path, (error) => {
        if (adopted) onFailure(error)
        else failure = error
      })
      if (!isOpen && failure !== undefined) {
        files.delete(path)
        file.close()
        throw failure
      }
      adopted = true
      return file
    },
    retain(used) {
      for (const [path, file] of files) {
        if (used.has(file)) continue
        files.delete(path)
        file.close()
      }
    },
  }
}
