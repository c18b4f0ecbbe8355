/**
 * A second thread that reads half of a large log (`halves.ts`) into a report of its own, which is then
 * added to the first one's.
 */
import { availableParallelism } from 'node:os'
import type { FilePart, SecondReader } from './halves.ts'
import type { LineCounts } from './lines.ts'
import { createPriceLookup } from './prices.ts'
import type { PricedModel, PricedProvider } from './prices.ts'
import { createReport } from './report.ts'
import type { GroupKey, ReportFold, ReportPart, UsageFilters } from './report.ts'
import { secondWorkerFile } from './second-file.ts'
import { resolveZone } from './zone.ts'

/** What a report is made by, as plain data that can be sent to another thread. */
export interface ReportRecipe {
  readonly by: readonly GroupKey[]
  readonly filters: UsageFilters
  /** IANA name. */
  readonly zone: string
  /** What the config says of prices; `undefined`: costs are left away. */
  readonly prices: PricedConfig | undefined
}

/** What a price lookup is made from. */
export interface PricedConfig {
  readonly models: ReadonlyMap<string, PricedModel>
  readonly providers: ReadonlyMap<string, PricedProvider>
}

/** What the second thread is given. */
export interface SecondOrder {
  readonly recipe: ReportRecipe
  readonly part: FilePart
}

/** What it answers with, once. */
export interface SecondAnswer {
  readonly counts: LineCounts
  readonly report: ReportPart
}

// Few values outlive a line: more room for young ones is only more memory.
const YOUNG_MEGABYTES = 2

/** An empty report made by the recipe. Throws ProxyError `usage_wrong` for a zone that does not exist. */
export function createReportFrom({ by, filters, zone, prices }: ReportRecipe): ReportFold {
  const priceOf = prices && createPriceLookup(prices.models, prices.providers)
  return createReport({ by, filters, zone: resolveZone(zone), priceOf })
}

/** A second reader for `fold`, which was made by this recipe; `undefined` on a machine with one core. */
export function createSecondReader(
  recipe: ReportRecipe,
  fold: Pick<ReportFold, 'addPart'>,
  cores = availableParallelism(),
): SecondReader | undefined {
  if (cores < 2) return undefined
  const prices = recipe.prices && pricedOnly(recipe.prices)
  return {
    async read(part) {
      const answer = await readBeside({ recipe: { ...recipe, prices }, part })
      return answer && { counts: answer.counts, add: () => fold.addPart(answer.report) }
    },
  }
}

/** A config holds more than prices, keys among it. */
function pricedOnly({ models, providers }: PricedConfig): PricedConfig {
  return {
    models: new Map(
      Array.from(models, ([name, { upstreamName, price, provider }]) => [
        name,
        { upstreamName, price, ...(provider !== undefined && { provider }) },
      ]),
    ),
    providers: new Map(Array.from(providers, ([name, { baseUrl }]) => [name, { baseUrl }])),
  }
}

function readBeside(order: SecondOrder): Promise<SecondAnswer | undefined> {
  // Loaded where it is used, since nearly every log is small; and at once, since whoever reads the first
  // half meanwhile lets nothing else happen.
  const { Worker } = process.getBuiltinModule('node:worker_threads')
  return new Promise((resolve) => {
    // Whatever goes wrong there, the first thread can read that half as well.
    const giveUp = (): void => resolve(undefined)
    try {
      const worker = new Worker(secondWorkerFile(), {
        workerData: order,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
      })
      worker.once('message', resolve)
      worker.once('error', giveUp)
      worker.once('exit', giveUp)
    } catch {
      giveUp()
    }
  })
}
