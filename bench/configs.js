/** The config files of the programs: the same users, models and failovers for each that has such a thing. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who asks. The last of the users in every file, where the number of users matters. */
export const USER = 'bench'

// Whoever calls openai-gone or openai-refused is answered by openai-unary.
const BACKUP = 'openai-unary'
const FIRST_TARGETS = ['gone', 'refused']
const KINDS = ['unary', 'sse', 'fast', 'slow']

/** The name under which a model of this dialect is called that answers in this kind. */
export function modelOf({ target, kind }) {
  return `${target}-${kind}`
}

/** Writes aiproxy's config: one provider per kind of answer, `users` users who may call all of it. */
export function writeAiproxyConfig(directory, upstreamPort, users) {
  const path = join(directory, `aiproxy-${users}.yaml`)
  const openai = [...KINDS, ...FIRST_TARGETS].map((kind) => ({ target: 'openai', kind }))
  const anthropic = KINDS.map((kind) => ({ target: 'anthropic', kind }))
  const models = [...openai, ...anthropic]
  const granted = models
    .map(({ target, kind }) =>
      FIRST_TARGETS.includes(kind)
        ? `{ name: ${modelOf({ target, kind })}, failover: ${BACKUP} }`
        : modelOf({ target, kind }),
    )
    .join(', ')
  const provider = ({ target, kind }) =>
    `  ${modelOf({ target, kind })}: { dialect: ${target}, base_url: "http://127.0.0.1:${upstreamPort}/${kind}${target === 'openai' ? '/v1' : ''}", api_key: "\${BENCH_KEY}" }`
  writeFileSync(
    path,
    `log: ${join(directory, `usage-${users}.jsonl`)}
providers:
${models.map(provider).join('\n')}
models:
${models.map((model) => `  ${modelOf(model)}: { provider: ${modelOf(model)} }`).join('\n')}
users:
${userNames(users)
  .map(
    (name) =>
      `  ${name}: { models: [${granted}], limits: { requests: 1000000000/minute, tokens: 1000000000000/day } }`,
  )
  .join('\n')}
`,
  )
  return path
}

/** Writes the rbac.json of the seed's program with the same models, as far as it has them. */
export function writeRbac(path, users) {
  const backedUp = (kind) => ({ name: modelOf({ target: 'openai', kind }), failover: BACKUP })
  const models = [
    { name: BACKUP },
    { name: 'anthropic-unary' },
    ...FIRST_TARGETS.map((kind) => backedUp(kind)),
  ]
  writeFileSync(
    path,
    JSON.stringify(
      {
        users: Object.fromEntries(userNames(users).map((name) => [name, { models }])),
        models: {
          'openai-unary': { provider: 'openai', location: '/openai' },
          'openai-gone': { provider: 'openai', location: '/gone' },
          'openai-refused': { provider: 'openai', location: '/refused' },
          'anthropic-unary': { provider: 'anthropic', location: '/anthropic' },
        },
      },
      null,
      4,
    ),
  )
}

function userNames(count) {
  return [...Array.from({ length: count - 1 }, (_, index) => `user-${index + 1}`), USER]
}
