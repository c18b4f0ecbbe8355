/** The command line of the bench. */
import { parseArgs } from 'node:util'
import { findPeers } from './peers.js'
import { SCENARIOS } from './scenarios.js'

/** What is measured beside the scenarios. */
export const EXTRAS = ['users', 'flat', 'start', 'commands', 'usage-log']
const FULL_EXTRAS = ['flat']
const PEER_NAMES = ['nginx', 'seed', 'portkey']

/** Reads the arguments; throws an Error with one line for who typed them. */
export function parseOptions(args, environment) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '0.5' },
      only: { type: 'string' },
      full: { type: 'boolean', default: false },
      peers: { type: 'string', default: 'auto' },
      portkey: { type: 'string', default: environment.BENCH_PORTKEY },
      load: { type: 'string', default: 'auto' },
      json: { type: 'string' },
      from: { type: 'string' },
      details: { type: 'boolean', default: false },
      readme: { type: 'boolean', default: false },
    },
  })
  if (!['auto', 'node', 'wrk'].includes(values.load)) {
    throw new Error('--load takes auto, node or wrk')
  }
  return {
    ...values,
    rounds: positive('rounds', values.rounds),
    seconds: positive('seconds', values.seconds),
    wanted: choose(values),
    peers: values.from === undefined ? choosePeers(values) : [],
  }
}

// A group's name stands for its scenarios.
function choose({ only, full }) {
  const all = [...SCENARIOS.map(({ id }) => id), ...EXTRAS]
  if (only === undefined) {
    const long = new Set([
      ...SCENARIOS.filter((one) => one.full).map(({ id }) => id),
      ...FULL_EXTRAS,
    ])
    return new Set(all.filter((id) => full || !long.has(id)))
  }
  const groups = [...new Set(SCENARIOS.map(({ group }) => group))]
  return new Set(
    only.split(',').flatMap((name) => {
      if (all.includes(name)) return [name]
      if (!groups.includes(name)) {
        throw new Error(`--only knows ${[...groups, ...all].join(', ')}; not "${name}"`)
      }
      return SCENARIOS.filter(({ group }) => group === name).map(({ id }) => id)
    }),
  )
}

function choosePeers({ peers, portkey }) {
  const found = findPeers(portkey)
  if (peers === 'auto') return found
  if (peers === 'none') return []
  return peers.split(',').map((name) => {
    if (!PEER_NAMES.includes(name)) {
      throw new Error(`--peers takes auto, none, or some of ${PEER_NAMES.join(',')}; not "${name}"`)
    }
    const peer = found.find((one) => one.name === name)
    if (peer === undefined)
      throw new Error(`${name} was not found: bench/README.md says how to install it`)
    return peer
  })
}

function positive(name, text) {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not "${text}"`)
  return value
}
