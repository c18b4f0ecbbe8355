/** `aiproxy usage --help`: examples first; every line fits 80 columns. A test holds it against the flags. */
export const USAGE_HELP = `What was used, by whom, and what it cost: the usage log as a table for people,
or as JSON, CSV or Markdown. Reads the log that the config names, with the
rotated and compressed ones beside it.

  aiproxy usage --since today
  aiproxy usage --since "last month" --until "last month" --by day
  aiproxy usage -u user-a --by served --json | jq .totals.costUsd
  aiproxy usage --since 15m --follow
  aiproxy usage --log "logs/usage*.jsonl*" --by month,model --top 10
  aiproxy usage --reconcile completions_usage.csv

Usage
  aiproxy usage [options]

Which requests
  -S, --since <time>      from then on; default: the whole log
  -U, --until <time>      up to then; a day, week or month is covered whole
      --tz <zone>         IANA time zone, local or UTC; default: local
  -u, --user <name>       only this user
  -m, --model <id>        only this requested model
      --provider <name>   only this provider
      --outcome <name>    only ok, refused, failed, truncated or aborted
                          The four can be given again, and all but the last
                          take globs: -m "claude-*" -m gpt-5
      --log <path>        another log: a file, a glob in quotes, - for stdin;
                          can be given again, .gz is read as it is

Rows and columns
  -b, --by <list>         a row for each user, model, served, provider, outcome,
                          hour, day, week, month; default: user,model
      --sort <column>     by a column of the table or of CSV, largest first
                          default: by time where --by has one, else by cost
  -r, --reverse           the other way round
      --top <n>           only the first n rows; the total stays that of all
      --wide              all columns
      --exact             numbers in full: 433,314 for 433.3K
      --no-cost           leave costs away

Output
      --format <format>   table, json, jsonl, csv, tsv or md; default: table
      --json, --csv       short for --format json, --format csv
      --follow            go on as the log grows, until ^C (see below)
      --reconcile <file>  compare with a provider's export (see below)
      --strict            exit 1 where a line of the log cannot be read, or
                          --reconcile finds a difference

Everywhere
  -c, --config <file>     config file; "none" is no file
  -q, --quiet             only what was asked for, and errors
      --color <when>      auto, always, never
                          The others: aiproxy --help

Times, in upper or lower case
  now  today  yesterday   this week  last month  this year  last-week
  monday  last monday     the most recent one; the one before today
  30s 15m 24h 7d 2w 3mo   so long ago; also 1h30m
  2026-11-01  20261101    a day; 2026-11 is a month
  2026-11-01T09:30        with Z or +02:00, else in --tz; 09:30 is today's
  @1764000000             seconds since 1970
  Days are those of the calendar, of 23 or 25 hours where clocks change.

Columns
  REQS       all requests, refused and failed ones too
  INPUT      prompt tokens, CACHED and WRITTEN (to the cache) among them
  OUTPUT     completion tokens, REASONING among them
  COST       – is not known; ≥ is a minimum, since some of it is not known
  SHARE      of the cost; of the tokens where there is no cost
  TREND      requests over the window, each row by its own highest
  FAILED     ended without a whole answer, not by the caller's wish
  FAILOVERS  answered by another model than the one asked for
  P50, P95   half, and 95 of 100, took no longer
  A narrow terminal drops TREND first, then SHARE, CACHED, PROVIDER and so on.
  A pipe gets the same table at its full width, without TREND and SHARE.

With --follow
  On a terminal the table is redrawn in place; ^C leaves the last one and
  exits 0. Windows move on: "today" begins again at midnight. Elsewhere each
  change, at most one a second, is appended: table and md are printed again
  after a blank line, json is one document a line, and of jsonl, csv and tsv
  come the rows that changed. Rotation and truncation are followed.

With --reconcile
  Reads what the OpenAI and Anthropic dashboards export as CSV, usage or costs;
  give it again to put usage and costs side by side. Days are UTC days,
  whatever --tz says. DIFF is the provider's figure less ours. Rows that agree
  are only counted, without --wide. Costs agree within half a cent; Anthropic's,
  which are rounded to cents row by row, within half a cent a row. A model that
  goes by another name in the log has that behind it: gpt-5-2025-08-07 (gpt-5).
  Exit code 0, also with differences: see --strict.
`
