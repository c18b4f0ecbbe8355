/**
 * The goals, and what was measured beside each. A row: what it is about (`what`), the floor's own figure
 * (`floor`), aiproxy's (`aiproxy`, with the spread over the rounds), the `goal` in words, whether it was
 * `reached` (`undefined`: it could not be told, or there is none), and the figures of the `peers`.
 * Where there is a floor all others are given as multiples of it.
 */
import { addedFirst, comparison, cpuEach, figureOf, number, perSecond } from './figures.js'
import { SIZES, STREAM_COUNTS } from './scenarios.js'
import { median, quotient, ratioOf } from './statistics.js'

const PEERS = ['nginx', 'seed', 'portkey']
// Flat: within what two measurements of the same thing differ by.
const FLAT = 1.1
const LARGE_LOG_MEGABYTES = 1000

/** All rows that the results have something for, in the order of the goals. */
export function rowsOf(results) {
  return [
    ...requestRows(results),
    ...streamRows(results),
    ...growthRows(results),
    ...memoryRows(results),
    ...startRows(results),
    ...usageRows(results),
  ].filter((row) => row.aiproxy !== undefined)
}

function requestRows(results) {
  const find = finder(results)
  return [
    ...[1, 16, 64, 256].map((count) => cpuRow(find(`relay-${count}`), 1.25)),
    ...[16, 64, 256].map((count) => rateRow(find(`relay-${count}`), 1.25)),
    againstSeed(find),
    cpuRow(find('chat-anthropic'), 1.4),
    cpuRow(find('anthropic-chat'), 1.4),
    cpuRow(find('failover'), 1.6, 'the floor asking twice'),
    cpuRow(find('failover-401'), 1.6, 'the floor asking twice'),
    againstPortkey(find('relay-64')),
  ]
}

function streamRows(results) {
  const find = finder(results)
  const thousand = find('streams-1000')
  return [
    cpuRow(find('burst-relay'), 1.3),
    cpuRow(find('burst-translated'), 1.6),
    cpuRow(find('paced-relay'), 1.3),
    cpuRow(find('paced-translated'), 1.6),
    ...['paced-relay', 'paced-translated'].flatMap((id) => [
      firstRow(find(id), 0.5, 1),
      firstRow(find(id), 0.99, 5),
    ]),
    absoluteRow(thousand, 'a chunk is late by, p99, ms', (sample) => sample.late?.p99, 100),
    absoluteRow(thousand, 'memory, MB', residentOf, 250),
  ]
}

function growthRows(results) {
  const find = finder(results)
  const sizes = SIZES.map((size) => ({ ...size, scenario: find(size.id) }))
  const streams = STREAM_COUNTS.map((count) => ({
    label: count.toLocaleString('en-US'),
    scenario: find(`streams-${count}`),
  }))
  return [
    curveRow('prompt size, CPU per request ÷ (floor + one JSON.parse)', sizes, 'floor-parse', 1.25),
    curveRow('prompt size, CPU per request ÷ floor', sizes, 'floor'),
    curveRow('streams at once, a chunk every 50 ms, CPU per chunk', streams, 'floor', 1.3),
    usersRow(results.users),
  ]
}

function memoryRows({ idle, scenarios, flat }) {
  const loaded = scenarios?.find(({ id }) => id === 'relay-64')
  const underLoad = Object.fromEntries(
    Object.keys(loaded?.samples ?? {}).map((name) => [name, figureOf(loaded, name, residentOf)]),
  )
  const flatness = (name) => quotient(flat?.[name]?.late, flat?.[name]?.early)
  return [
    plainRow('memory, idle, MB', idle ?? {}, 1.25),
    plainRow('memory, under load (64 connections), MB', underLoad, 1.3),
    {
      what: 'memory after 100,000 requests ÷ after 50,000',
      floor: optional(flatness('floor'), number),
      aiproxy: optional(flatness('aiproxy'), strong),
      ...judge(flatness('aiproxy'), FLAT, `flat: ≤ ${FLAT}`),
      peers: {},
    },
  ]
}

