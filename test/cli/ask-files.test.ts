/** What becomes of each kind of file at a provider of each dialect: the real program path, and a strict provider. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { loadConfigText } from '../../src/config/load.ts'
import { createMockProvider } from '../../src/mock/mock.ts'
import type { MockProvider } from '../../src/mock/mock.ts'
import { createFake } from './fake-world.ts'

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==',
  'base64',
)
const JPEG = Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')
const GIF = Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1')
const WEBP = Buffer.concat([
  Buffer.from('RIFF\x1a\x00\x00\x00WEBPVP8L', 'latin1'),
  Buffer.alloc(14),
])
const PDF = Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n', 'latin1')
const LIMIT_BYTES = 64 * 1024

const DIALECTS = ['chat', 'responses', 'messages'] as const
type DialectName = (typeof DIALECTS)[number]

let directory = ''
let provider: MockProvider
// The bodies that came, the newest last.
const bodies: string[] = []

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'aiproxy-files-'))
  provider = await createMockProvider({ onRequest: ({ body }) => bodies.push(body) })
  const files: Readonly<Record<string, string | Uint8Array>> = {
    'plain.txt': 'one line\n',
    'notes.md': '# Hi\n```sh\nls\n```\n',
    'marked.txt': '\ufeffwith a mark\n',
    'p.png': PNG,
    'j.jpg': JPEG,
    'g.gif': GIF,
    'w.webp': WEBP,
    'd.pdf': PDF,
    'png-called.txt': PNG,
    'text-called.png': 'only words\n',
    'a.out': Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]),
    'noise.bin': Buffer.from([0xff, 0x01, 0x02, 0x80, 0x90]),
    'empty.txt': '',
    'nul.txt': 'a\0b',
    'latin1.txt': Buffer.from('caf\xe9\n', 'latin1'),
    'utf16.txt': Buffer.from('\ufeffhi', 'utf16le'),
    'large.txt': 'x'.repeat(LIMIT_BYTES + 1),
    'large.png': Buffer.concat([PNG, Buffer.alloc(LIMIT_BYTES - PNG.length)]),
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  mkdirSync(join(directory, 'folder'))
})

after(async () => {
  await provider.close()
  rmSync(directory, { recursive: true })
})

function configText(): string {
  return `
log: ./usage.jsonl
body_limit: ${LIMIT_BYTES}
providers:
  chat: { dialect: openai, api: chat, base_url: "${provider.url}/v1", api_key: sk-test }
  responses: { dialect: openai, api: responses, base_url: "${provider.url}/v1", api_key: sk-test }
  messages: { dialect: anthropic, base_url: "${provider.url}", api_key: sk-ant-test }
models:
  chat: { provider: chat, model: gpt-4o }
  responses: { provider: responses, model: gpt-4o }
  messages: { provider: messages, model: claude-sonnet-4-20250514 }
users:
  me: { models: [chat, responses, messages] }
`
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** What reached the provider; `undefined` where nothing did. */
  readonly sent: string | undefined
}

/** One question through the whole program, in this process. */
async function ask(dialect: DialectName, argv: readonly string[], stdin?: Buffer): Promise<Result> {
  const fake = createFake({ cwd: directory })
  const input = new PassThrough()
  if (stdin !== undefined) input.end(stdin)
  const world = {
    ...fake.world,
    stdinIsPiped: stdin !== undefined,
    // oxlint-disable-next-line no-unsafe-type-assertion -- only what any stream has is used of it
    openStdin: () => input as unknown as NodeJS.ReadStream,
    loadApp: () => import('../../src/app.ts'),
    loadConfig: () =>
      loadConfigText(configText(), join(directory, 'aiproxy.yaml'), {
        env: {},
        cwd: directory,
        home: directory,
      }),
    // The exchange measures by the real clock.
    monotonic: () => performance.now(),
  }
  const seen = bodies.length
  const code = await main(['ask', '-m', dialect, '--no-log', ...argv], world)
  return { code, stdout: fake.stdout(), stderr: fake.stderr(), sent: bodies[seen] }
}

