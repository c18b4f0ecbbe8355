/** The command line as people and scripts use it: what stands on which stream, and what exit code says. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { DESK_CONFIG, assertFailed, createDesk, providerEnv } from '../support/desk.ts'
import { dig, list, parseJson } from '../support/json.ts'
import { readLog, runShell } from '../support/proxy.ts'
import {
  CLAUDE,
  HELLO,
  anthropicAnswers,
  anthropicError,
  openaiAnswers,
  openaiError,
} from '../support/replies.ts'
import { createUpstream } from '../support/upstream.ts'

test('aiproxy ask', { timeout: 60_000 }, async (t) => {
  const openai = await createUpstream(t, openaiAnswers)
  const anthropic = await createUpstream(t, anthropicAnswers)
  const desk = createDesk(t, providerEnv(openai, anthropic))

  await t.test('prints the answer alone on stdout, everything about it on stderr', async () => {
    const result = await desk.run(['ask', '--user', 'user-a', '--model', 'gpt-5', 'Hello'])
    assert.equal(result.code, 0, result.stderr)
    assert.equal(result.stdout, `${HELLO}\n`)
    assert.match(result.stderr, /gpt-5 · openai · 13 in \+ 39 out/)
    // oxlint-disable-next-line no-control-regex -- exactly what must not be there
    assert.doesNotMatch(result.stdout + result.stderr, /\u001b/, 'no colour, no spinner in a pipe')
    assert.deepEqual(dig(openai.requests.at(-1)?.json(), 'messages', 0, 'role'), 'user')
    const [record] = readLog(desk.logPath)
    assert.equal(record?.['user'], 'user-a')
    assert.equal(record?.['total_tokens'], 52)
  })

  await t.test('joins words, and puts a pipe before them', async () => {
    const result = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', 'what', 'is', 'this?'], {
      input: 'some text\n',
    })
    assert.equal(result.code, 0, result.stderr)
    const sent = JSON.stringify(openai.requests.at(-1)?.json())
    assert.match(sent, /some text\\n\\nwhat is this\?/)
  })

  await t.test('--json is pure JSON', async () => {
    const result = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', '--json', 'Hello'])
    const answer = parseJson(result.stdout)
    assert.equal(dig(answer, 'schema'), 'aiproxy.ask/1')
    assert.equal(dig(answer, 'text'), HELLO)
    assert.equal(dig(answer, 'finish'), 'stop')
    assert.equal(dig(answer, 'model', 'served'), 'gpt-5')
    assert.equal(dig(answer, 'model', 'provider'), 'openai')
    assert.equal(dig(answer, 'usage', 'total'), 52)
    assert.ok(Number.isInteger(dig(answer, 'timing', 'totalMs')))
    assert.equal(list(dig(answer, 'attempts')).length, 1)
  })

  await t.test('says a failover on stderr and answers all the same', async () => {
    openai.on('/v1/chat/completions', (reply) => {
      reply.json(401, openaiError('Bad key.', 'invalid_request_error', 'invalid_api_key'))
    })
    const result = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', 'Hello'])
    assert.equal(result.code, 0, result.stderr)
    assert.equal(result.stdout, `${HELLO}\n`)
    assert.match(result.stderr, /gpt-5.*openai.*401.*credential/)
    assert.match(result.stderr, new RegExp(CLAUDE))
  })

  await t.test('exits 5 where every target failed, and --no-failover leaves only one', async () => {
    openai.on('/v1/chat/completions', (reply) => {
      reply.json(500, openaiError('The first broke.', 'server_error', null))
    })
    anthropic.on('/v1/messages', (reply) => {
      reply.json(500, anthropicError('api_error', 'The second broke.'))
    })
    const both = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', 'Hello'])
    assertFailed(both, 5, /error: .*The first broke\./)
    const before = anthropic.requests.length
    const one = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', '--no-failover', 'Hello'])
    assertFailed(one, 5, /The first broke\./)
    assert.equal(anthropic.requests.length, before)
    openai.on('/v1/chat/completions', openaiAnswers)
    anthropic.on('/v1/messages', anthropicAnswers)
  })

  await t.test('exits 5 after --timeout', async () => {
    openai.on('/v1/chat/completions', (reply) => reply.stall())
    const result = await desk.run(['ask', '-u', 'user-b', '--timeout', '200ms', 'Hello'])
    openai.on('/v1/chat/completions', openaiAnswers)
    assertFailed(result, 5, /error: /)
  })

  await t.test(
    'exits 4 where the user may not, and says which command would allow it',
    async () => {
      const result = await desk.run(['ask', '-u', 'user-b', '-m', CLAUDE, 'Hello'])
      assertFailed(result, 4, new RegExp(`user-b may not use ${CLAUDE}`))
      assert.match(result.stderr, new RegExp(`→ aiproxy users allow user-b ${CLAUDE}`))
    },
  )

  await t.test('exits 4 where the key is not set', async () => {
    const result = await desk.run(['ask', '-u', 'user-b', 'Hello'], { env: { TZ: 'UTC' } })
    assertFailed(result, 4, /OPENAI_API_KEY/)
  })

  await t.test('exits 2 on misuse, and suggests the nearest', async () => {
    assertFailed(await desk.run(['ask', '-u', 'user-x', 'Hello']), 2, /user-x[\s\S]*user-[ab]/)
    assertFailed(
      await desk.run(['ask', '-u', 'user-a', '-m', 'gpt5', 'Hello']),
      2,
      /gpt5[\s\S]*gpt-5/,
    )
    assertFailed(await desk.run(['ask', '--modle', 'gpt-5', 'Hello']), 2, /--modle[\s\S]*--model/)
    assertFailed(await desk.run(['aks', 'Hello']), 2, /aks[\s\S]*ask/)
    assertFailed(
      await desk.run(['ask', '-u', 'user-a', '-5 dogs']),
      2,
      /aiproxy ask .*-- "-5 dogs"/,
    )
  })

  await t.test('--explain shows the path and sends nothing', async () => {
    const before = openai.requests.length + anthropic.requests.length
    const result = await desk.run(['ask', '-u', 'user-a', '-m', 'gpt-5', '--explain', 'Hello'])
    assert.equal(result.code, 0, result.stderr)
    const said = result.stdout + result.stderr
    assert.match(said, /user-a/)
    assert.match(said, /gpt-5/)
    assert.match(said, new RegExp(CLAUDE))
    assert.match(said, /env OPENAI_API_KEY/)
    assert.ok(!said.includes('sk-test-openai'), 'never the key')
    assert.equal(openai.requests.length + anthropic.requests.length, before)
  })

  await t.test('--no-log writes no line', async () => {
    const before = readLog(desk.logPath).length
    const result = await desk.run(['ask', '-u', 'user-a', '--no-log', 'Hello'])
    assert.equal(result.code, 0, result.stderr)
    assert.equal(readLog(desk.logPath).length, before)
  })
})

test('aiproxy users', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)

  await t.test('lists, as a table and as JSON', async () => {
    const table = await desk.run(['users'])
    assert.equal(table.code, 0, table.stderr)
    assert.match(table.stdout, /^USER +MODELS +KEY +FAILOVER/m)
    assert.match(table.stdout, new RegExp(`user-a .*gpt-5 → ${CLAUDE}`))
    assert.match(table.stdout, /^ ?user-b .*name only/m)
    const json = await desk.run(['users', '--json'])
    assert.match(json.stdout, /user-b/)
    parseJson(json.stdout)
  })

  await t.test('can says yes or no by its exit code', async () => {
    assert.equal((await desk.run(['users', 'can', 'user-a', CLAUDE])).code, 0)
    assert.equal((await desk.run(['users', 'can', 'user-b', CLAUDE])).code, 4)
  })
})

test('aiproxy usage', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)
  const lines: string[] = []
  for (let at = 0; at < 3000; at += 1) {
    lines.push(
      JSON.stringify({
        ts: '2026-11-20T12:00:00.000Z',
        id: `req_${at}`,
        user: `user-${at}`,
        api: 'chat',
        model: 'gpt-5',
        served_model: 'gpt-5',
        provider: 'openai',
        status: 200,
        outcome: 'ok',
        prompt_tokens: 13,
        completion_tokens: 39,
        total_tokens: 52,
        ms: 100,
      }),
    )
  }
  // A torn last line, as a power cut leaves it.
  writeFileSync(desk.logPath, `${lines.join('\n')}\n{"ts":"2026-11-20T12:`)

  await t.test('reads on past a torn last line', async () => {
    const result = await desk.run(['usage', '--json', '--by', 'model'])
    assert.equal(result.code, 0, result.stderr)
    const report = parseJson(result.stdout)
    assert.equal(dig(report, 'totals', 'requests'), 3000)
    assert.equal(dig(report, 'rows', 0, 'tokens', 'total'), 3000 * 52)
    assert.doesNotMatch(result.stderr, /unreadable/)
  })

  await t.test('a window shuts out what is outside it', async () => {
    const inside = await desk.run([
      'usage',
      '--json',
      '--since',
      '2026-11-20',
      '--until',
      '2026-11-20',
    ])
    const outside = await desk.run([
      'usage',
      '--json',
      '--since',
      '2026-11-21',
      '--until',
      '2026-11-22',
    ])
    assert.equal(dig(parseJson(inside.stdout), 'totals', 'requests'), 3000)
    assert.deepEqual(dig(parseJson(outside.stdout), 'rows'), [])
    assert.equal(outside.code, 0)
    assert.match(outside.stderr, /20 Nov 2026/, 'says what the log does cover')
  })

  for (const format of ['table', 'jsonl', 'csv', 'json']) {
    await t.test(`--format ${format} into a closed pipe ends in silence, exit 0`, async () => {
      const result = await runShell(
        `"$NODE" "$PROGRAM" usage --by user --format ${format} | head -1`,
        desk.options,
      )
      assert.equal(result.code, 0, result.stderr)
      assert.doesNotMatch(result.stderr, /EPIPE|^ +at /m)
      assert.equal(result.stdout.split('\n').length, 2)
    })
  }

  await t.test('--csv has a header and a row per group', async () => {
    const result = await desk.run(['usage', '--csv', '--by', 'model'])
    const [header, row] = result.stdout.split(/\r?\n/)
    assert.match(header ?? '', /model/)
    assert.match(row ?? '', /gpt-5/)
  })

  await t.test('a bad time is misuse and named', async () => {
    assertFailed(await desk.run(['usage', '--since', 'yesteryear']), 2, /yesteryear/)
  })
})

test('aiproxy serve, before it listens', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)

  await t.test('--check says that a good config is good', async () => {
    const result = await desk.run(['serve', '--check'])
    assert.equal(result.code, 0, result.stderr)
    assert.match(result.stdout + result.stderr, /aiproxy\.yaml/)
  })

  await t.test(
    'a bad config exits 3 and names line, value and the nearest valid name',
    async () => {
      const bad = createDesk(t, {}, DESK_CONFIG.replace('models: [gpt-5]', 'models: [gpt5]'))
      for (const args of [['serve', '--check'], ['serve', '--port', '0'], ['users']]) {
        const result = await bad.run(args)
        assertFailed(result, 3, /aiproxy\.yaml:13:\d+/)
        assert.match(result.stderr, /gpt5[\s\S]*gpt-5/)
      }
    },
  )

  await t.test('a config file that is not there exits 3', async () => {
    assertFailed(await desk.run(['serve', '-c', 'nope.yaml']), 3, /nope\.yaml/)
  })

  await t.test('a taken port exits 3 and offers another', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => {
      holder.listen(0, '127.0.0.1', resolve)
    })
    t.after(() => {
      holder.closeAllConnections()
      holder.close()
    })
    const address: AddressInfo | string | null = holder.address()
    assert.ok(address !== null && typeof address === 'object')
    holder.on('request', (_request, response) => {
      response.end('somebody else')
    })
    const result = await desk.run(['serve', '--port', String(address.port)])
    assertFailed(result, 3, new RegExp(String(address.port)))
    assert.match(result.stderr, /--port/)
  })

  await t.test('every interface is refused while a user has only a name', async () => {
    const result = await desk.run(['serve', '--port', '0', '--host', '0.0.0.0'])
    assertFailed(result, 3, /user-[ab]/)
    assert.match(result.stderr, /aiproxy users key/)
  })
})

test('help, version and exit codes', { timeout: 60_000 }, async (t) => {
  const desk = createDesk(t)

  await t.test('--help of every command goes to stdout, exit 0', async () => {
    for (const args of [['--help'], ['serve', '--help'], ['ask', '--help'], ['usage', '--help']]) {
      const result = await desk.run(args)
      assert.equal(result.code, 0, args.join(' '))
      assert.match(result.stdout, /Usage|usage/)
      assert.equal(result.stderr, '')
    }
  })

  await t.test('--version is the version of the package', async () => {
    const result = await desk.run(['--version'])
    assert.match(result.stdout, /^(aiproxy )?\d+\.\d+\.\d+\n$/)
  })

  await t.test('help exit-codes lists them', async () => {
    const result = await desk.run(['help', 'exit-codes'])
    assert.equal(result.code, 0, result.stderr)
    for (const code of ['0', '1', '2', '3', '4', '5', '130']) {
      assert.match(result.stdout, new RegExp(`\\b${code}\\b`))
    }
  })
})