function startRows({ starts, commands }) {
  const rows = []
  if (starts !== undefined) {
    rows.push(roundsRow('start to first answer, ms', starts, 'floor', 'aiproxy', 1.2))
    const part = starts.portkey && ratioOf(starts.aiproxy, starts.portkey)
    rows.push({
      what: 'start to first answer ÷ Portkey’s',
      aiproxy: optional(part, spread),
      ...judge(part?.median, 0.5),
      peers: {},
    })
  }
  for (const name of Object.keys(commands ?? {}).slice(1)) {
    rows.push(roundsRow(`\`${name}\`, ms (floor: \`node -e 0\`)`, commands, 'node -e 0', name, 2))
  }
  return rows
}

function usageRows({ usage = [] }) {
  return usage.flatMap(({ megabytes, samples }) => {
    const wall = (name) => samples[name]?.map(({ wallMs }) => wallMs)
    const times = { floor: wall('wc -l'), aiproxy: wall('aiproxy usage') }
    const peak = median(samples['aiproxy usage'].map(({ peakMegabytes }) => peakMegabytes))
    const jq = wall('jq') && quotient(median(wall('jq')), median(times.aiproxy))
    const what = `\`usage\` over ${megabytes.toLocaleString('en-US')} MB of log`
    // In smaller logs it is the start of Node that is measured.
    const bound = megabytes >= LARGE_LOG_MEGABYTES ? 8 : undefined
    return [
      roundsRow(`${what}, ms (floor: \`wc -l\`)`, times, 'floor', 'aiproxy', bound),
      {
        what: `${what}, peak memory, MB`,
        aiproxy: optional(peak, strong),
        ...judge(peak, 100),
        peers: {},
      },
      {
        what: `${what}, times faster than \`jq\``,
        aiproxy: optional(jq, strong),
        ...judgeMore(jq, 10),
        peers: {},
      },
    ]
  })
}

function cpuRow(scenario, bound, than) {
  if (scenario === undefined) return {}
  const each = scenario.id.startsWith('relay') || scenario.group === 'unary' ? 'request' : 'chunk'
  return floorRow(
    `${scenario.title}: CPU per ${each}, µs${than === undefined ? '' : ` (floor: ${than})`}`,
    scenario,
    cpuEach,
    (part) => judge(part, bound),
  )
}

function rateRow(scenario, bound) {
  if (scenario === undefined) return {}
  const least = 1 / bound
  return floorRow(`${scenario.title}: requests/s`, scenario, perSecond, (part) =>
    judgeMore(part, least),
  )
}

function floorRow(what, scenario, value, decide) {
  const part = (name) => comparison(scenario, name, scenario.base, value)
  const peers = PEERS.map((name) => [name, optional(part(name)?.median, number)])
  return {
    what,
    floor: number(figureOf(scenario, scenario.base, value)),
    aiproxy: optional(part('aiproxy'), spread),
    ...decide(part('aiproxy')?.median),
    peers: Object.fromEntries(peers),
  }
}

function againstSeed(find) {
  const parts = [16, 64, 256].map((count) =>
    comparison(find(`relay-${count}`), 'aiproxy', 'seed', cpuEach),
  )
  if (parts.includes(undefined)) return {}
  return {
    what: 'unary relay, 16, 64, 256 connections: CPU per request ÷ the seed’s nginx + njs',
    aiproxy: `**${parts.map((part) => number(part.median)).join(' · ')}**`,
    ...judge(Math.max(...parts.map((part) => part.median)), 1, '< 1'),
    peers: {},
  }
}

function againstPortkey(scenario) {
  const part = comparison(scenario, 'portkey', 'aiproxy', cpuEach)
  return {
    what: 'unary relay, 64 connections: CPU per request, times fewer than Portkey',
    aiproxy: optional(part, spread),
    ...judgeMore(part?.median, 10),
    peers: {},
  }
}

