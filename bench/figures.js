/** Single figures out of samples: per request or chunk, and what they come to over the rounds. */
import { median, percentile, quotient, ratioOf } from './statistics.js'

// Of less than this nothing can be concluded: the part of the time a program had its core, and the time
// it ran where it was to be kept busy.
const LEAST_OWN = 0.3
const LEAST_CPU_MICROSECONDS = 30_000

/** CPU microseconds per request; per content chunk of a stream. */
export function cpuEach(sample, { chunks }) {
  if (sample.chunks === undefined && !(sample.cpuMicroseconds >= LEAST_CPU_MICROSECONDS)) {
    return undefined
  }
  const pieces = sample.chunks ?? sample.requests * (chunks ?? 1)
  return quotient(sample.cpuMicroseconds, pieces)
}

/** Answers in a second of the time in which the program had its core; `undefined` where it seldom had it. */
export function perSecond({ requests, seconds, waitMicroseconds = 0 }) {
  const own = seconds - waitMicroseconds / 1e6
  return own < LEAST_OWN * seconds ? undefined : quotient(requests, own)
}

/** The share of the time in which the program ran, and in which it wanted to and others had its core. */
export function sharesOf({ cpuMicroseconds, waitMicroseconds, seconds }) {
  return {
    ran: quotient(cpuMicroseconds, seconds * 1e6),
    waited: quotient(waitMicroseconds, seconds * 1e6),
  }
}

/** The median of one figure over the rounds of one program; `undefined` where it took no part. */
export function figureOf(scenario, program, value) {
  const samples = scenario?.samples[program]
  if (samples === undefined) return undefined
  return median(samples.map((sample) => value(sample, scenario)))
}

/** `{ median, min, max }` of one figure of one program as a part of another's, round by round. */
export function comparison(scenario, program, base, value) {
  const each = (name) => scenario?.samples[name]?.map((sample) => value(sample, scenario))
  const [parts, wholes] = [each(program), each(base)]
  return parts === undefined || wholes === undefined ? undefined : ratioOf(parts, wholes)
}

/**
 * Milliseconds a program adds to the first token at `part` (0.5, 0.99) of the streams of all rounds,
 * beside the same streams without a proxy.
 */
export function addedFirst(scenario, program, part) {
  const at = (name) => {
    const samples = scenario?.samples[name]
    return (
      samples &&
      percentile(
        samples.flatMap(({ firsts }) => firsts),
        part,
      )
    )
  }
  const [through, direct] = [at(program), at('direct')]
  return through === undefined || direct === undefined ? undefined : through - direct
}

/** A figure for a reader: three digits, thousands in groups. */
export function number(value) {
  if (typeof value !== 'number') return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
}

/** A Markdown table, as lines. */
export function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}
