/**
 * What is always measured: the bare floor and aiproxy; and the provider behind them. A target is
 * `{ name, port, pids, request(scenario), stop() }`; `request` gives the path and the headers by which the
 * target is asked for what a scenario wants, and the `api` whose shape its answer has; `undefined` where it
 * cannot do that.
 */
import { fileURLToPath } from 'node:url'
import { USER, modelOf, writeAiproxyConfig } from './configs.js'
import { AIPROXY, freePort, post, startListening } from './programs.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const API_PATHS = { chat: '/v1/chat/completions', messages: '/v1/messages' }

/** The path at which a provider of this dialect answers in this kind. */
export function providerPath({ target, kind }) {
  return `/${kind}${API_PATHS[apiOf(target)]}`
}

/** The API a provider of this dialect speaks. */
export function apiOf(target) {
  return target === 'openai' ? 'chat' : 'messages'
}

/** The body of a request for a scenario, for all targets alike. */
export function requestBody(scenario) {
  const { api, stream, promptBytes = 100 } = scenario
  return JSON.stringify({
    model: modelOf(scenario),
    ...(api === 'messages' ? { max_tokens: 1000 } : {}),
    messages: [{ role: 'user', content: 'x'.repeat(promptBytes) }],
    ...(stream ? { stream: true } : {}),
  })
}

/** The provider, on the load's core; `count(kind)` is how many requests of a kind it has answered. */
export async function startUpstream({ directory, cores }) {
  const port = await freePort()
  const command = [process.execPath, here('upstream.js'), String(port)]
  const running = await startListening('upstream', command, { core: cores?.load, directory, port })
  return {
    name: 'direct',
    port,
    pids: [running.pid],
    request: (scenario) => ({
      path: providerPath(scenario),
      headers: JSON_TYPE,
      api: apiOf(scenario.target),
    }),
    count: async (kind) =>
      JSON.parse((await post({ port, path: '/count', headers: {} })).text)[kind],
    stop: running.stop,
  }
}

/** The bare pass-through, on the target's core. */
export async function startFloor({ directory, cores, upstreamPort }) {
  const port = await freePort()
  const command = [process.execPath, here('floor.js'), String(port), String(upstreamPort)]
  const running = await startListening('floor', command, { core: cores?.target, directory, port })
  return { name: 'floor', port, pids: [running.pid], ...floorOf('plain'), ...startOf(running) }
}

/** The same floor, reading the request with one JSON.parse, or asking twice: see floor.js. */
export function floorOf(variant) {
  return {
    request: (scenario) => ({
      path: `/${variant}${providerPath({ ...scenario, kind: scenario.floorKind ?? scenario.kind })}`,
      headers: JSON_TYPE,
      api: apiOf(scenario.target),
    }),
  }
}

/** aiproxy as a user runs it: access, limits, usage log, request lines, all on; with so many users. */
export async function startAiproxy({ directory, cores, upstreamPort, users = 2 }) {
  const port = await freePort()
  const config = writeAiproxyConfig(directory, upstreamPort, users)
  const serve = ['serve', '--port', String(port), '--log-format', 'json', '-c', config]
  const running = await startListening(`aiproxy-${users}`, [process.execPath, AIPROXY, ...serve], {
    core: cores?.target,
    directory,
    port,
    env: { BENCH_KEY: 'bench' },
  })
  return {
    name: 'aiproxy',
    port,
    pids: [running.pid],
    request: ({ api }) => ({
      path: API_PATHS[api],
      headers: { ...JSON_TYPE, 'x-user': USER },
      api,
    }),
    ...startOf(running),
  }
}

/** What a started process has in common with every other target. */
export function startOf({ startedMs, stop }) {
  return { startedMs, stop }
}

function here(name) {
  return fileURLToPath(new URL(name, import.meta.url))
}
