/** The results as Markdown: one table for the README, and one of every figure for whoever doubts it. */
import { cpuEach, figureOf, number, perSecond, sharesOf, table } from './figures.js'
import { rowsOf } from './goals.js'
import { median, percentile } from './statistics.js'

const PEERS = {
  nginx: 'nginx `proxy_pass`',
  seed: 'nginx + njs, the seed’s',
  portkey: 'Portkey',
}
// Less than this and a program had time to spare: its figures are then those of an idle one.
const SATURATED = 0.9
// More than this, and a machine is too busy for what is counted in milliseconds.
const BUSY = 0.1

/** The table of the goals, with the machine and the command. */
export function renderGoals(results) {
  const rows = rowsOf(results)
  const peers = Object.keys(PEERS).filter((name) => rows.some((row) => row.peers[name]))
  const head = ['what', 'floor', '**aiproxy** ÷ floor', 'goal', 'reached']
  const told = rows.filter(({ reached }) => reached !== undefined)
  return [
    `\`${results.command}\` on ${results.machine}: ${told.filter(({ reached }) => reached).length} of ${told.length} goals reached.`,
    '',
    ...table(
      [...head, ...peers.map((name) => `${PEERS[name]} ÷ floor`)],
      rows.map(({ what, floor, aiproxy, goal, reached, peers: theirs }) => [
        what,
        floor ?? '',
        aiproxy,
        goal,
        reached === undefined ? '' : reached ? 'yes' : '**no**',
        ...peers.map((name) => theirs[name] ?? ''),
      ]),
    ),
    '',
    ...notesOf(results),
  ].join('\n')
}

/** Every program of every scenario, in absolute figures. */
export function renderDetails({ scenarios = [], idle = {} }) {
  const head = [
    'scenario',
    'program',
    'CPU µs per request or chunk',
    'requests/s',
    'ran, % of its core',
    'waited for it, %',
    'p50, p99 ms',
    'first token p50, p99 ms',
    'chunk late p50, p99 ms',
    'memory, MB',
  ]
  const rows = scenarios.flatMap((scenario) =>
    Object.keys(scenario.samples).map((name) => detailsOf(scenario, name)),
  )
  return [
    ...table(head, rows),
    '',
    `Idle, MB: ${Object.entries(idle)
      .map(([name, megabytes]) => `${name} ${number(megabytes)}`)
      .join(', ')}`,
  ].join('\n')
}

function detailsOf(scenario, name) {
  const figure = (value) => figureOf(scenario, name, value)
  const pair = (key) => {
    const [p50, p99] = [(one) => one[key]?.p50, (one) => one[key]?.p99].map(figure)
    return p50 === undefined ? '' : `${number(p50)}, ${number(p99)}`
  }
  const firsts = scenario.samples[name].flatMap((sample) => sample.firsts ?? [])
  return [
    scenario.title,
    name,
    number(figure(cpuEach)),
    number(figure(perSecond)),
    percent(figure((sample) => sharesOf(sample).ran)),
    percent(figure((sample) => sharesOf(sample).waited)),
    pair('total'),
    firsts.length === 0
      ? ''
      : `${number(percentile(firsts, 0.5))}, ${number(percentile(firsts, 0.99))}`,
    pair('late'),
    number(figure((sample) => sample.residentMegabytes)),
  ]
}

function notesOf({ rounds, seconds, pinned, load, peers, failures = [], scenarios = [] }) {
  return [
    `Medians of ${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s (least and most in brackets), all programs in turn; load: ${load}. ${
      pinned
        ? 'The measured program had one core, upstream and load another.'
        : 'Nothing could be pinned to a core: read the ratios with care.'
    }`,
    `Floor: bare \`node:http\` and undici \`Pool.dispatch\`, no logic. CPU: the scheduler’s account of all threads. ${
      peers.length === 0 ? 'No peers were found.' : `Peers: ${peers.join(', ')}.`
    }`,
    ...noiseOf(scenarios),
    ...failures.map(
      ({ program, scenario, why }) => `Left out: ${program} in ${scenario}: ${why.slice(0, 200)}`,
    ),
  ]
}

// How far the figures can be trusted: whether others used the core, and whether the load was enough.
function noiseOf(scenarios) {
  const samples = scenarios.flatMap(({ samples: all }) => [
    ...(all.floor ?? all['floor-twice'] ?? []),
    ...(all.aiproxy ?? []),
  ])
  const waited = median(samples.map((sample) => sharesOf(sample).waited))
  if (waited === undefined) return []
  const idle = scenarios
    .filter(({ connections, group }) => group === 'unary' && connections > 1)
    .filter((scenario) => {
      const busy = figureOf(scenario, scenario.base, (sample) => {
        const { ran, waited: held } = sharesOf(sample)
        return ran + held
      })
      return busy < SATURATED
    })
  return [
    `Floor and aiproxy waited for their core ${percent(waited)} % of the time${
      waited > BUSY
        ? ': **other programs had it. Milliseconds and requests/s are theirs as much as the programs’; do not trust them.**'
        : '.'
    }${
      idle.length === 0
        ? ''
        : ` The load could not fill the floor’s core in ${idle.map(({ id }) => id).join(', ')}.`
    }`,
  ]
}

function percent(share) {
  return typeof share === 'number' ? (share * 100).toFixed(0) : '–'
}
