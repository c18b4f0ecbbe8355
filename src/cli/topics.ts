/**
 * The topics of `aiproxy help`: two columns that wrap on a narrow terminal. A file of its own because it
 * loads cli-table3, which nothing else needs: every other table keeps one row on one line (table.ts).
 */
import Table from 'cli-table3'
import { EXIT_CODES } from './exit-codes.ts'
import { displayWidth } from './table.ts'

const INDENT = 2
const GAP = 2
// Where the output is no terminal: the width people format for.
const DEFAULT_COLUMNS = 80
// Below this, wrapping helps nobody.
const LEAST_COLUMNS = 40

// No borders at all, whatever the defaults are.
const NO_FRAME = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((place) => [place, '']),
)

const VARIABLES: ReadonlyArray<readonly [string, string]> = [
  ['OPENAI_API_KEY, ANTHROPIC_API_KEY', 'the providers’ keys'],
  ['OPENAI_BASE_URL, ANTHROPIC_BASE_URL', 'where the providers are, if not at home'],
  ['AIPROXY_CONFIG', 'config file, like --config'],
  ['AIPROXY_USER', 'user of aiproxy ask, like --user'],
  ['AIPROXY_LOG', 'quiet, info, debug (-v), trace (-vv)'],
  ['NO_COLOR, FORCE_COLOR, TERM=dumb', 'colour; --color wins over them'],
  ['XDG_CONFIG_HOME, XDG_STATE_HOME', 'where config and usage log are'],
]

const VARIABLES_NOTE = `A ./.env file is read when there is one and never overrides a variable that is
already set. Order: flag, environment, .env, config file, default. A config file
may name any variable as \${NAME}.
`

/** `aiproxy help exit-codes`; `columns` is the terminal's width, `undefined` off one. */
export function renderExitCodes(columns: number | undefined): string {
  const rows = EXIT_CODES.map(([code, meaning]): [string, string] => [String(code), meaning])
  return `Exit codes\n\n${renderPairs(rows, columns)}`
}

/** `aiproxy help environment`. */
export function renderEnvironment(columns: number | undefined): string {
  return `Environment\n\n${renderPairs(VARIABLES, columns)}\n${VARIABLES_NOTE}`
}

function renderPairs(
  rows: ReadonlyArray<readonly [string, string]>,
  columns: number = DEFAULT_COLUMNS,
): string {
  const name = INDENT + Math.max(...rows.map(([text]) => displayWidth(text))) + GAP
  const meaning = Math.max(LEAST_COLUMNS, columns) - name
  const table = new Table({
    chars: NO_FRAME,
    // Empty colour lists: cli-table3 paints heads and borders even into a pipe.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: [name, meaning],
    wordWrap: true,
  })
  table.push(...rows.map(([left, right]) => [`${' '.repeat(INDENT)}${left}`, right]))
  const lines = table.toString().split('\n')
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
