/** What `aiproxy ask --help` says beside the list of options. */
import type { HelpPage } from './help-page.ts'

const EXAMPLES: HelpPage['examples'] = [
  ['aiproxy ask --user user-a --model gpt-5 "Hello"'],
  ['git diff | aiproxy ask "Review this"', 'what comes in goes first'],
  ['aiproxy ask -f notes.md -f photo.png "Compare"', 'in this order'],
  ['aiproxy ask -x "A shell script that …" > run.sh', 'the script alone'],
  [`aiproxy ask -o seed=7 -o 'stop=["END"]' "Count"`, 'any field of the request'],
  ['aiproxy ask --explain -f photo.png "Describe it"', 'where it would go, and how'],
]

export const ASK_PAGE: HelpPage = {
  about:
    'Sends one prompt to one model, by the very path of a proxied request: access, limits, failover, usage log. The answer streams to stdout, everything about it goes to stderr.',
  examples: EXAMPLES,
  sections: [
    [
      'Prompt',
      'What is piped in, then the files in their order, then the words, with blank lines between. Text files stand under their names; PNG, JPEG, GIF, WebP and PDF are attached. What a file is, is told by what is in it. "-f -" is stdin as a file, for pictures. A prompt that begins with a dash: aiproxy\u00a0ask\u00a0--\u00a0"-5\u00a0dogs".',
    ],
    [
      'Request fields',
      '-o takes JSON, and text where it is none: -o\u00a0seed=7, -o\u00a0user=me, -o\u00a0\'response_format={"type":"json_object"}\'. They are fields of Chat Completions; what the model that answers does not know is left out and said, or refused. --explain tells which.',
    ],
    [
      'Output',
      '--json is one document, --jsonl an object for each piece as it comes and that document last. -x prints the block line by line as it comes; without a block nothing goes to stdout, the answer is shown on stderr, and the exit code is 1.',
    ],
    [
      'Exit codes',
      '0 answered; 1 no block for -x; 2 misuse; 4 not allowed, over a limit, no key; 5 no target answered, or the answer was cut; 130 after ^C: the provider is told to stop, and what was used is logged.',
    ],
  ],
}

/** Shown where nothing was asked. */
export const ASK_SHORT_HELP = `Usage: aiproxy ask [options] [prompt…]

Examples
${EXAMPLES.map(([line]) => `  ${line}\n`).join('')}
All options: aiproxy ask --help
`
