/**
 * The topics of `aiproxy help`: two columns that wrap on a narrow terminal. A file of its own because it
 * loads cli-table3, which nothing else needs: every other table keeps one row on one line (table.ts).
 */
import Table from 'cli-table3'
import type { FaultClass } from '../config/config.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { wrapWords } from './fit.ts'
import { displayWidth } from './table.ts'

const INDENT = 2
const GAP = 2
// Where the output is no terminal: the width people format for.
const DEFAULT_COLUMNS = 80
// Below this, wrapping helps nobody.
const LEAST_COLUMNS = 40
// Beyond this, lines are hard to read.
const MOST_COLUMNS = 100

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

type Pairs = ReadonlyArray<readonly [string, string]>

/** Paragraphs and lists, in order. */
type Page = ReadonlyArray<string | Pairs>

const CONFIG: Page = [
  'Config file',
  'The first of these is taken; serve and users say which.',
  [
    ['--config <file>', 'or -c; "none" is no file at all'],
    ['$AIPROXY_CONFIG', 'the same'],
    ['./aiproxy.yaml', 'or aiproxy.yml, aiproxy.json, rbac.json, in this directory'],
    ['~/.config/aiproxy/config.yaml', 'or below $XDG_CONFIG_HOME'],
  ],
  'YAML or JSON:',
  `  models:
    gpt-5: { provider: openai }
    claude-sonnet-4-20250514: { provider: anthropic }
    local: { provider: ollama, model: "qwen3:8b" }
  providers:                    # openai and anthropic are built in
    ollama: { dialect: openai, base_url: "http://127.0.0.1:11434/v1" }
  users:
    user-a:
      models:
        - { name: gpt-5, failover: claude-sonnet-4-20250514 }
        - local
      limits: { requests: 60/minute, tokens: 200k/day, cost: 5 USD/day }`,
  'Keys come from the environment: api_key: "${OPENAI_API_KEY}".',
  [
    ['aiproxy users add me -m gpt-5', 'makes the file, or adds to it'],
    ['aiproxy serve --check', 'says what is wrong, by line and column'],
  ],
  'A running serve takes a good edit at once, and keeps the old config at a bad one.',
]

const ENVIRONMENT: Page = [
  'Environment',
  [
    ['OPENAI_API_KEY', 'key of the provider openai'],
    [
      'ANTHROPIC_API_KEY',
      'key of the provider anthropic; without any key and config file the answers are made up, and marked so',
    ],
    ['OPENAI_BASE_URL', 'where openai is, if not at home'],
    ['ANTHROPIC_BASE_URL', 'where anthropic is, if not at home'],
    ['AIPROXY_CONFIG', 'config file, like --config; "none" is no file'],
    ['AIPROXY_USER', 'who ask asks as, like --user'],
    ['AIPROXY_LOG', 'how much is said: quiet (-q), info, debug (-v), trace (-vv)'],
    ['NO_COLOR', 'set to anything: no colour'],
    [
      'FORCE_COLOR',
      '1, 2, 3: colour even into a pipe; 0: none. NO_COLOR is stronger, --color the strongest',
    ],
    ['TERM, COLORTERM', 'what the terminal can show; TERM=dumb is no colour'],
    ['XDG_CONFIG_HOME', 'where aiproxy/config.yaml is; default ~/.config'],
    ['XDG_STATE_HOME', 'where aiproxy/usage.jsonl is; default ~/.local/state'],
    ['HOME', 'what ~ stands for'],
    ['TZ', 'the time zone of usage, like --tz'],
  ],
  'A ./.env file is read when there is one and never overrides a variable that is already set. Order: flag, environment, .env, config file, default. A config file may name any variable as ${NAME} or ${NAME:-default}.',
]

const EXIT_CODE_PAGE: Page = [
  'Exit codes',
  EXIT_CODES.map(([code, meaning]): [string, string] => [String(code), meaning]),
  'With --json the error on stderr is one JSON object with the same exitCode.',
]

