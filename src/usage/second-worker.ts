/** The second thread of `second.ts`: reads its part of a log, tells what it held, and is over. */
import { parentPort, workerData } from 'node:worker_threads'
import { readPart } from './halves.ts'
import { createCounts, createLineReader } from './lines.ts'
import { createReportFrom } from './second.ts'
import type { SecondAnswer, SecondOrder } from './second.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- second.ts sends it, and nobody else
const { recipe, part } = workerData as SecondOrder
const fold = createReportFrom(recipe)
const counts = createCounts()
const reader = createLineReader(part.name, part.span, counts, fold, part.to - part.from)
readPart(part, reader)
reader.end()
const answer: SecondAnswer = { counts, report: fold.part() }
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(answer)
