/**
 * A reader of Prometheus text format 0.0.4, strict where the format is: it throws at the first line that
 * is none. https://prometheus.io/docs/instrumenting/exposition_formats/
 */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|(?=\}))/

/** Every family of a page, by name, with its histograms checked. */
export function readPrometheus(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed')
  const families = new Map<string, Family & { samples: Sample[] }>()
  let help: string | undefined
  let current: (Family & { samples: Sample[] }) | undefined
  for (const line of text.split('\n').slice(0, -1)) {
    const said = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (said !== null) {
      const [, what, name = '', rest = ''] = said
      if (what === 'HELP') {
        help = rest
        continue
      }
      if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`no type: ${line}`)
      if (families.has(name)) throw new Error(`twice: ${line}`)
      current = { name, type: rest, help: help ?? '', samples: [] }
      families.set(name, current)
      continue
    }
    const sample = readSample(line)
    if (current === undefined || !belongs(sample.name, current)) {
      throw new Error(`outside of its family: ${line}`)
    }
    const key = keyOf(sample)
    if (current.samples.some((other) => keyOf(other) === key)) throw new Error(`twice: ${line}`)
    current.samples.push(sample)
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family)
  return families
}

/** The value of the one sample of this family with these labels among its own; 0 where there is none. */
export function valueOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  if (family === undefined) throw new Error(`there is no ${name}`)
  const found = family.samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => (sample.labels[label] ?? '') === value),
  )
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} have these labels`)
  return found[0]?.value ?? 0
}

function readSample(line: string): Sample {
  const [name] = METRIC_NAME.exec(line) ?? ['']
  if (name === '') throw new Error(`no sample: ${line}`)
  let rest = line.slice(name.length)
  const labels: Record<string, string> = Object.create(null)
  if (rest.startsWith('{')) {
    rest = rest.slice(1)
    while (!rest.startsWith('}')) {
      const [whole, label = '', value = ''] = LABEL.exec(rest) ?? []
      if (whole === undefined || label in labels) throw new Error(`bad label: ${line}`)
      labels[label] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
      rest = rest.slice(whole.length)
    }
    rest = rest.slice(1)
  }
  const value = /^ (-?\d+(?:\.\d+)?(?:e[+-]\d+)?)$/.exec(rest)?.[1]
  if (value === undefined) throw new Error(`no value: ${line}`)
  return { name, labels, value: Number(value) }
}

function belongs(sample: string, family: Family): boolean {
  if (family.type !== 'histogram') return sample === family.name
  return ['_bucket', '_sum', '_count'].some((end) => sample === family.name + end)
}

function keyOf({ name, labels }: Sample, without?: string): string {
  const pairs = Object.entries(labels).filter(([label]) => label !== without)
  return JSON.stringify([name, pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))])
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0))
}

/** Cumulative, ended by +Inf, which is the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, Sample[]>()
  for (const sample of samples) {
    const key = keyOf({ ...sample, name }, 'le')
    series.set(key, [...(series.get(key) ?? []), sample])
  }
  for (const [key, one] of series) {
    const buckets = one.filter((sample) => sample.name === `${name}_bucket`)
    const counts = buckets.map(({ value }) => value)
    const bounds = buckets.map(({ labels }) =>
      Number((labels['le'] ?? '').replace('+Inf', 'Infinity')),
    )
    const total = one.find((sample) => sample.name === `${name}_count`)?.value
    if (!isRising(counts) || !isRising(bounds)) throw new Error(`${name} ${key}: not cumulative`)
    if (bounds.at(-1) !== Infinity || counts.at(-1) !== total)
      throw new Error(`${name} ${key}: no end`)
    if (!one.some((sample) => sample.name === `${name}_sum`))
      throw new Error(`${name} ${key}: no sum`)
  }
}
