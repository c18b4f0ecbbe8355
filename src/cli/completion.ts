/** `aiproxy completion bash|zsh|fish`: the script for a shell, on stdout. */
import { Argument, Command } from 'commander'
import { COMPLETION_SCRIPTS } from './completion-scripts.ts'
import { setHelpPage } from './help-page.ts'
import type { HelpPage } from './help-page.ts'
import type { ProgramIo } from './io.ts'
import { jsonLine } from './words.ts'

const SHELLS = [...COMPLETION_SCRIPTS.keys()]

const PAGE: HelpPage = {
  about: 'Prints a script that completes commands, flags, users and models.',
  examples: [
    ['eval "$(aiproxy completion bash)"', 'in this shell, to try it'],
    ['source <(aiproxy completion zsh)', 'the same, after compinit'],
    ['aiproxy completion fish | source', 'the same'],
    ...[...COMPLETION_SCRIPTS].flatMap(([shell, { install }]): HelpPage['examples'] => [
      [`# ${shell}, to keep it`],
      ...install.map((line): [string] => [line]),
    ]),
  ],
}

/** The `completion` command. */
export function createCompletionCommand(io: ProgramIo): Command {
  const command = new Command('completion')
    .summary('a script that completes commands, flags, users and models')
    .description('Prints a script that completes commands, flags, users and models.')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .action((shell: string) => {
      const script = COMPLETION_SCRIPTS.get(shell)?.text ?? ''
      io.stdout.write(
        io.flags.json === true
          ? `${jsonLine({ schema: 'aiproxy.completion/1', shell, script })}\n`
          : script,
      )
    })
  setHelpPage(command, io.stdout, PAGE)
  return command
}
