/**
 * RFC 8941 lists (https://www.rfc-editor.org/rfc/rfc8941#section-4.2.1), read strictly: what
 * `x-aiproxy-attempts` and `x-aiproxy-notes` promise to be. Inner lists and byte sequences do not
 * occur there and are refused.
 */

export type BareItem = string | number | boolean

export interface ListItem {
  readonly value: BareItem
  readonly params: ReadonlyMap<string, BareItem>
}

/** The members of a list. Throws with the place where the text is not one. */
export function parseStructuredList(text: string): ListItem[] {
  const items: ListItem[] = []
  let at = 0

  const fail = (what: string): never => {
    throw new Error(`not an RFC 8941 list: ${what} at ${at} of ${JSON.stringify(text)}`)
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) return undefined
    at += found[0].length
    return found[0]
  }
  const bareItem = (): BareItem => {
    const quoted = take(/"(?:[ !#-[\]-~]|\\["\\])*"/y)
    if (quoted !== undefined) return quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1')
    const token = take(/[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*/y)
    if (token !== undefined) return token
    const number = take(/-?\d{1,15}(?:\.\d{1,3})?/y)
    if (number !== undefined) return Number(number)
    const flag = take(/\?[01]/y)
    if (flag !== undefined) return flag === '?1'
    return fail('no item')
  }

  while (at < text.length) {
    const value = bareItem()
    const params = new Map<string, BareItem>()
    while (take(/; */y) !== undefined) {
      const key = take(/[a-z*][a-z0-9_\-.*]*/y) ?? fail('no parameter name')
      params.set(key, take(/=/y) === undefined ? true : bareItem())
    }
    items.push({ value, params })
    if (at === text.length) break
    if (take(/[ \t]*,[ \t]*/y) === undefined) fail('no comma')
    if (at === text.length) fail('a trailing comma')
  }
  return items
}
