/** What `aiproxy users … --help` says beside the lists of arguments and options. */
import type { HelpPage } from './help-page.ts'

const WRITES =
  'The config file is edited in place: comments, order and mode stay, a file that would not load is never written, and a running `aiproxy serve` takes the change over by itself.'

/** By command; `''` is `aiproxy users` itself. */
export const USERS_PAGES: ReadonlyMap<string, HelpPage> = new Map<string, HelpPage>([
  [
    '',
    {
      about: 'Who may use which model, with which backups, limits and keys.',
      examples: [
        ['aiproxy users', 'the table'],
        ['aiproxy users show user-a', 'one user, and what is left'],
        ['aiproxy users can user-b gpt-5 && echo yes'],
        ['aiproxy users add me --model gpt-5', 'makes the file, too'],
        ["aiproxy users allow user-b 'claude-*' -n", 'shows the change only'],
        ['aiproxy users failover user-b gpt-5 claude-sonnet-4-20250514'],
        ['aiproxy users limit user-b tokens=200k/day cost=5USD/day'],
        ['aiproxy users key user-b > key.txt', 'the key, this once'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
  [
    'list',
    {
      about:
        'All users, one a row: models, key, backups, limits, and what was used since midnight.',
      examples: [['aiproxy users'], ["aiproxy users --json | jq '.users[].user'"]],
    },
  ],
  [
    'show',
    {
      about:
        "One user: keys by their ends, limits and what is left of them, today's use, and for each model the chain that is tried, with how ready each provider is.",
      examples: [
        ['aiproxy users show user-a'],
        ["aiproxy users show user-a --json | jq '.left'", 'what is left, for a script'],
      ],
      sections: [
        [
          'What is left',
          'Read from the usage log, as `aiproxy serve` does at its start. Minutes and hours slide; days and months are those of the calendar in UTC, while "today" began at local midnight. Requests under way are not in the log yet.',
        ],
      ],
    },
  ],
  [
    'can',
    {
      about: 'Whether this user may use this model: yes with the chain, or no. Exit code 0 or 4.',
      examples: [
        ['aiproxy users can user-b gpt-5'],
        ['aiproxy users can user-b gpt-5 -q && echo yes', 'for a script'],
      ],
    },
  ],
  [
    'add',
    {
      about:
        'A new user. Where there is no config file yet, ./aiproxy.yaml is made, or the file that -c names, for its owner alone.',
      examples: [
        ['aiproxy users add me --model gpt-5'],
        ['aiproxy users add me --failover gpt-5=claude-sonnet-4-20250514'],
        ["aiproxy users add bot -m 'claude-*' --limit cost=5USD/day --key > key.txt"],
        ['aiproxy users add me -m local --provider ollama', 'a model new to the file'],
      ],
      sections: [
        [
          'Models',
          'A pattern means every model that is known now. One that the file does not know is added to it: gpt-… and o… are answered by openai, claude-… by anthropic, any other by the --provider named.',
        ],
        ['Changes', WRITES],
      ],
    },
  ],
  [
    'allow',
    {
      about: 'Lets a user call more models.',
      examples: [
        ['aiproxy users allow user-b claude-sonnet-4-20250514'],
        ["aiproxy users allow user-b 'claude-*' --dry-run", 'every known one, shown only'],
        ['aiproxy users allow user-b qwen3:8b --provider ollama', 'a model new to the file'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
  [
    'deny',
    {
      about: 'Takes models away from a user. Where one is still reached as a backup, that is said.',
      examples: [
        ['aiproxy users deny user-b gpt-5'],
        ["aiproxy users deny user-b '*' --dry-run", 'all of them, shown only'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
  [
    'failover',
    {
      about:
        'Sets the backups of one of a user’s models, tried in this order when it is unavailable. Naming a model here lets the user reach it so.',
      examples: [
        ['aiproxy users failover user-b gpt-5 claude-sonnet-4-20250514,local'],
        ['aiproxy users failover user-b gpt-5 off', 'no backups any more'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
  [
    'limit',
    {
      about:
        'Sets a user’s limits; the kinds that are not named stay. Over one, a request is refused with 429 and the time to wait.',
      examples: [
        ['aiproxy users limit user-b requests=60/minute tokens=200k/day'],
        ['aiproxy users limit user-b cost=5USD/day,50USD/month', 'two windows'],
        ['aiproxy users limit user-b concurrency=4', 'at the same time'],
        ['aiproxy users limit user-b cost=off', 'this kind no more'],
        ['aiproxy users limit user-b off', 'no limits at all'],
      ],
      sections: [
        [
          'Limits',
          'requests, tokens (in and out together) and cost (US dollars, where a price is known), each per minute, hour, day or month; concurrency is a plain number.',
        ],
        ['Changes', WRITES],
      ],
    },
  ],
  [
    'key',
    {
      about:
        'Makes a key, or takes keys away. A new key stands alone on stdout, this once: the file keeps its digest. From the first key on the name alone is refused.',
      examples: [
        ['aiproxy users key user-b > key.txt'],
        ['aiproxy users key user-b --revoke', 'the only one'],
        ['aiproxy users key user-b --revoke k3Qd', 'the one that ends so'],
        ['aiproxy users key user-b --revoke --all'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
  [
    'remove',
    {
      about:
        'Takes a user out, with keys and limits. Asks first on a terminal; elsewhere it wants --yes.',
      examples: [
        ['aiproxy users remove user-b'],
        ['aiproxy users remove user-b --dry-run', 'shows the change only'],
        ['aiproxy users remove user-b --yes', 'for a script'],
      ],
      sections: [['Changes', WRITES]],
    },
  ],
])

/** The page of a command that has one. */
export function usersPage(name: string): HelpPage {
  return USERS_PAGES.get(name) ?? { about: '', examples: [] }
}
