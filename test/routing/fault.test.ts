import assert from 'node:assert/strict'
import test from 'node:test'
import type { ErrorCode, ErrorKind } from '../../src/errors/catalog.ts'
import { ProxyError } from '../../src/errors/proxy-error.ts'
import { classifyFault } from '../../src/routing/fault.ts'

const upstream: ReadonlyArray<[number, ErrorKind, string]> = [
  [429, 'rate-limit', 'rate'],
  [503, 'overloaded', 'overload'],
  [529, 'overloaded', 'overload'],
  [503, 'server', 'overload'],
  [500, 'server', 'server'],
  [502, 'server', 'server'],
  [401, 'authentication', 'credential'],
  [403, 'permission', 'credential'],
  [402, 'billing', 'billing'],
  [429, 'billing', 'billing'],
  [404, 'model-not-found', 'model'],
  [404, 'not-found', 'model'],
  [400, 'context', 'context'],
  [400, 'invalid-request', 'request'],
  [413, 'too-large', 'request'],
  [422, 'invalid-request', 'request'],
  [409, 'conflict', 'request'],
  [408, 'timeout', 'timeout'],
  [504, 'timeout', 'server'],
]
for (const [status, kind, fault] of upstream) {
  test(`an upstream ${status} of kind ${kind} is a ${fault} fault`, () => {
    const error = new ProxyError('upstream_error', 'x', {
      upstream: { status, kind, message: 'x', type: undefined, code: undefined, param: undefined },
    })
    assert.equal(classifyFault(error), fault)
  })
}

const own: ReadonlyArray<[ErrorCode, string]> = [
  ['upstream_unreachable', 'transport'],
  ['upstream_timeout', 'timeout'],
  ['upstream_credential', 'credential'],
  ['upstream_protocol', 'server'],
  ['upstream_truncated', 'transport'],
  ['untranslatable', 'request'],
  ['request_invalid', 'request'],
]
for (const [code, fault] of own) {
  test(`our own ${code} is a ${fault} fault`, () => {
    assert.equal(classifyFault(new ProxyError(code, 'x')), fault)
  })
}