/** How each dialect writes an attached file of this type. */
function attachment(dialect: DialectName, type: string, name: string, bytes: Buffer): object {
  const data = bytes.toString('base64')
  const url = `data:${type};base64,${data}`
  const isPdf = type === 'application/pdf'
  switch (dialect) {
    case 'chat':
      return isPdf
        ? { type: 'file', file: { filename: name, file_data: url } }
        : { type: 'image_url', image_url: { url } }
    case 'responses':
      return isPdf
        ? { type: 'input_file', filename: name, file_data: url }
        : { type: 'input_image', image_url: url }
    case 'messages':
      return {
        type: isPdf ? 'document' : 'image',
        source: { type: 'base64', media_type: type, data },
      }
  }
}

/** The parts of the last user message, in whatever dialect; a plain text is one part. */
function partsOf(sent: string | undefined): unknown[] {
  const body: unknown = JSON.parse(sent ?? 'null')
  const list = field(body, 'messages') ?? field(body, 'input')
  const content = Array.isArray(list) ? field(list.at(-1), 'content') : list
  return Array.isArray(content) ? content : [content]
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** True where every member of `wanted` is in `given`; the dialects add members of their own. */
function includes(given: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return given === wanted
  return Object.entries(wanted).every(([name, value]) => includes(field(given, name), value))
}

/** What the model is told in words. */
function wordsOf(part: unknown): unknown {
  return typeof part === 'string' ? part : field(part, 'text')
}

const ATTACHED: ReadonlyArray<readonly [name: string, type: string, bytes: Buffer]> = [
  ['p.png', 'image/png', PNG],
  ['png-called.txt', 'image/png', PNG],
  ['j.jpg', 'image/jpeg', JPEG],
  ['g.gif', 'image/gif', GIF],
  ['w.webp', 'image/webp', WEBP],
  ['d.pdf', 'application/pdf', PDF],
]

const INLINED: ReadonlyArray<readonly [name: string, text: string]> = [
  ['plain.txt', 'plain.txt:\n```\none line\n```'],
  ['notes.md', 'notes.md:\n````\n# Hi\n```sh\nls\n```\n````'],
  ['marked.txt', 'marked.txt:\n```\nwith a mark\n```'],
  ['text-called.png', 'text-called.png:\n```\nonly words\n```'],
  ['empty.txt', 'empty.txt:\n```\n```'],
]

const REFUSED: ReadonlyArray<readonly [name: string, reason: RegExp]> = [
  [
    'a.out',
    /^error: --file 'a\.out' is neither text nor a PNG, JPEG, GIF or WebP image nor a PDF\n/,
  ],
  ['noise.bin', /^error: --file 'noise\.bin' is neither text nor /],
  ['nul.txt', /^error: --file 'nul\.txt' is neither text nor /],
  [
    'latin1.txt',
    /^error: --file 'latin1\.txt' is text, but not in UTF-8\n {2}→ iconv -f WINDOWS-1252 -t UTF-8 latin1\.txt \| aiproxy ask -f - …\n$/,
  ],
  [
    'utf16.txt',
    /^error: --file 'utf16\.txt' is text in UTF-16, not in UTF-8\n {2}→ iconv -f UTF-16 /,
  ],
  ['missing.txt', /^error: --file 'missing\.txt' cannot be read: no such file\n/],
  ['folder', /^error: --file 'folder' cannot be read: it is a directory\n/],
  ['large.txt', /^error: --file 'large\.txt' is larger than a request may be \(64 KiB\)\n/],
  [
    'large.png',
    /^error: the request with its attachments has 85\.\d KiB, and it may have 64 KiB\n/,
  ],
  ['/dev/zero', /^error: --file '\/dev\/zero' is larger than a request may be \(64 KiB\)\n/],
  ['/dev/null/x', /^error: --file '\/dev\/null\/x' cannot be read: /],
]

for (const dialect of DIALECTS) {
  for (const [name, type, bytes] of ATTACHED) {
    test(`${name} reaches a provider of ${dialect} as ${type}`, async () => {
      const { code, stderr, sent } = await ask(dialect, ['-f', name, 'What is it?'])
      assert.equal(code, 0, stderr)
      const [first, second, ...more] = partsOf(sent)
      assert.ok(includes(first, attachment(dialect, type, name, bytes)), JSON.stringify(first))
      assert.equal(wordsOf(second), 'What is it?')
      assert.deepEqual(more, [])
    })
  }

  for (const [name, text] of INLINED) {
    test(`${name} reaches a provider of ${dialect} as text under its name`, async () => {
      const { code, stderr, sent } = await ask(dialect, ['-f', name, 'Summarise'])
      assert.equal(code, 0, stderr)
      assert.deepEqual(partsOf(sent).map(wordsOf), [`${text}\n\nSummarise`])
      assert.equal(stderr.startsWith('note: empty.txt is empty\n'), name === 'empty.txt')
    })
  }

  test(`several files and a pipe keep their order at a provider of ${dialect}`, async () => {
    const files = ['plain.txt', 'p.png', 'notes.md', 'd.pdf'].flatMap((name) => ['-f', name])
    const { code, stderr, sent } = await ask(
      dialect,
      [...files, 'Compare'],
      Buffer.from('a diff\n'),
    )
    assert.equal(code, 0, stderr)
    const parts = partsOf(sent)
    assert.deepEqual(
      parts.map((part) => wordsOf(part) ?? 'attached'),
      [
        'a diff\n\nplain.txt:\n```\none line\n```',
        'attached',
        'notes.md:\n````\n# Hi\n```sh\nls\n```\n````',
        'attached',
        'Compare',
      ],
    )
    assert.ok(includes(parts[1], attachment(dialect, 'image/png', 'p.png', PNG)))
    assert.ok(includes(parts[3], attachment(dialect, 'application/pdf', 'd.pdf', PDF)))
  })
}

for (const [name, reason] of REFUSED) {
  test(`${name} is refused in so many words, and nothing is sent`, async () => {
    const { code, stdout, stderr, sent } = await ask('chat', ['-f', name, 'What?'])
    assert.equal(code, 2, stderr)
    assert.equal(stdout, '')
    assert.match(stderr, reason)
    assert.equal(sent, undefined)
  })
}

test('a file that may not be read is refused with the reason', async (t) => {
  // A socket has a name and cannot be opened, whoever runs this.
  const server = createServer()
  const path = join(directory, 's.sock')
  await new Promise<void>((resolve) => {
    server.listen(path, resolve)
  })
  t.after(() => server.close())
  const { code, stderr } = await ask('chat', ['-f', 's.sock', 'x'])
  assert.equal(code, 2)
  assert.match(stderr, /^error: --file 's\.sock' cannot be read: .+\n/)
})

test('-f - is stdin as a file: a picture, a text, in its place', async () => {
  for (const dialect of DIALECTS) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other at one provider
    const picture = await ask(dialect, ['-f', 'plain.txt', '-f', '-', 'What is it?'], PNG)
    assert.equal(picture.code, 0, picture.stderr)
    const parts = partsOf(picture.sent)
    assert.equal(wordsOf(parts[0]), 'plain.txt:\n```\none line\n```')
    assert.ok(includes(parts[1], attachment(dialect, 'image/png', 'stdin', PNG)))
    assert.equal(wordsOf(parts[2]), 'What is it?')
  }
  const text = await ask('chat', ['-f', '-', 'Summarise'], Buffer.from('one\n'))
  assert.deepEqual(partsOf(text.sent), ['stdin:\n```\none\n```\n\nSummarise'])
})

test('-f - without a pipe, and bytes in a pipe that is not named, are misuse', async () => {
  for (const [argv, stdin, reason] of [
    [
      ['-f', '-', 'x'],
      undefined,
      /--file - is stdin, and nothing is piped in\n {2}→ aiproxy ask -f - /,
    ],
    [['-f', '-', '--no-stdin', 'x'], PNG, /--file - is stdin: not with --no-stdin/],
    [['x'], PNG, /stdin is not text; to attach it, name it as a file\n {2}→ aiproxy ask -f - /],
    [['x'], Buffer.from('caf\xe9', 'latin1'), /stdin is text, but not in UTF-8/],
    [['x'], Buffer.from('a\0b'), /stdin is neither text nor a PNG, /],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other at one provider
    const { code, stderr, sent } = await ask('chat', argv, stdin)
    assert.equal(code, 2, stderr)
    assert.match(stderr, reason)
    assert.equal(sent, undefined)
  }
})
