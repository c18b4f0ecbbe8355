/** The results as Markdown, ready for a README. */

/** The whole report. */
export function renderReport(results) {
  const lines = [
    `Measured on ${results.machine}; ${results.rounds} rounds of ${results.seconds} s, medians; load: ${results.load}.`,
    results.pinned
      ? 'The measured program had one core to itself; upstream and load shared another.'
      : 'Nothing could be pinned to a core: the programs disturbed each other, read the ratios with care.',
    'Floor: bare `node:http` and undici `Pool.dispatch`, no logic. CPU: scheduler time of the whole process.',
    '',
  ]
  if (results.scenarios !== undefined) lines.push(...renderScenarios(results.scenarios), '')
  if (results.memory !== undefined) lines.push(...renderMemory(results.memory), '')
  if (results.starts !== undefined) lines.push(...renderStarts(results.starts), '')
  if (results.commands !== undefined) lines.push(...renderCommands(results.commands), '')
  if (results.usage !== undefined) lines.push(...renderUsage(results.usage), '')
  lines.push('Not measured here: nginx + njs, other gateways, more than one machine.')
  return lines.join('\n')
}

function renderScenarios(scenarios) {
  const rows = scenarios.flatMap((scenario) => {
    const ratio = (value) =>
      spread(
        scenario.aiproxy.map((sample, round) =>
          quotient(value(sample), value(scenario.floor[round])),
        ),
      )
    const programs = [
      ...(scenario.direct.length > 0 ? [['no proxy', scenario.direct, '', '']] : []),
      ['floor', scenario.floor, '1', '1'],
      [
        '**aiproxy**',
        scenario.aiproxy,
        ratio((sample) => cpuEach(sample, scenario)) + goalOf(scenario),
        ratio(perSecond),
      ],
    ]
    return programs.map(([name, samples, cpuRatio, rateRatio]) => [
      scenario.title,
      name,
      name === 'no proxy' ? '' : number(median(samples.map((sample) => cpuEach(sample, scenario)))),
      cpuRatio,
      number(median(samples.map(perSecond))),
      rateRatio,
      number(median(samples.map((sample) => latency(sample, scenario).p50))),
      number(median(samples.map((sample) => latency(sample, scenario).p99))),
    ])
  })
  return table(
    [
      'scenario',
      'program',
      'CPU µs per request (streams: per chunk)',
      'ratio (min–max)',
      'requests/s',
      'ratio (min–max)',
      'p50 ms (streams: first byte)',
      'p99 ms',
    ],
    rows,
  )
}

function renderMemory({ idle, after }) {
  return table(
    ['resident memory, MB', 'floor', '**aiproxy**', 'ratio'],
    [memoryRow('idle', idle), memoryRow('after all of the load', after)],
  )
}

function memoryRow(title, { floor, aiproxy }) {
  return [title, number(floor), number(aiproxy), number(quotient(aiproxy, floor))]
}

function renderStarts({ floor, aiproxy }) {
  return table(
    ['start to first answer, ms', 'floor', '**aiproxy**', 'ratio'],
    [
      [
        `median of ${floor.length}`,
        number(median(floor)),
        number(median(aiproxy)),
        number(quotient(median(aiproxy), median(floor))),
      ],
    ],
  )
}

function renderCommands(times) {
  const base = median(times['node -e 0'])
  return table(
    ['command, start to end', 'ms', 'ratio'],
    Object.entries(times).map(([name, values]) => [
      `\`${name}\``,
      number(median(values)),
      number(quotient(median(values), base)),
    ]),
  )
}

function renderUsage({ megabytes, times, peakMegabytes }) {
  const base = median(times['wc -l'])
  const rows = Object.entries(times).map(([name, values]) => [
    `\`${name}\``,
    number(median(values)),
    number(quotient(median(values), base)),
    name === 'wc -l' ? '' : number(peakMegabytes),
  ])
  return table([`usage log of ${megabytes} MB`, 'ms', 'ratio', 'peak memory, MB'], rows)
}

function cpuEach(sample, scenario) {
  if (sample.cpuMicroseconds === null) return undefined
  return quotient(sample.cpuMicroseconds, sample.requests * (scenario.chunks ?? 1))
}

function perSecond(sample) {
  return sample.requests / sample.seconds
}

function latency(sample, scenario) {
  return scenario.chunks === undefined ? sample.total : sample.first
}

function goalOf({ goal }) {
  return goal === undefined ? '' : `, goal ${goal}`
}

// A ratio within one round: what slowed the machine then slowed both.
function spread(values) {
  const known = values.filter((value) => value !== undefined)
  if (known.length === 0) return '–'
  if (known.length === 1) return number(known[0])
  return `**${number(median(known))}** (${number(Math.min(...known))}–${number(Math.max(...known))})`
}

function quotient(part, whole) {
  return typeof part === 'number' && typeof whole === 'number' && whole > 0
    ? part / whole
    : undefined
}

function median(values) {
  const known = values.filter((value) => typeof value === 'number').toSorted((a, b) => a - b)
  if (known.length === 0) return undefined
  const middle = known.length >> 1
  return known.length % 2 === 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2
}

function number(value) {
  if (typeof value !== 'number') return '–'
  if (value >= 1000) return Math.round(value).toLocaleString('en-US')
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}
