/** Every kind of mistake, and the exact words for it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { loadConfigText } from '../../src/config/load.ts'

const DIGEST = 'a'.repeat(64)
const ENV = { BAD_URL: 'not a url', HOME_URL: 'http://127.0.0.1:4242/v1', NEWLINE_KEY: 'sk-a\nb' }

interface Mistake {
  readonly title: string
  readonly text: string
  /** Lines of the message, without the file name in front. */
  readonly says: readonly string[]
  readonly hint?: string
  readonly file?: string
}

const TWO_MODELS = 'models:\n  gpt-5: {provider: openai}\n  local: {provider: mock}\n'

const MISTAKES: readonly Mistake[] = [
  // Text that is no YAML
  { title: 'an empty file', text: '', says: ['1:1: the file is empty'] },
  { title: 'a file of comments', text: '# nothing\n', says: ['1:1: the file is empty'] },
  { title: 'a list', text: '- a\n', says: ['1:1: the file must be a map of settings, not a list'] },
  {
    title: 'a sentence',
    text: 'hello',
    says: ['1:1: the file must be a map of settings, not text'],
  },
  {
    title: 'a missing comma in JSON',
    file: 'rbac.json',
    text: '{\n  "users": {}\n  "models": {}\n}\n',
    says: ['3:3: a comma is missing before this'],
  },
  {
    title: 'a missing brace in JSON',
    file: 'rbac.json',
    text: '{\n  "users": {},\n  "models": {\n}\n',
    says: ['5:1: a { is not closed: } is missing; opened at line 1'],
  },
  {
    title: 'a missing bracket in JSON',
    file: 'rbac.json',
    text: '{"users": {"a": {"models": ["x"}}}\n',
    says: ['1:32: a [ is not closed: ] is missing; opened at line 1'],
  },
  {
    title: 'two lists that are not closed',
    text: 'log: [\nlisten: [\n',
    says: ['2:1: a [ is not closed: ] is missing; opened at line 1'],
  },
  {
    title: 'a missing quote in JSON',
    file: 'rbac.json',
    text: '{\n  "users: {}\n}\n',
    says: ['4:1: a " quote is not closed; opened at line 2'],
  },
  {
    title: 'a missing colon in JSON',
    file: 'rbac.json',
    text: '{\n  "users" {}\n}\n',
    says: ['2:11: a comma or colon is missing before this'],
  },
  {
    title: 'one brace too many in JSON',
    file: 'rbac.json',
    text: '{\n  "users": {}\n}\n}\n',
    says: ['4:1: unexpected "}"'],
  },
  {
    title: 'a comment as in C',
    file: 'rbac.json',
    text: '{\n  // mine\n  "users": {}\n}\n',
    says: ['2:3: unknown key "// mine \\"users\\""; comments start with #'],
  },
  {
    title: 'a backslash in a quoted value',
    text: 'log: "C:\\path"\n',
    says: ['1:9: \\p is no escape; a backslash is \\\\'],
  },
  {
    title: 'a tab as indent',
    text: 'users:\n\tuser-a: {}\n',
    says: ['2:1: a tab indents this line; YAML wants spaces'],
  },
  {
    title: 'a wrong indent',
    text: 'users:\n  user-a: {}\n user-b: {}\n',
    says: ['3:1: the indent differs from that of the lines it belongs to'],
  },
  {
    title: 'a forgotten colon',
    text: 'listen 127.0.0.1:4242\nlog: a\n',
    says: ['1:1: a ":" is missing, or the indent is wrong'],
  },
  {
    title: 'two colons in one value',
    text: 'log: a: b\n',
    says: ['1:6: a second ": " in one value, or a wrong indent below it; quote the value'],
  },
  {
    title: 'a value that begins with @',
    text: 'default_user: @me\n',
    says: ['1:15: a value with @ first needs quotes'],
  },
  {
    title: 'a reference without quotes inside braces',
    text: 'providers:\n  openai: { api_key: ${OPENAI_API_KEY} }\n',
    says: ['2:23: inside { } a reference needs quotes: "${NAME}"'],
  },
  {
    title: 'two documents',
    text: 'log: a\n---\nlog: b\n',
    says: ['2:1: a second document starts here; one file is one config'],
  },
  {
    title: 'a tag',
    text: 'log: !env HOME\n',
    says: ['1:6: the tag "!env" means nothing here; leave it out'],
  },
  {
    title: 'an alias without an anchor',
    text: 'log: *here\n',
    says: ['1:6: the alias *here repeats nothing: no such anchor'],
  },
  {
    title: 'an alias inside its own anchor',
    text: 'users: &u\n  a: *u\n',
    says: ['2:6: the alias *u stands inside what it repeats'],
  },
  {
    title: 'a list as a key',
    text: '? [a]\n: b\n',
    says: ['1:3: a key must be a plain name'],
  },
  {
    title: 'deep nesting, which would end the process in the parser',
    text: '['.repeat(20_000),
    says: ['1:34: nested more than 32 levels deep'],
  },
  {
    title: 'deep nesting in block style',
    text: '- '.repeat(5000),
    says: ['1:67: nested more than 32 levels deep'],
  },

  // Keys
  {
    title: 'an unknown key with a near one',
    text: 'modles: {}\n',
    says: ['1:1: unknown key "modles"; did you mean "models"?'],
  },
  {
    title: 'an unknown key with none near',
    text: 'models:\n  a: { provider: mock, zzzzzzzz: 1 }\n',
    says: [
      '2:24: unknown key "zzzzzzzz" in models.a; keys: provider, model, max_tokens, strict, price, rules, location',
    ],
  },
  {
    title: 'a key written twice',
    text: 'log: a\nmock: true\nlog: b\n',
    says: ['3:1: "log" stands twice; first at line 1'],
  },
  {
    title: 'a name written twice',
    text: 'models:\n  gpt-5: {provider: openai}\n  gpt-5: {provider: mock}\n',
    says: ['3:3: "gpt-5" stands twice in models; first at line 2'],
  },
  {
    title: 'a built-in provider written twice',
    text: 'providers:\n  openai: {}\n  openai: {}\n',
    says: ['3:3: "openai" stands twice in providers; first at line 2'],
  },
  {
    title: 'keys that are properties of every object',
    text: '__proto__: {}\nconstructor: {}\n',
    says: [
      '1:1: unknown key "__proto__"; keys: listen, log, audit, providers, models, users, default_user, failover, allowed_hosts, allowed_origins, body_limit, mock, …',
      '2:1: unknown key "constructor"; keys: listen, log, audit, providers, models, users, default_user, failover, allowed_hosts, allowed_origins, body_limit, mock, …',
    ],
  },

  // Wrong types
  {
    title: 'users as a list',
    text: 'users: [user-a]\n',
    says: ['1:8: users must be a map of users by name, not a list'],
  },
  {
    title: 'a user as text',
    text: 'users: {a: gpt-5}\n',
    says: ['1:12: users.a must be a map of models, limits, key, keys, not text'],
  },
  {
    title: 'models of a user as text',
    text: 'users: {a: {models: gpt-5}}\n',
    says: ['1:21: users.a.models must be a list of models, not text'],
  },
  {
    title: 'a list where text belongs',
    text: 'log: [a]\n',
    says: ['1:6: log must be a path, not a list'],
  },
  {
    title: 'a number where text belongs',
    text: 'log: 5\n',
    says: ['1:6: log must be a path, not a number: 5; put it in quotes'],
  },
  {
    title: 'nothing where text belongs',
    text: 'log:\n',
    says: ['1:5: log must be a path, not empty'],
  },
  {
    title: 'text where a number belongs',
    text: 'models:\n  a: { provider: mock, max_tokens: "4096" }\n',
    says: ['2:36: models.a.max_tokens must be a whole number, not text: "4096"'],
  },
  {
    title: 'text where true or false belongs',
    text: 'mock: yes\n',
    says: ['1:7: mock must be true or false, not text: "yes"'],
  },

  // Values
  {
    title: 'a listen without a port',
    text: 'listen: 127.0.0.1\n',
    says: ['1:9: listen: "127.0.0.1" has no port; write "127.0.0.1:4242"'],
  },
  {
    title: 'a port out of range',
    text: 'listen: 127.0.0.1:70000\n',
    says: ['1:9: listen: "127.0.0.1:70000": "70000" is not a port; ports go from 0 to 65535'],
  },
  {
    title: 'a host that is none',
    text: 'listen: "999.0.0.1:80"\n',
    says: ['1:9: listen: "999.0.0.1" is not a host name or address'],
  },
  {
    title: 'a duration without a unit',
    text: 'failover: { deadline: 600 }\n',
    says: ['1:23: failover.deadline: "600" has no unit; write 500ms, 5s, 10m or 1h'],
  },
  {
    title: 'a duration that is none',
    text: 'providers: { openai: { timeouts: { idle: soon } } }\n',
    says: [
      '1:42: providers.openai.timeouts.idle: "soon" is not a duration; write 500ms, 5s, 10m or 1h',
    ],
  },
  {
    title: 'a size that is none',
    text: 'body_limit: 64M\n',
    says: ['1:13: body_limit: "64M" is not a size; write 64MiB, 500kB or a number of bytes'],
  },
  {
    title: 'an empty log path',
    text: 'log: ""\n',
    says: ['1:6: log: is empty; write a path, or "-" for stdout'],
  },
  {
    title: 'an empty audit path',
    text: 'audit: " "\n',
    says: ['1:8: audit: is empty; write a path, or leave it out'],
  },
  {
    title: 'an audit on stdout',
    text: 'audit: "-"\n',
    says: ['1:8: audit: cannot be stdout; write a path'],
  },
  {
    title: 'an audit in the usage log',
    text: 'log: ./a.jsonl\naudit: a.jsonl\n',
    says: ['2:8: audit: "a.jsonl" is the usage log; write another path'],
  },
  {
    title: 'numbers that are none or out of range',
    text: 'models:\n  a: { provider: mock, max_tokens: 0 }\n  b: { provider: mock, max_tokens: 1.5 }\n  c: { provider: mock, price: { input: -1, output: .inf } }\n',
    says: [
      '2:36: models.a.max_tokens: 0 is out of range; it goes from 1 to 100000000',
      '3:36: models.b.max_tokens: "1.5" is not a whole number',
      '4:40: models.c.price.input: -1 is out of range; it goes from 0 to 1000000',
      '4:52: models.c.price.output: ".inf" is not a number',
    ],
  },
  {
    title: 'half a price',
    text: 'models:\n  a: { provider: mock, price: { input: 1 } }\n',
    says: ['2:31: models.a.price needs output'],
  },
  {
    title: 'limits that are none',
    text: 'users:\n  a:\n    limits: { requests: 60, tokens: 200k/dya, cost: [5/day, 1 EUR/day] }\n',
    says: [
      '3:25: users.a.limits.requests: "60" is not a limit; write 60/minute',
      '3:37: users.a.limits.tokens: "dya" is not a window; did you mean "day"?',
      '3:54: users.a.limits.cost[0]: "5" has no currency; write 5 USD/day',
      '3:61: users.a.limits.cost[1]: "1 EUR" is not an amount in USD; write 5 USD/day',
    ],
  },
  {
    title: 'limits that are none, of one model',
    text: 'users:\n  a:\n    models:\n      - { name: m, limits: { request: 5/day, concurrency: 0, tokens: 1k/dya } }\n    limits: { concurency: 2 }\nmodels: { m: { provider: mock } }\n',
    says: [
      '4:30: unknown key "request" in users.a.models[0].limits; did you mean "requests"?',
      '4:59: users.a.models[0].limits.concurrency: 0 is out of range; it goes from 1 to 100000',
      '4:70: users.a.models[0].limits.tokens: "dya" is not a window; did you mean "day"?',
      '5:15: unknown key "concurency" in users.a.limits; did you mean "concurrency"?',
    ],
  },
  {
    title: 'requests at once as a rate',
    text: 'users: { a: { limits: { concurrency: 5/minute } } }\n',
    says: ['1:38: users.a.limits.concurrency must be a whole number, not text: "5/minute"'],
  },
  {
    title: 'a limit over no window we know',
    text: 'users: { a: { limits: { requests: 5/second } } }\n',
    says: [
      '1:35: users.a.limits.requests: "second" is not a window; write minute, hour, day, month',
    ],
  },
  {
    title: 'a dialect nobody speaks',
    text: 'providers:\n  x: { dialect: opnai, base_url: "http://localhost:1/v1" }\n',
    says: [
      '2:17: providers.x.dialect: "opnai" is not one of openai or anthropic; did you mean "openai"?',
    ],
  },
  {
    title: 'a fault class that is none',
    text: 'failover: { on: [rate, timeuot] }\n',
    says: [
      '1:24: failover.on[1]: "timeuot" is not one of unavailable, any, transport, timeout, rate, overload, server, credential, billing, model, context or request; did you mean "timeout"?',
    ],
  },
  {
    title: 'a wildcard origin and a host with a port',
    text: 'allowed_origins: ["*"]\nallowed_hosts: ["x.org:80"]\n',
    says: [
      '1:19: allowed_origins[0]: "*" is not an origin; write https://host or https://host:port',
      '2:17: allowed_hosts[0]: "x.org:80" is not a host name; write it without scheme, port and path',
    ],
  },

  // Providers
  {
    title: 'a custom provider that says nothing',
    text: 'providers:\n  ollama: {}\n',
    says: [
      '2:11: providers.ollama needs a dialect: openai or anthropic',
      '2:11: providers.ollama needs a base_url, such as http://127.0.0.1:11434/v1',
    ],
  },
  {
    title: 'a base_url in the clear',
    text: 'providers:\n  openai: { base_url: "http://api.example.org/v1" }\n',
    says: [
      '2:23: providers.openai.base_url: "http://api.example.org/v1" would carry prompts and the key in the clear; write https://',
    ],
  },
  {
    title: 'a base_url of a metadata service',
    text: 'providers:\n  openai: { base_url: "http://169.254.169.254/v1" }\n',
    says: [
      '2:23: providers.openai.base_url: "http://169.254.169.254/v1" is a link-local or metadata address; no provider lives there',
    ],
  },
  {
    title: 'a base_url with a password, which is not repeated',
    text: 'providers:\n  openai: { base_url: "https://me:hunter2@example.org/v1" }\n',
    says: [
      '2:23: providers.openai.base_url: a user name or password does not belong in a base_url; use api_key',
    ],
  },
  {
    title: 'a base_url that is this very proxy',
    text: 'providers:\n  openai: { base_url: "http://localhost:4242/v1" }\n',
    says: [
      '2:23: providers.openai.base_url: "http://localhost:4242/v1" is this proxy\'s own address',
    ],
  },
  {
    title: 'a base_url that is this very proxy by a variable without a default',
    text: 'providers:\n  openai: { base_url: "${HOME_URL}" }\n',
    says: [
      '2:23: providers.openai.base_url: "http://127.0.0.1:4242/v1" is this proxy\'s own address',
    ],
  },
  {
    title: 'a bad value out of the environment',
    text: 'providers:\n  openai: { base_url: "${BAD_URL}" }\n',
    says: [
      '2:23: providers.openai.base_url: "not a url" is not a URL; write https://host/path (set by BAD_URL)',
    ],
  },
  {
    title: 'an unset variable outside api_key',
    text: 'listen: ${LISTEN}\n',
    says: [
      '1:9: listen needs the environment variable LISTEN, which is not set; set it, or write ${LISTEN:-default}',
    ],
  },
  {
    title: 'a reference as in a shell',
    text: 'log: ${LOG:?}\n',
    says: ['1:6: log: a reference is ${NAME} or ${NAME:-default}; write $${ for a literal ${'],
  },
  {
    title: 'a key reference without braces',
    text: 'providers: { openai: { api_key: $OPENAI_API_KEY } }\n',
    says: [
      '1:33: providers.openai.api_key: $OPENAI_API_KEY is not a reference; write "${OPENAI_API_KEY}"',
    ],
  },
  {
    title: 'a key with a line end in it, which is not shown',
    text: 'providers: { openai: { api_key: "${NEWLINE_KEY}" } }\n',
    says: [
      '1:33: providers.openai.api_key: the key from env NEWLINE_KEY holds a character that cannot stand in a header (the value is not shown)',
    ],
  },
  {
    title: 'a key that is a number, which is not shown',
    text: 'providers: { openai: { api_key: 123456 } }\n',
    says: ['1:33: providers.openai.api_key must be a reference such as "${OPENAI_API_KEY}"'],
  },

  // Names that name nothing
  {
    title: 'a model without a provider',
    text: 'models:\n  gpt-5: {}\n',
    says: ['2:10: models.gpt-5 needs provider'],
  },
  {
    title: 'a dangling provider',
    text: 'models:\n  gpt-5: { provider: opena1 }\n',
    says: ['2:22: models.gpt-5.provider: no provider is named "opena1"; did you mean "openai"?'],
  },
  {
    title: 'a dangling provider with none near',
    text: 'models:\n  gpt-5: { provider: somewhere }\n',
    says: [
      '2:22: models.gpt-5.provider: no provider is named "somewhere"; providers: openai, anthropic, mock',
    ],
  },
  {
    title: 'dangling models, as a name and as a failover',
    text: `${TWO_MODELS}users:\n  a:\n    models: [gpt5, { name: gpt-5, failover: [lokal, far-away] }]\n`,
    says: [
      '6:14: users.a.models[0]: no model is named "gpt5"; did you mean "gpt-5"?',
      '6:46: users.a.models[1].failover[0]: no model is named "lokal"; did you mean "local"?',
      '6:53: users.a.models[1].failover[1]: no model is named "far-away"; models: gpt-5, local',
    ],
  },
  {
    title: 'a dangling model where there are none',
    text: 'users: { a: { models: [gpt-5] } }\n',
    says: ['1:24: users.a.models[0]: no model is named "gpt-5"; there are no models'],
  },
  {
    title: 'a model that fails over to itself, and one tried twice',
    text: `${TWO_MODELS}users:\n  a:\n    models: [{ name: gpt-5, failover: [gpt-5, local, local] }]\n`,
    says: [
      '6:40: users.a.models[0].failover[0]: "gpt-5" fails over to itself; remove it',
      '6:54: users.a.models[0].failover[2]: "local" is tried twice; remove it',
    ],
  },
  {
    title: 'a model listed twice',
    text: `${TWO_MODELS}users:\n  a:\n    models: [gpt-5, gpt-5]\n`,
    says: ['6:21: users.a lists "gpt-5" twice'],
  },
  {
    title: 'a user model without a name',
    text: `${TWO_MODELS}users:\n  a:\n    models: [{ failover: local }]\n`,
    says: ['6:14: users.a.models[0] needs name'],
  },
  {
    title: 'a dangling default_user',
    text: 'default_user: user-b\nusers: { user-a: {} }\n',
    says: ['1:15: default_user: no user is named "user-b"; did you mean "user-a"?'],
  },

  // Names nobody may have
  {
    title: 'names outside their character sets',
    text: 'providers: { "a b": {} }\nmodels: { "../x": { provider: mock } }\nusers: { "\\e[31m": {}, "a\\u202eb": {} }\n',
    says: [
      '1:14: providers: "a b" is not a provider name; use 1 to 64 of A-Z a-z 0-9 . _ -',
      '2:11: models: "../x" is not a model name: it holds ".."',
      '3:10: users: "\\u001b[31m" is not a user name; use 1 to 64 of A-Z a-z 0-9 . _ @ -',
      '3:24: users: "a\\u202eb" is not a user name; use 1 to 64 of A-Z a-z 0-9 . _ @ -',
    ],
  },
  {
    title: 'names that are too long, shown short',
    text: `users: { ${'u'.repeat(100)}: {} }\n`,
    says: [
      `1:10: users: "${'u'.repeat(80)}…" is not a user name; use 1 to 64 of A-Z a-z 0-9 . _ @ -`,
    ],
  },

  // Keys of users
  {
    title: 'a key in the clear, which is not shown',
    text: 'users: { a: { key: aip_verysecretindeed } }\n',
    says: [
      '1:20: users.a.key: is not "sha256:" and 64 hex digits (the value is not shown); keys are made by `aiproxy users key`',
    ],
  },
  {
    title: 'a key of two users',
    text: `users:\n  a: { key: "sha256:${DIGEST}" }\n  b: { keys: ["sha256:${DIGEST.toUpperCase()}"] }\n`,
    says: ["3:15: users.b.keys[0] is also the key of a; a key is one user's"],
    hint: 'aiproxy users key b',
  },
  {
    title: 'a key written twice for one user',
    text: `users:\n  a: { key: "sha256:${DIGEST}", keys: ["sha256:${DIGEST}"] }\n`,
    says: ['2:95: users.a.keys[0] stands twice; remove one'],
  },

  // Listening beyond loopback
  {
    title: 'a name-only user beyond loopback',
    text: `listen: 0.0.0.0:4242\nusers:\n  a: { key: "sha256:${DIGEST}" }\n  b: {}\n`,
    says: ['1:9: listen 0.0.0.0:4242 is open to other machines, but b has no key'],
    hint: 'aiproxy users key b',
  },
  {
    title: 'many name-only users beyond loopback',
    text: 'listen: "[::]:80"\nusers: { a: {}, b: {}, c: {}, d: {} }\n',
    says: ['1:9: listen [::]:80 is open to other machines, but a, b, c, … have no key'],
    hint: 'aiproxy users key a',
  },

  // All at once
  {
    title: 'many mistakes, in the order of the file',
    text: 'users:\n  a: { models: [nope] }\nmodels:\n  m: { provider: nope }\nlisten: x\nlgo: y\n',
    says: [
      '2:17: users.a.models[0]: no model is named "nope"; models: m',
      '4:18: models.m.provider: no provider is named "nope"; providers: openai, anthropic, mock',
      '5:9: listen: "x" has no port; write "x:4242"',
      '6:1: unknown key "lgo"; did you mean "log"?',
    ],
  },
]

