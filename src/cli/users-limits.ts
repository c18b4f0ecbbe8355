/** Limits as typed for `aiproxy users`. Pure. */
import type { Limit, Limits } from '../config/config.ts'
import { nearest } from '../errors/nearest.ts'
import { parseLimit } from '../config/values.ts'
import type { LimitKind } from '../config/values.ts'
import { ProxyError } from '../errors/proxy-error.ts'

/** The kinds, as typed and as the config names them. */
export const KINDS = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['cost', 'costUsd'],
] as const satisfies ReadonlyArray<readonly [LimitKind, keyof Limits]>

type LimitField = (typeof KINDS)[number][1]

/** Each word is `kind=amount/window`, `kind=a,b` for several windows, or `kind=off`; alone, `off`. */
export function parseLimits(words: readonly string[]): {
  readonly sets: ReadonlyMap<LimitKind, readonly Limit[]>
  readonly isOff: boolean
} {
  if (words.length === 1 && words[0] === 'off') return { sets: new Map(), isOff: true }
  const sets = new Map<LimitKind, readonly Limit[]>()
  for (const word of words) {
    const split = word.indexOf('=')
    const [kindText, amounts] =
      split < 0 ? [word, ''] : [word.slice(0, split), word.slice(split + 1)]
    const kind = KINDS.find(([name]) => name === kindText)?.[0]
    if (kind === undefined || split < 0) {
      const near = nearest(
        kindText,
        KINDS.map(([name]) => name),
      )
      throw new ProxyError(
        'usage_wrong',
        `'${word}' is not a limit; ${
          kind === undefined && near !== undefined
            ? `did you mean ${near}=…?`
            : 'write requests=60/minute, tokens=200k/day, cost=5USD/day or off'
        }`,
      )
    }
    const limits = amounts === 'off' ? [] : amounts.split(',').map((text) => parseOne(text, kind))
    sets.set(kind, amounts === 'off' ? [] : [...(sets.get(kind) ?? []), ...limits])
  }
  return { sets, isOff: false }
}

function parseOne(text: string, kind: LimitKind): Limit {
  const limit = parseLimit(text.trim(), kind)
  if ('wrong' in limit) throw new ProxyError('usage_wrong', `${kind}: ${limit.wrong}`)
  return limit.value
}

/** The limits that are named, by the config's names. */
export function byField(sets: ReadonlyMap<LimitKind, readonly Limit[]>): Partial<Limits> {
  return Object.fromEntries(
    KINDS.flatMap(([kind, field]) => {
      const limits = sets.get(kind)
      return limits === undefined ? [] : [[field, limits] as const]
    }),
  )
}

/** One kind's limits, to be compared. */
export function renderKind(limits: Limits, field: LimitField): string {
  return limits[field].map(({ amount, window }) => `${amount}/${window}`).join()
}
