/**
 * `${NAME}` and `${NAME:-default}` inside one value. Done after the file was parsed, value by value and
 * once, so that what a variable holds can never become structure or another reference.
 * `$${` stands for a literal `${`.
 */

export type Environment = Readonly<Record<string, string | undefined>>

export interface Reference {
  readonly name: string
  /** `default`: unset or empty, and the default was taken. */
  readonly state: 'set' | 'empty' | 'unset' | 'default'
}

export type Expansion =
  | {
      readonly kind: 'expanded'
      /** What is unset counts as nothing here; `references` tells. */
      readonly text: string
      /** Empty for a literal. */
      readonly references: readonly Reference[]
    }
  | { readonly kind: 'malformed'; readonly wrong: string }

const NAME = /^[A-Za-z_]\w*$/

/** Puts the environment's values into a text. Never throws; says `malformed` for what is no reference. */
export function expand(text: string, env: Environment): Expansion {
  const references: Reference[] = []
  let expanded = ''
  let from = 0
  for (;;) {
    const start = text.indexOf('${', from)
    if (start < 0) {
      return { kind: 'expanded', text: expanded + text.slice(from), references }
    }
    if (start > from && text[start - 1] === '$') {
      expanded += `${text.slice(from, start - 1)}\${`
      from = start + 2
      continue
    }
    const end = text.indexOf('}', start)
    if (end < 0) return malformed('a ${ is not closed; write $${ for a literal ${')
    const inner = text.slice(start + 2, end)
    const split = inner.indexOf(':-')
    const name = split < 0 ? inner : inner.slice(0, split)
    if (!NAME.test(name)) {
      return malformed('a reference is ${NAME} or ${NAME:-default}; write $${ for a literal ${')
    }
    const fallback = split < 0 ? undefined : inner.slice(split + 2)
    if (fallback?.includes('${') === true) {
      return malformed('a default cannot hold another reference')
    }
    const held = lookUp(env, name)
    if (held !== undefined && held !== '') references.push({ name, state: 'set' })
    else if (fallback !== undefined) references.push({ name, state: 'default' })
    else references.push({ name, state: held === undefined ? 'unset' : 'empty' })
    expanded += text.slice(from, start) + (held || (fallback ?? ''))
    from = end + 1
  }
}

/** What a variable holds. Own properties only: a name in a config file is somebody's text. */
export function lookUp(env: Environment, name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined
}

// Long enough to be a key, and to be told from an ordinary word.
const MIN_SECRET_CHARACTERS = 8
// What keys are made of; an address or a path holds something else.
const RANDOM_LOOKING = /^(?=.*\d)(?=.*[A-Za-z])[\w.+=-]{20,}$/

/** What the variables hold that are named like secrets, or look like one. */
export function secretsIn(env: Environment): string[] {
  return Object.entries(env).flatMap(([name, held = '']) => {
    if (held.length < MIN_SECRET_CHARACTERS) return []
    return /KEY|TOKEN|SECRET|PASSW/i.test(name) || RANDOM_LOOKING.test(held) ? [held] : []
  })
}

function malformed(wrong: string): Expansion {
  return { kind: 'malformed', wrong }
}
