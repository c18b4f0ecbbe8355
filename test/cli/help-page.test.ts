/** `--help` of `ask`, of `users` and of each of its commands: pages that fit, and that tell no lies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { ASK_PAGE } from '../../src/cli/ask-help.ts'
import { renderHelpPage } from '../../src/cli/help-page.ts'
import { displayWidth } from '../../src/cli/table.ts'
import { USERS_PAGES } from '../../src/cli/users-help.ts'
import { run } from './fake-world.ts'

const SHARED = ['-c', '--config', '--json', '-q', '-h', '--help']
const PAGES = [
  { words: ['ask'], page: ASK_PAGE },
  ...[...USERS_PAGES].map(([name, page]) => ({
    words: name === '' ? ['users'] : ['users', name],
    page,
  })),
]

/** Flags at the beginning of the lines under `Options`. */
function flagsOf(help: string): string[] {
  const [, options = ''] = /\nOptions\n((?: .*\n)+)/.exec(help) ?? []
  return [...options.matchAll(/^ {2}(?:(-\w), )? *(--[\w-]+)/gm)].flatMap(([, short, long]) =>
    [short, long].filter((flag) => flag !== undefined),
  )
}

for (const { words, page } of PAGES) {
  const name = words.join(' ')

  test(`${name} --help is a page: what for, examples, usage; at most 80 columns`, async () => {
    for (const columns of [undefined, 60, 80, 200]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const { code, stdout, stderr } = await run(
        [...words, '--help'],
        columns === undefined ? {} : { tty: { stdout: true }, columns },
      )
      assert.equal(code, 0, stderr)
      assert.equal(stderr, '')
      const places = [
        page.about.slice(0, 20),
        page.examples[0]?.[0] ?? '',
        '\nUsage\n',
        '\nOptions\n',
      ]
      const found = places.map((part) => stdout.indexOf(part))
      assert.ok(!found.includes(-1), stdout)
      assert.deepEqual(
        found,
        found.toSorted((a, b) => a - b),
      )
      assert.doesNotMatch(stdout, /\u00a0|default: \[\]/)
      // What is typed is not broken up, however narrow the terminal is.
      const typed = page.examples.map(([line]) => displayWidth(line) + 6)
      const most = Math.max(Math.min(80, columns ?? 80), columns === 60 ? Math.max(...typed) : 0)
      for (const line of stdout.split('\n')) assert.ok(displayWidth(line) <= most, line)
    }
  })

  test(`the examples of ${name} --help use flags that are there`, async () => {
    const { stdout } = await run([...words, '--help'])
    const own = [...flagsOf(stdout), ...SHARED]
    assert.ok(own.includes('--help'))
    for (const [line] of page.examples) {
      const [command = ''] = line.slice(line.indexOf('aiproxy')).split(/ [|>&]/)
      assert.ok(command.startsWith('aiproxy '), line)
      const [, called = '', sub = ''] = command.split(' ')
      const help = USERS_PAGES.has(sub) ? (await run([called, sub, '--help'])).stdout : stdout // oxlint-disable-line no-await-in-loop -- one after the other
      const bare = command.replace(/"[^"]*"|'[^']*'/g, '…')
      for (const [, flag = ''] of bare.matchAll(/ (--?[a-z][\w-]*)/g)) {
        assert.ok([...flagsOf(help), ...own].includes(flag), `${flag} of ${line}`)
      }
    }
  })
}

test('a long term has its description below it, and a command without arguments none of their titles', () => {
  const command = new Command('tool').option('--a-flag-with-a-very-long <name-of-it>', 'what it is')
  const page = renderHelpPage(command, { about: 'A tool.', examples: [] })
  assert.match(page, /\nOptions\n {6}--a-flag-with-a-very-long <name-of-it>\n +what it is\n/)
  assert.doesNotMatch(page, /Arguments|Commands/)
})
