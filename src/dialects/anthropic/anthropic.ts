import { ProxyError } from '../../errors/proxy-error.ts'
import type { Dialect } from '../dialect.ts'
import { decodeError } from './error.ts'
import { decodeReply, readReply } from './reply.ts'
import { encodeRequest, PATH } from './request.ts'
import { createStreamDecoder } from './stream-decoder.ts'
import { createStreamTap } from './tap.ts'

/** Anthropic callers are relayed to Anthropic targets only, so far. */
function callerNotTranslated(): never {
  throw new ProxyError(
    'untranslatable',
    'A Messages request can only be answered by a model of an Anthropic provider.',
    { param: 'model' },
  )
}

/** Anthropic Messages: https://docs.anthropic.com/en/api/messages */
export const anthropic: Dialect = {
  name: 'anthropic',
  path: PATH,
  decodeRequest: callerNotTranslated,
  encodeReply: callerNotTranslated,
  createStreamEncoder: callerNotTranslated,
  encodeRequest,
  decodeReply,
  createStreamDecoder,
  decodeError,
  readReply,
  createStreamTap,
}
