/** The first fenced code block of an answer, as it comes. https://spec.commonmark.org/0.31.2/#fenced-code-blocks */

export interface FenceReader {
  /** What of the block this piece of the answer completes: whole lines. */
  push(text: string): string
  /** The answer is over: a last line without a line end, of a block that was never closed. */
  end(): string
  /** A block has begun. */
  readonly found: boolean
}

/** A reader of one answer. */
export function createFenceReader(): FenceReader {
  // The line that is not whole yet.
  let pending = ''
  let state: 'before' | 'inside' | 'after' = 'before'
  let closing = /^/
  let indent = 0

  function open(line: string): void {
    const [, spaces = '', fence = '', info = ''] =
      /^( {0,3})(`{3,}|~{3,})([^\n]*)$/.exec(line) ?? []
    // An info string of a backtick fence has no backtick: that would be inline code.
    if (fence === '' || (fence.startsWith('`') && info.includes('`'))) return
    state = 'inside'
    indent = spaces.length
    closing = new RegExp(`^ {0,3}${fence[0] ?? ''}{${fence.length},}[ \\t]*\\r?$`)
  }

  /** What the line is inside the block; `undefined` where it is none of it. */
  function read(line: string): string | undefined {
    if (state === 'before') open(line)
    else if (state === 'inside') {
      if (!closing.test(line)) return removeIndent(line, indent)
      state = 'after'
    }
    return undefined
  }

  return {
    push(text) {
      if (state === 'after') return ''
      const lines = (pending + text).split('\n')
      pending = lines.pop() ?? ''
      return lines
        .map((line) => read(line))
        .filter((line) => line !== undefined)
        .map((line) => `${line}\n`)
        .join('')
    },
    end() {
      const last = pending === '' ? undefined : read(pending)
      pending = ''
      return last ?? ''
    },
    get found() {
      return state !== 'before'
    },
  }
}

/** The inside of the first fenced block without its last line end, or `undefined` where there is none. */
export function extractFenced(text: string): string | undefined {
  const reader = createFenceReader()
  const block = reader.push(text) + reader.end()
  return reader.found ? block.replace(/\n$/, '') : undefined
}

/** Up to as many spaces as stood before the opening fence. */
function removeIndent(line: string, columns: number): string {
  let from = 0
  while (from < columns && line[from] === ' ') from++
  return line.slice(from)
}
