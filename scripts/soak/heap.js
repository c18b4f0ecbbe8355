/**
 * Loaded into the program before it starts (`node --expose-gc --import`): writes a line about its heap
 * every SOAK_HEAP_SECONDS to SOAK_HEAP_FILE, measured after a full collection, so that what grows is what
 * is held. Its timer keeps nothing alive. SOAK_GC_SECONDS=0 measures without collecting.
 */
import { appendFileSync } from 'node:fs'

const path = process.env.SOAK_HEAP_FILE
const everyMs = Number(process.env.SOAK_HEAP_SECONDS ?? '5') * 1000
const collectEveryMs = Number(process.env.SOAK_GC_SECONDS ?? '60') * 1000

if (path !== undefined) {
  let collectedMs = performance.now()
  setInterval(() => {
    const collect = collectEveryMs > 0 && performance.now() - collectedMs >= collectEveryMs
    if (collect) {
      collectedMs = performance.now()
      globalThis.gc?.()
    }
    const { heapUsed, external } = process.memoryUsage()
    appendFileSync(
      path,
      `${JSON.stringify({ atMs: Date.now(), collected: collect, heapUsed, external })}\n`,
    )
  }, everyMs).unref()
}
