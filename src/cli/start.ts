/**
 * The first file that runs. It answers what needs only a text, so that `--version` and `--help` cost
 * little more than Node itself, and leaves everything else to main.ts.
 */
import { FULL_HELP, SHORT_HELP } from './help.ts'
import { readVersion } from './version.ts'
import { createWorld } from './world.ts'

/** Runs the command line of this process and sets its exit code. Never throws. */
export async function start(): Promise<void> {
  const argv = process.argv.slice(2)
  const page = pageFor(argv)
  if (page === undefined) {
    const { main } = await import('./main.ts')
    await main(argv)
    return
  }
  createWorld().stdout.write(page)
}

/** What a command line of at most one word prints, the same as main() would; else `undefined`. */
export function pageFor(argv: readonly string[]): string | undefined {
  const [word, ...more] = argv
  if (more.length > 0) return undefined
  switch (word) {
    case undefined:
      return SHORT_HELP
    case '--help':
    case '-h':
    case 'help':
      return FULL_HELP
    case '--version':
    case '-V':
      return `${readVersion()}\n`
    default:
      return undefined
  }
}
