/**
 * The program is killed with SIGKILL at a random moment, again and again, with requests of every kind
 * under way, and its usage log is then read. What is promised (reliability.md §4): a reply that reached
 * its end has its line, exactly one; no line stands twice; the reader never fails.
 *
 * The oracle is the provider's own list of what it served to its end, as far as the caller has the end
 * too: what the kill caught between the two is `inFlight`, may have a line or none, and never two.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readUsageLogs } from '../../src/usage/read.ts'
import { HELLO_MESSAGES } from '../support/calls.ts'
import { send } from '../support/http.ts'
import { dig, parseJson } from '../support/json.ts'
import { nothing } from '../support/owner.ts'
import type { Owner } from '../support/owner.ts'
import { createDirectory, startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { openaiChat, openaiFrames } from '../support/replies.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { asksForStream } from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'
import { createRandom } from '../support/random.ts'
import type { Random } from '../support/random.ts'

export interface KillPlan {
  readonly rounds: number
  /** Requests under way at any moment, over all writers. */
  readonly inFlight: number
  /** Programs that append to the same file. */
  readonly writers: number
  readonly seed: number
  readonly onRound?: (round: number, so: KillResult) => void
}

export interface KillResult {
  /** Served to their end, by the provider's list and the caller's. */
  readonly finished: number
  readonly lost: readonly string[]
  readonly doubled: readonly string[]
  /** Served by the provider, but the kill came before the caller's end. */
  readonly inFlight: number
  /** Of those, with a line. */
  readonly inFlightLogged: number
  readonly lines: number
  /** Lines the reader could not read: half a line that a kill left behind. */
  readonly torn: number
  readonly kills: number
}

/** Runs the rounds; what it started is gone afterwards. */
export async function runKillRounds(plan: KillPlan): Promise<KillResult> {
  const random = createRandom(plan.seed)
  const cleanUps: Array<() => void | Promise<void>> = []
  const owner: Owner = {
    after: (cleanUp) => {
      cleanUps.push(cleanUp)
    },
  }
  const served = new Set<string>()
  const whole = new Set<string>()
  try {
    const upstream = await createUpstream(owner, async (reply, request) => {
      const delayMs = random.below(60)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      if (asksForStream(request.json())) {
        reply.openStream()
        for (const frame of openaiFrames()) {
          await reply.write(frame)
          if (random.below(3) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
        }
        reply.end()
      } else if (random.below(10) === 0) reply.json(400, { error: { message: 'No.', type: 'x' } })
      else reply.json(200, openaiChat())
      const id = String(request.headers['x-request-id'])
      const { how } = await request.over
      if (how === 'answered') served.add(id)
    })
    const log = join(createDirectory(owner), 'usage.jsonl')
    const config = targetsConfig(
      upstream,
      [{ name: 'm', dialect: 'openai' }],
      [{ model: 'm' }],
      `log: ${log}\n`,
    )
    let kills = 0
    for (let round = 1; round <= plan.rounds; round += 1) {
      const before = cleanUps.length
      const proxies = await Promise.all(
        Array.from({ length: plan.writers }, () =>
          startProxy(owner, { config, env: { TEST_KEY } }),
        ),
      )
      const load = startLoad(proxies, plan.inFlight, `${plan.seed}-${round}`, random, whole)
      // On a busy machine half a second may pass before anything is finished: one round at least waits for it.
      if (round === plan.rounds) await load.firstWhole
      await new Promise((resolve) => setTimeout(resolve, 5 + random.below(495)))
      load.stop()
      // One writer at least; the others may live on and must lose nothing either.
      const killed = 1 + random.below(proxies.length)
      for (const proxy of proxies.slice(0, killed)) proxy.signal('SIGKILL')
      kills += killed
      await load.over
      for (const proxy of proxies.slice(killed)) proxy.signal('SIGTERM')
      await Promise.all(proxies.map(({ exited }) => exited))
      for (const cleanUp of cleanUps.splice(before)) await cleanUp()
      plan.onRound?.(round, await judge(log, served, whole, kills))
    }
    return await judge(log, served, whole, kills)
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
}

/** Keeps so many requests under way until told to stop; `over` when the last one has ended somehow. */
function startLoad(
  proxies: readonly Proxy[],
  inFlight: number,
  name: string,
  random: Random,
  whole: Set<string>,
): { stop(): void; readonly over: Promise<void>; readonly firstWhole: Promise<void> } {
  const going = new AbortController()
  let tellFirst: (() => void) | undefined
  const firstWhole = new Promise<void>((resolve) => {
    tellFirst = resolve
  })
  let number = 0
  const worker = async (proxy: Proxy): Promise<void> => {
    while (!going.signal.aborted) {
      number += 1
      const id = `kill-${name}-${number}`
      try {
        const reply = await send(`${proxy.url}/v1/chat/completions`, {
          body: { model: 'm', messages: HELLO_MESSAGES, stream: random.below(2) === 0 },
          headers: { 'x-user': 'caller', 'x-request-id': id },
        })
        if (reply.complete) {
          whole.add(id)
          tellFirst?.()
        }
      } catch {
        // The kill; there is nobody to ask any more.
        return
      }
    }
  }
  const workers = Array.from({ length: inFlight }, (_, index) => {
    const proxy = proxies[index % proxies.length]
    return proxy === undefined ? Promise.resolve() : worker(proxy)
  })
  return {
    stop: () => {
      going.abort()
    },
    over: Promise.all(workers).then(nothing),
    firstWhole,
  }
}

async function judge(
  log: string,
  served: ReadonlySet<string>,
  whole: ReadonlySet<string>,
  kills: number,
): Promise<KillResult> {
  let read = 0
  const counts = await readUsageLogs({
    logs: [log],
    cwd: '/',
    span: { sinceMs: -Infinity, untilMs: Infinity },
    onUsage: () => {
      read += 1
    },
  })
  const lines = new Map<string, number>()
  const text = existsSync(log) ? readFileSync(log, 'utf8') : ''
  for (const line of text.split('\n')) {
    for (const record of line.split(/(?=\{"ts":")/)) {
      const id = idOf(record)
      if (id !== undefined) lines.set(id, (lines.get(id) ?? 0) + 1)
    }
  }
  const total = [...lines.values()].reduce((sum, count) => sum + count, 0)
  if (total !== read) throw new Error(`the reader saw ${read} records where there are ${total}`)
  const finished = [...served].filter((id) => whole.has(id))
  const caught = [...served].filter((id) => !whole.has(id))
  return {
    finished: finished.length,
    lost: [...whole].filter((id) => !lines.has(id)),
    doubled: [...lines].filter(([, count]) => count > 1).map(([id]) => id),
    inFlight: caught.length,
    inFlightLogged: caught.filter((id) => lines.has(id)).length,
    lines: total,
    torn: counts.skipped,
    kills,
  }
}

function idOf(record: string): string | undefined {
  if (!record.endsWith('}')) return undefined
  try {
    const id = dig(parseJson(record), 'id')
    return typeof id === 'string' ? id : undefined
  } catch {
    return undefined
  }
}
