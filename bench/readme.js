/** The README's section that the bench writes: between two marks, and nothing else. */
import { readFileSync, writeFileSync } from 'node:fs'

const README = new URL('../README.md', import.meta.url)
const BEGIN = '<!-- bench -->'
const END = '<!-- /bench -->'

/** Replaces what stands between the marks. Throws where the README has no such marks. */
export function writeReadme(text) {
  const readme = readFileSync(README, 'utf8')
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} … ${END}`)
  const before = readme.slice(0, begin + BEGIN.length)
  writeFileSync(README, `${before}\n\n${text}\n\n${readme.slice(end)}`)
}
