/** The fidelity ledger: complete, and true. Every row is driven by requests that show what it says. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { anthropic } from '../../src/dialects/anthropic/anthropic.ts'
import type { Dialect, DialectName } from '../../src/dialects/dialect.ts'
import { FIDELITY, reviewFields } from '../../src/dialects/fidelity.ts'
import { renderFidelityDocument } from '../../src/dialects/fidelity/document.ts'
import type { FidelityRow } from '../../src/dialects/fidelity/rows.ts'
import type { JsonObject } from '../../src/dialects/neutral.ts'
import { createNotes, renderNotes } from '../../src/dialects/notes.ts'
import { openaiChat } from '../../src/dialects/openai-chat/openai-chat.ts'
import { openaiResponses } from '../../src/dialects/openai-responses/openai-responses.ts'
import { cross, valueAt } from './fidelity-proof.ts'
import type { Proof } from './fidelity-proof.ts'
import { CHAT_TO_MESSAGES_PROOFS, CHAT_TO_RESPONSES_PROOFS } from './fidelity-proofs-chat.ts'
import {
  MESSAGES_TO_CHAT_PROOFS,
  MESSAGES_TO_RESPONSES_PROOFS,
} from './fidelity-proofs-messages.ts'
import {
  RESPONSES_TO_CHAT_PROOFS,
  RESPONSES_TO_MESSAGES_PROOFS,
} from './fidelity-proofs-responses.ts'
import { ROOT } from '../wire/cuts.ts'
import { thrown } from './support.ts'

/** Every parameter of `ChatCompletionCreateParams` and `ResponseCreateParams` (openai 7.57.0), and of
 * `MessageCreateParams` (@anthropic-ai/sdk 1.12.0) with the betas that clients are seen to send. */
const FIELDS: Readonly<Record<DialectName, string>> = {
  'openai-chat':
    'model messages max_completion_tokens max_tokens temperature top_p stop stream stream_options n ' +
    'tools tool_choice parallel_tool_calls functions function_call response_format reasoning_effort ' +
    'safety_identifier user metadata service_tier prompt_cache_key prompt_cache_options ' +
    'prompt_cache_retention store seed logprobs top_logprobs logit_bias presence_penalty ' +
    'frequency_penalty modalities audio prediction web_search_options verbosity moderation',
  anthropic:
    'model max_tokens messages system temperature top_p top_k stop_sequences stream metadata tools ' +
    'tool_choice thinking output_config output_format service_tier speed cache_control container ' +
    'mcp_servers context_management compaction fallbacks diagnostics inference_geo billing_policy ' +
    'thread fallback_credit_token betas user_profile_id workspace_id',
  'openai-responses':
    'model input instructions max_output_tokens temperature top_p tools tool_choice ' +
    'parallel_tool_calls reasoning text include top_logprobs store stream stream_options ' +
    'previous_response_id conversation prompt background metadata safety_identifier user ' +
    'service_tier prompt_cache_key prompt_cache_options prompt_cache_retention truncation ' +
    'max_tool_calls context_management moderation access_programs image',
}

/** Fields whose members have rows of their own, and which mean nothing by themselves. */
const BY_MEMBERS: ReadonlySet<string> = new Set(['reasoning', 'text', 'include', 'stream_options'])

const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  'openai-chat': openaiChat,
  anthropic,
  'openai-responses': openaiResponses,
}

const SMALLEST: Readonly<Record<DialectName, JsonObject>> = {
  'openai-chat': { model: 'asked', messages: [{ role: 'user', content: 'Hi' }] },
  anthropic: { model: 'asked', max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] },
  'openai-responses': { model: 'asked', input: 'Hi' },
}

const MODELS: Readonly<Record<DialectName, string>> = {
  'openai-chat': 'gpt-4.1',
  anthropic: 'claude-sonnet-4-5',
  'openai-responses': 'gpt-4.1',
}

const PROOFS: Readonly<Record<string, readonly Proof[]>> = {
  'openai-chat → anthropic': CHAT_TO_MESSAGES_PROOFS,
  'openai-chat → openai-responses': CHAT_TO_RESPONSES_PROOFS,
  'anthropic → openai-chat': MESSAGES_TO_CHAT_PROOFS,
  'anthropic → openai-responses': MESSAGES_TO_RESPONSES_PROOFS,
  'openai-responses → openai-chat': RESPONSES_TO_CHAT_PROOFS,
  'openai-responses → anthropic': RESPONSES_TO_MESSAGES_PROOFS,
}

