/** A config that people have written much into, and what of it must outlive any edit. */

/**
 * Every comment says whose it is: `@ann` goes with ann, `@ann/gpt-5` with ann's grant of gpt-5, `@ann+` with
 * all that ann has of a kind; one without @ is nobody's, and stays whatever happens.
 */
export const COMMENTED = `# 1 the head of the file
listen: 127.0.0.1:4242   # 2 the usual

models:
  # 3 above the first model
  gpt-5: { provider: openai }          # 4 the usual one
  gpt-5-mini: {provider: openai}
  # 5 between
  claude-sonnet-4-20250514:
    provider: anthropic   # 6 deep
  "4.10": { provider: openai }
  local: { provider: openai, model: "qwen3:8b" } # 7

# 8 on the users

users:
  # 9 above the first user

  ann:   # 10 @ann
    models:   # 11 @ann
      # 12 @ann above the first grant
      - { name: gpt-5, failover: claude-sonnet-4-20250514 }   # 13 @ann/gpt-5
      # 14 @ann/local above
      - local   # 15 @ann/local
      # 16 @ann at the end
    # 17 @ann+any limit
    limits:
      tokens: 200k/day   # 18 @ann+tokens
      # 19 @ann+requests
      requests: [60/minute, 1k/day]  # 20 @ann+requests

  # 21 @bob above
  # 22 @bob above, too
  bob: { models: [ gpt-5, local, ] }   # 23 @bob

  'c@example.org':
    # 24 @c@example.org
    models:
    - name: gpt-5-mini   # 25 @c@example.org/gpt-5-mini
      failover:          # 26 @c@example.org/gpt-5-mini
      - local
      - gpt-5
    - "4.10"             # 27 @c@example.org/4.10
    keys: ["sha256:${'0'.repeat(64)}:k3Qd"]   # 28 @c@example.org+keys

    # 29 @c@example.org deeper than its key
  # 30 the end of the users
failover: { on: unavailable }   # 31
# 32 the end
`

/** The numbered comments, in order. */
export function commentsOf(text: string): string[] {
  return [...text.matchAll(/# \d+[^\r\n]*/g)].map(([comment]) => comment)
}

/** The lines of `text` that are not `user`'s own: those are from its key to the next user. */
export function linesOfOthers(text: string, user: string): string[] {
  const lines = text.split('\n')
  const start = lines.findIndex(
    (line) =>
      line.startsWith(`  ${user}:`) ||
      line.startsWith(`  '${user}':`) ||
      line.startsWith(`  "${user}":`),
  )
  if (start < 0) return lines
  let end = start + 1
  while (end < lines.length && !/^(?:\S| {2}['"]?[\w@.]+['"]?:)/.test(lines[end] ?? '')) end += 1
  return [...lines.slice(0, start), ...lines.slice(end)]
}

/** True where `part` stands in `whole`, in its order. */
export function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0
  for (const one of whole) if (one === part[at]) at += 1
  return at === part.length
}