for (const { title, text, says, hint, file = 'aiproxy.yaml' } of MISTAKES) {
  test(`${title}: ${says[0] ?? ''}`, async () => {
    const error = await refusalOf(text, file)
    assert.equal(error.message, says.map((line) => `${file}:${line}`).join('\n'))
    assert.equal(error.hint, hint ?? 'Mend it, then: aiproxy serve --check')
  })
}

test('a key pasted into the wrong place is not repeated, wherever that is', async () => {
  const key = 'sk-proj-abcdefghijklmnop'
  const texts = [
    `listen: ${key}\n`,
    `${key}: x\n`,
    `models: { m: { provider: ${key} } }\n`,
    `users: { "${key} x": {} }\n`,
    `providers: { openai: { base_url: ${key} } }\n`,
    `providers: { openai: { api_key: ${key}\n`,
    `log: "a" ${key}\n`,
    `log: | ${key}\n`,
    `log: ["a"] , "${key}"\n`,
    `log: !${key} x\n`,
    `users: { a: { key: ${key} } }\n`,
  ]
  for (const text of texts) {
    const { message } = await refusalOf(text, 'aiproxy.yaml')
    assert.ok(!message.includes('abcdefgh'), message)
  }
})

test('of more problems than anyone reads, twenty are shown and the rest counted', async () => {
  const lines = Array.from({ length: 50 }, (_, index) => `unknown-${index}: 1\n`)
  const shown = (await refusalOf(lines.join(''), 'aiproxy.yaml')).message.split('\n')
  assert.equal(shown.length, 21)
  assert.equal(shown.at(-1), '… and 30 more problems')
})

