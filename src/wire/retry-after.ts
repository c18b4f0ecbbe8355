/** How long a provider asks to be left alone: RFC 9110 §10.2.3, and OpenAI's own `retry-after-ms`. */

/**
 * Milliseconds from now, from `retry-after-ms` or else `retry-after` (seconds or an HTTP date);
 * `undefined` where neither says anything sensible. `nowMs` is the wall clock.
 */
export function parseRetryAfter(
  headers: Readonly<Record<string, string | undefined>>,
  nowMs: number,
): number | undefined {
  const exact = headers['retry-after-ms']?.trim()
  if (exact !== undefined && /^\d+(\.\d+)?$/.test(exact)) return Number(exact)
  const plain = headers['retry-after']?.trim()
  if (plain === undefined) return undefined
  if (/^\d+(\.\d+)?$/.test(plain)) return Number(plain) * 1000
  // Date.parse takes almost anything for a date, a negative number included; an HTTP date has a weekday.
  if (!/^[A-Z][a-z]{2,8}, /.test(plain)) return undefined
  const atMs = Date.parse(plain)
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
