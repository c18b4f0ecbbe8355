/**
 * Programs to compare with, each only where it is found:
 *
 *   nginx    `proxy_pass` and nothing else, the floor in C: nginx/proxy.conf
 *   seed     nginx running the njs program aiproxy grew out of: nginx/seed.conf, nginx/seed.njs
 *   portkey  @portkey-ai/gateway, installed into a folder outside this repository
 *
 * How to install them: README.md beside this file.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { USER, writeRbac } from './configs.js'
import { childrenOf } from './machine.js'
import { freePort, startListening, stop } from './programs.js'
import { apiOf, providerPath, startOf } from './targets.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const JS_MODULE = 'ngx_http_js_module.so'
const SEED_PROMPT_BYTES = 12_000
const PORTKEY_PACKAGE = join('node_modules', '@portkey-ai', 'gateway')

/**
 * The peers of this machine: `{ name, version, start(order) }` each; `portkeyDirectory` is the folder
 * into which Portkey was installed, `undefined` where it was not.
 */
export function findPeers(portkeyDirectory) {
  return [...findNginx(), ...findPortkey(portkeyDirectory)]
}

function findNginx() {
  const said = spawnSync('nginx', ['-V'], { encoding: 'utf8' }).stderr ?? ''
  const version = /nginx\/(\S+)/.exec(said)?.[1]
  if (version === undefined) return []
  const nginx = {
    name: 'nginx',
    version: `nginx ${version}`,
    start: (order) => startNginx('nginx', 'proxy.conf', order, {}),
  }
  const modules = /--modules-path=(\S+)/.exec(said)?.[1] ?? ''
  const module = join(modules, JS_MODULE)
  if (!existsSync(module)) return [nginx]
  const seed = {
    name: 'seed',
    version: `nginx ${version} with njs`,
    start: (order) => startSeed(module, order),
  }
  return [nginx, seed]
}

function startSeed(module, order) {
  const { users = 2, directory } = order
  const rbac = join(directory, `rbac-${users}.json`)
  const program = join(directory, `seed-${users}.js`)
  writeRbac(rbac, users)
  writeFileSync(program, template('seed.njs', { rbac }))
  return startNginx(`seed-${users}`, 'seed.conf', order, { module, program })
}

async function startNginx(name, templateName, { directory, cores, upstreamPort }, values) {
  const home = join(directory, name)
  mkdirSync(home)
  // Started by root, its worker would be another user, who may not enter the bench's directory.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const port = await freePort()
  const config = join(home, 'nginx.conf')
  const text = template(templateName, {
    ...values,
    user,
    port,
    directory: home,
    upstream: upstreamPort,
  })
  writeFileSync(config, text)
  const command = ['nginx', '-e', join(home, 'error.log'), '-p', home, '-c', config]
  const running = await startListening(name, command, { core: cores?.target, directory, port })
  return {
    name: name.startsWith('seed') ? 'seed' : 'nginx',
    port,
    pids: [running.pid, ...childrenOf(running.pid)],
    request: name.startsWith('seed') ? askSeed : askProxy,
    ...startOf(running),
    // It ends its worker only when it is asked kindly.
    stop: () => stop(running.child, 'SIGTERM'),
  }
}

function askProxy(scenario) {
  if (scenario.floorKind !== undefined) return undefined
  return { path: providerPath(scenario), headers: JSON_TYPE, api: apiOf(scenario.target) }
}

// The seed's program speaks Chat Completions to its caller, and no streams. Its text leaves nginx's body
// buffer at 16 KB, and a longer prompt does not reach the program.
function askSeed({ api, stream, promptBytes = 0 }) {
  if (api !== 'chat' || stream || promptBytes > SEED_PROMPT_BYTES) return undefined
  return { path: '/v1/chat/completions', headers: { ...JSON_TYPE, 'x-user': USER }, api }
}

function findPortkey(directory) {
  if (directory === undefined) return []
  const home = join(resolve(directory), PORTKEY_PACKAGE)
  const description = join(home, 'package.json')
  if (!existsSync(description)) return []
  const { version, bin } = JSON.parse(readFileSync(description, 'utf8'))
  const program = join(home, typeof bin === 'string' ? bin : bin.gateway)
  return [
    {
      name: 'portkey',
      version: `Portkey ${version}`,
      start: (order) => startPortkey(program, order),
    },
  ]
}

async function startPortkey(program, { directory, cores, upstreamPort }) {
  const port = await freePort()
  // Without its console, which keeps and shows every request: its lightest form.
  const command = [process.execPath, '--import', here('loopback.js'), program, '--headless']
  const running = await startListening('portkey', [...command, `--port=${port}`], {
    core: cores?.target,
    directory,
    port,
  })
  return {
    name: 'portkey',
    port,
    pids: [running.pid],
    request: (scenario) => askPortkey(scenario, upstreamPort),
    ...startOf(running),
  }
}

function askPortkey({ api, target, kind, floorKind }, upstreamPort) {
  // It knows /v1/messages, but not how to answer it from OpenAI's Chat Completions.
  if (api === 'messages' && target !== 'anthropic') return undefined
  const path = api === 'chat' ? '/v1/chat/completions' : '/v1/messages'
  const at = (which) => ({
    provider: target,
    api_key: 'bench',
    custom_host: `http://127.0.0.1:${upstreamPort}/${which}/v1`,
  })
  const config =
    floorKind === undefined
      ? at(kind)
      : { strategy: { mode: 'fallback' }, targets: [at(kind), at(floorKind)] }
  return { path, headers: { ...JSON_TYPE, 'x-portkey-config': JSON.stringify(config) }, api }
}

function template(name, values) {
  return readFileSync(here(join('nginx', name)), 'utf8').replaceAll(
    /\{\{(\w+)\}\}/g,
    (_, key) => values[key],
  )
}

function here(name) {
  return fileURLToPath(new URL(name, import.meta.url))
}
