import assert from 'node:assert/strict'
import test from 'node:test'
import {
  parseAllowedHost,
  parseBaseUrl,
  parseDuration,
  parseLimit,
  parseListen,
  parseModelName,
  parseOrigin,
  parseSize,
  parseUserName,
} from '../../src/config/values.ts'
import type { Parsed } from '../../src/config/values.ts'

function valueOf<T>(parsed: Parsed<T>): T {
  if ('wrong' in parsed) throw new Error(parsed.wrong)
  return parsed.value
}

function accepts<T>(
  what: string,
  parse: (text: string) => Parsed<T>,
  cases: ReadonlyArray<readonly [string, T]>,
): void {
  test(`${what} are read`, () => {
    for (const [text, expected] of cases) assert.deepEqual(valueOf(parse(text)), expected, text)
  })
}

function refuses<T>(
  what: string,
  parse: (text: string) => Parsed<T>,
  texts: readonly string[],
): void {
  test(`what is none of ${what} is refused`, () => {
    for (const text of texts) assert.ok('wrong' in parse(text), JSON.stringify(text))
  })
}

accepts('durations', parseDuration, [
  ['500ms', 500],
  ['5s', 5000],
  ['1.5s', 1500],
  ['10m', 600_000],
  ['10 m', 600_000],
  ['1h', 3_600_000],
  ['24h', 86_400_000],
])
const NO_DURATIONS = ['', '5', '5 parsecs', '-5s', '0s', '0.1ms', '25h', '1e9s', '5S ', '5s5s', '∞']
refuses('durations', parseDuration, NO_DURATIONS)

accepts('sizes', parseSize, [
  ['64MiB', 67_108_864],
  ['64 mib', 67_108_864],
  ['500kB', 500_000],
  ['1.5KiB', 1536],
  ['1048576', 1_048_576],
  ['1GiB', 1_073_741_824],
])
refuses('sizes', parseSize, ['', '0', '-1', '64M', '2GiB', '64 Mi B', '1e6', 'big'])

accepts('listen addresses', parseListen, [
  ['127.0.0.1:4242', { host: '127.0.0.1', port: 4242 }],
  [':8080', { host: '127.0.0.1', port: 8080 }],
  ['8080', { host: '127.0.0.1', port: 8080 }],
  ['0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:4242', { host: '::1', port: 4242 }],
  ['LocalHost:80', { host: 'localhost', port: 80 }],
  ['0.0.0.0:4242', { host: '0.0.0.0', port: 4242 }],
])
const NO_LISTEN = [
  '',
  'localhost',
  '127.0.0.1',
  '::1',
  '::1:4242',
  '127.0.0.1:65536',
  '127.0.0.1:-1',
  '127.0.0.1:',
  '999.1.1.1:80',
  'http://x:80',
  'a b:80',
  '[::g]:80',
  '*:80',
]
refuses('listen addresses', parseListen, NO_LISTEN)

accepts('request limits', (text) => parseLimit(text, 'requests'), [
  ['60/minute', { amount: 60, window: 'minute' }],
  ['1 / hour', { amount: 1, window: 'hour' }],
])
accepts('token limits', (text) => parseLimit(text, 'tokens'), [
  ['200k/day', { amount: 200_000, window: 'day' }],
  ['1.1k/day', { amount: 1100, window: 'day' }],
  ['2.5M/month', { amount: 2_500_000, window: 'month' }],
])
accepts('cost limits', (text) => parseLimit(text, 'cost'), [
  ['5 USD/day', { amount: 5, window: 'day' }],
  ['5usd/day', { amount: 5, window: 'day' }],
  ['$0.5/month', { amount: 0.5, window: 'month' }],
])
const NO_COUNTS = ['', '60', '60/', '/day', '0/day', '-1/day', '1.5/day', '5 USD/day', '1/day/2']
refuses('request limits', (text) => parseLimit(text, 'requests'), NO_COUNTS)
refuses('cost limits', (text) => parseLimit(text, 'cost'), ['5/day', '5 EUR/day', '0 USD/day', ''])

