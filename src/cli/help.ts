/**
 * The pages that are not one command's own help: the short help, `--help`, and the topics of
 * `aiproxy help`. Plain text; every line fits 80 columns.
 */
import { renderExitCodes } from './exit-codes.ts'

const EXAMPLES = `  aiproxy serve                            run the proxy at 127.0.0.1:4242
  aiproxy ask -u user-a -m gpt-5 "Hello"   one prompt, by the same path
  git diff | aiproxy ask "Review this"     what comes in goes before the prompt
  aiproxy users                            who may use which model
  aiproxy usage --since today              what it cost
`

/** What \`aiproxy\` alone prints: examples first. */
export const SHORT_HELP = `One local endpoint and one command line for every LLM you may use.

${EXAMPLES}
Every command has --help. More: aiproxy --help, aiproxy help environment,
aiproxy help exit-codes
`

/** What `aiproxy --help` prints. */
export const FULL_HELP = `One local endpoint and one command line for every LLM you may use.

${EXAMPLES}
Commands
  serve                      run the proxy; live request lines
  ask [prompt…]              one prompt to one model, the answer on stdout
  users                      list, show, add, allow, deny, limit; keys
  usage                      tables of requests, tokens and cost from the log
  help [command|topic]       topics: environment, exit-codes

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

const ENVIRONMENT = `Environment

  OPENAI_API_KEY, ANTHROPIC_API_KEY     the providers' keys
  OPENAI_BASE_URL, ANTHROPIC_BASE_URL   where the providers are, if not at home
  AIPROXY_CONFIG                        config file, like --config
  AIPROXY_USER                          user of aiproxy ask, like --user
  AIPROXY_LOG                           quiet, info, debug (-v), trace (-vv)
  NO_COLOR, FORCE_COLOR, TERM=dumb      colour; --color wins over them
  XDG_CONFIG_HOME, XDG_STATE_HOME       where config and usage log are

A ./.env file is read when there is one and never overrides a variable that is
already set. Order: flag, environment, .env, config file, default. A config file
may name any variable as \${NAME}.
`

/** The text of one topic of `aiproxy help`, or `undefined` where it is none. */
export function renderTopic(name: string): string | undefined {
  switch (name) {
    case 'exit-codes':
      return renderExitCodes()
    case 'environment':
      return ENVIRONMENT
    default:
      return undefined
  }
}

export const TOPICS: readonly string[] = ['environment', 'exit-codes']