// A new class fails to compile until it is told of.
const FAULTS: Record<FaultClass, string> = {
  transport: 'not reached: DNS, refused, reset, TLS',
  timeout: 'no connection, no answer, silence before content',
  rate: '429; it rests for as long as it asks to',
  overload: '503, 529, or said so before content',
  server: 'another 5xx, or a reply that cannot be read',
  credential: '401, 403 about our key, or no key; said loudly',
  billing: '402, no credit',
  model: '404, 410: it does not have the model',
  context: 'the prompt is too long for this model',
  request: '400, 413, 422: the request is wrong; never moved on, the caller is told',
}

const FAILOVER: Page = [
  'Failover',
  'A user may have backups for a model. They are tried in order when the model before them is unavailable:',
  Object.entries(FAULTS),
  [
    ['aiproxy users failover user-a gpt-5 claude-sonnet-4-20250514', ''],
    ['aiproxy ask -u user-a -m gpt-5 --explain', ''],
  ],
  'The first shows what a backup is set with, the second the path a request would take. Once an answer has begun no other model takes over; an answer that breaks off is an error. In the config, failover: { on: … } says at which of these to move on, any is all of them.',
]

const TIMES: Page = [
  'Times, for --since and --until of aiproxy usage',
  [
    ['now, today, yesterday', ''],
    ['this week, last month', 'week, month or year; also monday … sunday'],
    ['30s 15m 24h 7d 2w 3mo', 'so long ago; also 1h30m'],
    ['2026-11-01', 'a day; 20261101 is the same, 2026-11 a month'],
    ['2026-11-01T09:30', 'local time, or with Z or +01:00'],
    ['09:30', 'today'],
    ['@1764000000', 'seconds since 1970'],
  ],
  '--since is the first moment that counts. --until on a day, week or month covers the whole of it; any other is the first moment that does not count. Days are those of --tz, by default of this machine.',
  [
    ['aiproxy usage --since today', ''],
    ['aiproxy usage -S "last month" -U "last month" --by day', ''],
    ['aiproxy usage --since 24h --tz UTC', ''],
  ],
]

const PAGES: ReadonlyMap<string, Page> = new Map([
  ['config', CONFIG],
  ['environment', ENVIRONMENT],
  ['exit-codes', EXIT_CODE_PAGE],
  ['failover', FAILOVER],
  ['times', TIMES],
])

/** One of the topics, '' for a name that is none; `columns` is the terminal's width, `undefined` off one. */
export function renderTopicPage(name: string, columns: number = DEFAULT_COLUMNS): string {
  const page = PAGES.get(name) ?? []
  const blocks = page.map((block) =>
    typeof block === 'string' ? wrapText(block, columns) : renderPairs(block, columns),
  )
  return `${blocks.join('\n\n')}\n`
}

/** Words in lines of at most `columns`; what is set in by hand is left as it is. */
function wrapText(text: string, columns: number): string {
  if (text.startsWith(' ')) return text
  const width = Math.min(Math.max(LEAST_COLUMNS, columns), MOST_COLUMNS)
  return wrapWords(text, width).join('\n')
}

function renderPairs(rows: Pairs, columns: number): string {
  const name = INDENT + Math.max(...rows.map(([text]) => displayWidth(text))) + GAP
  if (rows.every(([, meaning]) => meaning === '')) {
    return rows.map(([left]) => `${' '.repeat(INDENT)}${left}`).join('\n')
  }
  const meaning = Math.min(Math.max(LEAST_COLUMNS, columns), MOST_COLUMNS) - name
  const table = new Table({
    chars: NO_FRAME,
    // Empty colour lists: cli-table3 paints heads and borders even into a pipe.
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: [name, meaning],
    wordWrap: true,
  })
  table.push(...rows.map(([left, right]) => [`${' '.repeat(INDENT)}${left}`, right]))
  const lines = table.toString().split('\n')
  return lines.map((line) => line.trimEnd()).join('\n')
}