accepts('base URLs', parseBaseUrl, [
  ['https://api.openai.com/v1', 'https://api.openai.com/v1'],
  ['https://api.openai.com/v1///', 'https://api.openai.com/v1'],
  ['HTTPS://API.example.COM', 'https://api.example.com'],
  ['http://127.0.0.1:11434/v1', 'http://127.0.0.1:11434/v1'],
  ['http://localhost:8080', 'http://localhost:8080'],
  ['http://[::1]:8080/v1', 'http://[::1]:8080/v1'],
  ['http://192.168.1.5:8000/v1', 'http://192.168.1.5:8000/v1'],
  ['http://ollama:11434/v1', 'http://ollama:11434/v1'],
  ['http://host.docker.internal:1/v1', 'http://host.docker.internal:1/v1'],
  ['http://100.64.0.7/v1', 'http://100.64.0.7/v1'],
])
const NO_BASE_URLS = [
  '',
  'api.openai.com',
  'ftp://example.org',
  'https:example.org',
  'https://',
  'https://user:secret@example.org',
  'https://user@example.org',
  'https://example.org/v1?x=1',
  'https://example.org/v1#x',
  'https://exa mple.org',
  'https://example.org\\@evil.org',
  'https://example.org/\n',
  'https://example.org/\u202e',
  // In the clear to a public host.
  'http://example.org/v1',
  'http://8.8.8.8/v1',
  // Link-local and metadata, however they are spelled.
  'http://169.254.169.254/latest',
  'https://169.254.169.254',
  'http://2852039166/',
  'http://0xa9.0xfe.0xa9.0xfe/',
  'http://0251.0376.0251.0376/',
  'http://169.254.169.254./',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[64:ff9b::169.254.169.254]/',
  'http://[::169.254.169.254]/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/',
  'http://metadata.google.internal/',
  'http://METADATA.google.internal./',
  'http://100.100.100.200/',
  'http://0.0.0.0:11434/v1',
  'http://[::]:11434/v1',
]
refuses('base URLs', parseBaseUrl, NO_BASE_URLS)

test('a password in a base URL is not repeated', () => {
  const parsed = parseBaseUrl('https://user:hunter2@example.org')
  assert.ok('wrong' in parsed && !parsed.wrong.includes('hunter2'))
})

accepts('allowed hosts', parseAllowedHost, [
  ['Proxy.Example.org', 'proxy.example.org'],
  ['10.0.0.1', '10.0.0.1'],
])
const NO_HOSTS = ['', '*', '*.example.org', 'https://example.org', 'example.org:80', 'a/b', 'a b']
refuses('allowed hosts', parseAllowedHost, NO_HOSTS)

accepts('origins', parseOrigin, [
  ['https://App.Example.org', 'https://app.example.org'],
  ['https://app.example.org:443', 'https://app.example.org'],
  ['http://localhost:3000', 'http://localhost:3000'],
  ['vscode-webview://abc', 'vscode-webview://abc'],
])
const NO_ORIGINS = ['', '*', 'null', 'https://*.x.org', 'https://x.org/', 'x.org', 'https://a@b']
refuses('origins', parseOrigin, NO_ORIGINS)

accepts('model names', parseModelName, [
  ['gpt-5', 'gpt-5'],
  ['meta-llama/llama-3.1-8b-instruct:free', 'meta-llama/llama-3.1-8b-instruct:free'],
  ['ft:gpt-4o:org::id', 'ft:gpt-4o:org::id'],
  ['@cf/meta/llama', '@cf/meta/llama'],
  ['__proto__', '__proto__'],
  ['m'.repeat(128), 'm'.repeat(128)],
])
const NO_MODELS = [
  '',
  'm'.repeat(129),
  '../../x',
  'a..b',
  'a?b',
  'a#b',
  'a%2e',
  'a b',
  'a\r\nX: y',
  'a\u0000',
  '\u202ea',
  'ａ',
  'a"b',
  '<a>',
]
refuses('model names', parseModelName, NO_MODELS)

accepts('user names', parseUserName, [
  ['user-a', 'user-a'],
  ['first.last@example.org', 'first.last@example.org'],
])
const NO_USERS = ['', 'u'.repeat(65), 'a b', 'a/b', 'é', 'a\n', '\u001b[31m']
refuses('user names', parseUserName, NO_USERS)
