/** Limits as typed for `aiproxy users`. Pure. */
import type { Limit, Limits } from '../config/config.ts'
import { NO_LIMITS } from '../config/no-limits.ts'
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

// As the config has it; more is a slip of the hand.
const MAX_CONCURRENCY = 100_000

/** Each word is `kind=amount/window`, `kind=a,b` for several windows, or `kind=off`; alone, `off`. */
export function parseLimits(words: readonly string[]): Partial<Limits> {
  if (words.length === 1 && words[0] === 'off') return NO_LIMITS
  const sets = new Map<LimitKind, readonly Limit[]>()
  let places: Pick<Limits, 'concurrency'> | undefined
  for (const word of words) {
    if (word.startsWith('concurrency=')) {
      places = { concurrency: parseConcurrency(word.slice('concurrency='.length)) }
      continue
    }
    const split = word.indexOf('=')
    const [kindText, amounts] =
      split < 0 ? [word, ''] : [word.slice(0, split), word.slice(split + 1)]
    const kind = KINDS.find(([name]) => name === kindText)?.[0]
    if (kind === undefined || split < 0) {
      const near = nearest(kindText, [...KINDS.map(([name]) => name), 'concurrency'])
      throw new ProxyError(
        'usage_wrong',
        `'${word}' is not a limit; ${
          kind === undefined && near !== undefined
            ? `did you mean ${near}=…?`
            : 'write requests=60/minute, tokens=200k/day, cost=5USD/day, concurrency=4 or off'
        }`,
      )
    }
    const limits = amounts === 'off' ? [] : amounts.split(',').map((text) => parseOne(text, kind))
    sets.set(kind, amounts === 'off' ? [] : [...(sets.get(kind) ?? []), ...limits])
  }
  return { ...byField(sets), ...places }
}

function parseConcurrency(text: string): number | undefined {
  if (text === 'off') return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_CONCURRENCY) return value
  throw new ProxyError(
    'usage_wrong',
    `concurrency: '${text}' is not a number of requests at the same time; write 4 or off`,
  )
}

function parseOne(text: string, kind: LimitKind): Limit {
  const limit = parseLimit(text.trim(), kind)
  if ('wrong' in limit) throw new ProxyError('usage_wrong', `${kind}: ${limit.wrong}`)
  return limit.value
}

/** The limits that are named, by the config's names. */
function byField(sets: ReadonlyMap<LimitKind, readonly Limit[]>): Partial<Limits> {
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
