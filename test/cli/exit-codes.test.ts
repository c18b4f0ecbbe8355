import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EXIT_CODES, exitCodeOf } from '../../src/cli/exit-codes.ts'
import { reportError } from '../../src/cli/report-error.ts'
import { createPaint } from '../../src/cli/paint.ts'
import { ERRORS } from '../../src/errors/catalog.ts'
import type { ErrorCode } from '../../src/errors/catalog.ts'
import { TOPICS } from '../../src/cli/help.ts'
import { renderTopicPage } from '../../src/cli/topics.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'

const PLAIN = createPaint({ flag: 'never', env: {}, isTTY: false })
const CODES = Object.keys(ERRORS).filter((code): code is ErrorCode => code in ERRORS)

test('the exit codes of the contract: misuse 2, config 3, keys and access 4, targets 5', () => {
  const expected: ReadonlyArray<readonly [ErrorCode, number]> = [
    ['internal', 1],
    ['usage_log_unavailable', 1],
    ['usage_wrong', 2],
    ['user_unknown', 2],
    ['model_not_found', 2],
    ['config_missing', 3],
    ['config_invalid', 3],
    ['port_in_use', 3],
    ['key_invalid', 4],
    ['upstream_credential', 4],
    ['not_allowed', 4],
    ['rate_limited', 4],
    ['budget_exceeded', 4],
    ['upstream_error', 5],
    ['upstream_unreachable', 5],
    ['upstream_truncated', 5],
    ['upstream_timeout', 5],
  ]
  for (const [code, exit] of expected) assert.equal(exitCodeOf(code), exit, code)
})

test('every error of the catalogue ends in a documented exit code, never 0', () => {
  const documented = new Set<number>(EXIT_CODES.map(([code]) => code))
  for (const code of CODES) {
    assert.ok(documented.has(exitCodeOf(code)), code)
    assert.notEqual(exitCodeOf(code), 0, code)
  }
})

test('the help page names every exit code', () => {
  const page = renderTopicPage('exit-codes', undefined)
  for (const [code, meaning] of EXIT_CODES) assert.ok(page.includes(`${code}`.padEnd(5) + meaning))
})

test('the help pages wrap on a narrow terminal, and carry no escape', () => {
  for (const columns of [40, 50, 60, 80, 120]) {
    for (const page of TOPICS.map((topic) => renderTopicPage(topic, columns))) {
      assert.ok(!page.includes('\u001b'))
      // Commands and files to copy stay whole; everything else gives way.
      const lines = page.split('\n').filter((line) => !/^ {2}( |aiproxy |\S+:$)/.test(line))
      const longest = Math.max(...lines.map((line) => line.length))
      if (page.startsWith('Exit')) assert.ok(longest <= columns, `${longest} in ${columns}`)
      else if (columns >= 80) assert.ok(longest <= columns, `${longest} in ${columns}: ${page}`)
    }
  }
})

test('an error is one line, its reasons, and one next step', () => {
  const error = new ProxyError('not_allowed', 'user-b may not use gpt-6\n  allowed: gpt-5', {
    hint: 'aiproxy users allow user-b gpt-6',
  })
  const report = reportError(error, { json: false, verbose: 0, paint: PLAIN })
  assert.equal(
    report.text,
    'error: user-b may not use gpt-6\n  allowed: gpt-5\n  → aiproxy users allow user-b gpt-6\n',
  )
  assert.equal(report.exitCode, 4)
})

test("a provider's message stays on one line and loses its control characters", () => {
  const message = 'busy\n  → rm -rf ~\u001b[2J\u202e\r'
  const error = new ProxyError('upstream_error', message, {
    upstream: {
      status: 503,
      kind: 'server',
      message,
      type: undefined,
      code: undefined,
      param: undefined,
    },
  })
  const { text } = reportError(error, { json: false, verbose: 0, paint: PLAIN })
  assert.equal(text.split('\n').length, 2, 'one line and its end')
  assert.doesNotMatch(text.trimEnd(), /[\p{Cc}\p{Cf}]/u)
})

test('errors as JSON are one object with code, message, details, hint and exit code', () => {
  for (const code of CODES) {
    const error = new ProxyError(code, `${code} happened\n  because: \u009b31m`, {
      hint: 'do this',
    })
    const { text } = reportError(error, { json: true, verbose: 2, paint: PLAIN })
    assert.equal(text.indexOf('\n'), text.length - 1)
    assert.doesNotMatch(text, /[\u007f-\u009f]/)
    assert.deepEqual(JSON.parse(text), {
      error: {
        code,
        message: `${code} happened`,
        details: ['because: \u009b31m'],
        hint: 'do this',
      },
      exitCode: exitCodeOf(code),
    })
  }
})

test('an unexpected error says in one line what it was, and its stack only with -vv', () => {
  const thrown = new TypeError('x is not a function\nsecond line')
  const short = reportError(thrown, { json: false, verbose: 1, paint: PLAIN })
  assert.match(
    short.text,
    /^error: something went wrong inside aiproxy: x is not a function\n {2}→ /,
  )
  assert.equal(short.text.includes(' at '), false)
  assert.equal(short.exitCode, 1)
  const long = reportError(thrown, { json: false, verbose: 2, paint: PLAIN })
  assert.match(long.text, /cause: TypeError: x is not a function[\s\S]* at /)
})