test('the next step repeats the --config it was asked with', async () => {
  const options = { env: {}, cwd: '/w', home: '/h', flag: 'x.yaml' }
  await assert.rejects(loadConfigText('', '/w/x.yaml', options), {
    hint: 'Mend it, then: aiproxy serve --check --config x.yaml',
  })
})

test('aliases that unfold without end are refused in bounded time', async () => {
  const names = Array.from({ length: 2000 }, (_, index) => `m${index}`)
  const models = names.map((name) => `  ${name}: { provider: mock }\n`)
  const users = names.map((name) => `  ${name}: { models: *all }\n`)
  const text = `models:\n${models.join('')}users:\n  first: { models: &all [${names.join(', ')}] }\n${users.join('')}`
  const started = performance.now()
  const { message } = await refusalOf(text, 'aiproxy.yaml')
  assert.match(message, /^aiproxy.yaml:\d+:\d+: aliases unfold into more than 1000000 values$/)
  assert.ok(performance.now() - started < 10_000)
})

async function refusalOf(text: string, file: string): Promise<ProxyError> {
  try {
    await loadConfigText(text, `/w/${file}`, { env: ENV, cwd: '/w', home: '/h' })
  } catch (error) {
    assert.ok(error instanceof ProxyError, String(error))
    assert.equal(error.code, 'config_invalid')
    return error
  }
  throw new Error('it was accepted')
}

test('a key that a reference put where a name belongs is in no message, whole or cut short', async () => {
  const key = 'key-of-a-provider-0123456789'
  const env = { OPENAI_API_KEY: key }
  const texts = [
    'users: {u: {models: ["cla${OPENAI_API_KEY}ude"]}}',
    `users: {u: {models: ["${'m'.repeat(60)}\${OPENAI_API_KEY}"]}}`,
    'models: {a: {provider: "${OPENAI_API_KEY}"}}',
    'listen: "${OPENAI_API_KEY}"',
    'providers: {openai: {base_url: "${OPENAI_API_KEY}"}}',
  ]
  for (const text of texts) {
    await assert.rejects(
      loadConfigText(text, '/w/c.yaml', { env, cwd: '/w', home: '/h' }),
      (error) => {
        assert.ok(error instanceof ProxyError, String(error))
        assert.equal(error.code, 'config_invalid', text)
        assert.ok(!`${error.message}${error.hint}`.includes(key.slice(0, 8)), error.message)
        return true
      },
    )
  }
})
