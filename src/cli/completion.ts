/** `aiproxy completion bash|zsh|fish`: the script for a shell, on stdout. */
import { Argument, Command } from 'commander'
import { COMPLETION_SCRIPTS } from './completion-scripts.ts'
import type { ProgramIo } from './io.ts'
import { jsonLine } from './words.ts'

const SHELLS = [...COMPLETION_SCRIPTS.keys()]

const EXAMPLES = `
Examples
  eval "$(aiproxy completion bash)"     try it in this shell
  source <(aiproxy completion zsh)      after compinit
  aiproxy completion fish | source

To keep it (the same line stands at the top of each script)
${[...COMPLETION_SCRIPTS.values()].map(({ install }) => `  ${install.join(' &&\n    ')}`).join('\n')}
`

/** The `completion` command. */
export function createCompletionCommand(io: ProgramIo): Command {
  return new Command('completion')
    .summary('a script that completes commands, flags, users and models')
    .description('Prints a script that completes commands, flags, users and models.')
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell: string) => {
      const script = COMPLETION_SCRIPTS.get(shell)?.text ?? ''
      io.stdout.write(
        io.flags.json === true
          ? `${jsonLine({ schema: 'aiproxy.completion/1', shell, script })}\n`
          : script,
      )
    })
}
