/**
 * The load: a closed loop of HTTP/1.1 connections, each with one request in flight. It lives as long as
 * the bench, so that its own code is warm, and takes one order a line on stdin: see `run`. It answers with
 * one line: counts, times, and what the processes `pids` cost meanwhile.
 * A reply other than a whole good one ends the bench: a fast refusal must not look like speed.
 */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { createClient } from './load-client.js'
import { percentile } from './statistics.js'
import { watchCost } from './window.js'

/**
 * Runs `{ port, path, headers, body, connections, warmupSeconds, seconds, spreadSeconds, stream, stamped,
 * endMark, pids }`: the connections begin within `spreadSeconds`, and what happens in about `seconds` after
 * the warm-up is measured (window.js). Resolves with that once every request under way has its whole answer.
 */
function run(order) {
  return new Promise((resolve, reject) => {
    const { connections, warmupSeconds, seconds, spreadSeconds = 0 } = order
    const clients = []
    const taken = { totals: [], firsts: [], lates: [] }
    // True while what happens counts.
    let measuring = false
    let stopping = false
    let open = connections
    let measured

    const fail = (why) => {
      stopping = true
      for (const client of clients) client.destroy()
      reject(new Error(why))
    }
    const listener = {
      chunk: (lateMs) => {
        if (measuring) taken.lates.push(lateMs)
      },
      whole: (totalMs, firstMs) => {
        if (measuring) {
          taken.totals.push(totalMs)
          taken.firsts.push(firstMs)
        }
        if (!stopping) return true
        open -= 1
        if (open === 0) resolve(measured)
        return false
      },
      failed: (why) => {
        if (!stopping) fail(why)
      },
    }
    for (let index = 0; index < connections; index += 1) {
      const begin = () => {
        if (!stopping) clients.push(createClient(order, listener))
      }
      if (spreadSeconds === 0) begin()
      else setTimeout(begin, (index / connections) * spreadSeconds * 1000)
    }
    const measure = async () => {
      await delay(warmupSeconds * 1000)
      measuring = true
      const cost = await watchCost(order.pids, seconds, order.stamped)
      measuring = false
      measured = {
        ...cost,
        requests: taken.totals.length,
        total: percentiles(taken.totals),
        ...(order.stream ? { firsts: taken.firsts } : {}),
        ...(order.stamped ? { chunks: taken.lates.length, late: percentiles(taken.lates) } : {}),
      }
      stopping = true
    }
    measure().catch(reject)
  })
}

function percentiles(values) {
  return { p50: percentile(values, 0.5) ?? null, p99: percentile(values, 0.99) ?? null }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await run(JSON.parse(line))))
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }))
  }
}
