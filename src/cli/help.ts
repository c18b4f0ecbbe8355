/**
 * The pages that are not one command's own help: the short help, `--help`, and the topics of
 * `aiproxy help`. Plain text; every line fits 80 columns.
 */
import type { GlobalFlags } from './io.ts'
import { jsonLine } from './words.ts'

const EXAMPLES = `  aiproxy serve                            run the proxy at 127.0.0.1:4242
  aiproxy ask -u user-a -m gpt-5 "Hello"   one prompt, by the same path
  git diff | aiproxy ask "Review this"     what comes in goes before the prompt
  aiproxy users                            who may use which model
  aiproxy usage --since today              what it cost
`

/** What \`aiproxy\` alone prints: examples first. */
export const SHORT_HELP = `One local endpoint and one command line for every LLM you may use.

${EXAMPLES}
Every command has --help. More: aiproxy --help, aiproxy help config,
aiproxy help environment, aiproxy help exit-codes
`

/** What `aiproxy --help` prints. */
export const FULL_HELP = `One local endpoint and one command line for every LLM you may use.

${EXAMPLES}
Commands
  serve                      run the proxy; live request lines
  ask [prompt…]              one prompt to one model, the answer on stdout
  users                      list, show, add, allow, deny, limit; keys
  usage                      tables of requests, tokens and cost from the log
  completion <shell>         tab completion for bash, zsh and fish
  help [command|topic]       the page of a command, or one of the topics

Topics
  config                     where the config file is, and what it may say
  environment                the variables that are read
  exit-codes                 what the exit code says
  failover                   when another model answers, and when not
  times                      what --since and --until understand

Everywhere
  -c, --config <file>        config file; "none" is no file
      --env-file <file>      variables from here in place of ./.env
      --no-env-file          read no .env file
      --json                 pure JSON on stdout, errors as JSON on stderr
  -q, --quiet                only what was asked for, and errors
  -v, --verbose              say more; -vv with stacks
      --color <when>         auto, always, never
  -h, --help                 help for the command before it
  -V, --version
`

export const TOPICS: readonly string[] = [
  'config',
  'environment',
  'exit-codes',
  'failover',
  'times',
]

/** The text of one topic of `aiproxy help`, or `undefined` where it is none. */
export async function renderTopic(
  name: string,
  columns: number | undefined,
): Promise<string | undefined> {
  if (!TOPICS.includes(name)) return undefined
  return (await import('./topics.ts')).renderTopicPage(name, columns)
}

/** A text as stdout gets it: with --json it is JSON, like everything else there. */
export function asAnswer(text: string, flags: GlobalFlags): string {
  return flags.json === true ? `${jsonLine({ schema: 'aiproxy.text/1', text })}\n` : text
}
