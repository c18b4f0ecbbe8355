/**
 * Words as shells write them. bash hands over the raw line and inserts whatever it is given, so the
 * reading and the quoting are done here, where they can be tested without it; zsh and fish quote by
 * themselves. https://www.gnu.org/software/bash/manual/html_node/Quoting.html
 */

export interface BashLine {
  /** Words after the program's name, without their quotes; the last is the one at the cursor. */
  readonly words: readonly string[]
  /** The word at the cursor names a file to read from or write to. */
  readonly isRedirect: boolean
  /** The quote that is still open at the cursor. */
  readonly quote: '' | '"' | "'"
  /** So much of the last word stays as it is typed: readline replaces only what comes after it. */
  readonly kept: string
}

/**
 * Reads the line up to the cursor. `breaks` is bash's COMP_WORDBREAKS: after an unquoted character of it
 * readline begins a word of its own, so that `qwen3:8b` is two words to it and one to us.
 */
export function readBashLine(line: string, breaks: string): BashLine {
  const words: string[] = []
  let word: string | undefined
  let quote: BashLine['quote'] = ''
  let kept = ''
  // The word that is being read comes after `<` or `>`.
  let isRedirect = false

  const add = (text: string): void => {
    word = (word ?? '') + text
  }
  const finish = (): void => {
    if (word !== undefined && !isRedirect) words.push(word)
    if (word !== undefined) isRedirect = false
    word = undefined
    kept = ''
  }

  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at)
    const next = line.charAt(at + 1)
    if (quote === '"' && char === '\\' && /["$`\\]/.test(next)) {
      add(next)
      at++
    } else if (quote !== '') {
      if (char === quote) quote = ''
      else add(char)
    } else if (char === '\\') {
      add(next)
      at++
    } else if (char === '"' || char === "'") {
      quote = char
      add('')
      // Closed again, the quotes are replaced with the word; still open, what is inside of them.
      if (!closes(line, at)) kept = word ?? ''
    } else if (/\s/.test(char)) {
      finish()
    } else if (char === '>' || char === '<') {
      // `2>` is one operator.
      if (word !== undefined && /^\d+$/.test(word)) word = undefined
      finish()
      isRedirect = true
      while (/[<>|&]/.test(line.charAt(at + 1))) at++
    } else if (/[|;&()]/.test(char)) {
      // Another command begins; bash asks about each by itself, so this is not seen.
      finish()
      words.length = 0
    } else {
      const before = word ?? ''
      add(char)
      // readline keeps an `@` with the word that it begins, for host names.
      if (breaks.includes(char)) kept = char === '@' ? before : before + char
    }
  }
  return { words: [...words.slice(1), word ?? ''], isRedirect, quote, kept }
}

function closes(line: string, opening: number): boolean {
  const quote = line.charAt(opening)
  for (let at = opening + 1; at < line.length; at++) {
    if (quote === '"' && line.charAt(at) === '\\') at++
    else if (line.charAt(at) === quote) return true
  }
  return false
}

/** What readline is to insert for the whole word `value`. */
export function quoteForBash(value: string, { quote, kept }: BashLine): string {
  const rest = value.slice(kept.length)
  switch (quote) {
    case '"':
      return rest.replace(/["$`\\]/g, String.raw`\$&`)
    case "'":
      return rest.replaceAll("'", String.raw`'\''`)
    case '':
      return rest.replace(/[\s"'`$\\|&;<>()[\]{}*?!#~^]/g, String.raw`\$&`)
  }
}

/** A raw word of fish, perhaps with a quote still open, without its quotes. */
export function readWord(raw: string): string {
  return readBashLine(`_ ${raw}`, '').words.at(-1) ?? ''
}
