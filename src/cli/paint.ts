/**
 * The one place that knows colour (cli.md §1). chalk 5 does not read NO_COLOR, so the level is decided
 * here, per stream: flag > NO_COLOR > FORCE_COLOR > TERM=dumb > is it a terminal.
 * https://no-color.org, https://force-color.org
 */
import { Chalk } from 'chalk'
import type { ChalkInstance, ColorSupportLevel } from 'chalk'

export type ColorFlag = 'auto' | 'always' | 'never'

export interface PaintChoice {
  readonly flag: ColorFlag | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isTTY: boolean | undefined
}

/** 0 is no colour, 1 is 16, 2 is 256, 3 is 24 bit. */
export function chooseColorLevel({ flag, env, isTTY }: PaintChoice): ColorSupportLevel {
  const richest = richestLevel(env)
  if (flag === 'never') return 0
  if (flag === 'always') return richest
  // "When present and not an empty string", whatever its value.
  if ((env['NO_COLOR'] ?? '') !== '') return 0
  const forced = env['FORCE_COLOR']
  if (forced !== undefined && forced !== '') {
    switch (forced) {
      case '0':
      case 'false':
        return 0
      case '1':
        return 1
      case '2':
        return 2
      case '3':
        return 3
      default:
        return richest
    }
  }
  if (env['TERM'] === 'dumb') return 0
  return isTTY === true ? richest : 0
}

/** The colours for one stream. */
export function createPaint(choice: PaintChoice): ChalkInstance {
  return new Chalk({ level: chooseColorLevel(choice) })
}

function richestLevel(env: PaintChoice['env']): ColorSupportLevel {
  if (/truecolor|24bit/i.test(env['COLORTERM'] ?? '')) return 3
  return /256/.test(env['TERM'] ?? '') ? 2 : 1
}

/** Wraps text that has no colour of its own. */
export type Brush = (text: string) => string

/** One style of a paint, for where a call of chalk for every word would be felt. */
export function createBrush(style: ChalkInstance): Brush {
  const [open = '', close = ''] = style('\0').split('\0')
  return open === '' ? (text) => text : (text) => open + text + close
}