/** Left out because nothing is lost by it here: announced, and let through by a strict model. */
const ANNOUNCED = new Set([
  'messages.reasoning',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'cache_control',
  'prediction',
  'stream_options.include_obfuscation',
])

function isOnlyAnnounced(notes: string, model: string): boolean {
  return notes.split(', ').every((note) => {
    const [field = ''] = note.split(';')
    return ANNOUNCED.has(field) || (field === 'service_tier' && model === 'qwen3:8b')
  })
}

for (const { from, to, rows } of FIDELITY) {
  const pair = `${from} → ${to}`
  const proofs = PROOFS[pair] ?? []
  const send = (proof: Proof, strict: boolean) =>
    cross(
      DIALECTS[from],
      DIALECTS[to],
      { ...SMALLEST[from], ...proof.say },
      {
        model: proof.model ?? MODELS[to],
        strict,
        ...(proof.rules && { rules: proof.rules }),
      },
    )

  test(`${pair}: every field has exactly one row, and every row a proof`, () => {
    const paths = rows.map((row) => row.path)
    assert.equal(new Set(paths).size, paths.length, 'a path stands twice')
    for (const field of FIELDS[from].split(' ')) {
      const count = paths.filter((path) => path === field).length
      const byMembers = paths.some(
        (path) => /^[.[]/.test(path.slice(field.length)) && path.startsWith(field),
      )
      assert.ok(count === 1 || (BY_MEMBERS.has(field) && byMembers), field)
    }
    assert.deepEqual(
      new Set(proofs.map((proof) => proof.path)),
      new Set(paths),
      'rows and proofs name the same paths',
    )
  })

  for (const row of rows) {
    test(`${pair}: ${row.path} is ${row.verdict}`, () => {
      checkVerdict(
        row,
        proofs.filter((proof) => proof.path === row.path),
      )
    })
  }

  for (const [index, proof] of proofs.entries()) {
    test(`${pair}: ${proof.path}, ${JSON.stringify(proof.say)} (${index})`, () => {
      const before = JSON.stringify(proof.say)
      if (proof.refused === true) {
        const error = thrown('untranslatable', () => send(proof, false))
        assert.ok(error.param?.startsWith(proof.path.split(/[.[]/)[0] ?? '?'), error.param)
        thrown('untranslatable', () => send(proof, true))
        return
      }
      const crossing = send(proof, false)
      const notes = proof.notes ?? ''
      assert.equal(crossing.notes, notes)
      for (const [path, value] of Object.entries(proof.to ?? {})) {
        assert.deepEqual(valueAt(crossing, path), value, path)
      }
      for (const [field, value] of Object.entries(proof.kept ?? {})) {
        assert.deepEqual(new Map(Object.entries(crossing.request)).get(field), value, field)
      }
      assert.equal(JSON.stringify(send(proof, false).body), JSON.stringify(crossing.body))
      assert.equal(JSON.stringify(proof.say), before, 'the caller’s body was changed')
      if (notes === '' || isOnlyAnnounced(notes, proof.model ?? '')) {
        assert.deepEqual(send(proof, true).body, crossing.body)
      } else {
        thrown('untranslatable', () => send(proof, true))
      }
    })
  }

  test(`${pair}: what is left out without a word, or as a whole, leaves no trace in the body`, () => {
    const smallest = cross(DIALECTS[from], DIALECTS[to], SMALLEST[from], { model: MODELS[to] }).body
    for (const row of rows) {
      // What stands inside another value is left out of that value, which is then proved apart.
      if (row.verdict !== 'note' || /[.[]/.test(row.path)) continue
      for (const proof of proofs.filter(({ path, to: arrived }) => path === row.path && !arrived)) {
        if (!Object.keys(proof.say).every((field) => field === row.path)) continue
        assert.deepEqual(send(proof, false).body, smallest, row.path)
      }
    }
  })

  test(`${pair}: a field that neither side knows is announced, refused by a strict model, and not sent`, () => {
    const unknown: Proof = { path: 'xyz', say: { xyz: 1 } }
    const crossing = send(unknown, false)
    assert.equal(crossing.notes, 'xyz;dropped')
    assert.equal(JSON.stringify(crossing.body).includes('xyz'), false)
    assert.equal(thrown('untranslatable', () => send(unknown, true)).param, 'xyz')
    assert.equal(send({ path: 'xyz', say: { xyz: null } }, true).notes, '')
  })
}

/** What its proofs show is what a row's verdict says. */
function checkVerdict(row: FidelityRow, proofs: readonly Proof[]): void {
  const announced = proofs.filter(({ notes }) => notes !== undefined && notes !== '')
  const arrived = proofs.filter(({ to }) => to !== undefined)
  const refusals = proofs.filter(({ refused }) => refused === true)
  switch (row.verdict) {
    case 'map':
      assert.ok(arrived.length > 0, 'it arrives')
      assert.equal(announced.length + refusals.length, 0, 'nothing is announced')
      break
    case 'pass':
      assert.ok(arrived.length > 0, 'it arrives')
      assert.equal(announced.length + refusals.length, 0, 'nothing is announced')
      break
    case 'adapt':
      assert.ok(announced.length > 0, 'it is announced')
      break
    case 'note': {
      const name = `${row.path.replaceAll('[]', '')};dropped`
      const always = row.silent?.words === 'always'
      assert.ok(always || announced.some(({ notes }) => notes === name), 'it is announced')
      const quiet = proofs.some(({ notes, refused }) => refused !== true && (notes ?? '') === '')
      assert.ok(row.silent === undefined || quiet || announced.length > 0)
      assert.equal(refusals.length, 0)
      break
    }
    case 'refuse':
      assert.ok(refusals.length > 0, 'it is refused')
      assert.equal(announced.length, 0)
      break
    default:
      row.verdict satisfies never
  }
}

test('a refused field is refused before anything is announced', () => {
  const notes = createNotes(false)
  assert.throws(() => reviewFields({ seed: 1, n: 2 }, 'openai-chat', 'anthropic', notes))
  assert.equal(renderNotes(notes), '')
})

test('a pair without a table is left alone', () => {
  const notes = createNotes(true)
  assert.doesNotThrow(() => reviewFields({ anything: 1 }, 'openai-chat', 'openai-chat', notes))
})

test('each note is said once, in the order it came up', () => {
  const notes = createNotes(false)
  notes.add('seed', 'dropped')
  notes.add('temperature', 'adapted')
  notes.add('seed', 'dropped')
  assert.equal(renderNotes(notes), 'seed;dropped, temperature;adapted')
})

test('a strict model refuses what is lost, and lets through what is only announced', () => {
  const notes = createNotes(true)
  notes.announce('messages.reasoning', 'dropped')
  assert.equal(renderNotes(notes), 'messages.reasoning;dropped')
  assert.equal(thrown('untranslatable', () => notes.add('seed', 'dropped')).param, 'seed')
})

test('any number of unknown fields makes a bounded header of visible ASCII', () => {
  const notes = createNotes(false)
  const body = Object.fromEntries(
    Array.from({ length: 500 }, (_, index) => [`ключ\u0000${index}${'x'.repeat(200)}`, 1]),
  )
  reviewFields(body, 'openai-chat', 'anthropic', notes)
  const header = renderNotes(notes)
  assert.ok(header.length < 4000)
  assert.match(header, /^[\x21-\x7e ]+$/)
})

const DOCUMENT = new URL('docs/fidelity.md', ROOT)

test('docs/fidelity.md is what the ledger says; UPDATE_DOCS=1 writes it', () => {
  const rendered = renderFidelityDocument(FIDELITY)
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, rendered)
  assert.equal(readFileSync(DOCUMENT, 'utf8'), rendered, 'run `npm run docs`')
})

test('the document has one line per row, and every line as many cells', () => {
  const lines = renderFidelityDocument(FIDELITY).split('\n')
  const rows = lines.filter((line) => line.startsWith('| `'))
  const fields = FIDELITY.reduce((sum, table) => sum + table.rows.length, 0)
  // The verdicts are explained in a table of their own.
  assert.equal(rows.length, fields)
  for (const line of rows) assert.equal(line.split('|').length, 6, line)
})
