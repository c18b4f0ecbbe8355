/**
 * A sink whose end waits until the usage line is on disk. Whoever has read a reply to its end can rely on
 * its line, even where the program is killed in the next microsecond.
 */
import type { ReplySink } from './call.ts'

/** Everything but the end goes through at once. */
export class HeldSink implements ReplySink {
  readonly #target: ReplySink
  #asked = false
  #last: string | Uint8Array | undefined

  constructor(target: ReplySink) {
    this.#target = target
  }

  head(status: number, headers: ReadonlyArray<readonly [string, string]>): void {
    this.#target.head(status, headers)
  }

  write(chunk: string | Uint8Array): boolean {
    return this.#target.write(chunk)
  }

  end(chunk?: string | Uint8Array): void {
    this.#asked = true
    this.#last = chunk
  }

  onDrain(listener: () => void): void {
    this.#target.onDrain(listener)
  }

  onGone(listener: () => void): void {
    this.#target.onGone(listener)
  }

  /** Ends the reply if its end was asked for. */
  release(): void {
    if (!this.#asked) return
    this.#asked = false
    if (this.#last === undefined) this.#target.end()
    else this.#target.end(this.#last)
  }
}
