/** `GET /metrics`, as a collector reads it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HELLO_MESSAGES, assertOpenAiError, postChat } from '../support/calls.ts'
import { send, startAndLeave } from '../support/http.ts'
import { startProxy } from '../support/proxy.ts'
import type { Proxy } from '../support/proxy.ts'
import { openaiAnswers, openaiError } from '../support/replies.ts'
import { readPrometheus, valueOf } from '../support/prometheus.ts'
import type { Family } from '../support/prometheus.ts'
import { TEST_KEY, targetsConfig } from '../support/targets.ts'
import { createUpstream } from '../support/upstream.ts'

const TIMEOUT = { timeout: 60_000 }
const KEY = 'aip_0123456789abcdefghijklmnopqrstuv'
// `printf %s <KEY> | sha256sum`
const KEY_DIGEST = 'ea73461d9c5a61153b0f76ab8e32eef7f9bfce37697ea4356a203657bb6188e6'

async function scrape(proxy: Proxy): Promise<ReadonlyMap<string, Family>> {
  const reply = await send(`${proxy.url}/metrics`)
  assert.equal(reply.status, 200)
  assert.equal(reply.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(reply.headers['x-request-id'] ?? '', /^req_/)
  return readPrometheus(reply.text)
}

test('a collector reads what happened', TIMEOUT, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const proxy = await startProxy(t, {
    config: targetsConfig(
      upstream,
      [
        { name: 'main', dialect: 'openai', model: 'price: { input: 1000, output: 1000 }' },
        { name: 'backup', dialect: 'openai', model: 'price: { input: 1000, output: 1000 }' },
      ],
      [{ model: 'main', failover: ['backup'] }],
      '    limits: { requests: 10/month }\n',
    ),
    env: { TEST_KEY },
  })
  const ask = (model: string) =>
    postChat(proxy, { model, messages: HELLO_MESSAGES }, { user: 'caller' })

  assert.equal((await ask('main')).status, 200)
  upstream.on('/main/', (reply) => {
    reply.json(503, openaiError('Busy.', 'server_error', null))
  })
  // Five failures in a row send a target to rest.
  for (let i = 0; i < 6; i += 1) assert.equal((await ask('main')).status, 200)
  assert.equal((await ask('made-up')).status, 404)
  const anonymous = await postChat(proxy, { model: 'main', messages: HELLO_MESSAGES })
  assert.equal(anonymous.status, 401)

  await t.test('requests by user, model, who served, outcome and status', async () => {
    const families = await scrape(proxy)
    const requests = (labels: Record<string, string>): number =>
      valueOf(families, 'aiproxy_requests_total', labels)
    const main = { user: 'caller', model: 'main', outcome: 'ok', status: '200' }
    assert.equal(requests({ ...main, served_model: 'main', provider: 'p-main' }), 1)
    assert.equal(requests({ ...main, served_model: 'backup', provider: 'p-backup' }), 6)
    assert.equal(requests({ user: 'caller', outcome: 'refused', status: '404', model: '' }), 1)
    assert.equal(requests({ user: '', status: '401' }), 1)
    assert.equal(valueOf(families, 'aiproxy_errors_total', { code: 'model_not_found' }), 1)
  })

  await t.test('tokens, money, failovers, and who rests', async () => {
    const families = await scrape(proxy)
    const served = { user: 'caller', served_model: 'backup' }
    assert.equal(valueOf(families, 'aiproxy_tokens_total', { ...served, type: 'output' }), 6 * 39)
    assert.equal(valueOf(families, 'aiproxy_cost_usd_total', served), 6 * 0.052)
    assert.equal(
      valueOf(families, 'aiproxy_failovers_total', { model: 'main', class: 'overload' }),
      5,
    )
    const skipped = { model: 'main', reason: 'resting' }
    assert.equal(valueOf(families, 'aiproxy_targets_skipped_total', skipped), 1)
    assert.equal(valueOf(families, 'aiproxy_target_resting', { model: 'main' }), 1)
    assert.equal(valueOf(families, 'aiproxy_target_resting', { model: 'backup' }), 0)
    const usage = { gen_ai_response_model: 'backup', gen_ai_token_type: 'input' }
    assert.equal(valueOf(families, 'gen_ai_client_token_usage_sum', usage), 6 * 13)
    assert.equal(valueOf(families, 'aiproxy_usage_log_available'), 1)
  })

  await t.test('requests under way, and none of them left behind', async () => {
    upstream.on('/backup/', (reply) => reply.stall())
    const before = upstream.requestsTo('/backup/').length
    const call = startAndLeave(`${proxy.url}/v1/chat/completions`, {
      body: { model: 'main', messages: HELLO_MESSAGES },
      headers: { 'x-user': 'caller' },
    })
    while (upstream.requestsTo('/backup/').length === before) await upstream.arrival()
    assert.equal(valueOf(await scrape(proxy), 'aiproxy_requests_in_flight'), 1)
    call.leave()
    await proxy.event('its end', (line) => line['outcome'] === 'aborted')
    assert.equal(valueOf(await scrape(proxy), 'aiproxy_requests_in_flight'), 0)
  })

  await t.test('with no key, prompt or made-up name among it', async () => {
    const { text } = await send(`${proxy.url}/metrics`)
    assert.doesNotMatch(text, /sk-test|made-up|Hello|127\.0\.0\.1/)
  })

  await t.test('like every route it is for this machine and not for a browser', async () => {
    const url = `${proxy.url}/metrics`
    assert.equal(
      assertOpenAiError(await send(url, { headers: { host: 'evil.example' } }), 403).code,
      'host_forbidden',
    )
    const page = await send(url, { headers: { origin: 'http://evil.example' } })
    assert.equal(assertOpenAiError(page, 403).code, 'origin_forbidden')
    const headOnly = await send(url, { method: 'HEAD' })
    assert.equal(headOnly.status, 200)
    assert.equal(headOnly.bytes.length, 0)
    const post = await send(url, { method: 'POST' })
    assert.equal(assertOpenAiError(post, 405).code, 'method_not_allowed')
    assert.match(post.headers['allow'] ?? '', /GET/)
  })
})

test('beyond loopback the page needs a key', TIMEOUT, async (t) => {
  const upstream = await createUpstream(t, openaiAnswers)
  const text = targetsConfig(
    upstream,
    [{ name: 'm', dialect: 'openai' }],
    [{ model: 'm' }],
    `    key: sha256:${KEY_DIGEST}\n`,
  )
  const proxy = await startProxy(t, {
    config: text,
    env: { TEST_KEY },
    args: ['--host', '0.0.0.0'],
  })
  const url = `http://127.0.0.1:${new URL(proxy.url).port}/metrics`
  assert.equal(assertOpenAiError(await send(url), 401).code, 'user_missing')
  const named = await send(url, { headers: { 'x-user': 'caller' } })
  assert.equal(assertOpenAiError(named, 401).code, 'key_invalid')
  const keyed = await send(url, { headers: { authorization: `Bearer ${KEY}` } })
  assert.equal(keyed.status, 200)
  readPrometheus(keyed.text)
  assert.equal((await send(url.replace('metrics', 'healthz'))).status, 200)
})
