/**
 * The program on a real pseudo-terminal: `script` of util-linux, which every Debian has, holds the other
 * end. What comes out is drawn on a screen of our own, which knows what we may write and nothing more: an
 * escape sequence it has not been told of is an error.
 */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { displayWidth } from '../../src/cli/table.ts'
import { nothing, projectRoot, within } from './owner.ts'
import type { CliOptions } from './proxy.ts'

const PROGRAM = fileURLToPath(new URL('bin/aiproxy.js', projectRoot))

// Only reached where something hangs.
const PATIENCE_MS = 30_000

/** Why there can be no terminal here, or `false`: for the `skip` of a test. */
export function whyNoTerminal(): string | false {
  const { error, stdout } = spawnSync('script', ['--version'], { encoding: 'utf8' })
  const isOurs = error === undefined && stdout.includes('util-linux')
  return isOurs ? false : 'no `script` of util-linux here'
}

export interface TerminalOptions extends CliOptions {
  readonly columns: number
}

export interface TerminalRun {
  /** Everything so far, stdout and stderr as they came. */
  output(): string
  /** Resolves once the output, without its colours, matches. */
  shows(pattern: RegExp): Promise<RegExpExecArray>
  /** Keys: `\u0003` is ^C. */
  type(keys: string): void
  readonly exited: Promise<number | null>
  /** Ends it whatever it does. */
  kill(): void
}

/** Starts one command on a terminal of so many columns. */
export function startOnTerminal(args: readonly string[], options: TerminalOptions): TerminalRun {
  const words = [process.execPath, PROGRAM, ...args].map(
    (word) => `'${word.replaceAll("'", `'\\''`)}'`,
  )
  const command = `stty cols ${options.columns} rows 50; exec ${words.join(' ')}`
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: options.cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: options.home,
      SHELL: '/bin/sh',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let gone = false
  const waiting = new Set<() => void>()
  const wakeAll = (): void => {
    for (const wake of waiting) wake()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    wakeAll()
  })
  child.stdin.on('error', nothing)
  const exited = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      gone = true
      wakeAll()
      resolve(code)
    })
  })
  exited.catch(nothing)
  return {
    output: () => output,
    async shows(pattern) {
      let wake = nothing
      const arrival = new Promise<RegExpExecArray>((resolve, reject) => {
        wake = () => {
          const found = pattern.exec(withoutColors(output))
          if (found !== null) resolve(found)
          else if (gone) reject(new Error(`it ended before ${pattern}: ${output}`))
        }
      })
      waiting.add(wake)
      wake()
      try {
        return await within(arrival, `${pattern} on the terminal`, PATIENCE_MS)
      } catch (error) {
        throw new Error(`${String(error)}: ${output}`, { cause: error })
      } finally {
        waiting.delete(wake)
      }
    },
    type: (keys) => {
      child.stdin.write(keys)
    },
    exited,
    kill: () => {
      if (!gone) child.kill('SIGKILL')
    },
  }
}

export interface Screen {
  /** What stands there in the end, without colours, without trailing spaces. */
  readonly lines: readonly string[]
  /** The most columns that any line took at any moment, one that was erased later included. */
  readonly widest: number
  readonly isColored: boolean
  readonly isCursorShown: boolean
}

// Select Graphic Rendition, Erase in Line to the right, and cursor visibility: ECMA-48, DECTCEM.
// oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
const SEQUENCE = /^\u001b\[(?:[\d;]*m|K|\?25[hl])/

/** Draws the output. Throws for an escape sequence or a control character nobody should write. */
export function drawScreen(output: string): Screen {
  const lines: string[][] = [[]]
  let column = 0
  let widest = 0
  let isColored = false
  let isCursorShown = true
  let rest = output
  while (rest !== '') {
    const line = lines.at(-1) ?? []
    const [char = ''] = rest
    if (char === '\u001b') {
      const [sequence] = SEQUENCE.exec(rest) ?? []
      if (sequence === undefined)
        throw new Error(`unknown sequence ${JSON.stringify(rest.slice(0, 12))}`)
      if (sequence.endsWith('m')) isColored = true
      if (sequence.endsWith('K')) line.length = Math.min(line.length, column)
      if (sequence.endsWith('h')) isCursorShown = true
      if (sequence.endsWith('l')) isCursorShown = false
      rest = rest.slice(sequence.length)
      continue
    }
    rest = rest.slice(char.length)
    if (char === '\n') {
      lines.push([])
      column = 0
    } else if (char === '\r') {
      column = 0
    } else if (/\p{Cc}/u.test(char)) {
      throw new Error(`a raw control character ${JSON.stringify(char)}`)
    } else {
      const width = displayWidth(char)
      // A wide character takes two places; a mark joins the one before it.
      if (width === 0) line[column - 1] = (line[column - 1] ?? '') + char
      for (let place = 0; place < width; place++) line[column + place] = place === 0 ? char : ''
      column += width
      widest = Math.max(widest, column)
    }
  }
  const drawn = lines.map((line) =>
    Array.from(line, (char) => char ?? ' ')
      .join('')
      .trimEnd(),
  )
  return { lines: drawn, widest, isColored, isCursorShown }
}

/** The output without colours; everything else is left as it is. */
export function withoutColors(output: string): string {
  // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
  return output.replaceAll(/\u001b\[[\d;]*m/g, '')
}
