/**
 * What is wrong with a config: collected while reading, so that one look at the screen is enough to
 * mend the whole file.
 */
import { ProxyError } from '../errors/proxy-error.ts'
import { nearest } from '../errors/nearest.ts'
import type { Position } from './tree.ts'

interface Problem {
  readonly at: Position | undefined
  readonly what: string
  readonly fix: string | undefined
}

export interface Problems {
  readonly count: number
  /** `fix` is the next step, where there is a better one than looking at the file. */
  add(at: Position | undefined, what: string, fix?: string): void
  /**
   * What to say after a wrong name: the nearest valid one, or the valid ones where none is near.
   * `kind` names them in the plural: `models`.
   */
  suggest(name: string, candidates: Iterable<string>, kind: string): string
  /** The problems as one ProxyError `config_invalid`; call only when `count` is above 0. */
  toError(): ProxyError
}

const SHOWN_PROBLEMS = 20
const SHOWN_NAMES = 12
const SHOWN_CHARACTERS = 80

/**
 * Collects problems of one file. `path` is the file's name as the reader knows it, `undefined` for the
 * starter config; `fix` the next step offered where a problem has none of its own. No message holds one of
 * `secrets`, or the beginning of one: a reference such as `${OPENAI_API_KEY}` may stand where a name belongs.
 */
export function createProblems(
  path: string | undefined,
  fix: string,
  secrets: readonly string[] = [],
): Problems {
  const problems: Problem[] = []
  return {
    get count() {
      return problems.length
    },
    add(at, what, ownFix) {
      // Whatever of the file is quoted in it, a message is safe to print.
      const ownFixWithoutSecrets = ownFix && withoutSecrets(ownFix, secrets)
      problems.push({ at, what: clean(withoutSecrets(what, secrets)), fix: ownFixWithoutSecrets })
    },
    suggest(name, candidates, kind) {
      // Nobody reads past the first screen, and comparing names is the dearest thing here.
      if (problems.length >= SHOWN_PROBLEMS) return ''
      const names = [...candidates]
      const near = nearest(name, names)
      if (near !== undefined) return `; did you mean ${show(near)}?`
      if (names.length === 0) return `; there are no ${kind}`
      const shown = names.slice(0, SHOWN_NAMES).join(', ')
      return `; ${kind}: ${shown}${names.length > SHOWN_NAMES ? ', …' : ''}`
    },
    toError() {
      const sorted = problems.toSorted(byPosition)
      const lines = sorted.slice(0, SHOWN_PROBLEMS).map((problem) => renderProblem(path, problem))
      if (sorted.length > SHOWN_PROBLEMS) {
        lines.push(`… and ${sorted.length - SHOWN_PROBLEMS} more problems`)
      }
      return new ProxyError('config_invalid', lines.join('\n'), { hint: sorted[0]?.fix ?? fix })
    },
  }
}

/** A value for an error message: in quotes, short, and cleaned. */
export function show(value: string): string {
  const masked = maskKeys(value)
  const short =
    masked.length > SHOWN_CHARACTERS ? `${masked.slice(0, SHOWN_CHARACTERS).trimEnd()}…` : masked
  return clean(JSON.stringify(short))
}

/**
 * Text of others for a terminal: what is not printable becomes its `\uXXXX`, and key-shaped text is cut,
 * because people do paste a key into the wrong line.
 */
export function clean(text: string): string {
  return maskKeys(text).replace(/[\p{C}\u2028\u2029]/gu, escapeCharacter)
}

function maskKeys(text: string): string {
  return text.replace(/\b(sk-|aip_)[\w-]{8,}/g, '$1…')
}

// Shorter beginnings would mask ordinary words; a message may quote a value cut short.
const TELLING_CHARACTERS = 8

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let rest = text
  for (const secret of secrets) {
    const beginning = secret.slice(0, TELLING_CHARACTERS)
    for (let at = rest.indexOf(beginning); at >= 0; at = rest.indexOf(beginning, at + 1)) {
      let end = at
      while (end < rest.length && rest[end] === secret[end - at]) end += 1
      rest = `${rest.slice(0, at)}…${rest.slice(end)}`
    }
  }
  return rest
}

/** One character, of one or two UTF-16 units, as `\uXXXX`. */
function escapeCharacter(character: string): string {
  const units = character.split('')
  return units.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
}

function renderProblem(path: string | undefined, problem: Problem): string {
  const place =
    path === undefined || problem.at === undefined
      ? path
      : `${path}:${problem.at.line}:${problem.at.column}`
  return place === undefined ? problem.what : `${place}: ${problem.what}`
}

/** File order; what stands in no file comes last. */
function byPosition(a: Problem, b: Problem): number {
  if (a.at === undefined || b.at === undefined) {
    return Number(a.at === undefined) - Number(b.at === undefined)
  }
  return a.at.line - b.at.line || a.at.column - b.at.column
}
