/** What an edit would change, as a unified diff. Pure. */
import type { ChalkInstance } from 'chalk'
import { cleanForTerminal } from './clean.ts'

const CONTEXT_LINES = 3
// Above this a table of common lines would be larger than the change is worth.
const MAX_TABLE_CELLS = 1_000_000

interface Line {
  readonly sign: ' ' | '-' | '+'
  readonly text: string
}

export interface DiffOptions {
  /** `before` is `undefined` where there is no file yet. */
  readonly names: { readonly before: string | undefined; readonly after: string }
  readonly paint: ChalkInstance
  /** Control characters of the file are shown, not obeyed; off a terminal it is what `patch` takes. */
  readonly isTerminal?: boolean
}

/** Unified diff of two texts, its last line end included; '' where they are the same. */
export function renderDiff(
  before: string,
  after: string,
  { names, paint, isTerminal = false }: DiffOptions,
): string {
  if (before === after) return ''
  const lines = compare(splitLines(before), splitLines(after))
  const rendered = [
    paint.bold(`--- ${names.before ?? '/dev/null'}`),
    paint.bold(`+++ ${names.after}`),
  ]
  for (const [from, to] of findHunks(lines)) {
    const oldStart = lines.slice(0, from).filter(({ sign }) => sign !== '+').length
    const newStart = lines.slice(0, from).filter(({ sign }) => sign !== '-').length
    const hunk = lines.slice(from, to)
    const oldCount = hunk.filter(({ sign }) => sign !== '+').length
    const newCount = hunk.filter(({ sign }) => sign !== '-').length
    rendered.push(
      paint.cyan(`@@ -${rangeOf(oldStart, oldCount)} +${rangeOf(newStart, newCount)} @@`),
    )
    for (const { sign, text } of hunk) {
      const bare = text.replace(/\n$/, '')
      const line = sign + (isTerminal ? cleanForTerminal(bare.replace(/\r$/, '')) : bare)
      rendered.push(sign === ' ' ? line : (sign === '-' ? paint.red : paint.green)(line))
      if (bare === text) rendered.push(String.raw`\ No newline at end of file`)
    }
  }
  return `${rendered.join('\n')}\n`
}

/** Number of the first line that is not the same, counted from 1 in `after`. */
export function firstChangedLine(before: string, after: string): number {
  const old = splitLines(before)
  const changed = splitLines(after).findIndex((line, index) => line !== old[index])
  return changed < 0 ? splitLines(after).length : changed + 1
}

/** Lines with their line ends, which the last one may lack. */
function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function keep(text: string): Line {
  return { sign: ' ', text }
}

function out(text: string): Line {
  return { sign: '-', text }
}

function into(text: string): Line {
  return { sign: '+', text }
}

function compare(before: readonly string[], after: readonly string[]): Line[] {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head += 1
  let tail = 0
  const most = Math.min(before.length, after.length) - head
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail])
    tail += 1
  return [
    ...before.slice(0, head).map(keep),
    ...compareMiddle(
      before.slice(head, before.length - tail),
      after.slice(head, after.length - tail),
    ),
    ...before.slice(before.length - tail).map(keep),
  ]
}

/** By the longest common subsequence; what is between is out and in. */
function compareMiddle(before: readonly string[], after: readonly string[]): Line[] {
  if (before.length * after.length > MAX_TABLE_CELLS) {
    return [...before.map(out), ...after.map(into)]
  }
  const width = after.length + 1
  const common = new Uint32Array((before.length + 1) * width)
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] =
        before[i] === after[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0)
    }
  }
  const lines: Line[] = []
  let i = 0
  let j = 0
  while (i < before.length && j < after.length) {
    const [old = '', now = ''] = [before[i], after[j]]
    if (old === now) {
      lines.push({ sign: ' ', text: old })
      i += 1
      j += 1
    } else if ((common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)) {
      lines.push(out(old))
      i += 1
    } else {
      lines.push(into(now))
      j += 1
    }
  }
  return [...lines, ...before.slice(i).map(out), ...after.slice(j).map(into)]
}

/** From-to pairs of lines around each change, joined where their context meets. */
function findHunks(lines: readonly Line[]): Array<[from: number, to: number]> {
  const hunks: Array<[number, number]> = []
  for (const [index, { sign }] of lines.entries()) {
    if (sign === ' ') continue
    const from = Math.max(0, index - CONTEXT_LINES)
    const to = Math.min(lines.length, index + CONTEXT_LINES + 1)
    const last = hunks.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = to
    else hunks.push([from, to])
  }
  return hunks
}

function rangeOf(start: number, count: number): string {
  // Of an empty range the line before it is named.
  const first = count === 0 ? start : start + 1
  return count === 1 ? String(first) : `${first},${count}`
}