function firstRow(scenario, part, bound) {
  if (scenario === undefined) return {}
  const added = (name) => addedFirst(scenario, name, part)
  return {
    what: `${scenario.title}: added to the first token, p${part * 100}, ms`,
    floor: number(added('floor')),
    aiproxy: optional(added('aiproxy'), strong),
    ...judge(added('aiproxy'), bound, `≤ ${bound} ms`),
    peers: Object.fromEntries(PEERS.map((name) => [name, optional(added(name), milliseconds)])),
  }
}

function absoluteRow(scenario, what, value, bound) {
  if (scenario === undefined) return {}
  const figure = (name) => figureOf(scenario, name, value)
  return {
    what: `${scenario.title}: ${what}`,
    floor: number(figure('floor')),
    aiproxy: optional(figure('aiproxy'), strong),
    ...judge(figure('aiproxy'), bound),
    peers: {},
  }
}

// One ratio at each point of a curve; the goal is kept at every point or not at all.
function curveRow(what, points, base, bound) {
  const known = points.filter(({ scenario }) => scenario !== undefined)
  if (known.length === 0) return {}
  const along = (name) =>
    known.map(({ scenario }) => comparison(scenario, name, base, cpuEach)?.median)
  const mine = along('aiproxy')
  return {
    what: `${what}, at ${known.map(({ label }) => label).join(' · ')}`,
    floor: curve(known.map(({ scenario }) => figureOf(scenario, base, cpuEach))),
    aiproxy: `**${curve(mine)}**`,
    ...(bound === undefined ? { goal: '' } : judge(Math.max(...mine), bound, `≤ ${bound} at each`)),
    peers: Object.fromEntries(
      PEERS.map((name) => [name, along(name)])
        .filter(([, values]) => values.some((value) => value !== undefined))
        .map(([name, values]) => [name, curve(values)]),
    ),
  }
}

function usersRow(users) {
  if (users === undefined) return {}
  const { counts, samples } = users
  const scenario = (name, index) => ({
    samples: { few: samples[name][0], many: samples[name][index] },
  })
  const along = (name) =>
    counts.map((_, index) => comparison(scenario(name, index), 'many', 'few', cpuEach)?.median)
  const labels = counts.map((count) => count.toLocaleString('en-US')).join(' · ')
  return {
    what: `users in the config, CPU per request ÷ with ${counts[0]}, at ${labels}`,
    aiproxy: `**${curve(along('aiproxy'))}**`,
    ...judge(Math.max(...along('aiproxy')), FLAT, `flat: ≤ ${FLAT}`),
    peers: samples.seed === undefined ? {} : { seed: curve(along('seed')) },
  }
}

// One value per program.
function plainRow(what, values, bound) {
  const part = (name) => quotient(values[name], values.floor)
  return {
    what,
    floor: number(values.floor),
    aiproxy: optional(part('aiproxy'), strong),
    ...judge(part('aiproxy'), bound),
    peers: Object.fromEntries(PEERS.map((name) => [name, optional(part(name), number)])),
  }
}

// Values round by round.
function roundsRow(what, times, base, name, bound) {
  const part = (which) => times[which] && ratioOf(times[which], times[base])
  return {
    what,
    floor: number(median(times[base])),
    aiproxy: optional(part(name), spread),
    ...judge(part(name)?.median, bound),
    peers: Object.fromEntries(PEERS.map((peer) => [peer, optional(part(peer)?.median, number)])),
  }
}

function judge(value, bound, goal = `≤ ${bound}`) {
  if (bound === undefined) return { goal: '' }
  return { goal, reached: value === undefined ? undefined : value <= bound }
}

function judgeMore(value, bound) {
  return { goal: `≥ ${bound}`, reached: value === undefined ? undefined : value >= bound }
}

function finder({ scenarios = [] }) {
  return (id) => scenarios.find((scenario) => scenario.id === id)
}

function residentOf({ residentMegabytes }) {
  return residentMegabytes
}

function curve(values) {
  return values.map(number).join(' · ')
}

function spread({ median: middle, min, max }) {
  return `**${number(middle)}** (${number(min)}–${number(max)})`
}

function strong(value) {
  return `**${number(value)}**`
}

function milliseconds(value) {
  return `${number(value)} ms`
}

function optional(value, render) {
  return value === undefined || value === null ? undefined : render(value)
}
