import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { createConfig, createFake, run } from './fake-world.ts'
import type { FakeOptions } from './fake-world.ts'

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg==',
  'base64',
)

/** A directory with these files, gone after the test. */
function directory(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = mkdtempSync(join(tmpdir(), 'aiproxy-test-'))
  t.after(() => {
    rmSync(path, { recursive: true })
  })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  return path
}

/** The user message's content that was sent. */
async function sent(argv: readonly string[], options: FakeOptions): Promise<unknown> {
  let content: unknown
  const { code, stderr } = await run(['ask', '-u', 'user-a', ...argv], {
    ...options,
    exchange: async ({ body, sink, say }) => {
      const { messages } = body
      content = Array.isArray(messages) ? messages.at(-1)?.content : undefined
      sink.head(200, [['content-type', 'text/event-stream']])
      say({ type: 'finish', reason: 'stop', usage: undefined, model: 'gpt-5' })
      sink.end()
    },
  })
  assert.equal(code, 0, stderr)
  return content
}

test('words are joined; what is piped in comes first, then a blank line', async () => {
  assert.equal(await sent(['two', 'words'], {}), 'two words')
  assert.equal(await sent(['Review', 'this'], { stdin: 'a diff\n\n' }), 'a diff\n\nReview this')
  assert.equal(await sent([], { stdin: ' indented\n' }), ' indented')
})

test('--no-stdin leaves a pipe unread', async () => {
  assert.equal(await sent(['--no-stdin', 'Hi'], { openStdin: true }), 'Hi')
})

test('an open, silent pipe earns a hint after two seconds', async () => {
  const fake = createFake({ openStdin: true, exchange: () => Promise.resolve() })
  const running = fake.main('ask', '-u', 'user-a', 'Hi')
  // Let the command come to its reading.
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  for (let turn = 0; turn < 50 && fake.stderr() === ''; turn++) {
    fake.advance(turn === 0 ? 1999 : 1)
    // oxlint-disable-next-line no-await-in-loop -- one turn of the event loop after the other
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  assert.match(fake.stderr(), /^waiting for stdin, .*--no-stdin.*\n$/)
  fake.world.openStdin().push(null)
  await running
})

test('empty and unreadable input is misuse, said with its reason', async () => {
  for (const [options, argv, reason] of [
    [{ stdin: '' }, [], /no prompt: nothing came from stdin/],
    [{ stdin: ' \n' }, [], /no prompt/],
    [{}, [''], /no prompt: it is empty/],
    [
      { stdin: Buffer.from([0xff, 0xfe]).toString('latin1') },
      ['-f', 'nowhere.txt'],
      /--file 'nowhere\.txt' cannot be read: no such file/,
    ],
    [{}, ['-f', '/', 'x'], /--file '\/' cannot be read: it is a directory/],
  ] as const) {
    const { code, stdout, stderr } = await run(['ask', '-u', 'user-a', ...argv], options)
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, reason)
  }
})

test('more than a request may be is refused before it is sent', async () => {
  const config = createConfig({ bodyLimitBytes: 10 })
  const { code, stderr } = await run(['ask', '-u', 'user-a'], { stdin: 'x'.repeat(11), config })
  assert.equal(code, 2)
  assert.match(stderr, /stdin is larger than a request may be \(10 bytes\)/)
})

test('a text file is inlined under its name, in a fence longer than its own', async (t) => {
  const cwd = directory(t, { 'notes.md': '# Hi\n```sh\nls\n```\n', 'plain.txt': 'one\n' })
  assert.equal(
    await sent(['-f', 'notes.md', '-f', 'plain.txt', 'Summarise'], { cwd }),
    'notes.md:\n````\n# Hi\n```sh\nls\n```\n````\n\nplain.txt:\n```\none\n```\n\nSummarise',
  )
})

test('images and PDFs are attached by what they are, not by their name', async (t) => {
  const cwd = directory(t, { 'photo.txt': PNG, 'doc.bin': '%PDF-1.7\n' })
  assert.deepEqual(await sent(['-f', 'photo.txt', '-f', 'doc.bin', 'What?'], { cwd }), [
    {
      type: 'image_url',
      image_url: { url: `data:image/png;base64,${PNG.toString('base64')}` },
    },
    {
      type: 'file',
      file: {
        filename: 'doc.bin',
        file_data: `data:application/pdf;base64,${Buffer.from('%PDF-1.7\n').toString('base64')}`,
      },
    },
    { type: 'text', text: 'What?' },
  ])
})

test('a file that is neither text nor a known attachment is refused by name', async (t) => {
  const cwd = directory(t, { 'a.out': Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]) })
  const { code, stderr } = await run(['ask', '-u', 'user-a', '-f', 'a.out', 'x'], { cwd })
  assert.equal(code, 2)
  assert.match(stderr, /^error: --file 'a\.out' is neither text nor /)
})

test('a wrong option is misuse that names the value', async () => {
  for (const [argv, said] of [
    [['-t', 'warm'], /--temperature 'warm'/],
    [['-t', '-1'], /--temperature '-1'/],
    [['-t', ''], /--temperature ''/],
    [['--max-tokens', '0'], /--max-tokens '0'/],
    [['--max-tokens', '1.5'], /--max-tokens '1\.5'/],
    [['--timeout', 'soon'], /--timeout "soon" is not a duration/],
    [['-o', 'seed'], /--option 'seed' is not of the form key=value/],
    [['-o', 'model=x'], /--option cannot set 'model'; that is what -m is for/],
    [['-o', 'messages=[]'], /--option cannot set 'messages'; that is what the prompt is for/],
    [['-o', 'stream=false'], /--option cannot set 'stream'; that is what --no-stream is for/],
    [['-o', 'n=2'], /--option cannot set 'n'; one answer is asked for and shown/],
    [['-o', '=x'], /--option '=x' is not of the form key=value/],
    [['-o', 'seed=1', '-o', 'seed=2'], /--option 'seed' is given twice/],
    [['-t', '1', '-o', 'temperature=0'], /--temperature or --option 'temperature', not both/],
    [
      ['--max-tokens', '1', '-o', 'max_tokens=2'],
      /--max-tokens or --option 'max_tokens', not both/,
    ],
    [['-o', 'reasoning.effort=low'], /has a dot[^]*→ aiproxy ask -o 'reasoning=\{"effort": …\}'/],
    [['-o', 'seed=12345678901234567890'], /too large to be sent exactly/],
    [['--timeout', '30'], /--timeout "30" has no unit/],
    [['--timeout', '0s'], /--timeout "0s" is too short/],
    [['--timeout', '25h'], /--timeout "25h" is too long/],
    [['-f', '-', '-f', '-'], /--file - is stdin, which can be read only once/],
    [['--json', '--jsonl'], /--json or --jsonl, not both/],
  ] as const) {
    const { code, stderr, fake } = await run(['ask', '-u', 'user-a', 'Hi', ...argv])
    assert.equal(code, 2, argv.join(' '))
    assert.match(stderr, said)
    assert.deepEqual(fake.loaded, [])
  }
})
